"""News of Amazon SES that its notification service sends as a mail whose text is JSON. Pure.

The form is that of the service's documentation ("Amazon SNS notification contents for Amazon SES").
"""

import json
import re
from dataclasses import dataclass, field

MAX_TEXT = 200_000
_SENDER = re.compile(r"[^@]+@(?:[a-z0-9-]+\.)*(?:amazonaws|amazonses)\.com", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Told:
    """``about`` is "bounce", "complaint" or "delivery"; ``recipients`` are (address, status, action, the server's
    words); ``message_id`` is that of the letter, with its brackets, or ""."""

    about: str
    recipients: list[tuple[str, str, str, str]] = field(default_factory=list)
    feedback: str = ""
    message_id: str = ""


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _loaded(text: str) -> dict[str, object]:
    """The JSON at the beginning of a text; the service writes how to unsubscribe below it."""
    try:
        return _dict(json.JSONDecoder().raw_decode(text.lstrip()[:MAX_TEXT])[0])
    except (ValueError, RecursionError):
        return {}


def _message_id(mail: dict[str, object]) -> str:
    named = _text(_dict(mail.get("commonHeaders")).get("messageId"))
    for header in map(_dict, _list(mail.get("headers"))):
        if _text(header.get("name")).lower() == "message-id":
            named = _text(header.get("value"))
    return named


def read(sender: str, text: str) -> Told | None:
    """What the mail tells; None when it is not of that service or tells of none of the three."""
    if not _SENDER.fullmatch(sender) or not text.lstrip().startswith("{"):
        return None
    news = _loaded(text)
    if _text(news.get("Message")).lstrip().startswith("{"):
        news = _loaded(_text(news["Message"]))  # the whole notification, not only its message
    about = (_text(news.get("notificationType")) or _text(news.get("eventType"))).lower()
    facts = _dict(news.get(about))
    message_id = _message_id(_dict(news.get("mail")))
    if about == "bounce":
        kind = _text(facts.get("bounceType")).lower()
        recipients = [
            (
                _text(one.get("emailAddress")),
                _text(one.get("status")),
                "delayed" if kind == "transient" and _text(one.get("action")) == "delayed" else "failed",
                f"{_text(one.get('diagnosticCode'))} {_SAYS.get(_text(facts.get('bounceSubType')), '')}".strip(),
            )
            for one in map(_dict, _list(facts.get("bouncedRecipients")))
        ]
        return Told(about, recipients, message_id=message_id)
    if about == "complaint":
        complained = [_text(_dict(one).get("emailAddress")) for one in _list(facts.get("complainedRecipients"))]
        feedback = _text(facts.get("complaintFeedbackType"))
        return Told(about, [(one, "", "", "") for one in complained], feedback=feedback, message_id=message_id)
    if about == "delivery":
        answer = _text(facts.get("smtpResponse"))
        return Told(
            about, [(_text(one), "", "delivered", answer) for one in _list(facts.get("recipients"))], "", message_id
        )
    return None


# The service's sub-type in the words of a mail server.
_SAYS = {
    "NoEmail": "no such user",
    "Suppressed": "recipient refused",
    "OnAccountSuppressionList": "recipient refused",
    "MailboxFull": "mailbox full",
    "MessageTooLarge": "message too large",
    "ContentRejected": "message rejected due to content",
    "AttachmentRejected": "attachment rejected",
}
