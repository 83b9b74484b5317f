"""Which product a line of an order means."""

from collections.abc import Callable, Iterable

from shopdesk.shop.models import Product

Finder = Callable[[str], Product | None]


def candidates(sku: str) -> list[str]:
    """The SKU itself, then its beginnings at each hyphen, longest first: LTH-001-CM, LTH-001, LTH."""
    parts = sku.strip().split("-")
    return [found for found in ("-".join(parts[:length]) for length in range(len(parts), 0, -1)) if found]


def for_sku(sku: str) -> Product | None:
    """The product with this SKU, else the one whose SKU is its longest beginning at a hyphen (a colour, a size)."""
    return finder([sku])(sku)


def finder(skus: Iterable[str]) -> Finder:
    """``for_sku`` for many SKUs with one query."""
    wanted = {candidate for sku in skus for candidate in candidates(sku)}
    known = {product.sku: product for product in Product.objects.filter(sku__in=wanted)} if wanted else {}

    def find(sku: str) -> Product | None:
        return next((known[candidate] for candidate in candidates(sku) if candidate in known), None)

    return find
