"""Mail that a provider posts to us. What it wraps the mail in differs; the mail's own bytes are taken out of it.

The secret part of the address says whose mailbox it is. Where the provider also signs and django-anymail has its key in
the settings, the signature has to be right as well. A wrapping without the original bytes goes through anymail, which
puts a mail together from the parts; a wrapping that nobody understands is kept as it is and shown in the errors.
"""

import base64
import binascii
import hashlib
import importlib
import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode

from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.http import HttpRequest, QueryDict

from shopdesk.mail.models import IncomingMail, Mailbox
from shopdesk.mail.receiving.store import MAX_SIZE, store
from shopdesk.tokens import digest, new_secret

logger = logging.getLogger(__name__)

State = IncomingMail.State

# A wrapping is larger than the mail: base64, other fields.
MAX_BODY = MAX_SIZE * 3 // 2
MAX_FIELDS = 200
MAX_LETTERS = 1000  # in one post

# Mailbox.provider -> (its name, anymail's class). "" is a plain post of the mail itself.
PROVIDERS: dict[str, tuple[str, str]] = {
    "amazon_ses": ("Amazon SES", "amazon_ses.AmazonSESInboundWebhookView"),
    "brevo": ("Brevo", "brevo.BrevoInboundWebhookView"),
    "mailersend": ("MailerSend", "mailersend.MailerSendInboundWebhookView"),
    "mailgun": ("Mailgun", "mailgun.MailgunInboundWebhookView"),
    "mailjet": ("Mailjet", "mailjet.MailjetInboundWebhookView"),
    "mailtrap": ("Mailtrap", "mailtrap.MailtrapInboundWebhookView"),
    "mandrill": ("Mandrill", "mandrill.MandrillCombinedWebhookView"),
    "postal": ("Postal", "postal.PostalInboundWebhookView"),
    "postmark": ("Postmark", "postmark.PostmarkInboundWebhookView"),
    "resend": ("Resend", "resend.ResendInboundWebhookView"),
    "sendgrid": ("SendGrid", "sendgrid.SendGridInboundWebhookView"),
    "sparkpost": ("SparkPost", "sparkpost.SparkPostInboundWebhookView"),
}


class Refused(Exception):
    """The provider's own signature is missing or wrong."""


@dataclass(frozen=True)
class Letter:
    """A mail out of its wrapping. ``key`` is the same whenever the same mail is posted again."""

    raw: bytes
    key: str
    reason: str = ""


def mailbox_of(secret: str) -> Mailbox | None:
    """Whose address it is; None for an unknown one. The look-up is by digest, so its time tells nothing."""
    if not 20 <= len(secret) <= 100:
        return None
    return Mailbox.objects.filter(kind=Mailbox.Kind.WEBHOOK, hook_digest=digest(secret)).first()


def new_address() -> tuple[str, str]:
    """(secret, its digest): the secret is shown once, the digest is stored."""
    secret = new_secret()
    return secret, digest(secret)


def receive(mailbox: Mailbox, request: HttpRequest, body: bytes, *, now: datetime) -> int:
    """Store what was posted and return how many mails were new. When this returns, the bytes are on disk.

    Raises Refused. Whatever else is strange about the body, it is kept.
    """
    fields = _fields(request, body)
    view = _anymail_view(mailbox.provider)
    if view is not None:
        _check_signature(view, request, body, fields)
    letters = _letters(mailbox.provider, request, body, fields, view)
    with transaction.atomic(durable=True):
        return sum(_keep(mailbox, letter, now) for letter in letters)


def _keep(mailbox: Mailbox, letter: Letter, now: datetime) -> bool:
    if len(letter.raw) > MAX_SIZE:
        letter = Letter(letter.raw[:MAX_SIZE], letter.key, "too_large")
    state = State.ERROR if letter.reason else State.STORED
    return store(mailbox, f"hook:{letter.key}", letter.raw, now=now, state=state, reason=letter.reason)


# --- out of the wrapping -------------------------------------------------------------------------------------------


def _letters(
    provider: str, request: HttpRequest, body: bytes, fields: dict[str, bytes], view: Any | None
) -> list[Letter]:
    try:
        found = _RAW.get(provider, _plain)(request, body, fields)
        if found is not None and all(found):
            return [Letter(raw, hashlib.sha256(raw).hexdigest()) for raw in found[:MAX_LETTERS]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        logger.warning("A post of %s is not as its provider describes it.", provider or "mail")
    key = hashlib.sha256(body).hexdigest()
    if view is None:
        return [Letter(body, key, "wrapping")]
    return _by_anymail(view, request, body, key)


def _by_anymail(view: Any, request: HttpRequest, body: bytes, key: str) -> list[Letter]:
    try:
        events = view.parse_events(request)
    except Exception as error:  # noqa: BLE001  # the library reads foreign words; what it trips over is kept
        logger.warning("A post could not be unwrapped: %s", type(error).__name__)
        return [Letter(body, key, "wrapping")]
    letters = []
    for place, event in enumerate(events):
        message = getattr(event, "message", None)
        if isinstance(message, Message):
            letters.append(Letter(message.as_bytes(), str(event.event_id or f"{key}:{place}")[:200]))
    return letters


def _plain(request: HttpRequest, body: bytes, fields: dict[str, bytes]) -> list[bytes] | None:
    """The mail itself as the body, or in a field of the names that providers use."""
    for name in ("email", "body-mime", "message", "raw"):
        if fields.get(name):
            return [fields[name]]
    if request.content_type in {"message/rfc822", "text/plain", "application/octet-stream", ""}:
        return [body]
    return None


def _sendgrid(request: HttpRequest, body: bytes, fields: dict[str, bytes]) -> list[bytes] | None:
    return [fields["email"]] if "email" in fields else None


def _mailgun(request: HttpRequest, body: bytes, fields: dict[str, bytes]) -> list[bytes] | None:
    return [fields["body-mime"]] if "body-mime" in fields else None


def _mandrill(request: HttpRequest, body: bytes, fields: dict[str, bytes]) -> list[bytes] | None:
    if "mandrill_events" not in fields:
        return None
    events = json.loads(fields["mandrill_events"])
    return [_bytes(event["msg"]["raw_msg"]) for event in events if event.get("event") == "inbound"]


def _postmark(request: HttpRequest, body: bytes, fields: dict[str, bytes]) -> list[bytes] | None:
    raw = json.loads(body).get("RawEmail")
    return [_bytes(raw)] if raw else None


def _sparkpost(request: HttpRequest, body: bytes, fields: dict[str, bytes]) -> list[bytes] | None:
    found = []
    for event in json.loads(body):
        relay = event["msys"].get("relay_message")
        if relay is None:
            continue
        content = relay["content"]
        raw = _bytes(content["email_rfc822"])
        found.append(base64.b64decode(raw) if content.get("email_rfc822_is_base64") else raw)
    return found


def _postal(request: HttpRequest, body: bytes, fields: dict[str, bytes]) -> list[bytes] | None:
    event = json.loads(body)
    if "message" not in event:
        return None
    raw = _bytes(event["message"])
    return [base64.b64decode(raw) if event.get("base64") else raw]


def _mailersend(request: HttpRequest, body: bytes, fields: dict[str, bytes]) -> list[bytes] | None:
    raw = json.loads(body).get("data", {}).get("raw")
    return [_bytes(raw)] if raw else None


_RAW: dict[str, Callable[[HttpRequest, bytes, dict[str, bytes]], list[bytes] | None]] = {
    "": _plain,
    "sendgrid": _sendgrid,
    "mailgun": _mailgun,
    "mandrill": _mandrill,
    "postmark": _postmark,
    "sparkpost": _sparkpost,
    "postal": _postal,
    "mailersend": _mailersend,
    # These hand over parts, or an address to fetch the mail from: anymail's own reading.
    "amazon_ses": lambda request, body, fields: None,
    "brevo": lambda request, body, fields: None,
    "mailjet": lambda request, body, fields: None,
    "mailtrap": lambda request, body, fields: None,
    "resend": lambda request, body, fields: None,
}


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str):
        raise TypeError
    return text.encode("utf-8", "surrogatepass")


def _fields(request: HttpRequest, body: bytes) -> dict[str, bytes]:
    """The fields of a form, as bytes: a mail in a field keeps its own charset, whatever the form says."""
    if request.content_type == "application/x-www-form-urlencoded":
        pairs = [pair.replace(b"+", b" ").partition(b"=") for pair in body.split(b"&")[:MAX_FIELDS]]
        return {unquote_to_bytes(name).decode("utf-8", "replace"): unquote_to_bytes(value) for name, _, value in pairs}
    boundary = (request.content_params or {}).get("boundary", "")
    if request.content_type != "multipart/form-data" or not boundary:
        return {}
    fields: dict[str, bytes] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))[1 : MAX_FIELDS + 1]:
        head, found, content = part.partition(b"\r\n\r\n")
        name = head.partition(b'name="')[2].partition(b'"')[0]
        if found and name:
            fields[name.decode("utf-8", "replace")] = content
    return fields


# --- anymail -------------------------------------------------------------------------------------------------------


def _anymail_view(provider: str) -> Any | None:
    """anymail's reader of that provider; None when its settings are not there, or the extra it needs."""
    if provider not in PROVIDERS:
        return None
    module, _, name = PROVIDERS[provider][1].partition(".")
    try:
        kind = getattr(importlib.import_module(f"anymail.webhooks.{module}"), name)
        # The secret is in our address, so that anymail's shared password for all webhooks is not missed.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return type(name, (kind,), {"warn_if_no_basic_auth": False})()
    except (ImproperlyConfigured, AnymailError, ImportError):
        return None


def _check_signature(view: Any, request: HttpRequest, body: bytes, fields: dict[str, bytes]) -> None:
    # Django's own reading of the form stops at 2 MB; the validators need the small fields only.
    request._body = body
    if fields:
        small = {name: value.decode("utf-8", "replace") for name, value in fields.items()}
        request._post = QueryDict(urlencode(small), mutable=False)  # type: ignore[attr-defined]
        request._files = {}  # type: ignore[attr-defined]
    try:
        view.run_validators(request)
    except AnymailWebhookValidationFailure as error:
        raise Refused from error
    except ImproperlyConfigured:
        # The key is not in the settings: the address alone has to be right.
        return
