"""What a question is counted as: causes in two levels, and what is suggested so that choosing takes one glance."""

from dataclasses import dataclass
from typing import Any

from inquiries import triage
from inquiries.models import Category, Cause, Inquiry
from shopdesk.shop.models import Product

# So many of the newest inquiries of a category are looked at for their causes.
_LOOKED_AT = 200
_SUGGESTED = 3
_PRODUCTS = 200


@dataclass(frozen=True)
class CauseGroup:
    """A cause with its parts; a cause without parts is its own part."""

    name: str
    causes: list[Cause]


def cause_groups(chosen: Cause | None = None) -> list[CauseGroup]:
    """The offered causes in their order, and the chosen one even if it is offered no more. One query."""
    rows = [row for row in Cause.objects.all() if row.is_active or row == chosen]
    parts: dict[int, list[Cause]] = {}
    for row in rows:
        if row.parent_id:
            parts.setdefault(row.parent_id, []).append(row)
    return [CauseGroup(str(row), [row, *parts.get(row.pk, [])]) for row in rows if row.parent_id is None]


def recent_causes(category: Category) -> list[Cause]:
    """What questions of this category were closed with last, newest first, each once. Two queries."""
    newest = Inquiry.objects.filter(category=category).order_by("-pk").values_list("cause_id", flat=True)[:_LOOKED_AT]
    ids = list(dict.fromkeys(pk for pk in newest if pk))[:_SUGGESTED]
    found = Cause.objects.filter(is_active=True).in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]


def products_for(inquiry: Inquiry) -> list[Product]:
    """What may be meant: the products of the order first, then those on sale, for completing what is typed."""
    ordered = Product.objects.filter(order_lines__order=inquiry.order_id).distinct() if inquiry.order_id else []
    rows = {row.pk: row for row in ordered}
    for row in Product.objects.filter(is_active=True).order_by("name")[:_PRODUCTS]:
        rows.setdefault(row.pk, row)
    return list(rows.values())


def closing(inquiry: Inquiry) -> dict[str, Any]:
    """What inquiries/_close_fields.html is drawn from: what is missing, and what to choose from. No query when nothing
    is missing."""
    needs = triage.close_needs(inquiry)
    words: dict[str, Any] = {"needs": needs}
    if "cause" in needs:
        words |= causes(inquiry)
    if "product" in needs:
        words["products"] = products_for(inquiry)
    return words


def causes(inquiry: Inquiry) -> dict[str, Any]:
    """What inquiries/_cause_field.html is drawn from. Three queries."""
    return {"cause_groups": cause_groups(inquiry.cause), "recent_causes": recent_causes(inquiry.category)}


def cause_of(text: str) -> Cause | None:
    """The cause whose key was posted, or None."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    return Cause.objects.filter(pk=int(text)).first()
