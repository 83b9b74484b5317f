"""What a customer's new mail does to a conversation that is there already."""

from datetime import datetime, timedelta

from django.db.models import F

from inquiries import events, happenings, triage
from inquiries.models import Inquiry, Rule
from inquiries.states import ENTERED


def goes_on(inquiry: Inquiry, *, now: datetime) -> bool:
    """Whether a mail to this inquiry still belongs in it: always while it is unsolved, and for the store's number of
    days after; later it is a new question that points to the old one."""
    return inquiry.solved_at is None or now - inquiry.solved_at <= timedelta(days=inquiry.store.reopen_days)


def heard(inquiry: Inquiry, *, now: datetime) -> None:
    """The customer waits, from their first word on that nobody answered. The caller holds the row and has written the
    message already."""
    before, until = inquiry.status, inquiry.snoozed_until
    kept = inquiry.label if before == Inquiry.Status.OPEN else None
    triage.enter(inquiry, status=Inquiry.Status.OPEN, now=now, label=kept)
    inquiry.thanked_at = None
    _save(inquiry, now=now)
    happenings.note(inquiry, Rule.Event.CUSTOMER_WROTE, now=now)
    if before != inquiry.status:
        happenings.note(inquiry, Rule.Event.STATUS, now=now)
    if before == Inquiry.Status.SOLVED:
        events.record("reopened", inquiry, actor=None, now=now)
    if before == Inquiry.Status.HOLD and until:
        events.record("woken", inquiry, actor=None, now=now, why="customer", until=until.isoformat())


def thanked(inquiry: Inquiry, *, now: datetime) -> None:
    """A bare word of thanks after it was closed: shown, and nothing is reopened."""
    inquiry.thanked_at = now
    _save(inquiry, now=now)
    events.record("thanked", inquiry, actor=None, now=now)
    happenings.note(inquiry, Rule.Event.CUSTOMER_WROTE, now=now)


def noticed(inquiry: Inquiry, *, now: datetime) -> None:
    """A machine answered: it is shown, and neither status nor clock moves."""
    Inquiry.objects.filter(pk=inquiry.pk).update(version=F("version") + 1)


def _save(inquiry: Inquiry, *, now: datetime) -> None:
    inquiry.last_activity_at = now
    inquiry.version += 1
    inquiry.save(update_fields=[*ENTERED, "thanked_at", "last_activity_at", "version", "email", "mood", "written_to"])
