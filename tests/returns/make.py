"""Makers of returns, beside tests/make.py."""

from returns import deciding, receiving, requesting
from returns.models import Reason
from returns.requesting import Wanted
from tests import make


def reason(code="CHANGED_MIND"):
    return Reason.objects.get(code=code)


def bags(units=3, *, number="1001", **fields):
    """A delivered order of one line with that many bags."""
    return make.make_order(number, lines=[(make.make_product(), units, *fields.pop("paid", ()))], **fields)


def want(line, quantity, code="CHANGED_MIND", answer="理由です"):
    return Wanted(line.pk, quantity, reason(code).pk, answer)


def ask(order, *quantities, code="CHANGED_MIND", now=make.NOW, form_token=None, comment="", language="ja"):
    """A request for so many units of the order's lines, from the first on; 0 leaves a line out."""
    wanted = [want(line, q, code) for line, q in zip(order.lines.order_by("position"), quantities, strict=False) if q]
    return requesting.request_return(
        order, wanted=wanted, comment=comment, language=language, form_token=form_token, now=now
    )


def bring_to(case, status, *, by, now=make.NOW):
    """Move a submitted case on to that status by its usual way."""
    if status in {"approved", "received", "completed"}:
        deciding.approve(case, quantities=None, text="", by=by, now=now)
    if status in {"received", "completed"}:
        receiving.receive(case, by=by, now=now)
    if status == "completed":
        receiving.complete(case, by=by, now=now)
    if status == "declined":
        deciding.decline(case, text="使用済みのため", by=by, now=now, duty_checked=True)
    if status == "withdrawn":
        requesting.withdraw(case, now=now)
    return case


def counters(order):
    """(open, done) of each line."""
    return [(line.qty_open, line.qty_done) for line in order.lines.order_by("position")]
