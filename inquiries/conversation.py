"""Everything that one inquiry's page shows, fetched in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Q, When
from django.utils.translation import pgettext

from inquiries import masking, sentences
from inquiries.models import Attachment, Draft, Inquiry, Message
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop import orders
from shopdesk.shop.models import Order

ORDERS_SHOWN = 5

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
    files: Sequence[Attachment] = ()
    delivery: Delivery | None = None
    sentence: str = ""
    opens: bool = False
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
    rows += [
        Entry(at=event.at, sentence=sentences.sentence(event), opens=event.code == "opened")
        for event in inquiry.events.select_related("actor")
    ]
    # At the same moment: that it came in, what was said, what that caused.
    return sorted(rows, key=lambda row: (row.at, 1 if row.message else 0 if row.opens else 2))


def _deliveries(keys: list[str]) -> dict[str, Delivery]:
    if not keys:
        return {}
    letters = OutgoingMail.objects.filter(key__in=keys).only("pk", "key", "state")
    return {
        letter.key: Delivery(letter.pk, _delivery_label(letter.state), _TONES.get(_State(letter.state), "neutral"))
        for letter in letters
    }


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
