"""Who answers an inquiry, and where it stands. Each change is settled by the database and leaves an event."""

from datetime import datetime

from django.db import transaction

from inquiries import events
from inquiries.due_times import answer_due
from inquiries.models import Category, Inquiry, Message
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P


class CannotAnswer(Exception):
    """The person may not see inquiries, or is not active: nothing can be assigned to them."""


@transaction.atomic
def take(inquiry: Inquiry, *, by: User, now: datetime) -> bool:
    """Take an unassigned inquiry; False when a colleague was faster."""
    taken = Inquiry.objects.filter(pk=inquiry.pk, assignee=None).update(assignee=by, last_activity_at=now)
    if taken:
        inquiry.assignee = by
        events.record("taken", inquiry, actor=by, now=now)
    return bool(taken)


@transaction.atomic
def assign(inquiry: Inquiry, *, to: User | None, by: User, now: datetime) -> None:
    """Give an inquiry to a colleague, or to nobody. Nothing happens when it is theirs already.

    Raises CannotAnswer.
    """
    if to is not None and not to.has_perm(P.INQUIRIES_VIEW):
        raise CannotAnswer
    fresh = Inquiry.objects.select_for_update().get(pk=inquiry.pk)
    before = fresh.assignee
    if before == to:
        return
    fresh.assignee = to
    fresh.last_activity_at = now
    fresh.save(update_fields=["assignee", "last_activity_at"])
    inquiry.assignee = to
    names = {"from": before.pk if before else None, "from_name": str(before) if before else ""}
    if to is None:
        events.record("unassigned", inquiry, actor=by, now=now, **names)
    elif to == by and before is None:
        events.record("taken", inquiry, actor=by, now=now)
    else:
        events.record("assigned", inquiry, actor=by, now=now, **names, to=to.pk, to_name=str(to))


@transaction.atomic
def set_status(inquiry: Inquiry, *, status: str, by: User, now: datetime) -> bool:
    """Move an inquiry to another status; False when it is there already.

    Opened again, it waits since the customer's last word that nobody answered, so that solving by mistake and setting
    back leaves the due time as it was.
    """
    fresh = Inquiry.objects.select_for_update().select_related("category").get(pk=inquiry.pk)
    before = fresh.status
    if before == status:
        return False
    enter(fresh, status=status, now=now)
    fresh.last_activity_at = now
    fresh.save(update_fields=["status", "waiting_since", "reply_due_at", "solved_at", "last_activity_at"])
    for name in ("status", "waiting_since", "reply_due_at", "solved_at", "last_activity_at"):
        setattr(inquiry, name, getattr(fresh, name))
    events.record("status", inquiry, actor=by, now=now, **{"from": before, "to": status})
    return True


@transaction.atomic
def set_category(inquiry: Inquiry, *, category: Category, by: User, now: datetime) -> bool:
    """Say what an inquiry is about; the due time follows. False when it is that already."""
    fresh = Inquiry.objects.select_for_update().select_related("category").get(pk=inquiry.pk)
    before = fresh.category
    if before == category:
        return False
    fresh.category = category
    if fresh.waiting_since:
        fresh.reply_due_at = answer_due(fresh.waiting_since, category)
    fresh.last_activity_at = now
    fresh.save(update_fields=["category", "reply_due_at", "last_activity_at"])
    inquiry.category, inquiry.reply_due_at = category, fresh.reply_due_at
    data = {"from": before.slug, "to": category.slug}
    events.record("category", inquiry, actor=by, now=now, **data)
    return True


def enter(inquiry: Inquiry, *, status: str, now: datetime) -> None:
    """Set the fields that belong to a status, unsaved. The caller holds the row."""
    if status == Inquiry.Status.OPEN:
        inquiry.waiting_since = _waiting_since(inquiry) or now
        inquiry.reply_due_at = answer_due(inquiry.waiting_since, inquiry.category)
    else:
        inquiry.waiting_since = inquiry.reply_due_at = None
    if status != Inquiry.Status.HOLD:
        inquiry.snoozed_until, inquiry.snooze_reason, inquiry.snooze_comment, inquiry.snoozed_by = None, "", "", None
    inquiry.solved_at = now if status == Inquiry.Status.SOLVED else None
    inquiry.status = status


def _waiting_since(inquiry: Inquiry) -> datetime | None:
    """The first word of the customer after our last reply; None when we had the last word."""
    replied = (
        inquiry.messages.filter(kind=Message.Kind.REPLY).order_by("-at", "-pk").values_list("at", flat=True).first()
    )
    words = inquiry.messages.filter(kind=Message.Kind.RECEIVED, automatic=False)
    if replied:
        words = words.filter(at__gt=replied)
    return words.order_by("at", "pk").values_list("at", flat=True).first()
