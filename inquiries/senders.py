"""From which of the shop's own addresses a reply leaves. Never another store's, never one that was typed."""

from inquiries.models import Inquiry
from shopdesk import addresses
from shopdesk.mail.models import Mailbox
from shopdesk.shop.models import Store


class NotOurs(Exception):
    """The address is none of the store's own, or its mailbox is paused."""


def choices(store: Store) -> list[str]:
    """The store's own addresses, the one that it sends from first: that one, and those of its mailboxes that are read,
    so that an answer to it arrives. One query."""
    others = Store.objects.exclude(pk=store.pk)
    rows = Mailbox.objects.exclude(status=Mailbox.Status.PAUSED).exclude(address="")
    rows = rows.exclude(address__in=others.values("sender_address"))
    # As filing decides it: a mailbox whose code names no store belongs to the default one.
    own = rows.exclude(store_code__in=others.values("code")) if store.is_default else rows.filter(store_code=store.code)
    return [*dict.fromkeys([_own(store), *own.order_by("pk").values_list("address", flat=True)])]


def usual(inquiry: Inquiry) -> str:
    """The address that the customer last wrote to, else the store's. No query."""
    return inquiry.written_to or _own(inquiry.store)


def resolve(inquiry: Inquiry, asked: str) -> str:
    """The address from which a reply leaves: ``asked``, as it was chosen, or for "" the usual one. No query when that
    is the store's.

    Raises NotOurs for what may not be chosen. The usual one is left for the store's when it is not ours any more.
    """
    own, wanted = _own(inquiry.store), addresses.normalise(asked) or usual(inquiry)
    if wanted == own or wanted in choices(inquiry.store):
        return wanted
    if asked:
        raise NotOurs
    return own


def _own(store: Store) -> str:
    return addresses.normalise(store.sender_address)
