"""Sending what is due: claim, decide, send, mark. Any number of workers may sweep at once.

    planned --claim--> leased --prepare--> sending --send--> sent
                         |                    |-> planned   certainly not sent: tried again later
                         |                    |-> failed    the server refused it
                         |                    '-> uncertain nobody knows: a person settles it, nothing repeats it
                         '-> skipped, expired, failed       decided not to send; also from ``sending``, before it began

Each arrow is one UPDATE that names the state and the lease it starts from; when it changes no row, somebody else owns
the letter and nothing is done. The intent (a SendAttempt, and the bytes before it) is committed before the mail server
hears anything of the letter, and no transaction is open while it is spoken to. The answer to one letter and the intent
of the next share one statement, hence one wait for the disk: at no moment has more than one letter of a worker an
intent without an answer, so that a worker's death leaves at most one uncertain.

While there are many letters, a second thread of the worker claims and prepares the next ones and settles the last ones;
no letter waits for that. It begins none: the intents and answers of a worker stay in one order.

Here are the sweep and its order; journal.py has the statements of the way that all letters go as long as nothing
speaks against it, deciding.py what may speak against it, marking.py everything that ends otherwise.
"""

import contextlib
import json
import logging
import os
import socket
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from shopdesk.mail import deciding, guards, journal, marking, message, rates, routes, smtp, wire
from shopdesk.mail.companion import Companion
from shopdesk.mail.guards import Leave
from shopdesk.mail.models import MailRoute, OutgoingMail, SendAttempt

logger = logging.getLogger(__name__)

State = OutgoingMail.State
Outcome = SendAttempt.Outcome

LIMIT = 1000  # letters of a sweep
BATCH = 50  # letters claimed at a time
READY_BYTES = 1_000_000  # letters are prepared together as long as they are light: files need not lie in memory by tens
LEASE = timedelta(minutes=20)  # longer than the ten minutes that a server may take over the final dot
# A sweep stops taking up letters after this many seconds and gives the rest back: a worker that was asked to stop then
# stops soon, and a claimed letter never waits behind a slow server until its lease is over.
SWEEP_SECONDS = 20.0
# Rows of letters that were taken are written at the end of the batch, and no later than this: behind a slow server each
# row is written at once.
SETTLE_SECONDS = 0.1
# The next batch is made ready when this many letters of a full one left within so many seconds. Behind a slow server
# there is no need for that, and other workers may have those letters.
AHEAD_AFTER, AHEAD_SECONDS = 5, 0.1
ROUTE_REST = timedelta(minutes=1)  # letters of a route whose server is away let the others go first
STOPPED_REST = timedelta(minutes=5)  # letters whose routes are all stopped ask again; starting one wakes them at once

# The rows are found by the partial index mail_due alone, then by their keys: EXPLAIN is held by a test. A lease that a
# crash of the database forgets leaves a letter waiting, unsent: there is nothing to wait for, so this does not.
_CLAIM = """
UPDATE mail_outgoingmail AS mail
SET state = 1, lease_owner = %(worker)s, lease_token = mail.lease_token + 1, lease_until = %(until)s,
    attempt = mail.attempt + 1, changed_at = %(now)s
FROM set_config('synchronous_commit', 'off', true)
WHERE mail.id = ANY (ARRAY(
    SELECT id FROM mail_outgoingmail
    WHERE state = 0 AND due_at <= %(now)s {which}
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
))
RETURNING {columns}
"""
# What is needed for sending; anything else would be fetched when it is touched.
_FIELDS = tuple(
    field.attname
    for field in OutgoingMail._meta.concrete_fields
    if field.attname
    in {
        "id", "key", "mail_class", "automatic", "from_name", "from_address", "to_name", "to_address", "cc", "bcc",
        "left_out", "reply_to", "subject", "text", "html", "headers", "attachments", "message_id", "in_reply_to",
        "references", "due_at", "not_after", "lease_owner", "lease_token", "attempt", "first_try_at",
    }
)  # fmt: skip
_COLUMNS = ", ".join(f'mail."{name}"' for name in _FIELDS)
_NAMES = frozenset(_FIELDS)
_JSON = [_FIELDS.index(name) for name in ("left_out", "headers", "attachments")]
# While automatic mail is held, by a guard: only these.
_PERSONAL = "AND (mail_class = 'transactional' OR NOT automatic)"


class _Watch:
    """The moment that was given, moving on by whole seconds as the sweep takes time."""

    def __init__(self, now: datetime) -> None:
        self._now, self._started = now, time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._started

    def now(self) -> datetime:
        return self._now + timedelta(seconds=int(self.seconds()))


def sweep(now: datetime, limit: int = LIMIT) -> int:
    """Settle what dead workers left, then send up to ``limit`` letters that are due. Returns how many were taken up:
    sent, refused, or given a later turn.

    Must not be called inside a transaction: what is decided has to be on disk before it is done.
    """
    watch = _Watch(now)
    with transaction.atomic(durable=True):  # refuses to stand inside of another
        settle_lost(now)
    worker = f"{socket.gethostname()}:{os.getpid()}"[:100]
    checked: datetime | None = None
    with _Round(watch, worker, limit) as turn:
        while turn.taken < limit and watch.seconds() < SWEEP_SECONDS:
            # Read after the first word with the database: a worker that waited for it has no old clock in its hand.
            leave = guards.check(watch.now())
            if leave == Leave.NONE:
                break
            if checked != (checked := watch.now()):
                turn.routes = routes.all_routes()  # anew each second
            if not turn.take_up(leave) or not turn.send():
                break
    return turn.taken


def claim(now: datetime, limit: int, *, worker: str, leave: Leave = Leave.ALL) -> list[OutgoingMail]:
    """Lease up to ``limit`` due letters to this worker, the longest due first. No letter is leased twice."""
    statement = _CLAIM.format(which=_PERSONAL if leave == Leave.PERSONAL else "", columns=_COLUMNS)
    values = {"now": now, "limit": limit, "worker": worker, "until": now + LEASE}
    letters = []
    for row in wire.rows(statement, values):
        found = list(row)
        for place in _JSON:
            found[place] = json.loads(found[place])
        letters.append(OutgoingMail.from_db(connection.alias, _NAMES, found))
    return sorted(letters, key=lambda mail: (mail.due_at, mail.pk))


def settle_lost(now: datetime) -> tuple[int, int]:
    """Letters whose worker is gone: (back to waiting, now uncertain).

    A lease without an intent is harmless. With one, the letter may have left: it is never sent again by itself, and
    unless the journal knows the server's answer, a person is asked.
    """
    over = OutgoingMail.objects.filter(lease_until__lt=now)
    back = over.filter(state=State.LEASED).update(state=State.PLANNED, lease_until=None, lease_owner="", changed_at=now)
    with transaction.atomic():
        # The lock stands against journal.begin: what is read below stays true until this is committed.
        lost = {
            mail.pk: mail for mail in over.filter(state=State.SENDING).defer("raw").select_for_update(skip_locked=True)
        }
        if not lost:
            return back, 0
        latest = SendAttempt.objects.filter(mail__in=list(lost), attempt=F("mail__attempt"))
        begun = {attempt.mail_id: attempt for attempt in latest}
        never_begun = [mail for pk, mail in lost.items() if pk not in begun]
        marking.give_back(never_begun, now)
        taken = [
            journal.Answer(
                lost[pk], smtp.Accepted(attempt.smtp_code or 250, attempt.answer), attempt.finished_at or now
            )
            for pk, attempt in begun.items()
            if attempt.outcome == Outcome.SENT
        ]
        if taken:
            journal.settle(taken)
        # A slow server has the whole lease from the intent on.
        silent = [pk for pk, one in begun.items() if one.outcome != Outcome.SENT and one.intent_at < now - LEASE]
        OutgoingMail.objects.filter(pk__in=silent).update(
            state=State.UNCERTAIN, reason="worker_lost", detail="", lease_until=None, changed_at=now
        )
        SendAttempt.objects.filter(mail__in=silent, outcome=Outcome.NONE).update(
            outcome=Outcome.UNKNOWN, finished_at=now
        )
    if silent:
        logger.warning("%d letters were being sent when their worker was lost; staff must settle them.", len(silent))
    return back + len(never_begun), len(silent)


# --- the letters of a sweep ---------------------------------------------------------------------------------------


@dataclass
class _Batch:
    """Letters that were claimed together, and how far they are."""

    leave: Leave  # which letters might leave when these were claimed
    letters: list[OutgoingMail]
    turns: deque[tuple[OutgoingMail, MailRoute | None]]  # those still to be sent, with their ways, in order
    ready: dict[int, bytes] = field(default_factory=dict)  # the bytes of prepared ones, by id
    later: int = 0  # how many got a later turn


class _Round:
    """The letters of a sweep on their ways, batch by batch; connections stay open from one batch to the next.

    While letters leave quickly, a companion writes the rows of those that are gone and makes the next batch ready. What
    it could not do is done here.
    """

    def __init__(self, watch: _Watch, worker: str, limit: int) -> None:
        self.watch, self.worker, self.limit = watch, worker, limit
        self.stack = contextlib.ExitStack()
        self.companion: Companion | None = self.stack.enter_context(Companion())  # None: it could not do its work
        self.ahead: Future[_Batch] | None = None  # the next batch, as the companion makes it
        self.handed: list[journal.Answer] = []  # what it writes before
        self.routes: list[MailRoute] = []  # as the sweep last read them
        self.ways: dict[int, routes.Way] = {}
        self.away: set[int] = set()  # routes whose server did not let us in during this sweep
        self.batch = _Batch(Leave.NONE, [], deque())
        self.answers: list[journal.Answer] = []  # letters that the server has taken, whose rows do not say so yet
        self.unsettled_since = 0.0  # of time.monotonic()
        self.last: journal.Answer | None = None  # the one of them that the journal does not know either
        self.taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.stack:
            try:
                if (batch := self._received()) is not None:
                    self._give_back(batch)
            finally:
                self._settle()

    def take_up(self, leave: Leave) -> bool:
        """Have the next batch ready, which may have been made ahead. False when no letter is due."""
        batch = self._received()
        if batch is not None and batch.leave != leave:
            self._give_back(batch)
            batch = None
        if batch is None or not batch.letters:
            batch = self._made_ready(leave, min(BATCH, self.limit - self.taken))
        self.batch = batch
        self.taken += self.batch.later
        return bool(self.batch.letters)

    def send(self) -> bool:
        """Send the batch. False when nothing more should be begun in this sweep."""
        turns, began = self.batch.turns, time.monotonic()
        # After a full batch more letters are to be expected.
        ask_at = len(turns) - AHEAD_AFTER if len(self.batch.letters) == BATCH else 0
        try:
            while turns and self.watch.seconds() < SWEEP_SECONDS:
                if len(turns) == ask_at and time.monotonic() - began < AHEAD_SECONDS:
                    self._ask_ahead()
                if not self._one(*turns.popleft()):
                    return False
            return not turns
        finally:
            try:
                # With another batch to come, these rows are written beside its letters.
                if self.ahead is None or turns:
                    self._settle()
            finally:
                self._give_back(self.batch)

    def _ask_ahead(self) -> None:
        """Let the companion write what was answered, and make the next batch ready."""
        most = min(BATCH, self.limit - self.taken - len(self.batch.turns))
        if self.companion is None or most <= 0:
            return
        leave = self.batch.leave
        # The journal gets the last answer with the next intent, which should not wait for the companion.
        self.handed = handed = [answer for answer in self.answers if answer is not self.last]
        self.answers = [self.last] if self.last is not None else []
        self.unsettled_since = time.monotonic()

        def work() -> _Batch:
            if handed:
                marking.taken(handed)
            self.handed = []
            return self._made_ready(leave, most)

        self.ahead = self.companion.ask(work)

    def _received(self) -> _Batch | None:
        """The batch that was made ahead, or None."""
        ahead, self.ahead = self.ahead, None
        try:
            return ahead.result() if ahead is not None else None
        except (OperationalError, InterfaceError):
            # There is no second connection to be had, or it was cut. If this one is, too, its next word tells.
            logger.warning("Letters are not made ready ahead.", exc_info=True)
            self.companion = None
            return None
        finally:
            self.answers, self.handed = self.handed + self.answers, []

    def _made_ready(self, leave: Leave, most: int) -> _Batch:
        """Claim letters, choose their ways, and write the bytes of those that may go now. In either thread."""
        letters = claim(self.watch.now(), most, worker=self.worker, leave=leave)
        batch = _Batch(leave, letters, deque((mail, None) for mail in letters))
        try:
            self._put_in_turn(batch)
            self._prepare(batch)
        except BaseException:
            self._give_back(batch)
            raise
        return batch

    def _give_back(self, batch: _Batch) -> None:
        batch.ready.clear()
        marking.give_back([mail for mail, _ in batch.turns], self.watch.now())

    def _put_in_turn(self, batch: _Batch) -> None:
        """Letters that may go now with their route, the urgent ones first; the others get a later turn."""
        now, known = self.watch.now(), self.routes
        ways: dict[int, list[OutgoingMail]] = {}
        by_id = {route.pk: route for route in known}
        later: list[tuple[OutgoingMail, datetime, str]] = []
        for mail in batch.letters:
            try:
                route = routes.choose(mail, known)
            except routes.AllStopped:
                later.append((mail, now + STOPPED_REST, "route_stopped"))
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
                    later.append((mail, moment, "rate"))
        for mail, moment, reason in later:
            self._later(mail, moment, reason)
        batch.later = len(later)
        batch.turns = deque(sorted(turns, key=lambda turn: rates.rank(turn[0])))

    def _later(self, mail: OutgoingMail, moment: datetime, reason: str) -> None:
        """Another turn, which is no try. A letter that would then be too late is decided when its turn comes."""
        marking.give_back([mail], self.watch.now(), due_at=moment, reason=reason)

    def _one(self, mail: OutgoingMail, route: MailRoute | None) -> bool:
        """Send one letter. False when nothing more can go by any way in this sweep."""
        key = route.pk if route else 0
        self.taken += 1
        if key in self.away:
            self._later(mail, self.watch.now() + ROUTE_REST, "route_away")
            return True
        try:
            way = self._way(key, route)
        except smtp.NoRoute as error:
            # Not this letter's fault, nor the next ones': one letter tells how it stands, the rest wait.
            self._settle()
            self._blame(route, error)
            marking.not_accepted(mail, error, self.watch.now(), route)
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

    def _begin(self, mail: OutgoingMail, route: MailRoute | None) -> bytes | None:
        """Write the last answer and this intent; the bytes, or None when the letter must not leave."""
        now, ready = self.watch.now(), self.batch.ready
        try:
            if mail.pk not in ready and deciding.is_plain(mail):
                self._prepare(self.batch, (mail, route))
            if mail.pk in ready:
                begun = journal.begin(mail, route, now=now, last=self.last)
                self.last = None
                if begun:
                    mail.first_try_at = mail.first_try_at or now
                    return ready.pop(mail.pk)
            if self.last is not None:
                self._settle()
            return deciding.carefully(mail, route, now=now, until=now + LEASE)
        except (OperationalError, InterfaceError):
            self._settle()
            marking.unsaid(mail, now)
            raise

    def _prepare(self, batch: _Batch, *first: tuple[OutgoingMail, MailRoute | None]) -> None:
        """Write the bytes of the first letters of the batch, as many as may lie in memory together."""
        now = self.watch.now()
        made: list[journal.Ready] = []
        size = sum(map(len, batch.ready.values()))
        for mail, route in (*first, *batch.turns):
            if size > READY_BYTES:
                break
            if mail.pk in batch.ready or (route and route.pk in self.away) or not deciding.is_plain(mail):
                continue
            # What cannot be built is told when its turn comes.
            with contextlib.suppress(Exception):
                made.append(journal.Ready(mail, route, message.build(mail, now)))
                size += len(made[-1].raw)
        if made:
            batch.ready |= journal.prepare(made, now=now, until=now + LEASE)

    def _speak(self, mail: OutgoingMail, route: MailRoute | None, way: routes.Way, raw: bytes) -> None:
        try:
            accepted = way.send(mail, raw)
        except smtp.Unknown as unknown:
            marking.unknown(mail, unknown, self.watch.now())
        except smtp.Refused as refused:
            if route is not None and routes.blames_route(refused):
                self._blame(route, refused)
                self.away.add(route.pk)
                marking.not_accepted(mail, refused, self.watch.now(), route)
            else:
                marking.refused(mail, refused, self.watch.now())
        except smtp.NotAccepted as error:
            if error.code == 421 or error.words.startswith("4.2.1"):
                rates.slow_down(mail.to_address, route=route.pk if route else 0, now=self.watch.now())
            marking.not_accepted(mail, error, self.watch.now(), route)
        except Exception as error:
            # A fault of ours in the middle of sending: what we do not know we do not repeat.
            logger.exception("Letter %s broke off while it was sent.", mail.pk)
            marking.unknown(mail, smtp.Unknown(None, type(error).__name__), self.watch.now())
        else:
            self._keep(_taken(mail, accepted, self.watch.now()))

    def _blame(self, route: MailRoute | None, error: smtp.NotAccepted) -> None:
        """Stop the route when the refusal is about us; the settings' own way has no row and goes on."""
        if route is not None and routes.blames_route(error):
            problem = f"{error.code} {error.words}" if error.code else error.words
            if routes.stop(route, problem=problem, now=self.watch.now()):
                logger.error("Mail route %s was stopped: %s", route.pk, problem)

    def _keep(self, answer: journal.Answer) -> None:
        """The server said yes: written with the next letter's intent, or at the end of the batch."""
        if answer.accepted.refused:
            # What became of the copies takes more words than the common statements have.
            self._settle()
            marking.taken_in_part(answer)
            return
        if not self.answers:
            self.unsettled_since = time.monotonic()
        self.answers.append(answer)
        self.last = answer
        if time.monotonic() - self.unsettled_since > SETTLE_SECONDS:
            self._settle()

    def _settle(self) -> None:
        """Write the rows of the letters that were taken."""
        answers, self.answers, self.last = self.answers, [], None
        if answers:
            marking.taken(answers)


def _taken(mail: OutgoingMail, accepted: smtp.Accepted, now: datetime) -> journal.Answer:
    """The moment after which the server's word is known to this process, and to nobody else yet."""
    return journal.Answer(mail, accepted, now)
