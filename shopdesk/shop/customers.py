"""Who is who: the customer behind an order, a form or a letter."""

from datetime import datetime

from django.db import IntegrityError, transaction

from shopdesk import addresses
from shopdesk.shop import contacts
from shopdesk.shop.models import Customer, CustomerAddress, PlatformIdentity, Store


def find_or_create(
    *,
    name: str,
    address: str,
    store: Store,
    now: datetime,
    phone: str = "",
    language: str = "ja",
    name_kana: str = "",
    prefecture: str = "",
    platform_id: str = "",
) -> Customer:
    """The customer whom these facts name, made when nobody is known.

    Known by, in this order: what the platform calls them; a mail address that is no marketplace relay; and, only where
    no such address is given, phone together with kana. (Somebody who types another person's phone and kana beside an
    own mail address must not become that person.) A new address or platform id is added to the customer who was found,
    empty fields are filled, nothing is overwritten. ``address`` may be empty.

    Two callers at once make one customer: the unique address decides, and the slower one takes the faster one's row.
    """
    address = addresses.normalise(address)
    phone = contacts.phone_digits(phone)
    facts = {"phone": phone, "name_kana": name_kana[:100], "prefecture": prefecture[:10]}
    for attempt in range(3):
        customer = _find(address=address, store=store, phone=phone, name_kana=name_kana, platform_id=platform_id)
        try:
            with transaction.atomic():
                if customer is None:
                    customer = Customer.objects.create(name=name[:100], language=language, created_at=now, **facts)
                else:
                    fill(customer, **facts)
                _attach(customer, address=address, store=store, platform_id=platform_id)
        except IntegrityError:  # somebody else was faster with this address or platform id
            if attempt == 2:
                raise
        else:
            return customer
    raise AssertionError("unreachable")


def fill(customer: Customer, **facts: str) -> None:
    """Write facts into fields that are empty."""
    empty = [field for field, value in facts.items() if value and not getattr(customer, field)]
    if empty:
        for field in empty:
            setattr(customer, field, facts[field])
        customer.save(update_fields=empty)


def matching_phone(phone: str, name_kana: str, candidates: list[Customer]) -> Customer | None:
    """The oldest of the candidates with this phone and this kana, where both can tell people apart."""
    wanted = contacts.kana(name_kana)
    if not wanted or not contacts.names_a_person(phone):
        return None
    same = [one for one in candidates if one.phone == phone and contacts.kana(one.name_kana) == wanted]
    return min(same, key=lambda one: one.pk, default=None)


def _find(*, address: str, store: Store, phone: str, name_kana: str, platform_id: str) -> Customer | None:
    if platform_id:
        known = PlatformIdentity.objects.filter(store=store, platform_id=platform_id).select_related("customer").first()
        if known:
            return known.customer
    if address and not addresses.is_masked(address):
        return Customer.objects.with_address(address).first()
    if not contacts.names_a_person(phone) or not name_kana:
        return None
    return matching_phone(phone, name_kana, list(Customer.objects.filter(phone=phone).order_by("pk")[:20]))


def _attach(customer: Customer, *, address: str, store: Store, platform_id: str) -> None:
    """Note the address and the platform's id; an unmasked address that belongs to another stays there.

    Raises IntegrityError when the address or the id came into the database a moment ago.
    """
    if address:
        masked = addresses.is_masked(address)
        others = CustomerAddress.objects.filter(address=address)
        others = others.filter(customer=customer) if masked else others.filter(masked=False)
        if not others.exists():
            CustomerAddress.objects.create(customer=customer, address=address, masked=masked)
    if platform_id and not PlatformIdentity.objects.filter(store=store, platform_id=platform_id).exists():
        PlatformIdentity.objects.create(customer=customer, store=store, platform_id=platform_id)
