"""To which conversation a mail belongs.

What proves that is, in this order: the Message-ID of a letter of ours, which nobody can guess; the signed reference
line of a reply, quoted back; and, only from an address that takes part already, the Message-ID of an earlier mail or
the number in the subject. What proves nothing joins nothing: a stranger's ``[Q-…]`` opens a question of its own.
"""

import re
from dataclasses import dataclass

from django.db.models import F

from inquiries import threads
from inquiries.models import Inquiry, InquiryEvent, Message
from inquiries.numbering import normalise as normalise_number
from shopdesk.addresses import normalise
from shopdesk.mail.models import OutgoingMail
from shopdesk.mail.parsing import ParsedMail

_MOST_IDS = 40
_MOST_NUMBERS = 5
_MOST_MERGES = 50
# As people type and mail programs cut it: Q-7K3F9M, q 7k3f9m, Ｑ－７Ｋ３Ｆ９Ｍ
_NUMBER = re.compile(r"(?<![A-Za-z0-9])[QqＱｑ]\s?[-－‐]\s?[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]{6}(?![A-Za-z0-9])")


@dataclass(frozen=True)
class Match:
    """``how``: letter, reference, thread, number; "" for no conversation.

    ``answered`` is the letter that was answered where that letter belongs to no conversation (after-care, a return).
    ``hint`` is the inquiry of which the subject holds the number without any right to it.
    """

    inquiry: Inquiry | None = None
    how: str = ""
    answered: OutgoingMail | None = None
    hint: Inquiry | None = None


def find(mail: ParsedMail, sender: str) -> Match:
    """The conversation of a mail. ``sender`` is the normalised address of who wrote it, or ""."""
    ids = _ids(mail)
    answered: OutgoingMail | None = None
    if ids:
        inquiry, answered = _by_letter(ids)
        if inquiry:
            return Match(root(inquiry), "letter")
    if inquiry := threads.inquiry_of(mail.text):
        return Match(root(inquiry), "reference")
    if answered and (inquiry := _opened_by(answered, sender)):
        return Match(root(inquiry), "letter")
    if ids and sender and (inquiry := _by_their_mail(ids, sender)):
        return Match(root(inquiry), "thread", answered)
    inquiry, hint = _by_number(mail.subject, sender)
    if inquiry:
        return Match(root(inquiry), "number", answered)
    return Match(answered=answered, hint=hint)


def by_letter_only(mail: ParsedMail) -> Inquiry | None:
    """The conversation that a machine's answer names by a Message-ID of ours; nothing else is believed of a machine."""
    ids = _ids(mail)
    inquiry, _answered = _by_letter(ids) if ids else (None, None)
    return root(inquiry) if inquiry else None


def takes_part(inquiry: Inquiry, address: str) -> bool:
    """Whether an address belongs to the conversation: the customer's, or somebody's whose mail was filed in it."""
    if not address:
        return False
    return (
        is_customer(inquiry, address)
        or inquiry.messages.filter(kind=Message.Kind.RECEIVED, automatic=False, sender_address=address).exists()
    )


def is_customer(inquiry: Inquiry, address: str) -> bool:
    """Whether an address is the customer's own; one that names nobody (a marketplace relay) only as used here."""
    if not address:
        return False
    return inquiry.email == address or inquiry.customer.addresses.filter(address=address, masked=False).exists()


def root(inquiry: Inquiry) -> Inquiry:
    """Where an inquiry was merged into, at last. A circle, which merging refuses to make, ends where it began."""
    seen = {inquiry.pk}
    while inquiry.merged_into_id and inquiry.merged_into_id not in seen and len(seen) < _MOST_MERGES:
        seen.add(inquiry.merged_into_id)
        inquiry = Inquiry.objects.select_related("customer", "store", "category").get(pk=inquiry.merged_into_id)
    return inquiry


def _ids(mail: ParsedMail) -> list[str]:
    """The Message-IDs that a mail answers, newest first."""
    newest_first = [mail.in_reply_to, *reversed(mail.references)]
    return list(dict.fromkeys(one for one in newest_first if one and len(one) <= 200))[:_MOST_IDS]


def _by_letter(ids: list[str]) -> tuple[Inquiry | None, OutgoingMail | None]:
    """(the conversation of the newest letter of ours, the newest letter of ours that belongs to none)."""
    letters = {
        row.message_id: row
        for row in OutgoingMail.objects.filter(message_id__in=ids).only("key", "message_id", "to_address", "subject")
    }
    if not letters:
        return None, None
    said = {
        row.mail_key: row.inquiry
        for row in Message.objects.filter(mail_key__in=[letter.key for letter in letters.values()]).select_related(
            "inquiry__customer", "inquiry__store", "inquiry__category"
        )
    }
    answered = None
    for one in ids:
        if (letter := letters.get(one)) is None:
            continue
        if inquiry := said.get(letter.key):
            return inquiry, None
        answered = answered or letter
    return None, answered


def _opened_by(letter: OutgoingMail, sender: str) -> Inquiry | None:
    """The question that the same person asked by answering the same letter before."""
    if not sender:
        return None
    rows = InquiryEvent.objects.filter(code="answers_letter", data__key=letter.key, inquiry__email=sender)
    event = rows.select_related("inquiry__customer", "inquiry__store", "inquiry__category").order_by("-pk").first()
    return event.inquiry if event else None


def _by_their_mail(ids: list[str], sender: str) -> Inquiry | None:
    rows = Message.objects.filter(message_id__in=ids, kind=Message.Kind.RECEIVED).select_related(
        "inquiry__customer", "inquiry__store", "inquiry__category"
    )
    return next((row.inquiry for row in rows.order_by(F("pk").desc())[:10] if takes_part(row.inquiry, sender)), None)


def _by_number(subject: str, sender: str) -> tuple[Inquiry | None, Inquiry | None]:
    """(the inquiry whose number the subject holds and in which the sender takes part, one in which they do not)."""
    numbers = [normalise_number(one) for one in dict.fromkeys(_NUMBER.findall(subject))][:_MOST_NUMBERS]
    hint = None
    if not numbers:
        return None, None
    for inquiry in Inquiry.objects.filter(number__in=numbers).select_related("customer", "store", "category"):
        if takes_part(inquiry, normalise(sender)):
            return inquiry, None
        hint = hint or inquiry
    return None, hint
