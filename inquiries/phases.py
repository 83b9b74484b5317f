"""Where a customer stands with us, told by their orders and never by staff: before, ordered, on the way, arrived.

Decided when an inquiry is opened, and followed by a sweep while it is unsolved. Orders are read as of a moment, because
a mirror of the platform may tell today what happened last week.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from inquiries.models import Inquiry, SweepMark
from shopdesk.shop.models import Customer, Order

_Phase = Inquiry.Phase
_S = Order.Status

# So long after its arrival an order is what a customer's new question is about; later they are a visitor again.
ARRIVED_FOR = timedelta(days=60)
# An import writes the moment of its beginning into rows that it commits later: so far back is read again each time.
OVERLAP = timedelta(hours=1)
BATCH = 500
_MARK = "phases"


def of(customer: Customer, *, at: datetime, order: Order | None = None) -> str:
    """The phase (Inquiry.Phase) at that moment: by the inquiry's own order, else by the customer's newest live one."""
    if order is not None and order.status not in _OVER:
        return _of_order(order, at)
    return _newest(
        customer.orders.filter(ordered_at__lte=at).exclude(status__in=_OVER).order_by("-ordered_at", "-pk")[:20], at
    )


def sweep(now: datetime, limit: int = BATCH) -> int:
    """Set the phase of unsolved inquiries anew whose customer's orders were changed since the last time; how many
    changed. ``limit`` is how many are looked at in one go. Looking twice changes nothing, so any number of workers may.

    Must not be called inside a transaction: what one go has found is written and let go before the next one. A row that
    somebody holds is left to the next ring, which then looks as far back as this one did.
    """
    mark, _ = SweepMark.objects.get_or_create(name=_MARK, defaults={"at": now})
    changed = Order.objects.filter(updated_at__gt=mark.at - OVERLAP).values("customer")
    rows = Inquiry.objects.unsolved().filter(customer__in=changed).select_related("order").order_by("pk")
    done, left, last = 0, 0, 0
    while inquiries := list(rows.filter(pk__gt=last)[:limit]):
        wanted = _wanted(inquiries, now)
        written = _write(inquiries, wanted) if wanted else 0
        done, left, last = done + written, left + len(wanted) - written, inquiries[-1].pk
        if len(inquiries) < limit:
            break
    if not left:
        SweepMark.objects.filter(name=_MARK, at__lt=now).update(at=now)
    return done


def renew(customers: Iterable[int], *, now: datetime) -> int:
    """The phase of these customers' unsolved inquiries anew, in the caller's transaction: orders came to them, or left
    them, without being changed themselves. How many changed."""
    rows = Inquiry.objects.unsolved().filter(customer__in=list(customers)).select_related("order").order_by("pk")
    inquiries = list(rows)
    wanted = _wanted(inquiries, now)
    return _write(inquiries, wanted) if wanted else 0


# --- within ---------------------------------------------------------------------------------------------------------

# An order that is off tells nothing about where the customer stands.
_OVER = (_S.CANCELLED, _S.RETURNED)


def _of_order(order: Order, at: datetime) -> str:
    if _reached(order.delivered_at, at, order.status == _S.DELIVERED):
        return _Phase.DELIVERED
    if _reached(order.shipped_at, at, order.status in {_S.SHIPPED, _S.DELIVERED}):
        return _Phase.SHIPPED
    return _Phase.ORDERED


def _reached(moment: datetime | None, at: datetime, says_so: bool) -> bool:
    """By its moment, where the platform tells one; else by the status of today."""
    return moment <= at if moment is not None else says_so


def _newest(orders: Iterable[Order], at: datetime) -> str:
    """By the newest order that is not over; orders come newest first."""
    for order in orders:
        phase = _of_order(order, at)
        if phase != _Phase.DELIVERED or at - (order.delivered_at or order.ordered_at) <= ARRIVED_FOR:
            return phase
    return _Phase.BEFORE


def _wanted(inquiries: list[Inquiry], now: datetime) -> dict[int, str]:
    """{key of an inquiry: its phase}, of those that have another one. One query."""
    orders: dict[int, list[Order]] = defaultdict(list)
    customers = {inquiry.customer_id for inquiry in inquiries}
    live = Order.objects.filter(customer__in=customers, ordered_at__lte=now).exclude(status__in=_OVER)
    for order in live.order_by("-ordered_at", "-pk"):
        orders[order.customer_id].append(order)
    wanted = {}
    for inquiry in inquiries:
        own = inquiry.order
        known = orders[inquiry.customer_id]
        phase = _of_order(own, now) if own and own.status not in _OVER else _newest(known, now)
        if phase != inquiry.phase:
            wanted[inquiry.pk] = phase
    return wanted


def _write(inquiries: list[Inquiry], wanted: dict[int, str]) -> int:
    """Write the phases of one go in a transaction of its own, waiting for nobody; how many were written."""
    seen = {inquiry.pk: (inquiry.customer_id, inquiry.order_id) for inquiry in inquiries}
    phases: dict[str, list[int]] = defaultdict(list)
    with transaction.atomic():
        free = Inquiry.objects.filter(pk__in=wanted).order_by("pk").select_for_update(skip_locked=True, no_key=True)
        for pk, customer, order in free.values_list("pk", "customer_id", "order_id"):
            if seen[pk] == (customer, order):  # else it is another question meanwhile
                phases[wanted[pk]].append(pk)
        return sum(Inquiry.objects.filter(pk__in=pks).update(phase=phase) for phase, pks in phases.items())
