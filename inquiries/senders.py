"""From which of the shop's own addresses a reply leaves. Never another store's, never one that was typed."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Now:
    """From where a reply leaves at this moment: ``every`` address that may be chosen (empty: not asked for), the
    ``usual`` one, and ``silent``: the one that the customer wrote to, where no reply leaves from it now."""

    usual: str
    every: tuple[str, ...] = ()
    silent: str = ""


def now(inquiry: Inquiry, wanted: str = "") -> Now:
    """The usual address is ``wanted`` (of a draft), else the one that the customer last wrote to, else the store's. No
    query where that is the store's."""
    own = _own(inquiry.store)
    wanted = wanted or inquiry.written_to or own
    return Now(own) if {wanted, inquiry.written_to or own} == {own} else among(inquiry, wanted)


def among(inquiry: Inquiry, wanted: str = "") -> Now:
    """The same with all that may be chosen. One query."""
    every = choices(inquiry.store)
    usual = next((one for one in (wanted, inquiry.written_to) if one in every), every[0])
    return Now(usual, tuple(every), "" if inquiry.written_to in {"", *every} else inquiry.written_to)


def chosen(inquiry: Inquiry, posted: str) -> str:
    """What somebody chose, as it was posted: "" for what stands there where nobody does, which may become another one
    until it is sent. A query only where the customer wrote to another address than the store's."""
    posted = addresses.normalise(posted[: addresses.MAX_LENGTH])
    return "" if posted == inquiry.written_to or posted == now(inquiry).usual else posted


def beside_the_stores(inquiry: Inquiry, wanted: str = "") -> str:
    """Where a reply leaves from that was written already: ``wanted``, as it was chosen, else the usual one; "" for the
    store's own, which nobody needs to be told."""
    leaves_from = wanted or now(inquiry).usual
    return "" if leaves_from == _own(inquiry.store) else leaves_from


def resolve(inquiry: Inquiry, asked: str) -> str:
    """The address from which a reply leaves: ``asked``, as it was chosen, or for "" the usual one. No query when that
    is the store's.

    Raises NotOurs for what may not be chosen. The usual one is left for the store's when it is not ours any more.
    """
    own = _own(inquiry.store)
    wanted = addresses.normalise(asked) or inquiry.written_to or own
    if wanted == own or wanted in choices(inquiry.store):
        return wanted
    if asked:
        raise NotOurs
    return own


def _own(store: Store) -> str:
    return addresses.normalise(store.sender_address)
