"""The one door for received bytes: they are written down whole before anybody is told that they arrived."""

import hashlib
from datetime import datetime

from shopdesk.mail.models import IncomingMail, Mailbox
from shopdesk.mail.parsing import headers_only
from shopdesk.text import one_line

State = IncomingMail.State

MAX_SIZE = 40 * 1024 * 1024  # bytes; providers stop at 20 to 35 MB
MAX_HEADERS = 256 * 1024  # bytes that are kept of a larger mail


def store(
    mailbox: Mailbox,
    source_key: str,
    raw: bytes,
    *,
    now: datetime,
    state: IncomingMail.State = State.STORED,
    reason: str = "",
    size: int | None = None,
) -> bool:
    """Write one mail in the caller's transaction; False when this ``source_key`` is there already.

    ``size`` is the mail's own size in bytes where ``raw`` holds less than all of it.
    """
    row = IncomingMail(
        mailbox=mailbox,
        source_key=source_key[:300],
        sha256=hashlib.sha256(raw).hexdigest(),
        raw=raw,
        size=min(len(raw) if size is None else size, 2_147_483_647),
        received_at=now,
        next_try_at=now,
        state=state,
        reason=reason,
        problems=[reason] if state == State.ERROR else [],
    )
    if reason == "too_large":
        # It is never parsed whole; this much is read so that the list of errors can say what it is.
        head = headers_only(raw, reason)
        row.subject, row.from_name = one_line(head.subject)[:300], one_line(head.sender.name)[:200]
        row.from_address = one_line(head.sender.address)[:254]
    before = IncomingMail.objects.filter(mailbox=mailbox, source_key=row.source_key)
    if before.exists():
        return False
    IncomingMail.objects.bulk_create([row], ignore_conflicts=True)
    # Two fetchers in the same instant: the constraint kept one row, and it may be the other's.
    return True


def headers_of(raw: bytes) -> bytes:
    """The header block of a mail, cut to MAX_HEADERS."""
    ends = [end for end in (raw.find(b"\r\n\r\n"), raw.find(b"\n\n")) if end >= 0]
    return raw[: min([*ends, MAX_HEADERS])] + b"\r\n\r\n"
