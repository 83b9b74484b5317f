"""What a person does to an appointment: hold it, let it go, call it off. Each act is checked and logged."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from followups import planning
from followups.models import PlannedMail, Sequence
from shopdesk.accounts import audit
from shopdesk.accounts.models import User

State = PlannedMail.State


@transaction.atomic
def hold(planned: PlannedMail, *, by: User, now: datetime) -> bool:
    """Keep a letter back until a person releases it. False when it was decided in the meantime."""
    return _change(planned, [State.PLANNED], State.HELD, "held_by_staff", by, now, {})


@transaction.atomic
def release(planned: PlannedMail, *, by: User, now: datetime) -> bool:
    """Let a held letter leave at its time, or at once when that has passed. False when it is not held any more.

    A person's word passes the holds (a complaint, an open return, a pause); it never passes an unsubscription, a
    missing consent, a cancelled order or a letter's last moment: the gate still looks at those.
    """
    return _change(planned, [State.HELD], State.PLANNED, "", by, now, {"released_by": by.pk})


@transaction.atomic
def cancel(planned: PlannedMail, *, by: User, now: datetime) -> bool:
    """Call one letter off. False when it was decided in the meantime. A repeating step goes on with its next time."""
    if not _change(planned, [State.PLANNED, State.HELD], State.CANCELLED, "cancelled_by_staff", by, now, {}):
        return False
    planned.refresh_from_db()
    planning.plan_next(planned, now)
    return True


@transaction.atomic
def set_status(sequence: Sequence, status: Sequence.Status, *, by: User, now: datetime) -> bool:
    """Pause or start a sequence. Letters that fall due in a pause are held, and go on when it ends if not too late."""
    if not Sequence.objects.filter(pk=sequence.pk).exclude(status=status).update(status=status):
        return False
    audit.record("followups.sequence_status", actor=by, now=now, sequence=sequence.slug, status=status.value)
    return True


def _change(
    planned: PlannedMail, expected: list[PlannedMail.State], state: PlannedMail.State, reason: str, by: User,
    now: datetime, facts: dict[str, object],
) -> bool:  # fmt: skip
    row = PlannedMail.objects.select_for_update().filter(pk=planned.pk, state__in=expected).first()
    if row is None:
        return False
    why = row.reason
    row.state, row.reason = state, reason
    row.decided_at = None if state == State.PLANNED else now
    row.decision = {**row.decision, **facts, "code": reason or "released", "by": by.pk, "by_name": str(by)}
    if state == State.PLANNED:
        row.decision["held_for"] = why
    row.save(update_fields=["state", "reason", "decision", "decided_at"])
    code = {State.PLANNED: "released", State.HELD: "held", State.CANCELLED: "cancelled"}[state]
    audit.record(f"followups.{code}", actor=by, now=now, planned=planned.pk, was=why)
    return True
