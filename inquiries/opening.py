"""A new question: stored once, acknowledged once."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.files.base import File
from django.db import IntegrityError, connection, transaction

from inquiries import attachments, events, happenings, moods, phases, previews, sla
from inquiries.due_times import promise
from inquiries.models import Category, Inquiry, Message, Rule
from inquiries.numbering import new_number
from shopdesk.accounts import ratelimit
from shopdesk.accounts.models import User
from shopdesk.addresses import normalise
from shopdesk.mail import composing, outbox
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop import customers, orders
from shopdesk.shop.models import Customer, Order, Product, Store
from shopdesk.text import clean, one_line

# An attacker must not use our good name to fill strangers' mailboxes.
ACKNOWLEDGEMENTS_A_MINUTE = 30
ONE_ACKNOWLEDGEMENT_IN = timedelta(hours=24)
SAME_WITHIN = timedelta(hours=1)
_SUBJECT_LENGTH = 40
_TRIES = 5


def open_inquiry(
    *,
    store: Store,
    name: str,
    email: str,
    category: Category,
    body: str,
    now: datetime,
    subject: str = "",
    phone: str = "",
    language: str = "ja",
    channel: str = "form",
    order_number: str = "",
    product: Product | None = None,
    product_text: str = "",
    files: Sequence[File] = (),  # type: ignore[type-arg]  # bytes or text is mypy-only
    form_token: uuid.UUID | None = None,
    by: User | None = None,
) -> Inquiry:
    """Store a question and, for the form, send the acknowledgement.

    The same ``form_token`` with the same text gives the inquiry that is there already; with another text (the visitor
    went back and wrote something else) it opens another one. The order is linked only when the address belongs to it.
    ``by`` is the member of staff who wrote down a call.

    Raises attachments.Refused; nothing is stored then.
    """
    checked = attachments.check(files)
    body = clean(body).strip()
    if form_token and (known := find_sent(form_token, body)):
        return known
    if form_token and Inquiry.objects.filter(form_token=form_token).exists():
        form_token = another_token(form_token, body)
    email, order_number = normalise(one_line(email)), one_line(order_number)
    kept: list[str] = []
    try:
        with transaction.atomic():
            order = _order(order_number, email)
            customer = order.customer if order else customers.find_or_create(
                name=one_line(name), address=email, store=store, now=now, phone=phone, language=language
            )  # fmt: skip
            if channel == Inquiry.Channel.FORM and not checked and (same := _same(customer, email, body, now=now)):
                return same
            inquiry = insert(
                Inquiry(
                    store=store,
                    customer=customer,
                    name=one_line(name),
                    email=email,
                    phone=one_line(phone),
                    language=language,
                    category=category,
                    channel=channel,
                    subject=one_line(subject)[:200] or subject_from(body),
                    preview=previews.of(body),
                    order=order,
                    order_number=order_number,
                    product=product,
                    product_text=one_line(product_text),
                    opened_at=now,
                    waiting_since=now,
                    last_activity_at=now,
                    version=1,
                    form_token=form_token,
                ),
                words=body,
            )
            message = Message.objects.create(inquiry=inquiry, kind=Message.Kind.RECEIVED, body=body, at=now)
            kept += [one.storage_key for one in attachments.store(message, checked, now=now)]
            events.record("opened", inquiry, actor=by, now=now, channel=channel)
            happenings.note(inquiry, Rule.Event.OPENED, now=now)
            if channel == Inquiry.Channel.FORM and email:
                acknowledge(inquiry, now=now)
    except IntegrityError:
        attachments.discard(kept)
        # The same form was sent twice at once: the other one was faster, and has committed by now.
        if form_token and (known := find_sent(form_token, body)):
            return known
        raise
    except BaseException:
        attachments.discard(kept)
        raise
    return inquiry


def find_sent(form_token: uuid.UUID, body: str) -> Inquiry | None:
    """The inquiry that this form opened with this very text, when it was sent before."""
    tokens = [form_token, another_token(form_token, body)]
    for inquiry in Inquiry.objects.filter(form_token__in=tokens).order_by("-pk"):
        first = inquiry.messages.filter(kind=Message.Kind.RECEIVED).order_by("at", "pk").first()
        if first and first.body == clean(body).strip():
            return inquiry
    return None


def _same(customer: Customer, email: str, body: str, *, now: datetime) -> Inquiry | None:
    """The question that this person asked a moment ago with the very same words: a form that was loaded and sent again.

    With files it is not the same: somebody sends again because the picture was forgotten.
    """
    recent = Inquiry.objects.filter(
        customer=customer, email=email, channel=Inquiry.Channel.FORM, opened_at__gt=now - SAME_WITHIN
    )
    return recent.filter(messages__kind=Message.Kind.RECEIVED, messages__body=body).order_by("-pk").first()


def another_token(form_token: uuid.UUID, body: str) -> uuid.UUID:
    """The token of the same form with another text: always the same for the same text."""
    return uuid.uuid5(form_token, clean(body).strip())


def subject_from(body: str) -> str:
    """The first sentence of a text, at most 40 letters: what the list shows of a question without a subject."""
    first = next((line.strip() for line in body.splitlines() if line.strip()), "")
    for end in ("。", "?", "？", "!", "！"):
        place = first.find(end)
        if 4 < place < _SUBJECT_LENGTH:
            return one_line(first[: place + (end != "。")])
    short = one_line(first)
    return short if len(short) <= _SUBJECT_LENGTH else short[: _SUBJECT_LENGTH - 1] + "…"


def _order(number: str, email: str) -> Order | None:
    """The order of that number, when the address belongs to it: a number alone proves nothing."""
    if not number or not email:
        return None
    own = [order for order in orders.find(number) if orders.belongs_to(order, email)]
    return own[0] if len(own) == 1 else None


def insert(inquiry: Inquiry, *, words: str = "") -> Inquiry:
    """Insert with a fresh number; a number that is taken is drawn again. A taken form token is the caller's matter.

    The promise that holds is copied onto it and its clocks start; the phase comes from the customer's orders, the mood
    from ``words``, which the customer wrote.
    """
    inquiry.priority = max(inquiry.priority, inquiry.category.priority)
    inquiry.phase = phases.of(inquiry.customer, order=inquiry.order, at=inquiry.opened_at)
    inquiry.mood = inquiry.mood or moods.guess(words)
    sla.begin(inquiry, now=inquiry.opened_at)
    for left in reversed(range(_TRIES)):
        inquiry.number = new_number()
        try:
            with transaction.atomic():
                inquiry.save(force_insert=True)
        except IntegrityError:
            inquiry.pk = None
            taken = Inquiry.objects.filter(number=inquiry.number).exists()
            if not left or not taken:
                raise
        else:
            return inquiry
    raise AssertionError("unreachable")


def acknowledge(inquiry: Inquiry, *, now: datetime, in_reply_to: str = "") -> None:
    """Say that the question arrived, under which number, and when an answer can be expected.

    ``in_reply_to`` is the Message-ID of the mail that asked, if it was a mail.

    Anybody can type a stranger's address into a form. So the letter holds none of the sender's words, goes once a day
    to an address, and not more than so many times a minute in all.
    """
    if refusal := _withheld(inquiry, now=now):
        events.record("acknowledgement_withheld", inquiry, actor=None, now=now, reason=refusal)
        return
    letter = composing.render(
        "inquiries_received",
        {
            "store": _store_words(inquiry.store, inquiry.language),
            "number": inquiry.number,
            "expected": promise(inquiry.reply_due_at, inquiry.language),
        },
        inquiry.language,
    )
    queued = outbox.queue(
        key=f"inquiries.ack:{inquiry.pk}",
        to_address=inquiry.email,
        from_address=inquiry.store.sender_address,
        from_name=inquiry.store.sender_name,
        reply_to=inquiry.store.sender_address,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        language=inquiry.language,
        automatic=True,
        in_reply_to=in_reply_to,
        references=in_reply_to,
        now=now,
    )
    Message.objects.create(
        inquiry=inquiry,
        kind=Message.Kind.AUTOMATIC,
        body=letter.text,
        at=now,
        mail_key=queued.key,
        message_id=queued.message_id,
    )


def _withheld(inquiry: Inquiry, *, now: datetime) -> str:
    """Why no acknowledgement goes out; "" when it does. Nobody else decides about this address until we commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"inquiries.ack:{inquiry.email}"])
    recent = OutgoingMail.objects.filter(
        to_address=inquiry.email, key__startswith="inquiries.ack:", created_at__gt=now - ONE_ACKNOWLEDGEMENT_IN
    )
    if recent.exists():
        return "address"
    allowed = ratelimit.allow(
        f"inquiries.ack:store:{inquiry.store_id}",
        limit=ACKNOWLEDGEMENTS_A_MINUTE,
        window=timedelta(minutes=1),
        now=now,
    )
    return "" if allowed else "store"


def _store_words(store: Store, language: str) -> dict[str, str]:
    return {
        "name": (store.name_en or store.name) if language == "en" else store.name,
        "phone": store.phone,
        "url": store.url,
    }
