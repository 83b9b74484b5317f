"""Made-up cases for the demo. History is written as rows: no letter about it is queued."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from returns import letters, policies, requesting, transitions, units
from returns.models import Reason, ReturnCase, ReturnLine
from shopdesk.accounts.models import User
from shopdesk.shop.models import Order, OrderLine

_CASES = Path(__file__).parent / "demo" / "cases.yaml"
# state -> deeds that led to it, each a day after the one before
_WAYS = {
    "submitted": [],
    "approved": ["approve"],
    "received": ["approve", "receive"],
    "completed": ["approve", "receive", "complete"],
}


@transaction.atomic
def load(now: datetime) -> None:
    """Six cases on the newest orders that were delivered. Does nothing where cases exist, or nobody could decide."""
    by = User.objects.filter(role__code__in=["owner", "manager", "agent"]).order_by("pk").first()
    if by is None or ReturnCase.objects.exists():
        return
    stories = yaml.safe_load(_CASES.read_text(encoding="utf-8"))["cases"]
    for story, line in zip(stories, _lines(len(stories), now), strict=False):
        _write(story, line, by, now)


def _lines(count: int, now: datetime) -> list[OrderLine]:
    """One returnable line of each of the newest delivered orders; of shipped ones where these are too few."""
    orders = Order.objects.filter(shipped_at__isnull=False, lines__qty_shipped__gt=0)
    orders = orders.filter(status__in=[Order.Status.DELIVERED, Order.Status.SHIPPED]).distinct()
    newest = sorted(orders, key=lambda order: (order.delivered_at is None, -(order.delivered_at or now).timestamp()))
    lines = []
    for order in newest[:count]:
        line = order.lines.filter(qty_shipped__gt=0).select_related("order__customer", "product__category").first()
        if line is not None:
            lines.append(line)
    return lines


def _write(story: dict[str, Any], line: OrderLine, by: User, now: datetime) -> None:
    order = line.order
    quantity = min(story["units"], line.returnable)
    if not quantity or not units.hold(line.pk, quantity):
        return
    asked_at = max(now - timedelta(days=story["days"]), (order.delivered_at or order.shipped_at or now))
    steps = _WAYS[story["status"]]
    # The steps lie between the request and now, whatever the order's age.
    pace = (now - asked_at) / (len(steps) + 1)
    at = {deed: asked_at + pace * place for place, deed in enumerate(steps, start=1)}
    reason = Reason.objects.get(code=story["reason"])
    case = ReturnCase.objects.create(
        number=requesting.new_number(asked_at),
        order=order,
        customer=order.customer,
        name=order.name,
        email=letters.address_on_file(order),
        language=order.customer.language,
        status=story["status"],
        version=len(steps),
        comment=story["comment"],
        policy_shown=policies.words_of(policies.applicable(policies.in_force(), reason=reason, line=line), order=order),
        decided_by=by if steps else None,
        decision_text=story.get("text", ""),
        created_at=asked_at,
        decided_at=at.get("approve"),
        received_at=at.get("receive"),
        closed_at=at.get("complete"),
    )
    row = ReturnLine.objects.create(
        case=case, order_line=line, quantity=quantity, units=units.choose(line, quantity),
        approved=quantity if steps else 0, reason=reason, answer=story["answer"],
    )  # fmt: skip
    transitions.note(case, "return.requested", by=None, now=asked_at, units=quantity)
    for deed in steps:
        data = {"asked": quantity, "approved": quantity} if deed == "approve" else {}
        if deed == "complete":
            units.finish(line.pk, quantity)
            data = {"units": quantity, "amount": units.refundable(row)}
        transitions.note(case, transitions.EVENT_CODES[deed], by=by, now=at[deed], **data)
