"""Goods that came back."""

from datetime import datetime

from django.db import transaction

from returns import letters, transitions, units
from returns.models import ReturnCase
from shopdesk.accounts.models import User


@transaction.atomic
def receive(case: ReturnCase, *, by: User, now: datetime, expected_version: int | None = None) -> ReturnCase:
    """The approved goods have arrived. Raises IllegalTransition."""
    units.lock_lines(case)
    transitions.move(case, "receive", by=by, now=now, expected_version=expected_version, received_at=now)
    transitions.note(case, "return.received", by=by, now=now)
    letters.about_case(case, "received", now=now)
    return case


@transaction.atomic
def complete(case: ReturnCase, *, by: User, now: datetime, expected_version: int | None = None) -> ReturnCase:
    """Everything promised is done: the units are returned for good. Raises IllegalTransition."""
    lines = units.lock_lines(case)
    before = transitions.move(case, "complete", by=by, now=now, expected_version=expected_version, closed_at=now)
    for line in lines:
        units.finish(line.order_line_id, units.held(line, before))
    # The sum as it was when the case closed: the event keeps it, whatever a later import says about the order.
    transitions.note(
        case, "return.completed", by=by, now=now,
        units=sum(line.approved for line in lines), amount=units.refundable_total(lines),
    )  # fmt: skip
    letters.about_case(case, "completed", now=now)
    return case
