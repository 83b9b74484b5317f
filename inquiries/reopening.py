"""What a customer's new mail does to a conversation that is there already."""

from datetime import datetime, timedelta

from django.db.models import F

from inquiries import events, triage
from inquiries.models import Inquiry

# A closed question that is answered within this time goes on; later it is a new one that points to the old.
REOPENS_WITHIN = timedelta(days=14)


def goes_on(inquiry: Inquiry, *, now: datetime) -> bool:
    """Whether a mail to this inquiry still belongs in it."""
    return inquiry.solved_at is None or now - inquiry.solved_at <= REOPENS_WITHIN


def heard(inquiry: Inquiry, *, now: datetime) -> None:
    """The customer waits, from their first word on that nobody answered. The caller holds the row and has written the
    message already."""
    before = inquiry.status
    triage.enter(inquiry, status=Inquiry.Status.OPEN, now=now)
    inquiry.thanked_at = None
    _save(inquiry, now=now)
    if before == Inquiry.Status.SOLVED:
        events.record("reopened", inquiry, actor=None, now=now)


def thanked(inquiry: Inquiry, *, now: datetime) -> None:
    """A bare word of thanks after it was closed: shown, and nothing is reopened."""
    inquiry.thanked_at = now
    _save(inquiry, now=now)
    events.record("thanked", inquiry, actor=None, now=now)


def noticed(inquiry: Inquiry, *, now: datetime) -> None:
    """A machine answered: it is shown, and neither status nor clock moves."""
    Inquiry.objects.filter(pk=inquiry.pk).update(version=F("version") + 1)


def _save(inquiry: Inquiry, *, now: datetime) -> None:
    inquiry.last_activity_at = now
    inquiry.version += 1
    inquiry.save(
        update_fields=[
            "status", "waiting_since", "reply_due_at", "solved_at", "thanked_at", "last_activity_at", "version",
            "email",
        ]
    )  # fmt: skip
