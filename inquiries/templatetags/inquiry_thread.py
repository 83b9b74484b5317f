"""The parts of a conversation that are shown again and again: each is drawn once for what it shows.

What was said does not change and is shown again after each click; where an inquiry stands looks the same for many.
"""

from django import template
from django.template import Context
from django.utils.safestring import SafeString

from inquiries.conversation import Entry
from inquiries.models import Inquiry, Message
from shopdesk import clock, moments
from shopdesk.pieces import Piece

register = template.Library()

_MESSAGE = Piece("inquiries/_message.html", keep=1_000, holes=("csrf_token",))
# Not kept: a thousand of these would fill the memory.
_LONG_MESSAGE = Piece("inquiries/_message.html", keep=0, holes=("csrf_token",))
_LONG = 5_000
_STATUS_BAR = Piece("inquiries/_status_bar.html", keep=2_000, holes=("csrf_token",), numbers=("inquiry",))


@register.simple_tag(takes_context=True)
def thread_message(context: Context, entry: Entry) -> SafeString:
    """A message of inquiries.conversation.Thread, for a page with ``inquiry``, ``thread``, ``may_triage``,
    ``may_see_mail``."""
    message, thread, delivery = entry.message, context["thread"], entry.delivery
    if message is None:
        raise TypeError("An event is no message")
    is_first_hand = message.kind == Message.Kind.RECEIVED and not message.automatic and not entry.elsewhere
    piece = _MESSAGE if len(entry.body) + len(entry.folded) < _LONG else _LONG_MESSAGE
    return piece.draw(
        inquiry=context["inquiry"].pk,
        pk=message.pk,
        kind=str(message.kind),
        starts=message.pk == thread.start,
        author=str(message.author or ""),
        automatic=message.automatic,
        unverified=message.unverified,
        at=moments.moment(message.at, clock.now()),
        name=entry.name,
        body=entry.body,
        folded=entry.folded,
        sender=entry.sender,
        address=entry.address,
        is_other=entry.is_other,
        is_unreadable=entry.is_unreadable,
        has_html=entry.has_html,
        has_remote=entry.has_remote,
        has_marks=entry.has_marks,
        has_more=entry.has_more,
        cc=", ".join(entry.cc),
        bcc=", ".join(entry.bcc),
        files=tuple(
            [(one.pk, one.name, one.size, one.suspicious, one.is_withheld, one.is_picture) for one in entry.files]
        ),
        letter=delivery.pk if delivery else 0,
        label=delivery.label if delivery else "",
        tone=delivery.tone if delivery else "",
        left_out=delivery.left_out if delivery else 0,
        elsewhere=entry.elsewhere,
        mentions_reader=entry.mentions_reader,
        is_new=entry.is_new,
        may_split=bool(is_first_hand and thread.may_split and context.get("may_triage")),
        may_see_mail=bool(context.get("may_see_mail")),
        filled={"csrf_token": context.get("csrf_token", "")},
    )


@register.simple_tag(takes_context=True)
def status_bar(context: Context) -> SafeString:
    """Where the ``inquiry`` of a page with its ``tags`` stands, and what may be changed of it."""
    inquiry, tags = context["inquiry"], context.get("tags") or ()
    is_held = inquiry.status == Inquiry.Status.HOLD and inquiry.snoozed_until
    return _STATUS_BAR.draw(
        may_triage=bool(context.get("may_triage")),
        status=str(inquiry.status),
        status_name=inquiry.status_name,
        until=moments.moment(inquiry.snoozed_until, clock.now()) if is_held else "",
        assignee=str(inquiry.assignee or ""),
        category=str(inquiry.category),
        cause=str(inquiry.cause or ""),
        priority=inquiry.priority,
        priority_name=str(inquiry.get_priority_display()) if inquiry.priority else "",
        mood=str(inquiry.mood),
        mood_name=str(inquiry.get_mood_display()) if inquiry.mood else "",
        tags=tuple([(tag["pk"], tag["name"], tag["tone"]) for tag in tags]),
        filled={"csrf_token": context.get("csrf_token", ""), "inquiry": inquiry.pk},
    )
