"""The page of one inquiry, as several views answer with it."""

from typing import Any
from urllib.parse import urlsplit

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render

from inquiries import answers, attachments, classifying, conversation, masking, senders, signing_off, standing
from inquiries.due_times import shown
from inquiries.models import Draft, Inquiry
from inquiries.views.frame import frame
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.shop.calendar import business_calendar
from shopdesk.statements import HIGHEST_KEY, statement


def inquiry_for(request: StaffRequest, pk: int) -> Inquiry:
    """The inquiry, if this person may see it; else 404, as if it did not exist."""
    user, pk = request.user, min(pk, HIGHEST_KEY)
    for inquiry in _visible(user.codes, pk=pk, **masking.named(user)):
        return inquiry
    raise Http404


@statement(keep=30)
def _visible(codes: frozenset[str], *, pk: int, user: int = 0) -> QuerySet[Inquiry]:
    reader = User.anybody(user, codes)
    rows = Inquiry.objects.visible_to(reader).filter(pk=pk)
    if not masking.sees_contacts(reader):
        rows = masking.with_facts(rows)
    return rows.select_related(
        "customer", "category", "assignee", "order", "store", "product", "label", "cause__parent", "snoozed_by"
    ).defer("order__raw")


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
    check: standing.Check | None = None,
    needs_approval: bool = False,
    send_at: str = "",
    decision: dict[str, Any] | None = None,
    closing: bool = False,
) -> HttpResponse:
    """Draw the page. ``body``, ``note`` and ``send_at`` are what was typed, when a post was refused; ``problem`` and
    ``check`` say why. ``decision`` is what an approver had typed. ``closing`` asks for what is missing to close."""
    user, now = request.user, clock.now()
    masking.cover([inquiry], user)
    everything = masking.sees_contacts(user)
    beside = conversation.beside(inquiry, reader=user)
    draft, others = conversation.drafts_of(inquiry, user) if beside.has_drafts else (None, [])
    if not everything:
        for theirs in others:
            theirs.body = masking.text(theirs.body, inquiry)
        if draft:  # taken over from a colleague, or given back with an approver's words in it
            draft.body = masking.known(draft.body, inquiry)
    thread = conversation.thread(
        inquiry, reader=user, beside=beside, seen=seen if stale else None, everything="all" in request.GET
    )
    prepared = standing.prepared(inquiry, reader=user) if beside.has_prepared else []
    context: dict[str, Any] = {
        "inquiry": inquiry,
        "thread": thread,
        "due": shown(inquiry.reply_due_at, now=now, calendar=business_calendar()) if inquiry.reply_due_at else None,
        "drafts": others,
        "files": beside.files,
        "tags": beside.tags,
        "accept": attachments.ACCEPT,
        "problem": problem,
        "check": check,
        "needs_approval": needs_approval,
        "send_at": send_at,
        # Which of the ways to send was pressed when the check stopped it.
        "asked_action": request.POST.get("action", ""),
        "asked_then": request.POST.get("then", "")[:20],
        **_ways(request),
        **_senders(request, inquiry, draft),
        "decision": decision or {},
        **({"typed": request.POST, **classifying.closing(inquiry)} if closing else {}),
        "prepared": prepared,
        "deciding": any(one.may_decide for one in prepared),
        "held": standing.held([one.message for one in thread.entries if one.message], reader=user, now=now),
        "stale": stale,
        "note": note,
        "email": inquiry.email if everything else masking.address(inquiry.email),
        "may_reply": user.has_perm(P.INQUIRIES_REPLY),
        "may_draft": user.has_perm(P.INQUIRIES_DRAFT),
        "may_copy": everything,
        "may_triage": user.has_perm(P.INQUIRIES_TRIAGE),
        "may_see_mail": user.has_perm(P.MAIL_VIEW),
        "stopped": beside.stopped,
        **frame(request),
        **_composer(user, inquiry, draft, body),
        **_copies(request, draft, thread.copied if everything else []),
    }
    htmx = request.htmx  # type: ignore[attr-defined]  # its middleware's
    # Going back in the browser's history asks for a page.
    alone = htmx.target == "conversation" and not htmx.history_restore_request
    template = "inquiries/_conversation_alone.html" if alone else "inquiries/detail.html"
    response = render(request, template, context, status=status)
    if alone and not request.GET and urlsplit(htmx.current_url or "").path == request.path:
        # After an act its inquiry is drawn again: no step in the browser's history, and the address keeps the list.
        response["HX-Push-Url"] = "false"
    return response


def thread_alone(request: StaffRequest, inquiry: Inquiry) -> HttpResponse:
    """What was said, without what stands around it."""
    user = request.user
    beside = conversation.beside(inquiry, reader=user)
    said = conversation.thread(inquiry, reader=user, beside=beside, everything="all" in request.GET)
    context = {"inquiry": inquiry, "thread": said, "may_see_mail": user.has_perm(P.MAIL_VIEW)}
    return render(request, "inquiries/_thread.html", context)


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


def _contacts(inquiry: Inquiry, *, masked: bool) -> dict[str, str]:
    email, phone = inquiry.email, inquiry.phone or inquiry.customer.phone
    if masked:
        return {"email": masking.address(email), "phone": masking.phone(phone)}
    return {"email": email, "phone": phone}


def _copies(request: StaffRequest, draft: Draft | None, everyone: list[str]) -> dict[str, Any]:
    """What stands in the fields for copies: what was typed, the draft's, and with ``?to=all`` who else got the mail.

    ``everyone`` holds those whom a reply to all would add.
    """
    kept = draft or Draft()
    if request.method == "POST" and "body" in request.POST:
        words = {name: request.POST.get(name, "")[:3000] for name in ("cc", "bcc")}
        return {**words, "everyone": [one for one in everyone if one not in words["cc"]]}
    cc = [*dict.fromkeys([*kept.cc, *everyone])] if request.GET.get("to") == "all" else kept.cc
    known = {*cc, *kept.bcc}
    return {
        "cc": ", ".join(cc),
        "bcc": ", ".join(kept.bcc),
        "everyone": [one for one in everyone if one not in known],
    }


def _ways(request: StaffRequest) -> dict[str, Any]:
    """What was chosen among the ways to send. The labels are there when one was chosen, and for ``?ways=all``, which is
    how the menu is opened without a script."""
    after = (request.POST.get("then") or request.POST.get("after", ""))[:20]
    asked = "ways" in request.GET
    labels = {"labels": answers.labels()} if asked or after.startswith("label:") else {}
    return {"after": after, "ways_open": asked, **labels}


def _senders(request: StaffRequest, inquiry: Inquiry, draft: Draft | None) -> dict[str, Any]:
    """From where the reply leaves; all choices only when they are asked for, when one was refused, or when the one that
    the customer wrote to sends nothing now."""
    kept, posted, asked = draft.sender if draft else "", request.POST.get("sender", ""), "ways" in request.GET
    now = senders.among(inquiry, kept) if posted or asked else senders.now(inquiry, kept)
    if not now.silent and not asked and posted in {"", now.usual}:
        return {"sender": now.usual}
    sender = posted if posted in now.every else now.usual
    return {"sender": sender, "senders": now.every, "silent": now.silent}


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
