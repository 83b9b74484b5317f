"""Sending what is due: claim, decide, send, mark. Any number of workers may sweep at once.

    planned --claim--> leased --decide--> sending --send--> sent
                         |                  |-> planned   certainly not sent: tried again later
                         |                  |-> failed    the server refused it
                         |                  '-> uncertain nobody knows: a person settles it, nothing repeats it
                         '-> skipped, expired, failed     decided not to send

Each arrow is one UPDATE that names the state and the lease it starts from; when it changes no row, somebody else owns
the letter and nothing is done. The intent (state ``sending``, the bytes, a SendAttempt) is committed before the mail
server hears anything of the letter, and no transaction is open while it is spoken to. The answer to one letter and the
intent of the next share one statement, hence one wait for the disk: at no moment is more than one letter of a worker
in the state ``sending``, so that a worker's death leaves at most one uncertain.
"""

import contextlib
import functools
import hashlib
import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, ParamSpec

import psycopg
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from shopdesk import addresses
from shopdesk.mail import consents, guards, message, rates, routes, smtp, suppressions
from shopdesk.mail.guards import Leave
from shopdesk.mail.models import MailClass, MailRoute, OutgoingMail, SendAttempt, Suppression

logger = logging.getLogger(__name__)

State = OutgoingMail.State
Outcome = SendAttempt.Outcome

BATCH = 50  # letters claimed at a time
LEASE = timedelta(minutes=20)  # longer than the ten minutes that a server may take over the final dot
# A sweep stops taking up letters after this many seconds and gives the rest back: a worker that was asked to stop then
# stops soon, and a claimed letter never waits behind a slow server until its lease is over.
SWEEP_SECONDS = 20.0
BACKOFF = (
    timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4),
)  # fmt: skip
# Enhanced codes after which the first tries would be wasted: a full mailbox is not emptied within a minute.
FULL_MAILBOX = ("4.2.2", "5.2.2")
JITTER = 0.1  # each wait is up to this part longer, so that what failed together does not come back together
GIVE_UP = timedelta(hours=24)  # after the first try of a round
# Enhanced status codes (RFC 3463) that mean: this mailbox does not exist.
NO_SUCH_MAILBOX = ("5.1.1", "5.1.10")
ROUTE_REST = timedelta(minutes=1)  # letters of a route whose server is away let the others go first
STOPPED_REST = timedelta(minutes=5)  # letters whose routes are all stopped ask again; starting one wakes them at once

# How long a worker tries to write down what a mail server said while the database is away: far less than the lease.
MARK_SECONDS = 60.0
MARK_AGAIN = 0.2  # seconds between two tries

# The rows are found by the partial index mail_due alone, then by their keys: EXPLAIN is held by a test.
_CLAIM = """
UPDATE mail_outgoingmail AS mail
SET state = 1, lease_owner = %(worker)s, lease_token = mail.lease_token + 1, lease_until = %(until)s,
    attempt = mail.attempt + 1, changed_at = %(now)s
WHERE mail.id = ANY (ARRAY(
    SELECT id FROM mail_outgoingmail
    WHERE state = 0 AND due_at <= %(now)s {which}
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
))
RETURNING mail.id
"""


# While automatic mail is held, by a guard: only these.
_PERSONAL = "AND (mail_class = 'transactional' OR NOT automatic)"

# The answer to one letter, and the intent to send the next, provided that nothing speaks against it. What does is found
# out by _decide; here it is enough that something might. One statement: both or neither, and one wait for the disk.
_ANSWER = """
answered AS (
    UPDATE mail_outgoingmail
    SET state = 3, sent_at = %(at)s, reason = '', detail = %(words)s, lease_until = NULL, changed_at = %(at)s
    WHERE id = %(mail)s AND lease_token = %(token)s AND state IN (2, 4)
    RETURNING id
), noted AS (
    UPDATE mail_sendattempt SET outcome = 'sent', smtp_code = %(code)s, answer = %(words)s, finished_at = %(at)s
    WHERE mail_id IN (SELECT id FROM answered) AND attempt = %(attempt)s
)"""
_INTENT = """
begun AS (
    UPDATE mail_outgoingmail AS mail
    SET state = 2, raw = %(raw)s, route_id = %(route)s, reason = '', detail = '',
        first_try_at = COALESCE(first_try_at, %(now)s), lease_until = %(until)s, changed_at = %(now)s
    WHERE id = %(next)s AND lease_token = %(next_token)s AND state = 1
        AND (not_after IS NULL OR not_after >= %(now)s)
        AND NOT EXISTS (SELECT FROM mail_suppression WHERE address = %(to)s)
        AND (mail_class <> 'advertising' OR (
            SELECT act FROM mail_consent WHERE address = %(to)s ORDER BY at DESC, id DESC LIMIT 1) = 'given')
    RETURNING id
)
INSERT INTO mail_sendattempt (mail_id, attempt, worker, route_id, intent_at, outcome, answer)
SELECT id, %(next_attempt)s, %(worker)s, %(route)s, %(now)s, '', '' FROM begun
RETURNING mail_id
"""
_BEGIN = "WITH " + _INTENT
_ANSWER_AND_BEGIN = "WITH " + _ANSWER + ", " + _INTENT


class _Watch:
    """The moment that was given, moving on by whole seconds as the sweep takes time."""

    def __init__(self, now: datetime) -> None:
        self._now, self._started = now, time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._started

    def now(self) -> datetime:
        return self._now + timedelta(seconds=int(self.seconds()))


class _Pending(NamedTuple):
    """A letter that the server has taken, and that the database does not know of yet."""

    mail: OutgoingMail
    accepted: smtp.Accepted
    at: datetime


def sweep(now: datetime, limit: int = BATCH) -> int:
    """Settle what dead workers left, then send up to ``limit`` letters that are due. Returns how many were taken up:
    sent, refused, or given a later turn.

    Must not be called inside a transaction: what is decided has to be on disk before it is done.
    """
    watch = _Watch(now)
    settle_lost(now)
    # Read after the first word with the database: a worker that waited for it has no old clock in its hand.
    leave = guards.check(watch.now())
    if leave == Leave.NONE:
        return 0
    letters = claim(now, limit, worker=f"{socket.gethostname()}:{os.getpid()}"[:100], leave=leave)
    return _Round(watch).send(letters) if letters else 0


def claim(now: datetime, limit: int, *, worker: str, leave: Leave = Leave.ALL) -> list[OutgoingMail]:
    """Lease up to ``limit`` due letters to this worker, the longest due first. No letter is leased twice."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # A lease that a crash of the database forgets leaves a letter waiting, unsent: nothing to wait for here.
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(
            _CLAIM.format(which=_PERSONAL if leave == Leave.PERSONAL else ""),
            {"now": now, "limit": limit, "worker": worker, "until": now + LEASE},
        )
        keys = [row[0] for row in cursor.fetchall()]
    return list(OutgoingMail.objects.filter(pk__in=keys).defer("raw").order_by("due_at", "pk"))


def settle_lost(now: datetime) -> tuple[int, int]:
    """Letters whose worker is gone: (back to waiting, now uncertain).

    A lease without an intent is harmless. With one, the letter may have left: it is never sent again by itself.
    """
    over = OutgoingMail.objects.filter(lease_until__lt=now)
    back = over.filter(state=State.LEASED).update(state=State.PLANNED, lease_until=None, lease_owner="", changed_at=now)
    with transaction.atomic():
        lost = list(over.filter(state=State.SENDING).select_for_update(skip_locked=True).values_list("pk", flat=True))
        OutgoingMail.objects.filter(pk__in=lost, state=State.SENDING).update(
            state=State.UNCERTAIN, reason="worker_lost", detail="", lease_until=None, changed_at=now
        )
        SendAttempt.objects.filter(mail__in=lost, outcome=Outcome.NONE).update(outcome=Outcome.UNKNOWN, finished_at=now)
    if lost:
        logger.warning("%d letters were being sent when their worker was lost; staff must settle them.", len(lost))
    return back, len(lost)


# --- one round ----------------------------------------------------------------------------------------------------


class _Round:
    """The letters of one claim on their ways."""

    def __init__(self, watch: _Watch) -> None:
        self.watch = watch
        self.routes = routes.all_routes()
        self.ways: dict[int, routes.Way] = {}
        self.away: set[int] = set()  # routes whose server did not let us in during this round
        self.pending: _Pending | None = None
        self.taken = 0

    def send(self, letters: list[OutgoingMail]) -> int:
        waiting: list[OutgoingMail] = list(letters)
        try:
            turns = self._turns(letters)
            waiting = [mail for mail, _ in turns]
            with contextlib.ExitStack() as self.stack:
                try:
                    while turns and self.watch.seconds() < SWEEP_SECONDS:
                        mail, route = turns.pop(0)
                        waiting.pop(0)
                        if not self._one(mail, route):
                            waiting = [mail for mail, _ in turns]
                            break
                finally:
                    self._flush()
        finally:
            _give_back(waiting, self.watch.now())
        return self.taken

    def _turns(self, letters: list[OutgoingMail]) -> list[tuple[OutgoingMail, MailRoute | None]]:
        """Letters that may go now with their route, the urgent ones first; the others get a later turn."""
        now = self.watch.now()
        ways: dict[int, list[OutgoingMail]] = {}
        by_id = {route.pk: route for route in self.routes}
        for mail in letters:
            try:
                route = routes.choose(mail, self.routes)
            except routes.AllStopped:
                self._later(mail, now + STOPPED_REST, "route_stopped")
            else:
                ways.setdefault(route.pk if route else 0, []).append(mail)
        turns = []
        for key, members in ways.items():
            limit = by_id[key].per_minute if key else settings.EMAIL_PER_MINUTE
            verdict = rates.admit(members, route=key, per_minute=limit, now=now)
            for mail in members:
                if (moment := verdict[mail.pk]) is None:
                    turns.append((mail, by_id.get(key)))
                else:
                    self._later(mail, moment, "rate")
        return sorted(turns, key=lambda turn: rates.rank(turn[0]))

    def _later(self, mail: OutgoingMail, moment: datetime, reason: str) -> None:
        """Another turn, which is no try. A letter that would then be too late is decided when its turn comes."""
        self.taken += 1
        _give_back([mail], self.watch.now(), due_at=moment, reason=reason)

    def _one(self, mail: OutgoingMail, route: MailRoute | None) -> bool:
        """Send one letter. False when nothing more can go by any way in this round."""
        key = route.pk if route else 0
        if key in self.away:
            self._later(mail, self.watch.now() + ROUTE_REST, "route_away")
            return True
        self.taken += 1
        try:
            way = self._way(key, route)
        except smtp.NoRoute as error:
            # Not this letter's fault, nor the next ones': one letter tells how it stands, the rest wait.
            self._flush()
            self._blame(route, error)
            _not_accepted(mail, error, self.watch.now(), route)
            self.away.add(key)
            return bool(self.routes)
        raw = self._begin(mail, route)
        if raw is not None:
            self._speak(mail, route, way, raw)
        return True

    def _way(self, key: int, route: MailRoute | None) -> routes.Way:
        if key not in self.ways:
            way = routes.open_way(route)
            self.stack.enter_context(way)
            self.ways[key] = way
        self.ways[key].open()
        return self.ways[key]

    def _speak(self, mail: OutgoingMail, route: MailRoute | None, way: routes.Way, raw: bytes) -> None:
        try:
            accepted = way.send(mail, raw)
        except smtp.Unknown as unknown:
            _unknown(mail, unknown, self.watch.now())
        except smtp.Refused as refused:
            if route is not None and routes.blames_route(refused):
                self._blame(route, refused)
                self.away.add(route.pk)
                _not_accepted(mail, refused, self.watch.now(), route)
            else:
                _refused(mail, refused, self.watch.now())
        except smtp.NotAccepted as error:
            if error.code == 421 or error.words.startswith("4.2.1"):
                rates.slow_down(mail.to_address, route=route.pk if route else 0, now=self.watch.now())
            _not_accepted(mail, error, self.watch.now(), route)
        except Exception as error:
            # A fault of ours in the middle of sending: what we do not know we do not repeat.
            logger.exception("Letter %s broke off while it was sent.", mail.pk)
            _unknown(mail, smtp.Unknown(None, type(error).__name__), self.watch.now())
        else:
            self.pending = _taken(mail, accepted, self.watch.now())
            if accepted.refused:
                self._flush()  # what became of the copies takes more words than the common statement has

    def _blame(self, route: MailRoute | None, error: smtp.NotAccepted) -> None:
        """Stop the route when the refusal is about us; the settings' own way has no row and goes on."""
        if route is not None and routes.blames_route(error):
            problem = f"{error.code} {error.words}" if error.code else error.words
            if routes.stop(route, problem=problem, now=self.watch.now()):
                logger.error("Mail route %s was stopped: %s", route.pk, problem)

    def _begin(self, mail: OutgoingMail, route: MailRoute | None) -> bytes | None:
        """Write the last answer and this intent; the bytes, or None when the letter must not leave."""
        try:
            raw = _decide(mail, self.watch.now(), route, self.pending)
        except (OperationalError, InterfaceError):
            self._flush()
            _unsaid(mail, self.watch.now())
            raise
        self.pending = None
        return raw

    def _flush(self) -> None:
        pending, self.pending = self.pending, None
        if pending is not None:
            _accepted(pending.mail, pending.accepted, pending.at)


def _taken(mail: OutgoingMail, accepted: smtp.Accepted, now: datetime) -> _Pending:
    """The server said yes; it is written with the next letter's intent, or at the end of the round."""
    return _Pending(mail, accepted, now)


@dataclass(frozen=True)
class _Intent:
    mail: OutgoingMail
    raw: bytes
    route: int | None
    now: datetime


def _write(pending: _Pending | None, intent: _Intent) -> bool:
    """One statement: the answer of ``pending``, when there is one, and the intent. False when the latter was not
    written, because the letter is not ours any more or something may speak against it."""
    mail = intent.mail
    values: dict[str, Any] = {
        "next": mail.pk,
        "next_token": mail.lease_token,
        "next_attempt": mail.attempt,
        "raw": intent.raw,
        "route": intent.route,
        "now": intent.now,
        "until": intent.now + LEASE,
        "to": addresses.normalise(mail.to_address),
        "worker": mail.lease_owner,
    }
    statement = _BEGIN
    if pending is not None:
        statement = _ANSWER_AND_BEGIN
        values |= {
            "mail": pending.mail.pk,
            "token": pending.mail.lease_token,
            "attempt": pending.mail.attempt,
            "at": pending.at,
            "code": pending.accepted.code,
            "words": pending.accepted.words[:500],
        }
    connection.ensure_connection()
    # psycopg's own cursor: the statement is the same for each letter, so PostgreSQL parses and plans it once, and the
    # bytes travel as bytes. Behind a pooler that cannot keep statements, the setting for that turns it off.
    prepare = not connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, values, prepare=prepare)
        return cursor.fetchone() is not None


# --- decide -------------------------------------------------------------------------------------------------------


def refusal(mail: OutgoingMail, now: datetime) -> tuple[OutgoingMail.State, str] | None:
    """Why this letter must not leave at this moment, as (state, reason code), or None. Reads the facts anew."""
    if mail.not_after is not None and now > mail.not_after:
        return State.EXPIRED, "too_late"
    if not addresses.is_valid(mail.to_address):
        return State.FAILED, "bad_address"
    if not addresses.is_valid(mail.from_address):
        return State.FAILED, "bad_sender"
    if blocked := suppressions.blocked(mail.to_address, mail.mail_class):
        return State.SKIPPED, f"suppressed_{blocked}"
    if mail.mail_class == MailClass.ADVERTISING and not consents.has_consent(mail.to_address):
        return State.SKIPPED, "no_consent"
    return None


def _decide(
    mail: OutgoingMail, now: datetime, route: MailRoute | None = None, pending: _Pending | None = None
) -> bytes | None:
    """Write the intent to send and give the bytes; or write why not, and give None. ``pending`` is written before."""
    raw: bytes | None = None
    has_copies = bool(mail.cc or mail.bcc)  # each of them is asked about one by one
    if not has_copies and addresses.is_valid(mail.to_address) and addresses.is_valid(mail.from_address):
        # What cannot be built is told below.
        with contextlib.suppress(Exception):
            raw = message.build(mail, now)
    if raw is not None and _write(pending, _Intent(mail, raw, route.pk if route else None, now)):
        mail.first_try_at = mail.first_try_at or now
        return raw
    if raw is None and pending is not None:
        _accepted(pending.mail, pending.accepted, pending.at)
    return _decide_slowly(mail, now, route)


def _left_out(mail: OutgoingMail) -> list[dict[str, str]]:
    """The copies that must not go out at this moment, as OutgoingMail.left_out has them."""
    blocked = {address: suppressions.blocked(address, mail.mail_class) for address in [*mail.cc, *mail.bcc]}
    return [
        {"address": address, "why": f"suppressed_{reason}", "words": ""}
        for address, reason in blocked.items()
        if reason
    ]


def _decide_slowly(mail: OutgoingMail, now: datetime, route: MailRoute | None) -> bytes | None:
    """The same for a letter against which something may speak: fact by fact, with the reason."""
    with transaction.atomic(durable=True):
        if not _owned(mail, State.LEASED).select_for_update().exists():
            return None
        no = refusal(mail, now)
        raw = b""
        if no is None:
            mail.left_out = _left_out(mail)
            try:
                raw = message.build(mail, now)
            except message.AttachmentMissing:
                no = State.FAILED, "attachment_missing"
            except Exception:
                # One letter that cannot be written must not stop the others.
                logger.exception("Letter %s could not be built.", mail.pk)
                no = State.FAILED, "could_not_build"
        if no is not None:
            state, reason = no
            _move(mail, State.LEASED, state=state, reason=reason, detail="", lease_until=None, changed_at=now)
            return None
        SendAttempt.objects.create(mail=mail, attempt=mail.attempt, worker=mail.lease_owner, route=route, intent_at=now)
        mail.first_try_at = mail.first_try_at or now
        owned = _move(
            mail,
            State.LEASED,
            state=State.SENDING,
            raw=raw,
            left_out=mail.left_out,
            route=route,
            reason="",
            detail="",
            first_try_at=mail.first_try_at,
            lease_until=now + LEASE,
            changed_at=now,
        )
    return raw if owned else None


# --- mark ---------------------------------------------------------------------------------------------------------


_P = ParamSpec("_P")


def _insisting(write: Callable[_P, None]) -> Callable[_P, None]:
    """What a mail server said is known to this process alone, so it is written again while the database is away. Each
    of these is a compare-and-set over the lease: a first try that did arrive leaves nothing to do for the second."""

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


@_insisting
def _accepted(mail: OutgoingMail, accepted: smtp.Accepted, now: datetime) -> None:
    words = " / ".join([accepted.words, *(f"{one.address}: {one.words}" for one in accepted.refused)])[:500]
    refused = [{"address": one.address, "why": "refused", "words": one.words} for one in accepted.refused]
    with transaction.atomic():
        # A slow answer may come after the lease: knowing beats not knowing, as long as no person has settled it.
        owned = OutgoingMail.objects.filter(
            pk=mail.pk, lease_token=mail.lease_token, state__in=[State.SENDING, State.UNCERTAIN]
        )
        if owned.update(
            state=State.SENT,
            sent_at=now,
            reason="",
            detail=words,
            lease_until=None,
            changed_at=now,
            **({"left_out": [*mail.left_out, *refused]} if refused else {}),
        ):
            _finish_attempt(mail, Outcome.SENT, accepted.code, words, now)
            for one in accepted.refused:
                if any(word in NO_SUCH_MAILBOX for word in one.words.split()[1:2]):  # after the code
                    _stop_address(one.address, one.words, now)


@_insisting
def _unsaid(mail: OutgoingMail, now: datetime) -> None:
    """The database went away around the intent: nothing was said of this letter, whatever became of the intent."""
    with transaction.atomic():
        if _move(
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


@_insisting
def _unknown(mail: OutgoingMail, error: smtp.NotAccepted, now: datetime) -> None:
    with transaction.atomic():
        if _move(
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
def _refused(mail: OutgoingMail, error: smtp.NotAccepted, now: datetime) -> None:
    no_mailbox = any(word in NO_SUCH_MAILBOX for word in error.words.split()[:1])
    with transaction.atomic():
        if not _move(
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


def _stop_address(address: str, evidence: str, now: datetime) -> None:
    suppressions.suppress(
        address, scope=Suppression.Scope.ALL, reason=Suppression.Reason.BOUNCED, now=now, evidence=evidence
    )


def backoff(tries: int, words: str, key: str) -> timedelta:
    """How long a letter waits after its ``tries`` + 1st refusal of a round, with the server's ``words``."""
    if words.startswith(FULL_MAILBOX):
        tries = max(tries, BACKOFF.index(timedelta(hours=1)))
    wait = BACKOFF[min(tries, len(BACKOFF) - 1)]
    part = int.from_bytes(hashlib.sha256(f"{key}:{tries}".encode()).digest()[:4], "big") / 2**32
    return timedelta(seconds=round(wait.total_seconds() * (1 + JITTER * part)))


@_insisting
def _not_accepted(mail: OutgoingMail, error: smtp.NotAccepted, now: datetime, route: MailRoute | None = None) -> None:
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
        if not _move(mail, State.LEASED, State.SENDING, **values):
            return
        SendAttempt.objects.get_or_create(
            mail=mail,
            attempt=mail.attempt,
            defaults={"worker": mail.lease_owner, "route": route, "intent_at": now},
        )
        _finish_attempt(mail, Outcome.DEFERRED, error.code, error.words, now)


def _give_back(letters: Sequence[OutgoingMail], now: datetime, **values: Any) -> None:
    """Letters that were claimed and not begun wait again, as if nobody had picked them up, or with ``values``."""
    for mail in letters:
        _move(
            mail,
            State.LEASED,
            state=State.PLANNED,
            attempt=mail.attempt - 1,
            lease_until=None,
            lease_owner="",
            changed_at=now,
            **values,
        )


def _owned(mail: OutgoingMail, *states: OutgoingMail.State) -> Any:
    return OutgoingMail.objects.filter(pk=mail.pk, lease_token=mail.lease_token, state__in=states)


def _move(mail: OutgoingMail, *states: OutgoingMail.State, **values: Any) -> bool:
    """Compare and set: False when the letter is no longer ours in one of these states."""
    return bool(_owned(mail, *states).update(**values))


def _finish_attempt(
    mail: OutgoingMail, outcome: SendAttempt.Outcome, code: int | None, answer: str, now: datetime
) -> None:
    SendAttempt.objects.filter(mail=mail, attempt=mail.attempt).update(
        outcome=outcome, smtp_code=code, answer=answer[:500], finished_at=now
    )
