"""Sentences for the events of an inquiry, in the reader's language."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from inquiries.models import Inquiry, InquiryEvent

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
}
_REASONS: dict[str, Callable[[], str]] = {
    "address": lambda: _("this address already got one within 24 hours"),
    "store": lambda: _("too many confirmations in one minute"),
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
    if event.code == "acknowledgement_withheld":
        reason = _REASONS.get(str(words.get("reason")))
        words["reason"] = reason() if reason else words.get("reason", "")
    template = _SENTENCES.get(event.code)
    return template() % words if template else event.code
