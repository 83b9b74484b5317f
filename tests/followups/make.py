"""Makers of follow-up rows."""

from datetime import time

from followups.models import PlannedMail, Sequence, Step
from shopdesk.mail import consents
from shopdesk.shop.models import ProductCategory
from tests import make

BODY = "{{ customer.name }} 様\n\nご注文 {{ order.number }} のご案内です。"


def make_sequence(slug="care", *, trigger="delivered", mail_class="service", status="active", **fields):
    return Sequence.objects.create(
        slug=slug, name=fields.pop("name", slug), trigger=trigger, mail_class=mail_class, status=status, **fields
    )


def make_step(sequence, *, delay=1, unit="days", local_time=time(10), categories=(), **fields):
    defaults = {
        "name": f"{sequence.slug} {delay} {unit}",
        "subject_ja": "ご案内（{{ order.number }}）",
        "body_ja": BODY,
    }
    step = Step.objects.create(
        sequence=sequence, delay=delay, unit=unit, local_time=local_time, **{**defaults, **fields}
    )
    for slug in categories:
        step.categories.add(ProductCategory.objects.get_or_create(slug=slug, defaults={"name": slug})[0])
    return step


def make_planned(step, order, *, due_at=make.NOW, **fields):
    """An appointment about an order, due now."""
    from datetime import timedelta

    defaults = {
        "anchor_at": order.delivered_at or order.ordered_at,
        "not_after": due_at + timedelta(hours=step.max_late_hours),
        "created_at": make.NOW,
    }
    return PlannedMail.objects.create(
        sequence=step.sequence, step=step, order=order, customer=order.customer, due_at=due_at, **{**defaults, **fields}
    )


def give_consent(address="hanako@mail.example"):
    consents.give(address, source="test", now=make.NOW)
