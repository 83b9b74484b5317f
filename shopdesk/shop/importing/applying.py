"""Writing orders, a chunk at a time, so that doing it again changes nothing.

A chunk is one transaction with few statements. When the database refuses it, each of its orders is tried alone: the bad
one becomes a problem, the others are written. Imports that run at once take turns by the chunk (an advisory lock), and
what another door writes meanwhile is settled by the unique constraints: an order is looked up again and found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import F, ProtectedError

from shopdesk.shop import customers, products
from shopdesk.shop.importing.normal import NormalLine, NormalOrder
from shopdesk.shop.importing.problems import SHOWN_VALUE, RowProblem
from shopdesk.shop.models import Customer, Order, OrderLine, Product, Shipment, Store

CHUNK = 100
# An order this young is news: its follow-ups are planned even when nobody asked. Older ones are history.
FRESH = timedelta(days=3)

_LOCK = 7_301_001  # any number that no other advisory lock of ours uses
_ASIDE = 16_000  # where positions wait while lines change places; no order has so many lines

_COPIED = (
    "platform_id", "email", "name", "phone", "postal_code", "prefecture", "address", "status", "ordered_at", "paid_at",
    "shipped_at", "cancelled_at", "wish_date", "total", "goods_paid", "shipping_fee", "other_fee", "discount",
    "refunded", "payment_method", "note", "raw",
)  # fmt: skip


@dataclass
class Counts:
    """What an import did, or in a dry run would do."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    problems: list[RowProblem] = field(default_factory=list)

    def add(self, other: "Counts") -> None:
        self.new += other.new
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.problems += other.problems


class _Refused(Exception):
    """An update that would lose what we know better than the platform: units that are being returned."""

    def __init__(self, problem: RowProblem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def apply(orders: Sequence[NormalOrder], *, store: Store, now: datetime, plan_followups: bool = False) -> Counts:
    """Write a chunk of orders; what is refused is told and does not stop the others."""
    try:
        return _together(orders, store, now, plan_followups)
    except DatabaseError:
        pass  # one of them is bad, or another door was faster: each alone says which
    counts = Counts()
    for order in orders:
        try:
            counts.add(_together([order], store, now, plan_followups))
        except DatabaseError:
            counts.add(_last_try(order, store, now, plan_followups))
    return counts


def look(orders: Sequence[NormalOrder], *, store: Store) -> Counts:
    """What ``apply`` would do with these orders. Writes nothing."""
    counts = Counts()
    known = _known(store, orders)
    lines: dict[int, list[OrderLine]] = {}
    for line in OrderLine.objects.filter(order__in=[row.pk for row in known.values()]).order_by("position"):
        lines.setdefault(line.order_id, []).append(line)
    for order in orders:
        existing = known.get(order.number)
        if existing is None:
            counts.new += 1
        elif existing.content_hash == order.content_hash():
            counts.unchanged += 1
        else:
            try:
                _match(order, lines.get(existing.pk, []))
            except _Refused as refused:
                counts.problems.append(refused.problem)
            else:
                counts.updated += 1
    return counts


def _last_try(order: NormalOrder, store: Store, now: datetime, plan_followups: bool) -> Counts:
    """Once more, since the refusal may have been a race that is over by now."""
    try:
        return _together([order], store, now, plan_followups)
    except ProtectedError as error:
        name = next((str(row) for row in error.protected_objects), "")
        return Counts(problems=[_problem(order, "line_with_return_is_gone", name=name[:SHOWN_VALUE])])
    except DatabaseError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Counts(problems=[_problem(order, "refused", reason=reason[:200])])


def _problem(order: NormalOrder, code: str, **data: object) -> RowProblem:
    return RowProblem(order.line, "", order.number[:SHOWN_VALUE], code, data)


@transaction.atomic
def _together(orders: Sequence[NormalOrder], store: Store, now: datetime, plan_followups: bool) -> Counts:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    counts = Counts()
    known = _known(store, orders)
    changed, fresh = [], []
    for order in orders:
        existing = known.get(order.number)
        if existing is None:
            fresh.append(order)
        elif existing.content_hash == order.content_hash():
            counts.unchanged += 1
        else:
            changed.append(order)
    find_product = products.finder({line.sku for order in [*fresh, *changed] for line in order.lines})
    if fresh:
        _create(fresh, store, now, plan_followups, find_product)
        counts.new = len(fresh)
    for order, row, lines, parcels in _locked(changed, known):
        try:
            _update(row, order, lines, parcels, now, find_product)
        except _Refused as refused:
            counts.problems.append(refused.problem)
        else:
            counts.updated += 1
    return counts


def _known(store: Store, orders: Sequence[NormalOrder]) -> dict[str, Order]:
    rows = Order.objects.filter(store=store, number__in=[order.number for order in orders])
    return {row.number: row for row in rows.only("pk", "number", "content_hash").order_by()}


def _create(
    orders: Sequence[NormalOrder],
    store: Store,
    now: datetime,
    plan_followups: bool,
    find_product: products.Finder,
) -> None:
    people = {order.number: _person(order) for order in orders}
    directory = customers.Directory(store, people.values())
    who = {order.number: directory.customer_for(people[order.number], now) for order in orders}
    directory.save()
    rows = [
        _new_order(order, who[order.number], store, now, plan=plan_followups or order.ordered_at >= now - FRESH)
        for order in orders
    ]
    Order.objects.bulk_create(rows)
    OrderLine.objects.bulk_create(
        _new_line(row, line, position, find_product)
        for row, order in zip(rows, orders, strict=True)
        for position, line in enumerate(order.lines)
    )
    Shipment.objects.bulk_create(
        Shipment(order=row, carrier=told.carrier, tracking_number=told.tracking_number, shipped_at=told.shipped_at)
        for row, order in zip(rows, orders, strict=True)
        for told in order.shipments or ()
    )


def _person(order: NormalOrder) -> customers.Person:
    return customers.person_of(
        name=order.name,
        address=order.email,
        phone=order.phone,
        name_kana=order.name_kana,
        prefecture=order.customer_prefecture,
        platform_id=order.customer_id,
    )


def _new_order(order: NormalOrder, customer: Customer, store: Store, now: datetime, *, plan: bool) -> Order:
    row = Order(
        store=store, number=order.number, customer=customer, content_hash=order.content_hash(),
        imported_at=now, updated_at=now, plan_followups=plan, **{name: getattr(order, name) for name in _COPIED},
    )  # fmt: skip
    if row.status == Order.Status.CANCELLED and row.cancelled_at is None:
        row.cancelled_at = now  # the platform does not tell when; we learn it now
    return row


def _new_line(row: Order, line: NormalLine, position: int, find_product: products.Finder) -> OrderLine:
    return OrderLine(order=row, position=position, **_line_facts(line, find_product))


def _line_facts(line: NormalLine, find_product: products.Finder) -> dict[str, object]:
    return {
        "platform_id": line.platform_id,
        "product": find_product(line.sku),
        "sku": line.sku,
        "name": line.name,
        "variant": line.variant,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "tax_rate": line.tax_rate,
        "paid_total": line.paid_total,
        "unit_amounts": list(line.unit_amounts),
        "qty_shipped": line.qty_shipped,
    }


def _locked(
    orders: Sequence[NormalOrder], known: dict[str, Order]
) -> Iterator[tuple[NormalOrder, Order, list[OrderLine], list[Shipment]]]:
    """The rows behind changed orders, locked in the order of their keys so that nobody waits in a circle."""
    if not orders:
        return
    pks = [known[order.number].pk for order in orders]
    # Not their keys: a return that is being asked for holds a line and, last of all, looks whether the order is there.
    held = Order.objects.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk")
    rows = {row.number: row for row in held}
    lines: dict[int, list[OrderLine]] = {pk: [] for pk in pks}
    for line in OrderLine.objects.select_for_update().filter(order__in=pks).order_by("pk"):
        lines[line.order_id].append(line)
    parcels: dict[int, list[Shipment]] = {pk: [] for pk in pks}
    for parcel in Shipment.objects.filter(order__in=pks).order_by("pk"):
        parcels[parcel.order_id].append(parcel)
    for order in orders:
        row = rows[order.number]
        yield order, row, sorted(lines[row.pk], key=lambda line: line.position), parcels[row.pk]


def _update(
    row: Order,
    order: NormalOrder,
    lines: list[OrderLine],
    parcels: list[Shipment],
    now: datetime,
    find_product: products.Finder,
) -> None:
    """Take over what the platform says now. What only we know stays: returns, delivery, follow-ups, the customer."""
    matched = _match(order, lines)  # refuses before anything is written
    _write_lines(row, lines, matched, find_product)
    _write_shipments(row, order, parcels)

    was_cancelled_at = row.cancelled_at
    for name in _COPIED:
        setattr(row, name, getattr(order, name))
    if row.status == Order.Status.CANCELLED:
        row.cancelled_at = row.cancelled_at or was_cancelled_at or now
    elif row.status == Order.Status.SHIPPED and row.delivered_at:
        row.status = Order.Status.DELIVERED  # exports know no delivery; somebody who did told us before
    row.content_hash = order.content_hash()
    row.updated_at = now
    row.save(update_fields=[*_COPIED, "content_hash", "updated_at"])


def _match(order: NormalOrder, known: list[OrderLine]) -> list[tuple[NormalLine, OrderLine | None]]:
    """Which known line each line of the file is: by the platform's id, by what it is, then by SKU, in their order.

    Raises _Refused when units that are returned or being returned would be lost.
    """
    left = list(known)
    found: dict[int, OrderLine] = {}
    for same in (_same_id, _same_thing, _same_sku):
        for place, line in enumerate(order.lines):
            if place not in found:
                hit = next((one for one in left if same(line, one)), None)
                if hit is not None:
                    left.remove(hit)
                    found[place] = hit
    for place, old in found.items():
        line = order.lines[place]
        returned = old.qty_open + old.qty_done
        if line.qty_shipped < returned:
            data = {"returned": returned, "shipped": line.qty_shipped}
            raise _Refused(RowProblem(line.line, line.column, str(line.quantity), "fewer_than_returned", data))
    for old in left:
        if old.qty_open + old.qty_done:
            raise _Refused(_problem(order, "line_with_return_is_gone", name=old.name[:SHOWN_VALUE]))
    return [(line, found.get(place)) for place, line in enumerate(order.lines)]


def _same_id(line: NormalLine, old: OrderLine) -> bool:
    return bool(line.platform_id) and line.platform_id == old.platform_id


def _same_thing(line: NormalLine, old: OrderLine) -> bool:
    if line.platform_id and old.platform_id:
        return False
    return (line.sku, line.name, line.variant) == (old.sku, old.name, old.variant)


def _same_sku(line: NormalLine, old: OrderLine) -> bool:
    if line.platform_id and old.platform_id:
        return False
    return bool(line.sku) and line.sku == old.sku


def _write_lines(
    row: Order,
    known: list[OrderLine],
    matched: list[tuple[NormalLine, OrderLine | None]],
    find_product: products.Finder,
) -> None:
    """Write what differs. Lines that change places step aside first, since a place holds one line only."""
    kept = {old.pk for _line, old in matched if old}
    if len(kept) < len(known):
        row.lines.exclude(pk__in=kept).delete()
    moved = any(old is None or old.position != place for place, (_line, old) in enumerate(matched))
    if moved:
        row.lines.update(position=F("position") + _ASIDE)
    for place, (line, old) in enumerate(matched):
        facts = _line_facts(line, find_product)
        if old is None:
            OrderLine.objects.create(order=row, position=place, **facts)
        elif moved or _differs(old, facts):
            OrderLine.objects.filter(pk=old.pk).update(position=place, **facts)


def _differs(old: OrderLine, facts: dict[str, object]) -> bool:
    product = facts["product"]
    if old.product_id != (product.pk if isinstance(product, Product) else None):
        return True
    return any(getattr(old, name) != value for name, value in facts.items() if name != "product")


def _write_shipments(row: Order, order: NormalOrder, known: list[Shipment]) -> None:
    """The parcels of the file, by number; what we know of a parcel's delivery stays."""
    if order.shipments is None:
        return
    left = {parcel.tracking_number: parcel for parcel in known}
    for told in order.shipments:
        parcel = left.pop(told.tracking_number, None)
        if parcel is None:
            Shipment.objects.create(
                order=row, carrier=told.carrier, tracking_number=told.tracking_number, shipped_at=told.shipped_at
            )
        elif (parcel.carrier, parcel.shipped_at) != (told.carrier, told.shipped_at):
            parcel.carrier, parcel.shipped_at = told.carrier, told.shipped_at
            parcel.save(update_fields=["carrier", "shipped_at"])
    if left:
        Shipment.objects.filter(pk__in=[parcel.pk for parcel in left.values()]).delete()
