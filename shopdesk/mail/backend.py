"""The other way out: any Django mail backend that is not SMTP (a provider's interface by django-anymail, memory).

Such a backend does not tell how far it came. So only what certainly did not leave is tried again; the rest is unknown.

Two providers promise to take a request with the same key once: Resend (header Idempotency-Key, for 24 hours) and Brevo
("idempotencyKey" among the letter's headers, for 15 minutes at least). There silence is asked about at once, with the
same key and the same bytes, a few seconds apart: far inside both windows, by the same account, and before anything else
happens to the letter. What is silent to the end is unknown as with the others, and is not repeated later: no key is
trusted over another route, another process or an hour. Of the other providers we know no such promise.
"""

import hashlib
import hmac
import socket
import time
import uuid
from email.headerregistry import Address
from types import TracebackType
from typing import Any, Self

from anymail.utils import EmailAddress
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from shopdesk.mail import message
from shopdesk.mail.models import OutgoingMail
from shopdesk.mail.smtp import Accepted, NotAccepted, Refusal, Refused, Unknown, without_secrets

# Exceptions, by name since the libraries are optional, that are raised before a request could have been accepted.
_NEVER_LEFT = {"ConnectTimeout", "NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}
# django-anymail's complaints about the letter itself, before it calls the provider or instead of sending.
_NOT_SENDABLE = {
    "AnymailInvalidAddress", "AnymailSerializationError", "AnymailUnsupportedFeature", "AnymailRecipientsRefused",
    "AnymailConfigurationError", "BadHeaderError",
}  # fmt: skip

# Seconds before each further request with the same key.
AGAIN_AFTER = (2.0, 8.0)
# django-anymail's name of a provider -> where its key goes: among the letter's headers, or the request's.
_KEY_IN_LETTER = {"Brevo": "idempotencyKey"}
_KEY_IN_REQUEST = {"Resend": "Idempotency-Key"}
# What django-anymail says of a recipient whom the provider will not write to.
_NOT_TAKEN = {"invalid", "rejected", "failed"}


class BackendRoute:
    """A connection of a backend, used for a batch; without one it is the settings'. ``secret`` is kept from answers."""

    def __init__(self, connection: BaseEmailBackend | None = None, secret: str = "") -> None:
        self._connection: BaseEmailBackend = connection or get_connection(fail_silently=False)
        self._secret = secret

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def open(self) -> None:
        """Nothing to do beforehand: backends connect by themselves."""

    def send(self, mail: OutgoingMail, raw: bytes) -> Accepted:
        """Hand the letter over. Raises NotAccepted, Refused or Unknown."""
        letter = _letter(mail, raw)
        letter.connection = self._connection
        if self._with_key(letter, mail):
            count = self._insist(letter)
        else:
            count = self._send(letter)
        if not count:
            raise Unknown(None, "The mail backend did not say that it sent anything.")
        told = getattr(letter, "anymail_status", None)
        refused = _refused(mail, told)
        if any(one.address == mail.to_address for one in refused):
            # It went to the copies alone, which only a provider can do: here the letter would end before that. It is
            # shown as refused; whoever sends it again knows who has had it.
            raise Refused(None, f"{refused[0].words}. Copies went to: {', '.join(mail.copies())}"[:500])
        return Accepted(250, str(getattr(told, "message_id", None) or "")[:500], refused)

    def _send(self, letter: EmailMultiAlternatives) -> int:
        try:
            return int(letter.send() or 0)
        except Exception as error:  # each backend has its own exceptions; none of them may look like a success
            raise _meaning(error, self._secret) from error

    def _insist(self, letter: EmailMultiAlternatives) -> int:
        """Ask again about silence. After it only a yes means anything: a no may be of the repetition alone."""
        try:
            return self._send(letter)
        except Unknown as silence:
            unknown = silence
        for seconds in AGAIN_AFTER:
            time.sleep(seconds)
            try:
                return self._send(letter)
            except Unknown as silence:
                unknown = silence
            except NotAccepted as refusal:
                raise Unknown(refusal.code, refusal.words) from refusal
        raise unknown

    def _with_key(self, letter: EmailMultiAlternatives, mail: OutgoingMail) -> bool:
        """Give the letter its key where the provider knows keys. One for each try: what is sent again by a person, or
        after a refusal, is another request."""
        provider = getattr(self._connection, "esp_name", "")
        if provider not in _KEY_IN_LETTER and provider not in _KEY_IN_REQUEST:
            return False
        words = f"shopdesk.idempotency:{mail.message_id}:{mail.attempt}:{mail.lease_token}"
        mac = hmac.new(settings.SECRET_KEY.encode(), words.encode(), hashlib.sha256).digest()
        key = str(uuid.UUID(bytes=mac[:16], version=4))
        if provider in _KEY_IN_LETTER:
            letter.extra_headers[_KEY_IN_LETTER[provider]] = key
        else:
            self._connection.open()  # its session is what the requests take their headers from
            self._connection.session.headers[_KEY_IN_REQUEST[provider]] = key  # type: ignore[attr-defined]  # anymail's
        return True


def _refused(mail: OutgoingMail, told: Any) -> tuple[Refusal, ...]:
    """Whom the provider will not write to, of all who were given to it, the recipient first."""
    statuses = {
        address.replace('"', "").lower(): one.status
        for address, one in (getattr(told, "recipients", None) or {}).items()
    }
    people = [mail.to_address, *mail.copies()]
    said = [(address, statuses.get(address)) for address in people]
    return tuple(Refusal(address, status) for address, status in said if status in _NOT_TAKEN)


def _quote_in_anymail() -> None:
    """Make django-anymail keep the quotes of a local part like ``"da.me.."``, which it takes off while parsing.

    Providers refuse the bare form, Japanese carriers gave such addresses to many of their customers, and neither the
    library nor the standard library's class under it has a switch for them.
    """
    plain = Address.addr_spec.fget  # type: ignore[attr-defined]  # a property, seen from its class
    whole = EmailAddress.format

    def addr_spec(self: EmailAddress) -> str:
        address: str = plain(self)
        return address if address.startswith('"') or "@" not in address else message.quoted(address)

    def formatted(self: EmailAddress, **options: Any) -> str:
        return str(whole(self, **options)).replace(plain(self), self.addr_spec)

    EmailAddress.addr_spec = property(addr_spec)
    EmailAddress.format = formatted


_quote_in_anymail()


def _letter(mail: OutgoingMail, raw: bytes) -> EmailMultiAlternatives:
    import email

    built = email.message_from_bytes(raw)
    headers = {**message.thread_headers(mail), "Message-ID": mail.message_id, "Date": str(built["Date"])}
    reply_to = headers.pop("Reply-To", "")
    letter = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.text,
        from_email=message.mailbox_of_words(mail.from_name, mail.from_address),
        to=[message.mailbox_of_words(mail.to_name, mail.to_address)],
        cc=[message.quoted(address) for address in mail.shown_copies()],
        bcc=[message.quoted(address) for address in mail.copies() if address not in mail.cc],
        reply_to=[reply_to] if reply_to else None,
        headers={name: " ".join(value.split()) for name, value in headers.items()},
    )
    if mail.html:
        letter.attach_alternative(mail.html, "text/html")
    for attachment in mail.attachments:
        letter.attach(*message.stored_file(attachment))
    # Read by django-anymail alone: the provider's events come back with it.
    # The Message-ID, which nobody can guess, proves that an event is about a letter of ours.
    letter.metadata = {"mail": str(mail.pk), "message_id": mail.message_id}  # type: ignore[attr-defined]  # anymail's own attribute
    return letter


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    here: BaseException | None = error
    while here is not None and here not in chain:
        chain.append(here)
        reason: Any = getattr(here, "reason", None)
        here = here.__cause__ or here.__context__ or (reason if isinstance(reason, BaseException) else None)
    return chain


def _meaning(error: Exception, secret: str) -> NotAccepted:
    words = without_secrets(f"{type(error).__name__}: {error}", secret)
    chain = _chain(error)
    if any(isinstance(e, ConnectionRefusedError | socket.gaierror) or type(e).__name__ in _NEVER_LEFT for e in chain):
        return NotAccepted(None, words)
    if any(type(e).__name__ in _NOT_SENDABLE for e in chain):
        return Refused(None, words)
    status: Any = getattr(error, "status_code", None)
    if status == 429:
        return NotAccepted(status, words)
    if isinstance(status, int) and 400 <= status < 500:
        return Refused(status, words)
    return Unknown(status if isinstance(status, int) else None, words)
