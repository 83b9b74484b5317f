"""Answering a customer, and noting something among staff."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from inquiries import (
    approval_rules,
    carrying,
    events,
    happenings,
    masking,
    mentions,
    preparing,
    previews,
    pulling,
    recipients,
    senders,
    sla,
    snapshots,
    states,
    triage,
)
from inquiries.answers import Answer
from inquiries.models import Attachment, Draft, Inquiry, Message, PreparedReply, Rule, StatusLabel
from inquiries.signing_off import signature
from inquiries.states import ENTERED
from inquiries.threads import headers_for, reference
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.mail import composing, outbox
from shopdesk.mail.models import OutgoingMail
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


class MayNotSend(CannotReply):
    """The person may write, and has a colleague send."""


class NotTheirs(CannotReply):
    """Who sees assigned work only answers nothing else: it was given to somebody else since they looked."""


class MayNotCopy(CannotReply):
    """Who may not read mail addresses gets no copies sent either: a copy shows the customer's address."""


class NeedsApproval(CannotReply):
    """A second person must read it first; ``reason`` is the rule that says so."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# What a reply changes besides what triage.enter sets; kept in Message.before, so that it can be taken back.
CHANGED = (*ENTERED, "assignee", "first_replied_at", "last_activity_at", "order_snapshot", "preview")


@transaction.atomic
def reply(
    inquiry: Inquiry, answer: Answer, *, by: User, now: datetime, approved: PreparedReply | None = None
) -> Message:
    """Answer the customer: the letter is queued in the same transaction, the reply clock stops, the draft goes.

    The letter is handed to a worker ``store.undo_seconds`` from now; until then undoing.take_back() puts everything
    back. ``approved`` is the prepared reply whose words these are; only approving and scheduling pass it, holding its
    row. An unassigned inquiry becomes the writer's.

    Raises StaleReply, NoAddress, NothingWritten, NotTheirs, MayNotSend, MayNotCopy, NeedsApproval, triage.CannotClose,
    recipients.BadCopy and TooManyCopies, senders.NotOurs, and signing_off.SignatureBroken; nothing is sent then.
    """
    body, then, label = answer.text, answer.then, answer.label
    if not body:
        raise NothingWritten
    fresh = _claim(inquiry, answer.expected_version)
    shown, hidden = copies(fresh, answer, by=by)
    sender = senders.resolve(fresh, answer.sender)
    _refuse_unread(fresh, answer, copies=[*shown, *hidden], by=by, approved=approved)
    if then == Inquiry.Status.SOLVED and fresh.status != then:
        triage.require_closable(fresh)
    held_until = now + timedelta(seconds=fresh.store.undo_seconds) if fresh.store.undo_seconds else None
    message = Message.objects.create(
        inquiry=fresh, kind=Message.Kind.REPLY, body=body, author=by, at=now, cc=shown, bcc=hidden,
        held_until=held_until,
    )  # fmt: skip
    attached = carrying.attach(message, answer.files, now=now)
    letter = _queue(fresh, message, attached, sender=sender, due_at=held_until or now, now=now)

    before, status, was = states.snapshot(fresh, CHANGED), fresh.status, fresh.label
    sla.replied(fresh, now=now)
    triage.enter(fresh, status=then, now=now, label=label)
    if taken := fresh.assignee_id is None:
        fresh.assignee = by
        events.record("taken", fresh, actor=by, now=now)
    fresh.last_activity_at = now
    fresh.preview = previews.of(body)
    if fresh.order is not None:
        fresh.order_snapshot = snapshots.take(fresh.order, now=now)
    fresh.save(update_fields=[*CHANGED])
    if status != then or (label and was != label):
        names = {**_label_names("from", was), **_label_names("to", label)}
        events.record("status", fresh, actor=by, now=now, **{"from": status, "to": then}, **names)
    # Rules answer it when it cannot be taken back any more.
    happenings.note(fresh, Rule.Event.REPLIED, now=held_until or now)
    message.mail_key, message.message_id = letter.key, letter.message_id
    message.before = {
        "before": before, "after": states.snapshot(fresh, CHANGED), "taken": taken, "templates": [*answer.templates],
        "sender": answer.sender,
    }  # fmt: skip
    message.save(update_fields=["mail_key", "message_id", "before"])
    states.copy(fresh, inquiry, CHANGED)
    if approved is None:
        # An approved reply was no draft any more; what its author writes meanwhile is another one.
        Draft.objects.filter(inquiry=fresh, author=by).delete()
        preparing.overtaken(fresh, by=by, now=now)
    pulling.answered(fresh, now=now)
    return message


def copies(inquiry: Inquiry, answer: Answer, *, by: User) -> tuple[list[str], list[str]]:
    """Who else gets it, as (Cc, Bcc). Raises NoAddress, MayNotCopy, and what recipients.others() raises."""
    if not inquiry.email:
        raise NoAddress
    require_no_copies(answer, by)
    return recipients.others(inquiry, answer.cc, answer.bcc)


def require_no_copies(answer: Answer, by: User) -> None:
    """Raise MayNotCopy where somebody who may not read addresses names any: also the customer's own, which would be
    dropped, since whoever sees which ones are dropped has found out which ones are the customer's."""
    if (answer.cc or answer.bcc) and not masking.sees_contacts(by):
        raise MayNotCopy


def _refuse_unread(
    inquiry: Inquiry, answer: Answer, *, copies: Sequence[str], by: User, approved: PreparedReply | None
) -> None:
    """Raise unless this person may send these words now: by themselves, or because a second person read them."""
    if approved is not None and approved.decided_by_id is not None:
        # Read again: what was passed may be an old copy, or made up. The caller holds the row.
        states = [PreparedReply.State.APPROVED, PreparedReply.State.SCHEDULED]
        rows = PreparedReply.objects.filter(pk=approved.pk, inquiry=inquiry, author=by, state__in=states)
        rows = rows.exclude(decided_by=None).exclude(decided_by=by)
        row = rows.filter(body=answer.text).first()
        if row is None or not {*copies} <= {*row.cc, *row.bcc}:
            raise NeedsApproval("")
        return
    require_theirs(inquiry, by)
    if not by.has_perm(P.INQUIRIES_REPLY):
        raise MayNotSend
    if reason := approval_rules.needed(inquiry, by=by, templates=answer.templates):
        raise NeedsApproval(reason)


def require_theirs(inquiry: Inquiry, by: User) -> None:
    """Raise NotTheirs where visible_to() would hide the inquiry by now; no query. The caller holds its row, so that
    nobody takes it away in between."""
    if not masking.sees_contacts(by) and inquiry.assignee_id != by.pk:
        raise NotTheirs


def _label_names(side: str, label: StatusLabel | None) -> dict[str, int | str]:
    """As in the events of triage.set_status: the names of this moment."""
    return {f"{side}_label": label.pk, f"{side}_ja": label.name_ja, f"{side}_en": label.name_en} if label else {}


def _queue(
    inquiry: Inquiry, message: Message, attached: Sequence[Attachment], *, sender: str, due_at: datetime, now: datetime
) -> OutgoingMail:
    """Put the letter of a reply in the outbox, in the thread, from the inquiry's own store. Answers and reports of its
    delivery come back to the same address."""
    headers = headers_for(inquiry)
    author = message.author
    assert author is not None  # noqa: S101  # the database holds it: staff_messages_have_an_author
    letter = composing.render(
        "inquiries_reply",
        {
            "subject": reply_subject(inquiry.subject),
            "body": message.body,
            "signature": signature(inquiry.store, by=author, language=inquiry.language),
            "number": reference(inquiry),
        },
        inquiry.language,
    )
    return outbox.queue(
        key=f"inquiries.message:{message.pk}",
        to_address=inquiry.email,
        to_name=inquiry.name,
        cc=message.cc,
        bcc=message.bcc,
        from_address=sender,
        from_name=inquiry.store.sender_name,
        reply_to=sender,
        subject=letter.subject,
        text=letter.text,
        language=inquiry.language,
        automatic=False,
        in_reply_to=headers.in_reply_to,
        references=headers.references,
        attachments=[
            {"name": file.name, "type": file.media_type, "storage_key": file.storage_key} for file in attached
        ],
        due_at=due_at,
        now=now,
    )


@transaction.atomic
def note(inquiry: Inquiry, *, body: str, by: User, now: datetime) -> Message:
    """Write something for colleagues only. The database refuses a letter for it.

    The same words again from the same person within a minute are a form sent twice. Raises NothingWritten.
    """
    body = clean(body).strip()
    if not body:
        raise NothingWritten
    Inquiry.objects.locked().get(pk=inquiry.pk)  # the second click waits for the first
    twins = inquiry.messages.filter(kind=Message.Kind.NOTE, author=by, body=body, at__gt=now - TWICE)
    if twin := twins.first():
        return twin
    Inquiry.objects.filter(pk=inquiry.pk).update(version=F("version") + 1, last_activity_at=now)
    previews.keep(inquiry, body)
    written = Message.objects.create(inquiry=inquiry, kind=Message.Kind.NOTE, body=body, author=by, at=now)
    mentions.record(written)
    return written


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
    # What was merged is answered where it went.
    rows = Inquiry.objects.filter(pk=inquiry.pk).exclude(status=Inquiry.Status.MERGED)
    if expected_version is not None:
        rows = rows.filter(version=expected_version)
    if not rows.update(version=F("version") + 1):
        raise StaleReply
    return Inquiry.objects.select_related("store", "category", "order", "customer", "label").get(pk=inquiry.pk)
