"""Orders in our own form, whatever platform told them, and the careful reading of cells. Pure."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from shopdesk.shop import amounts
from shopdesk.shop.importing.problems import SHOWN_VALUE, RowProblem
from shopdesk.shop.importing.reading import Row, Table

# Exports write local times without a zone: they are the shop's, in Japan.
TOKYO = ZoneInfo("Asia/Tokyo")

MAX_YEN = 2_000_000_000  # what fits the database's integer
MAX_QUANTITY = 10_000  # one amount is kept for each unit
MAX_LINES = 1_000


@dataclass(frozen=True)
class NormalLine:
    """Goods of one kind. ``weight`` is what the list says they cost together: paid money is divided by it.

    ``line`` and ``column`` say where the quantity stands in the file.
    """

    line: int
    column: str
    platform_id: str
    sku: str
    name: str
    variant: str
    quantity: int
    unit_price: int
    tax_rate: int
    weight: int
    qty_shipped: int
    paid_total: int = 0
    unit_amounts: tuple[int, ...] = ()

    def facts(self) -> list[object]:
        return [
            self.platform_id, self.sku, self.name, self.variant, self.quantity, self.unit_price, self.tax_rate,
            self.qty_shipped, self.paid_total, self.unit_amounts,
        ]  # fmt: skip


@dataclass(frozen=True)
class NormalShipment:
    carrier: str
    tracking_number: str
    shipped_at: datetime | None


@dataclass(frozen=True)
class NormalOrder:
    """One order. Money is whole yen; ``goods_paid`` equals the sum of the lines' ``paid_total``.

    ``shipments`` is None where the export knows nothing of parcels, so that known ones are kept.
    """

    line: int
    number: str
    platform_id: str
    customer_id: str
    email: str
    name: str
    name_kana: str
    customer_prefecture: str
    phone: str
    postal_code: str
    prefecture: str
    address: str
    status: str
    ordered_at: datetime
    paid_at: datetime | None
    shipped_at: datetime | None
    cancelled_at: datetime | None
    wish_date: date | None
    total: int
    goods_paid: int
    shipping_fee: int
    other_fee: int
    discount: int
    refunded: int
    payment_method: str
    note: str
    lines: tuple[NormalLine, ...]
    shipments: tuple[NormalShipment, ...] | None
    raw: list[dict[str, str]] = field(compare=False)

    def content_hash(self) -> str:
        """sha256 of every fact: equal for the same order in another file, another row order of columns, another day."""
        facts = [
            [getattr(self, name) for name in _FACTS],
            [line.facts() for line in self.lines],
            None if self.shipments is None else [[s.carrier, s.tracking_number, s.shipped_at] for s in self.shipments],
        ]
        return hashlib.sha256(json.dumps(facts, default=_plain, ensure_ascii=False).encode()).hexdigest()


def _plain(value: date | datetime) -> str:
    """A date, or a moment in UTC: the same moment told in another zone is no change."""
    return (value.astimezone(UTC) if isinstance(value, datetime) else value).isoformat()


_FACTS = tuple(name for name in NormalOrder.__dataclass_fields__ if name not in {"line", "lines", "shipments", "raw"})


@dataclass
class Report:
    """What a profile collects beside the orders. ``skipped`` counts orders that are none yet (payment not finished)."""

    total: int = 0
    skipped: int = 0
    problems: list[RowProblem] = field(default_factory=list)


@dataclass(frozen=True)
class Money:
    """How a total divides: the goods' part is what remains after shipping and fees, never below zero.

    Points can pay for shipping too; then the fees shrink, because nobody was paid more than the total.
    """

    total: int
    shipping_fee: int
    other_fee: int
    goods_paid: int

    @classmethod
    def divide(cls, total: int, shipping_fee: int, other_fee: int) -> "Money":
        shipping = min(shipping_fee, total)
        other = min(other_fee, total - shipping)
        return cls(total, shipping, other, total - shipping - other)


def share(lines: list[NormalLine], goods_paid: int) -> tuple[NormalLine, ...]:
    """The lines with what was paid for each and for each of their units; everything sums up exactly."""
    paid = amounts.split(goods_paid, [line.weight for line in lines])
    return tuple(
        replace(line, paid_total=part, unit_amounts=tuple(amounts.split(part, [1] * line.quantity)))
        for line, part in zip(lines, paid, strict=True)
    )


def groups(table: Table, key: str, report: Report) -> Iterator[list[Row]]:
    """The rows of each order, in the order of its first row; orders with an unreadable row are left out and told.

    Sets ``report.total``. Rows of one order need not stand together: somebody may have sorted the file.
    """
    place = table.rows[0].columns[key] if table.rows else -1
    report.problems.extend(table.problems)
    refused: set[str] = set()
    for broken in table.broken:
        cells, previous = broken.cells, broken.previous
        number = cells[place].strip() if 0 <= place < len(cells) else ""
        if number:
            refused.add(number)
        # In a row that was cut inside the key, the number itself may be only a piece.
        if previous is not None and (not number or place == len(cells) - 1) and previous.get(key):
            # Nobody can say whose row it was: perhaps one more line of the order before it.
            if previous.get(key) not in refused:
                report.problems.append(RowProblem(previous.line, key, previous.get(key), "after_unreadable"))
            refused.add(previous.get(key))
    found: dict[str, list[Row]] = {}
    for row in table.rows:
        number = row.get(key)
        if not number:
            report.problems.append(RowProblem(row.line, key, "", "no_number"))
        else:
            found.setdefault(number, []).append(row)
    table.rows = []  # each group is let go as soon as it has been read
    report.total = len(found)
    for number in list(found):
        rows = found.pop(number)
        if number not in refused:
            yield rows


_YEN = re.compile(r"[¥￥円,\s]")


class Cells:
    """Reads the cells of one row. A bad cell becomes a problem and gives a harmless value, so that all are told."""

    def __init__(self, row: Row, problems: list[RowProblem]) -> None:
        self.row = row
        self._problems = problems

    def problem(self, column: str, code: str, **data: object) -> None:
        self._problems.append(RowProblem(self.row.line, column, self.row.get(column)[:SHOWN_VALUE], code, data))

    def text(self, column: str, limit: int, *, required: bool = False) -> str:
        """A name or a remark, cut to ``limit`` letters (the whole stays in the raw row)."""
        value = unapostrophed(self.row.get(column))
        if required and not value:
            self.problem(column, "required")
        return value[:limit]

    def key(self, column: str, limit: int) -> str:
        """A text that things are told apart by; it is refused when it is too long, never cut."""
        value = unapostrophed(self.row.get(column))
        if len(value) > limit:
            self.problem(column, "too_long", limit=limit)
            return value[:limit]
        return value

    def money(self, column: str, *, required: bool = False, negative: bool = False) -> int:
        """Whole yen from ``14300``, ``14300.00``, ``14,300`` or ``¥14,300``; an empty cell is 0."""
        shown = _YEN.sub("", unicodedata.normalize("NFKC", self.row.get(column))).replace("¥", "")
        if not shown:
            if required:
                self.problem(column, "required")
            return 0
        value = _decimal(shown)
        if value is None or value != value.to_integral_value():
            self.problem(column, "not_money")
        elif value < 0 and not negative:
            self.problem(column, "negative")
        elif abs(value) > MAX_YEN:
            self.problem(column, "too_big")
        else:
            return int(value)
        return 0

    def quantity(self, column: str) -> int:
        value = _decimal(unicodedata.normalize("NFKC", self.row.get(column)))
        if value is None or value != value.to_integral_value() or not 1 <= value <= MAX_QUANTITY:
            self.problem(column, "not_a_quantity", limit=MAX_QUANTITY)
            return 1
        return int(value)

    def tax_rate(self, column: str, default: int) -> int:
        """Whole per cent; ``default`` where the cell is empty."""
        shown = unicodedata.normalize("NFKC", self.row.get(column)).rstrip("%")
        if not shown:
            return default
        value = _decimal(shown)
        if value is None or value != value.to_integral_value() or not 0 <= value <= 100:
            self.problem(column, "not_a_tax_rate")
            return default
        return int(value)

    def moment(self, column: str) -> datetime | None:
        """A point in time; without a zone it is Tokyo's."""
        shown = unicodedata.normalize("NFKC", self.row.get(column)).replace("/", "-")
        if not shown:
            return None
        value = _moment(shown)
        if value is None:
            self.problem(column, "not_a_date")
        return value

    def required_moment(self, column: str) -> datetime:
        """A point in time that an order cannot be without."""
        if not self.row.get(column):
            self.problem(column, "required")
        return self.moment(column) or datetime(2000, 1, 1, tzinfo=TOKYO)

    def day(self, column: str) -> date | None:
        value = self.moment(column)
        return value.astimezone(TOKYO).date() if value else None


def unapostrophed(text: str) -> str:
    """Without the one apostrophe that exports put before digits and formula signs."""
    return text[1:] if re.match(r"'[0-9=+\-@]", text) else text


def with_tax(price: int, rate: int) -> int:
    """A price with its tax, rounded half up, as EC-CUBE does unless the shop chose otherwise."""
    return int((Decimal(price) * (100 + rate) / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _decimal(shown: str) -> Decimal | None:
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", shown):
        return None
    try:
        return Decimal(shown)
    except InvalidOperation:
        return None


_FORMS = ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def _moment(shown: str) -> datetime | None:
    for form in _FORMS:
        try:
            value = datetime.strptime(shown, form)  # noqa: DTZ007  # the zone is added two lines below
        except ValueError:
            continue
        value = value if value.tzinfo else value.replace(tzinfo=TOKYO)
        return value if 2000 <= value.year < 2100 else None
    try:
        value = datetime.fromisoformat(shown)
    except ValueError:
        return None
    value = value if value.tzinfo else value.replace(tzinfo=TOKYO)
    return value if 2000 <= value.year < 2100 else None


def several(text: str) -> list[str]:
    """The parts of a cell that holds more than one number, divided by commas, slashes or line breaks."""
    return [part for part in re.split(r"[,、;/\n]+", unapostrophed(text)) if part.strip()]
