"""A received mail as a message: what is shown of it, what is folded away, and its files."""

from datetime import datetime

from inquiries import attachments, auto_answers, own, previews
from inquiries.models import Attachment, Inquiry, Message
from shopdesk import addresses
from shopdesk.mail.models import IncomingMail
from shopdesk.mail.parsing import ParsedMail
from shopdesk.text import clean, normalise, one_line

_ID_LENGTH = 200
_MOST_COPIES = 50


def write(
    inquiry: Inquiry, incoming: IncomingMail, mail: ParsedMail, *, sender: str, now: datetime, automatic: bool = False
) -> Message:
    """Add the mail to the conversation, in the caller's transaction. Files are kept by :func:`keep_files`."""
    shown, folded = parts(mail)
    if not automatic:
        previews.keep(inquiry, shown)
    return Message.objects.create(
        inquiry=inquiry,
        kind=Message.Kind.RECEIVED,
        body=shown,
        folded=folded,
        html=clean(mail.html),
        at=now,
        message_id=mail.message_id if len(mail.message_id) <= _ID_LENGTH else "",
        incoming=incoming,
        sender_name=name_of(mail, sender),
        sender_address=sender,
        cc=_others(mail, sender),
        automatic=automatic,
        unverified=auto_answers.is_unverified(mail),
    )


def _others(mail: ParsedMail, sender: str) -> list[str]:
    """Whom else the mail was written to, without ourselves; asked for only where it names more than one address."""
    named = dict.fromkeys(addresses.normalise(one_line(one.address)) for one in [*mail.to, *mail.cc])
    if len(named) < 2:  # the one is us
        return []
    ours = own.addresses()
    return [one for one in named if addresses.is_valid(one) and one not in ours and one != sender][:_MOST_COPIES]


def parts(mail: ParsedMail) -> tuple[str, str]:
    """(the text to show, the text to fold away). Nothing is lost: where the quote is not simply what follows, the whole
    text is folded beside the part that is shown."""
    whole, shown = clean(mail.text).strip(), clean(mail.reply_text).strip()
    if not shown or shown == whole:
        return whole, ""
    if whole.startswith(shown):
        return shown, whole[len(shown) :].strip("\n")
    return shown, whole


def name_of(mail: ParsedMail, sender: str) -> str:
    """What the writer calls themselves, else the first part of their address; "" where there is neither.

    A name that is an address names nobody: it may be somebody else's.
    """
    name = one_line(mail.sender.name)[:100]
    return name if name and "@" not in normalise(name) else sender.partition("@")[0][:100]


def keep_files(message: Message, incoming: IncomingMail, mail: ParsedMail) -> list[Attachment]:
    """Keep every file of the mail. The storage keys are the same at each try, so that a try that died leaves nothing
    that the next one does not take over."""
    return attachments.keep(
        message,
        [
            attachments.Received(one.name, one.content, inline=one.inline, content_id=one.content_id)
            for one in mail.attachments
        ],
        source=_source(incoming),
        now=incoming.received_at,
    )


def forget_files(incoming: IncomingMail) -> None:
    """Delete the files of tries that came to nothing."""
    attachments.discard_unless_kept(_source(incoming), incoming.received_at)


def _source(incoming: IncomingMail) -> str:
    return f"mail:{incoming.pk}"
