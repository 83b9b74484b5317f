"""Which inquiries a list holds and in which order: the built-in views, saved ones, and what narrows them."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from inquiries import conditions
from inquiries.models import Inquiry, InquiryQuerySet, Message, SavedView
from inquiries.numbering import IS_NUMBER
from inquiries.numbering import normalise as normalise_number
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.addresses import normalise as normalise_address
from shopdesk.shop.orders import spellings
from shopdesk.text import one_line

PER_PAGE = 25
# Nobody turns to page 201; a wanted row is found by searching, and the database need not walk past them.
MOST_PAGES = 200
# So many digits may be a part of a phone number.
_PHONE_DIGITS = 4
_S = Inquiry.Status

# The views that everybody has, in the order of the navigation.
VIEWS = ("open", "mine", "unassigned", "pending", "hold", "solved", "spam", "all")
DEFAULT = "open"
# What waits for us, who waits longest first; everything else shows the newest first.
BY_DUE = ("open", "mine", "unassigned")
ORDERS = ("newest", "due", "oldest")
_STATUSES = tuple(status for status in _S.values if status != _S.MERGED)


def condition(view: str, user: User) -> Q:
    """Which rows a built-in view holds."""
    return {
        "open": Q(status=_S.OPEN),
        "mine": Q(assignee=user, status__in=Inquiry.UNSOLVED),
        "unassigned": Q(assignee=None, status__in=Inquiry.UNSOLVED),
        "pending": Q(status=_S.PENDING),
        "hold": Q(status=_S.HOLD),
        "solved": Q(status=_S.SOLVED),
        "spam": Q(status=_S.SPAM),
        "all": ~Q(status__in=[_S.MERGED, _S.SPAM]),
    }[view]


def labels() -> dict[str, str]:
    """The views' names in the language of the moment."""
    return {
        "open": _("To answer"),
        "mine": _("Mine"),
        "unassigned": _("Unassigned"),
        "pending": _("Waiting for the customer"),
        "hold": _("On hold"),
        "solved": _("Solved"),
        "spam": _("Spam"),
        "all": _("All"),
    }


def offered(user: User) -> tuple[str, ...]:
    """The built-in views that mean something to a person: who sees assigned work only has nothing unassigned."""
    return VIEWS if user.has_perm(P.INQUIRIES_VIEW_ALL) else tuple(view for view in VIEWS if view != "unassigned")


def key_of(saved: SavedView) -> str:
    """How a saved view is named in addresses: ``v12``."""
    return f"v{saved.pk}"


def saved_id(key: str) -> int | None:
    """The number in the name of a saved view; None for every other text."""
    number = key[1:]
    return int(number) if key[:1] == "v" and number.isascii() and number.isdigit() and len(number) < 10 else None


def saved_condition(saved: SavedView, user: User, *, now: datetime) -> Q | None:
    """Which rows a saved view holds; None where its conditions cannot be read any more, and then it holds none.

    Like "All", it leaves out what is merged or spam, unless its conditions speak of the status.
    """
    try:
        found = conditions.compile(saved.conditions, user=user, now=now)
    except conditions.BadConditions:
        return None
    groups = saved.conditions if isinstance(saved.conditions, dict) else {}
    named = {row["field"] for group in conditions.GROUPS for row in groups.get(group, [])}
    return found if named & {"status", "label"} else found & condition("all", user)


@dataclass(frozen=True)
class Wanted:
    """What a list shows, as read from its address. Unknown values are left out."""

    view: str = ""
    q: str = ""
    status: str = ""
    category: str = ""
    assignee: str = ""
    tag: str = ""

    FILTERS: ClassVar = ("q", "status", "category", "assignee", "tag")

    @classmethod
    def read(cls, query: Any) -> "Wanted":
        """From request.GET. A view that nobody has is "": the person's default."""
        view = query.get("view") or query.get("tab", "")  # older addresses say tab
        status, assignee = query.get("status", ""), query.get("assignee", "")
        return cls(
            view=view if view in VIEWS or saved_id(view) is not None else "",
            q=one_line(query.get("q", ""))[:100],
            status=status if status in _STATUSES else "",
            category=one_line(query.get("category", ""))[:50],
            assignee=assignee if assignee == "none" else _number(assignee),
            tag=_number(query.get("tag", "")),
        )

    def query(self, **changes: str) -> str:
        """The query of the address of this list, without what is empty: ``view=mine&category=delay``."""
        wanted = {"view": self.view, **{name: getattr(self, name) for name in self.FILTERS}, **changes}
        return urlencode({key: value for key, value in wanted.items() if value})

    @property
    def is_filtered(self) -> bool:
        return any(getattr(self, name) for name in self.FILTERS)

    def plain(self) -> "Wanted":
        """The view without what narrows it."""
        return replace(self, **dict.fromkeys(self.FILTERS, ""))

    def narrow(self, rows: InquiryQuerySet) -> InquiryQuerySet:
        """The rows that pass the filters, all but the text."""
        if self.status:
            rows = rows.filter(status=self.status)
        if self.category:
            rows = rows.filter(category__slug=self.category)
        if self.assignee:
            rows = rows.filter(assignee=None if self.assignee == "none" else int(self.assignee))
        if self.tag:
            tagged = Inquiry.tags.through.objects.filter(inquiry=OuterRef("pk"), tag=int(self.tag))
            rows = rows.filter(Exists(tagged))
        return rows

    def as_conditions(self, user: User) -> dict[str, list[dict[str, Any]]]:
        """This list as the conditions of a saved view, as far as they can say it."""
        rows: list[dict[str, Any]] = []
        statuses = {
            "open": [_S.OPEN], "pending": [_S.PENDING], "hold": [_S.HOLD], "solved": [_S.SOLVED], "spam": [_S.SPAM],
            "mine": [*Inquiry.UNSOLVED], "unassigned": [*Inquiry.UNSOLVED],
        }.get(self.view, [])  # fmt: skip
        if self.status:
            statuses = [_S(self.status)]
        if statuses:
            rows.append({"field": "status", "op": "is", "value": [str(status) for status in statuses]})
        if self.assignee or self.view in {"mine", "unassigned"}:
            who = self.assignee or {"mine": "me"}.get(self.view, "none")
            rows.append({"field": "assignee", "op": "is", "value": [int(who) if who.isdecimal() else who]})
        if self.category:
            rows.append({"field": "category", "op": "is", "value": [self.category]})
        if self.tag:
            rows.append({"field": "tags", "op": "any", "value": [int(self.tag)]})
        if self.q:
            rows.append({"field": "subject", "op": "contains", "value": self.q})
        return {"all": rows, "any": []}


def _number(text: str) -> str:
    return text if text.isascii() and text.isdecimal() and len(text) < 10 else ""


def ordered(rows: InquiryQuerySet, order: str) -> InquiryQuerySet:
    """``due``: whose promise ends first, first, and what waits without a promise after it; ``newest``: by the last
    activity; ``oldest``: by the arrival.

    Each order is that of an index, so that a page costs its rows and not the table. Measured with 200,000 inquiries,
    5 % of them open (PostgreSQL 18, EXPLAIN ANALYZE):

    - "To answer" walks ``inquiry_to_answer`` alone (index only, 0.02 ms; page 100: 0.23 ms), without a sort. The
      priority is shown and not sorted by: urgent categories have short promises, so they stand on top by themselves.
    - "Mine" and "Unassigned" walk ``inquiry_of_person_by_due`` and ``inquiry_unassigned_by_due``, partial indexes of
      what is unsolved (before: bitmap and sort of all of them, 2 to 12 ms).
    - A status walks ``inquiry_by_status`` (page 100: 0.23 ms), "All" ``inquiry_newest`` (page 100: 1.4 ms); filters by
      person, category or tag are checked on the way.
    - All counters in one statement: 2.2 ms, each one an index-only scan of at most 1,001 entries.
    """
    if order == "due":
        return rows.order_by("escalation_at", "pk")  # PostgreSQL puts the empty ones last
    if order == "oldest":
        return rows.order_by("opened_at", "pk")
    return rows.order_by("-last_activity_at", "-pk")


def is_like_a_contact(word: str) -> bool:
    """Whether a word may be a part of a mail address or of a phone number."""
    return "@" in normalise_address(word) or sum(map(str.isdecimal, word)) >= _PHONE_DIGITS


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
        if contacts or not is_like_a_contact(word):
            # A subject may hold what is masked: who may not read it must not guess it by searching either.
            said = Message.objects.filter(inquiry=OuterRef("pk"))
            found |= Q(subject__icontains=word)
            found |= Q(Exists(said.filter(Q(body__icontains=word) | Q(folded__icontains=word))))
        if contacts:
            found |= Q(email__contains=normalise_address(word))
            digits = "".join(filter(str.isdecimal, word))
            if len(digits) >= _PHONE_DIGITS:
                found |= Q(phone__contains=digits) | Q(customer__phone__contains=digits)
        rows = rows.filter(found)
    return rows
