"""Who is who: the customer behind an order, a form or a letter."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q

from shopdesk import addresses
from shopdesk.shop import changes, contacts, searching
from shopdesk.shop.models import Customer, CustomerAddress, PlatformIdentity, Store

# How often a slower caller looks again before it gives up; one look settles a race between two.
_TRIES = 3


@dataclass(frozen=True)
class Person:
    """What somebody told about a buyer. ``platform_id`` is what the store's platform calls them; all may be empty."""

    name: str
    address: str = ""
    phone: str = ""
    name_kana: str = ""
    prefecture: str = ""
    platform_id: str = ""
    language: str = "ja"


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
    """The customer whom these facts name, made when nobody is known. ``address`` may be empty.

    Known by, in this order: what the platform calls them; a mail address that is no marketplace relay; and, only where
    no such address is given, phone together with kana. (Somebody who types another person's phone and kana beside an
    own mail address must not become that person.) A new address or platform id is added to the customer who was found,
    empty fields are filled, nothing is overwritten.

    Two callers at once make one customer: the unique address decides, and the slower one takes the faster one's row.
    """
    person = person_of(
        name=name, address=address, phone=phone, name_kana=name_kana, prefecture=prefecture, platform_id=platform_id,
        language=language,
    )  # fmt: skip
    for _attempt in range(_TRIES - 1):
        try:
            return _once(person, store, now)
        except IntegrityError:  # somebody else was faster with this address or platform id: look again
            continue
    return _once(person, store, now)


def person_of(
    *,
    name: str,
    address: str,
    phone: str = "",
    name_kana: str = "",
    prefecture: str = "",
    platform_id: str = "",
    language: str = "ja",
) -> Person:
    """A Person with every field in the form and length in which it is compared and stored."""
    return Person(
        name=name[:100],
        address=addresses.normalise(address),
        phone=contacts.phone_digits(phone),
        name_kana=name_kana[:100],
        prefecture=prefecture[:10],
        platform_id=platform_id,
        language=language,
    )


@transaction.atomic
def _once(person: Person, store: Store, now: datetime) -> Customer:
    directory = Directory(store, [person])
    customer = directory.customer_for(person, now)
    directory.save()
    return customer


class Directory:
    """The customers behind a batch of people, found with three queries and made with three more; one for each known
    one of whom something is new, and one for all of these.

    ``customer_for`` may give a customer that is not saved yet; ``save`` writes what is new and raises IntegrityError
    when another transaction was faster with an address or a platform id.
    """

    def __init__(self, store: Store, people: Iterable[Person]) -> None:
        people = list(people)
        self._store = store
        self._new: list[Customer] = []
        self._filled: dict[int, tuple[Customer, set[str]]] = {}
        self._new_addresses: list[CustomerAddress] = []
        self._new_identities: list[PlatformIdentity] = []
        self._by_phone: dict[str, list[Customer]] = defaultdict(list)

        ids = {person.platform_id for person in people} - {""}
        identities = PlatformIdentity.objects.filter(store=store, platform_id__in=ids).select_related("customer")
        self._by_id = {row.platform_id: row.customer for row in identities} if ids else {}
        known = {person.address for person in people} - {""}
        rows = CustomerAddress.objects.filter(address__in=known).select_related("customer") if known else []
        self._by_address: dict[str, Customer] = {}
        self._masked: set[tuple[int | None, str]] = set()
        for row in rows:
            if row.masked:
                self._masked.add((row.customer_id, row.address))
            else:
                self._by_address[row.address] = row.customer
        phones = {person.phone for person in people if not self._has_own_address(person)} - {""}
        if phones:
            for customer in Customer.objects.filter(phone__in=phones, merged_into=None).order_by("pk"):
                self._by_phone[customer.phone].append(customer)

    def customer_for(self, person: Person, now: datetime) -> Customer:
        """The customer of this person, with what is new about them noted for ``save``."""
        customer = self._find(person)
        if customer is None:
            customer = Customer(
                name=person.name, name_kana=person.name_kana, phone=person.phone, prefecture=person.prefecture,
                language=person.language, created_at=now,
            )  # fmt: skip
            self._new.append(customer)
            self._by_phone[person.phone].append(customer)
        else:
            self._fill(customer, person)
        self._attach(customer, person)
        return customer

    def save(self) -> None:
        """Write the new customers, addresses and identities. Inside the caller's transaction."""
        Customer.objects.bulk_create(self._new)
        for _pk, (customer, fields) in sorted(self._filled.items()):  # by key: nobody waits in a circle
            customer.save(update_fields=sorted(fields))
        if named := [pk for pk, (_customer, fields) in self._filled.items() if fields & {"phone", "name_kana"}]:
            changes.note(Customer.objects.filter(pk__in=named))
        CustomerAddress.objects.bulk_create(self._new_addresses)
        PlatformIdentity.objects.bulk_create(self._new_identities)
        self._new, self._filled, self._new_addresses, self._new_identities = [], {}, [], []

    @staticmethod
    def _has_own_address(person: Person) -> bool:
        return bool(person.address) and not addresses.is_masked(person.address)

    def _find(self, person: Person) -> Customer | None:
        if person.platform_id and person.platform_id in self._by_id:
            return self._by_id[person.platform_id]
        if self._has_own_address(person):
            return self._by_address.get(person.address)
        wanted = contacts.kana(person.name_kana)
        if not wanted or not contacts.names_a_person(person.phone):
            return None
        same = (one for one in self._by_phone[person.phone] if contacts.kana(one.name_kana) == wanted)
        return next(same, None)

    def _fill(self, customer: Customer, person: Person) -> None:
        for field in ("phone", "name_kana", "prefecture"):
            value = getattr(person, field)
            if value and not getattr(customer, field):
                setattr(customer, field, value)
                if customer.pk:
                    self._filled.setdefault(customer.pk, (customer, set()))[1].add(field)

    def _attach(self, customer: Customer, person: Person) -> None:
        """Note the address and the platform's id; an unmasked address that belongs to another stays with them."""
        if person.address and addresses.is_masked(person.address):
            key = (customer.pk or id(customer), person.address)
            if key not in self._masked:
                self._masked.add(key)
                self._new_addresses.append(CustomerAddress(customer=customer, address=person.address, masked=True))
        elif person.address and person.address not in self._by_address:
            self._by_address[person.address] = customer
            self._new_addresses.append(CustomerAddress(customer=customer, address=person.address))
        if person.platform_id and person.platform_id not in self._by_id:
            self._by_id[person.platform_id] = customer
            identity = PlatformIdentity(customer=customer, store=self._store, platform_id=person.platform_id)
            self._new_identities.append(identity)


def matching(text: str) -> Q:
    """Customers that a search means: by name, kana (hiragana too), mail address, or four digits of the phone.

    Each way has its index; which one is asked depends on what was typed.
    """
    shown = searching.typed(text)
    if digits := searching.phone_digits(shown):
        return Q(phone__contains=digits)
    found = searching.name_holds(["name", "name_kana"], shown)
    if len(shown) >= 3 and shown.isascii():
        # Looked up first: as a condition of the same statement it would be asked of every customer.
        known = CustomerAddress.objects.filter(address__contains=addresses.normalise(shown))
        found |= Q(pk__in=list(known.values_list("customer_id", flat=True)[: searching.MOST]))
    return found
