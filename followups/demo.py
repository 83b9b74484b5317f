"""The demo shop's follow-ups: seven sequences, the newsletter's words, and what they planned and sent for its orders.

What would have left before today is written as history: rows and letters that were sent, without any queue. Only
appointments after ``now`` are live. Loading it again adds nothing.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from followups import gate, planning, writing
from followups.models import Campaign, PlannedMail, RestockRequest, Sequence, Step
from shopdesk.mail import consents, message, message_ids
from shopdesk.mail.models import Consent, OutgoingMail
from shopdesk.shop.models import Customer, Product, ProductCategory, Store

_FILE = Path(__file__).parent / "demo" / "step_mails.yaml"
_CONSENT_WORDS = "お得な情報とお便りをメールで受け取る（広告）"
State = PlannedMail.State


@transaction.atomic
def load(now: datetime) -> None:
    """Write sequences and newsletters, then consents, appointments and history for the orders that are there."""
    content: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    for row in content["sequences"]:
        _sequence(dict(row))
    for row in content["campaigns"]:
        Campaign.objects.get_or_create(slug=row["slug"], defaults=row)
    _consents(now)
    while planning.sweep(now):
        pass
    _history(now)
    _restock_requests(now)


def _sequence(row: dict[str, Any]) -> None:
    steps = row.pop("steps")
    sequence, new = Sequence.objects.get_or_create(
        slug=row.pop("slug"), defaults={**row, "status": Sequence.Status.ACTIVE}
    )
    if not new:
        return
    for position, words in enumerate(steps):
        categories = words.pop("categories", [])
        if "local_time" in words:
            words["local_time"] = time.fromisoformat(words["local_time"])
        step = Step.objects.create(sequence=sequence, position=position, **words)
        step.categories.set(ProductCategory.objects.filter(slug__in=categories))


def _consents(now: datetime) -> None:
    """Two of three customers ticked the box when they first ordered."""
    for place, customer in enumerate(Customer.objects.filter(orders__isnull=False).distinct().order_by("pk")):
        address = customer.email
        if place % 3 != 2 and address and not Consent.objects.filter(address=address).exists():
            consents.give(address, source="注文フォーム", now=now - timedelta(days=395 - place), wording=_CONSENT_WORDS)


def _history(now: datetime) -> None:
    """What the shop would have done by itself before today, decided by the gate as of each letter's own time."""
    past = (
        PlannedMail.objects.filter(due_at__lte=now, mail_key=None, state__in=[State.PLANNED, State.EXPIRED])
        .exclude(reason="late")
        .select_related("sequence", "step", "order__store")
        .prefetch_related("step__categories", "order__lines__product", "customer__addresses")
        .order_by("due_at", "pk")
    )
    for planned in past:
        verdict = gate.decide(planned, planned.customer, now=planned.due_at)
        recent = planned.not_after >= now
        if verdict.state == State.HELD and not recent:
            verdict = gate.Verdict(State.QUEUED, "allowed")  # what holds it today had not happened then
        planned.state, planned.decided_at = verdict.state, planned.due_at
        planned.reason = "" if verdict.allowed else verdict.code
        planned.decision = {**verdict.facts, "code": verdict.code}
        if verdict.allowed:
            planned.mail_key = f"followups:{planned.pk}"
            _sent_letter(planned)
        planned.save(update_fields=["state", "reason", "decision", "decided_at", "mail_key"])
        planning.plan_next(planned, now)


def _sent_letter(planned: PlannedMail) -> None:
    at = planned.due_at + timedelta(seconds=9)
    words = writing.compose(planned, planned.customer, now=planned.due_at)
    store = planned.order.store if planned.order is not None else Store.default()
    letter = OutgoingMail(
        key=planned.mail_key or "", mail_class=planned.sequence.mail_class, language=words.language,
        from_name=store.sender_name, from_address=store.sender_address, to_name=planned.customer.name,
        to_address=gate.address_of(planned, planned.customer), subject=words.subject, text=words.text,
        headers=writing.headers(planned, words), message_id=message_ids.for_key(planned.mail_key or ""),
        state=OutgoingMail.State.SENT, due_at=planned.due_at, attempt=1, created_at=planned.due_at, changed_at=at,
        sent_at=at,
    )  # fmt: skip
    letter.raw = message.build(letter, at)
    letter.save()


def _restock_requests(now: datetime) -> None:
    """Five people wait for two products."""
    people = Customer.objects.filter(addresses__masked=False).distinct().order_by("pk")[:5]
    products = list(Product.objects.order_by("sku"))[1:30:19]
    for place, customer in enumerate(people):
        if products and not RestockRequest.objects.filter(customer=customer).exists():
            RestockRequest.objects.create(
                customer=customer, product=products[place % len(products)],
                created_at=now - timedelta(days=9 - place, hours=place),
            )  # fmt: skip
