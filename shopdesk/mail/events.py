"""What providers tell about letters: stored first, applied once by a sweep, whatever is replayed or comes late.

An event is believed about a letter only when it carries that letter's Message-ID, which nobody can guess, and names
the address that it went to. Opens and clicks are stored by the provider's wish and change nothing: nobody is watched.
"""

import hashlib
import importlib
import json
import logging
import re
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, EventType
from django.db import DatabaseError, transaction
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Least
from django.http import HttpRequest

from shopdesk import addresses, sweeps
from shopdesk.mail import bounce_reasons, bounced, smtp, soft_bounces, suppressions
from shopdesk.mail.models import MailClass, OutgoingMail, ProviderEvent, Suppression
from shopdesk.text import one_line

logger = logging.getLogger(__name__)

State = OutgoingMail.State

# The provider's name in the address -> anymail's reader of its events.
PROVIDERS: dict[str, str] = {
    "amazon_ses": "amazon_ses.AmazonSESTrackingWebhookView",
    "brevo": "brevo.BrevoTrackingWebhookView",
    "mailersend": "mailersend.MailerSendTrackingWebhookView",
    "mailgun": "mailgun.MailgunTrackingWebhookView",
    "mailjet": "mailjet.MailjetTrackingWebhookView",
    "mailtrap": "mailtrap.MailtrapTrackingWebhookView",
    "mandrill": "mandrill.MandrillCombinedWebhookView",
    "postal": "postal.PostalTrackingWebhookView",
    "postmark": "postmark.PostmarkTrackingWebhookView",
    "resend": "resend.ResendTrackingWebhookView",
    "sendgrid": "sendgrid.SendGridTrackingWebhookView",
    "sparkpost": "sparkpost.SparkPostTrackingWebhookView",
}
LIMIT = 500  # events applied in one sweep
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
# The reasons that say that the address is dead -> OutgoingMail.bounce_code.
_DEAD = {"user_unknown", "host_unknown", "moved"}
# What an event may not overwrite: the graver stays, in whatever order they come.
_GRAVITY = ("", "other", "mailbox_full", "moved", "host_unknown", "user_unknown", "complaint")
_GONE = {EventType.SENT, EventType.DELIVERED}
_RETURNED = {EventType.BOUNCED, EventType.REJECTED, EventType.FAILED}


class NotSigned(Exception):
    """Neither the shared secret nor the provider's signature is right, or neither was ever set."""


class NotUnderstood(Exception):
    """No provider of that name, or not what it usually sends."""


# --- take in ------------------------------------------------------------------------------------------------------


def receive(provider: str, request: HttpRequest, *, now: datetime) -> int:
    """Store what a provider posted. Returns how many events are new. Raises NotSigned or NotUnderstood.

    The secret is HTTP basic authentication (ANYMAIL_WEBHOOK_SECRET, "user:password"), compared in constant time by
    anymail; providers that sign are checked by their key. An installation without either takes nothing.
    """
    if provider not in PROVIDERS:
        raise NotUnderstood
    module, _, name = PROVIDERS[provider].partition(".")
    try:
        kind = getattr(importlib.import_module(f"anymail.webhooks.{module}"), name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a missing secret: refused below
            view = kind()
        if not view.basic_auth and view.warn_if_no_basic_auth:
            raise NotSigned
        view.setup(request)
        view.run_validators(request)
    except NotSigned:
        raise
    except Exception as error:  # noqa: BLE001  # each provider's reader has its own complaints about its settings
        # Settings that are missing are a refusal as well: what cannot be checked is not believed.
        if not isinstance(error, AnymailWebhookValidationFailure):
            logger.warning("Events of %s could not be checked: %s", provider, type(error).__name__)
        raise NotSigned from None
    try:
        events = [event for event in view.parse_events(request) if isinstance(event, AnymailTrackingEvent)]
        rows = [_row(provider, event, now) for event in events]
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a stranger's body makes a reader raise is a refusal
        logger.warning("Events of %s could not be read: %s", provider, type(error).__name__)
        raise NotUnderstood from None
    return store(rows)


def store(rows: Iterable[ProviderEvent]) -> int:
    """Keep the events that are new; a replay changes nothing. Returns how many are new."""
    rows = list(rows)
    keys = {(row.provider, row.event_key) for row in rows}
    known = ProviderEvent.objects.filter(
        provider__in={provider for provider, _ in keys}, event_key__in={key for _, key in keys}
    ).count()
    ProviderEvent.objects.bulk_create(rows, ignore_conflicts=True)
    return max(0, len(keys) - known)


def _row(provider: str, event: AnymailTrackingEvent, now: datetime) -> ProviderEvent:
    kind = str(event.event_type or "unknown")[:20]
    raw = json.dumps(event.esp_event, sort_keys=True, default=str)
    key = f"{kind}:{event.event_id}" if event.event_id else hashlib.sha256(raw.encode()).hexdigest()
    metadata = event.metadata if isinstance(event.metadata, dict) else {}
    at = event.timestamp if isinstance(event.timestamp, datetime) else now
    words = f"{event.mta_response or ''} {event.description or ''}"
    return ProviderEvent(
        provider=provider,
        event_key=key[:200],
        type=kind,
        message_id=one_line(str(metadata.get("message_id") or event.message_id or ""))[:200],
        recipient=one_line(str(event.recipient or ""))[:254],
        at=min(at if at.tzinfo else at.replace(tzinfo=UTC), now),
        received_at=now,
        data={"reason": str(event.reject_reason or ""), "words": smtp.without_secrets(words)[:300]},
    )


# --- apply --------------------------------------------------------------------------------------------------------


def sweep(now: datetime, limit: int = LIMIT) -> int:
    """Apply stored events, each in its own transaction. Returns how many were applied."""
    return sweeps.work_off(
        ProviderEvent.objects.filter(applied_at=None).only("pk").order_by("pk"),
        lambda event: _apply(event.pk, now),
        limit=limit, log=logger, words="The provider's event %s could not be applied.",
    )  # fmt: skip


def _apply(pk: int, now: datetime) -> bool:
    with transaction.atomic():
        rows = ProviderEvent.objects.select_for_update(skip_locked=True)
        event = rows.filter(pk=pk, applied_at=None).first()
        if event is None:
            return False
        letter = bounced.letter_of(event.message_id)
        # A shared provider account tells of letters of other people, too; and of addresses that a person forwards to.
        address = addresses.normalise(event.recipient)
        if letter is not None and address in {letter.to_address, *letter.cc, *letter.bcc}:
            if letter.state == State.SENDING:
                return False  # its worker is about to say the same; if it is dead, the letter will be uncertain
            _effect(event, letter, address, now)
        event.applied_at = now
        event.save(update_fields=["applied_at"])
    return True


def _effect(event: ProviderEvent, letter: OutgoingMail, address: str, now: datetime) -> None:
    """What the event changes: for the recipient the letter itself, for a copy its own line on it."""
    evidence = f"mail {letter.pk}, {event.provider} {event.pk}"
    is_copy = address != letter.to_address
    if event.type in _GONE:
        _settle(letter, event.at, now)
        if event.type == EventType.DELIVERED and not is_copy:
            delivered = Least(Coalesce("delivered_at", Value(event.at)), Value(event.at))
            OutgoingMail.objects.filter(pk=letter.pk).update(delivered_at=delivered)
    elif event.type == EventType.DEFERRED:
        reason, status = _reason(event)
        soft_bounces.note(letter, address, code=reason, status=status, at=event.at, now=now, delayed=True)
    elif event.type in _RETURNED:
        code = _code(event)
        if is_copy:
            _settle(letter, event.at, now)
            bounced.leave_out(letter, address, "came_back", str(event.data.get("words", "")))
        else:
            _returned(letter, code, event, now)
        if event.type != EventType.BOUNCED:
            return
        if code in _DEAD:
            suppressions.suppress(
                address,
                scope=Suppression.Scope.ALL,
                reason=Suppression.Reason.BOUNCED,
                now=now,
                evidence=f"{event.data.get('words', '')[:150]} {evidence}",
            )
        else:
            reason, status = _reason(event)
            soft_bounces.note(letter, address, code=reason, status=status, at=event.at, now=now)
    elif event.type == EventType.COMPLAINED:
        if is_copy:
            bounced.leave_out(letter, address, "complaint", "")
        else:
            _returned(letter, "complaint", event, now)
        bounced.complained(address, evidence, now)
    elif event.type == EventType.UNSUBSCRIBED and letter.mail_class != MailClass.TRANSACTIONAL:
        suppressions.suppress(
            address, scope=letter.mail_class, reason=Suppression.Reason.UNSUBSCRIBED, now=now, evidence=evidence
        )


def _settle(letter: OutgoingMail, at: datetime, now: datetime) -> None:
    """It left, the provider knows: nothing is unclear any more."""
    uncertain = OutgoingMail.objects.filter(pk=letter.pk, state=State.UNCERTAIN, lease_token=letter.lease_token)
    uncertain.update(state=State.SENT, sent_at=at, reason="confirmed", changed_at=now)


def _returned(letter: OutgoingMail, code: str, event: ProviderEvent, now: datetime) -> None:
    """It came back, or the provider would not carry it. Either way it had left this desk."""
    _settle(letter, event.at, now)
    lighter = _GRAVITY[: _GRAVITY.index(code)] if code in _GRAVITY else ("",)
    OutgoingMail.objects.filter(Q(bounce_code__in=lighter), pk=letter.pk).update(
        bounced_at=Coalesce("bounced_at", Value(event.at)),
        bounce_code=code,
        bounce_detail=str(event.data.get("words", ""))[:300],
    )


def _reason(event: ProviderEvent) -> tuple[str, str]:
    """A code of bounce_reasons.REASONS and the enhanced status or "", from the receiving server's words."""
    words = str(event.data.get("words", ""))
    found = _STATUS.search(words)
    status = found.group(1) if found else ""
    return bounce_reasons.reason_of(words, status, "", ""), status


def _code(event: ProviderEvent) -> str:
    """Why it came back. A provider's "hard" alone condemns no address."""
    reason, status = _reason(event)
    if event.type == EventType.BOUNCED and reason in _DEAD and not status.startswith("4."):
        return reason
    return reason if reason == "mailbox_full" else "other"
