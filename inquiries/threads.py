"""How letters of one inquiry hang together: for mail programs by headers, for us also by a signed line of the text."""

import hmac
import re
import unicodedata
from dataclasses import dataclass

from inquiries.families import family
from inquiries.models import Inquiry, Message
from shopdesk import tokens


@dataclass(frozen=True)
class ThreadHeaders:
    """Message-IDs with angle brackets; both empty for the first letter of a thread."""

    in_reply_to: str
    references: str


# Mail servers may refuse a header that grows without end; the first and the newest ids are what programs read.
_MOST = 20
_SIGNATURE = 16  # hex digits: 64 bits, and each guess costs a mail
_REFERENCE = re.compile(rf"\b(Q-[0-9A-Z]{{6}})\s*\[([0-9a-f]{{{_SIGNATURE}}})\]")
_MOST_REFERENCES = 10


def headers_for(inquiry: Inquiry) -> ThreadHeaders:
    """The headers of the next letter: in reply to the customer's newest mail, references oldest first.

    Before the customer wrote a mail (a form, a call) it is in reply to our own newest letter.
    """
    # What was merged here is one thread with it; another customer's mails are not.
    rows = Message.objects.filter(inquiry__in=family(inquiry), inquiry__customer=inquiry.customer_id)
    rows = rows.exclude(message_id="").exclude(automatic=True).order_by("at", "pk")
    said = list(rows.values_list("message_id", "kind"))
    if not said:
        return ThreadHeaders("", "")
    ids = list(dict.fromkeys(one for one, _kind in said))
    theirs = [one for one, kind in said if kind == Message.Kind.RECEIVED]
    kept = ids if len(ids) <= _MOST else [ids[0], *ids[-_MOST + 1 :]]
    answered = theirs[-1] if theirs else ids[-1]
    if answered not in kept:
        kept = [*kept[:1], answered, *kept[2:]]
    return ThreadHeaders(answered, " ".join(kept))


def reference(inquiry: Inquiry) -> str:
    """``Q-7K3F9M [0123456789abcdef]``: the number as it stands under a reply, so that a quoted reply finds its way back
    where a mail program sends no thread headers."""
    return f"{inquiry.number} [{_signature(inquiry.number)}]"


def inquiry_of(text: str) -> Inquiry | None:
    """The inquiry of the first signed reference line in a text, or None: a number without our signature is nothing."""
    for number, signature in _REFERENCE.findall(unicodedata.normalize("NFKC", text))[:_MOST_REFERENCES]:
        if hmac.compare_digest(signature, _signature(number)):
            rows = Inquiry.objects.select_related("customer", "store", "category")
            return rows.filter(number=number).first()
    return None


def _signature(number: str) -> str:
    return tokens.digest(f"inquiries.thread:{number}")[:_SIGNATURE]
