"""Follow-ups in a customer's history."""

from django.urls import reverse
from django.utils.translation import gettext as _

from followups import sentences
from followups.models import PlannedMail
from shopdesk.shop.models import Customer
from shopdesk.shop.timeline import TimelineRow


def timeline(customer: Customer, limit: int = 100) -> list[TimelineRow]:
    """The customer's follow-ups, newest first, those still to come included. One query."""
    rows = PlannedMail.objects.filter(customer=customer).select_related("step", "sequence")
    return [
        TimelineRow(
            at=planned.decided_at or planned.due_at,
            kind="followup",
            title=_("Follow-up: %(step)s") % {"step": planned.step},
            url=reverse("desk-followups:planned", args=[planned.pk]),
            status_label=sentences.label(planned) or planned.get_state_display(),
            tone=sentences.TONES[planned.state],
        )
        for planned in rows.order_by("-due_at", "-pk")[:limit]
    ]
