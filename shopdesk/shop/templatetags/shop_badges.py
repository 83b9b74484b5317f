"""Badges of orders and imports."""

from typing import Any

from django import template
from django.utils.translation import gettext as _

from shopdesk.shop.models import ImportJob, Order
from shopdesk.shop.timeline import TONES

register = template.Library()

_JOB_TONES = {
    ImportJob.Status.RUNNING: "info",
    ImportJob.Status.DONE: "ok",
    ImportJob.Status.FAILED: "danger",
}


@register.inclusion_tag("components/badge.html")
def order_badge(status: str) -> dict[str, Any]:
    """An order's status in words and tone."""
    known = Order.Status(status)
    return {"text": known.label, "tone": TONES[known]}


@register.inclusion_tag("components/badge.html")
def job_badge(job: ImportJob) -> dict[str, Any]:
    """An import's status; a file that was only looked at says so."""
    if job.dry_run:
        return {"text": _("not confirmed"), "tone": "warn"}
    status = ImportJob.Status(job.status)
    if status == ImportJob.Status.STORED:
        return {"text": _("waiting to begin"), "tone": "info"}
    return {"text": status.label, "tone": _JOB_TONES[status]}
