"""New inquiries go round: to whoever is there, has room, and has the fewest open.

Switched on as soon as one person takes turns (AgentSetting). Who is next is settled under a lock on those rows, so that
two inquiries given at the same moment see each other.
"""

import logging
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, QuerySet

from inquiries import events, happenings
from inquiries.models import AgentSetting, Inquiry
from shopdesk import sweeps
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.shop.working import Roster

logger = logging.getLogger(__name__)

BATCH = 100


def are_on() -> bool:
    """Whether anybody takes turns at all."""
    return AgentSetting.objects.filter(takes_turns=True).exists()


@transaction.atomic
def give(inquiry: Inquiry, *, now: datetime) -> User | None:
    """Give an unassigned inquiry to the next person; None when nobody has room, or somebody has it already."""
    # The inquiry first: a run in bulk holds it already when it asks who is next.
    Inquiry.objects.locked().get(pk=inquiry.pk)
    person = _next(now)
    if person is None:
        return None
    rows = Inquiry.objects.filter(pk=inquiry.pk, assignee=None, status__in=Inquiry.UNSOLVED)
    if not rows.update(assignee=person, last_activity_at=now):
        return None
    AgentSetting.objects.filter(user=person).update(last_given_at=now)
    inquiry.assignee, inquiry.last_activity_at = person, now
    events.record("given", inquiry, actor=None, now=now, to=person.pk, to_name=str(person))
    happenings.note(inquiry, "assigned", now=now)
    return person


def sweep(now: datetime, limit: int = BATCH) -> int:
    """Give what waits for an answer and belongs to nobody, the most urgent first, until nobody has room; how many."""
    if not are_on():
        return 0
    waiting = Inquiry.objects.unanswered().filter(assignee=None)

    def work(inquiry: Inquiry) -> bool:
        if give(inquiry, now=now) is not None:
            return True
        inquiry.refresh_from_db(fields=["assignee"])
        if inquiry.assignee_id is None:
            raise sweeps.Enough  # nobody has room
        return False

    rows = waiting.order_by(F("escalation_at").asc(nulls_last=True), "pk")
    return sweeps.work_off(rows, work, limit=limit, log=logger, words="Inquiry %s could not be given to anybody.")


@transaction.atomic
def set_available(user: User, *, available: bool) -> AgentSetting:
    """Say that somebody is there, or not: new inquiries come only to who is. What they have stays theirs."""
    row, _ = AgentSetting.objects.get_or_create(user=user)
    row.is_available = available
    row.save(update_fields=["is_available"])
    return row


def open_counts(users: Collection[int]) -> dict[int, int]:
    """How many inquiries to answer each of these people has: what the cap counts. One query."""
    rows = Inquiry.objects.unanswered().filter(assignee__in=users).values("assignee").order_by()
    return dict(rows.annotate(count=Count("pk")).values_list("assignee", "count"))


def room(now: datetime) -> int:
    """How many more inquiries to answer may be given before nobody has room. Two queries, and one where somebody keeps
    to the shop's closing days."""
    rows = _there(AgentSetting.objects.all(), now)
    counts = open_counts([row.user_id for row in rows])
    return sum(max(0, row.cap - counts.get(row.user_id, 0)) for row in rows)


def _there(settings: QuerySet[AgentSetting], now: datetime) -> list[AgentSetting]:
    """Of these who takes turns and is there now, within their working hours."""
    rows = settings.filter(takes_turns=True, is_available=True, user__is_active=True).select_related("user__role")
    roster = Roster(now)
    return [row for row in rows.order_by("pk") if row.user.has_perm(P.INQUIRIES_VIEW) and roster.works(row.user)]


def _next(now: datetime) -> User | None:
    """Who is there and has room: the fewest open first, then who was given one longest ago. Holds the settings."""
    rows = _there(AgentSetting.objects.select_for_update(of=("self",)), now)
    counts = open_counts([row.user_id for row in rows])
    free = [row for row in rows if counts.get(row.user_id, 0) < row.cap]
    if not free:
        return None
    oldest = min((row.last_given_at for row in free if row.last_given_at), default=None)
    return min(
        free,
        key=lambda row: (
            counts.get(row.user_id, 0),
            row.last_given_at is not None,
            row.last_given_at or oldest,
            row.pk,
        ),
    ).user
