"""How the outgoing mail is doing, in a few numbers: for /readyz and the home page."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from shopdesk.mail.models import OutgoingMail

State = OutgoingMail.State


@dataclass(frozen=True)
class Attention:
    """How many letters wait for a person: of which nobody knows whether they left, and which failed."""

    uncertain: int
    failed: int
    held: int

    @property
    def total(self) -> int:
        return self.uncertain + self.failed + self.held


def oldest_due(now: datetime) -> datetime | None:
    """Since when the longest waiting due letter is due; None when nothing is due. One index entry is read."""
    return OutgoingMail.objects.due(now).order_by("due_at", "pk").values_list("due_at", flat=True).first()


def attention() -> Attention:
    """Letters that a person must look at, in one query."""
    counts = OutgoingMail.objects.needs_attention().aggregate(
        uncertain=Count("pk", filter=Q(state=State.UNCERTAIN)),
        failed=Count("pk", filter=Q(state=State.FAILED)),
        held=Count("pk", filter=Q(state=State.HELD)),
    )
    return Attention(**counts)
