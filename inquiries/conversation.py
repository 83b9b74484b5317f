"""Everything that one inquiry's page shows, fetched in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Q, When
from django.utils.translation import pgettext

from inquiries import masking, sentences
from inquiries.models import Attachment, Draft, Inquiry, InquiryEvent, Message
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop import orders
from shopdesk.shop.models import Order

ORDERS_SHOWN = 5
# Problems of the parser after which there is no text to show.
UNREADABLE = frozenset({"too_large", "too_complex", "parser_error"})

_State = OutgoingMail.State
_TONES = {_State.SENT: "ok", _State.UNCERTAIN: "danger", _State.FAILED: "danger", _State.HELD: "warn"}


def _delivery_label(state: int) -> str:
    """Where a letter stands, in the words of the thread."""
    words = {
        _State.SENT: pgettext("letter", "Sent"),
        _State.UNCERTAIN: pgettext("letter", "Unclear whether sent"),
        _State.FAILED: pgettext("letter", "Not delivered"),
        _State.HELD: pgettext("letter", "Held"),
        _State.SKIPPED: pgettext("letter", "Not sent"),
        _State.CANCELLED: pgettext("letter", "Not sent"),
        _State.EXPIRED: pgettext("letter", "Not sent"),
    }
    return words.get(_State(state), pgettext("letter", "Being sent"))


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
    folded: str = ""
    # Of received mail: who wrote it as far as it is not the customer's known name, and what the page offers of it.
    sender: str = ""
    address: str = ""
    is_other: bool = False
    is_unreadable: bool = False
    has_html: bool = False
    has_remote: bool = False
    files: Sequence[Attachment] = ()
    delivery: Delivery | None = None
    sentence: str = ""
    opens: bool = False
    is_new: bool = False


def entries(inquiry: Inquiry, *, reader: User, seen: int | None = None) -> list[Entry]:
    """The thread, oldest first. ``seen`` is the newest message that the reader knows; later ones are marked as new."""
    messages = list(
        inquiry.messages.select_related("author", "incoming")
        .defer("html", "incoming__raw")
        .annotate(has_html=~Q(html=""), has_remote=Q(html__contains=" data-remote="))
        .prefetch_related("attachments")
    )
    deliveries = _deliveries([message.mail_key for message in messages if message.mail_key])
    masked = not masking.sees_contacts(reader)
    own = _own_addresses(inquiry, messages)
    rows = [
        Entry(
            at=message.at,
            message=message,
            body=_shown(message, message.body, inquiry, masked=masked),
            folded=_shown(message, message.folded, inquiry, masked=masked),
            sender=masking.addresses_in(message.sender_name) if masked else message.sender_name,
            address=masking.address(message.sender_address) if masked else message.sender_address,
            is_other=bool(message.sender_address) and message.sender_address not in own,
            is_unreadable=bool(message.incoming and UNREADABLE & set(message.incoming.problems)),
            # The HTML may hold addresses in any form: who must not read them reads the text.
            has_html=message.has_html and not masked,
            has_remote=message.has_remote,
            files=list(message.attachments.all()),
            delivery=deliveries.get(message.mail_key or ""),
            is_new=seen is not None and message.pk > seen,
        )
        for message in messages
    ]
    rows += [
        Entry(at=event.at, sentence=_told(event, masked=masked), opens=event.code == "opened")
        for event in inquiry.events.select_related("actor")
    ]
    # At the same moment: that it came in, what was said, what that caused.
    return sorted(rows, key=lambda row: (row.at, 1 if row.message else 0 if row.opens else 2))


def _shown(message: Message, text: str, inquiry: Inquiry, *, masked: bool) -> str:
    if not masked or not text:
        return text
    text = masking.text(text, inquiry)
    # A mail quotes other people's addresses too.
    return masking.addresses_in(text) if message.incoming_id else text


def _told(event: InquiryEvent, *, masked: bool) -> str:
    told = sentences.sentence(event)
    return masking.addresses_in(told) if masked else told


def _own_addresses(inquiry: Inquiry, messages: Sequence[Message]) -> set[str]:
    """The customer's addresses; asked for only where a message came from another one than the inquiry's."""
    own = {inquiry.email}
    if any(message.sender_address not in {"", inquiry.email} for message in messages):
        own |= set(inquiry.customer.addresses.filter(masked=False).values_list("address", flat=True))
    return own


def _deliveries(keys: list[str]) -> dict[str, Delivery]:
    if not keys:
        return {}
    letters = OutgoingMail.objects.filter(key__in=keys).only("pk", "key", "state", "bounced_at")
    return {letter.key: _delivery(letter) for letter in letters}


def _delivery(letter: OutgoingMail) -> Delivery:
    if letter.bounced_at:  # sent, as far as we are concerned, and yet nobody read it
        return Delivery(letter.pk, pgettext("letter", "Came back"), "danger")
    return Delivery(letter.pk, _delivery_label(letter.state), _TONES.get(_State(letter.state), "neutral"))


def drafts_of(inquiry: Inquiry, reader: User) -> tuple[Draft | None, list[Draft]]:
    """What the reader is writing here, and what colleagues are. One query."""
    rows = list(inquiry.drafts.select_related("author").order_by("saved_at"))
    own = next((row for row in rows if row.author_id == reader.pk), None)
    return own, [row for row in rows if row.author_id != reader.pk]


def orders_of(inquiry: Inquiry, reader: User) -> list[Order]:
    """The inquiry's own order first, then the customer's newest; at most five.

    Who may not see orders sees the one that the question is about.
    """
    rows = Order.objects.select_related("store").prefetch_related("lines", "shipments")
    own = Q(pk=inquiry.order_id or 0)
    if not reader.has_perm(P.ORDERS_VIEW):
        return list(rows.filter(own))
    own_first = Case(When(own, then=0), default=1)
    return list(
        rows.filter(own | Q(customer_id=inquiry.customer_id)).order_by(own_first, "-ordered_at", "-pk")[:ORDERS_SHOWN]
    )


def number_of_another(inquiry: Inquiry) -> bool:
    """Whether the order number exists but belongs to another address: a typing error, a gift, or somebody curious."""
    return bool(inquiry.order_number) and inquiry.order_id is None and bool(orders.find(inquiry.order_number))
