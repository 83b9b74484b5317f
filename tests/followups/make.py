"""Makers of follow-up rows."""

from datetime import time

from followups.models import PlannedMail, Sequence, Step
from inquiries.models import Category, Inquiry
from returns.models import ReturnCase
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


def complain(customer, *, status="open", number="Q-1"):
    category = Category.objects.get_or_create(
        slug="test-complaint",
        defaults={"phase": "after", "name_ja": "不良", "name_en": "Defect", "is_complaint": True},
    )[0]
    return Inquiry.objects.create(
        number=number, store=make.make_store(), customer=customer, name=customer.name, email=customer.email,
        category=category, subject="壊れていました", status=status, opened_at=make.NOW, last_activity_at=make.NOW,
        waiting_since=make.NOW if status == "open" else None, solved_at=make.NOW if status == "solved" else None,
    )  # fmt: skip


def solve(inquiry, at=make.NOW):
    Inquiry.objects.filter(pk=inquiry.pk).update(status="solved", waiting_since=None, solved_at=at)


def ask_return(order, status="submitted", number="R-1", by=None):
    closed = status in {"completed", "declined", "withdrawn"}
    decided = status not in {"submitted", "withdrawn"}
    return ReturnCase.objects.create(
        number=number, order=order, customer=order.customer, name=order.name, email=order.email or "x@mail.example",
        status=status, created_at=make.NOW, closed_at=make.NOW if closed else None,
        decided_by=by or (make.make_user() if decided else None), decided_at=make.NOW if decided else None,
    )  # fmt: skip


def state_of(planned):
    planned.refresh_from_db()
    return PlannedMail.State(planned.state), planned.reason
