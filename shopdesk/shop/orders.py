"""Finding the order that somebody means."""

import re
import unicodedata

from django.db.models import Q

from shopdesk import addresses
from shopdesk.shop import searching
from shopdesk.shop.models import Order, Store

_HYPHENS = re.compile(r"[‐‑‒–—―−ー]")  # the look-alikes are the point
_MAX_LENGTH = 60


def bare_number(text: str) -> str:
    """An order number as it is compared: NFKC, one kind of hyphen, without spaces and without a leading #."""
    shown = _HYPHENS.sub("-", unicodedata.normalize("NFKC", text))
    return re.sub(r"[\s\x00]", "", shown).lstrip("#")[: _MAX_LENGTH + 1]


def spellings(text: str) -> list[str]:
    """How the number may stand in the database: with or without #, in capitals or not. Empty for no number."""
    bare = bare_number(text)
    if not bare or len(bare) > _MAX_LENGTH:
        return []
    forms = dict.fromkeys([bare, bare.upper(), bare.lower()])
    return [*forms, *("#" + form for form in forms)]


def find(number: str, *, store: Store | None = None) -> list[Order]:
    """Orders with this number, newest first: several only where stores number alike. One query, by an index."""
    forms = spellings(number)
    if not forms:
        return []
    orders = Order.objects.filter(number__in=forms).select_related("store", "customer")
    if store is not None:
        orders = orders.filter(store=store)
    return list(orders.order_by("-ordered_at", "-pk")[:20])


def belongs_to(order: Order, address: str) -> bool:
    """Whether a mail address is one of the order's: the one it was placed with, or an unmasked one of its customer."""
    wanted = addresses.normalise(address)
    if not wanted:
        return False
    if addresses.normalise(order.email) == wanted:
        return True
    return order.customer.addresses.filter(address=wanted, masked=False).exists()


def matching(text: str) -> Q:
    """Orders that a search means: by number (or its beginning), name, mail address, or four digits of the phone."""
    shown, bare = searching.typed(text), bare_number(text)
    found = Q(email__icontains=shown) | searching.name_holds("name", shown) | searching.phone_holds("phone", shown)
    if bare:
        found |= Q(number__istartswith=bare) | Q(number__istartswith=f"#{bare}")
    return found
