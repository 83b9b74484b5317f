"""The page of one inquiry, as several views answer with it."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from inquiries import conversation, masking, signing_off
from inquiries.due_times import shown
from inquiries.forms import AssignForm, assignable
from inquiries.models import Category, Draft, Inquiry
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.mail import suppressions
from shopdesk.mail.models import MailClass, Suppression
from shopdesk.shop.calendar import business_calendar


def inquiry_for(request: StaffRequest, pk: int) -> Inquiry:
    """The inquiry, if this person may see it; else 404, as if it did not exist."""
    rows = Inquiry.objects.visible_to(request.user)
    return get_object_or_404(
        rows.select_related("customer", "category", "assignee", "order", "store", "product"), pk=pk
    )


def page(
    request: StaffRequest,
    inquiry: Inquiry,
    *,
    status: int = 200,
    body: str | None = None,
    note: str = "",
    problem: str = "",
    stale: bool = False,
    seen: int | None = None,
) -> HttpResponse:
    """Draw the page. ``body`` and ``note`` are what was typed, when a post was refused; ``problem`` says why."""
    user, now = request.user, clock.now()
    masking.cover([inquiry], user)
    draft, others = conversation.drafts_of(inquiry, user)
    if not masking.sees_contacts(user):
        for theirs in others:
            theirs.body = masking.text(theirs.body, inquiry)
    thread = conversation.entries(inquiry, reader=user, seen=seen if stale else None)
    context: dict[str, Any] = {
        "inquiry": inquiry,
        "entries": thread,
        "newest": max((entry.message.pk for entry in thread if entry.message), default=0),
        "due": shown(inquiry.reply_due_at, now=now, calendar=business_calendar()) if inquiry.reply_due_at else None,
        "drafts": others,
        "problem": problem,
        "stale": stale,
        "note": note,
        "may_reply": user.has_perm(P.INQUIRIES_REPLY),
        "may_draft": user.has_perm(P.INQUIRIES_DRAFT),
        "may_triage": user.has_perm(P.INQUIRIES_TRIAGE),
        "may_see_mail": user.has_perm(P.MAIL_VIEW),
        "stopped": _stopped(inquiry.email),
        "nav_active": "inquiries",
        **_composer(user, inquiry, draft, body),
    }
    if context["may_triage"]:
        context["assign_form"] = AssignForm(people=assignable(), initial={"assignee": inquiry.assignee_id})
        context["categories"] = Category.objects.filter(is_active=True)
    alone = request.htmx and request.htmx.target == "conversation"  # type: ignore[attr-defined]  # its middleware's
    return render(request, "inquiries/_conversation.html" if alone else "inquiries/detail.html", context, status=status)


def side_column(request: StaffRequest, inquiry: Inquiry) -> HttpResponse:
    """The customer, the orders and what other rooms know; asked for when the conversation already stands."""
    user = request.user
    masking.cover([inquiry], user)
    context = {
        "inquiry": inquiry,
        "orders": conversation.orders_of(inquiry, user),
        "number_of_another": conversation.number_of_another(inquiry),
        "may_see_orders": user.has_perm(P.ORDERS_VIEW),
        **_contacts(inquiry, masked=not masking.sees_contacts(user)),
    }
    return render(request, "inquiries/_panels.html", context)


def _stopped(address: str) -> str:
    """Why a reply to this address would not be sent, in words; "" when it would."""
    reason = suppressions.blocked(address, MailClass.TRANSACTIONAL) if address else ""
    return str(dict(Suppression.Reason.choices).get(reason, "")) if reason else ""


def _contacts(inquiry: Inquiry, *, masked: bool) -> dict[str, str]:
    email, phone = inquiry.email, inquiry.phone or inquiry.customer.phone
    if masked:
        return {"email": masking.address(email), "phone": masking.phone(phone)}
    return {"email": email, "phone": phone}


def _composer(user: User, inquiry: Inquiry, draft: Draft | None, body: str | None) -> dict[str, Any]:
    """What the reply box begins with: what was typed, the draft, or the opening lines."""
    words: dict[str, Any] = {"draft": draft, "signature": "", "signature_problem": ""}
    try:
        words["signature"] = signing_off.signature(inquiry.store, by=user, language=inquiry.language)
        opening = signing_off.opening(inquiry.store, by=user, language=inquiry.language, customer_name=inquiry.name)
    except signing_off.SignatureBroken as error:
        words["signature_problem"] = error.detail
        opening = ""
    words["body"] = body if body is not None else draft.body if draft else opening
    words["opening"] = opening
    return words
