"""Replies that are sent later by themselves, unless the conversation moves on first.

The hour is only a wish. At the moment of sending the inquiry's row is locked, and what was said since the author read
it decides: nothing, and the reply goes out by replying.reply() in the same transaction in which its row becomes SENT;
anything that a person said, and it becomes its author's draft again. A mail that is filed in the same moment holds the
same lock: it comes first and returns the reply, or it comes second and finds it sent.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from inquiries import approval_rules, carrying, events, preparing, recipients, replying, senders, triage
from inquiries.answers import Answer
from inquiries.models import Draft, Inquiry, Message, PreparedReply
from inquiries.preparing import Gone
from inquiries.signing_off import SignatureBroken
from shopdesk import sweeps
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P

logger = logging.getLogger(__name__)

State = PreparedReply.State

BATCH = 50
# Further ahead nobody plans an answer; a mistyped year is refused.
MOST_AHEAD = timedelta(days=366)


class InThePast(replying.CannotReply):
    """The hour is over already."""


class TooFarAhead(replying.CannotReply):
    """More than a year from now."""


@transaction.atomic
def schedule(inquiry: Inquiry, answer: Answer, *, by: User, send_at: datetime, now: datetime) -> PreparedReply:
    """Lay a reply aside until ``send_at``. The inquiry stays to be answered; the author's draft goes.

    Raises what replying.reply() raises for the same words, InThePast, TooFarAhead and preparing.PreparedAlready.
    """
    _check_hour(send_at, now)
    fresh, checked = checked_for(inquiry, answer, by=by)
    if not by.has_perm(P.INQUIRIES_REPLY):
        raise replying.MayNotSend
    if reason := approval_rules.needed(fresh, by=by, templates=answer.templates):
        raise replying.NeedsApproval(reason)
    row = preparing.write(fresh, checked, by=by, now=now, state=State.SCHEDULED, send_at=send_at)
    events.record("scheduled", fresh, actor=by, now=now, send_at=send_at.isoformat())
    preparing.touch(fresh, now)
    return row


def checked_for(inquiry: Inquiry, answer: Answer, *, by: User) -> tuple[Inquiry, Answer]:
    """Check what is to be laid aside as reply() would, and lock the inquiry: (the inquiry, the answer with its text
    and copies as they would be sent)."""
    body, version = answer.text, answer.expected_version
    if not body:
        raise replying.NothingWritten
    fresh = preparing.locked(inquiry.pk)
    is_merged = fresh.status == Inquiry.Status.MERGED
    if is_merged or (version is not None and fresh.version != version):
        raise replying.StaleReply
    replying.require_theirs(fresh, by)
    shown, hidden = replying.copies(fresh, answer, by=by)
    senders.resolve(fresh, answer.sender)
    if answer.then == Inquiry.Status.SOLVED and fresh.status != answer.then:
        triage.require_closable(fresh)
    return fresh, replace(answer, body=body, cc=shown, bcc=hidden)


@transaction.atomic
def move(prepared: PreparedReply, *, send_at: datetime, by: User, now: datetime) -> PreparedReply:
    """Another hour. An approved reply that waits for somebody to send it may be given one, too.

    Raises InThePast, TooFarAhead, NotTheirs, Gone, and replying.MayNotSend.
    """
    _check_hour(send_at, now)
    inquiry, row = preparing.held(prepared, State.SCHEDULED, State.APPROVED)
    _may(row, by)
    if not by.has_perm(P.INQUIRIES_REPLY):
        raise replying.MayNotSend
    row.send_at, row.state, row.changed_at = send_at, State.SCHEDULED, now
    row.save(update_fields=["send_at", "state", "changed_at"])
    events.record("scheduled", inquiry, actor=by, now=now, send_at=send_at.isoformat())
    preparing.touch(inquiry, now)
    return row


@transaction.atomic
def cancel(prepared: PreparedReply, *, by: User, now: datetime) -> Draft:
    """Do not send it: it is its author's draft again. Raises NotTheirs and Gone."""
    inquiry, row = preparing.held(prepared, State.SCHEDULED)
    _may(row, by)
    draft = preparing.to_draft(row, now=now)
    row.state, row.files, row.send_at, row.changed_at = State.CANCELLED, [], None, now
    row.save(update_fields=["state", "files", "send_at", "changed_at"])
    events.record("schedule_cancelled", inquiry, actor=by, now=now)
    preparing.touch(inquiry, now)
    return draft


@transaction.atomic
def send_now(prepared: PreparedReply, *, by: User, now: datetime, expected_version: int | None = None) -> Message:
    """Send a scheduled reply at once, by the same way and with the same guards.

    Raises NotTheirs, Gone, and what replying.reply() raises; StaleReply when the conversation moved on.
    """
    inquiry, row = preparing.held(prepared, State.SCHEDULED)
    _may(row, by)
    if not by.has_perm(P.INQUIRIES_REPLY):
        raise replying.MayNotSend
    if preparing.moved_on(inquiry, row) and expected_version != inquiry.version:
        raise replying.StaleReply
    return send_row(inquiry, row, now=now)


def send_row(inquiry: Inquiry, row: PreparedReply, *, now: datetime) -> Message:
    """Send a prepared reply as its author's, in the caller's transaction, which holds both rows."""
    files = carrying.taken_out(row.files, inquiry=inquiry, author=row.author, now=now)
    answer = replace(preparing.answer_of(row), files=files)
    message = replying.reply(inquiry, answer, by=row.author, now=now, approved=row)
    row.state, row.message, row.changed_at = State.SENT, message, now
    row.save(update_fields=["state", "message", "changed_at"])
    return message


def customer_wrote(inquiry: Inquiry, *, now: datetime) -> int:
    """The customer's new mail was filed: what was to be sent by itself becomes its author's draft again. In the
    transaction of filing, which holds the inquiry's row and has written the message. How many; one query for none."""
    return preparing.return_scheduled(inquiry, why="customer", now=now)


# --- the sweep --------------------------------------------------------------------------------------------------------


def sweep(now: datetime, limit: int = BATCH) -> int:
    """Send what is due, the longest due first; how many replies were settled. Any number of workers may sweep at once.

    Must not be called inside a transaction: each reply is settled in its own.
    """
    due = PreparedReply.objects.filter(state=State.SCHEDULED, send_at__lte=now).order_by("send_at", "pk")
    return sweeps.work_off(
        due.only("inquiry_id"),
        lambda row: _settle(row.pk, row.inquiry_id, now),
        limit=limit, log=logger, words="The scheduled reply %s could not be given back.",
    )  # fmt: skip


def _settle(pk: int, inquiry_pk: int, now: datetime) -> bool:
    with sweeps.alone(logger, "The scheduled reply %s could not be sent.", pk):
        return _send_or_return(pk, inquiry_pk, now)
    # Whatever is wrong with one reply, its author learns of it.
    with transaction.atomic():
        try:
            _inquiry, row = preparing.held(PreparedReply(pk=pk, inquiry_id=inquiry_pk), State.SCHEDULED)
        except Gone:
            return False
        preparing.return_to_author(row, why="failed", now=now)
    return True


@transaction.atomic
def _send_or_return(pk: int, inquiry_pk: int, now: datetime) -> bool:
    """Settle one due reply; False when somebody else is at it, or was."""
    # Held by a mail that is being filed, or by another worker: the next ring looks again.
    if not Inquiry.objects.locked(skip_locked=True).filter(pk=inquiry_pk).values_list("pk", flat=True):
        return False
    try:
        inquiry, row = preparing.held(PreparedReply(pk=pk, inquiry_id=inquiry_pk), State.SCHEDULED)
    except Gone:
        return False
    if row.send_at is None or row.send_at > now:
        return False
    why = preparing.moved_on(inquiry, row)
    if not why:
        why = _try_to_send(inquiry, row, now)
    if why:
        preparing.return_to_author(row, why=why, now=now)
    return True


def _try_to_send(inquiry: Inquiry, row: PreparedReply, now: datetime) -> str:
    """Send it; a code of returned.RETURNS when it cannot be sent, with nothing changed."""
    refusals: list[tuple[type[Exception], str]] = [
        (replying.NoAddress, "no_address"),
        (replying.NotTheirs, "may_not"),
        (replying.MayNotSend, "may_not"),
        (replying.MayNotCopy, "copies"),
        (recipients.BadCopy, "copies"),
        (recipients.TooManyCopies, "copies"),
        (senders.NotOurs, "sender"),
        (triage.CannotClose, "cause"),
        (SignatureBroken, "signature"),
    ]
    try:
        with transaction.atomic():
            send_row(inquiry, row, now=now)
    except replying.NeedsApproval as error:
        _wait_for_approval(inquiry, row, error.reason, now)
    except tuple(kind for kind, _why in refusals) as error:
        return next(why for kind, why in refusals if isinstance(error, kind))
    return ""


def _wait_for_approval(inquiry: Inquiry, row: PreparedReply, reason: str, now: datetime) -> None:
    """A rule that was made since asks for a second person: the hour is over, the reply waits for them."""
    row.state, row.send_at, row.reason, row.changed_at = State.AWAITING, None, reason[:80], now
    row.save(update_fields=["state", "send_at", "reason", "changed_at"])
    events.record("approval_asked", inquiry, actor=row.author, now=now, reason=reason)
    preparing.touch(inquiry, now)


def _check_hour(send_at: datetime, now: datetime) -> None:
    if send_at <= now:
        raise InThePast
    if send_at > now + MOST_AHEAD:
        raise TooFarAhead


def _may(row: PreparedReply, by: User) -> None:
    if row.author_id != by.pk and not by.has_perm(P.INQUIRIES_APPROVE):
        raise preparing.NotTheirs
