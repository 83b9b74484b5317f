"""Sending what is due: claim, decide, send, mark. Any number of workers may sweep at once.

    planned --claim--> leased --decide--> sending --send--> sent
                         |                  |-> planned   certainly not sent: tried again later
                         |                  |-> failed    the server refused it
                         |                  '-> uncertain nobody knows: a person settles it, nothing repeats it
                         '-> skipped, expired, failed     decided not to send

Each arrow is one UPDATE that names the state and the lease it starts from; when it changes no row, somebody else owns
the letter and nothing is done. The intent (state ``sending``, the bytes, a SendAttempt) is committed before the mail
server hears anything, and no transaction is open while it is spoken to.
"""

import logging
import os
import socket
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self

from django.conf import settings
from django.db import connection, transaction

from shopdesk import addresses
from shopdesk.mail import backend, consents, message, smtp, suppressions
from shopdesk.mail.models import MailClass, OutgoingMail, SendAttempt, Suppression

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
GIVE_UP = timedelta(hours=24)  # after the first try of a round
# Enhanced status codes (RFC 3463) that mean: this mailbox does not exist.
NO_SUCH_MAILBOX = ("5.1.1", "5.1.10")

# The rows are found by the partial index mail_due alone, then by their keys: EXPLAIN is held by a test.
_CLAIM = """
UPDATE mail_outgoingmail AS mail
SET state = 1, lease_owner = %(worker)s, lease_token = mail.lease_token + 1, lease_until = %(until)s,
    attempt = mail.attempt + 1, changed_at = %(now)s
WHERE mail.id = ANY (ARRAY(
    SELECT id FROM mail_outgoingmail
    WHERE state = 0 AND due_at <= %(now)s
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
))
RETURNING mail.id
"""


class Route(Protocol):
    """A way to the recipient: smtp.SmtpRoute or backend.BackendRoute."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def open(self) -> None: ...
    def send(self, mail: OutgoingMail, raw: bytes) -> smtp.Accepted: ...


class _Watch:
    """The moment that was given, moving on by whole seconds as the sweep takes time."""

    def __init__(self, now: datetime) -> None:
        self._now, self._started = now, time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._started

    def now(self) -> datetime:
        return self._now + timedelta(seconds=int(self.seconds()))


def sweep(now: datetime, limit: int = BATCH) -> int:
    """Settle what dead workers left, then send up to ``limit`` letters that are due. Returns how many were taken up.

    Must not be called inside a transaction: what is decided has to be on disk before it is done.
    """
    settle_lost(now)
    watch = _Watch(now)
    waiting = claim(now, limit, worker=f"{socket.gethostname()}:{os.getpid()}"[:100])
    taken = 0
    if not waiting:
        return 0
    try:
        with _route() as route:
            while waiting and watch.seconds() < SWEEP_SECONDS:
                mail = waiting.pop(0)
                taken += 1
                try:
                    route.open()
                except smtp.NoRoute as error:
                    # Not this letter's fault, nor the next ones': one letter tells how it stands, the rest wait for
                    # the next sweep.
                    _not_accepted(mail, error, watch.now())
                    break
                _deliver(mail, route, watch)
    finally:
        _give_back(waiting, watch.now())
    return taken


def claim(now: datetime, limit: int, *, worker: str) -> list[OutgoingMail]:
    """Lease up to ``limit`` due letters to this worker, the longest due first. No letter is leased twice."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "limit": limit, "worker": worker, "until": now + LEASE})
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


def _decide(mail: OutgoingMail, now: datetime) -> bytes | None:
    """Write the intent to send and give the bytes; or write why not, and give None."""
    with transaction.atomic(durable=True):
        if not _owned(mail, State.LEASED).select_for_update().exists():
            return None
        no = refusal(mail, now)
        raw = b""
        if no is None:
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
        SendAttempt.objects.create(mail=mail, attempt=mail.attempt, worker=mail.lease_owner, intent_at=now)
        mail.first_try_at = mail.first_try_at or now
        owned = _move(
            mail,
            State.LEASED,
            state=State.SENDING,
            raw=raw,
            reason="",
            detail="",
            first_try_at=mail.first_try_at,
            lease_until=now + LEASE,
            changed_at=now,
        )
    return raw if owned else None


# --- send and mark ------------------------------------------------------------------------------------------------


def _deliver(mail: OutgoingMail, route: Route, watch: _Watch) -> None:
    raw = _decide(mail, watch.now())
    if raw is None:
        return
    try:
        accepted = route.send(mail, raw)
    except smtp.Unknown as unknown:
        _unknown(mail, unknown, watch.now())
    except smtp.Refused as refused:
        _refused(mail, refused, watch.now())
    except smtp.NotAccepted as error:
        _not_accepted(mail, error, watch.now())
    except Exception as error:
        # A fault of ours in the middle of sending: what we do not know we do not repeat.
        logger.exception("Letter %s broke off while it was sent.", mail.pk)
        _unknown(mail, smtp.Unknown(None, type(error).__name__), watch.now())
    else:
        _accepted(mail, accepted, watch.now())


def _accepted(mail: OutgoingMail, accepted: smtp.Accepted, now: datetime) -> None:
    with transaction.atomic():
        # A slow answer may come after the lease: knowing beats not knowing, as long as no person has settled it.
        owned = OutgoingMail.objects.filter(
            pk=mail.pk, lease_token=mail.lease_token, state__in=[State.SENDING, State.UNCERTAIN]
        )
        if owned.update(
            state=State.SENT,
            sent_at=now,
            reason="",
            detail=accepted.words,
            lease_until=None,
            changed_at=now,
        ):
            _finish_attempt(mail, Outcome.SENT, accepted.code, accepted.words, now)


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
            evidence = f"{error.code} {error.words}"
            suppressions.suppress(
                mail.to_address,
                scope=Suppression.Scope.ALL,
                reason=Suppression.Reason.BOUNCED,
                now=now,
                evidence=evidence,
            )


def _not_accepted(mail: OutgoingMail, error: smtp.NotAccepted, now: datetime) -> None:
    """Back to waiting, a little longer each time; after a day, or when it would be too late, the end."""
    first = mail.first_try_at or now
    with transaction.atomic():
        tries = SendAttempt.objects.filter(mail=mail, intent_at__gte=first).exclude(attempt=mail.attempt).count()
        again = now + BACKOFF[min(tries, len(BACKOFF) - 1)]
        values: dict[str, Any] = {"state": State.PLANNED, "reason": "try_again", "due_at": again}
        if mail.not_after is not None and again > mail.not_after:
            values = {"state": State.EXPIRED, "reason": "too_late"}
        elif again > first + GIVE_UP:
            values = {"state": State.FAILED, "reason": "gave_up"}
        values |= {"detail": error.words, "lease_until": None, "first_try_at": first, "changed_at": now}
        if not _move(mail, State.LEASED, State.SENDING, **values):
            return
        SendAttempt.objects.get_or_create(
            mail=mail, attempt=mail.attempt, defaults={"worker": mail.lease_owner, "intent_at": now}
        )
        _finish_attempt(mail, Outcome.DEFERRED, error.code, error.words, now)


def _give_back(letters: Sequence[OutgoingMail], now: datetime) -> None:
    """Letters that were claimed and not begun wait again, as if nobody had picked them up."""
    for mail in letters:
        _move(
            mail,
            State.LEASED,
            state=State.PLANNED,
            attempt=mail.attempt - 1,
            lease_until=None,
            lease_owner="",
            changed_at=now,
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


def _route() -> Route:
    if settings.EMAIL_BACKEND == "django.core.mail.backends.smtp.EmailBackend":
        return smtp.SmtpRoute()
    return backend.BackendRoute()
