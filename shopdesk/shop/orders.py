"""Finding the order that somebody means."""

import re
import unicodedata

from django.db.models import Q
from django.db.models.lookups import Contains

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
    """Orders that a search means: by a part of the number, name, mail address, or four digits of the phone.

    Each way has its index; which one is asked depends on what was typed.
    """
    shown = searching.typed(text)
    found = searching.name_holds(["name"], shown)
    parts = searching.Parts("number", "email", "phone")
    bare = bare_number(text).lower()
    if bare.isascii() and 0 < len(bare) < 3:  # too short for the index; a shop that numbers from 1 is small
        found |= Q(number__istartswith=bare) | Q(number__istartswith=f"#{bare}")
    for part in {bare, searching.phone_digits(shown), addresses.normalise(shown)}:
        if len(part) >= 3 and part.isascii():
            found |= Q(Contains(parts, part))
    return found
