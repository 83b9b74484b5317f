"""An answer to a customer as its writer gave it: one value on its way from the form, a macro or a prepared reply to
whatever sends it, lays it aside or makes it a draft again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inquiries.models import DraftFile, Inquiry, StatusLabel
from shopdesk.text import clean

# What a reply may lead to.
STATUSES = (Inquiry.Status.PENDING, Inquiry.Status.SOLVED)


@dataclass(frozen=True)
class Answer:
    """What is to be said, to whom else, with what, and where the inquiry stands afterwards.

    Raises ValueError for a status that no reply leads to, and for a label of another status.
    """

    # Plain text without the signature, as typed; may be empty, which whoever sends it refuses.
    body: str
    # Mail addresses as typed; recipients.others() says which of them get it.
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    # The own address that it leaves from, as chosen; "": the usual one. senders.resolve() says whether it may.
    sender: str = ""
    # They become attachments.
    files: Sequence[DraftFile] = ()
    # The numbers of the templates that were inserted: approval may hang on them.
    templates: Sequence[int] = ()
    # The status afterwards, pending or solved, and the shop's own name for it.
    then: str = Inquiry.Status.PENDING
    label: StatusLabel | None = None
    # The version of the inquiry that its writer saw; None: whatever it is, it was meant for it.
    expected_version: int | None = None

    def __post_init__(self) -> None:
        if self.then not in STATUSES:
            raise ValueError(self.then)
        if self.label is not None and self.label.status != self.then:
            raise ValueError(f"A label of another status than {self.then}.")

    @property
    def text(self) -> str:
        """The body as it is kept and sent: cleaned, without white space around it."""
        return clean(self.body).strip()


class NoSuchStatus(Exception):
    """Not a status that a reply leads to, or a label that is not offered."""


def labels() -> list[tuple[str, StatusLabel]]:
    """The shop's own names of where a reply may lead, each with its code for outcome(). One that says no more than its
    status is left out. One query."""
    rows = StatusLabel.objects.filter(status__in=STATUSES, is_active=True)
    plain = {str(one.label).casefold() for one in STATUSES}
    return [(f"label:{row.pk}", row) for row in rows if str(row).casefold() not in plain]


def outcome(code: str) -> tuple[str, StatusLabel | None]:
    """The status and the label that ``pending``, ``solved`` or ``label:3`` stand for; pending for "". A query for a
    label only. Raises NoSuchStatus."""
    word, _, number = code.partition(":")
    if word != "label":
        if code and code not in STATUSES:
            raise NoSuchStatus(code)
        return code or Inquiry.Status.PENDING, None
    known = number.isascii() and number.isdecimal() and len(number) < 10
    label = StatusLabel.objects.filter(pk=number, status__in=STATUSES, is_active=True).first() if known else None
    if label is None:
        raise NoSuchStatus(code)
    return label.status, label
