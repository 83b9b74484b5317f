"""One page of the list with its views and counters, as the workspace shows it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject
from django.urls import reverse
from django.utils.translation import get_language

from inquiries import counting, listing, live, masking, searching
from inquiries.counting import Counter
from inquiries.due_times import shown
from inquiries.listing import Wanted
from inquiries.models import AgentSetting, Inquiry, InquiryQuerySet, Presence, SavedView
from shopdesk import moments
from shopdesk.accounts.models import User
from shopdesk.business_time import Calendar
from shopdesk.shop.calendar import business_calendar
from shopdesk.statements import Words, statement

# What a line of the list needs; the rest of a wide table stays where it is.
_FIELDS = (
    "number", "name", "subject", "preview", "status", "priority", "phase", "mood", "channel", "escalation_at",
    "last_activity_at", "first_replied_at", "snoozed_until", "thanked_at", "label_id", "version",
    "category__name_ja", "category__name_en", "assignee__name", "assignee__email",
)  # fmt: skip
# What is needed to cover it.
_CONTACTS = ("email", "phone", "customer__phone")
Line = dict[str, Any]
_TEXT_FIELDS = {"subject", "body", "from"}
_NO_HOURS = Calendar({}, frozenset(), ZoneInfo("UTC"))
_UNSOLVED = {str(status) for status in Inquiry.UNSOLVED}


@dataclass(frozen=True)
class View:
    """One line of the navigation. ``count`` is "" where counting would read too much."""

    key: str
    label: str
    count: str
    url: str
    is_current: bool
    saved: SavedView | None = None


def plain_views(user: User) -> tuple[View, ...]:
    """The built-in views without counters, for pages that load their list later. No query."""
    return _plain_views(listing.offered(user), get_language())


@lru_cache(maxsize=20)
def _plain_views(keys: tuple[str, ...], _language: str | None) -> tuple[View, ...]:
    address, names = reverse("desk-inquiries:list"), listing.labels()
    return tuple([View(key, names[key], "", f"{address}?view={key}", is_current=False) for key in keys])


@dataclass
class ListPage:
    """What ``query`` (request.GET) asks for, for ``user``.

    Queries: the person's default (only without a view in the address), saved views, all counters with the stamp in one,
    the rows with all that stands in them, and the shop's hours in two.
    """

    user: User
    query: Any
    now: datetime
    wanted: Wanted = field(init=False)
    number: int = field(init=False)

    def __post_init__(self) -> None:
        self.number = _page_number(self.query.get("page", ""))
        self.saved = _saved_views(user=self.user.pk)
        wanted = Wanted.read(self.query)
        known = {*listing.offered(self.user), *(listing.key_of(view) for view in self.saved)}
        view = wanted.view if wanted.view in known else self._default(known)
        self.wanted = Wanted(view, *(getattr(wanted, name) for name in Wanted.FILTERS))
        counts, stamp = self._count()
        self.stamp = str(stamp)
        self.counts: dict[str, int] = counts
        self.views = self._views()

    # --- views ------------------------------------------------------------------------------------------------------

    def _default(self, known: set[str]) -> str:
        """What the person sees first: their saved view, their built-in one, or what waits for an answer."""
        setting = next(iter(_settings(user=self.user.pk)), None)
        for key in (f"v{setting.default_view_id}", setting.default_tab) if setting else ():
            if key in known:
                return key
        return listing.DEFAULT

    def _list(self, key: str) -> InquiryQuerySet:
        """The rows of a view."""
        visible = Inquiry.objects.visible_to(self.user)
        saved = next((view for view in self.saved if listing.key_of(view) == key), None)
        if saved is None:
            return visible.filter(listing.condition(key, self.user))
        found = listing.saved_condition(saved, self.user, now=self.now)
        return visible.none() if found is None else visible.filter(found)

    def _count(self) -> tuple[dict[str, int], object]:
        counted = {
            listing.key_of(view): Counter.of(self._list(listing.key_of(view)))
            for view in self.saved
            if not _is_dear(view.conditions)
        }
        narrowed = self._narrowed if self.wanted.is_filtered and not self.wanted.q else None
        if narrowed and self._of_saved:
            counted["shown"] = Counter.of(self.rows)
            narrowed = None
        lists, asked = _counters(self.user.codes, listing.offered(self.user), narrowed)
        if not counted:
            return counting.answer(lists, asked.row(user=self.user.pk, now=self.now))
        # Conditions of people's own are put into words each time.
        own = _lists(self.user, listing.offered(self.user), narrowed) | counted
        stamp, params = live.stamp_sql(self.user, now=self.now)
        return counting.bounded(own, also=stamp, params=params)

    def _views(self) -> list[View]:
        address, names = reverse("desk-inquiries:list"), listing.labels()
        lines: list[tuple[str, str, SavedView | None]] = []
        lines += [(key, names[key], None) for key in listing.offered(self.user)]
        lines += [(listing.key_of(view), view.name, view) for view in self.saved]
        return [
            View(
                key, label, counting.shown(self.counts[key]) if key in self.counts else "",
                f"{address}?view={key}", key == self.wanted.view, view,
            )
            for key, label, view in lines
        ]  # fmt: skip

    @cached_property
    def view(self) -> View:
        """The one that is shown."""
        return next(view for view in self.views if view.is_current)

    @property
    def _of_saved(self) -> bool:
        return listing.saved_id(self.wanted.view) is not None

    @property
    def _narrowed(self) -> Wanted:
        """What the rows depend on, besides the words that are searched for."""
        return replace(self.wanted, q="")

    @property
    def order(self) -> str:
        saved = {listing.key_of(view): view.order for view in self.saved}
        if self.wanted.view in saved:
            return saved[self.wanted.view]
        return "due" if self.wanted.view in listing.BY_DUE else "newest"

    # --- rows -------------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> InquiryQuerySet:
        """Every row of this list, narrowed by the filters but the text."""
        return self.wanted.narrow(self._list(self.wanted.view))

    @cached_property
    def _found(self) -> tuple[list[Inquiry], dict[int, tuple[searching.Piece, ...]], bool, int | None]:
        """(rows of this page, excerpts, whether another page follows, how many in all if it is known)."""
        if self.wanted.q:
            rows = _with_company(self.rows, self.user, self.now)
            found = searching.search(self.wanted.q, user=self.user, rows=rows, page=self.number)
            excerpts = {hit.inquiry.pk: hit.excerpt for hit in found.hits}
            return [hit.inquiry for hit in found.hits], excerpts, found.has_next, None if found.is_open else found.total
        if self._of_saved:
            shown_rows = list(_cut(self.rows, self.user, self.number, self.order, self.now))
        else:
            shape = self.user.codes, self._narrowed, self.number, self.order
            shown_rows = _page(*shape, user=self.user.pk, now=self.now)
        has_next = len(shown_rows) > listing.PER_PAGE and self.number < listing.MOST_PAGES
        return shown_rows[: listing.PER_PAGE], {}, has_next, None

    @cached_property
    def lines(self) -> list[Line]:
        """The rows as they are drawn, contacts covered for who may not read them.

        Plain dictionaries: a template asks them first, and twenty-five rows are most of the page.
        """
        inquiries, excerpts, _next, _total = self._found
        masking.cover(inquiries, self.user)
        # Hours are asked for where time is left; what is late is late at any hour.
        is_running = any(inquiry.escalation_at and inquiry.escalation_at >= self.now for inquiry in inquiries)
        calendar = business_calendar() if is_running else _NO_HOURS
        address = reverse("desk-inquiries:detail", args=[0]).removesuffix("0/")
        rest, words = self.query_of(page=self.number), _Words()
        return [
            {
                "pk": inquiry.pk,
                "number": inquiry.number,
                "version": inquiry.version,
                "url": f"{address}{inquiry.pk}/?{rest}",
                "name": inquiry.name,
                "subject": inquiry.subject,
                "preview": inquiry.preview,
                "excerpt": [{"text": piece.text, "hit": piece.hit} for piece in excerpts.get(inquiry.pk, ())],
                "about": words.about(inquiry),
                "priority": inquiry.priority,
                "ago": moments.ago(inquiry.last_activity_at, self.now),
                "second": int(inquiry.last_activity_at.timestamp()),
                "tags": inquiry.tag_list,  # type: ignore[attr-defined]  # annotated
                "here": inquiry.here_list,  # type: ignore[attr-defined]  # annotated
                "assignee": str(inquiry.assignee) if inquiry.assignee else "",
                **_state(inquiry, words, now=self.now, calendar=calendar),
                # It waits for an answer, and for nobody else's: what the eye shall find first.
                "is_waiting": inquiry.status == Inquiry.Status.OPEN and inquiry.assignee_id in (None, self.user.pk),
            }
            for inquiry in inquiries
        ]

    # --- around the rows --------------------------------------------------------------------------------------------

    def query_of(self, *, page: int = 1) -> str:
        """The query of this list's address: ``view=mine&category=delay&page=2``."""
        return self.wanted.query(page=str(page) if page > 1 else "")

    @property
    def total(self) -> str:
        """How many rows the list has, bounded; "" where that is not known."""
        counted = "shown" if self.wanted.is_filtered else self.wanted.view
        known = self._found[3] if self.wanted.q else self.counts.get(counted)
        return "" if known is None else counting.shown(known)

    @property
    def first(self) -> int:
        return (self.number - 1) * listing.PER_PAGE + 1

    @property
    def last(self) -> int:
        return self.first + len(self._found[0]) - 1

    @property
    def older(self) -> str:
        """The query of the next page; "" on the last one."""
        return self.query_of(page=self.number + 1) if self._found[2] else ""

    @property
    def newer(self) -> str:
        """The query of the page before; "" on the first one."""
        return self.query_of(page=self.number - 1) if self.number > 1 else ""


@statement(keep=1)
def _saved_views(*, user: int) -> QuerySet[SavedView]:
    offered = SavedView.objects.offered_to(User.anybody(user, frozenset()))
    return offered.order_by("shared", "position", "pk")


@statement(keep=1)
def _settings(*, user: int) -> QuerySet[AgentSetting]:
    return AgentSetting.objects.filter(user=user).only("default_view_id", "default_tab")


@statement(keep=300)
def _page(
    codes: frozenset[str], wanted: Wanted, number: int, order: str, *, user: int, now: datetime
) -> QuerySet[Inquiry]:
    """One page of a built-in view as a person with these permissions sees it."""
    reader = User.anybody(user, codes)
    return _cut(wanted.narrow(_built_in(reader, wanted.view)), reader, number, order, now)


def _built_in(user: User, key: str) -> InquiryQuerySet:
    return Inquiry.objects.visible_to(user).filter(listing.condition(key, user))


def _cut(rows: InquiryQuerySet, user: User, number: int, order: str, now: datetime) -> InquiryQuerySet:
    """The rows of a page, and one more that tells whether another page follows.

    The page is cut from the index alone; only its rows are read and joined.
    """
    start = (number - 1) * listing.PER_PAGE
    cut = listing.ordered(rows, order).values("pk")[start : start + listing.PER_PAGE + 1]
    near = _with_company(Inquiry.objects.filter(pk__in=cut), user, now)
    near = near.select_related("category", "assignee").only(*_FIELDS)
    if not masking.sees_contacts(user):
        near = near.select_related("category", "assignee", "customer").only(*_FIELDS, *_CONTACTS)
    return listing.ordered(near, order)


def _with_company(rows: InquiryQuerySet, user: User, now: datetime) -> InquiryQuerySet:
    """The rows with their tags and with who else has them open, in the same query."""
    tags = Inquiry.tags.through.objects.filter(inquiry=OuterRef("pk")).order_by("tag__name")
    here = Presence.objects.filter(inquiry=OuterRef("pk"), seen_at__gt=now - live.LIVE).exclude(user=user)
    return rows.annotate(
        tag_list=ArraySubquery(tags.values(found=JSONObject(name="tag__name", tone="tag__tone"))),
        here_list=ArraySubquery(here.order_by("since").values(found=JSONObject(name="user__name", doing="doing"))),
    )


def _lists(user: User, views: tuple[str, ...], narrowed: Wanted | None) -> dict[str, Counter]:
    """How the built-in views of a person are counted, and what one of them is narrowed to."""
    lists = {key: Counter.of(_built_in(user, key)) for key in views}
    if narrowed:
        lists["shown"] = Counter.of(narrowed.narrow(_built_in(user, narrowed.view)))
    return lists


@lru_cache(maxsize=300)
def _counters(
    codes: frozenset[str], views: tuple[str, ...], narrowed: Wanted | None
) -> tuple[dict[str, Counter], Words]:
    """The lists, and the statement that counts them and asks for the stamp."""
    lists: dict[str, Counter] = {}

    def build(user: int, now: datetime) -> tuple[str, list[Any]]:
        reader = User.anybody(user, codes)
        lists.update(_lists(reader, views, narrowed))
        stamp, params = live.stamp_sql(reader, now=now)
        return counting.question(lists, also=stamp, params=params)

    asked = Words(build, user=int, now=datetime)
    return lists, asked


class _Words:
    """The words of one page, each translated once."""

    def __init__(self) -> None:
        self._phases = {str(code): str(name) for code, name in Inquiry.Phase.choices}
        self._statuses = {str(code): str(name) for code, name in Inquiry.Status.choices}
        self._categories: dict[int, str] = {}

    def about(self, inquiry: Inquiry) -> str:
        name = self._categories.get(inquiry.category_id)
        if name is None:
            name = self._categories[inquiry.category_id] = str(inquiry.category)
        return f"{self._phases[inquiry.phase]} · {name}"

    def status(self, inquiry: Inquiry) -> str:
        return self._statuses[inquiry.status]


def _state(inquiry: Inquiry, words: _Words, *, now: datetime, calendar: Calendar) -> Line:
    """What stands at the end of a line: the time left, when it comes back, or the status."""
    due = shown(inquiry.escalation_at, now=now, calendar=calendar)
    if inquiry.status == Inquiry.Status.OPEN and due:
        # Without "(business hours)", for which a line of the list has no room.
        return {"state": due.text.partition("（")[0].partition(" (")[0], "tone": due.tone, "due": due.text}
    if inquiry.snoozed_until:
        return {"until": moments.ago(inquiry.snoozed_until, now)}
    return {"state": "" if inquiry.status == Inquiry.Status.OPEN else words.status(inquiry)}


def _page_number(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) < 7
    return min(max(int(text), 1), listing.MOST_PAGES) if is_number else 1


def _is_dear(conditions: Any) -> bool:
    """Whether counting would read the texts of the whole table: words are looked for, also in what was solved."""
    groups = conditions if isinstance(conditions, dict) else {}
    rows = [row for group in ("all", "any") for row in groups.get(group, [])]
    if not any(row.get("field") in _TEXT_FIELDS for row in rows):
        return False
    return not any(
        row.get("field") == "status" and row.get("op") == "is" and set(row.get("value") or ()) <= _UNSOLVED
        for row in groups.get("all", [])
    )
