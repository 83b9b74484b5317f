"""The list of inquiries: its tabs, filters, counters and order."""

from dataclasses import dataclass, field
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from inquiries.models import Inquiry, InquiryQuerySet, Message
from inquiries.numbering import IS_NUMBER
from inquiries.numbering import normalise as normalise_number
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.addresses import normalise as normalise_address
from shopdesk.shop.orders import spellings
from shopdesk.text import one_line

PER_PAGE = 50
# Nobody turns to page 201; a wanted row is found by searching, and the database need not count through them.
MOST_PAGES = 200
# So many digits may be a part of a phone number.
_PHONE_DIGITS = 4
_OPEN, _PENDING, _SOLVED = Inquiry.Status.OPEN, Inquiry.Status.PENDING, Inquiry.Status.SOLVED


@dataclass(frozen=True)
class Wanted:
    """What the list shows, as read from its address. Unknown values fall back to the default."""

    tab: str = "open"
    q: str = ""
    category: str = ""
    assignee: str = ""

    @classmethod
    def read(cls, query: Any) -> "Wanted":
        """From request.GET."""
        tab = query.get("tab", "")
        return cls(
            tab=tab if tab in TABS else "open",
            q=one_line(query.get("q", ""))[:100],
            category=one_line(query.get("category", ""))[:50],
            assignee=assignee if (assignee := query.get("assignee", "")).isdecimal() and len(assignee) < 10 else "",
        )

    def query(self, **changes: str) -> dict[str, str]:
        """The parameters of the address of this list, without empty ones."""
        return {key: value for key, value in {**vars(self), **changes}.items() if value}


TABS = ("open", "mine", "unassigned", "pending", "solved", "all")


def condition(tab: str, user: User) -> Q:
    """Which rows a tab holds."""
    return {
        "open": Q(status=_OPEN),
        "mine": Q(assignee=user) & ~Q(status=_SOLVED),
        "unassigned": Q(assignee=None) & ~Q(status=_SOLVED),
        "pending": Q(status=_PENDING),
        "solved": Q(status=_SOLVED),
        "all": Q(pk__isnull=False),
    }[tab]


def labels() -> dict[str, str]:
    """The tabs' names in the language of the moment."""
    return {
        "open": _("To answer"),
        "mine": _("Mine"),
        "unassigned": _("Unassigned"),
        "pending": _("Waiting for the customer"),
        "solved": _("Solved"),
        "all": _("All"),
    }


@dataclass(frozen=True)
class Tab:
    key: str
    label: str
    count: int
    query: dict[str, str]
    is_current: bool


@dataclass
class Listing:
    """One page of the list with its tabs. Three queries: counters, rows, and what the rows point to comes with them."""

    user: User
    wanted: Wanted
    number: str = "1"
    tabs: list[Tab] = field(init=False)
    page: "Page[Inquiry]" = field(init=False)

    def __post_init__(self) -> None:
        found = self._found()
        shown = [tab for tab in TABS if tab != "unassigned" or self.user.has_perm(P.INQUIRIES_VIEW_ALL)]
        counts = found.aggregate(**{tab: Count("pk", filter=condition(tab, self.user)) for tab in shown})
        names = labels()
        self.tabs = [
            Tab(tab, names[tab], counts[tab], self.wanted.query(tab=tab), tab == self.wanted.tab) for tab in shown
        ]
        tab = self.wanted.tab if self.wanted.tab in counts else "open"
        rows = found.filter(condition(tab, self.user)).select_related("customer", "category", "assignee", "order")
        self.page = _Pages(_ordered(rows, tab), total=counts[tab]).get_page(self.number)

    def _found(self) -> InquiryQuerySet:
        rows = Inquiry.objects.visible_to(self.user)
        if self.wanted.category:
            rows = rows.filter(category__slug=self.wanted.category)
        if self.wanted.assignee:
            rows = rows.filter(assignee_id=int(self.wanted.assignee))
        return search(rows, self.wanted.q, contacts=self.user.has_perm(P.INQUIRIES_VIEW_ALL))


class _Pages(Paginator[Inquiry]):
    """Pages over rows whose number is known from the tab's counter."""

    def __init__(self, rows: InquiryQuerySet, *, total: int) -> None:
        super().__init__(rows, PER_PAGE)
        self._total = total

    @cached_property
    def count(self) -> int:
        return self._total

    @cached_property
    def num_pages(self) -> int:
        return min(max(1, -(-self._total // PER_PAGE)), MOST_PAGES)


def _ordered(rows: InquiryQuerySet, tab: str) -> InquiryQuerySet:
    if tab in {"pending", "solved", "all"}:  # may be long: by an index
        return rows.order_by("-last_activity_at", "-pk")
    # Who should have been answered first comes first; then what waits without a promise; then the rest, newest first.
    return rows.order_by(
        F("reply_due_at").asc(nulls_last=True),
        "-category__priority",
        F("waiting_since").asc(nulls_last=True),
        "-last_activity_at",
        "-pk",
    )


def search(rows: InquiryQuerySet, words: str, *, contacts: bool) -> InquiryQuerySet:
    """Rows that a reference number, an order number, a name, a subject or a word of the conversation names (quoted
    parts too, since nothing that was written is lost); with ``contacts`` also mail and phone.

    Every word must be found somewhere; a reference number may be typed with a space.
    """
    if IS_NUMBER.fullmatch(number := normalise_number(words)):
        return rows.filter(number=number)
    for word in words.split()[:5]:
        found = (
            Q(number=normalise_number(word))
            | Q(name__icontains=word)
            | Q(customer__name__icontains=word)
            | Q(order_number__icontains=word)
            | Q(order__number__in=spellings(word))
        )
        address = normalise_address(word)
        digits = "".join(letter for letter in word if letter.isdecimal())
        if contacts or ("@" not in address and len(digits) < _PHONE_DIGITS):
            # A subject may hold what is masked: who may not read it must not guess it by searching either.
            said = Message.objects.filter(inquiry=OuterRef("pk"))
            found |= Q(subject__icontains=word)
            found |= Q(Exists(said.filter(Q(body__icontains=word) | Q(folded__icontains=word))))
        if contacts:
            found |= Q(email__contains=address)
            if len(digits) >= _PHONE_DIGITS:
                found |= Q(phone__contains=digits) | Q(customer__phone__contains=digits)
        rows = rows.filter(found)
    return rows
