"""Everything that one inquiry's page shows, fetched in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inquiries import masking, sentences
from inquiries.models import Attachment, Draft, Inquiry, Message
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop import orders
from shopdesk.shop.models import Order

ORDERS_SHOWN = 5

_TONES = {
    OutgoingMail.State.SENT: "ok",
    OutgoingMail.State.UNCERTAIN: "danger",
    OutgoingMail.State.FAILED: "danger",
    OutgoingMail.State.HELD: "warn",
}


@dataclass(frozen=True)
class Delivery:
    """Where the letter of a message stands."""

    pk: int
    label: str
    tone: str


@dataclass(frozen=True)
class Entry:
    """A message or an event of the thread."""

    at: datetime
    message: Message | None = None
    body: str = ""
    files: Sequence[Attachment] = ()
    delivery: Delivery | None = None
    sentence: str = ""
    is_new: bool = False


def entries(inquiry: Inquiry, *, reader: User, seen: int | None = None) -> list[Entry]:
    """The thread, oldest first. ``seen`` is the newest message that the reader knows; later ones are marked as new."""
    messages = list(inquiry.messages.select_related("author").prefetch_related("attachments"))
    deliveries = _deliveries([message.mail_key for message in messages if message.mail_key])
    masked = not masking.sees_contacts(reader)
    rows = [
        Entry(
            at=message.at,
            message=message,
            body=masking.text(message.body, inquiry) if masked else message.body,
            files=list(message.attachments.all()),
            delivery=deliveries.get(message.mail_key or ""),
            is_new=seen is not None and message.pk > seen,
        )
        for message in messages
    ]
    rows += [Entry(at=event.at, sentence=sentences.sentence(event)) for event in inquiry.events.select_related("actor")]
    # At the same moment the words come before what they caused.
    return sorted(rows, key=lambda row: (row.at, row.message is None))


def _deliveries(keys: list[str]) -> dict[str, Delivery]:
    if not keys:
        return {}
    letters = OutgoingMail.objects.filter(key__in=keys).only("pk", "key", "state")
    return {
        letter.key: Delivery(
            letter.pk, letter.get_state_display(), _TONES.get(OutgoingMail.State(letter.state), "neutral")
        )
        for letter in letters
    }


def others_drafts(inquiry: Inquiry, reader: User) -> list[Draft]:
    """What colleagues are writing here."""
    return list(inquiry.drafts.exclude(author=reader).select_related("author").order_by("saved_at"))


def orders_of(inquiry: Inquiry, reader: User) -> list[Order]:
    """The inquiry's own order first, then the customer's newest; at most five.

    Who may not see orders sees the one that the question is about.
    """
    rows = Order.objects.select_related("store").prefetch_related("lines", "shipments")
    own = list(rows.filter(pk=inquiry.order_id)) if inquiry.order_id else []
    if not reader.has_perm(P.ORDERS_VIEW):
        return own
    rest = rows.filter(customer_id=inquiry.customer_id).exclude(pk=inquiry.order_id or 0).order_by("-ordered_at", "-pk")
    return own + list(rest[: ORDERS_SHOWN - len(own)])


def number_of_another(inquiry: Inquiry) -> bool:
    """Whether the order number exists but belongs to another address: a typing error, a gift, or somebody curious."""
    return bool(inquiry.order_number) and inquiry.order_id is None and bool(orders.find(inquiry.order_number))


def other_inquiries(inquiry: Inquiry, reader: User) -> list[Inquiry]:
    """The customer's other inquiries that the reader may see, newest first, at most five."""
    rows = Inquiry.objects.visible_to(reader).filter(customer_id=inquiry.customer_id).exclude(pk=inquiry.pk)
    return list(rows.order_by("-opened_at", "-pk")[:5])
