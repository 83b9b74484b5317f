"""How letters of one inquiry hang together for mail programs."""

from dataclasses import dataclass

from inquiries.models import Inquiry


@dataclass(frozen=True)
class ThreadHeaders:
    """Message-IDs with angle brackets; both empty for the first letter of a thread."""

    in_reply_to: str
    references: str


# Mail servers may refuse a header that grows without end; the first and the newest ids are what programs read.
_MOST = 20


def headers_for(inquiry: Inquiry) -> ThreadHeaders:
    """The headers of the next letter: in reply to the newest known Message-ID, references oldest first."""
    ids = list(inquiry.messages.exclude(message_id="").order_by("at", "pk").values_list("message_id", flat=True))
    if not ids:
        return ThreadHeaders("", "")
    kept = ids if len(ids) <= _MOST else [ids[0], *ids[-_MOST + 1 :]]
    return ThreadHeaders(ids[-1], " ".join(kept))
