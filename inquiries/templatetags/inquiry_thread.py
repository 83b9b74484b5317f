"""The parts of a conversation that look alike again and again: each is drawn once for how it looks.

Messages differ by their words and hardly by their looks; where an inquiry stands looks the same for many.
"""

from typing import Any

from django import template
from django.template import Context
from django.template.loader import get_template
from django.utils.safestring import SafeString

from inquiries.conversation import Entry
from inquiries.models import Inquiry, Message
from shopdesk import clock, html, moments
from shopdesk.pieces import Piece

register = template.Library()

# Drawn once for what a message is, not for what it says: some hundred kinds, and those with files.
_MESSAGE = Piece(
    "inquiries/_message.html",
    keep=1_000,
    holes=("csrf_token", "author", "at", "name", "body", "folded", "sender", "address", "cc", "bcc", "elsewhere"),
    numbers=("inquiry", "pk", "letter"),
)
_STATUS_BAR = Piece(
    "inquiries/_status_bar.html",
    keep=1_000,
    holes=("csrf_token", "status_name", "until", "assignee", "category", "cause"),
    numbers=("inquiry",),
)
# As it is while nobody has written in it.
_REPLY_BOX = Piece(
    "inquiries/_composer.html",
    keep=100,
    holes=(
        *("csrf_token", "body", "email", "sender", "inquiry.name", "inquiry.email", "inquiry.store.sender_name"),
        *("inquiry.version", "thread.newest"),
    ),
    numbers=("inquiry.pk",),
)
# What stands in the box of somebody who has begun, or who was refused.
_BEGUN = (
    "drafts", "draft", "files", "note", "cc", "bcc", "everyone", "send_at", "after", "ways_open", "labels", "senders",
    "silent", "problem_copies", "files_problem", "check", "needs", "needs_approval", "signature_problem", "stopped",
)  # fmt: skip


@register.simple_tag(takes_context=True)
def thread_message(context: Context, entry: Entry) -> SafeString:
    """A message of inquiries.conversation.Thread, for a page with ``inquiry``, ``thread``, ``may_triage``,
    ``may_see_mail``."""
    message, thread, delivery = entry.message, context["thread"], entry.delivery
    if message is None:
        raise TypeError("An event is no message")
    is_first_hand = message.kind == Message.Kind.RECEIVED and not message.automatic and not entry.elsewhere
    return _MESSAGE.draw(
        kind=str(message.kind),
        starts=message.pk == thread.start,
        automatic=message.automatic,
        unverified=message.unverified,
        is_other=entry.is_other,
        is_unreadable=entry.is_unreadable,
        has_html=entry.has_html,
        has_remote=entry.has_remote,
        has_marks=entry.has_marks,
        has_more=entry.has_more,
        files=tuple(
            [(one.pk, one.name, one.size, one.suspicious, one.is_withheld, one.is_picture) for one in entry.files]
        ),
        label=delivery.label if delivery else "",
        tone=delivery.tone if delivery else "",
        left_out=delivery.left_out if delivery else 0,
        mentions_reader=entry.mentions_reader,
        is_new=entry.is_new,
        may_split=bool(is_first_hand and thread.may_split and context.get("may_triage")),
        may_see_mail=bool(context.get("may_see_mail")),
        filled={
            "csrf_token": context.get("csrf_token", ""),
            "inquiry": context["inquiry"].pk,
            "pk": message.pk,
            "letter": delivery.pk if delivery else None,
            "author": str(message.author or ""),
            "at": moments.moment(message.at, clock.now()),
            "name": entry.name,
            "body": html.linkify_plain(entry.body),
            "folded": html.linkify_plain(entry.folded),
            "sender": entry.sender,
            "address": entry.address,
            "cc": ", ".join(entry.cc),
            "bcc": ", ".join(entry.bcc),
            "elsewhere": entry.elsewhere,
        },
    )


@register.simple_tag(takes_context=True)
def status_bar(context: Context) -> SafeString:
    """Where the ``inquiry`` of a page with its ``tags`` stands, and what may be changed of it."""
    inquiry, tags = context["inquiry"], context.get("tags") or ()
    is_held = inquiry.status == Inquiry.Status.HOLD and inquiry.snoozed_until
    return _STATUS_BAR.draw(
        may_triage=bool(context.get("may_triage")),
        status=str(inquiry.status),
        priority=inquiry.priority,
        priority_name=str(inquiry.get_priority_display()) if inquiry.priority else "",
        mood=str(inquiry.mood),
        mood_name=str(inquiry.get_mood_display()) if inquiry.mood else "",
        tags=tuple([(tag["pk"], tag["name"], tag["tone"]) for tag in tags]),
        filled={
            "csrf_token": context.get("csrf_token", ""),
            "inquiry": inquiry.pk,
            "status_name": inquiry.status_name,
            "until": moments.moment(inquiry.snoozed_until, clock.now()) if is_held else "",
            "assignee": str(inquiry.assignee or ""),
            "category": str(inquiry.category),
            "cause": str(inquiry.cause or ""),
        },
    )


@register.simple_tag(takes_context=True)
def reply_box(context: Context) -> SafeString:
    """The boxes for a reply and for a note, for a page as inquiries.views.showing draws it."""
    if any(context.get(name) for name in _BEGUN):
        template: Any = get_template(_REPLY_BOX.name)
        with context.push():
            drawn: SafeString = template.template.render(context)
        return drawn
    inquiry = context["inquiry"]
    return _REPLY_BOX.draw(
        may_reply=context["may_reply"],
        may_draft=context["may_draft"],
        may_copy=context["may_copy"],
        signature=context["signature"],
        accept=context["accept"],
        filled={
            "csrf_token": context.get("csrf_token", ""),
            "body": context["body"],
            "email": context["email"],
            "sender": context["sender"],
            "inquiry.pk": inquiry.pk,
            "inquiry.name": inquiry.name,
            "inquiry.email": context["email"],
            "inquiry.version": inquiry.version,
            "inquiry.store.sender_name": inquiry.store.sender_name,
            "thread.newest": context["thread"].newest,
        },
    )
