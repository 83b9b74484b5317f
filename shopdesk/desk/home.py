"""警告リスト: what waits for whom. Each item stands in exactly one list, each list leads to its cure with one click.

An inquiry stands in the first of these lists that it fits:

1. approval   承認待ち: a reply that I may approve, or that waits approved to be sent, or that came back to me with a
   comment, or my own that is being read;
2. back       予約送信から戻った返信: my reply was to be sent by itself and is a draft again, because the customer wrote
   first or it could not be sent; or a colleague's, who has left or may not send any more, where I answer the inquiry or
   approve replies;
3. asked      依頼中: a colleague named me in a note and I have not read it;
4. late       返信遅れ: a promise has ended;
5. soon       まもなく期限: a promise is about to end (it was warned of);
6. mine       自分の返信処理中: assigned to me and to answer, or with a draft of mine;
7. waiting    依頼の返事待ち: I named a colleague in a note and they have not read it yet.

What only one person can cure stands before what everybody can see: a late inquiry whose reply waits for my approval is
cured by approving, so it stands there, marked as late. To be assigned is no request of its own (6): who takes turns is
assigned all day. Mail, returns and follow-ups have lists of their own and never share an item with the inquiries.

Every list is read by an index and never beyond its first 1,001 rows; there are few queries, however much waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import models
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Cast, Extract
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from followups.models import PlannedMail
from inquiries import counting, masking
from inquiries.due_times import Due, shown
from inquiries.models import Category, Draft, Inquiry, Mention, PreparedReply
from returns.models import ReturnCase
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.business_time import Calendar
from shopdesk.mail.models import IncomingMail, Mailbox, OutgoingMail
from shopdesk.shop.calendar import business_calendar
from shopdesk.statements import Words, statement

# Rows of a list on the page; its number leads to the rest.
SHOWN = 5
MOST = counting.MOST
_State = PreparedReply.State

# Of an inquiry, its people and its contacts, which are needed to cover them; it is a wide table.
_SHOWN = (
    "number", "subject", "priority", "mood", "escalation_at", "waiting_since", "last_activity_at",
    "category__name_ja", "category__name_en", "assignee__name", "assignee__email", "email", "phone", "customer__phone",
)  # fmt: skip

# In the order of precedence, which is the order on the page, too.
INQUIRY_LISTS = ("approval", "back", "asked", "late", "soon", "mine", "waiting")
# What is asked for to fill them: drafts are work in hand, too.
_CANDIDATES = (*INQUIRY_LISTS, "drafts")
# What waits elsewhere, and who is told.
_OTHERS = {
    "unread": P.MAIL_VIEW, "mailboxes": P.MAIL_VIEW, "letters": P.MAIL_VIEW,
    "returns": P.RETURNS_VIEW, "followups": P.FOLLOWUPS_VIEW,
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One line: where it leads, what it is called, what is behind it; ``mark`` stands out before it."""

    url: str
    title: str
    number: str = ""
    facts: tuple[str, ...] = ()
    at: datetime | None = None
    due: Due | None = None
    mark: str = ""

    @property
    def line(self) -> str:
        return " · ".join(filter(None, [self.number, *self.facts]))


@dataclass
class WarningList:
    """A list of the page with its number; ``tone`` is warn or danger while somebody should act."""

    key: str
    label: str | Promise
    url: str
    count: int = 0
    items: list[Item] = field(default_factory=list)
    alarm: str = ""

    @property
    def shown_count(self) -> str:
        return counting.shown(self.count)

    @property
    def tone(self) -> str:
        return self.alarm if self.count else ""

    @property
    def more(self) -> int:
        """How many are not on the page; as far as they were counted."""
        return max(self.count - len(self.items), 0)


@dataclass
class Home:
    """The home page of one person at one moment."""

    user: User
    now: datetime
    lists: list[WarningList] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.user.has_perm(P.INQUIRIES_VIEW):
            self._add_inquiries()
        self._add_others()

    @property
    def own(self) -> list[WarningList]:
        """Lists of inquiries that hold something."""
        return [one for one in self.lists if one.items and one.key in _INQUIRY_LISTS]

    @property
    def others(self) -> list[WarningList]:
        """Lists of mail and returns that hold something."""
        return [one for one in self.lists if one.items and one.key not in _INQUIRY_LISTS]

    # --- inquiries --------------------------------------------------------------------------------------------------

    def _add_inquiries(self) -> None:
        found = self._inquiry_ids()
        kept = {key: ids[:SHOWN] for key, ids in found.items()}
        pks = [pk for ids in kept.values() for pk in ids]
        inquiries = {row.pk: row for row in _shown(self.user.codes, pks=pks, **masking.named(self.user))} if pks else {}
        masking.cover(inquiries.values(), self.user)
        calendar = business_calendar() if inquiries else None
        for key in INQUIRY_LISTS:
            label, query, alarm = _INQUIRY_LISTS[key]
            items = [self._inquiry(inquiries[pk], calendar) for pk in kept[key] if pk in inquiries]
            address = reverse("desk-inquiries:list") + query
            if key == "approval" and self.user.has_perm(P.INQUIRIES_APPROVE):
                address = reverse("desk-inquiries:approvals")
            self.lists.append(WarningList(key, label, address, len(found[key]), items, alarm))

    def _inquiry(self, row: Inquiry, calendar: Calendar | None) -> Item:
        due = shown(row.escalation_at, now=self.now, calendar=calendar) if calendar else None
        urgent = str(row.get_priority_display()) if row.priority == Category.Priority.URGENT else ""
        mood = str(row.get_mood_display()) if row.mood in _HEARD else ""
        who = str(row.assignee) if row.assignee and row.assignee_id != self.user.pk else ""
        return Item(
            reverse("desk-inquiries:detail", args=[row.pk]), row.subject, row.number,
            facts=(str(row.category), mood, who), at=row.waiting_since or row.last_activity_at, due=due, mark=urgent,
        )  # fmt: skip

    def _inquiry_ids(self) -> dict[str, list[int]]:
        """Which inquiries each list holds, the most urgent first, at most 1,001 each, each inquiry once. One query."""
        row = _candidates(self.user.codes).row(user=self.user.pk, now=self.now)
        read: dict[str, list[int]] = dict(zip(_CANDIDATES, row, strict=True))
        read["mine"] += read.pop("drafts")
        taken: set[int] = set()
        found: dict[str, list[int]] = {}
        for key in INQUIRY_LISTS:
            found[key] = list(dict.fromkeys(pk for pk in read[key] if pk not in taken))
            taken.update(found[key])
        return found

    # --- everything else --------------------------------------------------------------------------------------------

    def _add_others(self) -> None:
        keys = tuple(key for key, need in _OTHERS.items() if self.user.has_perm(need))
        found = _by_list(_others(keys), keys) if keys else {}
        for key, rows in found.items():
            label, address, alarm = self._other(key)
            items = [self._item(key, row) for row in rows[:SHOWN]] if key in _DRAWN else []
            self.lists.append(WarningList(key, label, address, len(rows), items, alarm))

    def _other(self, key: str) -> tuple[Promise, str, str]:
        mail = reverse("desk-mail:list")
        boxes = "mailboxes" if self.user.has_perm(P.SETTINGS_CHANGE) else "list"
        table: dict[str, tuple[Promise, str, str]] = {
            "unread": (_("Mail not read"), reverse("desk-mail:incoming-list"), "danger"),
            "mailboxes": (_("Mailboxes in trouble"), reverse(f"desk-mail:{boxes}"), "danger"),
            "letters": (_("Mail to check"), f"{mail}?show=attention", "warn"),
            "returns": (_("Returns to decide"), reverse("desk-returns:list"), ""),
            "followups": (_("Follow-ups held"), f"{reverse('desk-followups:list')}?tab=held", ""),
        }
        return table[key]

    def _item(self, key: str, row: "_Row") -> Item:
        if key == "mailboxes" and not self.user.has_perm(P.SETTINGS_CHANGE):
            return Item(reverse("desk-mail:list"), row.title)
        address = reverse(_DRAWN[key], args=[row.pk])
        if key == "letters":
            return Item(address, row.title, facts=(str(OutgoingMail.State(int(row.more)).label),), at=row.at)
        return Item(address, row.title or str(_("(no subject)")), row.more, at=row.at)


@lru_cache(maxsize=50)
def _candidates(codes: frozenset[str]) -> Words:
    """Asks for the keys of the inquiries that may stand in each list, for a person with these permissions."""

    def build(user: int, now: datetime) -> tuple[str, list[Any]]:
        lists = _before_precedence(codes, user, now)
        return _arrays([lists[key] for key in _CANDIDATES])

    return Words(build, user=int, now=datetime)


def _before_precedence(codes: frozenset[str], user: int, now: datetime) -> dict[str, QuerySet[Any, Any]]:
    """All that may stand in a list, the most urgent first."""
    reader = User.anybody(user, codes)
    mine = Inquiry.objects.visible_to(reader)
    decides = reader.has_perm(P.INQUIRIES_APPROVE)
    sends = reader.has_perm(P.INQUIRIES_REPLY)
    approval = Q(author=user, state__in=[_State.AWAITING, _State.APPROVED])
    approval |= Q(author=user, state=_State.RETURNED, returned_why="")
    if decides:
        approval |= ~Q(author=user) & Q(state=_State.AWAITING)
        if sends:
            approval |= Q(state=_State.APPROVED)
    prepared = PreparedReply.objects.filter(inquiry__status__in=Inquiry.UNSOLVED)
    prepared = prepared.exclude(state__in=[_State.SENT, _State.CANCELLED])  # as the index says it
    named = Mention.objects.filter(seen_at=None)
    if not reader.has_perm(P.INQUIRIES_VIEW_ALL):
        prepared, named = prepared.filter(inquiry__assignee=user), named.filter(message__inquiry__assignee=user)
    named = named.exclude(message__inquiry__status=Inquiry.Status.SPAM)
    late = mine.filter(escalation_at__isnull=False, escalation_at__lt=now)
    soon = mine.filter(warned_at__isnull=False, escalation_at__gte=now)
    assigned = mine.filter(assignee=user, status=Inquiry.Status.OPEN)
    drafts = Draft.objects.filter(author=user, inquiry__status__in=Inquiry.UNSOLVED).exclude(body="")
    if not reader.has_perm(P.INQUIRIES_VIEW_ALL):
        drafts = drafts.filter(inquiry__assignee=user)
    back = Q(author=user) & ~Q(returned_why="")
    if sends:
        back |= PreparedReply.LEFT_BEHIND & ~Q(author=user) & (Q() if decides else Q(inquiry__assignee=user))
    return {
        "approval": _keys(prepared.filter(approval), "inquiry_id", "created_at"),
        "back": _keys(prepared.filter(back, state=_State.RETURNED), "inquiry_id", "changed_at"),
        "asked": _keys(named.filter(user=user), "message__inquiry_id", "message__at"),
        "late": _keys(late, "pk", "escalation_at"),
        "soon": _keys(soon, "pk", "escalation_at"),
        "mine": _keys(assigned, "pk", "escalation_at"),
        "drafts": _keys(drafts, "inquiry_id", "saved_at"),
        "waiting": _keys(named.filter(message__author=user), "message__inquiry_id", "message__at"),
    }


def _keys(rows: QuerySet[Any], pk: str, at: str) -> QuerySet[Any, Any]:
    """The first inquiries of a list, the oldest first; those without a moment last, as PostgreSQL has it."""
    return rows.order_by(at, pk).values_list(pk)[: MOST + 1]


def _arrays(lists: list[QuerySet[Any, Any]]) -> tuple[str, list[Any]]:
    """One statement with an array for each list: thousands of keys are read to be counted, and rows are dear."""
    parts: list[str] = []
    values: list[Any] = []
    for rows in lists:
        try:
            sql, params = rows.query.sql_with_params()
        except EmptyResultSet:
            sql, params = "SELECT NULL::bigint LIMIT 0", ()
        parts.append(f"ARRAY({sql})")
        values += params
    return f"SELECT {', '.join(parts)}", values


@statement(keep=50)
def _shown(codes: frozenset[str], *, pks: list[int], user: int = 0) -> QuerySet[Inquiry]:
    """The inquiries that are drawn."""
    rows = Inquiry.objects.visible_to(User.anybody(user, codes)).filter(pk__any_of=pks)
    return rows.select_related("category", "assignee", "customer").only(*_SHOWN)


@statement(keep=50)
def _others(keys: tuple[str, ...]) -> QuerySet[Any, Any]:
    """What waits elsewhere."""
    troubled = Mailbox.objects.exclude(problem="").exclude(status=Mailbox.Status.PAUSED)
    letters = OutgoingMail.objects.needs_attention()
    held = PlannedMail.objects.filter(state=PlannedMail.State.HELD)
    parts = {
        "unread": _rows("unread", IncomingMail.objects.in_error(), "pk", "received_at", "subject"),
        "mailboxes": _rows("mailboxes", troubled, "pk", None, "name"),
        "letters": _rows("letters", letters, "pk", "created_at", "subject", "state"),
        "returns": _rows("returns", ReturnCase.objects.to_decide(), "pk", "created_at", "name", "number"),
        "followups": _rows("followups", held, "pk", "due_at"),
    }
    return _union([parts[key] for key in keys])


# label, query of the list behind it, tone while it holds something
_INQUIRY_LISTS: dict[str, tuple[Promise, str, str]] = {
    "approval": (_("Waiting for approval"), "?view=open", "warn"),
    "back": (_("Came back from scheduled sending"), "?view=mine", "warn"),
    "asked": (_("Asked of me"), "?view=open", "warn"),
    "late": (_("Answers late"), "?view=open", "danger"),
    "soon": (_("Due soon"), "?view=open", "warn"),
    "mine": (_("In my work"), "?view=mine", ""),
    "waiting": (_("Asked of others"), "?view=open", ""),
}
_HEARD = (Inquiry.Mood.WORRIED, Inquiry.Mood.UPSET)


# Lists whose rows are drawn, and the page of one.
_DRAWN = {
    "unread": "desk-mail:incoming", "mailboxes": "desk-mail:mailbox", "letters": "desk-mail:detail",
    "returns": "desk-returns:detail",
}  # fmt: skip


class _Row(NamedTuple):
    """A row of the one statement that reads all lists."""

    key: str
    pk: int
    # In seconds since 1970: thousands of rows are read to be counted, and a date is the dearest thing to read.
    second: float | None
    title: str
    more: str

    @property
    def at(self) -> datetime | None:
        return None if self.second is None else datetime.fromtimestamp(self.second, UTC)


def _rows(key: str, rows: QuerySet[Any], pk: str, at: str | None, title: str = "", more: str = "") -> QuerySet[Any]:
    """The first rows of a list, the oldest first, in columns that fit those of the others."""
    text = models.TextField()
    rows = rows.order_by().annotate(
        row_key=Value(key, text),
        row_pk=F(pk),
        row_at=Cast(Extract(at, "epoch", tzinfo=UTC), models.FloatField())
        if at
        else Cast(Value(None), models.FloatField()),
        row_title=Cast(title, text) if title else Value("", text),
        row_more=Cast(more, text) if more else Value("", text),
    )
    columns = rows.values_list("row_key", "row_pk", "row_at", "row_title", "row_more")
    return columns.order_by(*([at] if at else []), "row_pk")[: MOST + 1]


def _union(parts: list[QuerySet[Any, Any]]) -> QuerySet[Any, Any]:
    """The rows of all lists in one statement."""
    first, *others = parts
    return first.union(*others, all=True) if others else first


def _by_list(rows: Iterable[Any], keys: Iterable[str]) -> dict[str, list[_Row]]:
    """The rows of each list, the oldest first."""
    found: dict[str, list[_Row]] = {key: [] for key in keys}
    for row in map(_Row._make, rows):
        found[row.key].append(row)
    for some in found.values():
        some.sort(key=lambda row: (row.second is None, row.second, row.pk))
    return found
