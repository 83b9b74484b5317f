"""What staff who see assigned work only are shown of a customer's mail address and phone."""

from inquiries.models import Inquiry
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.text import MASK


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
    """A text without this inquiry's own address and phone."""
    secrets = {inquiry.email: address(inquiry.email), inquiry.phone: MASK, inquiry.customer.phone: MASK}
    for secret, shown in secrets.items():
        if secret:
            value = value.replace(secret, shown)
    return value
