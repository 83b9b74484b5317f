"""Everything that one inquiry's page shows, fetched in a fixed number of queries."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import pairwise
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import JSONObject
from django.utils.translation import pgettext

from inquiries import families, masking, sentences
from inquiries.attachments import INLINE_TYPES
from inquiries.models import Attachment, Draft, DraftFile, Inquiry, InquiryEvent, Mention, Message, PreparedReply
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.mail.models import OutgoingMail, Suppression
from shopdesk.shop import orders
from shopdesk.shop.models import Order
from shopdesk.statements import Words, statement
from shopdesk.text import MASK

ORDERS_SHOWN = 5
# Of a long thread: the question, and what was said last.
LAST_OPEN = 5
MOST_EVENTS = 200
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
    """Where the letter of a message stands; ``left_out``: how many of those copied to did not get it."""

    pk: int
    label: str
    tone: str
    left_out: int = 0


@dataclass(frozen=True)
class File:
    """A file of a message, as the thread offers it."""

    pk: int
    name: str
    media_type: str
    size: int
    suspicious: bool
    # The reader must not open it: it holds what is hidden from them.
    is_withheld: bool = False

    @property
    def is_picture(self) -> bool:
        return self.media_type in INLINE_TYPES and not self.suspicious


@dataclass(frozen=True)
class Entry:
    """A message or an event of the thread, or the place of what is folded away."""

    at: datetime
    message: Message | None = None
    # The customer's name as given with what this belongs to.
    name: str = ""
    body: str = ""
    folded: str = ""
    # Of received mail: who wrote it as far as it is not the customer's known name, and what the page offers of it.
    sender: str = ""
    address: str = ""
    is_other: bool = False
    is_unreadable: bool = False
    has_html: bool = False
    has_remote: bool = False
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    files: Sequence[File] = ()
    delivery: Delivery | None = None
    # The number of the inquiry in which it was said, where that was another one, merged into this.
    elsewhere: str = ""
    # The reader is named in this note and has not said that they read it.
    mentions_reader: bool = False
    sentence: str = ""
    opens: bool = False
    is_new: bool = False
    # So many messages are not shown here.
    hidden: int = 0

    @property
    def has_marks(self) -> bool:
        """Whether anything unusual stands in the head of the message. Most have nothing."""
        message = self.message
        unusual = bool(message and (message.automatic or message.unverified))
        return unusual or self.is_new or bool(self.elsewhere)

    @property
    def has_more(self) -> bool:
        """Whether anything follows its text."""
        return bool(self.folded or self.has_html or self.files or self.mentions_reader)


@dataclass
class Thread:
    """The thread as shown, oldest first."""

    entries: list[Entry] = field(default_factory=list)
    # The newest message that is known here; what comes later is new to the reader.
    newest: int = 0
    # Where to begin reading: what the customer said last without an answer, else the last message.
    start: int = 0
    # Who else got the customer's newest mail: whom a reply to all is copied to.
    copied: list[str] = field(default_factory=list)
    # The customer wrote more than once: one message may become a question of its own.
    may_split: bool = False


def thread(
    inquiry: Inquiry, *, reader: User, beside: "Beside", seen: int | None = None, everything: bool = False
) -> Thread:
    """What was said and what happened, oldest first, with what was said in inquiries merged into this one.

    Of a long thread the first and the last few messages, with a place between that says how many are left out, unless
    ``everything``. ``seen`` is the newest message that the reader knows; later ones are marked as new, and shown.
    Two queries, four with merged inquiries.
    """
    ids = families.family(inquiry) if beside.has_merged else [inquiry.pk]
    order = _in_order(ids) if beside.has_merged else beside.messages
    places = {pk: place for place, pk in enumerate(order)}
    shown = order
    if not everything:
        shown = [*order[:1], *order[-LAST_OPEN:], *(pk for pk in order if seen is not None and pk > seen)]
    messages = _messages(pks=list(shown), reader=reader.pk)
    masked = not masking.sees_contacts(reader)
    known = {inquiry.email, *beside.addresses}
    covered = _to_cover(inquiry, ids) if masked else []
    entries = [_said(message, inquiry, known, covered=covered, seen=seen) for message in messages]
    gaps = [
        (before.at, after.at, places[after.pk] - places[before.pk] - 1)
        for before, after in pairwise(messages)
        if places[after.pk] - places[before.pk] > 1
    ]
    entries += [Entry(at=begin, hidden=count) for begin, _, count in gaps]
    entries += [
        Entry(at=event.at, sentence=_told(event, covered), opens=event.code == "opened")
        for event in reversed(_events(inquiries=ids))
        # What happened between folded messages is folded with them.
        if not any(begin < event.at < end for begin, end, _ in gaps)
    ]
    entries.sort(key=_order)
    said = [message for message in messages if message.kind != Message.Kind.NOTE] or messages
    waiting = [message for message in _after_last_answer(said) if message.kind == Message.Kind.RECEIVED]
    start = waiting[0] if waiting else said[-1] if said else None
    newest = max((message.pk for message in messages), default=0)
    heard = [message for message in messages if message.kind == Message.Kind.RECEIVED and not message.automatic]
    copied = [one for one in heard[-1].cc if one != inquiry.email] if heard else []
    may_split = len(heard) > 1 or (bool(heard) and bool(gaps))
    return Thread(entries, newest=newest, start=start.pk if start else 0, copied=copied, may_split=may_split)


def _to_cover(inquiry: Inquiry, ids: list[int]) -> list[Inquiry]:
    """Whose addresses and phones are hidden: also those of inquiries that were merged into this one."""
    others = [pk for pk in ids if pk != inquiry.pk]
    covered = [inquiry, *(Inquiry.objects.filter(pk__in=others).only("email") if others else ())]
    masking.learn(covered)
    return covered


def _order(row: Entry) -> tuple[datetime, int]:
    """At the same moment: that it came in, what was said, what is left out, what that caused."""
    return row.at, 0 if row.opens else 1 if row.message else 2 if row.hidden else 3


def _after_last_answer(messages: list[Message]) -> list[Message]:
    answers = [place for place, message in enumerate(messages) if message.kind == Message.Kind.REPLY]
    return messages[answers[-1] + 1 :] if answers else messages


def _in_order(ids: list[int]) -> list[int]:
    """All messages of several inquiries, oldest first."""
    return list(Message.objects.filter(inquiry__in=ids).order_by("at", "pk").values_list("pk", flat=True))


@statement(keep=1)
def _messages(*, pks: list[int], reader: int) -> QuerySet[Message]:
    """Messages with their files and their letters, oldest first, in one query."""
    files = Attachment.objects.filter(message=OuterRef("pk")).order_by("pk")
    letters = OutgoingMail.objects.filter(key=OuterRef("mail_key"))
    letter = JSONObject(pk="pk", state="state", bounced_at="bounced_at", left_out="left_out")
    mentions = Mention.objects.filter(message=OuterRef("pk"), user=reader, seen_at=None)
    return (
        Message.objects.filter(pk__any_of=pks)
        .order_by("at", "pk")
        .select_related("author", "incoming", "inquiry")
        .only(
            "kind", "body", "folded", "at", "cc", "bcc", "sender_name", "sender_address", "automatic", "unverified",
            "held_until", "mail_key", "inquiry__number", "inquiry__name", "inquiry__email", "author__name",
            "author__email", "incoming__problems",
        )
        .annotate(
            has_html=~Q(html=""),
            has_remote=Q(html__contains=" data-remote="),
            letter=Subquery(letters.values(json=letter)[:1]),
            file_list=ArraySubquery(
                files.values(
                    json=JSONObject(
                        pk="pk", name="name", media_type="media_type", size="size", suspicious="suspicious"
                    )
                )
            ),
            mentions_reader=Exists(mentions),
        )
    )  # fmt: skip


@statement(keep=1)
def _events(*, inquiries: list[int]) -> QuerySet[InquiryEvent]:
    """The newest events, newest first."""
    rows = InquiryEvent.objects.filter(inquiry_id__any_of=inquiries).select_related("actor").order_by("-at", "-pk")
    return rows.only("code", "data", "at", "actor__name", "actor__email")[:MOST_EVENTS]


def _said(message: Message, inquiry: Inquiry, known: set[str], *, covered: list[Inquiry], seen: int | None) -> Entry:
    """One message as it may be shown; ``covered`` is empty for who may read addresses."""
    row: Any = message  # with what _messages annotates
    masked, here = bool(covered), message.inquiry
    return Entry(
        at=message.at,
        message=message,
        name=_name(here, covered),
        body=_shown(message.body, covered),
        folded=_shown(message.folded, covered),
        sender=_shown(message.sender_name, covered),
        address=masking.address(message.sender_address) if masked else message.sender_address,
        is_other=bool(message.sender_address) and message.sender_address not in {*known, here.email},
        is_unreadable=bool(message.incoming and UNREADABLE & set(message.incoming.problems)),
        # The HTML may hold addresses in any form: who must not read them reads the text.
        has_html=row.has_html and not masked,
        has_remote=row.has_remote,
        cc=[masking.address(one) for one in message.cc] if masked else message.cc,
        bcc=[masking.address(one) for one in message.bcc] if masked else message.bcc,
        files=[_file(facts, message, covered) for facts in row.file_list],
        delivery=_delivery(row.letter) if row.letter else None,
        elsewhere=here.number if here.pk != inquiry.pk else "",
        mentions_reader=row.mentions_reader,
        is_new=seen is not None and message.pk > seen,
    )


def _shown(text: str, covered: list[Inquiry]) -> str:
    for inquiry in covered:
        text = masking.text(text, inquiry)
    return text


def _file(facts: dict[str, Any], message: Message, covered: list[Inquiry]) -> File:
    if not covered:
        return File(**facts)
    withheld = message.kind == Message.Kind.RECEIVED and facts["media_type"] not in masking.OPENABLE
    return File(**facts | {"name": _shown(facts["name"], covered)}, is_withheld=withheld)


def _name(here: Inquiry, covered: list[Inquiry]) -> str:
    """The customer's name as given there; who gave none is called by a part of the address."""
    known = next((one for one in covered if one.pk == here.pk), None)
    return _shown(masking.covered_name(known, here.name), covered) if known else here.name


def _told(event: InquiryEvent, covered: list[Inquiry]) -> str:
    number = event.data.get("number")
    if covered and number and number not in {one.number for one in covered}:
        event.data = {**event.data, "number": MASK}  # another one, which the reader may not know of
    return _shown(sentences.sentence(event), covered)


def _delivery(letter: dict[str, Any]) -> Delivery:
    missing = len(letter["left_out"])
    if letter["bounced_at"]:  # sent, as far as we are concerned, and yet nobody read it
        return Delivery(letter["pk"], pgettext("letter", "Came back"), "danger", missing)
    state = _State(letter["state"])
    return Delivery(letter["pk"], _delivery_label(state), _TONES.get(state, "neutral"), missing)


@dataclass(frozen=True)
class Beside:
    """Facts about an inquiry that are needed to draw it and that no field of it holds."""

    has_merged: bool
    # The customer's own mail addresses, without those that a marketplace lent.
    addresses: list[str]
    # Whether somebody is writing here, and whether a written reply waits or came back.
    has_drafts: bool
    has_prepared: bool
    # All that was said here, oldest first.
    messages: list[int]
    # Why a reply to its address would not be sent, in words; "" when it would.
    stopped: str
    # What the reader has put into the reply that they are writing here.
    files: list[DraftFile]
    # Its tags, as {"pk", "name", "tone"}.
    tags: list[dict[str, Any]]


# In SQL: to put this together of four querysets takes ten times as long as to answer it.
_BESIDE = """
SELECT
  EXISTS (SELECT 1 FROM inquiries_inquiry WHERE merged_into_id = %s),
  EXISTS (SELECT 1 FROM inquiries_draft WHERE inquiry_id = %s),
  EXISTS (SELECT 1 FROM inquiries_preparedreply WHERE inquiry_id = %s AND state NOT IN (%s, %s)),
  ARRAY(SELECT id FROM inquiries_message WHERE inquiry_id = %s ORDER BY at, id),
  ARRAY(SELECT address FROM shop_customeraddress WHERE customer_id = %s AND NOT masked),
  (SELECT reason FROM mail_suppression WHERE address = %s AND scope = %s AND reason <> %s ORDER BY id LIMIT 1),
  (SELECT coalesce(
      json_agg(json_build_object('pk', id, 'name', name, 'media_type', media_type, 'size', size) ORDER BY id), '[]'
    )::text FROM inquiries_draftfile WHERE inquiry_id = %s AND author_id = %s),
  (SELECT coalesce(
      json_agg(json_build_object('pk', tag.id, 'name', name, 'tone', tone) ORDER BY name), '[]'
    )::text FROM inquiries_tag AS tag JOIN inquiries_inquiry_tags AS link ON link.tag_id = tag.id
    WHERE link.inquiry_id = %s)
"""


@cache
def _beside() -> Words:
    gone = (PreparedReply.State.SENT.value, PreparedReply.State.CANCELLED.value)
    stop = (Suppression.Scope.ALL.value, Suppression.Reason.UNSUBSCRIBED.value)

    def build(pk: int, customer: int, email: str, reader: int) -> tuple[str, list[Any]]:
        return _BESIDE, [pk, pk, pk, *gone, pk, customer, email, *stop, pk, reader, pk]

    return Words(build, pk=int, customer=int, email=str, reader=int)


def beside(inquiry: Inquiry, *, reader: User) -> Beside:
    """One query for several small ones."""
    merged, has_drafts, has_prepared, order, addresses, reason, draft_files, tags = _beside().row(
        pk=inquiry.pk, customer=inquiry.customer_id, email=inquiry.email, reader=reader.pk
    )
    return Beside(
        has_merged=merged,
        has_drafts=has_drafts,
        has_prepared=has_prepared,
        addresses=addresses,
        messages=order,
        stopped=str(dict(Suppression.Reason.choices).get(reason, "")) if reason and inquiry.email else "",
        files=masking.cover_files(
            [DraftFile(inquiry=inquiry, author=reader, **facts) for facts in json.loads(draft_files)], inquiry, reader
        ),
        tags=json.loads(tags),
    )


def drafts_of(inquiry: Inquiry, reader: User) -> tuple[Draft | None, list[Draft]]:
    """What the reader is writing here, and what colleagues are. One query."""
    rows = list(inquiry.drafts.select_related("author").order_by("saved_at", "pk"))
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
