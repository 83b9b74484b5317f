"""Work in bulk: what to do with the marked rows, how many it hits, and how far it has come."""

import contextlib
import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import F, Func, IntegerField, QuerySet
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
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P

KINDS = {
    "status": gettext_lazy("Change the status"),
    "assign": gettext_lazy("Assign"),
    "tag": gettext_lazy("Add a tag"),
    "untag": gettext_lazy("Remove a tag"),
    "macro": gettext_lazy("Run a macro"),
    "spam": gettext_lazy("Mark as spam"),
}
_SHOWN = 40
_RUNS = 50
# {id: version that the list showed}; None for a row of "all of this list" that was not on the page.
_Marked = dict[int, int | None]


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def choose(request: StaffRequest) -> HttpResponse:
    """Say what is to be done with the marked rows, and read how many it would hit. Nothing is done yet."""
    kind = request.POST.get("kind", "")
    marked = _marked(request)
    if kind not in KINDS or not marked:
        messages.warning(request, _("Please mark some inquiries first."))
        return redirect(f"{reverse('desk-inquiries:list')}?{_query(request).urlencode()}")
    return _page(request, kind, marked)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def start(request: StaffRequest) -> HttpResponse:
    """Begin. The same form sent twice is one run."""
    kind, marked = request.POST.get("kind", ""), _marked(request)
    if kind not in KINDS:
        return redirect("desk-inquiries:list")
    wanted = _acts(request, kind)
    if request.htmx and "try" in request.POST:  # type: ignore[attr-defined]  # its middleware's
        return render(request, "inquiries/_bulk_tried.html", {"tried": _tried(request, marked, wanted)})
    if "try" in request.POST:
        return _page(request, kind, marked)
    try:
        token = uuid.UUID(request.POST.get("form_token", ""))
        run = bulk.start(
            ids=marked, acts=wanted, by=request.user, now=clock.now(), form_token=token, seen=_seen(marked)
        )
    except ValueError:
        return _page(request, kind, marked, status=422, problem=_("Please try again."))
    except acts.BadActs as error:
        return _page(request, kind, marked, status=422, problem=" ".join(error.problems) or _("Please choose."))
    except bulk.NothingChosen:
        return _page(request, kind, marked, status=422, problem=_("None of these inquiries is there any more."))
    except bulk.TooMany:
        return _page(request, kind, marked, status=422, problem=_too_many())
    transaction.on_commit(_ring)
    return redirect("desk-inquiries:bulk-run", pk=run.pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_safe
def runs(request: StaffRequest) -> HttpResponse:
    """What this person has had done in bulk: the way back to a result, and to taking it back."""
    skipped = Func(F("refused"), function="jsonb_array_length", output_field=IntegerField())
    found = _runs(request).defer("ids", "seen", "before", "refused", "left").annotate(skipped=skipped)
    rows = [{"run": row, "acts": row.acts} for row in found.order_by("-pk")[:_RUNS]]
    for row, words in zip(rows, acts.describe_each(row["acts"] for row in rows), strict=True):
        row["acts"] = words
    return render(request, "inquiries/bulk_runs.html", {"rows": rows, "nav_active": "inquiries"})


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_safe
def run(request: StaffRequest, pk: int) -> HttpResponse:
    """How far a run has come and what could not be done; alone for htmx, which asks each second."""
    row = get_object_or_404(_runs(request), pk=pk)
    context = {
        "run": row,
        "acts": acts.describe(row.acts),
        "not_done": _by_reason(row.refused, request.user),
        "not_back": _by_reason(row.left, request.user),
        "is_busy": row.state != BulkRun.State.DONE,
        "goes_back": row.state == BulkRun.State.UNDOING or row.undone_at is not None,
        "may_take_back": bulk.may_take_back(row, request.user),
        "nav_active": "inquiries",
    }
    alone = request.htmx  # type: ignore[attr-defined]  # its middleware's
    return render(request, "inquiries/_bulk_run.html" if alone else "inquiries/bulk_run.html", context)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def take_back(request: StaffRequest, pk: int) -> HttpResponse:
    """Take a whole run back, where nobody changed the rows since: in the background, as it was done."""
    row = get_object_or_404(BulkRun, pk=pk, by=request.user)
    try:
        bulk.take_back(row, by=request.user)
    except bulk.CannotTakeBack:
        messages.warning(request, _("This cannot be taken back (any more)."))
    else:
        transaction.on_commit(_ring)
    return redirect("desk-inquiries:bulk-run", pk=pk)


def _runs(request: StaffRequest) -> QuerySet[BulkRun]:
    """The person's runs with their ``total``, without what only the worker reads: it is long, and asked for often."""
    rows = BulkRun.objects.filter(by=request.user).select_related("by").defer("ids", "seen", "before")
    return rows.annotate(total=Func(F("ids"), function="cardinality", output_field=IntegerField()))


def _by_reason(rows: list[dict[str, Any]], user: User) -> dict[str, Any]:
    """Those that were left alone (id, number, why: code), by their reasons; the first ones of each with a way there."""
    reasons: dict[str, list[dict[str, Any]]] = {}
    for one in rows:
        reasons.setdefault(one["why"], []).append(one)
    shown = [one["id"] for found in reasons.values() for one in found[:_SHOWN]]
    there = set(Inquiry.objects.visible_to(user).filter(pk__in=shown).values_list("pk", flat=True)) if shown else set()
    return {
        "count": len(rows),
        "reasons": [
            {
                "why": _why(code),
                "count": len(found),
                "rows": [{**one, "there": one["id"] in there} for one in found[:_SHOWN]],
                "more": max(0, len(found) - _SHOWN),
            }
            for code, found in sorted(reasons.items(), key=lambda reason: -len(reason[1]))
        ],
    }


def _page(request: StaffRequest, kind: str, marked: _Marked, *, status: int = 200, problem: str = "") -> HttpResponse:
    value = request.POST.get("value", "")
    visible = dict(Inquiry.objects.visible_to(request.user).filter(pk__in=marked).values_list("pk", "version"))
    # What was not on the page of the list is taken as it stands now, when the person reads how many there are.
    marked = {pk: visible[pk] if seen is None else seen for pk, seen in marked.items() if pk in visible}
    wanted = _acts(request, kind)
    context: dict[str, Any] = {
        "kind": kind,
        "title": KINDS[kind],
        "count": len(marked),
        "ids": ",".join(f"{pk}:{seen}" for pk, seen in marked.items()),
        "query": _query(request).urlencode(),
        "choices": _choices(request, kind),
        "value": value,
        "cause": request.POST.get("cause", ""),
        "form_token": uuid.uuid4(),
        "problem": problem or (_too_many() if len(marked) > bulk.MOST else ""),
        "tried": _tried(request, marked, wanted) if wanted else None,
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


def _tried(request: StaffRequest, marked: _Marked, wanted: list[dict[str, Any]]) -> dict[str, Any] | None:
    """For how many inquiries the acts could be done, and why not for the others."""
    try:
        seen = _seen(marked)
        told = bulk.forecast(ids=list(marked), acts=wanted, by=request.user, now=clock.now(), seen=seen)
    except acts.BadActs:
        return None
    refused = [{"id": inquiry.pk, "number": inquiry.number, "why": code} for inquiry, code in told.refused]
    return {
        "possible": told.possible,
        "all": told.possible + len(refused),
        "left": _by_reason(refused, request.user),
        "acts": acts.describe(wanted),
    }


def _marked(request: StaffRequest) -> _Marked:
    """The marked rows (``id:version``, or the bare id); with ``all`` every row of the list in which they were marked.
    One more than allowed at most."""
    keys = [key for text in request.POST.getlist("ids") for key in text.split(",")]
    marked: _Marked = {}
    for key in keys:
        pk, _colon, seen = key.partition(":")
        if _is_number(pk, 19):
            marked.setdefault(int(pk), int(seen) if _is_number(seen, 10) else None)
    if request.POST.get("all") == "1" and not _query(request).get("q"):
        page = ListPage(request.user, _query(request), clock.now())
        every = listing.ordered(page.rows, page.order).values_list("pk", flat=True)[: bulk.MOST + 1]
        return {pk: marked.get(pk) for pk in every}
    return dict(list(marked.items())[: bulk.MOST + 1])


def _is_number(text: str, digits: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < digits


def _seen(marked: _Marked) -> dict[int, int]:
    return {pk: seen for pk, seen in marked.items() if seen is not None}


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
