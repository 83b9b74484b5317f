"""The menus of the line above a conversation: fetched when they are opened, and pages of their own without a script."""

from datetime import datetime
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from inquiries import classifying, masking, moments, tagging, triage
from inquiries.forms import assignable
from inquiries.models import Category, Inquiry, Merge, StatusLabel, Tag
from inquiries.numbering import normalise as normalise_number
from inquiries.views.showing import inquiry_for
from inquiries.waiting import Reason
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.text import one_line

_CANDIDATES = 8
TITLES = {
    "status": gettext_lazy("Change the status"),
    "assign": gettext_lazy("Assign"),
    "tags": gettext_lazy("Tags"),
    "classify": gettext_lazy("Classify"),
    "snooze": gettext_lazy("Put on hold"),
    "more": gettext_lazy("More"),
    "merge": gettext_lazy("Merge"),
}


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_safe
def menu(request: StaffRequest, pk: int, kind: str) -> HttpResponse:
    """One menu of an inquiry: alone for htmx, else as a page."""
    if kind not in TITLES:
        raise Http404
    return answer(request, inquiry_for(request, pk), kind)


def answer(
    request: StaffRequest, inquiry: Inquiry, kind: str, *, status: int = 200, problem: str = "", **typed: Any
) -> HttpResponse:
    """Draw a menu; ``problem`` says why a post was refused, ``typed`` is what was typed in it."""
    masking.cover([inquiry], request.user)
    alone = bool(request.htmx)  # type: ignore[attr-defined]  # its middleware's
    context = {
        "inquiry": inquiry,
        "kind": kind,
        "title": TITLES[kind],
        "menu_template": f"inquiries/_menu_{kind}.html",
        "in_place": alone,
        "problem": problem,
        "typed": typed,
        "nav_active": "inquiries",
        **_WORDS[kind](request, inquiry, clock.now()),
    }
    response = render(request, context["menu_template"] if alone else "inquiries/menu.html", context, status=status)
    if alone and status == 422:  # the form aims at the conversation; what is wrong with it is said in its own place
        response["HX-Retarget"], response["HX-Reswap"] = f"#menu-{kind}", "outerHTML"
        response["HX-Push-Url"] = "false"  # the address of the post is nobody's to come back to
    return response


def _status(request: StaffRequest, inquiry: Inquiry, now: datetime) -> dict[str, Any]:
    labels: dict[str, list[StatusLabel]] = {}
    for label in StatusLabel.objects.filter(is_active=True):
        labels.setdefault(label.status, []).append(label)
    steps = [
        (code, name, labels.get(code, []))
        for code, name in Inquiry.Status.choices
        if code in triage.CHOOSABLE and code != Inquiry.Status.HOLD
    ]
    return {"steps": steps, **classifying.closing(inquiry)}


def _assign(request: StaffRequest, inquiry: Inquiry, now: datetime) -> dict[str, Any]:
    people = [person for person in assignable() if person.pk != request.user.pk]
    return {"people": people, "may_take": request.user.has_perm(P.INQUIRIES_VIEW)}


def _tags(request: StaffRequest, inquiry: Inquiry, now: datetime) -> dict[str, Any]:
    own = set(inquiry.tags.values_list("pk", flat=True))
    rows = [tag for tag in Tag.objects.all() if tag.is_active or tag.pk in own]
    return {"tags": [(tag, tag.pk in own) for tag in rows], "longest": tagging.MAX_LENGTH}


def _classify(request: StaffRequest, inquiry: Inquiry, now: datetime) -> dict[str, Any]:
    categories = [row for row in Category.objects.all() if row.is_active or row == inquiry.category]
    return {
        "categories": categories,
        "priorities": Category.Priority.choices,
        "moods": Inquiry.Mood.choices,
        "products": classifying.products_for(inquiry),
        **classifying.causes(inquiry),
    }


def _snooze(request: StaffRequest, inquiry: Inquiry, now: datetime) -> dict[str, Any]:
    return {"choices": moments.choices(now), "reasons": Reason.choices}


def _more(request: StaffRequest, inquiry: Inquiry, now: datetime) -> dict[str, Any]:
    rows = Merge.objects.filter(target=inquiry, undone_at=None).select_related("source").order_by("pk")
    merges = list(rows.filter(source__in=Inquiry.objects.visible_to(request.user)))
    masking.cover([merge.source for merge in merges], request.user)
    return {"merges": merges}


def _merge(request: StaffRequest, inquiry: Inquiry, now: datetime) -> dict[str, Any]:
    asked = one_line(request.GET.get("q", ""))[:30]
    return {"q": asked, "candidates": _candidates(request.user, inquiry, asked)}


def _candidates(user: User, inquiry: Inquiry, number: str) -> list[dict[str, Any]]:
    """Into what an inquiry may be merged: the customer's open ones first, or the one of that number."""
    rows = Inquiry.objects.visible_to(user).exclude(status__in=[Inquiry.Status.MERGED, Inquiry.Status.SPAM])
    rows = rows.exclude(pk=inquiry.pk).select_related("label", "customer", "category")
    if number:
        found = list(rows.filter(number=normalise_number(number)))
    else:
        own = rows.filter(customer=inquiry.customer_id)
        found = [*own.unsolved().order_by("-last_activity_at", "-pk")[:_CANDIDATES]]
        found += own.exclude(status__in=Inquiry.UNSOLVED).order_by("-last_activity_at", "-pk")[:_CANDIDATES]
    masking.cover(found, user)
    everything = masking.sees_contacts(user)
    return [
        {
            "inquiry": one,
            "is_other": one.customer_id != inquiry.customer_id,
            "email": one.email if everything else masking.address(one.email),
            "own_email": inquiry.email if everything else masking.address(inquiry.email),
        }
        for one in found[:_CANDIDATES]
    ]


_WORDS = {
    "status": _status,
    "assign": _assign,
    "tags": _tags,
    "classify": _classify,
    "snooze": _snooze,
    "more": _more,
    "merge": _merge,
}


def missing_words(missing: list[str]) -> str:
    """What is needed to close, in one sentence."""
    words = {"cause": _("the cause"), "product": _("the product")}
    return _("To close this, please choose %(what)s.") % {"what": _(" and ").join(words[one] for one in missing)}
