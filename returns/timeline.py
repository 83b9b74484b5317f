"""A customer's returns as rows of his history."""

from django.urls import reverse
from django.utils.translation import gettext as _

from returns.models import ReturnCase
from returns.sentences import tone
from shopdesk.shop.models import Customer
from shopdesk.shop.timeline import TimelineRow


def timeline(customer: Customer, limit: int = 100) -> list[TimelineRow]:
    """The customer's return requests, newest first. One query."""
    cases = ReturnCase.objects.filter(customer=customer).select_related("order").order_by("-created_at", "-pk")
    return [
        TimelineRow(
            at=case.created_at,
            kind="return",
            title=_("Return %(number)s (order %(order)s)") % {"number": case.number, "order": case.order.number},
            url=reverse("desk-returns:detail", args=[case.pk]),
            status_label=case.get_status_display(),
            tone=tone(case.status),
        )
        for case in cases[:limit]
    ]
