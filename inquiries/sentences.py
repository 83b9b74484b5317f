"""Sentences for the events of an inquiry, in the reader's language."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from inquiries.models import Inquiry, InquiryEvent
from shopdesk.shop.models import named

_Words = dict[str, Any]


def _status(code: object) -> str:
    return str(dict(Inquiry.Status.choices).get(str(code), code))


def _channel(code: object) -> str:
    return str(dict(Inquiry.Channel.choices).get(str(code), code))


_SENTENCES: dict[str, Callable[[], str]] = {
    "taken": lambda: _("%(actor)s took this inquiry"),
    "assigned": lambda: _("%(actor)s assigned this to %(to_name)s"),
    "unassigned": lambda: _("%(actor)s took %(from_name)s off this inquiry"),
    "draft_taken": lambda: _("%(actor)s took over the draft of %(from_name)s"),
    "status": lambda: _("%(actor)s changed the status: %(from)s → %(to)s"),
    "category": lambda: _("%(actor)s changed the category: %(from)s → %(to)s"),
    "acknowledgement_withheld": lambda: _("No automatic confirmation was sent: %(reason)s"),
    "reopened": lambda: _("Reopened, because the customer wrote again"),
    "thanked": lambda: _("The customer said thanks; it stays solved"),
    "follows": lambda: _("Follows %(number)s, which was closed longer ago"),
    "answers_letter": lambda: _("Written in answer to our mail “%(subject)s”"),
    "subject_number_of_other": lambda: _("The subject names %(number)s, in which this sender takes no part"),
    "other_reply_to": lambda: _("The mail asks for answers to another address (%(address)s); answers go to the sender"),
    "category_guessed": lambda: _("Category chosen by the words of the mail: %(category)s"),
}
_REASONS: dict[str, Callable[[], str]] = {
    "address": lambda: _("this address already got one within 24 hours"),
    "store": lambda: _("too many confirmations in one minute"),
    "not_started": lambda: _("this mailbox only reads so far"),
    "machine": lambda: _("the mail was sent by a program or to a list"),
    "unverified": lambda: _("the sender could not be verified"),
    "suppressed": lambda: _("this address must not be written to"),
}


def sentence(event: InquiryEvent) -> str:
    """What happened, in one sentence. An unknown code is shown as it is: history written by a newer version."""
    actor = str(event.actor) if event.actor else _("The system")
    words: _Words = {"from_name": "", "to_name": "", **event.data, "actor": actor}
    if event.code == "opened":
        words["channel"] = _channel(words.get("channel"))
        if event.actor:
            return _("%(actor)s recorded this inquiry (%(channel)s)") % words
        return _("Received (%(channel)s)") % words
    if event.code == "status":
        words["from"], words["to"] = _status(words.get("from")), _status(words.get("to"))
    if event.code == "category_guessed":
        words["category"] = named(str(words.get("name_ja", "")), str(words.get("name_en", ""))) or words.get("category")
    if event.code == "acknowledgement_withheld":
        reason = _REASONS.get(str(words.get("reason")))
        words["reason"] = reason() if reason else words.get("reason", "")
    template = _SENTENCES.get(event.code)
    return template() % words if template else event.code
