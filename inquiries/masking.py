"""What staff who see assigned work only are shown of a customer's mail address, phone and postal address.

Two nets, one behind the other: what we know of the customer is covered in whatever spelling, and what looks like a mail
address, a phone or a postal address is covered although nobody knows it. Both rather cover too much.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q
from django.db.models.functions import JSONObject

from inquiries import previews
from inquiries.models import Attachment, DraftFile, Inquiry, InquiryQuerySet, Message
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.shop import contacts
from shopdesk.shop.models import CustomerAddress, Order
from shopdesk.text import MASK

# What people write between the digits of a phone number, and a mail between the parts of one that it wraps.
_MARKS = r"-‐‑‒–—―−－ーｰ_＿.．・,，/／~〜～()（）\[\]"
_BETWEEN = rf"[{_MARKS}\s\u200b]{{0,4}}"
# Within a line, for numbers that nobody knows.
_NEAR = rf"[{_MARKS} \u3000]{{0,2}}"
_SHORTEST_PHONE = 6
# So many digits after the zero make a number that no other one looks like.
_SURELY = 8
_KANJI_DIGITS = "〇一二三四五六七八九"
# From an ASCII letter to its full-width form in Unicode.
_FULL_WIDTH = ord("Ａ") - ord("A")

_LETTER = r"A-Za-z0-9Ａ-Ｚａ-ｚ０-９"
_ADDRESS = re.compile(
    rf"(?:[{_LETTER}.．_＿!#$%&'*+＋/=?^`{{|}}~－-]{{1,64}}|[^\W\x00-\x7f]{{1,20}})\s?[@＠]\s?"
    rf"(?:[\w-]+[.．])+[{_LETTER}-]{{2,}}"
)
# A Japanese number (0 and nine or ten digits), or one with its country; free and shared numbers belong to companies.
_FREE = "|".join(_NEAR.join(number) for number in ("0120", "0800", "0570", "０１２０", "０８００", "０５７０"))
_PHONE = re.compile(
    rf"(?<![{_LETTER}])(?!{_FREE})"
    rf"(?:[+＋]{_NEAR}\d(?:{_NEAR}\d){{8,13}}|[0０](?:{_NEAR}\d){{9,10}})(?![-‐‑‒–—―−－]?\d)"
)
# 〒100-0005, and from a prefecture to the end of a line that goes on with a town and a number.
_POSTAL_CODE = re.compile(rf"〒\s?\d{{3}}{_NEAR}\d{{4}}")
_STREET = re.compile(
    rf"({'|'.join(contacts.PREFECTURES)})\s?(?=[^\n。、]{{0,12}}[市区町村郡])"
    r"[^\n。、]{0,30}?[0-9０-９一二三四五六七八九十](?:丁目|番|号|[-‐‑‒–—―−－ーの])[^\n。、]{0,60}"
)
# So many letters in a row of a known address are no chance; of an English one more.
_ROW, _ENGLISH_ROW = 5, 8
_LATIN = 0x2E7F
_FOLDED = {ord(mark): "-" for mark in "‐‑‒–—―−－ーｰ丁目番地号"} | {
    ord(kanji): str(digit) for digit, kanji in enumerate(_KANJI_DIGITS)
}


def sees_contacts(user: User) -> bool:
    """Whether somebody may read mail addresses and phones; outsourced staff answer through us and need neither."""
    return user.has_perm(P.INQUIRIES_VIEW_ALL)


def named(user: User) -> dict[str, int]:
    """What a statement (shopdesk.statements) of rows ``visible_to`` somebody takes besides their codes: who sees
    everything need not be named, so that one plan serves them all."""
    return {} if sees_contacts(user) else {"user": user.pk}


def address(value: str) -> str:
    """``hanako@mail.example`` as ``h•••@mail.example``."""
    local, at, domain = value.rpartition("@")
    return f"{local[:1]}{MASK}@{domain}" if at else MASK if value else ""


def phone(value: str) -> str:
    return MASK if value else ""


def text(value: str, inquiry: Inquiry) -> str:
    """A text without this customer's contacts in any spelling, and without what looks like anybody's."""
    if not value:
        return value
    store = inquiry._state.fields_cache.get("store")  # not worth a query
    return anybodys(known(value, inquiry), besides=contacts.phone_digits(store.phone) if store else "")


def known(value: str, inquiry: Inquiry) -> str:
    """A text without the contacts that we know of this customer; the writer's own other numbers stay."""
    return _known_of(inquiry).cover(value) if value else value


def anybodys(value: str, *, besides: str = "") -> str:
    """A text without anything that looks like a mail address, a phone or a postal address. ``besides``: the digits of
    the shop's own phone."""

    def number(match: re.Match[str]) -> str:
        return match[0] if besides and contacts.phone_digits(match[0]) == besides else MASK

    value = _PHONE.sub(number, addresses_in(value))
    return _STREET.sub(rf"\1{MASK}", _POSTAL_CODE.sub(MASK, value))


def addresses_in(value: str) -> str:
    """A text with every mail address in it covered."""
    return _ADDRESS.sub(MASK, value)


def name(inquiry: Inquiry, user: User | None) -> str:
    """What the customer is called. Who gives no name is called by the first part of the address, which together with
    the rest of it would be the address."""
    return inquiry.name if user is None or sees_contacts(user) else covered_name(inquiry, inquiry.name)


def covered_name(inquiry: Inquiry, given: str) -> str:
    """:func:`name` for who may not read contacts, of a name that was given in this inquiry."""
    firsts = {one.partition("@")[0] for one in (inquiry.email, *_known_of(inquiry).addresses)}
    is_first = _folded(given)[0] in {_folded(first)[0] for first in firsts if first}
    return MASK if is_first else text(given, inquiry)


def cover(inquiries: Iterable[Inquiry], user: User) -> None:
    """Hide addresses and phones in whatever customers wrote into rows about to be shown; the rows are changed in hand,
    never saved.

    A subject is often the first sentence of what the customer wrote. Nothing happens for who may read contacts. One
    query for all rows.
    """
    if sees_contacts(user):
        return
    rows = list(inquiries)
    learn(rows)
    for inquiry in rows:
        deferred = inquiry.get_deferred_fields()
        if "name" not in deferred:
            inquiry.name = name(inquiry, user)
        for field in {"subject", "product_text", "order_number", "snooze_comment"} - deferred:
            setattr(inquiry, field, text(getattr(inquiry, field), inquiry))
        if "preview" not in deferred:
            inquiry.preview = text(previews.untorn(inquiry.preview), inquiry)


# Photographs and papers belong to the work: a broken bowl, a returns form. Anything else (a mail, a table, a contact
# card) is addresses by its nature and cannot be covered. A photograph says where it was taken, which is at the
# customer's home: they get its points drawn anew (thumbnails.redrawn), and not the kind that we cannot draw (HEIC).
OPENABLE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"})


def may_open(file: Attachment, user: User) -> bool:
    """Whether somebody may have a file of a message; everything that colleagues sent or noted is fine."""
    if sees_contacts(user) or file.message.kind != Message.Kind.RECEIVED:
        return True
    return file.media_type in OPENABLE


def shows_place(file: Attachment, user: User) -> bool:
    """Whether a file may tell somebody, who must not know, where it was made: a picture of the customer's."""
    is_theirs = file.message.kind == Message.Kind.RECEIVED
    return is_theirs and not sees_contacts(user) and file.media_type.startswith("image/")


def cover_files(files: list[DraftFile], inquiry: Inquiry, user: User) -> list[DraftFile]:
    """Files of a reply that is being written, their names covered; changed in hand, never saved."""
    if not sees_contacts(user):
        for file in files:
            file.name = known(file.name, inquiry)
    return files


def file_name(file: Attachment, user: User) -> str:
    """What a file is called for somebody."""
    return file.name if sees_contacts(user) else text(file.name, file.message.inquiry)


# --- what we know -----------------------------------------------------------------------------------------------------

_ORDERS = 30


@dataclass(frozen=True)
class _Known:
    """The contacts of one inquiry's customer, as far as they are written down anywhere."""

    addresses: frozenset[str]
    phones: frozenset[str]
    postal_codes: frozenset[str]
    streets: frozenset[str]

    def cover(self, value: str) -> str:
        for one, pattern in self._addresses:
            value = pattern.sub(address(one), value)
        for pattern in self._numbers:
            value = pattern.sub(MASK, value)
        return _without_rows(value, self._rows) if self._rows else value

    @cached_property
    def _addresses(self) -> list[tuple[str, re.Pattern[str]]]:
        return [(one, _address_pattern(one)) for one in sorted(self.addresses, key=len, reverse=True)]

    @cached_property
    def _numbers(self) -> list[re.Pattern[str]]:
        found = [_phone_pattern(number) for number in sorted(self.phones, key=len, reverse=True)]
        return found + [re.compile(rf"〒?\s?(?<!\d){_digits(code)}(?!\d)") for code in sorted(self.postal_codes)]

    @cached_property
    def _rows(self) -> frozenset[str]:
        return frozenset(row for street in self.streets for row in _rows_of(street))


_NOTHING = _Known(frozenset(), frozenset(), frozenset(), frozenset())


def learn(inquiries: Sequence[Inquiry]) -> None:
    """Look up what is known of the customers of these inquiries, once for each. One query."""
    missing = {
        inquiry.pk: inquiry for inquiry in inquiries if not {"_known_contacts", "known_parcels"} & {*inquiry.__dict__}
    }
    if not missing:
        return
    rows = with_facts(Inquiry.objects.filter(pk__in=missing).order_by()).select_related("customer")
    for row in rows.only("email", "phone", "customer__phone"):
        missing[row.pk].__dict__["_known_contacts"] = _gathered(row)


def with_facts(rows: InquiryQuerySet) -> InquiryQuerySet:
    """The rows with what :func:`learn` asks for, so that it need not: for a page that reads one row anyway. With
    ``customer`` selected."""
    own = CustomerAddress.objects.filter(customer=OuterRef("customer")).values("address")
    orders = Order.objects.filter(Q(customer=OuterRef("customer")) | Q(pk=OuterRef("order"))).order_by("-ordered_at")
    facts = JSONObject(email="email", phone="phone", code="postal_code", street="address")
    return rows.annotate(
        known_addresses=ArraySubquery(own), known_parcels=ArraySubquery(orders.values(json=facts)[:_ORDERS])
    )


def _gathered(row: Inquiry) -> _Known:
    """From a row of :func:`with_facts`."""
    facts: Any = row
    parcels: list[dict[str, str]] = facts.known_parcels
    addresses = [row.email, *facts.known_addresses, *(parcel["email"] for parcel in parcels)]
    phones = [row.phone, row.customer.phone, *(parcel["phone"] for parcel in parcels)]
    codes = {"".join(filter(str.isdecimal, parcel["code"])) for parcel in parcels}
    numbers = {contacts.phone_digits(one) for one in phones if one}
    return _Known(
        addresses=frozenset(one for one in addresses if "@" in one),
        phones=frozenset(one for one in numbers if len(one) >= _SHORTEST_PHONE),
        postal_codes=frozenset(code for code in codes if len(code) == 7),
        streets=frozenset(parcel["street"] for parcel in parcels if parcel["street"]),
    )


def _known_of(inquiry: Inquiry) -> _Known:
    if "_known_contacts" not in inquiry.__dict__:
        if "known_parcels" in inquiry.__dict__:
            inquiry.__dict__["_known_contacts"] = _gathered(inquiry)
        else:
            learn([inquiry])
    found: _Known = inquiry.__dict__.get("_known_contacts") or _NOTHING
    return found


# --- how it may be written --------------------------------------------------------------------------------------------


def _address_pattern(one: str) -> re.Pattern[str]:
    """The address in either width, with blanks, a (at) or a [dot] in it."""
    local, _at, domain = one.rpartition("@")
    word = "at|ａｔ|アットマーク|アット|[@＠]"
    at = rf"\s?(?:[@＠]|[(（\[【<＜]\s?(?:{word})\s?[)）\]】>＞]|アットマーク|アット|\sat\s)\s?"
    dot = r"\s?(?:[.．。]|[(（\[]\s?(?:dot|ドット|[.．])\s?[)）\]]|ドット)\s?"
    host = dot.join("".join(_either_width(letter) for letter in part) for part in domain.split("."))
    return re.compile("".join(_either_width(letter) for letter in local) + at + host, re.IGNORECASE)


def _phone_pattern(number: str) -> re.Pattern[str]:
    """The number with or without its zero or the country's 81, however it is divided and in whatever digits."""
    rest = number.removeprefix("0")
    if len(rest) < _SURELY:
        return re.compile(_digits(number))
    country = rf"(?:(?:[+＋]|[0０]{_BETWEEN}[1１]{_BETWEEN}[0０])?{_BETWEEN}{_digits('81')}{_BETWEEN})?"
    return re.compile(rf"{country}(?:[(（]?[0０〇][)）]?{_BETWEEN})?{_digits(rest)}")


def _digits(number: str) -> str:
    ways = (f"[{digit}{chr(ord(digit) + _FULL_WIDTH)}{_KANJI_DIGITS[int(digit)]}]" for digit in number)
    return _BETWEEN.join(ways)


def _either_width(letter: str) -> str:
    """A pattern for the letter as typed in half or in full width."""
    return f"[{re.escape(letter)}{chr(ord(letter) + _FULL_WIDTH)}]" if "!" <= letter <= "~" else re.escape(letter)


def _folded(value: str) -> tuple[str, list[int]]:
    """The text in one spelling of widths, hyphens and street numbers, and where each of its letters came from."""
    letters: list[str] = []
    places: list[int] = []
    for place, raw in enumerate(value):
        if raw in "ﾞﾟ" and letters:  # half-width kana are written in two letters
            letters[-1] = unicodedata.normalize("NFC", letters[-1] + unicodedata.normalize("NFKC", raw))
            continue
        for letter in unicodedata.normalize("NFKC", raw).casefold().translate(_FOLDED):
            follows_digit = bool(letters) and letters[-1].isdigit()
            mark = "-" if letter in "のノ" and follows_digit else letter
            if mark.isspace() or mark in ",、，" or (mark == "-" and letters and letters[-1] == "-"):
                continue
            letters.append(mark)
            places.append(place)
    return "".join(letters), places


def _rows_of(street: str) -> Iterable[str]:
    """The rows of letters by which a postal address is known again; the prefecture is no secret."""
    for prefecture in contacts.PREFECTURES:
        street = street.strip().removeprefix(prefecture)
    folded, _places = _folded(street)
    for start in range(len(folded) - _ROW + 1):
        row = folded[start : start + _ROW]
        if not any(ord(letter) > _LATIN for letter in row):
            row = folded[start : start + _ENGLISH_ROW]
            if len(row) < _ENGLISH_ROW or not any(map(str.isalpha, row)):
                continue
        yield row


def _without_rows(value: str, rows: frozenset[str]) -> str:
    """The text without the stretches that hold a row of a known postal address, and the numbers that follow them."""
    folded, places = _folded(value)
    covered = [False] * len(folded)
    for start in range(len(folded) - _ROW + 1):
        for length in (_ROW, _ENGLISH_ROW):
            if folded[start : start + length] in rows:
                end = start + length
                while end < len(folded) and (folded[end].isdigit() or folded[end] == "-"):
                    end += 1
                covered[start:end] = [True] * (end - start)
    if not any(covered):
        return value
    told: list[str] = []
    end = 0
    start = 0
    while start < len(folded):
        if not covered[start]:
            start += 1
            continue
        stop = start
        while stop + 1 < len(folded) and covered[stop + 1]:
            stop += 1
        told += [value[end : places[start]], MASK]
        end = places[stop] + 1
        start = stop + 1
    return "".join([*told, value[end:]])
