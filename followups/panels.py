"""What another room's page shows of a customer's follow-ups."""

from dataclasses import dataclass

from followups import sentences
from followups.models import PlannedMail
from shopdesk.shop.models import Customer


@dataclass(frozen=True)
class WaitingMail:
    """One letter that waits: ``held`` says whether something keeps it back, ``why`` is the sentence."""

    planned: PlannedMail
    held: bool
    why: str


def for_customer(customer: Customer, limit: int = 12) -> list[WaitingMail]:
    """Held letters first, then those to come, soonest first. One query."""
    rows = PlannedMail.objects.waiting().filter(customer=customer).select_related("step", "sequence", "order")
    return [
        WaitingMail(planned, planned.state == PlannedMail.State.HELD, sentences.sentence(planned))
        for planned in rows.order_by("-state", "due_at", "pk")[:limit]
    ]
