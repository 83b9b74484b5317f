"""Whether a letter may leave, decided from the facts of this moment."""

import logging
from datetime import datetime

from django.db import transaction

from shopdesk import addresses
from shopdesk.mail import consents, marking, message, suppressions
from shopdesk.mail.models import MailClass, MailRoute, OutgoingMail, SendAttempt

logger = logging.getLogger(__name__)

State = OutgoingMail.State


def refusal(mail: OutgoingMail, now: datetime) -> tuple[OutgoingMail.State, str] | None:
    """Why this letter must not leave at this moment, as (state, reason code), or None. Reads the facts anew."""
    if mail.not_after is not None and now > mail.not_after:
        return State.EXPIRED, "too_late"
    if not addresses.is_valid(mail.to_address):
        return State.FAILED, "bad_address"
    if not addresses.is_valid(mail.from_address):
        return State.FAILED, "bad_sender"
    if blocked := suppressions.blocked(mail.to_address, mail.mail_class, now):
        return State.SKIPPED, f"suppressed_{blocked}"
    if mail.mail_class == MailClass.ADVERTISING and not consents.has_consent(mail.to_address):
        return State.SKIPPED, "no_consent"
    return None


def is_plain(mail: OutgoingMail) -> bool:
    """Whether the letter can go with others, prepared in one statement and asked about in one.

    Copies are asked about one by one; what is wrong with an address is told to staff. What a person sends once more
    keeps the bytes of its first copy until the second one is begun.
    """
    return (
        not mail.cc
        and not mail.bcc
        and (mail.attempt == 1 or mail.first_try_at is not None)
        and addresses.is_valid(mail.to_address)
        and addresses.is_valid(mail.from_address)
    )


def carefully(mail: OutgoingMail, route: MailRoute | None, *, now: datetime, until: datetime) -> bytes | None:
    """For a letter against which something may speak: fact by fact. Writes the intent to send it and gives the bytes,
    or writes why not and gives None; None also when it is not this worker's any more."""
    with transaction.atomic(durable=True):
        if not marking.owned(mail, State.LEASED, State.SENDING).select_for_update().exists():
            return None
        no = refusal(mail, now)
        raw = b""
        if no is None:
            mail.left_out = _left_out(mail, now)
            try:
                raw = message.build(mail, now)
            except message.AttachmentMissing:
                no = State.FAILED, "attachment_missing"
            except Exception:
                # One letter that cannot be written must not stop the others.
                logger.exception("Letter %s could not be built.", mail.pk)
                no = State.FAILED, "could_not_build"
        if no is not None:
            state, reason = no
            marking.not_begun(mail, state=state, reason=reason, detail="", changed_at=now)
            return None
        SendAttempt.objects.create(mail=mail, attempt=mail.attempt, worker=mail.lease_owner, route=route, intent_at=now)
        mail.first_try_at = mail.first_try_at or now
        marking.move(
            mail,
            State.LEASED,
            State.SENDING,
            state=State.SENDING,
            raw=raw,
            left_out=mail.left_out,
            route=route,
            reason="",
            detail="",
            first_try_at=mail.first_try_at,
            lease_until=until,
            changed_at=now,
        )
    return raw


def _left_out(mail: OutgoingMail, now: datetime) -> list[dict[str, str]]:
    """The copies that must not go out at this moment, as OutgoingMail.left_out has them."""
    blocked = {address: suppressions.blocked(address, mail.mail_class, now) for address in [*mail.cc, *mail.bcc]}
    return [
        {"address": address, "why": f"suppressed_{reason}", "words": ""}
        for address, reason in blocked.items()
        if reason
    ]
