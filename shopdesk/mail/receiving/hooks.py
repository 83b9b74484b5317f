"""Mail that a provider posts to us. What it wraps the mail in differs; the mail's own bytes are taken out of it.

The secret part of the address says whose mailbox it is. Where the provider also signs and django-anymail has its key in
the settings, the signature has to be right as well. A wrapping without the original bytes goes through anymail, which
puts a mail together from the parts; a wrapping that nobody understands is kept as it is and shown in the errors.

Some providers post only where the mail lies. It is fetched before the post is answered: what cannot be had now is
answered with 503, so that the provider posts it again.
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
from urllib.parse import quote, unquote_to_bytes, urlencode, urljoin

import requests
from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce
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
# Seconds for connecting and for each answer of a provider's own interface.
FETCH_TIMEOUT = 10.0
# What a provider answers when the mail or file will never be there again; anything else is worth another post.
_GONE = {404, 410}

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


class NotYet(Exception):
    """The mail lies at the provider and cannot be had now; its next post may bring it."""


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

    Raises Refused or NotYet. Whatever else is strange about the body, it is kept.
    """
    fields = _fields(request, body)
    view = _anymail_view(mailbox.provider)
    if view is not None:
        _check_signature(view, request, body, fields)
    elif settings.ANYMAIL.get(_SIGNING_KEYS.get(mailbox.provider, "")):
        logger.error("Posts of %s cannot be checked: a setting or a library is missing.", mailbox.provider)
        raise Refused
    try:
        letters = _letters(mailbox.provider, request, body, fields, view)
    except NotYet as reason:
        since = Coalesce("problem_since", Value(now)) if mailbox.problem else now
        rows = Mailbox.objects.filter(pk=mailbox.pk)
        rows.update(problem="not_handed_over", problem_detail=str(reason), problem_since=since)
        raise
    if mailbox.problem:
        Mailbox.objects.filter(pk=mailbox.pk).update(problem="", problem_detail="", problem_since=None)
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
        if found is None and view is not None and provider in _FETCH:
            found = _FETCH[provider](view, body)
        if found is not None and all(found):
            return [Letter(raw, hashlib.sha256(raw).hexdigest()) for raw in found[:MAX_LETTERS]]
    except requests.RequestException as error:
        _not_yet(provider, error)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        logger.warning("A post of %s is not as its provider describes it.", provider or "mail")
        if provider in _FETCH:
            view = None  # anymail would ask the same address once more
    key = hashlib.sha256(body).hexdigest()
    if view is None:
        return [Letter(body, key, "wrapping")]
    return _by_anymail(provider, view, request, body, key)


def _by_anymail(provider: str, view: Any, request: HttpRequest, body: bytes, key: str) -> list[Letter]:
    letters = []
    try:
        # An event that is None is a provider's example.
        events = [event for event in view.parse_events(request) if event is not None]
        for place, event in enumerate(events):
            if isinstance(event.message, Message):
                letters.append(Letter(event.message.as_bytes(), str(event.event_id or f"{key}:{place}")[:200]))
    except requests.RequestException as error:
        _not_yet(provider, error)
        return [Letter(body, key, "wrapping")]
    except Exception as error:  # noqa: BLE001  # the library reads foreign words; what it trips over is kept
        logger.warning("A post could not be unwrapped: %s", type(error).__name__)
        return [Letter(body, key, "wrapping")]
    return letters if len(letters) == len(events) else [Letter(body, key, "wrapping")]


def _not_yet(provider: str, error: requests.RequestException) -> None:
    """Raise NotYet, unless what was to be fetched is gone for good. The log has no address: it may hold a signature."""
    status = getattr(error.response, "status_code", None)
    logger.warning("A mail could not be fetched from %s: %s %s", provider, type(error).__name__, status or "")
    if status not in _GONE:
        raise NotYet(f"{type(error).__name__} {status or ''}".strip()) from None


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


def _amazon_ses(request: HttpRequest, body: bytes, fields: dict[str, bytes]) -> list[bytes] | None:
    event = json.loads(body)
    if event.get("Type") == "Notification":
        event = json.loads(event["Message"])
    if event.get("notificationType") != "Received" or event.get("content") is None:
        return None  # the topic asks for its confirmation, or the mail lies in a bucket
    raw = _bytes(event["content"])
    return [base64.b64decode(raw) if event["receipt"]["action"].get("encoding") == "BASE64" else raw]


def _mailtrap(view: Any, body: bytes) -> list[bytes] | None:
    found = []
    for event in json.loads(body).get("events", []):
        inbox = event.get("inbox_id")
        if inbox is None or inbox == 1 or not event["event"].startswith("inbound"):
            return None  # an example, or another kind of event
        where = f"inbound/inboxes/{quote(str(inbox), safe='')}/messages/{quote(event['message_id'], safe='')}"
        found.append(_download(_told(view.api_url, where, view.api_token)["raw_message_url"]))
    return found


def _resend(view: Any, body: bytes) -> list[bytes] | None:
    event = json.loads(body)
    if event.get("type") != "email.received":
        return None
    where = f"emails/receiving/{quote(event['data']['email_id'], safe='')}"
    address = (_told(view.api_url, where, view.api_key).get("raw") or {}).get("download_url")
    return [_download(address)] if address else None


def _told(base: str, where: str, key: str) -> Any:
    """What a provider's interface says of a mail."""
    answer = requests.get(urljoin(base, where), headers={"Authorization": f"Bearer {key}"}, timeout=FETCH_TIMEOUT)
    answer.raise_for_status()
    return answer.json()


def _download(address: str) -> bytes:
    """A mail from where the provider keeps it, read as far as one byte more than a mail may have."""
    if not address.startswith("https://"):
        raise ValueError("not a web address")
    content = bytearray()
    with requests.get(address, timeout=FETCH_TIMEOUT, stream=True) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_content(65536):
            content += chunk
            if len(content) > MAX_SIZE:
                break
    return bytes(content[: MAX_SIZE + 1])


_FETCH: dict[str, Callable[[Any, bytes], list[bytes] | None]] = {"mailtrap": _mailtrap, "resend": _resend}

_RAW: dict[str, Callable[[HttpRequest, bytes, dict[str, bytes]], list[bytes] | None]] = {
    "": _plain,
    "sendgrid": _sendgrid,
    "mailgun": _mailgun,
    "mandrill": _mandrill,
    "postmark": _postmark,
    "sparkpost": _sparkpost,
    "postal": _postal,
    "mailersend": _mailersend,
    "amazon_ses": _amazon_ses,
    # These hand over parts, or an address to fetch the mail from: _FETCH, or anymail's own reading.
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


# The setting by which a shop asks that a provider's signature be checked.
_SIGNING_KEYS: dict[str, str] = {
    "mailersend": "MAILERSEND_INBOUND_SECRET",
    "mailgun": "MAILGUN_WEBHOOK_SIGNING_KEY",
    "mailtrap": "MAILTRAP_INBOUND_SECRET",
    "mandrill": "MANDRILL_WEBHOOK_KEY",
    "postal": "POSTAL_WEBHOOK_KEY",
    "resend": "RESEND_INBOUND_SECRET",
}


class _Patient:
    """Stands for ``requests`` in anymail's readers, which would wait for a provider's interface for ever."""

    @staticmethod
    def get(url: str, **options: Any) -> requests.Response:
        return requests.get(url, timeout=FETCH_TIMEOUT, **options)


def _anymail_view(provider: str) -> Any | None:
    """anymail's reader of that provider; None when its settings are not there, or the extra it needs."""
    if provider not in PROVIDERS:
        return None
    module, _, name = PROVIDERS[provider][1].partition(".")
    try:
        reader = importlib.import_module(f"anymail.webhooks.{module}")
        if hasattr(reader, "requests"):
            reader.requests = _Patient  # type: ignore[attr-defined]  # not every reader has it
        kind = getattr(reader, name)
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
