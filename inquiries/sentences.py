"""Sentences for the events of an inquiry, in the reader's language."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.dateformat import format as date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from inquiries.models import Category, Inquiry, InquiryEvent
from inquiries.pulling import REASONS
from inquiries.returned import RETURNS
from inquiries.waiting import Reason
from shopdesk.shop.models import named

_Words = dict[str, Any]


def _status(code: object) -> str:
    return str(dict(Inquiry.Status.choices).get(str(code), code))


def _step(words: _Words, side: str) -> str:
    """The label as it was called then, else the fixed status."""
    return named(str(words.get(f"{side}_ja", "")), str(words.get(f"{side}_en", ""))) or _status(words.get(side))


def _choice(field: str, value: object) -> str:
    choices = Category.Priority.choices if field == "priority" else Inquiry.Mood.choices
    return str(dict(choices).get(value, value))


def _moment(value: object) -> str:
    """A moment of an event's data in the shop's own time."""
    try:
        local = localtime(datetime.fromisoformat(str(value)), ZoneInfo(settings.TIME_ZONE))
    except ValueError:
        return str(value)
    return date_format(local, "D j M, H:i" if get_language() == "en" else "n月j日(D) H:i")


def _reason(words: _Words) -> str:
    reason = str(dict(Reason.choices).get(str(words.get("reason")), words.get("reason")))
    comment = str(words.get("comment") or "")
    return f"{reason}: {comment}" if comment else reason


def _channel(code: object) -> str:
    return str(dict(Inquiry.Channel.choices).get(str(code), code))


_SENTENCES: dict[str, Callable[[], str]] = {
    "taken": lambda: _("%(actor)s took this inquiry"),
    "assigned": lambda: _("%(actor)s assigned this to %(to_name)s"),
    "unassigned": lambda: _("%(actor)s took %(from_name)s off this inquiry"),
    "given": lambda: _("Given to %(to_name)s in turn"),
    "pulled": lambda: _("%(actor)s took this as the next inquiry"),
    "pull_skipped": lambda: _("%(actor)s handed this back: %(reason)s"),
    "pull_expired": lambda: _("%(name)s did not answer in time; back to everybody"),
    "draft_taken": lambda: _("%(actor)s took over the draft of %(from_name)s"),
    "status": lambda: _("%(actor)s changed the status: %(from)s → %(to)s"),
    "category": lambda: _("%(actor)s changed the category: %(from)s → %(to)s"),
    "status_undone": lambda: _("%(actor)s took a change of status back: %(from)s → %(to)s"),
    "cause": lambda: _("%(actor)s set the cause: %(name)s"),
    "product": lambda: _("%(actor)s set the product: %(name)s"),
    "priority": lambda: _("%(actor)s set the priority: %(to)s"),
    "mood": lambda: _("%(actor)s noted how the customer sounds: %(to)s"),
    "rule_hit": lambda: _("The rule “%(name)s” acted"),
    "rule_note": lambda: _("Noted by a rule: %(text)s"),
    "tagged": lambda: _("%(actor)s added a tag: %(tags)s"),
    "untagged": lambda: _("%(actor)s removed a tag: %(tags)s"),
    "snoozed": lambda: _("%(actor)s laid this aside until %(until)s (%(reason)s)"),
    "merged": lambda: _("%(actor)s merged this into %(number)s"),
    "merged_here": lambda: _("%(actor)s merged %(number)s into this inquiry"),
    "unmerged": lambda: _("%(actor)s separated this from %(number)s again"),
    "unmerged_here": lambda: _("%(actor)s separated %(number)s from this inquiry again"),
    "split": lambda: _("%(actor)s made a message a question of its own: %(number)s"),
    "split_from": lambda: _("%(actor)s split this off %(number)s"),
    "bulk_undone": lambda: _("%(actor)s took work in bulk back"),
    "reply_taken_back": lambda: _("%(actor)s took the reply back before it was sent"),
    "scheduled": lambda: _("%(actor)s scheduled a reply for %(send_at)s"),
    "schedule_cancelled": lambda: _("%(actor)s cancelled the scheduled reply"),
    "approval_asked": lambda: _("%(actor)s asked for approval of a reply"),
    "approval_withdrawn": lambda: _("%(actor)s withdrew the request for approval"),
    "prepared_edited": lambda: _("%(actor)s changed the text that waits for approval"),
    "approved": lambda: _("%(actor)s approved the reply of %(author_name)s"),
    "approved_sent": lambda: _("%(actor)s sent the approved reply of %(author_name)s"),
    "prepared_returned": lambda: _("The reply of %(author_name)s became a draft again: %(why)s"),
    "acknowledgement_withheld": lambda: _("No automatic confirmation was sent: %(reason)s"),
    "reopened": lambda: _("Reopened, because the customer wrote again"),
    "thanked": lambda: _("The customer said thanks; it stays solved"),
    "follows": lambda: _("Follows %(number)s, which was closed longer ago"),
    "answers_letter": lambda: _("Written in answer to our mail “%(subject)s”"),
    "subject_number_of_other": lambda: _("The subject names %(number)s, in which this sender takes no part"),
    "other_reply_to": lambda: _("The mail asks for answers to another address (%(address)s); answers go to the sender"),
    "category_guessed": lambda: _("Category chosen by the words of the mail: %(category)s"),
}
# (what happened, which promise) -> the sentence
_PROMISES: dict[tuple[str, str], Callable[[], str]] = {
    ("warned", "reply"): lambda: _("An answer is due soon (%(ends)s)"),
    ("warned", "solve"): lambda: _("To be solved soon (%(ends)s)"),
    ("overdue", "reply"): lambda: _("The answer is overdue since %(ends)s"),
    ("overdue", "solve"): lambda: _("Not solved by %(ends)s, as promised"),
}
_WOKEN: dict[str, Callable[[], str]] = {
    "time": lambda: _("Back from hold: the day has come"),
    "customer": lambda: _("Back from hold: the customer wrote"),
    "person": lambda: _("%(actor)s ended the hold"),
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
    if event.code in {"status", "status_undone"}:
        words["from"], words["to"] = _step(words, "from"), _step(words, "to")
    if event.code in {"cause", "product"}:
        words["name"] = named(str(words.get("name_ja", "")), str(words.get("name_en", ""))) or words.get("name") or "—"
    if event.code in {"priority", "mood"}:
        words["to"] = _choice(event.code, words.get("to"))
    if event.code in {"tagged", "untagged"}:
        words["tags"] = "、".join(str(tag) for tag in words.get("tags", []))
    if event.code == "scheduled":
        words["send_at"] = _moment(words.get("send_at"))
    if event.code == "prepared_returned":
        why = RETURNS.get(str(words.get("why")))
        words["why"] = str(why) if why else _("returned by %(actor)s") % words
    if event.code == "snoozed":
        words["until"], words["reason"] = _moment(words.get("until")), _reason(words)
    if event.code in {"warned", "overdue"}:
        words["ends"] = _moment(words.get("ends"))
        return _PROMISES[event.code, "solve" if words.get("which") == "solve" else "reply"]() % words
    if event.code == "pull_skipped":
        given = str(REASONS.get(str(words.get("reason")), words.get("reason")))
        words["reason"] = "：".join(filter(None, [given, str(words.get("comment") or "")]))
    if event.code == "woken":
        return _WOKEN.get(str(words.get("why")), _WOKEN["time"])() % words
    if event.code == "category_guessed":
        words["category"] = named(str(words.get("name_ja", "")), str(words.get("name_en", ""))) or words.get("category")
    if event.code == "acknowledgement_withheld":
        reason = _REASONS.get(str(words.get("reason")))
        words["reason"] = reason() if reason else words.get("reason", "")
    template = _SENTENCES.get(event.code)
    return template() % words if template else event.code
