"""What a mail is once it has been read. Every string is fit for PostgreSQL (no NUL, no lone surrogate); the one-line
fields are also fit for a header (no line break, no control character)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    MAIL = "mail"
    BOUNCE = "bounce"
    AUTO_REPLY = "auto_reply"
    COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class Address:
    """``name`` may be empty; ``address`` is empty where the sender wrote none ("MAILER-DAEMON", "<>")."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """``name`` is cleaned for showing (no path, no control character) and may be empty. ``sha256`` is hex.
    ``inline`` means that the HTML shows it; ``content_id`` stands without angle brackets."""

    name: str
    type: str
    size: int
    sha256: str
    inline: bool
    content_id: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BouncedRecipient:
    """``status`` is an enhanced status code ("5.1.1") or "". ``reason`` is a code of ``bounces.REASONS``.

    ``strength``: "hard" (the address is dead), "soft" (refused this time) or "transient" (still being tried, or
    delivered after all). ``hard`` is ``strength == "hard"``.
    """

    address: str
    status: str
    reason: str
    strength: str

    @property
    def hard(self) -> bool:
        return self.strength == "hard"


@dataclass(frozen=True, slots=True)
class Bounce:
    """``original_message_id`` is that of the returned mail, with its angle brackets; "" when it was not returned."""

    recipients: tuple[BouncedRecipient, ...] = ()
    original_message_id: str = ""


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A mail, read. Message-IDs keep their angle brackets; ``references`` are oldest first.

    ``text`` is the whole text (made from the HTML where there is no plain part), ``reply_text`` the same with quoted
    parts folded away. ``html`` is sanitised: nothing runs, remote pictures have lost their address, pictures of the
    mail are ``cid:`` plus an attachment's ``content_id``. ``headers`` holds, in lower case, the headers that loop and
    filing rules read. ``problems`` are codes: see ``PROBLEMS``. ``to_answer`` is False where no automatic answer may
    be sent (lists, bulk, answers of machines), which says nothing about whether a person should read it.
    """

    subject: str = ""
    sender: Address = Address("", "")
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    date: datetime | None = None
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    text: str = ""
    reply_text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    kind: Kind = Kind.MAIL
    bounce: Bounce = Bounce()
    headers: Mapping[str, str] = field(default_factory=dict)
    to_answer: bool = True
    problems: tuple[str, ...] = ()


# Code -> what it says. The sentences for people are made where they are shown.
PROBLEMS = {
    "charset": "a charset label was missing its text, wrong or unknown; the text was read by other signs",
    "characters": "some characters could not be read",
    "headers": "header lines were damaged; what could be read was kept",
    "header_too_long": "a header was longer than 32 KB and was cut",
    "structure": "the MIME structure was damaged; what could be read was kept",
    "encoding": "the transfer encoding was unknown or damaged",
    "date": "the date could not be read",
    "no_sender": "there is no sender address",
    "html_too_long": "the HTML was too long to show; the text was kept",
    "text_too_long": "the text was too long and was cut",
    "too_many_parts": "only the first 500 parts were read",
    "too_deep": "parts nested deeper than 30 were not read",
    "too_large": "the mail is larger than we read; only its headers were read",
    "too_complex": "the mail could not be read within its limits; only its headers were read",
    "parser_error": "our parser failed; only the headers were read",
}
