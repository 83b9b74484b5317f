"""Reading a mailbox by POP3. Which mails are new is decided by their UIDL; the server keeps them unless the shop said
otherwise, and nothing is deleted before its bytes are committed."""

import email.utils
import poplib
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta

from django.db import transaction

from shopdesk.mail.models import IncomingMail, Mailbox
from shopdesk.mail.receiving import problems
from shopdesk.mail.receiving.imap import PATIENCE, TIMEOUT, LiteralTooLarge, Seen, cut
from shopdesk.mail.receiving.problems import MailboxProblem
from shopdesk.mail.receiving.store import MAX_HEADERS, MAX_SIZE, headers_of, store
from shopdesk.text import one_line

State = IncomingMail.State

# The library refuses lines above 2 kB, which real mail has (HTML in one line). A whole mail may be one line.
poplib._MAXLINE = MAX_SIZE  # type: ignore[attr-defined]  # the library's own limit, known by no public name


@contextmanager
def connected(mailbox: Mailbox, secret: str) -> Iterator[poplib.POP3]:
    """A signed-in connection. Leaving it by an exception never says QUIT, so that nothing is deleted half-way."""
    for value in (mailbox.host, mailbox.username, secret):
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise MailboxProblem("settings", "control characters")
    if not mailbox.host:
        raise MailboxProblem("settings", "no server")
    client = _open(mailbox)
    watchdog = threading.Timer(PATIENCE, cut, [client])
    watchdog.daemon = True
    watchdog.start()
    try:
        try:
            client.user(mailbox.username)
            client.pass_(secret)
        except poplib.error_proto as error:
            raise problems.refused_sign_in(_words(error)) from error
        yield client
        client.quit()
    finally:
        watchdog.cancel()
        client.close()


def read(
    mailbox: Mailbox,
    secret: str,
    *,
    now: datetime,
    go_on: Callable[[], bool],
    crash: Callable[[str], None] | None = None,
) -> tuple[int, bool]:
    """Store what is new. Returns (mails stored, whether some are left for the next look)."""
    stored = 0
    with connected(mailbox, secret) as client:
        listed = _listed(client)
        keys = {f"pop3:{uidl}" for uidl, _ in listed.values()}
        known = set(
            IncomingMail.objects.filter(mailbox=mailbox, source_key__in=keys).values_list("source_key", flat=True)
        )
        for number, (uidl, size) in listed.items():
            key = f"pop3:{uidl}"
            if key not in known:
                if not go_on():
                    return stored, True
                stored += _take(client, mailbox, number, key, size, now)
                if crash:
                    crash("stored")
            if mailbox.delete_after:
                client.dele(number)
    return stored, False


def look(mailbox: Mailbox, secret: str) -> Seen:
    """The connection test: the headers of the last three mails; nothing changes on the server."""
    with connected(mailbox, secret) as client:
        numbers = list(_listed(client))
        return Seen(len(numbers), [_joined(client.top(number, 0)[1]) for number in numbers[-3:]])


def _take(client: poplib.POP3, mailbox: Mailbox, number: int, key: str, size: int, now: datetime) -> int:
    state, reason = State.STORED, ""
    if mailbox.read_since is not None and _older(client, number, mailbox.read_since):
        raw, state, reason = headers_of(_joined(client.top(number, 0)[1])), State.IGNORED, "before_start"
    elif size > MAX_SIZE:
        raw, state, reason = headers_of(_joined(client.top(number, 0)[1])), State.ERROR, "too_large"
    else:
        raw = _joined(client.retr(number)[1])
        size = len(raw)
    with transaction.atomic(durable=True):
        return int(store(mailbox, key, raw, now=now, state=state, reason=reason, size=size))


def _older(client: poplib.POP3, number: int, since: date) -> bool:
    """Whether the mail says that it was written before that day; POP3 itself knows no dates."""
    try:
        head = _joined(client.top(number, 0)[1])
    except poplib.error_proto:  # TOP is optional
        return False
    line = re.search(rb"(?im)^date:([^\r\n]+)", head)
    if line is None:
        return False
    try:
        written = email.utils.parsedate_to_datetime(line[1].decode("ascii", "replace").strip())
    except (ValueError, TypeError):
        return False
    return written.date() < since - timedelta(days=1)


def _listed(client: poplib.POP3) -> dict[int, tuple[str, int]]:
    """number -> (UIDL, size in bytes), oldest first."""
    sizes = {int(line.split()[0]): int(line.split()[1]) for line in client.list()[1]}
    found: dict[int, tuple[str, int]] = {}
    for line in client.uidl()[1]:
        number, _, uidl = line.decode("ascii", "replace").partition(" ")
        found[int(number)] = (one_line(uidl)[:200], sizes.get(int(number), 0))
    return found


def _joined(lines: list[bytes]) -> bytes:
    if sum(map(len, lines)) > MAX_SIZE + MAX_HEADERS:
        raise LiteralTooLarge
    return b"\r\n".join(lines) + b"\r\n"


def _open(mailbox: Mailbox) -> poplib.POP3:
    context = ssl.create_default_context()
    if mailbox.security == Mailbox.Security.TLS:
        return poplib.POP3_SSL(mailbox.host, mailbox.port, timeout=TIMEOUT, context=context)
    client = poplib.POP3(mailbox.host, mailbox.port, timeout=TIMEOUT)
    if mailbox.security == Mailbox.Security.STARTTLS:
        try:
            client.stls(context)
        except poplib.error_proto as error:
            _hang_up(client)
            raise MailboxProblem("encryption", _words(error)) from error
        except BaseException:
            _hang_up(client)
            raise
    return client


def _hang_up(client: poplib.POP3) -> None:
    # Where a handshake failed the socket is gone already, and that complaint would hide the reason.
    with suppress(OSError):
        client.close()


def _words(error: poplib.error_proto) -> str:
    return " ".join(part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part) for part in error.args)
