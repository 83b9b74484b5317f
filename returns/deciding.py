"""What the shop answers to a request: yes (to all or to fewer units), or no."""

from datetime import datetime

from django.db import transaction

from returns import letters, transitions, units
from returns.models import ReturnCase
from shopdesk import text as words
from shopdesk.accounts.models import User


class BadQuantities(Exception):
    """Quantities for lines of another case, below nothing, above what was asked, or nothing at all."""


class TextMissing(Exception):
    """A refusal without a word to the customer."""


class LegalDuty(Exception):
    """The request names a reason for which the law makes the shop answer; refusing needs that it was looked at."""


@transaction.atomic
def approve(
    case: ReturnCase,
    *,
    quantities: dict[int, int] | None,
    text: str,
    by: User,
    now: datetime,
    expected_version: int | None = None,
) -> ReturnCase:
    """Say yes. ``quantities``: approved units by ReturnLine pk, None for everything asked; the rest is free at once.

    Raises BadQuantities, or IllegalTransition when the case was decided or withdrawn meanwhile.
    """
    lines = units.lock_lines(case)
    given = {line.pk: line.quantity for line in lines} if quantities is None else quantities
    if set(given) != {line.pk for line in lines}:
        raise BadQuantities
    if any(not 0 <= given[line.pk] <= line.quantity for line in lines) or not any(given.values()):
        raise BadQuantities
    transitions.move(
        case, "approve", by=by, now=now, expected_version=expected_version,
        decided_by=by, decided_at=now, decision_text=words.clean(text).strip(),
    )  # fmt: skip
    for line in lines:
        line.approved = given[line.pk]
        # The last of its units are refunded first, as where the whole request was made.
        line.units = line.units[len(line.units) - line.approved :]
        line.save(update_fields=["approved", "units"])
        units.release(line.order_line_id, line.quantity - line.approved)
    asked, approved = sum(line.quantity for line in lines), sum(line.approved for line in lines)
    transitions.note(case, "return.approved", by=by, now=now, asked=asked, approved=approved)
    letters.about_case(case, "approved", now=now)
    return case


@transaction.atomic
def decline(
    case: ReturnCase,
    *,
    text: str,
    by: User,
    now: datetime,
    expected_version: int | None = None,
    duty_checked: bool = False,
) -> ReturnCase:
    """Say no, with words to the customer; the units are free at once.

    Raises TextMissing; LegalDuty where a reason is the shop's duty and nobody confirmed to have looked at it;
    IllegalTransition when the case was decided or withdrawn meanwhile.
    """
    said = words.clean(text).strip()
    if not said:
        raise TextMissing
    lines = units.lock_lines(case)
    duty = any(line.reason.is_shops_duty for line in lines)
    if duty and not duty_checked:
        raise LegalDuty
    before = transitions.move(
        case, "decline", by=by, now=now, expected_version=expected_version,
        decided_by=by, decided_at=now, decision_text=said, closed_at=now,
    )  # fmt: skip
    for line in lines:
        units.release(line.order_line_id, units.held(line, before))
    transitions.note(case, "return.declined", by=by, now=now, duty_checked=duty)
    letters.about_case(case, "declined", now=now)
    return case
