"""Planning: from facts about orders to appointments. Repeatable, and safe for any number of planners at once.

What is missing is found by an anti-join (an order that a step concerns and that has no row for it), and written with ON
CONFLICT DO NOTHING; so no event can be lost and none can count twice. A hint remembers how far the orders were looked
at, to keep each look short; every hour, and whenever a step changes, all orders are looked at.

All steps of a sequence are planned at once. A step that repeats has one row ahead: occurrence n+1 is planned in the
transaction that ends occurrence n (``plan_next``), and by the sweep where that was not possible.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from followups import timing
from followups.models import PlannedMail, PlanningHint, Sequence, Step
from shopdesk.business_time import NeverOpen, on_open_day
from shopdesk.shop.models import Order, OrderLine

BATCH = 500  # rows of one sweep
# How long before the hint a look begins: longer than any import's transaction, whose rows carry the time of its start.
LOOK_BACK = timedelta(days=1)
LOOK_AT_ALL_EVERY = timedelta(hours=1)
# Reasons after which a repeating step has nothing more to say about this order.
ENDS_A_SERIES = ("order_cancelled", "order_returned", "returned", "repurchased", "series_ended")

State = PlannedMail.State
_ENDED = (State.QUEUED, State.FAILED, State.SKIPPED, State.CANCELLED, State.EXPIRED)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def zone() -> ZoneInfo:
    """The shop's own zone; wall times of steps are meant in it."""
    return _zone(settings.TIME_ZONE)


def sweep(now: datetime, limit: int = BATCH) -> int:
    """Plan what is missing and re-date what a later fact has moved: about ``limit`` rows at most; gives how many."""
    steps = _active_steps()
    digest = _digest(steps)
    hint = PlanningHint.objects.filter(pk=1).first() or PlanningHint()
    look_at_all = (
        hint.seen_until is None
        or hint.all_seen_at is None
        or hint.all_seen_at <= now - LOOK_AT_ALL_EVERY
        or hint.all_seen_at > now  # the clock went back
        or hint.steps_digest != digest
    )
    since = None if look_at_all or hint.seen_until is None else hint.seen_until - LOOK_BACK
    room = limit
    room -= _redate_moved(now, since, room)
    for step in steps:
        if room > 0:
            room -= _plan_missing(step, now, since, room)
    if look_at_all and room > 0:
        room -= _continue_series(steps, now, room)
    if room > 0:
        # Everything up to here was seen. With concurrent planners the last one writes; any of their values is right.
        PlanningHint.objects.update_or_create(
            pk=1,
            defaults={"seen_until": now, "steps_digest": digest} | ({"all_seen_at": now} if look_at_all else {}),
        )
    return limit - room


def anchors(sequence: Sequence) -> models.expressions.Combinable:
    """The moment that a sequence counts from, as an expression over orders; NULL where the fact is not known yet.

    Where no delivery is reported, so many days after shipping stand in for it.
    """
    if sequence.trigger == Sequence.Trigger.ORDERED:
        return F("ordered_at")
    if sequence.trigger == Sequence.Trigger.SHIPPED:
        return F("shipped_at")
    fallback = ExpressionWrapper(
        F("shipped_at") + timedelta(days=sequence.delivered_fallback_days), output_field=models.DateTimeField()
    )
    return Coalesce(F("delivered_at"), fallback)


def concerned(step: Step) -> QuerySet[Order]:
    """Orders that a step is about, by its conditions; annotated with ``anchor``, never NULL."""
    sequence = step.sequence
    orders = (
        Order.objects.filter(plan_followups=True)
        .exclude(status__in=[Order.Status.CANCELLED, Order.Status.RETURNED])
        .annotate(anchor=anchors(sequence))
        .filter(anchor__isnull=False)
    )
    lines = matching_lines(step)
    if lines is not None:
        orders = orders.filter(Exists(lines.filter(order=OuterRef("pk"))))
    if sequence.first_order_only:
        earlier = Order.objects.exclude(status=Order.Status.CANCELLED).filter(
            Q(ordered_at__lt=OuterRef("ordered_at")) | Q(ordered_at=OuterRef("ordered_at"), pk__lt=OuterRef("pk")),
            customer=OuterRef("customer"),
        )
        orders = orders.filter(~Exists(earlier))
    return orders


def matching_lines(step: Step) -> QuerySet[OrderLine] | None:
    """The order lines that the step's conditions speak about: of one of its categories and with one of its tags.

    None when the step has no conditions and every line counts.
    """
    categories = categories_of(step)
    if not categories and not step.tags:
        return None
    lines = OrderLine.objects.all()
    if categories:
        lines = lines.filter(product__category__in=categories)
    if step.tags:
        lines = lines.filter(product__tags__overlap=step.tags)
    return lines


def categories_of(step: Step) -> set[int]:
    """The categories that a step is limited to; empty: no limit. A step that is not saved yet has none."""
    return {category.pk for category in step.categories.all()} if step.pk else set()


def missing(step: Step, since: datetime | None) -> QuerySet[Order]:
    """Orders that a step concerns and that have no row for it, those changed first in front."""
    orders = concerned(step)
    if since is not None:
        orders = orders.filter(updated_at__gte=since)
    planned = PlannedMail.objects.filter(sequence=step.sequence, order=OuterRef("pk"), step=step, occurrence=1)
    # A scalar sub-select instead of NOT EXISTS, which PostgreSQL makes a join of: for a step that is just being planned
    # for the first time it guesses "one row", and then compares every order with every row (seconds instead of 0.1 s).
    orders = orders.annotate(has_row=models.Subquery(planned.order_by().values("pk")[:1]))
    return orders.filter(has_row__isnull=True).order_by("updated_at", "pk")


def plan_next(planned: PlannedMail, now: datetime) -> int:
    """Plan the next occurrence of a step whose row has just ended, in the caller's transaction.

    Occurrences that are already too late are recorded as expired, so that the next row is one that can still leave.
    Gives the number of rows.
    """
    step = planned.step
    if planned.order_id is None or planned.occurrence >= step.repeat_times or planned.reason in ENDS_A_SERIES:
        return 0
    rows = _rows(step, planned.order_id, planned.customer_id, planned.anchor_at, now, first=planned.occurrence + 1)
    PlannedMail.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def replan(step: Step, *, now: datetime) -> int:
    """Give the waiting rows of a step the due times that the step says now; gives how many moved.

    A row that was decided in the meantime stays as it was decided.
    """
    moved = 0
    for planned in PlannedMail.objects.waiting().filter(step=step).select_related("step").iterator(chunk_size=500):
        moved += _redate(planned, planned.anchor_at, now)
    return moved


def due_of(step: Step, anchor: datetime, occurrence: int = 1) -> datetime:
    """When the n-th letter of a step is due in the shop's zone."""
    return open_day(step, timing.due_at(anchor, step.rule, zone=zone(), occurrence=occurrence))


def open_day(step: Step, due: datetime) -> datetime:
    """For a step that leaves on business days only: the same time on the first day on which the shop opens."""
    if not step.business_days:
        return due
    try:
        return on_open_day(due, step.calendar)
    except NeverOpen:
        return due


def not_after(step: Step, due: datetime) -> datetime:
    """The last moment at which a letter may leave."""
    return due + timedelta(hours=step.max_late_hours)


# --- within ---------------------------------------------------------------------------------------------------------


def _active_steps() -> list[Step]:
    triggers = [Sequence.Trigger.ORDERED, Sequence.Trigger.SHIPPED, Sequence.Trigger.DELIVERED]
    return list(
        Step.objects.filter(is_active=True, sequence__status=Sequence.Status.ACTIVE, sequence__trigger__in=triggers)
        .select_related("sequence")
        .prefetch_related("categories")
        .order_by("sequence_id", "position", "pk")
    )


def _digest(steps: Iterable[Step]) -> str:
    """Changes when anything changes that decides which orders a step concerns."""
    facts = [
        [
            step.pk, step.sequence.trigger, step.sequence.delivered_fallback_days, step.sequence.first_order_only,
            sorted(categories_of(step)), sorted(step.tags), step.repeat_months,
            step.repeat_times,
        ]
        for step in steps
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _rows(
    step: Step, order_id: int, customer_id: int, anchor: datetime, now: datetime, *, first: int = 1
) -> list[PlannedMail]:
    """Row number ``first`` and, while rows are too late already, the ones after it up to the first that is not."""
    rows = []
    for occurrence in range(first, step.repeat_times + 1):
        due = due_of(step, anchor, occurrence)
        planned = PlannedMail(
            sequence_id=step.sequence_id, step=step, order_id=order_id, customer_id=customer_id, occurrence=occurrence,
            anchor_at=anchor, due_at=due, not_after=not_after(step, due), created_at=now,
        )  # fmt: skip
        rows.append(planned)
        if planned.not_after >= now:
            break
        planned.state, planned.reason, planned.decided_at = State.EXPIRED, "late_when_planned", now
        planned.decision = {"code": "late_when_planned"}
    return rows


def _plan_missing(step: Step, now: datetime, since: datetime | None, room: int) -> int:
    missed = missing(step, since)
    found = missed.values_list("pk", "customer_id", "anchor")[:room]  # type: ignore[misc]  # annotated by concerned()
    rows = [row for order, customer, anchor in found for row in _rows(step, order, customer, anchor, now)]
    PlannedMail.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    return len(rows)


def _continue_series(steps: list[Step], now: datetime, room: int) -> int:
    """Plan the next occurrence where the last row has ended without one: a step that was made to repeat more often."""
    repeating = [step.pk for step in steps if step.repeat_times > 1]
    if not repeating:
        return 0
    after = PlannedMail.objects.filter(
        sequence=OuterRef("sequence"), order=OuterRef("order"), step=OuterRef("step"),
        occurrence=OuterRef("occurrence") + 1,
    )  # fmt: skip
    ended = (
        PlannedMail.objects.filter(
            ~Exists(after), step__in=repeating, state__in=_ENDED, occurrence__lt=F("step__repeat_times"),
            order__isnull=False, order__plan_followups=True,
        )
        .exclude(reason__in=ENDS_A_SERIES)
        .exclude(order__status__in=[Order.Status.CANCELLED, Order.Status.RETURNED])
        .select_related("step")
        .order_by("pk")
    )  # fmt: skip
    return sum(plan_next(planned, now) for planned in ended[:room])


def _redate_moved(now: datetime, since: datetime | None, room: int) -> int:
    """Re-date waiting rows whose anchor is known better now: the parcel arrived on another day than was supposed."""
    moved = 0
    for sequence in Sequence.objects.exclude(trigger__in=[Sequence.Trigger.RESTOCKED, Sequence.Trigger.MANUAL]):
        orders = Order.objects.annotate(anchor=anchors(sequence)).filter(pk=OuterRef("order"), anchor__isnull=False)
        rows = PlannedMail.objects.waiting().filter(sequence=sequence, order__isnull=False)
        if since is not None:
            rows = rows.filter(order__updated_at__gte=since)
        rows = (
            rows.annotate(known_anchor=models.Subquery(orders.values("anchor")[:1]))
            .filter(known_anchor__isnull=False)
            .exclude(known_anchor=F("anchor_at"))
            .select_related("step")
            .order_by("pk")[: max(0, room - moved)]
        )
        for planned in rows:
            moved += _redate(planned, planned.known_anchor, now)  # type: ignore[attr-defined]  # annotated above
    return moved


def _redate(planned: PlannedMail, anchor: datetime, now: datetime) -> int:
    """Compare-and-set: a row that somebody decided, or re-dated, in the meantime stays as it is."""
    step = planned.step
    occurrence = planned.occurrence if step.repeat_months else 1
    due = due_of(step, anchor, occurrence)
    if (anchor, due, not_after(step, due)) == (planned.anchor_at, planned.due_at, planned.not_after):
        return 0
    with transaction.atomic():
        return PlannedMail.objects.filter(
            pk=planned.pk, state=planned.state, anchor_at=planned.anchor_at, due_at=planned.due_at
        ).update(anchor_at=anchor, due_at=due, not_after=not_after(step, due))
