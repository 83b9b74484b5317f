"""Who else gets a reply: read from what was typed, without ourselves and without naming anybody twice."""

import re
from collections.abc import Iterable

from inquiries import own
from inquiries.models import Inquiry
from shopdesk import addresses
from shopdesk.mail.outbox import MOST_COPIES
from shopdesk.text import one_line

# What people put between addresses: commas and semicolons in either width, the Japanese comma, white space.
_BETWEEN = re.compile(r"[,;，；、\s]+")
# "山田 花子 <hanako@mail.example>" as mail programs copy it.
_IN_BRACKETS = re.compile(r"[<＜]([^<>＜＞]*)[>＞]")


class BadCopy(Exception):
    """Something typed as Cc or Bcc is no mail address; ``typed`` is it."""

    def __init__(self, typed: str) -> None:
        super().__init__(typed)
        self.typed = typed


class TooManyCopies(Exception):
    """A letter goes to a limited number of people."""


def read(typed: str) -> list[str]:
    """Addresses separated by commas, semicolons or lines, as they are compared; each once. Raises BadCopy."""
    found: dict[str, None] = {}
    for line in re.split(r"[,;，；、\r\n]+", typed):
        bracketed = _IN_BRACKETS.findall(line)
        for word in bracketed or _BETWEEN.split(line):
            address = addresses.normalise(one_line(word))
            if not address:
                continue
            if not addresses.is_valid(address):
                raise BadCopy(one_line(word)[:100])
            found[address] = None
    return list(found)


def others(inquiry: Inquiry, cc: Iterable[str], bcc: Iterable[str]) -> tuple[list[str], list[str]]:
    """Copies as they may be sent: our own mailboxes and the customer's address are dropped (a copy to ourselves would
    come back as a new mail), nobody is named twice. No query without copies.

    Raises BadCopy and TooManyCopies.
    """
    typed = [[addresses.normalise(one) for one in some] for some in (cc, bcc)]
    if not any(typed):
        return [], []
    seen = {*own.addresses(), inquiry.email}
    kept: tuple[list[str], list[str]] = [], []
    for some, into in zip(typed, kept, strict=True):
        for address in some:
            if not addresses.is_valid(address):
                raise BadCopy(address[:100])
            if address not in seen:
                seen.add(address)
                into.append(address)
    if len(kept[0]) + len(kept[1]) > MOST_COPIES:
        raise TooManyCopies
    return kept
