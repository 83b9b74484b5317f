"""What staff who see assigned work only are shown of a customer's mail address and phone."""

import re
from collections.abc import Iterable

from inquiries import previews
from inquiries.models import Inquiry
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.text import MASK

# What people write between the digits of a phone number.
_BETWEEN = r"[-‐‑‒–—―−－ー().（）\s]{0,2}"
_SHORTEST_PHONE = 6
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}[@＠][\w-]+(?:[.．][\w-]+)*")
# From an ASCII letter to its full-width form in Unicode.
_FULL_WIDTH = ord("Ａ") - ord("A")


def sees_contacts(user: User) -> bool:
    """Whether somebody may read mail addresses and phones; outsourced staff answer through us and need neither."""
    return user.has_perm(P.INQUIRIES_VIEW_ALL)


def address(value: str) -> str:
    """``hanako@mail.example`` as ``h•••@mail.example``."""
    local, at, domain = value.rpartition("@")
    return f"{local[:1]}{MASK}@{domain}" if at else MASK if value else ""


def phone(value: str) -> str:
    return MASK if value else ""


def text(value: str, inquiry: Inquiry) -> str:
    """A text without this inquiry's own address and phone, in either width and however the phone is divided."""
    if inquiry.email:
        pattern = "".join(_either_width(letter) for letter in inquiry.email)
        value = re.sub(pattern, address(inquiry.email), value, flags=re.IGNORECASE)
    for number in {inquiry.phone, inquiry.customer.phone}:
        digits = [_either_width(letter) for letter in number if letter.isascii() and letter.isdecimal()]
        if len(digits) >= _SHORTEST_PHONE:
            value = re.sub(_BETWEEN.join(digits), MASK, value)
    return value


def addresses_in(value: str) -> str:
    """A text with every mail address in it covered."""
    return _ADDRESS.sub(MASK, value)


def _either_width(letter: str) -> str:
    """A pattern for the letter as typed in half or in full width."""
    return f"[{re.escape(letter)}{chr(ord(letter) + _FULL_WIDTH)}]" if "!" <= letter <= "~" else re.escape(letter)


def cover(inquiries: Iterable[Inquiry], user: User) -> None:
    """Hide addresses and phones in the subjects and previews of rows about to be shown; the rows are changed in hand,
    never saved.

    A subject is often the first sentence of what the customer wrote. Nothing happens for who may read contacts.
    """
    if sees_contacts(user):
        return
    for inquiry in inquiries:
        inquiry.subject = text(inquiry.subject, inquiry)
        # Whatever address stands there: in a line of the list nobody needs one.
        inquiry.preview = addresses_in(text(previews.untorn(inquiry.preview), inquiry))
