"""The list of planned letters: four tabs, a filter by sequence, pages whose cost does not grow with the years."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.paginator import Page
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from followups import sentences
from followups.models import PlannedMail
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.pages import BoundedPaginator

State = PlannedMail.State
PER_PAGE = 30
# Counting stops here; nobody pages further, the filter is quicker.
COUNTED = 1500

NOT_SENT = [State.SKIPPED, State.EXPIRED, State.CANCELLED, State.FAILED]
TABS: dict[str, tuple[str | Promise, list[PlannedMail.State]]] = {
    "coming": (_("To come"), [State.PLANNED]),
    "held": (_("Held"), [State.HELD]),
    "sent": (_("Sent"), [State.QUEUED]),
    "not-sent": (_("Not sent"), NOT_SENT),
}


class _Pages(BoundedPaginator[PlannedMail]):
    most = COUNTED


@dataclass(frozen=True)
class Tab:
    code: str
    label: str
    count: str
    is_current: bool


@dataclass(frozen=True)
class Row:
    """One line: the letter, its reason in a word and in a sentence, and the outbox's letter where there is one."""

    planned: PlannedMail
    label: str
    why: str
    tone: str
    letter: OutgoingMail | None


def rows_of(tab: str, sequence: str) -> QuerySet[PlannedMail]:
    """The letters of a tab, of one sequence (its code) or of all. To come: soonest first; else newest first."""
    states = TABS[tab][1]
    rows = PlannedMail.objects.filter(state__in=states)
    if sequence:
        rows = rows.filter(sequence__slug=sequence)
    return rows.order_by("due_at", "pk") if tab in {"coming", "held"} else rows.order_by("-due_at", "-pk")


def tabs(current: str, sequence: str) -> list[Tab]:
    found = []
    for code, (label, _states) in TABS.items():
        count = rows_of(code, sequence).order_by()[: COUNTED + 1].count()
        found.append(Tab(code, str(label), f"{COUNTED}+" if count > COUNTED else str(count), code == current))
    return found


def page(tab: str, sequence: str, number: str) -> tuple[Page[PlannedMail], list[Row]]:
    """One page and its lines. Three queries."""
    about = rows_of(tab, sequence).select_related(
        "sequence", "step", "customer", "order__store", "restock_request__product"
    )
    found = _Pages(about, PER_PAGE).get_page(number)
    listed = list(found.object_list)
    keys = [planned.mail_key for planned in listed if planned.mail_key]
    letters = {letter.key: letter for letter in OutgoingMail.objects.filter(key__in=keys).defer("raw", "text", "html")}
    return found, [
        Row(
            planned,
            sentences.label(planned) or str(planned.get_state_display()),
            sentences.sentence(planned),
            sentences.TONES[planned.state],
            letters.get(planned.mail_key or ""),
        )
        for planned in listed
    ]
