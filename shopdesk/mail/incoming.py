"""Received mail that needs a person: the sentences, and what can be done. Each deed is one compare-and-set."""

from datetime import datetime

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shopdesk.accounts import audit
from shopdesk.accounts.models import User
from shopdesk.mail.models import IncomingMail
from shopdesk.mail.settling import AlreadySettled
from shopdesk.text import one_line

State = IncomingMail.State

# Charsets that a person may choose. Label -> what it is called.
CHARSETS: list[tuple[str, str | Promise]] = [
    ("", _("Find out by itself")),
    ("utf-8", "UTF-8"),
    ("iso-2022-jp", "ISO-2022-JP (JIS)"),
    ("cp932", "Shift_JIS (CP932)"),
    ("euc-jp", "EUC-JP"),
    ("gb18030", "GB18030"),
    ("big5", "Big5"),
    ("euc-kr", "EUC-KR"),
    ("windows-1252", "Windows-1252"),
]

# IncomingMail.reason -> the sentence. Other codes are names of exceptions: REST.
SENTENCES: dict[str, Promise] = {
    "too_large": _("It is larger than 40 MB. Only its header was kept; the whole mail is in the mailbox itself."),
    "unfetchable": _("The mail server did not hand it over. Look for it in the mailbox itself."),
    "wrapping": _("The provider's post could not be understood. It was kept as it came."),
    "interrupted": _("Reading it was interrupted again and again."),
    "by_staff": _("Staff decided that it needs no answer."),
    "own_address": _("It comes from an address of our own."),
    "auto_reply": _("It is an automatic answer that belongs to no inquiry."),
    "uidvalidity": _("It was read before; the mail server has numbered its mails anew."),
    "before_start": _("It is older than the day from which mail is read."),
    "bounce": _("It is a delivery report."),
    "complaint": _("It is a complaint about spam."),
    "stopped": _("A letter of ours came back. The address does not exist, so mail to it was stopped."),
    "returned": _("A letter of ours came back. The letter's page says so."),
    "delayed": _("A letter of ours is delayed; the other server keeps trying."),
    "no_complaint": _("It is a report that blames nobody."),
    "other_recipient": _("It is about a letter of ours, but blames an address that the letter did not go to."),
    "not_ours": _("It is a delivery report about a letter that we did not send."),
}
REST = _("It could not be read. Its bytes are kept; try again after an update, or with another character set.")

# Codes of the parser (shopdesk.mail.parsing.PROBLEMS) -> the sentence.
PROBLEMS: dict[str, Promise] = {
    "charset": _("The character set was missing or wrong; it was guessed."),
    "characters": _("Some characters could not be read."),
    "headers": _("Header lines were damaged."),
    "header_too_long": _("A header line was too long and was cut."),
    "structure": _("The structure of the mail was damaged."),
    "encoding": _("The encoding of a part was damaged."),
    "date": _("The date could not be read."),
    "no_sender": _("There is no sender address."),
    "html_too_long": _("The HTML was too long to show."),
    "text_too_long": _("The text was too long and was cut."),
    "too_many_parts": _("It has too many parts; the first 500 were read."),
    "too_deep": _("Its parts are nested too deep."),
    "too_large": _("Only the header was read, because of its size."),
    "too_complex": _("It could not be read within the limits; only the header was read."),
    "parser_error": _("Our reader failed; only the header was read."),
}

TONES = {
    State.STORED: "info",
    State.FILED: "ok",
    State.DUPLICATE: "neutral",
    State.BOUNCE: "neutral",
    State.IGNORED: "neutral",
    State.ERROR: "danger",
}

# From these a person may have it read again.
AGAIN = (State.ERROR, State.IGNORED)
# Taken for a machine's mail by itself, where a person may know better.
MACHINES = (State.IGNORED, State.BOUNCE)
# IncomingMail.reason of a stored mail that a person called somebody's letter.
AS_LETTER = "as_letter"


def sentence(mail: IncomingMail) -> str | Promise:
    """Why the mail is where it is; "" when the state says it all."""
    code = mail.reason.partition(":")[0]
    if code in SENTENCES:
        return SENTENCES[code]
    return REST if mail.state == State.ERROR else ""


def can_read_again(mail: IncomingMail) -> bool:
    """Whether there are bytes to read again."""
    return mail.state in AGAIN and bool(mail.raw)


def can_be_letter(mail: IncomingMail) -> bool:
    """Whether it was put aside as a machine's mail, so that a person may make an inquiry of it."""
    return mail.state in MACHINES and mail.reason != "own_address" and bool(mail.raw)


@transaction.atomic
def read_again(mail: IncomingMail, *, charset: str, by: User, now: datetime) -> None:
    """Back to "received": it is filed as if it had just come. Raises AlreadySettled."""
    same = IncomingMail.objects.filter(pk=mail.pk, state=mail.state, attempts=mail.attempts, state__in=AGAIN)
    values = {"state": State.STORED, "reason": "", "attempts": 0, "next_try_at": now, "lease_until": None}
    if not mail.raw or not same.update(charset=charset, **values):
        raise AlreadySettled
    audit.record("incoming.read_again", actor=by, now=now, mail=mail.pk, charset=charset)


@transaction.atomic
def file_as_letter(mail: IncomingMail, *, by: User, now: datetime) -> None:
    """Back to "received", and filed as somebody's letter whatever it looks like. Raises AlreadySettled."""
    same = IncomingMail.objects.filter(pk=mail.pk, state=mail.state, attempts=mail.attempts)
    values = {"state": State.STORED, "reason": AS_LETTER, "attempts": 0, "next_try_at": now, "lease_until": None}
    if not can_be_letter(mail) or not same.update(**values):
        raise AlreadySettled
    audit.record("incoming.as_letter", actor=by, now=now, mail=mail.pk, was=mail.reason)


@transaction.atomic
def ignore(mail: IncomingMail, *, note: str, by: User, now: datetime) -> None:
    """It needs no answer. The row and its bytes stay. Raises AlreadySettled."""
    same = IncomingMail.objects.filter(pk=mail.pk, state=State.ERROR, attempts=mail.attempts)
    if not same.update(state=State.IGNORED, reason="by_staff", lease_until=None):
        raise AlreadySettled
    audit.record("incoming.ignored", actor=by, now=now, mail=mail.pk, was=mail.reason, note=one_line(note)[:300])


def in_error() -> int:
    """How many received mails wait for a person."""
    return IncomingMail.objects.in_error().count()
