"""Fetching mail. The bytes are committed first; how far a folder was read is in the same transaction.

Each mailbox is read on its own thread under its own lease: one that hangs, lies or refuses keeps nobody else waiting,
and is left alone for longer each time (30 seconds, a minute, two … up to an hour). A database that goes away meanwhile
is no fault of the mailbox: nothing is noted there, and the next look goes on where the last commit was.
"""

import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce

from shopdesk.accounts import secretbox
from shopdesk.mail.models import Mailbox
from shopdesk.mail.receiving import imap, oauth, pop3, problems
from shopdesk.mail.receiving.imap import Seen
from shopdesk.mail.receiving.problems import MailboxProblem

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

INTERVAL = timedelta(seconds=30)
LONGEST = timedelta(hours=1)  # between two looks at a mailbox that fails
LEASE = timedelta(minutes=10)  # longer than imap.PATIENCE and what a last commit takes
LOOK_SECONDS = 25.0  # a look stops taking up mails then; what is left is due at once
GIVE_BACK_SECONDS = 30.0  # how long a look tries to say how it ended while the database is away
GIVE_BACK_AGAIN = 0.2  # seconds between two tries
TOGETHER = 8  # mailboxes that are read at the same time
FETCHED = (Mailbox.Kind.IMAP, Mailbox.Kind.POP3)


def sweep(now: datetime) -> int:
    """Look at every mailbox that is due. Returns how many mails were stored.

    Not inside a transaction: what is stored has to be on disk before the server hears of it.
    """
    due = list(_due(now).order_by("next_check_at", "pk").values_list("pk", flat=True))
    if len(due) <= 1:
        return sum(check(pk, now) or 0 for pk in due)
    with ThreadPoolExecutor(max_workers=TOGETHER, thread_name_prefix="mailbox") as pool:
        return sum(pool.map(lambda pk: _on_its_thread(pk, now), due))


def check(pk: int, now: datetime) -> int | None:
    """Look at one mailbox if it is due and nobody else is at it. None: it was not ours; else the mails stored."""
    mailbox = claim(pk, now)
    if mailbox is None:
        return None
    secret = ""
    started = time.monotonic()
    try:
        secret = open_secret(mailbox)
        stored, left = _signed_in(
            mailbox,
            secret,
            lambda password: _reader(mailbox)(
                mailbox, password, now=now, go_on=lambda: time.monotonic() - started < LOOK_SECONDS
            ),
        )
    except (OperationalError, InterfaceError) as error:
        logger.warning("Mailbox %s: the database went away (%s)", mailbox.pk, type(error).__name__)
        _insist(lambda: _ours(mailbox).update(lease_until=None, next_check_at=now))
        return 0
    except Exception as error:  # noqa: BLE001  # whatever it is, it concerns this mailbox alone and is shown there
        problem = problems.of(error)
        _insist(lambda: failed(mailbox, problem, now=now, secrets=_parts(secret)))
        return 0
    end = now + timedelta(seconds=time.monotonic() - started)
    _insist(lambda: _done(mailbox, end, left=left))
    return stored


def look(mailbox: Mailbox) -> Seen:
    """The connection test. Changes nothing on the server and nothing here. Raises MailboxProblem, without secrets."""
    secret = ""
    try:
        secret = open_secret(mailbox)
        looked = imap.look if mailbox.kind == Mailbox.Kind.IMAP else pop3.look
        return _signed_in(mailbox, secret, lambda password: looked(mailbox, password))
    except Exception as error:  # noqa: BLE001  # the person at the screen gets the sentence
        problem = problems.of(error)
        detail = problems.without_secrets(problem.detail, _parts(secret))
        raise MailboxProblem(problem.code, detail) from None


def claim(pk: int, now: datetime) -> Mailbox | None:
    """Lease a mailbox that is due; None when it is not due, paused, or another worker's."""
    if not _due(now).filter(pk=pk).update(lease_until=now + LEASE):
        return None
    return Mailbox.objects.get(pk=pk)


def failed(mailbox: Mailbox, problem: MailboxProblem, *, now: datetime, secrets: list[str]) -> None:
    """Note why, and look again later each time. One alarm for one problem, however often it is met."""
    detail = problems.without_secrets(problem.detail, secrets)
    wait = min(INTERVAL * 2 ** min(mailbox.failures, 20), LONGEST)
    if problem.code == "folder":
        wait = INTERVAL  # the other folders were read: their mail does not wait for somebody to mend the settings
    _ours(mailbox).update(
        lease_until=None,
        next_check_at=now + wait,
        failures=mailbox.failures + 1,
        problem=problem.code,
        problem_detail=detail,
        problem_since=Coalesce("problem_since", Value(now)) if mailbox.problem == problem.code else now,
    )
    if problem.code in {"sign_in", "token"}:
        oauth.forget(mailbox)
    if mailbox.problem != problem.code:
        logger.warning("Mailbox %s cannot be read: %s (%s)", mailbox.pk, problem.code, detail)


def open_secret(mailbox: Mailbox) -> str:
    """The mailbox's password (or its JSON for OAuth). Raises MailboxProblem when SECRET_KEY was changed."""
    try:
        return secretbox.open_(mailbox.secret)
    except secretbox.CannotOpen:
        raise MailboxProblem("secret") from None


def _signed_in(mailbox: Mailbox, secret: str, work: Callable[[str], Result]) -> Result:
    """``work`` with the password or an access token. A kept token that the server refuses is fetched anew, once."""
    if mailbox.auth != Mailbox.Auth.XOAUTH2:
        return work(secret)
    kept = oauth.is_kept(mailbox)
    try:
        return work(oauth.access_token(mailbox, secret))
    except Exception as error:
        problem = problems.of(error)
        if problem.code != "sign_in":
            raise
    oauth.forget(mailbox)
    if not kept:
        raise MailboxProblem("token", problem.detail)
    try:
        return work(oauth.access_token(mailbox, secret))
    except Exception as error:
        problem = problems.of(error)
        if problem.code != "sign_in":
            raise
        raise MailboxProblem("token", problem.detail) from error


def _done(mailbox: Mailbox, now: datetime, *, left: bool) -> None:
    if mailbox.problem:
        logger.info("Mailbox %s can be read again", mailbox.pk)
    _ours(mailbox).update(
        lease_until=None,
        next_check_at=now if left else now + INTERVAL,
        last_ok_at=now,
        failures=0,
        problem="",
        problem_detail="",
        problem_since=None,
    )


def _insist(write: Callable[[], object]) -> None:
    """Say how a look ended, again and again while the database is away: else the lease alone would end it, minutes
    later. Each of these is a compare-and-set over the lease, so that a second time does nothing."""
    end = time.monotonic() + GIVE_BACK_SECONDS
    while True:
        try:
            write()
        except (OperationalError, InterfaceError):
            if time.monotonic() > end:
                return
            if not connection.in_atomic_block:
                connection.close()
            time.sleep(GIVE_BACK_AGAIN)
        else:
            return


def _due(now: datetime) -> QuerySet[Mailbox]:
    return Mailbox.objects.filter(
        Q(next_check_at=None) | Q(next_check_at__lte=now),
        Q(lease_until=None) | Q(lease_until__lt=now),
        kind__in=FETCHED,
        status__in=[Mailbox.Status.READING, Mailbox.Status.ACTIVE],
    )


def _ours(mailbox: Mailbox) -> QuerySet[Mailbox]:
    # The lease's end is its token: whoever took it over after us has another.
    return Mailbox.objects.filter(pk=mailbox.pk, lease_until=mailbox.lease_until)


def _reader(mailbox: Mailbox) -> Callable[..., tuple[int, bool]]:
    return imap.read if mailbox.kind == Mailbox.Kind.IMAP else pop3.read


def _on_its_thread(pk: int, now: datetime) -> int:
    try:
        return check(pk, now) or 0
    except Exception:
        logger.exception("Mailbox %s", pk)
        return 0
    finally:
        connection.close()


def _parts(secret: str) -> list[str]:
    """What must not be repeated: the secret, and each part of an OAuth secret."""
    parts = [secret]
    try:
        fields = json.loads(secret)
    except ValueError:
        return parts
    return parts + [str(value) for value in fields.values()] if isinstance(fields, dict) else parts
