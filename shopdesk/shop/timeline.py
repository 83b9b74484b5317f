"""One customer's history, as one list of rows from every room."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from shopdesk.shop.models import Customer, Order

TONES = {
    Order.Status.NEW: "info",
    Order.Status.PAID: "info",
    Order.Status.SHIPPED: "ok",
    Order.Status.DELIVERED: "ok",
    Order.Status.CANCELLED: "neutral",
    Order.Status.RETURNED: "neutral",
}


@dataclass(frozen=True)
class TimelineRow:
    """One event. ``kind``: order, inquiry …; ``tone``: neutral, info, ok, warn or danger, as of a badge."""

    at: datetime
    kind: str
    title: str
    url: str = ""
    status_label: str = ""
    tone: str = "neutral"


def timeline(customer: Customer, limit: int = 100) -> list[TimelineRow]:
    """The customer's orders, newest first. One query."""
    return [
        TimelineRow(
            at=order.ordered_at,
            kind="order",
            title=_("Order no. %(number)s") % {"number": order.number},
            url=reverse("desk-shop:order", args=[order.pk]),
            status_label=order.get_status_display(),
            tone=TONES[Order.Status(order.status)],
        )
        for order in Order.objects.of_customer(customer)[:limit]
    ]
