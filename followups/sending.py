"""Sending: when an appointment is due, decide from the facts of that moment and hand the letter to the outbox.

Each row is claimed, decided and ended in one short transaction of its own. A worker that dies leaves the row as it was;
another worker passes over a row that is locked; a letter exists exactly when its row says so. A text that cannot be
written ends its own row only.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, OuterRef, Q

from followups import gate, planning, writing
from followups.models import PlannedMail, PlannedMailQuerySet, Sequence
from inquiries.models import Inquiry
from returns.models import ReturnCase
from shopdesk import sweeps
from shopdesk.mail import outbox
from shopdesk.mail.models import MailClass, OutgoingMail
from shopdesk.shop.models import Customer, Store

logger = logging.getLogger(__name__)
State = PlannedMail.State

BATCH = 200  # rows of one sweep
# A queued letter is decided on today's facts: it must leave soon, or be decided anew.
FRESH_FOR = timedelta(hours=24)
# How long to wait for whatever else somebody may hold. Then the next row has its turn.
LOCK_TIMEOUT = "5s"
# Letters that waited for the same customer's complaint leave one a day, not all at once.
BETWEEN_WOKEN = timedelta(days=1)


def sweep(now: datetime, limit: int = BATCH) -> int:
    """End (send, hold, skip, expire) the rows that are due, oldest first, at most ``limit``; gives how many."""
    wake(now)
    decide_anew(now)
    return sweeps.work_off(
        in_turn(now).only("pk"),
        lambda row: _settle(row.pk, now),
        limit=limit, log=logger, words="The follow-up %s could not be decided.",
    )  # fmt: skip


def wake(now: datetime) -> int:
    """Put held rows back whose reason has passed, or whose time is over (the gate then says so); gives how many.

    What a person held waits for a person, but not beyond its last moment. For one customer the first of several leaves
    at once, the others one a day.
    """
    complaint = Inquiry.objects.complaints().filter(customer=OuterRef("customer"))
    elsewhere = Inquiry.objects.complaints_elsewhere().filter(customer=OuterRef("customer"))
    open_return = ReturnCase.objects.open().filter(customer=OuterRef("customer"))
    running = Q(sequence__status=Sequence.Status.ACTIVE, step__is_active=True)
    held = (
        PlannedMail.objects.filter(state=State.HELD)
        .filter(
            Q(not_after__lt=now)
            | Q(Q(reason="open_complaint"), ~Exists(complaint), ~Exists(elsewhere))
            | Q(Q(reason="open_return"), ~Exists(open_return))
            | Q(Q(reason="paused") & running)
        )
        .order_by("due_at", "pk")
        .values_list("pk", "customer_id", "reason", "due_at", "not_after")
    )
    woken = 0
    turns: dict[int, int] = defaultdict(int)
    for pk, customer, reason, due, last in held[:1000]:
        moved = due
        if last >= now:
            if turns[customer]:
                moved = min(max(due, now) + turns[customer] * BETWEEN_WOKEN, last)
            turns[customer] += 1
        woken += PlannedMail.objects.filter(pk=pk, state=State.HELD, reason=reason).update(
            state=State.PLANNED, reason="", due_at=moved, decision={"held_for": reason}, decided_at=None
        )
    return woken


def decide_anew(now: datetime) -> int:
    """Take back rows whose letter expired in the outbox unsent (mail was away) while they may still leave.

    An expired letter has certainly not left, so the new one, under a new key, cannot be a second copy.
    """
    expired = OutgoingMail.objects.filter(key=OuterRef("mail_key"), state=OutgoingMail.State.EXPIRED)
    rows = PlannedMail.objects.filter(
        Exists(expired), state=State.QUEUED, due_at__gt=now - timedelta(days=31), not_after__gt=now
    )
    taken = 0
    for planned in rows[:200]:
        taken += PlannedMail.objects.filter(pk=planned.pk, state=State.QUEUED, mail_key=planned.mail_key).update(
            state=State.PLANNED, mail_key=None, reason="", decided_at=None,
            decision={**planned.decision, "round": planned.decision.get("round", 1) + 1},
        )  # fmt: skip
    return taken


def key_of(planned: PlannedMail) -> str:
    """The outbox key: one for each planned mail, and one more each time that a letter expired unsent."""
    turn = planned.decision.get("round", 1)
    return f"followups:{planned.pk}" if turn == 1 else f"followups:{planned.pk}:{turn}"


def in_turn(now: datetime) -> PlannedMailQuerySet:
    """The rows that are due, in the order of the index ``planned_due``."""
    return PlannedMail.objects.due(now).order_by("due_at", "pk")


# --- within ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def _settle(pk: int, now: datetime) -> bool:
    """End one row that is due; False when somebody is at it, or was, or writes about its customer at this moment: the
    letter has its turn when they are done."""
    rows = in_turn(now).filter(pk=pk).select_for_update(skip_locked=True, of=("self",))
    about = rows.select_related("sequence", "step", "order__store", "restock_request__product")
    planned = about.prefetch_related("step__categories", "order__lines__product").first()
    return planned is not None and _end(planned, now)


def _end(planned: PlannedMail, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
    # Customers come before what belongs to them (merging_customers.py): who holds the letter waits for none.
    customer = Customer.objects.select_for_update(skip_locked=True).filter(pk=planned.customer_id).first()
    if customer is None:
        return False
    if _put_off(planned, now):
        return True
    verdict = gate.decide(planned, customer, now=now)
    if not verdict.allowed:
        _record(planned, verdict.state, verdict.code, verdict.facts, now)
        return True
    try:
        with transaction.atomic():
            key = _queue(planned, customer, now)
    except DatabaseError:
        raise
    except Exception as error:  # whatever a text does, it ends its own row and no other
        logger.warning("follow-up %s could not be written", planned.pk, exc_info=True)
        _record(planned, State.FAILED, "text", {"error": f"{type(error).__name__}: {error}"[:300]}, now)
        return True
    _record(planned, State.QUEUED, verdict.code, verdict.facts, now, mail_key=key)
    return True


def _put_off(planned: PlannedMail, now: datetime) -> bool:
    """On a closing day, which may have been entered after it was planned, a letter for business days waits for the next
    one. What a person released leaves at once."""
    if not planned.step.business_days or now > planned.not_after or planned.decision.get("released_by"):
        return False
    if planning.open_day(planned.step, now) <= now:
        return False
    planned.due_at = planning.open_day(planned.step, planned.due_at)
    if planned.due_at <= now:  # it was due on an open day and is late
        planned.due_at = planning.open_day(planned.step, now)
    planned.not_after = planning.not_after(planned.step, planned.due_at)
    planned.save(update_fields=["due_at", "not_after"])
    return True


def _queue(planned: PlannedMail, customer: Customer, now: datetime) -> str:
    words = writing.compose(planned, customer, now=now)
    store = planned.order.store if planned.order is not None else Store.default()
    key = key_of(planned)
    outbox.queue(
        key=key,
        to_address=gate.address_of(planned, customer),
        to_name=customer.name,
        from_address=store.sender_address,
        from_name=store.sender_name,
        subject=words.subject,
        text=words.text,
        language=words.language,
        mail_class=MailClass(planned.sequence.mail_class),
        headers=writing.headers(planned, words),
        not_after=min(now + FRESH_FOR, planned.not_after),
        now=now,
    )
    return key


def _record(
    planned: PlannedMail, state: PlannedMail.State, code: str, facts: dict[str, object], now: datetime,
    *, mail_key: str | None = None,
) -> None:  # fmt: skip
    kept = {name: planned.decision[name] for name in ("released_by", "held_for", "round") if name in planned.decision}
    planned.state = state
    planned.reason = "" if state == State.QUEUED else code
    planned.decision = {**kept, **facts, "code": code}
    planned.decided_at = now
    planned.mail_key = mail_key
    planned.save(update_fields=["state", "reason", "decision", "decided_at", "mail_key"])
    if state != State.HELD:
        planning.plan_next(planned, now)
