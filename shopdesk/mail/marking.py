"""Writing down what became of a letter that a worker holds.

Each of these is a compare-and-set: it names the lease and the state it starts from, and changes nothing when somebody
else owns the letter by now.
"""

import functools
import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ParamSpec

from django.db import InterfaceError, OperationalError, connection, transaction

from shopdesk.mail import journal, smtp, suppressions
from shopdesk.mail.models import MailRoute, OutgoingMail, OutgoingMailQuerySet, SendAttempt, Suppression

State = OutgoingMail.State
Outcome = SendAttempt.Outcome

BACKOFF = (
    timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4),
)  # fmt: skip
# Enhanced codes after which the first tries would be wasted: a full mailbox is not emptied within a minute. The first
# wait is then the first of BACKOFF that is at least so long.
FULL_MAILBOX = ("4.2.2", "5.2.2")
FULL_MAILBOX_WAIT = timedelta(hours=1)
JITTER = 0.1  # each wait is up to this part longer, so that what failed together does not come back together
GIVE_UP = timedelta(hours=24)  # after the first try of a round
# Enhanced status codes (RFC 3463) that mean: this mailbox does not exist.
NO_SUCH_MAILBOX = ("5.1.1", "5.1.10")

# How long a worker tries to write down what a mail server said while the database is away: far less than the lease.
MARK_SECONDS = 60.0
MARK_AGAIN = 0.2  # seconds between two tries


_P = ParamSpec("_P")


def _insisting(write: Callable[_P, None]) -> Callable[_P, None]:
    """What a mail server said is known to this process alone, so it is written again while the database is away. A
    first try that did arrive leaves nothing to do for the second."""

    @functools.wraps(write)
    def insist(*arguments: _P.args, **named: _P.kwargs) -> None:
        end = time.monotonic() + MARK_SECONDS
        while True:
            try:
                return write(*arguments, **named)
            except (OperationalError, InterfaceError):
                if connection.in_atomic_block or time.monotonic() > end:
                    raise
                connection.close()
                time.sleep(MARK_AGAIN)

    return insist


# --- what the server said -----------------------------------------------------------------------------------------


@_insisting
def taken(answers: Sequence[journal.Answer], meanwhile: Callable[[], None] | None = None) -> None:
    """The server took these letters, and all of their copies. ``meanwhile`` is done while that is written."""
    journal.settle(answers, meanwhile)


@_insisting
def taken_in_part(answer: journal.Answer) -> None:
    """The server took the letter, and some of its copies not."""
    mail, accepted, now = answer
    words = " / ".join([accepted.words, *(f"{one.address}: {one.words}" for one in accepted.refused)])[:500]
    refused = [{"address": one.address, "why": "refused", "words": one.words} for one in accepted.refused]
    with transaction.atomic():
        # Also an answer that comes after the lease: see journal.settle.
        if not move(
            mail,
            State.SENDING,
            State.UNCERTAIN,
            state=State.SENT,
            sent_at=now,
            reason="",
            detail=words,
            lease_until=None,
            changed_at=now,
            left_out=[*mail.left_out, *refused],
        ):
            return
        _finish_attempt(mail, Outcome.SENT, accepted.code, words, now)
        for one in accepted.refused:
            if any(word in NO_SUCH_MAILBOX for word in one.words.split()[1:2]):  # after the code
                _stop_address(one.address, one.words, now)


@_insisting
def unknown(mail: OutgoingMail, error: smtp.NotAccepted, now: datetime) -> None:
    """The server did not answer after the final dot: a person has to say what happened."""
    with transaction.atomic():
        if move(
            mail,
            State.SENDING,
            state=State.UNCERTAIN,
            reason="no_answer",
            detail=error.words,
            lease_until=None,
            changed_at=now,
        ):
            _finish_attempt(mail, Outcome.UNKNOWN, error.code, error.words, now)


@_insisting
def refused(mail: OutgoingMail, error: smtp.NotAccepted, now: datetime) -> None:
    """The server refused it for good."""
    no_mailbox = any(word in NO_SUCH_MAILBOX for word in error.words.split()[:1])
    with transaction.atomic():
        if not move(
            mail,
            State.SENDING,
            state=State.FAILED,
            reason="no_such_mailbox" if no_mailbox else "refused",
            detail=error.words,
            lease_until=None,
            changed_at=now,
        ):
            return
        _finish_attempt(mail, Outcome.REFUSED, error.code, error.words, now)
        if no_mailbox:
            _stop_address(mail.to_address, f"{error.code} {error.words}", now)


@_insisting
def not_accepted(mail: OutgoingMail, error: smtp.NotAccepted, now: datetime, route: MailRoute | None = None) -> None:
    """Back to waiting, a little longer each time; after a day, or when it would be too late, the end."""
    first = mail.first_try_at or now
    with transaction.atomic():
        tries = SendAttempt.objects.filter(mail=mail, intent_at__gte=first).exclude(attempt=mail.attempt).count()
        again = now + backoff(tries, error.words, mail.key)
        values: dict[str, Any] = {"state": State.PLANNED, "reason": "try_again", "due_at": again}
        if mail.not_after is not None and again > mail.not_after:
            values = {"state": State.EXPIRED, "reason": "too_late"}
        elif again > first + GIVE_UP:
            values = {"state": State.FAILED, "reason": "gave_up"}
        values |= {"detail": error.words, "lease_until": None, "first_try_at": first, "changed_at": now}
        if not move(mail, State.LEASED, State.SENDING, **values):
            return
        SendAttempt.objects.get_or_create(
            mail=mail,
            attempt=mail.attempt,
            defaults={"worker": mail.lease_owner, "route": route, "intent_at": now},
        )
        _finish_attempt(mail, Outcome.DEFERRED, error.code, error.words, now)


def backoff(tries: int, words: str, key: str) -> timedelta:
    """How long a letter waits after its ``tries`` + 1st refusal of a round, with the server's ``words``."""
    if words.startswith(FULL_MAILBOX):
        tries = max(tries, sum(wait < FULL_MAILBOX_WAIT for wait in BACKOFF))
    wait = BACKOFF[min(tries, len(BACKOFF) - 1)]
    part = int.from_bytes(hashlib.sha256(f"{key}:{tries}".encode()).digest()[:4], "big") / 2**32
    return timedelta(seconds=round(wait.total_seconds() * (1 + JITTER * part)))


# --- nothing was said ---------------------------------------------------------------------------------------------


@_insisting
def unsaid(mail: OutgoingMail, now: datetime) -> None:
    """The database went away around the intent: nothing was said of this letter, whatever became of the intent."""
    with transaction.atomic():
        if move(
            mail,
            State.LEASED,
            State.SENDING,
            state=State.PLANNED,
            reason="try_again",
            lease_until=None,
            lease_owner="",
            changed_at=now,
        ):
            _finish_attempt(mail, Outcome.DEFERRED, None, "", now)


def give_back(letters: Sequence[OutgoingMail], now: datetime, **values: Any) -> None:
    """Letters that were claimed and not begun wait again, as if nobody had picked them up, or with ``values``."""
    for mail in letters:
        not_begun(mail, state=State.PLANNED, attempt=mail.attempt - 1, lease_owner="", changed_at=now, **values)


def not_begun(mail: OutgoingMail, **values: Any) -> None:
    """The lease ends before anything was said. Bytes that may have been prepared were handed to nobody."""
    if mail.attempt == 1:
        values["raw"] = None
    move(mail, State.LEASED, State.SENDING, lease_until=None, **values)


# --- compare and set ----------------------------------------------------------------------------------------------


def owned(mail: OutgoingMail, *states: OutgoingMail.State) -> OutgoingMailQuerySet:
    """The letter's row, as long as the lease is ours and it is in one of these states."""
    return OutgoingMail.objects.filter(pk=mail.pk, lease_token=mail.lease_token, state__in=states)


def move(mail: OutgoingMail, *states: OutgoingMail.State, **values: Any) -> bool:
    """Compare and set: False when the letter is no longer ours in one of these states."""
    return bool(owned(mail, *states).update(**values))


def _finish_attempt(
    mail: OutgoingMail, outcome: SendAttempt.Outcome, code: int | None, answer: str, now: datetime
) -> None:
    SendAttempt.objects.filter(mail=mail, attempt=mail.attempt).update(
        outcome=outcome, smtp_code=code, answer=answer[:500], finished_at=now
    )


def _stop_address(address: str, evidence: str, now: datetime) -> None:
    suppressions.suppress(
        address, scope=Suppression.Scope.ALL, reason=Suppression.Reason.BOUNCED, now=now, evidence=evidence
    )
