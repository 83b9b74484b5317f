"""Reading mail: a thin layer of our own over the stdlib's compat32 parser.

``parse(raw)`` is pure and never raises; strangers' mail goes through ``shopdesk.mail.parse_child.parse_safely``, which
runs it in a child with limits of memory and time.
"""

from shopdesk.mail.parsing.model import (
    PROBLEMS,
    Address,
    Attachment,
    Bounce,
    BouncedRecipient,
    Kind,
    ParsedMail,
)
from shopdesk.mail.parsing.reading import headers_only, parse

__all__ = [
    "PROBLEMS",
    "Address",
    "Attachment",
    "Bounce",
    "BouncedRecipient",
    "Kind",
    "ParsedMail",
    "headers_only",
    "parse",
]
