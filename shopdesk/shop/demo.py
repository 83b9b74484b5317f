"""The demo shop: two stores, a calendar, thirty products, ten customers and their orders, with dates around ``now``.

Its texts lie in ``demo/*.yaml``. Loading it again adds nothing.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from django.conf import settings
from django.db import transaction

from shopdesk.shop import amounts, calendar, contacts, customers
from shopdesk.shop.models import (
    BusinessHours,
    Closure,
    Customer,
    Order,
    OrderLine,
    Product,
    ProductCategory,
    Shipment,
    Store,
)

_FOLDER = Path(__file__).parent / "demo"
_OKINAWA = "沖縄県"
_ON_DELIVERY = "代金引換"
_SHIPPED_AT, _DELIVERED_AT = time(15, 20), time(14, 5)


@dataclass(frozen=True)
class DemoShop:
    """What was loaded: customers by their key (c01 …), products by SKU, orders by number, stores by code."""

    stores: dict[str, Store]
    products: dict[str, Product]
    customers: dict[str, Customer]
    orders: dict[str, Order]


@transaction.atomic
def load(now: datetime) -> DemoShop:
    """Write the demo shop; what is already there stays as it is."""
    shop, goods, told = (_read(name) for name in ("shop", "products", "orders"))
    stores = {row["code"]: Store.objects.get_or_create(code=row["code"], defaults=row)[0] for row in shop["stores"]}
    _calendar(shop["hours"], now)
    products = _products(goods)
    people = _customers(shop["customers"], stores["honten"], now)
    orders = {
        row["number"]: _order(row, place, shop["shipping"], stores, products, people, now)
        for place, row in enumerate(told["orders"])
    }
    return DemoShop(stores, products, people, orders)


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return content


def _calendar(hours: list[list[str]], now: datetime) -> None:
    if not BusinessHours.objects.exists():
        BusinessHours.objects.bulk_create(
            BusinessHours(weekday=weekday, opens=time.fromisoformat(opens), closes=time.fromisoformat(closes))
            for weekday in range(5)
            for opens, closes in hours
        )
    calendar.seed_closures(*calendar.years_to_seed(now))
    Closure.objects.filter(kind=Closure.Kind.SEASON).update(active=True)  # this shop does close then


def _products(goods: dict[str, Any]) -> dict[str, Product]:
    categories = {
        row["slug"]: ProductCategory.objects.get_or_create(slug=row["slug"], defaults=row)[0]
        for row in goods["categories"]
    }
    return {
        row["sku"]: Product.objects.get_or_create(
            sku=row["sku"], defaults={**row, "category": categories[row["category"]]}
        )[0]
        for row in goods["products"]
    }


def _customers(rows: list[dict[str, Any]], store: Store, now: datetime) -> dict[str, Customer]:
    found = {}
    for row in rows:
        customer = customers.find_or_create(
            name=row["name"], name_kana=row["kana"], address=row["email"], phone=row["phone"],
            prefecture=contacts.prefecture(row["prefecture"]), store=store, now=now - timedelta(days=400),
        )  # fmt: skip
        if row.get("note") and not customer.note:
            customer.note = row["note"]
            customer.save(update_fields=["note"])
        found[row["key"]] = customer
    return found


def _order(
    row: dict[str, Any],
    place: int,
    shipping: dict[str, int],
    stores: dict[str, Store],
    products: dict[str, Product],
    people: dict[str, Customer],
    now: datetime,
) -> Order:
    store, customer = stores[row.get("store", "honten")], people[row["customer"]]
    known = Order.objects.filter(store=store, number=row["number"]).first()
    if known:
        return known
    lines = [(products[sku], variant, quantity) for sku, variant, quantity in row["lines"]]
    goods = sum(product.price * quantity for product, _variant, quantity in lines)
    goods_paid = goods - row.get("discount", 0)
    if customer.prefecture == _OKINAWA:
        fee = shipping["okinawa"]
    else:
        fee = 0 if goods_paid >= shipping["free_over"] else shipping["flat"]
    payment = row.get("payment", "クレジットカード")
    other = shipping["cash_on_delivery_fee"] if payment == _ON_DELIVERY else 0
    parcels = row.get("parcels", [])
    ordered_at = min(_at(now, row["ordered"][0], time.fromisoformat(row["ordered"][1])), now - timedelta(minutes=20))
    shipped_at = min((_at(now, parcel[1], _SHIPPED_AT) for parcel in parcels), default=None)
    arrivals = [None if parcel[2] is None else _at(now, parcel[2], _DELIVERED_AT) for parcel in parcels]
    arrived = row["status"] in {"delivered", "returned"}
    delivered_at = max(filter(None, arrivals), default=None) if arrived else None
    cancelled_at = ordered_at + timedelta(hours=2) if row["status"] == "cancelled" else None
    order = Order.objects.create(
        store=store, number=row["number"], customer=customer, email=customer.email, name=customer.name,
        phone=customer.phone, postal_code="100-0000", prefecture=customer.prefecture, address="架空市架空町1-2-3",
        status=row["status"], ordered_at=ordered_at, paid_at=None if row["status"] == "new" else ordered_at,
        shipped_at=shipped_at, delivered_at=delivered_at, cancelled_at=cancelled_at,
        wish_date=_at(now, row["wish"], _SHIPPED_AT).date() if "wish" in row else None, total=goods_paid + fee + other,
        goods_paid=goods_paid, shipping_fee=fee, other_fee=other, discount=row.get("discount", 0),
        payment_method=payment, note=row.get("note", ""), imported_at=ordered_at,
        updated_at=delivered_at or shipped_at or cancelled_at or ordered_at,
        content_hash=hashlib.sha256(row["number"].encode()).hexdigest(),
    )  # fmt: skip
    gone_out = {index for parcel in parcels for index in parcel[3]}
    paid = amounts.split(goods_paid, [product.price * quantity for product, _variant, quantity in lines])
    for index, ((product, variant, quantity), part) in enumerate(zip(lines, paid, strict=True)):
        OrderLine.objects.create(
            order=order, position=index, product=product, sku=product.sku, name=product.name, variant=variant,
            quantity=quantity, unit_price=product.price, paid_total=part,
            unit_amounts=amounts.split(part, [1] * quantity), qty_shipped=quantity if index in gone_out else 0,
        )  # fmt: skip
    for index, (parcel, arrival) in enumerate(zip(parcels, arrivals, strict=True)):
        Shipment.objects.create(
            order=order, carrier=parcel[0], tracking_number=_tracking_number(place * 10 + index),
            shipped_at=_at(now, parcel[1], _SHIPPED_AT), delivered_at=arrival,
        )  # fmt: skip
    return order


def _at(now: datetime, days_ago: int, clock_time: time) -> datetime:
    """A time of day in the shop's zone, so many days before the day of ``now``."""
    zone = ZoneInfo(settings.TIME_ZONE)
    return datetime.combine(now.astimezone(zone).date() - timedelta(days=days_ago), clock_time, zone)


def _tracking_number(serial: int) -> str:
    """Twelve digits whose last is the rest of the first eleven divided by seven, as the carriers count it."""
    base = 39_600_000_000 + serial * 7_919
    return f"{base:011d}{base % 7}"
