"""Approval (承認): somebody who may approve reads a reply before the customer does. Never its author; the database
refuses that, too."""

import difflib
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from inquiries import events, masking, preparing, replying, scheduling, texts
from inquiries.answers import Answer
from inquiries.approval_rules import needed
from inquiries.models import Draft, Inquiry, Message, PreparedReply, Template
from inquiries.models.writing import PreparedReplyQuerySet
from inquiries.preparing import NotTheirs
from shopdesk import tokens
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.text import clean

__all__ = [
    "approve",
    "approve_and_send",
    "ask",
    "diff",
    "edit",
    "give_back",
    "mark",
    "needed",
    "send",
    "waiting",
    "withdraw",
]

State = PreparedReply.State
MAX_COMMENT = 2_000


class OwnReply(preparing.CannotPrepare):
    """Nobody approves what they wrote themselves."""


class SaysNothing(preparing.CannotPrepare):
    """A reply is returned with a comment: its author must know why."""


class ChangedMeanwhile(preparing.CannotPrepare):
    """Another approver has changed the words since this one read them."""


class Unfilled(preparing.CannotPrepare):
    """Something is still to be filled in; ``names`` are what."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


@transaction.atomic
def ask(inquiry: Inquiry, answer: Answer, *, by: User, now: datetime) -> PreparedReply:
    """Hand a reply in for approval. The inquiry stays to be answered; the author's draft goes.

    Raises StaleReply, NoAddress, NothingWritten, NotTheirs and MayNotCopy of replying, triage.CannotClose,
    recipients.BadCopy, senders.NotOurs and preparing.PreparedAlready.
    """
    fresh, checked = scheduling.checked_for(inquiry, answer, by=by)
    reason = needed(fresh, by=by, templates=answer.templates)
    row = preparing.write(fresh, checked, by=by, now=now, state=State.AWAITING, reason=reason)
    events.record("approval_asked", fresh, actor=by, now=now, reason=row.reason)
    preparing.touch(fresh, now)
    return row


@transaction.atomic
def edit(prepared: PreparedReply, *, body: str, by: User, now: datetime, seen: str = "") -> PreparedReply:
    """The approver changes the words; ``original_body`` keeps the author's. Raises what approve() raises."""
    inquiry, row = preparing.held(prepared, State.AWAITING)
    _may_decide(row, by, seen)
    if _change(row, body, now):
        events.record("prepared_edited", inquiry, actor=by, now=now)
        preparing.touch(inquiry, now)
    return row


@transaction.atomic
def approve(
    prepared: PreparedReply, *, by: User, now: datetime, body: str | None = None, seen: str = ""
) -> PreparedReply:
    """Say that it may be sent, with the words changed to ``body`` if given. It is not sent by this. ``seen`` is the
    mark() of the words that the approver has read.

    Raises OwnReply, NotTheirs, Gone, ChangedMeanwhile, Unfilled and replying.NothingWritten.
    """
    inquiry, row = preparing.held(prepared, State.AWAITING)
    _may_decide(row, by, seen)
    if body is not None and _change(row, body, now):
        events.record("prepared_edited", inquiry, actor=by, now=now)
    if left := texts.unfilled(row.body, templates=Template.objects.filter(pk__in=row.templates)):
        raise Unfilled(left)
    row.state, row.decided_by, row.decided_at, row.changed_at = State.APPROVED, by, now, now
    row.save(update_fields=["state", "decided_by", "decided_at", "changed_at"])
    events.record("approved", inquiry, actor=by, now=now, author=row.author_id, author_name=str(row.author))
    preparing.touch(inquiry, now)
    return row


@transaction.atomic
def send(prepared: PreparedReply, *, by: User, now: datetime, expected_version: int | None = None) -> Message:
    """Send an approved reply, in its author's name. ``expected_version`` is what the sender has read.

    Raises replying.StaleReply when something was said that neither the author nor the sender has read, MayNotSend and
    what else replying.reply() raises, and Gone.
    """
    inquiry, row = preparing.held(prepared, State.APPROVED)
    if not by.has_perm(P.INQUIRIES_REPLY):
        raise replying.MayNotSend
    if preparing.moved_on(inquiry, row) and expected_version != inquiry.version:
        raise replying.StaleReply
    message = scheduling.send_row(inquiry, row, now=now)
    names = {"author": row.author_id, "author_name": str(row.author)}
    events.record("approved_sent", inquiry, actor=by, now=now, **names)
    return message


@transaction.atomic
def approve_and_send(
    prepared: PreparedReply,
    *,
    by: User,
    now: datetime,
    body: str | None = None,
    expected_version: int | None = None,
    seen: str = "",
) -> Message:
    """Both in one step; when it cannot be sent, it is not approved either."""
    row = approve(prepared, by=by, now=now, body=body, seen=seen)
    return send(row, by=by, now=now, expected_version=expected_version)


@transaction.atomic
def give_back(
    prepared: PreparedReply, *, comment: str, by: User, now: datetime, body: str | None = None, seen: str = ""
) -> Draft:
    """Return it with a comment: it is its author's draft again, with the approver's changes in it.

    Raises SaysNothing, OwnReply, NotTheirs, ChangedMeanwhile and Gone.
    """
    comment = clean(comment).strip()[:MAX_COMMENT]
    if not comment:
        raise SaysNothing
    _inquiry, row = preparing.held(prepared, State.AWAITING, State.APPROVED)
    _may_decide(row, by, seen)
    if body is not None:
        _change(row, body, now)
    return preparing.return_to_author(row, why="", by=by, now=now, comment=comment)


@transaction.atomic
def withdraw(prepared: PreparedReply, *, by: User, now: datetime) -> Draft:
    """The author takes it back before it is sent: a draft again, asked for nothing. Raises NotTheirs and Gone."""
    inquiry, row = preparing.held(prepared, State.AWAITING, State.APPROVED)
    if row.author_id != by.pk:
        raise NotTheirs
    draft = preparing.to_draft(row, now=now)
    row.state, row.files, row.changed_at = State.CANCELLED, [], now
    row.save(update_fields=["state", "files", "changed_at"])
    events.record("approval_withdrawn", inquiry, actor=by, now=now)
    preparing.touch(inquiry, now)
    return draft


def waiting(user: User) -> PreparedReplyQuerySet:
    """What waits for approval, the oldest first; of the inquiries that this person may see."""
    seen = Inquiry.objects.visible_to(user).order_by().values("pk")
    # The second condition is the first one's own consequence, in the words of the index.
    rows = PreparedReply.objects.filter(state=State.AWAITING).exclude(state__in=[State.SENT, State.CANCELLED])
    return (rows if user.has_perm(P.INQUIRIES_VIEW_ALL) else rows.filter(inquiry__in=seen)).order_by("pk")


@dataclass(frozen=True)
class Piece:
    """A part of a text and what became of it: "same", "added" or "removed"."""

    how: str
    text: str


def diff(before: str, after: str) -> list[list[Piece]]:
    """What changed between two texts, line by line; changed lines are compared letter by letter, since Japanese knows
    no spaces between words. Plain text: whoever shows it escapes it. Empty when nothing changed."""
    if before == after:
        return []
    old, new = before.splitlines(), after.splitlines()
    rows: list[list[Piece]] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            rows += [[Piece("same", line)] for line in old[a:b]]
        elif tag == "replace" and b - a == d - c:
            rows += [_letters(*pair) for pair in zip(old[a:b], new[c:d], strict=True)]
        else:
            rows += [[Piece("removed", line)] for line in old[a:b]]
            rows += [[Piece("added", line)] for line in new[c:d]]
    return rows


# Letter by letter costs the product of both lengths; a longer line is shown as a whole, before and after.
_LONGEST_LINE = 2_000


def _letters(old: str, new: str) -> list[Piece]:
    if len(old) * len(new) > _LONGEST_LINE**2 or not old or not new:
        return [Piece("removed", old), Piece("added", new)]
    pieces = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", old[a:b]))
            continue
        if b > a:
            pieces.append(Piece("removed", old[a:b]))
        if d > c:
            pieces.append(Piece("added", new[c:d]))
    return pieces


def mark(prepared: PreparedReply) -> str:
    """What tells these words from those that another approver makes of them."""
    return tokens.digest(f"inquiries.prepared:{prepared.pk}:{prepared.body}")[:32]


def _may_decide(row: PreparedReply, by: User, seen: str) -> None:
    # Who may not read contacts would be shown a text without them, and send that.
    if not by.has_perm(P.INQUIRIES_APPROVE) or not masking.sees_contacts(by):
        raise NotTheirs
    if row.author_id == by.pk:
        raise OwnReply
    if seen and seen != mark(row):
        raise ChangedMeanwhile


def _change(row: PreparedReply, body: str, now: datetime) -> bool:
    body = clean(body).strip()
    if not body:
        raise replying.NothingWritten
    if body == row.body:
        return False
    row.body, row.changed_at = body, now
    row.save(update_fields=["body", "changed_at"])
    return True
