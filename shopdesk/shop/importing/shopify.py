"""Shopify: orders_export.csv, UTF-8, one line for each line item; the order's own fields stand on its first line only.

Pure. Prices are in yen with tax. ``Total`` is what was paid; the goods' part is what remains after ``Shipping``,
divided by the list prices less ``Lineitem discount``. The export knows neither parcels nor line ids.
"""

import re
from collections.abc import Iterator

from shopdesk.shop import contacts
from shopdesk.shop.importing import normal
from shopdesk.shop.importing.normal import Cells, NormalLine, NormalOrder, Report
from shopdesk.shop.importing.problems import RowProblem
from shopdesk.shop.importing.reading import Row, Table
from shopdesk.shop.models import Order

CODE = "shopify"
LABEL = "Shopify"
KEY = "Name"
KEYS = frozenset(
    (
        "Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Fulfilled at", "Currency", "Subtotal",
        "Shipping", "Taxes", "Total", "Discount Amount", "Created at", "Lineitem quantity", "Lineitem name",
        "Lineitem price", "Lineitem sku", "Lineitem fulfillment status", "Billing Name", "Billing Phone",
        "Shipping Name", "Shipping Zip", "Shipping Province", "Cancelled at", "Payment Method", "Refunded Amount", "Id",
        "Lineitem discount",
    )
)  # fmt: skip
REQUIRED: tuple[str, ...] = (KEY, "Financial Status", "Fulfillment Status", "Total", "Created at", "Lineitem quantity",
            "Lineitem name", "Lineitem price")  # fmt: skip
TOTALS: tuple[str, ...] = ("Total",)

_PAID = {"paid", "partially_refunded"}
_NOT_PAID = {"pending", "authorized", "partially_paid", "unpaid", "expired", "voided", ""}
_FULFILMENTS = {"fulfilled", "partial", "unfulfilled", "restocked", "pending", ""}


def orders(table: Table, report: Report) -> Iterator[NormalOrder]:
    """The orders of the file, one at a time; what is wrong goes to ``report`` and leaves its order out."""
    for rows in normal.groups(table, KEY, report):
        problems: list[RowProblem] = []
        order = _order(_first_telling(rows, report), problems)
        report.problems.extend(problems)
        if order and not problems:
            yield order


def _first_telling(rows: list[Row], report: Report) -> list[Row]:
    """The order's rows up to where it begins a second time: two exports pasted together."""
    for place, row in enumerate(rows[1:], start=1):
        if row.get("Total"):
            if [again.cells for again in rows[place:]] != [first.cells for first in rows[:place]]:
                report.problems.append(RowProblem(row.line, KEY, row.get(KEY), "repeated_order"))
            return rows[:place]
    return rows


def _order(rows: list[Row], problems: list[RowProblem]) -> NormalOrder | None:
    first = rows[0]
    head = Cells(first, problems)
    if first.get("Currency") not in {"", "JPY"}:
        head.problem("Currency", "currency")
        return None
    if len(rows) > normal.MAX_LINES:
        head.problem(KEY, "too_many_lines", limit=normal.MAX_LINES)
        return None
    cancelled_at = head.moment("Cancelled at")
    status = _status(head, cancelled=cancelled_at is not None)
    money = normal.Money.divide(head.money("Total", required=True), head.money("Shipping"), 0)
    rate = _tax_rate(first)
    fulfilment = first.get("Fulfillment Status").lower()
    lines = normal.share([_line(Cells(row, problems), fulfilment, rate) for row in rows], money.goods_paid)
    deliver = "Shipping" if first.get("Shipping Address1") or first.get("Shipping City") else "Billing"
    return NormalOrder(
        line=first.line,
        number=head.key(KEY, 60),
        platform_id=head.key("Id", 60),
        customer_id="",  # the export names the customer by mail address only
        email=head.key("Email", 254),
        name=head.text("Billing Name", 100) or head.text("Shipping Name", 100) or head.text("Email", 100) or "-",
        name_kana="",
        customer_prefecture=_prefecture(first, "Billing"),
        phone=contacts.phone_digits(first.get("Billing Phone") or first.get("Phone") or first.get("Shipping Phone")),
        postal_code=contacts.postal_code(first.get(f"{deliver} Zip")),
        prefecture=_prefecture(first, deliver),
        address="".join(head.text(f"{deliver} {part}", 100) for part in ("City", "Address1", "Address2"))[:300],
        status=status,
        ordered_at=head.required_moment("Created at"),
        paid_at=head.moment("Paid at"),
        shipped_at=head.moment("Fulfilled at"),
        cancelled_at=cancelled_at,
        wish_date=None,
        total=money.total,
        goods_paid=money.goods_paid,
        shipping_fee=money.shipping_fee,
        other_fee=0,
        discount=abs(head.money("Discount Amount", negative=True)),
        refunded=head.money("Refunded Amount"),
        payment_method=head.text("Payment Method", 60),
        note=head.text("Notes", 4000),
        lines=lines,
        shipments=None,
        raw=[row.raw() for row in rows],
    )


def _status(head: Cells, *, cancelled: bool) -> Order.Status:
    """One of ours from Shopify's two. A partly shipped order is still "paid": not everything has left."""
    money = head.row.get("Financial Status").lower()
    parcels = head.row.get("Fulfillment Status").lower()
    if money not in _PAID | _NOT_PAID | {"refunded"}:
        head.problem("Financial Status", "unknown_status")
    if parcels not in _FULFILMENTS:
        head.problem("Fulfillment Status", "unknown_status")
    if cancelled:
        return Order.Status.CANCELLED
    if money == "refunded":
        return Order.Status.RETURNED
    if parcels == "fulfilled":
        return Order.Status.SHIPPED
    return Order.Status.PAID if money in _PAID else Order.Status.NEW


def _line(cells: Cells, order_fulfilment: str, rate: int) -> NormalLine:
    quantity, price = cells.quantity("Lineitem quantity"), cells.money("Lineitem price", required=True)
    whole_name = cells.text("Lineitem name", 300, required=True)
    name, _dash, variant = whole_name.rpartition(" - ")
    weight = max(0, price * quantity - cells.money("Lineitem discount"))
    return NormalLine(
        line=cells.row.line,
        column="Lineitem quantity",
        platform_id="",
        sku=cells.key("Lineitem sku", 60),
        name=(name or whole_name)[:200],
        variant=variant[:100] if name else "",
        quantity=quantity,
        unit_price=price,
        tax_rate=rate,
        weight=weight,
        qty_shipped=_shipped(cells.row, order_fulfilment, quantity),
    )


def _shipped(row: Row, order_fulfilment: str, quantity: int) -> int:
    """How many of the line have left. Of a partly shipped line at least one has; more is not told."""
    fulfilment = row.get("Lineitem fulfillment status").lower() or order_fulfilment
    if fulfilment == "fulfilled":
        return quantity
    return 1 if fulfilment == "partial" and row.get("Lineitem fulfillment status") else 0


def _prefecture(row: Row, side: str) -> str:
    return contacts.prefecture(row.get(f"{side} Province Name") or row.get(f"{side} Province"))


def _tax_rate(row: Row) -> int:
    """The rate that ``Tax 1 Name`` tells; 10 where there is none or where two rates are mixed."""
    if row.get("Tax 2 Name"):
        return 10
    rate = re.search(r"(\d{1,2})\s*%", row.get("Tax 1 Name"))
    return int(rate[1]) if rate else 10
