"""The staff's list: tabs with their counts, search, pages."""

from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, Sum
from django.utils.translation import gettext_lazy as _

from returns.models import ReturnCase
from shopdesk import text
from shopdesk.shop import orders

PER_PAGE = 25
MAX_SEARCH = 100

Status = ReturnCase.Status

# tab -> (label, states; empty: all). Waiting tabs show the oldest first, the others the newest.
TABS = {
    "decide": (_("To decide"), (Status.SUBMITTED,)),
    "approved": (_("Approved"), (Status.APPROVED,)),
    "received": (_("Arrived"), (Status.RECEIVED,)),
    "completed": (_("Completed"), (Status.COMPLETED,)),
    "all": (_("All"), ()),
}
OLDEST_FIRST = {"decide", "approved", "received"}


@dataclass(frozen=True)
class Tab:
    key: str
    label: str
    count: int


def tabs() -> list[Tab]:
    """All tabs with their counts; one query."""
    counts = ReturnCase.objects.aggregate(
        **{key: Count("pk", filter=Q(status__in=states) if states else None) for key, (_label, states) in TABS.items()}
    )
    return [Tab(key, str(label), counts[key]) for key, (label, _states) in TABS.items()]


def page(*, tab: str, search: str, number: str | int) -> "Page[ReturnCase]":
    """One page of a tab's cases with their lines; five queries.

    ``number`` beyond the last page gives the last, anything that is no number the first.

    A case number, an order number or a part of a name is searched for, whatever its width.
    """
    states = TABS[tab][1]
    cases = ReturnCase.objects.select_related("order").prefetch_related("lines__order_line", "lines__reason")
    cases = cases.annotate(asked=Sum("lines__quantity"))
    if states:
        cases = cases.filter(status__in=states)
    wanted = text.one_line(search)[:MAX_SEARCH]
    if wanted:
        bare = orders.bare_number(wanted)
        cases = cases.filter(Q(number__icontains=bare) | Q(order__number__icontains=bare) | Q(name__icontains=wanted))
    order = ["created_at", "pk"] if tab in OLDEST_FIRST else ["-created_at", "-pk"]
    return Paginator(cases.order_by(*order), PER_PAGE).get_page(number)
