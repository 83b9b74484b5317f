"""Promises: until when a question is answered first, answered again, and solved, all in business time.

The promise is copied onto the inquiry when it is opened, so that changing a policy changes no old figure. Whoever
changes a status calls :func:`follow` in the same transaction; whoever answers calls :func:`replied` before it.

- the first answer is due from the customer's first word, the next one from their first unanswered word;
- the clock for solving runs from the opening. It stands still while the status' label says so (without a label: while
  we wait for the customer or the inquiry is laid aside) and while the inquiry is closed; it moves by exactly the
  business minutes for which it stood;
- ``escalation_at`` is the earliest of the open promises: what lists, the home page and rules look at;
- differences are business minutes left when a promise was kept, negative when it was late.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from inquiries import events, happenings
from inquiries.models import Inquiry, SLAPolicy
from shopdesk import sweeps
from shopdesk.business_time import (
    Calendar,
    NeverOpen,
    add_business_minutes,
    business_minutes_between,
    subtract_business_minutes,
)
from shopdesk.shop.calendar import business_calendar

logger = logging.getLogger(__name__)

BATCH = 200
# What these functions set, unsaved: whoever calls them saves these, and keeps them for taking a step back.
FIELDS = (
    "reply_due_at", "solve_due_at", "escalation_at", "paused_at", "paused_minutes", "warned_at", "sla_tell_at",
    "first_diff", "next_diff", "solve_diff",
)  # fmt: skip
# The copy of the promise.
TARGETS = ("sla", "sla_first", "sla_next", "sla_solve", "sla_warn")

_S = Inquiry.Status


def policy_for(inquiry: Inquiry) -> SLAPolicy | None:
    """The first policy in force, by position, whose store, channel, category and priority fit; empty ones fit all."""
    fits = (
        Q(Q(store=None) | Q(store_id=inquiry.store_id))
        & Q(channel__in=["", inquiry.channel])
        & Q(Q(category=None) | Q(category_id=inquiry.category_id))
        & Q(Q(priority=None) | Q(priority=inquiry.priority))
    )
    return SLAPolicy.objects.in_force().filter(fits).first()


def begin(inquiry: Inquiry, *, now: datetime) -> None:
    """Copy the promise that holds for a new inquiry and start its clocks, unsaved."""
    _copy(inquiry, policy_for(inquiry))
    follow(inquiry, before_status="", now=now)


def category_changed(inquiry: Inquiry, *, now: datetime) -> None:
    """Another category (or priority): the promise that holds for it now, unsaved. What was kept already stays counted.

    While the same policy holds, the copy is left alone, whatever became of the policy since.
    """
    policy = policy_for(inquiry)
    if policy is None or policy.pk != inquiry.sla_id:
        _copy(inquiry, policy)
    follow(inquiry, before_status=inquiry.status, now=now)


def follow(inquiry: Inquiry, *, before_status: str, now: datetime) -> None:
    """Bring all clocks in line with the status and its label, unsaved. Calling it twice changes nothing.

    ``before_status`` is the status that was left ("" for a new inquiry).
    """
    calendar = business_calendar()
    _follow_pause(inquiry, now, calendar)
    if inquiry.status == _S.SOLVED and before_status != _S.SOLVED:
        inquiry.solve_diff = _solve_diff(inquiry, now, calendar)
    elif inquiry.status in Inquiry.UNSOLVED:
        inquiry.solve_diff = None
    inquiry.solve_due_at = _solve_due(inquiry, calendar)
    inquiry.reply_due_at = _reply_due(inquiry, calendar) if inquiry.status == _S.OPEN else None
    _set_escalation(inquiry, calendar)


def replied(inquiry: Inquiry, *, now: datetime) -> None:
    """The customer was answered: keep how much time was left, unsaved. Call it before the status is left.

    Only an answer to somebody who waits keeps a promise; a second letter to them does not count as the next answer.
    """
    if inquiry.reply_due_at is not None:
        left = business_minutes_between(now, inquiry.reply_due_at, business_calendar())
        if inquiry.first_replied_at is None:
            inquiry.first_diff = left
        else:
            inquiry.next_diff = left if inquiry.next_diff is None else min(left, inquiry.next_diff)
    inquiry.first_replied_at = inquiry.first_replied_at or now


def clock_runs(inquiry: Inquiry) -> bool:
    """Whether the clock for solving runs in this status, by its label where it has one."""
    if inquiry.status not in Inquiry.UNSOLVED:
        return False
    label = inquiry.label
    if label is not None and label.status == inquiry.status:
        return not label.pauses_clock
    return inquiry.status == _S.OPEN


def sweep(now: datetime, limit: int = BATCH) -> int:
    """Tell, once each, that a promise is about to end and that it has ended; of how many inquiries. One of which it
    cannot be told stands in nobody's way."""
    due = Inquiry.objects.filter(sla_tell_at__lte=now).order_by("sla_tell_at", "pk")

    @transaction.atomic
    def work(inquiry: Inquiry) -> bool:
        row = due.filter(pk=inquiry.pk).locked(skip_locked=True).first()
        if row is not None:
            _tell(row, now)
        return row is not None

    words = "Nobody could be told of the promise of inquiry %s."
    return sweeps.work_off(due.only("pk"), work, limit=limit, log=logger, words=words)


# --- within ---------------------------------------------------------------------------------------------------------


def _copy(inquiry: Inquiry, policy: SLAPolicy | None) -> None:
    usual = inquiry.category.reply_minutes
    inquiry.sla = policy
    inquiry.sla_first = policy.first_minutes if policy and policy.first_minutes is not None else usual
    inquiry.sla_next = policy.next_minutes if policy and policy.next_minutes is not None else usual
    inquiry.sla_solve = policy.solve_minutes if policy else None
    inquiry.sla_warn = policy.warn_minutes if policy else SLAPolicy._meta.get_field("warn_minutes").get_default()


def _follow_pause(inquiry: Inquiry, now: datetime, calendar: Calendar) -> None:
    if not clock_runs(inquiry):
        inquiry.paused_at = inquiry.paused_at or now
    elif inquiry.paused_at is not None:
        inquiry.paused_minutes += max(business_minutes_between(inquiry.paused_at, now, calendar), 0)
        inquiry.paused_at = None


def _solve_due(inquiry: Inquiry, calendar: Calendar) -> datetime | None:
    if inquiry.sla_solve is None:
        return None
    return _add(inquiry.opened_at, inquiry.sla_solve + inquiry.paused_minutes, calendar)


def _solve_diff(inquiry: Inquiry, now: datetime, calendar: Calendar) -> int | None:
    due = _solve_due(inquiry, calendar)
    # The clock may have stood still before it was solved.
    return None if due is None else business_minutes_between(min(inquiry.paused_at or now, now), due, calendar)


def _reply_due(inquiry: Inquiry, calendar: Calendar) -> datetime | None:
    minutes = inquiry.sla_first if inquiry.first_replied_at is None else inquiry.sla_next
    if minutes is None:  # older than the copies
        minutes = inquiry.category.reply_minutes
    return _add(inquiry.waiting_since, minutes, calendar) if inquiry.waiting_since else None


def _add(start: datetime, minutes: int, calendar: Calendar) -> datetime | None:
    try:
        return add_business_minutes(start, minutes, calendar)
    except NeverOpen:
        return None


def _set_escalation(inquiry: Inquiry, calendar: Calendar) -> None:
    solve_due = inquiry.solve_due_at if inquiry.paused_at is None else None
    earliest = min((due for due in (inquiry.reply_due_at, solve_due) if due is not None), default=None)
    if earliest == inquiry.escalation_at and (earliest is None or inquiry.sla_tell_at or inquiry.warned_at):
        return
    inquiry.escalation_at, inquiry.warned_at = earliest, None
    inquiry.sla_tell_at = None
    if earliest is not None:
        try:
            inquiry.sla_tell_at = subtract_business_minutes(earliest, inquiry.sla_warn, calendar)
        except NeverOpen:
            inquiry.sla_tell_at = earliest


def _tell(inquiry: Inquiry, now: datetime) -> None:
    """One word about the promise of the moment, and when the next one is due. The row is locked."""
    ends = inquiry.escalation_at
    inquiry.sla_tell_at = None
    if ends is not None and now >= ends:
        _say("overdue", inquiry, ends, now)
    elif ends is not None:
        inquiry.warned_at, inquiry.sla_tell_at = now, ends
        _say("warned", inquiry, ends, now)
    inquiry.save(update_fields=["warned_at", "sla_tell_at"])


def _say(code: str, inquiry: Inquiry, ends: datetime, now: datetime) -> None:
    """Once for each promise: an inquiry that was closed by mistake and set back is not told of again."""
    moment = ends.isoformat()
    if inquiry.events.filter(code=code, data__ends=moment).exists():
        return
    which = "reply" if ends == inquiry.reply_due_at else "solve"
    events.record(code, inquiry, actor=None, now=now, ends=moment, which=which)
    happenings.note(inquiry, code, now=now)
