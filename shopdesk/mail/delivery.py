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
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from shopdesk.mail import deciding, guards, journal, marking, message, rates, routes, smtp, wire
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
    with _Round(watch) as turn:
        while turn.taken < limit and watch.seconds() < SWEEP_SECONDS:
            # Read after the first word with the database: a worker that waited for it has no old clock in its hand.
            leave = guards.check(watch.now())
            if leave == Leave.NONE:
                break
            if checked != (checked := watch.now()):
                turn.routes = routes.all_routes()  # anew each second
            letters = claim(now, min(BATCH, limit - turn.taken), worker=worker, leave=leave)
            if not letters or not turn.send(letters):
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


class _Round:
    """The letters of a sweep on their ways, batch by batch; connections stay open from one batch to the next."""

    def __init__(self, watch: _Watch) -> None:
        self.watch = watch
        self.stack = contextlib.ExitStack()
        self.routes: list[MailRoute] = []  # as the sweep last read them
        self.ways: dict[int, routes.Way] = {}
        self.away: set[int] = set()  # routes whose server did not let us in during this sweep
        self.turns: deque[tuple[OutgoingMail, MailRoute | None]] = deque()
        self.ready: dict[int, bytes] = {}  # the bytes of prepared letters, by id
        self.answers: list[journal.Answer] = []  # letters that the server has taken, whose rows do not say so yet
        self.unsettled_since = 0.0  # of time.monotonic()
        self.last: journal.Answer | None = None  # the one of them that the journal does not know either
        self.taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._settle()
        finally:
            self.stack.close()

    def send(self, letters: list[OutgoingMail]) -> bool:
        """Send one batch. False when nothing more should be begun in this sweep."""
        self.turns = deque((mail, None) for mail in letters)
        wait = False
        try:
            self.turns = self._in_turn(letters)
            while self.turns and self.watch.seconds() < SWEEP_SECONDS:
                if not self._one(*self.turns.popleft()):
                    return False
            # Another batch is to be expected: these rows are written while its letters are made.
            wait = len(letters) >= BATCH and not self.turns
            return not self.turns
        finally:
            try:
                if not wait:
                    self._settle()
            finally:
                self.ready.clear()
                marking.give_back([mail for mail, _ in self.turns], self.watch.now())

    def _in_turn(self, letters: list[OutgoingMail]) -> deque[tuple[OutgoingMail, MailRoute | None]]:
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
        return deque(sorted(turns, key=lambda turn: rates.rank(turn[0])))

    def _later(self, mail: OutgoingMail, moment: datetime, reason: str) -> None:
        """Another turn, which is no try. A letter that would then be too late is decided when its turn comes."""
        self.taken += 1
        marking.give_back([mail], self.watch.now(), due_at=moment, reason=reason)

    def _one(self, mail: OutgoingMail, route: MailRoute | None) -> bool:
        """Send one letter. False when nothing more can go by any way in this sweep."""
        key = route.pk if route else 0
        if key in self.away:
            self._later(mail, self.watch.now() + ROUTE_REST, "route_away")
            return True
        self.taken += 1
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
        now = self.watch.now()
        try:
            if mail.pk not in self.ready and deciding.is_plain(mail):
                self._prepare((mail, route))
            if mail.pk in self.ready:
                begun = journal.begin(mail, route, now=now, last=self.last)
                self.last = None
                if begun:
                    mail.first_try_at = mail.first_try_at or now
                    return self.ready.pop(mail.pk)
            if self.last is not None:
                self._settle()
            return deciding.carefully(mail, route, now=now, until=now + LEASE)
        except (OperationalError, InterfaceError):
            self._settle()
            marking.unsaid(mail, now)
            raise

    def _prepare(self, *first: tuple[OutgoingMail, MailRoute | None]) -> None:
        """Write the bytes of this letter and of those behind it, made while the rows of the last batch are written."""
        now = self.watch.now()
        batch: list[journal.Ready] = []

        def build() -> None:
            if not batch:
                batch.extend(self._built(*first, *self.turns))

        self._settle(build)
        build()
        if batch:
            self.ready |= journal.prepare(batch, now=now, until=now + LEASE)

    def _built(self, *turns: tuple[OutgoingMail, MailRoute | None]) -> Iterator[journal.Ready]:
        """The bytes of the letters that may go together."""
        now, size = self.watch.now(), sum(map(len, self.ready.values()))
        for mail, route in turns:
            if size > READY_BYTES:
                break
            if mail.pk in self.ready or (route and route.pk in self.away) or not deciding.is_plain(mail):
                continue
            # What cannot be built is told when its turn comes.
            with contextlib.suppress(Exception):
                ready = journal.Ready(mail, route, message.build(mail, now))
                size += len(ready.raw)
                yield ready

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

    def _settle(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Write the rows of the letters that were taken; ``meanwhile`` is done when there are any."""
        answers, self.answers, self.last = self.answers, [], None
        if answers:
            marking.taken(answers, meanwhile)


def _taken(mail: OutgoingMail, accepted: smtp.Accepted, now: datetime) -> journal.Answer:
    """The moment after which the server's word is known to this process, and to nobody else yet."""
    return journal.Answer(mail, accepted, now)
