"""The list of letters, newest first. Every question it asks is answered from an index, whatever the table's size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from shopdesk import addresses
from shopdesk.mail.models import OutgoingMail
from shopdesk.text import one_line

State = OutgoingMail.State

PAGE = 50
# Subjects have no index: they are searched in this many of the newest letters.
SUBJECT_WINDOW = 3000

# Tab -> the states it shows; "all" shows every state.
TABS: dict[str, tuple[OutgoingMail.State, ...]] = {
    "all": (),
    "attention": (State.UNCERTAIN, State.FAILED, State.HELD),
    "waiting": (State.PLANNED, State.LEASED, State.SENDING),
    "sent": (State.SENT,),
    "unsent": (State.SKIPPED, State.CANCELLED, State.EXPIRED),
}


@dataclass(frozen=True)
class Page:
    """Up to PAGE letters. ``older`` is the id below which the next page begins, or None on the last page."""

    letters: list[OutgoingMail]
    older: int | None
    searched_subjects: bool = False


def page(*, tab: str = "all", mail_class: str = "", search: str = "", before: int | None = None) -> Page:
    """One page of the list; ``before`` is the ``older`` of the page above.

    A search with ``@`` means an address, whole and exactly; any other looks for words in the newest subjects.
    """
    rows = OutgoingMail.objects.defer("raw", "text", "html", "headers", "references")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    search = one_line(search)
    if "@" in search:
        rows = rows.filter(to_address=addresses.normalise(search))
    elif search:
        newest = OutgoingMail.objects.order_by("-pk").values_list("pk", flat=True)
        floor = newest[SUBJECT_WINDOW - 1 : SUBJECT_WINDOW].first()
        rows = rows.filter(subject__icontains=search, **({"pk__gte": floor} if floor is not None else {}))
    states: Sequence[int] = TABS.get(tab, ())
    if search:
        filters: dict[str, Any] = {"state__in": states} if states else {}
        filters |= {"mail_class": mail_class} if mail_class else {}
        found = list(rows.filter(**filters).order_by("-pk")[: PAGE + 1])
    else:
        found = _merged(rows, states, mail_class)
    more = len(found) > PAGE
    letters = found[:PAGE]
    return Page(letters, letters[-1].pk if more else None, searched_subjects=bool(search) and "@" not in search)


def _merged(rows: QuerySet[OutgoingMail], states: Sequence[int], mail_class: str) -> list[OutgoingMail]:
    """The newest of several states: each is read from its index as far as one page, then merged."""
    if not states and not mail_class:
        return list(rows.order_by("-pk")[: PAGE + 1])
    keys: list[int] = []
    for state in states or State.values:
        branch = rows.filter(state=state, **({"mail_class": mail_class} if mail_class else {}))
        keys += branch.order_by("-pk").values_list("pk", flat=True)[: PAGE + 1]
    newest = sorted(keys, reverse=True)[: PAGE + 1]
    return list(rows.filter(pk__in=newest).order_by("-pk"))
