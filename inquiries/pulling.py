"""「次の問い合わせを受け取る」: outsourced staff ask for the next inquiry instead of choosing one.

One claim a person, for a limited time; the most urgent inquiry first, so that nobody picks the easy ones. A claim ends
when they answer, skip with a reason, or let the time run out; what was not answered goes back to everybody, and what
they wrote so far stays as their draft. That nobody has two and no inquiry is held twice, the database sees to.
"""

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from inquiries import events, happenings
from inquiries.models import Category, Inquiry, InquiryQuerySet, PreparedReply, Pull
from shopdesk import sweeps
from shopdesk.accounts.models import User
from shopdesk.shop.working import Roster

logger = logging.getLogger(__name__)

BATCH = 100

# Why somebody hands an inquiry back: (code, words). Codes are counted; words may change.
REASONS: dict[str, Promise] = {
    "authority": _("Needs a decision of the shop"),
    "knowledge": _("I do not know the product well enough"),
    "difficult": _("A complaint, or difficult"),
    "language": _("In another language"),
    "information": _("Something is missing to answer it"),
    "other": _("Other (please say what)"),
}


class NotNow(Exception):
    """It is outside of the person's working hours."""


class HasOneAlready(Exception):
    """One at a time: ``pull`` is the open one."""

    def __init__(self, pull: Pull) -> None:
        super().__init__(str(pull))
        self.pull = pull


class NothingWaits(Exception):
    """No inquiry is waiting that this person could answer."""


class HasEnded(Exception):
    """The claim is over: it was answered, its time ran out, or it was given to somebody else."""


class NeedsReason(Exception):
    """To skip, a reason of the list is needed, and words with "other"."""


def minutes() -> int:
    """How long a claim lasts."""
    return int(settings.PULL_MINUTES)


def open_pull(user: User, *, now: datetime) -> Pull | None:
    """The claim that somebody has at this moment; one whose time is over does not count."""
    rows = Pull.objects.filter(user=user, ended_at=None, expires_at__gt=now, inquiry__assignee=user)
    return rows.filter(inquiry__status=_OPEN).select_related("inquiry").first()


def next_for(user: User, *, now: datetime) -> Pull:
    """Hand the most urgent unassigned inquiry to somebody. Raises NotNow, HasOneAlready, NothingWaits."""
    _settle_own(user, now)
    try:
        with transaction.atomic():
            # Their hours as they are now: whoever changes them holds the same row, and cuts this claim when it is over.
            rows = User.objects.select_for_update(of=("self",), no_key=True).select_related("role")
            fresh, roster = rows.get(pk=user.pk), Roster(now)
            if not roster.works(fresh):
                raise NotNow
            if (held := Pull.objects.filter(user=user, ended_at=None).select_related("inquiry").first()) is not None:
                raise HasOneAlready(held)
            inquiry = _waiting(user).locked(skip_locked=True).first()
            if inquiry is None:
                raise NothingWaits
            ends = _not_after(roster.last_moment(fresh), now + timedelta(minutes=minutes()))
            pull = Pull.objects.create(inquiry=inquiry, user=user, at=now, expires_at=ends)
            inquiry.assignee, inquiry.last_activity_at = user, now
            inquiry.save(update_fields=["assignee", "last_activity_at"])
            events.record("pulled", inquiry, actor=user, now=now)
            happenings.note(inquiry, "assigned", now=now)
    except IntegrityError:
        # A second click at the same moment was faster.
        held = Pull.objects.filter(user=user, ended_at=None).select_related("inquiry").first()
        if held is None:
            raise
        raise HasOneAlready(held) from None
    return pull


@transaction.atomic
def skip(pull: Pull, *, reason: str, comment: str = "", by: User, now: datetime) -> None:
    """Hand the inquiry back with a reason; somebody else may have it at once. Raises NeedsReason, HasEnded."""
    comment = comment.strip()[:300]
    if reason not in REASONS or (reason == "other" and not comment):
        raise NeedsReason
    # The inquiry first, as whoever answers it does: two who hold one row each would wait for each other.
    Inquiry.objects.locked().get(pk=pull.inquiry_id)
    fresh = Pull.objects.select_for_update().filter(pk=pull.pk, user=by, ended_at=None).first()
    if fresh is None:
        raise HasEnded
    _end(fresh, Pull.Outcome.SKIPPED, now, reason=reason, comment=comment)
    _give_back(fresh, now)
    events.record("pull_skipped", fresh.inquiry, actor=by, now=now, reason=reason, comment=comment)


def answered(inquiry: Inquiry, *, now: datetime) -> None:
    """The inquiry was answered, or its reply handed in for approval: the claim on it has ended. One statement."""
    Pull.objects.filter(inquiry=inquiry, ended_at=None).update(ended_at=now, outcome=Pull.Outcome.ANSWERED)


@transaction.atomic
def taken_back(inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """A reply was taken back before it left: the claim that it had ended goes on, so that nobody keeps two this way.

    Whoever has another one by now keeps that one; this inquiry goes back to everybody.
    """
    last = Pull.objects.select_for_update().filter(inquiry=inquiry, user=by).order_by("-pk").first()
    if last is None or last.outcome != Pull.Outcome.ANSWERED:
        return
    if Pull.objects.filter(user=by, ended_at=None).exists():
        _give_back(last, now)
        return
    last.ended_at, last.outcome = None, Pull.Outcome.OPEN
    last.expires_at = _not_after(Roster(now).last_moment(by), max(last.expires_at, now + timedelta(minutes=5)))
    last.save(update_fields=["ended_at", "outcome", "expires_at"])


def hours_changed(user: User, *, now: datetime) -> None:
    """The claim of somebody whose working hours are others now ends with those, if it would go on for longer."""
    if (last := Roster(now).last_moment(user)) is not None:
        Pull.objects.filter(user=user, ended_at=None, expires_at__gt=last).update(expires_at=last)


def sweep(now: datetime, limit: int = BATCH) -> int:
    """End claims whose time is over, or whose inquiry somebody took, closed or moved; how many."""
    return sweeps.work_off(
        _over(now).select_related(None).only("inquiry_id").order_by("expires_at", "pk"),
        lambda pull: _settle(pull.pk, pull.inquiry_id, now),
        limit=limit, log=logger, words="The claim %s could not be ended.",
    )  # fmt: skip


@dataclass(frozen=True)
class Rate:
    """How often claims of one person or category were handed back, in whole percent of those that have ended."""

    name: str
    pulled: int
    answered: int
    skipped: int
    expired: int

    @property
    def percent(self) -> int:
        return round(100 * self.skipped / self.pulled) if self.pulled else 0


@dataclass(frozen=True)
class Rates:
    people: list[Rate]
    categories: list[Rate]
    reasons: list[tuple[str, int]]


def rates(*, since: datetime) -> Rates:
    """Skip rates of the claims that ended since then, by person and by category, the highest first. Three queries."""
    ended = Pull.objects.filter(ended_at__gte=since).order_by()
    rows = ended.values_list("user", "inquiry__category", "outcome", "reason").annotate(count=Count("pk"))
    people: dict[int, Counter[str]] = defaultdict(Counter)
    categories: dict[int, Counter[str]] = defaultdict(Counter)
    reasons: Counter[str] = Counter()
    for user, category, outcome, reason, count in rows:
        people[user][outcome] += count
        categories[category][outcome] += count
        if outcome == Pull.Outcome.SKIPPED:
            reasons[reason] += count
    users = {user.pk: str(user) for user in User.objects.filter(pk__in=people)}
    named = {category.pk: str(category) for category in Category.objects.filter(pk__in=categories)}
    return Rates(
        people=_rates(people, users),
        categories=_rates(categories, named),
        reasons=[(str(REASONS.get(code, code)), count) for code, count in reasons.most_common()],
    )


def _rates(counts: dict[int, Counter[str]], names: dict[int, str]) -> list[Rate]:
    outcome = Pull.Outcome
    rows = [
        Rate(names[key], sum(row.values()), row[outcome.ANSWERED], row[outcome.SKIPPED], row[outcome.EXPIRED])
        for key, row in counts.items()
    ]
    return sorted(rows, key=lambda row: (-row.percent, row.name))


# --- within ---------------------------------------------------------------------------------------------------------

_OPEN = Inquiry.Status.OPEN


def _not_after(last: datetime | None, moment: datetime) -> datetime:
    return moment if last is None else min(last, moment)


def _waiting(user: User) -> InquiryQuerySet:
    """What somebody may be handed: to answer, nobody's, reachable by mail, and not handed back by them before."""
    skipped = Pull.objects.filter(inquiry=OuterRef("pk"), user=user, outcome=Pull.Outcome.SKIPPED)
    held = Pull.objects.filter(inquiry=OuterRef("pk"), ended_at=None)
    prepared = PreparedReply.objects.live().filter(inquiry=OuterRef("pk"))
    rows = Inquiry.objects.unanswered().filter(~Exists(skipped), ~Exists(held), ~Exists(prepared), assignee=None)
    return rows.exclude(email="").order_by(F("escalation_at").asc(nulls_last=True), "pk")


def _over(now: datetime) -> QuerySet[Pull]:
    moved = ~Q(inquiry__assignee=F("user")) | Q(inquiry__assignee=None) | ~Q(inquiry__status=_OPEN)
    return Pull.objects.filter(Q(expires_at__lte=now) | moved, ended_at=None).select_related("inquiry")


def _settle_own(user: User, now: datetime) -> None:
    """A claim of theirs that is over need not wait for the sweep."""
    for pk, inquiry in list(_over(now).filter(user=user).values_list("pk", "inquiry_id")):
        _settle(pk, inquiry, now)


@transaction.atomic
def _settle(pk: int, inquiry: int, now: datetime) -> bool:
    """End a claim that is over; False when somebody is at it. The inquiry is held first, as whoever answers it does."""
    held = Inquiry.objects.locked(skip_locked=True).filter(pk=inquiry)
    if not held.values_list("pk", flat=True):
        return False
    pull = _over(now).filter(pk=pk).select_for_update(skip_locked=True, of=("self",)).first()
    if pull is None:
        return False
    _expire(pull, now)
    return True


def _expire(pull: Pull, now: datetime) -> None:
    _end(pull, Pull.Outcome.EXPIRED, now)
    if _give_back(pull, now):
        events.record("pull_expired", pull.inquiry, actor=None, now=now, user=pull.user_id, name=str(pull.user))


def _end(pull: Pull, outcome: Pull.Outcome, now: datetime, *, reason: str = "", comment: str = "") -> None:
    pull.ended_at, pull.outcome, pull.reason, pull.comment = now, outcome, reason, comment
    pull.save(update_fields=["ended_at", "outcome", "reason", "comment"])


def _give_back(pull: Pull, now: datetime) -> bool:
    """Nobody's again, where it still is theirs and waits for an answer."""
    rows = Inquiry.objects.filter(pk=pull.inquiry_id, assignee=pull.user_id, status=_OPEN)
    return bool(rows.update(assignee=None, last_activity_at=now))
