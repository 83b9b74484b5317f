"""What a customer asked, for the history that the desk merges."""

from django.urls import reverse

from inquiries.models import Inquiry
from shopdesk.shop.models import Customer
from shopdesk.shop.timeline import TimelineRow

_S = Inquiry.Status
TONES = {
    _S.OPEN: "warn", _S.PENDING: "info", _S.HOLD: "info", _S.SOLVED: "ok", _S.SPAM: "neutral", _S.MERGED: "neutral",
}  # fmt: skip


def timeline(customer: Customer, limit: int = 100) -> list[TimelineRow]:
    """The customer's inquiries, newest first. One query."""
    rows = Inquiry.objects.filter(customer=customer).select_related("label")
    return [
        TimelineRow(
            at=inquiry.opened_at,
            kind="inquiry",
            title=inquiry.subject,
            url=reverse("desk-inquiries:detail", args=[inquiry.pk]),
            status_label=inquiry.status_name,
            tone=TONES[Inquiry.Status(inquiry.status)],
        )
        for inquiry in rows.order_by("-opened_at", "-pk")[:limit]
    ]
