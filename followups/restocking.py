"""Back in stock: everybody who asked hears of it once."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from followups import planning
from followups.models import PlannedMail, RestockRequest, Sequence, Step
from shopdesk.accounts import audit
from shopdesk.accounts.models import User
from shopdesk.shop.models import Product


class NoRestockSequence(Exception):
    """No sequence says what to write when a product is back; the requests stay open."""


@transaction.atomic
def restocked(product: Product, *, by: User, now: datetime) -> int:
    """Plan one letter for each open request of a product; gives how many. Clicked twice, the second finds none.

    A paused sequence plans too: its letters are held until it runs again. Raises NoRestockSequence.
    """
    steps = list(
        Step.objects.filter(
            sequence__trigger=Sequence.Trigger.RESTOCKED,
            sequence__status__in=[Sequence.Status.ACTIVE, Sequence.Status.PAUSED],
            is_active=True,
        )
    )
    if not steps:
        raise NoRestockSequence
    requests = list(
        RestockRequest.objects.select_for_update().filter(product=product, restocked_at=None).order_by("pk")
    )
    rows = []
    for request in requests:
        for step in steps:
            due = planning.due_of(step, now)
            rows.append(
                PlannedMail(
                    sequence_id=step.sequence_id, step=step, restock_request=request, customer_id=request.customer_id,
                    anchor_at=now, due_at=due, not_after=planning.not_after(step, due), created_at=now,
                )
            )  # fmt: skip
    PlannedMail.objects.bulk_create(rows, ignore_conflicts=True)
    RestockRequest.objects.filter(pk__in=[request.pk for request in requests]).update(restocked_at=now)
    if requests:
        audit.record("followups.restocked", actor=by, now=now, product=product.sku, requests=len(requests))
    return len(requests)
