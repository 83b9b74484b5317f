"""The counters on order lines: units are held by open cases and kept by finished ones.

Every change is one conditional UPDATE for each line, in the order of primary keys, so that two cases cannot wait for
each other; the CHECK on the row has the last word.
"""

from collections.abc import Iterable

from django.db.models import F

from returns.models import ReturnCase, ReturnLine
from shopdesk.shop.models import OrderLine


class CountersDisagree(Exception):
    """An order line holds fewer units than a case believes to hold. Nothing was written; a person must look."""


def held(line: ReturnLine, status: str) -> int:
    """How many units a line holds while its case has that status: what was asked, then what was approved."""
    if status == ReturnCase.Status.SUBMITTED:
        return line.quantity
    if status in {ReturnCase.Status.APPROVED, ReturnCase.Status.RECEIVED}:
        return line.approved
    return 0


def lock_lines(case: ReturnCase) -> list[ReturnLine]:
    """Lock the order lines of a case in pk order, then give its lines. First lock of every transition."""
    wanted = case.lines.values("order_line_id")
    list(OrderLine.objects.filter(pk__in=wanted).order_by("pk").select_for_update().values_list("pk"))
    return list(case.lines.select_related("order_line", "reason").order_by("order_line_id"))


def hold(order_line_id: int, quantity: int) -> bool:
    """Hold units for an open case; False when fewer are free. Locks the order line until the transaction ends."""
    free = F("qty_shipped") - F("qty_open") - F("qty_done")
    lines = OrderLine.objects.alias(free=free).filter(pk=order_line_id, free__gte=quantity)
    return bool(lines.update(qty_open=F("qty_open") + quantity))


def release(order_line_id: int, quantity: int) -> None:
    """Give held units free again."""
    if not quantity:
        return
    lines = OrderLine.objects.filter(pk=order_line_id, qty_open__gte=quantity)
    if not lines.update(qty_open=F("qty_open") - quantity):
        raise CountersDisagree(order_line_id)


def finish(order_line_id: int, quantity: int) -> None:
    """Held units are returned for good."""
    if not quantity:
        return
    lines = OrderLine.objects.filter(pk=order_line_id, qty_open__gte=quantity)
    if not lines.update(qty_open=F("qty_open") - quantity, qty_done=F("qty_done") + quantity):
        raise CountersDisagree(order_line_id)


def choose(line: OrderLine, quantity: int) -> list[int]:
    """The last ``quantity`` units of a locked order line that no open or finished case has, as places in unit_amounts.

    The last ones, because the odd yen of a discount lie on the first; each unit is refunded once, so that unit by unit
    the refunds sum up to what was paid, exactly.
    """
    alive = [*ReturnCase.OPEN, ReturnCase.Status.COMPLETED]
    taken = {
        unit
        for units in ReturnLine.objects.filter(order_line=line, case__status__in=alive).values_list("units", flat=True)
        for unit in units
    }
    free = [unit for unit in range(line.quantity) if unit not in taken]
    return free[-quantity:] if quantity else []


def refundable(line: ReturnLine) -> int:
    """Yen paid for the units of a line of a case (asked, or approved once decided)."""
    amounts = line.order_line.unit_amounts
    return sum(amounts[unit] for unit in line.units if unit < len(amounts))


def refundable_total(lines: Iterable[ReturnLine]) -> int:
    """Yen paid for all units of these lines."""
    return sum(refundable(line) for line in lines)
