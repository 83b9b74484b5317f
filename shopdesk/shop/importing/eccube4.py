"""EC-CUBE 4.0 to 4.3: 受注CSV, CP932, one line for each order item. Pure.

Items are told apart by 明細区分(ID): 1 goods, 2 shipping, 3 fee, 4 discount, 5 tax, 6 points. Prices of goods are
without tax; ours are with tax, rounded half up as EC-CUBE does unless the shop chose otherwise. What was paid is
支払合計, and it is never computed again: the goods' part is what remains of it after shipping and fees.

A shop can switch columns off and rename them, so only the columns of REQUIRED must be there, and KEYS are a
fingerprint.
"""

from collections.abc import Iterator
from datetime import datetime

from shopdesk.shop import carriers, contacts
from shopdesk.shop.importing import normal
from shopdesk.shop.importing.normal import Cells, NormalLine, NormalOrder, NormalShipment, Report
from shopdesk.shop.importing.problems import RowProblem
from shopdesk.shop.importing.reading import Row, Table
from shopdesk.shop.models import Order

CODE = "eccube4"
LABEL = "EC-CUBE 4"
KEY = "注文番号"
KEYS = frozenset(
    (
        "注文ID", "注文番号", "会員ID", "お名前(姓)", "お名前(名)", "郵便番号", "都道府県(名称)",
        "メールアドレス", "TEL", "小計", "値引き", "送料", "合計", "支払合計", "対応状況(ID)", "受注日",
        "入金日", "商品名", "商品コード", "価格", "個数", "税率", "明細区分(ID)", "出荷ID", "発送日",
        "出荷伝票番号",
    )
)  # fmt: skip
REQUIRED: tuple[str, ...] = (KEY, "対応状況(ID)", "受注日", "商品名", "価格", "個数", "明細区分(ID)")
TOTALS: tuple[str, ...] = ("支払合計", "合計")  # one of them must be there; the first is what was really paid

_GOODS, _SHIPPING, _FEE = "1", "2", "3"
_KINDS = {_GOODS, _SHIPPING, _FEE, "4", "5", "6"}

# 対応状況. 7 and 8 are carts whose payment is not finished: not orders yet, they come again when they are.
_STATUSES = {
    "1": Order.Status.NEW,
    "3": Order.Status.CANCELLED,
    "4": Order.Status.NEW,
    "5": Order.Status.SHIPPED,
    "6": Order.Status.PAID,
    "9": Order.Status.RETURNED,
}
_NOT_YET = {"7", "8"}
_GONE_OUT = {Order.Status.SHIPPED, Order.Status.RETURNED}


def orders(table: Table, report: Report) -> Iterator[NormalOrder]:
    """The orders of the file, one at a time; what is wrong goes to ``report`` and leaves its order out."""
    for rows in normal.groups(table, KEY, report):
        if rows[0].get("対応状況(ID)") in _NOT_YET:
            report.skipped += 1
            continue
        problems: list[RowProblem] = []
        order = _order(rows, problems)
        report.problems.extend(problems)
        if order and not problems:
            yield order


def _order(rows: list[Row], problems: list[RowProblem]) -> NormalOrder | None:
    head = Cells(rows[0], problems)
    status = _STATUSES.get(rows[0].get("対応状況(ID)"))
    if status is None:
        head.problem("対応状況(ID)", "unknown_status")
        return None
    paid_at = head.moment("入金日")
    if status == Order.Status.NEW and paid_at:
        status = Order.Status.PAID

    items = [Cells(row, problems) for row in _without_repetitions(rows, problems)]
    for cells in items:
        if cells.row.get("明細区分(ID)") not in _KINDS:
            cells.problem("明細区分(ID)", "unknown_kind")
    goods = [cells for cells in items if cells.row.get("明細区分(ID)") == _GOODS]
    if not goods:
        head.problem(KEY, "no_goods")
    if len(goods) > normal.MAX_LINES:
        head.problem(KEY, "too_many_lines", limit=normal.MAX_LINES)
        return None
    money = _money(head, items)
    lines = (
        normal.share([_line(cells, gone_out=status in _GONE_OUT) for cells in goods], money.goods_paid) if goods else ()
    )
    shipments, shipped_at = _shipments(goods)
    surname, given = head.text("お名前(姓)", 50), head.text("お名前(名)", 50)
    kana = f"{head.text('お名前(セイ)', 50)} {head.text('お名前(メイ)', 49)}".strip()
    deliver = "配送先_" if rows[0].get("配送先_住所1") else ""
    return NormalOrder(
        line=rows[0].line,
        number=head.key(KEY, 60),
        platform_id=head.key("注文ID", 60),
        customer_id=head.key("会員ID", 100),
        email=head.key("メールアドレス", 254),
        name=(f"{surname} {given}".strip() or head.text("会社名", 100))[:100] or "-",
        name_kana=kana,
        customer_prefecture=contacts.prefecture(rows[0].get("都道府県(名称)")),
        phone=contacts.phone_digits(rows[0].get("TEL")),
        postal_code=contacts.postal_code(rows[0].get(f"{deliver}郵便番号")),
        prefecture=contacts.prefecture(rows[0].get(f"{deliver}都道府県(名称)")),
        address=(head.text(f"{deliver}住所1", 300) + head.text(f"{deliver}住所2", 300))[:300],
        status=status,
        ordered_at=head.required_moment("受注日"),
        paid_at=paid_at,
        shipped_at=shipped_at,
        cancelled_at=None,  # EC-CUBE does not tell when; the first import that sees it does
        wish_date=head.day("お届け希望日"),
        total=money.total,
        goods_paid=money.goods_paid,
        shipping_fee=money.shipping_fee,
        other_fee=money.other_fee,
        discount=abs(head.money("値引き", negative=True)),
        refunded=0,
        payment_method=head.text("支払方法(名称)", 60),
        note=head.text("ショップ用メモ欄", 4000),
        lines=lines,
        shipments=shipments,
        raw=[row.raw() for row in rows],
    )


def _without_repetitions(rows: list[Row], problems: list[RowProblem]) -> list[Row]:
    """Each order item once: two exports pasted together repeat rows. The same item told differently is a problem."""
    seen: dict[str, Row] = {}
    kept = []
    for row in rows:
        item = row.get("注文詳細ID")
        first = seen.get(item)
        if first is None:
            kept.append(row)
            if item:
                seen[item] = row
        elif first.cells != row.cells:
            problems.append(RowProblem(row.line, "注文詳細ID", item, "repeated_line", {"id": item}))
    return kept


def _line(cells: Cells, *, gone_out: bool) -> NormalLine:
    price, rate, quantity = cells.money("価格", required=True), cells.tax_rate("税率", 10), cells.quantity("個数")
    unit_price = normal.with_tax(price, rate)
    variant = " / ".join(filter(None, (cells.text("規格分類名1", 100), cells.text("規格分類名2", 100))))
    return NormalLine(
        line=cells.row.line,
        column="個数",
        platform_id=cells.key("注文詳細ID", 60),
        sku=cells.key("商品コード", 60),
        name=cells.text("商品名", 200, required=True),
        variant=variant[:100],
        quantity=quantity,
        unit_price=unit_price,
        tax_rate=rate,
        weight=unit_price * quantity,
        qty_shipped=quantity if gone_out or cells.row.get("発送日") else 0,
    )


def _money(head: Cells, items: list[Cells]) -> normal.Money:
    """What was paid, and what of it was shipping and fees, all with tax.

    The header's 送料 is the shipping with tax; where the shop switched the column off, the lines of kind 2 tell it.
    A fee (代引手数料 …) has no column of its own: it is what lacks between 小計 + 送料 − 値引き and 合計, or the lines
    of kind 3.
    """
    columns = head.row.columns
    total = head.money(next((name for name in TOTALS if name in columns), TOTALS[0]), required=True)
    if "送料" in columns:
        shipping = head.money("送料")
    else:
        shipping = _sum_of(items, _SHIPPING)
    other = 0
    if any(cells.row.get("明細区分(ID)") == _FEE for cells in items):
        other = _sum_of(items, _FEE)
        if {"合計", "小計", "送料", "値引き"} <= columns.keys():
            lacking = head.money("合計") - head.money("小計") - shipping + abs(head.money("値引き", negative=True))
            other = lacking if lacking >= 0 else other
    return normal.Money.divide(total, shipping, other)


def _sum_of(items: list[Cells], kind: str) -> int:
    return sum(
        normal.with_tax(cells.money("価格"), cells.tax_rate("税率", 10)) * cells.quantity("個数")
        for cells in items
        if cells.row.get("明細区分(ID)") == kind
    )


def _shipments(goods: list[Cells]) -> tuple[tuple[NormalShipment, ...], datetime | None]:
    """The parcels by their numbers, in file order, and when the first of them left."""
    found: dict[str, NormalShipment] = {}
    left: list[datetime] = []
    for cells in goods:
        shipped_at = cells.moment("発送日")
        if shipped_at:
            left.append(shipped_at)
        numbers = [carriers.bare_number(part) for part in normal.several(cells.row.get("出荷伝票番号"))]
        if shipped_at and not numbers:
            numbers = [""]
        for number in numbers:
            if len(number) > 40:
                cells.problem("出荷伝票番号", "too_long", limit=40)
            elif number not in found:
                found[number] = NormalShipment(carriers.guess(cells.row.get("配送業者(名称)")), number, shipped_at)
    return tuple(found.values()), min(left, default=None)
