"""What a customer asked, for the history that the desk merges."""

from django.urls import reverse

from inquiries.models import Inquiry
from shopdesk.shop.models import Customer
from shopdesk.shop.timeline import TimelineRow

TONES = {Inquiry.Status.OPEN: "warn", Inquiry.Status.PENDING: "info", Inquiry.Status.SOLVED: "ok"}


def timeline(customer: Customer, limit: int = 100) -> list[TimelineRow]:
    """The customer's inquiries, newest first. One query."""
    return [
        TimelineRow(
            at=inquiry.opened_at,
            kind="inquiry",
            title=inquiry.subject,
            url=reverse("desk-inquiries:detail", args=[inquiry.pk]),
            status_label=inquiry.get_status_display(),
            tone=TONES[Inquiry.Status(inquiry.status)],
        )
        for inquiry in Inquiry.objects.filter(customer=customer).order_by("-opened_at", "-pk")[:limit]
    ]
