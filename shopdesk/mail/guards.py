"""What stops letters from leaving by themselves until a person has looked: one row, asked by each sweep.

- This looks like a restored copy: nothing leaves. The original may be at work, and would send the same letters.
- The clock jumped, or far more automatic mail is due than ever: after-care and advertising wait; answers that people
  wrote and transactional mail leave.

Letters that wait stay as they are; "confirm and resume" lets them go.
"""

import hashlib
import hmac
import json
import statistics
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Count
from django.db.models.functions import TruncHour

from shopdesk.accounts import audit
from shopdesk.accounts.models import User
from shopdesk.mail import outbox, wire
from shopdesk.mail.models import DispatchGuard, MailClass, OutgoingMail

State = OutgoingMail.State
RUNNING, HELD = DispatchGuard.State.RUNNING, DispatchGuard.State.HELD

RESTORED, CLOCK, BLAST = "restored_copy", "clock_jump", "blast"
BACKWARDS = timedelta(seconds=5)  # two workers' clocks may differ by this much
NOTE_EVERY = timedelta(seconds=2)  # the last sweep is not written down more often
BLAST_WINDOW = timedelta(hours=1)
BLAST_FLOOR = 50  # letters within the hour that are never too many
BLAST_FACTOR = 5  # times the median of the hours in which something was sent
BLAST_HISTORY = timedelta(days=28)
BLAST_CONFIRMED = timedelta(hours=24)  # how long a confirmed wave, and half as much again, may go on


class Leave(Enum):
    """Which letters may leave now."""

    ALL = "all"
    PERSONAL = "personal"  # transactional ones and those that a person wrote
    NONE = "none"


class NotHeld(Exception):
    """Nothing is held (any more), or for another reason than the person saw."""


def fingerprint() -> str:
    """What tells this installation from a copy of it: its database within its server, its address and its secret.

    The same for all workers on all machines: the machine itself is left out, since several serve one database. The
    database server's own identifier stands in its place: a dump that is restored anywhere gets another database number
    or another server.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT oid, datname FROM pg_database WHERE datname = current_database()")
        number, name = cursor.fetchone()
    server = ""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT system_identifier FROM pg_control_system()")
            server = str(cursor.fetchone()[0])
    except DatabaseError:
        pass  # some hosts keep it to themselves; the rest still tells copies apart
    secret = hmac.new(settings.SECRET_KEY.encode(), b"shopdesk.mail.guards", hashlib.sha256).hexdigest()
    return hashlib.sha256("\n".join([server, str(number), name, settings.SITE_URL, secret]).encode()).hexdigest()


_known: dict[str, str] = {}  # database name -> fingerprint: it cannot change while this process is connected to it


def _fingerprint() -> str:
    key = f"{connection.settings_dict['NAME']} {settings.SITE_URL} {hash(settings.SECRET_KEY)}"
    if key not in _known:
        _known.clear()
        _known[key] = fingerprint()
    return _known[key]


def state() -> DispatchGuard | None:
    """The row, when there is one."""
    return DispatchGuard.objects.filter(pk=1).first()


def held() -> DispatchGuard | None:
    """The row, while letters are held."""
    return DispatchGuard.objects.filter(pk=1, state=HELD).first()


# One look before each batch of letters. The index mail_due_automatic is read as far as the floor, no further.
_LOOK = f"""
SELECT id, fingerprint, last_tick_at, state, reason, since, data, (
    SELECT count(*) FROM (
        SELECT FROM mail_outgoingmail
        WHERE state = 0 AND due_at <= %(until)s AND automatic AND mail_class <> 'transactional'
        ORDER BY due_at, id LIMIT {BLAST_FLOOR + 1}
    ) AS due)
FROM mail_dispatchguard WHERE id = 1
"""  # noqa: S608  # the number is ours
_FIELDS = ("id", "fingerprint", "last_tick_at", "state", "reason", "since", "data")


def _look(now: datetime) -> tuple[DispatchGuard | None, bool]:
    """The row, and whether more automatic mail is due than is never too much."""
    for *values, data, due in wire.rows(_LOOK, {"until": now + BLAST_WINDOW}):
        guard = DispatchGuard.from_db(connection.alias, _FIELDS, [*values, json.loads(data)])
        return guard, due > BLAST_FLOOR
    return None, False


def check(now: datetime) -> Leave:
    """Look at clock, fingerprint and what is due; hold when something is wrong. Says which letters may leave."""
    guard, many = _look(now)
    if guard is None:
        first = DispatchGuard(pk=1, fingerprint=_fingerprint(), last_tick_at=now)
        DispatchGuard.objects.bulk_create([first], ignore_conflicts=True)
        guard, many = _look(now)
        assert guard is not None  # noqa: S101  # for the type checker: nothing deletes it
    if guard.state == RUNNING or guard.reason != RESTORED:
        # The gravest is looked for also while something lighter holds.
        if guard.fingerprint != _fingerprint():
            guard = _hold(RESTORED, now, {})
        elif guard.state == RUNNING:
            if jump := _jump(guard, now):
                guard = _hold(CLOCK, now, {"minutes": round(jump.total_seconds() / 60)})
            elif many and (blast := _blast(guard, now)):
                guard = _hold(BLAST, now, blast)
    _note(guard, now)
    if guard.state == RUNNING:
        return Leave.ALL
    return Leave.NONE if guard.reason == RESTORED else Leave.PERSONAL


@transaction.atomic
def resume(*, reason: str, by: User, now: datetime) -> None:
    """A person has looked and lets the letters go. ``reason`` is the one that was shown. Raises NotHeld."""
    guard = DispatchGuard.objects.select_for_update().filter(pk=1, state=HELD, reason=reason).first()
    if guard is None:
        raise NotHeld
    if guard.reason == BLAST:
        guard.data = {
            **guard.data,
            "confirmed_until": (now + BLAST_CONFIRMED).isoformat(),
            "confirmed": max(_automatic_due(now), int(guard.data.get("due", 0))) * 3 // 2,
        }
    if guard.reason == RESTORED:
        guard.fingerprint = _fingerprint()
    guard.state, guard.reason, guard.since, guard.last_tick_at = RUNNING, "", None, now
    guard.save()
    audit.record("mail.resumed", actor=by, now=now, reason=reason)
    outbox.ring_after_commit()


def _hold(reason: str, now: datetime, data: dict[str, Any]) -> DispatchGuard:
    with transaction.atomic():
        guard = DispatchGuard.objects.select_for_update().get(pk=1)
        if guard.state == RUNNING or reason == RESTORED:
            guard.state, guard.reason, guard.since, guard.last_tick_at = HELD, reason, now, now
            guard.data = {**guard.data, **data}
            guard.save()
            audit.record("mail.held", actor=None, now=now, reason=reason, **data)
    return guard


def _note(guard: DispatchGuard, now: datetime) -> None:
    if guard.last_tick_at is None or abs(now - guard.last_tick_at) >= NOTE_EVERY:
        DispatchGuard.objects.filter(pk=1).update(last_tick_at=now)


def _jump(guard: DispatchGuard, now: datetime) -> timedelta | None:
    """How far the clock went between two sweeps when that is more than it should; None otherwise."""
    hours: float = settings.CLOCK_JUMP_HOURS
    if not hours or guard.last_tick_at is None:
        return None
    moved = now - guard.last_tick_at
    return moved if moved < -BACKWARDS or moved > timedelta(hours=hours) else None


def _automatic_due(now: datetime) -> int:
    rows = OutgoingMail.objects.due(now + BLAST_WINDOW).filter(automatic=True)
    return rows.exclude(mail_class=MailClass.TRANSACTIONAL).count()


def _blast(guard: DispatchGuard, now: datetime) -> dict[str, int] | None:
    """Too much at once: {"due": letters within the hour, "usual": the median}; None when it is usual."""
    usual = _usual(now)
    allowed = max(BLAST_FLOOR, BLAST_FACTOR * usual)
    if str(guard.data.get("confirmed_until", "")) > now.isoformat():
        allowed = max(allowed, int(guard.data.get("confirmed", 0)))
    due = _automatic_due(now)
    return {"due": due, "usual": usual} if due > allowed else None


def _usual(now: datetime) -> int:
    """The median of automatic letters an hour, over the hours of four weeks in which any was sent."""
    hours = (
        OutgoingMail.objects.filter(
            state=State.SENT, automatic=True, sent_at__gte=now - BLAST_HISTORY, sent_at__lte=now
        )
        .exclude(mail_class=MailClass.TRANSACTIONAL)
        .annotate(hour=TruncHour("sent_at"))
        .values("hour")
        .annotate(letters=Count("pk"))
        .values_list("letters", flat=True)
    )
    return int(statistics.median(hours)) if hours else 0
