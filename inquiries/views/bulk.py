"""Work in bulk: what to do with the marked rows, how many it hits, and how far it has come."""

import contextlib
import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe
from kombu.exceptions import OperationalError

from inquiries import acts, bulk, classifying, listing, macros, tasks
from inquiries.listpage import ListPage
from inquiries.models import BulkRun, Inquiry, StatusLabel, Tag
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P

KINDS = {
    "status": gettext_lazy("Change the status"),
    "assign": gettext_lazy("Assign"),
    "tag": gettext_lazy("Add a tag"),
    "untag": gettext_lazy("Remove a tag"),
    "macro": gettext_lazy("Run a macro"),
    "spam": gettext_lazy("Mark as spam"),
}
# More are not tried out beforehand: the page is to come at once.
_TRIED = 100
_SHOWN = 20


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def choose(request: StaffRequest) -> HttpResponse:
    """Say what is to be done with the marked rows, and read how many it would hit. Nothing is done yet."""
    kind = request.POST.get("kind", "")
    ids = _ids(request)
    if kind not in KINDS or not ids:
        messages.warning(request, _("Please mark some inquiries first."))
        return redirect(f"{reverse('desk-inquiries:list')}?{_query(request).urlencode()}")
    return _page(request, kind, ids)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def start(request: StaffRequest) -> HttpResponse:
    """Begin. The same form sent twice is one run."""
    kind, ids = request.POST.get("kind", ""), _ids(request)
    if kind not in KINDS:
        return redirect("desk-inquiries:list")
    wanted = _acts(request, kind)
    if request.htmx and "try" in request.POST:  # type: ignore[attr-defined]  # its middleware's
        return render(request, "inquiries/_bulk_tried.html", {"tried": _tried(request, ids, wanted)})
    if "try" in request.POST:
        return _page(request, kind, ids)
    try:
        token = uuid.UUID(request.POST.get("form_token", ""))
        run = bulk.start(ids=ids, acts=wanted, by=request.user, now=clock.now(), form_token=token)
    except ValueError:
        return _page(request, kind, ids, status=422, problem=_("Please try again."))
    except acts.BadActs as error:
        return _page(request, kind, ids, status=422, problem=" ".join(error.problems) or _("Please choose."))
    except bulk.NothingChosen:
        return _page(request, kind, ids, status=422, problem=_("None of these inquiries is there any more."))
    except bulk.TooMany:
        return _page(request, kind, ids, status=422, problem=_too_many())
    transaction.on_commit(_ring)
    return redirect("desk-inquiries:bulk-run", pk=run.pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_safe
def run(request: StaffRequest, pk: int) -> HttpResponse:
    """How far a run has come and what could not be done; alone for htmx, which asks each second."""
    row = get_object_or_404(BulkRun, pk=pk, by=request.user)
    refused = row.refused[:_SHOWN]
    visible = Inquiry.objects.visible_to(request.user)
    there = set(visible.filter(pk__in=[one["id"] for one in refused]).values_list("pk", flat=True))
    context = {
        "run": row,
        "total": len(row.ids),
        "acts": acts.describe(row.acts),
        "refused": [
            {"id": one["id"], "number": one["number"], "why": _why(one["why"]), "there": one["id"] in there}
            for one in refused
        ],
        "more_refused": len(row.refused) - len(refused),
        "refused_count": len(row.refused),
        "may_take_back": bulk.may_take_back(row, request.user),
        "nav_active": "inquiries",
    }
    alone = request.htmx  # type: ignore[attr-defined]  # its middleware's
    return render(request, "inquiries/_bulk_run.html" if alone else "inquiries/bulk_run.html", context)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def take_back(request: StaffRequest, pk: int) -> HttpResponse:
    """Take a whole run back, where nobody changed the rows since."""
    row = get_object_or_404(BulkRun, pk=pk, by=request.user)
    try:
        restored, left = bulk.take_back(row, by=request.user, now=clock.now())
    except bulk.CannotTakeBack:
        messages.warning(request, _("This cannot be taken back (any more)."))
    else:
        words = {"restored": restored, "left": left}
        messages.success(request, _("Taken back: %(restored)s. Changed since and left alone: %(left)s.") % words)
    return redirect("desk-inquiries:bulk-run", pk=pk)


def _page(request: StaffRequest, kind: str, ids: list[int], *, status: int = 200, problem: str = "") -> HttpResponse:
    value = request.POST.get("value", "")
    visible = list(Inquiry.objects.visible_to(request.user).filter(pk__in=ids).values_list("pk", flat=True))
    wanted = _acts(request, kind)
    context: dict[str, Any] = {
        "kind": kind,
        "title": KINDS[kind],
        "count": len(visible),
        "ids": ",".join(str(pk) for pk in ids if pk in set(visible)),
        "query": _query(request).urlencode(),
        "choices": _choices(request, kind),
        "value": value,
        "cause": request.POST.get("cause", ""),
        "form_token": uuid.uuid4(),
        "problem": problem or (_too_many() if len(ids) > bulk.MOST else ""),
        "tried": _tried(request, visible, wanted) if wanted else None,
        "nav_active": "inquiries",
    }
    if kind == "status":
        context["cause_groups"] = classifying.cause_groups()
    return render(request, "inquiries/bulk.html", context, status=status)


def _choices(request: StaffRequest, kind: str) -> list[tuple[str, str]]:
    """(value, name) of what can be chosen for a kind; empty for spam."""
    match kind:
        case "status":
            return acts.choices("label", request.user)
        case "assign":
            return acts.choices("person", request.user)
        case "tag" | "untag":
            return [(str(tag.pk), tag.name) for tag in Tag.objects.filter(is_active=True)]
        case "macro":
            return [(str(macro.pk), str(macro)) for macro in macros.offered_to(request.user)]
    return []


def _acts(request: StaffRequest, kind: str) -> list[dict[str, Any]]:
    """What was chosen, as acts; empty while nothing is."""
    value = request.POST.get("value", "")
    number = int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else 0
    match kind:
        case "spam":
            return [{"do": "spam"}]
        case "assign":
            return [{"do": "assign", "to": number or value}] if value else []
        case "tag" | "untag":
            return [{"do": kind, "tag": number}] if number else []
        case "macro":
            macro = macros.offered_to(request.user).filter(pk=number).first()
            return macro.acts if macro else []
        case "status" if number:
            first = [{"do": "cause", "cause": cause.pk}] if (cause := _cause(request, number)) else []
            return [*first, {"do": "status", "label": number}]
    return []


def _cause(request: StaffRequest, label: int) -> Any:
    """The cause that goes with closing."""
    cause = classifying.cause_of(request.POST.get("cause", ""))
    closes = StatusLabel.objects.filter(pk=label, status=Inquiry.Status.SOLVED).exists()
    return cause if closes else None


def _tried(request: StaffRequest, ids: list[int], wanted: list[dict[str, Any]]) -> dict[str, Any] | None:
    """For how many of the first inquiries the acts could be done, and why not for the others."""
    rows = Inquiry.objects.visible_to(request.user).filter(pk__in=ids[:_TRIED]).select_related("store", "customer")
    try:
        acts.check(wanted, user=request.user)
        possible, refused = acts.foreseen(rows, wanted, by=request.user, now=clock.now())
    except acts.BadActs:
        return None
    return {
        "possible": possible,
        "tried": possible + len(refused),
        "all": len(ids) <= _TRIED,
        "refused": [{"inquiry": inquiry, "why": _why(code)} for inquiry, code in refused[:_SHOWN]],
        "acts": acts.describe(wanted),
    }


def _ids(request: StaffRequest) -> list[int]:
    """The marked rows; with ``all`` every row of the list in which they were marked, one more than allowed at most."""
    if request.POST.get("all") == "1" and not _query(request).get("q"):
        page = ListPage(request.user, _query(request), clock.now())
        return list(listing.ordered(page.rows, page.order).values_list("pk", flat=True)[: bulk.MOST + 1])
    keys = [key for text in request.POST.getlist("ids") for key in text.split(",")]
    found = [int(key) for key in keys if key.isascii() and key.isdecimal() and len(key) < 19]
    return list(dict.fromkeys(found))[: bulk.MOST + 1]


def _query(request: StaffRequest) -> QueryDict:
    """The address of the list in which rows were marked."""
    return QueryDict(request.POST.get("query", "")[:1000].replace("\x00", ""))


def _ring() -> None:
    """Begin at once where a worker can be reached; else the next ring of the schedule does."""
    with contextlib.suppress(OperationalError):
        tasks.sweep_bulk.delay()


def _why(code: str) -> str:
    return _("somebody is working on it at this moment") if code == "locked" else acts.reason(code)


def _too_many() -> str:
    return _("At most %(most)s inquiries at once.") % {"most": bulk.MOST}
