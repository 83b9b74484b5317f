"""Asking to send something back, and taking the wish back."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction

from returns import letters, policies, transitions, units
from returns.models import Policy, Reason, ReturnCase, ReturnLine
from shopdesk import text
from shopdesk.accounts.models import User
from shopdesk.shop.models import Order, OrderLine

# Without characters that are mistaken for others when read aloud or copied by hand.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
MAX_COMMENT = 2000
MAX_ANSWER = 1000


class BadRequest(Exception):
    """A request that no honest form makes. Nothing was written."""


class NothingWanted(BadRequest):
    """No line, or no unit of any line."""


class DuplicateLine(BadRequest):
    """The same order line twice in one request."""


class UnknownLine(BadRequest):
    """A line of another order, or of none."""


class BadQuantity(BadRequest):
    """Fewer than one unit."""


class UnknownReason(BadRequest):
    """A reason that is not offered."""


class AnswerMissing(BadRequest):
    """The reason's question needs an answer."""

    def __init__(self, line: OrderLine) -> None:
        super().__init__(str(line))
        self.line = line


class TooMany(Exception):
    """More units than are free: shipped, and neither in an open nor in a finished return. Nothing was written."""

    def __init__(self, line: OrderLine, free: int) -> None:
        super().__init__(f"{line}: {free} free")
        self.line = line
        self.free = free


@dataclass(frozen=True)
class Wanted:
    """Units of one order line to send back, and why."""

    order_line_id: int
    quantity: int
    reason_id: int
    answer: str = ""


def new_number(now: datetime) -> str:
    """R-YYMMDD-xxxx: the day in the shop's zone and four random characters; the unique constraint decides."""
    day = now.astimezone(ZoneInfo(settings.TIME_ZONE))
    return f"R-{day:%y%m%d}-" + "".join(secrets.choice(_ALPHABET) for _ in range(4))


def request_return(
    order: Order,
    *,
    wanted: Sequence[Wanted],
    comment: str,
    language: str,
    form_token: UUID | None,
    now: datetime,
) -> ReturnCase:
    """Open a case, hold its units and send the acknowledgement. The same form twice gives the same case.

    The rules' windows are not asked here: the customer's form refuses by them, staff may be kinder.
    Raises BadRequest (a subclass says why) or TooMany; nothing is held then.
    """
    lines, reasons = _checked(order, wanted)
    if (twin := _twin(order, form_token)) is not None:
        return twin
    for attempt in range(5):
        try:
            with transaction.atomic():
                return _open(order, wanted, lines, reasons, comment, language, form_token, now)
        except IntegrityError:
            # The same form in another tab was faster, or the number was taken.
            if (twin := _twin(order, form_token)) is not None:
                return twin
            if attempt == 4:
                raise
    raise AssertionError  # the loop returns or raises


def _twin(order: Order, form_token: UUID | None) -> ReturnCase | None:
    if form_token is None:
        return None
    return ReturnCase.objects.filter(form_token=form_token, order=order).first()


def _checked(order: Order, wanted: Sequence[Wanted]) -> tuple[dict[int, OrderLine], dict[int, Reason]]:
    if not wanted:
        raise NothingWanted
    ids = [want.order_line_id for want in wanted]
    if len(set(ids)) != len(ids):
        raise DuplicateLine
    lines = {
        line.pk: line for line in OrderLine.objects.filter(order=order, pk__in=ids).select_related("product__category")
    }
    reasons = {reason.pk: reason for reason in Reason.objects.offered()}
    for want in wanted:
        if want.order_line_id not in lines:
            raise UnknownLine
        if want.quantity < 1:
            raise BadQuantity
        if want.reason_id not in reasons:
            raise UnknownReason
        if reasons[want.reason_id].answer_required and not text.clean(want.answer).strip():
            raise AnswerMissing(lines[want.order_line_id])
        if not order.is_live or want.quantity > lines[want.order_line_id].quantity:
            line = lines[want.order_line_id]
            raise TooMany(line, line.returnable if order.is_live else 0)
    return lines, reasons


def _open(
    order: Order,
    wanted: Sequence[Wanted],
    lines: dict[int, OrderLine],
    reasons: dict[int, Reason],
    comment: str,
    language: str,
    form_token: UUID | None,
    now: datetime,
) -> ReturnCase:
    # The case comes first: a second tab with the same form waits here, at the unique token, and then finds this case.
    case = ReturnCase.objects.create(
        number=new_number(now),
        order=order,
        customer=order.customer,
        name=order.name or order.customer.name,
        email=letters.address_on_file(order),
        language="en" if language == "en" else "ja",
        comment=text.clean(comment).strip()[:MAX_COMMENT],
        policy_shown=_shown(order, wanted, lines, reasons),
        created_at=now,
        form_token=form_token,
    )
    for want in sorted(wanted, key=lambda want: want.order_line_id):
        line = lines[want.order_line_id]
        if not units.hold(line.pk, want.quantity):
            line.refresh_from_db()
            raise TooMany(line, line.returnable)
        ReturnLine.objects.create(
            case=case,
            order_line=line,
            quantity=want.quantity,
            units=units.choose(line, want.quantity),
            reason=reasons[want.reason_id],
            answer=text.clean(want.answer).strip()[:MAX_ANSWER],
        )
    transitions.note(case, "return.requested", by=None, now=now, units=sum(want.quantity for want in wanted))
    letters.about_case(case, "requested", now=now)
    return case


def _shown(
    order: Order, wanted: Sequence[Wanted], lines: dict[int, OrderLine], reasons: dict[int, Reason]
) -> list[dict[str, Any]]:
    """The rules that speak about these lines and reasons, each once."""
    rules = policies.in_force()
    found: dict[str, Policy] = {}
    for want in wanted:
        speaking = policies.applicable(rules, reason=reasons[want.reason_id], line=lines[want.order_line_id])
        found.update({rule.slug: rule for rule in speaking})
    return policies.words_of(list(found.values()), order=order)


@transaction.atomic
def withdraw(
    case: ReturnCase, *, now: datetime, by: User | None = None, expected_version: int | None = None
) -> ReturnCase:
    """Take the wish back while the goods are not here; its units are free at once. ``by`` None: the customer.

    Raises IllegalTransition when it was declined, withdrawn, or the goods have arrived.
    """
    lines = units.lock_lines(case)
    before = transitions.move(case, "withdraw", by=by, now=now, expected_version=expected_version, closed_at=now)
    for line in lines:
        units.release(line.order_line_id, units.held(line, before))
    transitions.note(case, "return.withdrawn", by=by, now=now)
    letters.about_case(case, "withdrawn", now=now)
    return case
