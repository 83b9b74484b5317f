"""The messages of a thread. What was said does not change, and is shown again after each click: each is drawn once."""

from django import template
from django.template import Context
from django.utils.safestring import SafeString

from inquiries.conversation import Entry
from inquiries.models import Message
from shopdesk import clock, moments
from shopdesk.pieces import Piece

register = template.Library()

_MESSAGE = Piece("inquiries/_message.html", keep=1_000, holes=("csrf_token",))
# Not kept: a thousand of these would fill the memory.
_LONG_MESSAGE = Piece("inquiries/_message.html", keep=0, holes=("csrf_token",))
_LONG = 5_000


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
