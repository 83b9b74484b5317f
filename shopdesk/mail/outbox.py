"""The way out: any room queues a letter here, in its own transaction. Sending is delivery.py's work."""

import logging
import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from django.db import connection, transaction

from shopdesk import addresses
from shopdesk.mail import message_ids
from shopdesk.mail.models import MailClass, OutgoingMail
from shopdesk.text import clean, one_line

logger = logging.getLogger(__name__)

State = OutgoingMail.State

# Headers that this module and message.py write themselves; a caller who could set them could add recipients.
RESERVED_HEADERS = frozenset(
    {
        "from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id", "in-reply-to", "references",
        "mime-version", "content-type", "content-transfer-encoding", "content-disposition", "auto-submitted",
        "x-auto-response-suppress", "list-unsubscribe-post", "return-path", "received", "dkim-signature",
        "resent-to", "resent-cc", "resent-bcc", "resent-from",
    }
)  # fmt: skip
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_UNSUBSCRIBE = re.compile(r"<https?://[^\s<>]+>(?:\s*,\s*<mailto:[^\s<>]+>)?")

# After a broker did not answer, rings are left out for this many seconds: beat rings every five seconds anyway, and a
# visitor who causes three letters must not wait three times.
BROKER_REST = 5.0
MOST_COPIES = 20  # Cc and Bcc of one letter together: more is a mailing, and has no place in an answer


class Attachment(TypedDict):
    """A stored file that goes with a letter: its shown name, media type and key in the default storage."""

    name: str
    type: str
    storage_key: str


def queue(
    *,
    key: str,
    to_address: str,
    from_address: str,
    from_name: str,
    subject: str,
    text: str,
    now: datetime,
    to_name: str = "",
    html: str = "",
    language: str = "ja",
    mail_class: MailClass | str = MailClass.TRANSACTIONAL,
    automatic: bool = True,
    reply_to: str = "",
    in_reply_to: str = "",
    references: str = "",
    headers: Mapping[str, str] | None = None,
    attachments: Sequence[Attachment] = (),
    due_at: datetime | None = None,
    not_after: datetime | None = None,
    confidential: bool = False,
    cc: Sequence[str] = (),
    bcc: Sequence[str] = (),
) -> OutgoingMail:
    """Put a letter in the outbox, in the caller's transaction. The same ``key`` again gives the first row unchanged.

    Whatever would break a header line is turned into a space. An address that nobody can be reached at is kept as a
    failed letter, so that staff see it. After the commit a worker is woken; a broker that is away costs delay only.

    ``confidential`` hides the words from staff until ``not_after`` is over: a one-time key belongs to its reader alone.

    ``cc`` and ``bcc`` are bare addresses, at most MOST_COPIES together; each person is named once, the recipient not
    again. Whether one of them is the shop's own mailbox is for the caller to know. A copy that may not or cannot be
    delivered is left out and recorded in ``left_out``; without the recipient nobody gets the letter.

    ``due_at`` in the future leaves time to take it back: see ``cancel``.

    Raises ValueError for a header that is not the caller's to set, for an after-care or advertising letter without
    ``headers={"List-Unsubscribe": "<https://…>"}``, for a copy that is not a mail address, for too many of them, and
    for copies of advertising: each of its readers has agreed for himself.
    """
    mail_class = MailClass(mail_class)
    own_headers = _checked_headers(headers or {}, mail_class)
    recipient = addresses.normalise(one_line(to_address))[: addresses.MAX_LENGTH]
    sender = addresses.normalise(one_line(from_address))[: addresses.MAX_LENGTH]
    shown, hidden = _checked_copies(recipient, cc, bcc)
    if mail_class == MailClass.ADVERTISING and (shown or hidden):
        raise ValueError("An advertising letter has no copies: each reader gets one of their own.")
    reason = ""
    if not addresses.is_valid(recipient):
        reason = "bad_address"
    elif not addresses.is_valid(sender):
        reason = "bad_sender"
    letter = OutgoingMail(
        key=key,
        mail_class=mail_class,
        automatic=automatic,
        language=language,
        from_name=one_line(from_name)[:100],
        from_address=sender,
        to_name=one_line(to_name)[:100],
        to_address=recipient,
        cc=shown,
        bcc=hidden,
        reply_to=one_line(reply_to)[:254],
        subject=one_line(subject)[:300],
        text=clean(text),
        html=clean(html),
        headers=own_headers,
        attachments=[dict(attachment) for attachment in attachments],
        message_id=message_ids.for_key(key),
        in_reply_to=one_line(in_reply_to)[:998],
        references=one_line(references),
        state=State.FAILED if reason else State.PLANNED,
        reason=reason,
        due_at=due_at or now,
        not_after=not_after,
        confidential=confidential,
        created_at=now,
        changed_at=now,
    )
    # The database decides who is first, also between two transactions that have not committed yet.
    OutgoingMail.objects.bulk_create([letter], ignore_conflicts=True)
    kept = OutgoingMail.objects.get(key=key)
    if kept.state == State.PLANNED and kept.due_at <= now:
        ring_after_commit()
    return kept


def letter(key: str) -> OutgoingMail | None:
    """The letter of that key, or None when none was queued."""
    return OutgoingMail.objects.filter(key=key).first()


def cancel(key: str, *, reason: str, now: datetime) -> bool:
    """Take back a letter that no worker has picked up yet. False when it is too late, or when there is none.

    Too late begins with the lease, before anything is said to a mail server: from then on a worker may be speaking.
    The answer is final in both directions: after True it never leaves, after False it is not stopped here, and what
    became of it is to be read from the letter. ``reason`` is a code of reasons.py.
    """
    waiting = OutgoingMail.objects.filter(key=key, state__in=[State.PLANNED, State.HELD])
    return bool(waiting.update(state=State.CANCELLED, reason=reason, changed_at=now))


def _checked_copies(recipient: str, cc: Sequence[str], bcc: Sequence[str]) -> tuple[list[str], list[str]]:
    if isinstance(cc, str) or isinstance(bcc, str):
        raise TypeError("Copies are given as a list of addresses.")
    seen = {recipient}
    lists: tuple[list[str], list[str]] = [], []
    for given, kept in zip((cc, bcc), lists, strict=True):
        for one in given:
            address = addresses.normalise(one)
            if not addresses.is_valid(address):
                raise ValueError(f"{one!r} is not a mail address.")
            if address not in seen:
                seen.add(address)
                kept.append(address)
    if len(seen) - 1 > MOST_COPIES:
        raise ValueError(f"A letter goes to at most {MOST_COPIES} further people.")
    return lists


def _checked_headers(headers: Mapping[str, str], mail_class: MailClass) -> dict[str, str]:
    checked = {}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in RESERVED_HEADERS:
            raise ValueError(f"The header {name!r} is not the caller's to set.")
        checked["List-Unsubscribe" if name.lower() == "list-unsubscribe" else name] = one_line(value)
    if mail_class != MailClass.TRANSACTIONAL and not _UNSUBSCRIBE.fullmatch(checked.get("List-Unsubscribe", "")):
        raise ValueError("After-care and advertising mail needs the header List-Unsubscribe: <https://…>.")
    return checked


# --- the doorbell -------------------------------------------------------------------------------------------------

_broker_silent_until = 0.0  # of time.monotonic(); each process learns for itself


def ring_after_commit() -> None:
    """Wake a worker once the present transaction has committed; many letters of one transaction ring once."""
    if any(hook[1] is ring for hook in connection.run_on_commit):
        return
    transaction.on_commit(ring, robust=True)


def ring() -> None:
    """Wake a worker to send what is due. Never raises; a broker that is away is logged once and left alone a while."""
    global _broker_silent_until  # noqa: PLW0603  # one number a process, and a lost update costs one more try
    from shopdesk.mail.tasks import sweep_outgoing  # the task imports delivery.py, which imports this module

    if time.monotonic() < _broker_silent_until:
        return
    try:
        # A connection of its own: the shared one waits five seconds for a broker that listens and says nothing.
        # redis-py asks twice, so half a second makes one.
        with sweep_outgoing.app.connection_for_write(transport_options={"socket_timeout": 0.5}) as broker:
            sweep_outgoing.apply_async(expires=60, connection=broker)  # type: ignore[call-arg]  # not in its stubs
    except Exception as error:  # noqa: BLE001  # whatever a broker does wrong, the letter is safe in its row
        first = _broker_silent_until == 0.0
        _broker_silent_until = time.monotonic() + BROKER_REST
        if first:
            cause = error.__cause__ or error
            words = "The broker took no ring (%s: %s); beat will ring for due mail."
            logger.warning(words, type(cause).__name__, cause)
    else:
        _broker_silent_until = 0.0
