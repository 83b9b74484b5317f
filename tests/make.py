"""Plain makers of rows: only what a test is about is said, the rest is fixed. No random data."""

import hashlib
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shopdesk.accounts.models import Role, User
from shopdesk.shop.models import (
    Customer,
    CustomerAddress,
    Order,
    OrderLine,
    Product,
    ProductCategory,
    Shipment,
    Store,
)

PASSWORD = "aoi-umi-no-tegami-26"
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=ZoneInfo("Asia/Tokyo"))


def make_user(email="ken@shop.example", *, name="田中 健", role="agent", **fields):
    """A member of staff with the role of that code; PASSWORD is the password."""
    return User.objects.create_user(email, PASSWORD, name=name, role=Role.objects.get(code=role), **fields)


def make_store(code="honten", **fields):
    """The shop's main store, made once; other codes make other stores."""
    defaults = {
        "name": "くらしの道具店",
        "name_en": "Kurashi Tools",
        "legal_name": "株式会社くらしの道具",
        "sender_name": "くらしの道具店",
        "sender_address": f"{code}@shop.example",
        "signature_ja": "くらしの道具店 お客様窓口",
        "signature_en": "Kurashi Tools customer desk",
        "requires_cause": False,
        "undo_seconds": 0,
        "is_default": not Store.objects.filter(is_default=True).exists(),
    }
    return Store.objects.get_or_create(code=code, defaults={**defaults, **fields})[0]


def make_customer(name="山田 花子", address="hanako@mail.example", *, masked=False, **fields):
    """A customer with one mail address; ``address=""`` makes one without."""
    fields.setdefault("created_at", NOW - timedelta(days=30))
    customer = Customer.objects.create(name=name, **fields)
    if address:
        CustomerAddress.objects.create(customer=customer, address=address, masked=masked)
    return customer


def make_product(sku="LB-01", *, name="革のトートバッグ", price=12000, category="leather", **fields):
    """A product; ``category`` is the code of its category, made when it is missing, or None."""
    if category:
        fields["category"] = ProductCategory.objects.get_or_create(slug=category, defaults={"name": category})[0]
    return Product.objects.get_or_create(sku=sku, defaults={"name": name, "price": price, **fields})[0]


def split(total, units):
    """Whole yen for each unit; the first units carry the odd yen. ``split(100, 3) == [34, 33, 33]``."""
    share, odd = divmod(total, units)
    return [share + (place < odd) for place in range(units)]


def make_order(number="1001", *, customer=None, store=None, lines=None, status="delivered", **fields):
    """An order, its lines and, when it was shipped, one parcel.

    ``lines``: tuples (product, quantity) or (product, quantity, paid for all of them); default one leather bag.
    Everything is shipped when the status says so. Ordered ten days before NOW, shipped after one day, delivered after
    two; ``ordered_at=`` moves all of them.
    """
    customer = customer or make_customer()
    store = store or make_store()
    rows = []
    for product, quantity, *paid in lines if lines is not None else [(make_product(), 1)]:
        rows.append((product, quantity, paid[0] if paid else product.price * quantity))
    goods = sum(paid for _, _, paid in rows)
    ordered_at = fields.pop("ordered_at", NOW - timedelta(days=10))
    shipped = status in {"shipped", "delivered", "returned"}
    shipped_at = fields.pop("shipped_at", ordered_at + timedelta(days=1) if shipped else None)
    delivered = status in {"delivered", "returned"}
    delivered_at = fields.pop("delivered_at", ordered_at + timedelta(days=2) if delivered else None)
    values = {
        "name": customer.name,
        "email": customer.email,
        "total": goods + fields.get("shipping_fee", 0) + fields.get("other_fee", 0),
        "goods_paid": goods,
        "content_hash": hashlib.sha256(number.encode()).hexdigest(),
        "imported_at": ordered_at,
        "updated_at": delivered_at or shipped_at or ordered_at,
        "paid_at": None if status == "new" else ordered_at,
        "cancelled_at": ordered_at + timedelta(hours=3) if status == "cancelled" else None,
        **fields,
    }
    order = Order.objects.create(
        store=store, number=number, customer=customer, status=status, ordered_at=ordered_at, shipped_at=shipped_at,
        delivered_at=delivered_at, **values,
    )  # fmt: skip
    for position, (product, quantity, paid) in enumerate(rows):
        OrderLine.objects.create(
            order=order, position=position, product=product, sku=product.sku, name=product.name, quantity=quantity,
            unit_price=product.price, paid_total=paid, unit_amounts=split(paid, quantity),
            qty_shipped=quantity if shipped else 0,
        )  # fmt: skip
    if shipped:
        tracking = f"{int(hashlib.sha256(number.encode()).hexdigest()[:9], 16):012d}"[:12]
        Shipment.objects.create(
            order=order, carrier="yamato", tracking_number=tracking,
            shipped_at=shipped_at, delivered_at=delivered_at,
        )  # fmt: skip
    return order
