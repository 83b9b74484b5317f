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
        customer.orders.filter(ordered_at__lte=at).exclude(status__in=_OVER).order_by("-ordered_at")[:20], at
    )


def sweep(now: datetime, limit: int = BATCH) -> int:
    """Set the phase of unsolved inquiries anew whose customer's orders were changed since the last time; how many
    changed. ``limit`` is how many are looked at in one go. Looking twice changes nothing."""
    with transaction.atomic():
        SweepMark.objects.get_or_create(name=_MARK, defaults={"at": now})
        mark = SweepMark.objects.select_for_update(skip_locked=True).filter(name=_MARK).first()
        if mark is None:  # another worker is at it
            return 0
        changed = Order.objects.filter(updated_at__gt=mark.at - OVERLAP).values("customer")
        rows = Inquiry.objects.unsolved().filter(customer__in=changed).select_related("order").order_by("pk")
        done, last = 0, 0
        while inquiries := list(rows.filter(pk__gt=last)[:limit]):
            done += _set(inquiries, now)
            last = inquiries[-1].pk
            if len(inquiries) < limit:
                break
        mark.at = now
        mark.save(update_fields=["at"])
    return done


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


def _set(inquiries: list[Inquiry], now: datetime) -> int:
    orders: dict[int, list[Order]] = defaultdict(list)
    customers = {inquiry.customer_id for inquiry in inquiries}
    live = Order.objects.filter(customer__in=customers, ordered_at__lte=now).exclude(status__in=_OVER)
    for order in live.order_by("-ordered_at"):
        orders[order.customer_id].append(order)
    done = 0
    for inquiry in inquiries:
        own = inquiry.order
        known = orders[inquiry.customer_id]
        phase = _of_order(own, now) if own and own.status not in _OVER else _newest(known, now)
        if phase != inquiry.phase:
            done += Inquiry.objects.filter(pk=inquiry.pk).update(phase=phase)
    return done
