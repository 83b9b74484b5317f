"""Answering a customer, and noting something among staff."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from inquiries import events, triage
from inquiries.models import Draft, Inquiry, Message
from inquiries.signing_off import signature
from inquiries.threads import headers_for, reference
from shopdesk.accounts.models import User
from shopdesk.mail import composing, outbox
from shopdesk.text import clean, one_line

# Within this time the same words are a double click, not a second thought.
TWICE = timedelta(minutes=1)


class CannotReply(Exception):
    """Why a reply was not sent; nothing has changed."""


class StaleReply(CannotReply):
    """Something was said since the writer looked: they must see it first."""


class NoAddress(CannotReply):
    """The customer left no mail address."""


class NothingWritten(CannotReply):
    """The text is empty."""


@transaction.atomic
def reply(
    inquiry: Inquiry,
    *,
    body: str,
    by: User,
    now: datetime,
    expected_version: int | None = None,
    then: str = Inquiry.Status.PENDING,
) -> Message:
    """Answer the customer: the letter is queued in the same transaction, the reply clock stops, the draft goes.

    ``expected_version`` is the version that the writer saw; ``then`` the status afterwards, pending or solved. An
    unassigned inquiry becomes the writer's.

    Raises StaleReply, NoAddress, NothingWritten, and signing_off.SignatureBroken; nothing is sent then.
    """
    if then not in {Inquiry.Status.PENDING, Inquiry.Status.SOLVED}:
        raise ValueError(then)
    body = clean(body).strip()
    if not body:
        raise NothingWritten
    fresh = _claim(inquiry, expected_version)
    if not fresh.email:
        raise NoAddress
    message = Message.objects.create(inquiry=fresh, kind=Message.Kind.REPLY, body=body, author=by, at=now)
    headers = headers_for(fresh)
    letter = composing.render(
        "inquiries_reply",
        {
            "subject": reply_subject(fresh.subject),
            "body": body,
            "signature": signature(fresh.store, by=by, language=fresh.language),
            "number": reference(fresh),
        },
        fresh.language,
    )
    queued = outbox.queue(
        key=f"inquiries.message:{message.pk}",
        to_address=fresh.email,
        to_name=fresh.name,
        from_address=fresh.store.sender_address,
        from_name=fresh.store.sender_name,
        reply_to=fresh.store.sender_address,
        subject=letter.subject,
        text=letter.text,
        language=fresh.language,
        automatic=False,
        in_reply_to=headers.in_reply_to,
        references=headers.references,
        now=now,
    )
    message.mail_key, message.message_id = queued.key, queued.message_id
    message.save(update_fields=["mail_key", "message_id"])

    before = fresh.status
    triage.enter(fresh, status=then, now=now)
    if fresh.assignee_id is None:
        fresh.assignee = by
        events.record("taken", fresh, actor=by, now=now)
    fresh.first_replied_at = fresh.first_replied_at or now
    fresh.last_activity_at = now
    fresh.save(
        update_fields=[
            "status", "waiting_since", "reply_due_at", "solved_at", "assignee", "first_replied_at", "last_activity_at",
        ]
    )  # fmt: skip
    if before != then:
        events.record("status", fresh, actor=by, now=now, **{"from": before, "to": then})
    Draft.objects.filter(inquiry=fresh, author=by).delete()
    return message


@transaction.atomic
def note(inquiry: Inquiry, *, body: str, by: User, now: datetime) -> Message:
    """Write something for colleagues only. The database refuses a letter for it.

    The same words again from the same person within a minute are a form sent twice. Raises NothingWritten.
    """
    body = clean(body).strip()
    if not body:
        raise NothingWritten
    Inquiry.objects.select_for_update().get(pk=inquiry.pk)  # the second click waits for the first
    twins = inquiry.messages.filter(kind=Message.Kind.NOTE, author=by, body=body, at__gt=now - TWICE)
    if twin := twins.first():
        return twin
    Inquiry.objects.filter(pk=inquiry.pk).update(version=F("version") + 1, last_activity_at=now)
    return Message.objects.create(inquiry=inquiry, kind=Message.Kind.NOTE, body=body, author=by, at=now)


def reply_subject(subject: str) -> str:
    """``Re:`` once, whatever was there before."""
    plain = one_line(subject)
    while plain[:3].lower() in {"re:", "re："}:
        plain = plain[3:].strip()
    return f"Re: {plain}"


def _claim(inquiry: Inquiry, expected_version: int | None) -> Inquiry:
    """Raise the version and hold the row; the one statement that lets a single reply through.

    Raises StaleReply.
    """
    rows = Inquiry.objects.filter(pk=inquiry.pk)
    if expected_version is not None:
        rows = rows.filter(version=expected_version)
    if not rows.update(version=F("version") + 1):
        raise StaleReply
    return Inquiry.objects.select_related("store", "category").get(pk=inquiry.pk)
