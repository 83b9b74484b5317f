"""Laying an inquiry aside until a moment. It wakes by itself, and earlier when the customer writes.

The clock for answering: on hold nobody promises an answer, so nothing is due. Woken, the inquiry waits since the
customer's first word that nobody answered (a snooze wins no time against the promise), and since the moment of waking
where we had the last word.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from inquiries import events, happenings, states, triage
from inquiries.models import Inquiry, Rule, StatusLabel
from inquiries.states import ENTERED
from inquiries.waiting import Reason
from shopdesk import sweeps
from shopdesk.accounts.models import User
from shopdesk.text import one_line

logger = logging.getLogger(__name__)

BATCH = 100
# Nothing is laid aside for longer; a slip in a year must not lose an inquiry.
LONGEST = timedelta(days=366)
MAX_COMMENT = 300


class BadMoment(Exception):
    """The moment is over already, or more than a year away."""


@transaction.atomic
def snooze(
    inquiry: Inquiry,
    *,
    until: datetime,
    reason: str,
    by: User | None,
    now: datetime,
    comment: str = "",
    label: StatusLabel | None = None,
    version: int | None = None,
) -> bool:
    """Lay an inquiry aside until a moment; one that is on hold gets the new moment. False when nothing changed.

    ``reason`` is a code of waiting.Reason; other words are kept as the comment of an internal reason. ``version`` is
    the one that the person saw.

    Raises BadMoment, triage.IsMerged, triage.Unread, and triage.CannotSet for a label of another status.
    """
    if not now < until <= now + LONGEST:
        raise BadMoment
    if label and label.status != Inquiry.Status.HOLD:
        raise triage.CannotSet(label.status)
    if reason not in Reason.values:
        reason, comment = Reason.INTERNAL, " ".join(part for part in (reason, comment) if part)
    comment = one_line(comment).strip()[:MAX_COMMENT]
    fresh = Inquiry.objects.select_related("category", "label").held(inquiry.pk)[inquiry.pk]
    if fresh.status == Inquiry.Status.MERGED:
        raise triage.IsMerged
    triage.require_read(fresh, version)
    said = (until, reason, comment)
    if fresh.status == Inquiry.Status.HOLD and said == (
        fresh.snoozed_until, fresh.snooze_reason, fresh.snooze_comment
    ):  # fmt: skip
        return False
    before = states.snapshot(fresh, (*ENTERED, "merged_into"))
    if fresh.status != Inquiry.Status.HOLD:
        triage.enter(fresh, status=Inquiry.Status.HOLD, now=now, label=label)
    elif label:
        fresh.label = label
    fresh.snoozed_until, fresh.snooze_reason, fresh.snooze_comment, fresh.snoozed_by = until, reason, comment, by
    fresh.last_activity_at = now
    fresh.save(update_fields=[*ENTERED, "last_activity_at"])
    event = events.record(
        "snoozed", fresh, actor=by, now=now, until=until.isoformat(), reason=reason, comment=comment, before=before
    )
    if before["status"] != fresh.status:
        happenings.note(fresh, Rule.Event.STATUS, now=now)
    states.copy(fresh, inquiry, (*ENTERED, "last_activity_at"))
    inquiry.status_event = event  # type: ignore[attr-defined]  # for the view's undo
    return True


@transaction.atomic
def wake(inquiry: Inquiry, *, now: datetime, why: str, by: User | None = None) -> bool:
    """Put a snoozed inquiry back among those to answer; False when it sleeps no more. ``why``: "time" or "person"."""
    fresh = Inquiry.objects.select_related("category").held(inquiry.pk)[inquiry.pk]
    if fresh.status != Inquiry.Status.HOLD:
        return False
    until = fresh.snoozed_until
    triage.enter(fresh, status=Inquiry.Status.OPEN, now=now)
    fresh.last_activity_at = now
    fresh.save(update_fields=[*ENTERED, "last_activity_at"])
    events.record("woken", fresh, actor=by, now=now, why=why, until=until.isoformat() if until else "")
    happenings.note(fresh, Rule.Event.STATUS, now=now)
    states.copy(fresh, inquiry, (*ENTERED, "last_activity_at"))
    return True


def sweep(now: datetime, limit: int = BATCH) -> int:
    """Wake what is due; how many woke. A row that somebody holds is woken by the next ring, and one that cannot be
    woken stands in nobody's way."""
    due = Inquiry.objects.filter(status=Inquiry.Status.HOLD, snoozed_until__lte=now).order_by("snoozed_until", "pk")

    @transaction.atomic
    def work(inquiry: Inquiry) -> bool:
        row = due.filter(pk=inquiry.pk).locked(skip_locked=True).first()
        return row is not None and wake(row, now=now, why="time")

    return sweeps.work_off(due.only("pk"), work, limit=limit, log=logger, words="Inquiry %s could not be woken.")
