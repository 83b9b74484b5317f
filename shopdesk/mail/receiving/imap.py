"""Reading a mailbox by IMAP: looked at, never touched.

Folders are opened with EXAMINE and mails fetched with BODY.PEEK, so that nothing is marked, moved or deleted. What is
new is what stands above the cursor (UIDVALIDITY, UID); a flag that somebody's phone sets means nothing here.
"""

import hashlib
import imaplib
import poplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Value, When
from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted
from imap_tools.errors import MailboxFetchError, MailboxLoginError, MailboxStarttlsError
from imap_tools.utils import check_command_status

from shopdesk.mail.models import IncomingMail, Mailbox, MailboxFolder
from shopdesk.mail.receiving import problems
from shopdesk.mail.receiving.problems import MailboxProblem
from shopdesk.mail.receiving.store import MAX_HEADERS, MAX_SIZE, store
from shopdesk.text import one_line

State = IncomingMail.State

TIMEOUT = 20.0  # seconds for connecting and for each answer
# A server that drips a byte now and then never times out: after this many seconds the line is cut whatever it does.
PATIENCE = 240.0
BATCH = 50  # mails whose sizes are asked for at once
FETCH_TRIES = 3  # looks in a row at which the server may refuse to hand one mail over
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class LiteralTooLarge(Exception):
    """The server sends far more than it had announced; the connection is of no use any more."""


@dataclass(frozen=True)
class Seen:
    """What the connection test found: how many mails, and the headers of the last three."""

    count: int
    headers: list[bytes]


@contextmanager
def connected(mailbox: Mailbox, secret: str) -> Iterator[BaseMailBox]:
    """A signed-in connection. Raises what the libraries raise; see problems.of."""
    for value in (mailbox.host, mailbox.username, secret, mailbox.folders):
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise MailboxProblem("settings", "control characters")  # they would be commands of their own
    if not mailbox.host:
        raise MailboxProblem("settings", "no server")
    box = _open(mailbox)
    watchdog = threading.Timer(PATIENCE, cut, [box.client])
    watchdog.daemon = True
    watchdog.start()
    try:
        _guard(box.client)
        _sign_in(box, mailbox, secret)
        yield box
    finally:
        watchdog.cancel()
        _leave(box)


def read(
    mailbox: Mailbox,
    secret: str,
    *,
    now: datetime,
    go_on: Callable[[], bool],
    crash: Callable[[str], None] | None = None,
) -> tuple[int, bool]:
    """Store what is new in every folder. Returns (mails stored, whether some are left for the next look).

    A folder that is not there does not keep the others from being read; it is raised when they are done. ``crash`` is
    called with the name of each boundary, for tests that end the process there.
    """
    stored, left = 0, False
    missing: Exception | None = None
    with connected(mailbox, secret) as box:
        for name in folders_of(mailbox):
            try:
                validity = _examine(box, name)[0]
            except MailboxProblem as problem:
                missing = problem
                continue
            count, more = _read_folder(box, mailbox, name, validity, now, go_on, crash or _nothing)
            stored, left = stored + count, left or more
    if missing:
        raise missing
    return stored, left


def look(mailbox: Mailbox, secret: str) -> Seen:
    """The connection test: every folder is opened, the last three mails of the first are looked at, nothing changes."""
    with connected(mailbox, secret) as box:
        names = folders_of(mailbox)
        counts = {name: _examine(box, name)[1] for name in reversed(names)}
        count = counts[names[0]]
        if not count:
            return Seen(0, [])
        result = box.client.fetch(f"{max(1, count - 2)}:{count}", "(BODY.PEEK[HEADER.FIELDS (SUBJECT FROM DATE)])")
        check_command_status(result, MailboxFetchError)
        return Seen(count, [bytes(part[1]) for part in result[1] if isinstance(part, tuple)])


def folders_of(mailbox: Mailbox) -> list[str]:
    """The folder names of a mailbox, in order and once each."""
    return list(dict.fromkeys(name.strip() for name in mailbox.folders.split(",") if name.strip())) or ["INBOX"]


# --- one folder ----------------------------------------------------------------------------------------------------


def _read_folder(
    box: BaseMailBox,
    mailbox: Mailbox,
    name: str,
    validity: int,
    now: datetime,
    go_on: Callable[[], bool],
    crash: Callable[[str], None],
) -> tuple[int, bool]:
    cursor = _cursor(mailbox, name, validity)
    stored = 0
    uids = _new_uids(box, cursor.last_uid, mailbox.read_since)
    for start in range(0, len(uids), BATCH):
        chunk = uids[start : start + BATCH]
        sizes = _sizes(box, chunk)
        for uid in chunk:
            if not go_on():
                return stored, True
            try:
                raw, size, reason = _fetch(box, uid, sizes.get(uid, 0))
            except MailboxFetchError as error:
                # Refused once: perhaps the server is busy. Refused again and again: the mails behind it must not wait.
                if _refused(cursor, uid) <= FETCH_TRIES:
                    raise MailboxProblem("answer", f"{name} {uid}: {error}") from error
                raw, size, reason = b"", sizes.get(uid, 0), "unfetchable"
            crash("fetched")
            if _keep(mailbox, cursor, uid, raw, size=size, reason=reason, now=now):
                stored += 1
            crash("stored")
            if reason == "too_large" and not raw:
                return stored, True  # the connection is cut
    return stored, False


def _refused(cursor: MailboxFolder, uid: int) -> int:
    """Count a refusal of this mail, and only of this one: failures of any other kind are no reason to give it up."""
    same = Case(When(refused_uid=uid, then=F("refusals") + 1), default=Value(1))
    MailboxFolder.objects.filter(pk=cursor.pk).update(refusals=same, refused_uid=uid)
    cursor.refresh_from_db(fields=["refused_uid", "refusals"])
    return cursor.refusals


def _cursor(mailbox: Mailbox, name: str, validity: int) -> MailboxFolder:
    """How far this folder was read. Under a new UIDVALIDITY it is read again from the start."""
    cursor, _ = MailboxFolder.objects.get_or_create(mailbox=mailbox, name=name, defaults={"uid_validity": validity})
    if cursor.uid_validity != validity:
        same = MailboxFolder.objects.filter(pk=cursor.pk, uid_validity=cursor.uid_validity)
        same.update(uid_validity=validity, last_uid=0, refused_uid=0, refusals=0)
        cursor.refresh_from_db()
        if cursor.uid_validity != validity:
            raise MailboxProblem("broken_off", "another reader is at work")
    return cursor


def _keep(
    mailbox: Mailbox, cursor: MailboxFolder, uid: int, raw: bytes | None, *, size: int, reason: str, now: datetime
) -> bool:
    """The mail and the cursor in one transaction: neither is ever on disk without the other."""
    with transaction.atomic(durable=True):
        new = False
        if raw is not None:
            family = f"imap:{cursor.name}:"
            key = f"{family}{cursor.uid_validity}:{uid}"
            state = State.ERROR if reason else State.STORED
            if not reason and _read_before(mailbox, family, cursor.uid_validity, raw):
                state, reason = State.DUPLICATE, "uidvalidity"
            new = store(mailbox, key, raw, now=now, state=state, reason=reason, size=size)
        MailboxFolder.objects.filter(pk=cursor.pk, uid_validity=cursor.uid_validity, last_uid__lt=uid).update(
            last_uid=uid
        )
    return new


def _read_before(mailbox: Mailbox, family: str, validity: int, raw: bytes) -> bool:
    """Whether the same bytes were read from this folder under an older UIDVALIDITY."""

    return (
        IncomingMail.objects.filter(
            mailbox=mailbox, sha256=hashlib.sha256(raw).hexdigest(), source_key__startswith=family
        )
        .exclude(source_key__startswith=f"{family}{validity}:")
        .exists()
    )


def _examine(box: BaseMailBox, name: str) -> tuple[int, int]:
    """Open a folder for reading only: (UIDVALIDITY, number of mails)."""
    try:
        answer = box.folder.set(name, readonly=True)
    except imaplib.IMAP4.abort:
        raise
    except Exception as error:
        raise MailboxProblem("folder", f"{name}: {error}") from error
    validity = box.client.response("UIDVALIDITY")[1]
    if not validity or not validity[0]:
        raise MailboxProblem("answer", f"{name}: no UIDVALIDITY")
    return int(validity[0]), int(answer[1][0] or 0)


def _new_uids(box: BaseMailBox, last_uid: int, since: date | None) -> list[int]:
    """UIDs above the cursor, ascending. ``n:*`` also names the last mail when nothing is new, so it is filtered."""
    criteria = f"UID {last_uid + 1}:*"
    if since is not None:
        # The server compares its own calendar day, in a zone that we do not know: a day more, rather than a mail less.
        day = since - timedelta(days=1)
        criteria += f" SINCE {day.day}-{MONTHS[day.month - 1]}-{day.year}"
    return sorted({int(uid) for uid in box.uids(criteria, charset=None) if int(uid) > last_uid})


def _sizes(box: BaseMailBox, uids: Sequence[int]) -> dict[int, int]:
    """What the server says of the sizes; a mail that it does not mention counts as 0."""
    result = box.client.uid("FETCH", ",".join(map(str, uids)), "(UID RFC822.SIZE)")
    check_command_status(result, MailboxFetchError)
    sizes: dict[int, int] = {}
    for item in result[1]:
        words = (item if isinstance(item, bytes) else b"").replace(b"(", b" ").replace(b")", b" ").split()
        pairs = {words[place].upper(): words[place + 1] for place in range(len(words) - 1)}
        if pairs.get(b"UID", b"").isdigit() and pairs.get(b"RFC822.SIZE", b"").isdigit():
            sizes[int(pairs[b"UID"])] = int(pairs[b"RFC822.SIZE"])
    return sizes


def _fetch(box: BaseMailBox, uid: int, size: int) -> tuple[bytes | None, int, str]:
    """(bytes, the mail's size, reason when it is not whole). None: it was deleted on the server meanwhile."""
    if size > MAX_SIZE:
        return _body(box, uid, f"BODY.PEEK[HEADER]<0.{MAX_HEADERS}>"), size, "too_large"
    try:
        raw = _body(box, uid, "BODY.PEEK[]")
    except LiteralTooLarge as error:
        # The size was a lie. The row says so; the connection is over, the next look goes on behind this mail.
        cut(box.client)
        return b"", int(str(error)), "too_large"
    return raw, len(raw or b""), ""


def _body(box: BaseMailBox, uid: int, what: str) -> bytes | None:
    result = box.client.uid("FETCH", str(uid), f"(UID {what})")
    check_command_status(result, MailboxFetchError)
    for item in result[1]:
        if isinstance(item, tuple) and len(item) == 2 and f"UID {uid} ".encode() in item[0].upper() + b" ":
            return bytes(item[1])
    for item in result[1]:  # the UID may stand behind the literal
        if isinstance(item, tuple) and len(item) == 2:
            return bytes(item[1])
    if box.uids(f"UID {uid}", charset=None):
        raise MailboxFetchError(("OK", [b"nothing was sent of a mail that is there"]), "FETCH")
    return None


# --- the connection ------------------------------------------------------------------------------------------------


def _open(mailbox: Mailbox) -> BaseMailBox:
    context = ssl.create_default_context()
    match mailbox.security:
        case Mailbox.Security.TLS:
            return MailBox(mailbox.host, mailbox.port, timeout=TIMEOUT, ssl_context=context)
        case _:
            box = MailBoxUnencrypted(mailbox.host, mailbox.port, timeout=TIMEOUT)
    if mailbox.security == Mailbox.Security.STARTTLS:
        # By hand: the library's own class leaves the connection open when the server refuses.
        try:
            check_command_status(box.client.starttls(context), MailboxStarttlsError)
        except (imaplib.IMAP4.error, MailboxStarttlsError) as error:
            _hang_up(box.client)
            raise MailboxProblem("encryption", str(error)) from error
        except BaseException:
            _hang_up(box.client)
            raise
    return box


def _sign_in(box: BaseMailBox, mailbox: Mailbox, secret: str) -> None:
    if "LOGINDISABLED" in box.client.capabilities:
        # Said before encryption (RFC 3501 §6.2.3). Trying all the same would tell the password to whoever listens.
        raise MailboxProblem("encryption_needed")
    try:
        if mailbox.auth == Mailbox.Auth.XOAUTH2:
            box.xoauth2(mailbox.username, secret, initial_folder=None)
        elif mailbox.username.isascii() and secret.isascii():
            box.login(mailbox.username, secret, initial_folder=None)
        else:
            box.login_utf8(mailbox.username, secret, initial_folder=None)
    except imaplib.IMAP4.abort:
        raise
    except MailboxLoginError as error:
        raise problems.of(error) from error
    except imaplib.IMAP4.error as error:
        raise problems.refused_sign_in(one_line(str(error))) from error


def _guard(client: imaplib.IMAP4) -> None:
    """A literal is read into memory by the length that the server announces: no more than a mail may have."""
    plain: Any = client.read

    def read(size: int) -> bytes:
        if size > MAX_SIZE + MAX_HEADERS:
            raise LiteralTooLarge(size)
        return bytes(plain(size))

    client.read = read  # type: ignore[method-assign]  # the library's own seam for reading


def cut(client: imaplib.IMAP4 | poplib.POP3) -> None:
    """End a connection on which another thread may be reading: it reads an end. To close it would take away what that
    thread reads into."""
    with suppress(OSError):
        socket.socket.shutdown(client.sock, socket.SHUT_RDWR)  # also below TLS, which would speak once more


def _leave(box: BaseMailBox) -> None:
    try:
        box.client.logout()
    except Exception:  # noqa: BLE001  # what we came for is stored; how the server says goodbye is its own affair
        _hang_up(box.client)


def _hang_up(client: imaplib.IMAP4) -> None:
    # Where a handshake failed the socket is gone already, and that complaint would hide the reason.
    with suppress(OSError):
        client.shutdown()


def _nothing(boundary: str) -> None:
    """No test is looking."""
