"""Addresses that must not be written to."""

from datetime import datetime

from django.db import transaction

from shopdesk import addresses
from shopdesk.accounts import audit
from shopdesk.accounts.models import User
from shopdesk.mail.models import MailClass, Suppression
from shopdesk.text import one_line

Scope = Suppression.Scope
Reason = Suppression.Reason

_SCOPES: dict[MailClass, list[Scope]] = {
    MailClass.TRANSACTIONAL: [Scope.ALL],
    MailClass.SERVICE: [Scope.ALL, Scope.SERVICE],
    MailClass.ADVERTISING: [Scope.ALL, Scope.ADVERTISING],
}


def blocked(address: str, mail_class: MailClass | str) -> str:
    """Why a letter of this class must not go to this address: a code of Suppression.Reason, or "".

    Unsubscribing never stops a reply or a receipt: a transactional letter is blocked only by an address that does not
    exist, a complaint, or staff.
    """
    mail_class = MailClass(mail_class)
    rows = Suppression.objects.filter(address=addresses.normalise(address), scope__in=_SCOPES[mail_class])
    if mail_class == MailClass.TRANSACTIONAL:
        rows = rows.exclude(reason=Reason.UNSUBSCRIBED)
    reasons = list(rows.order_by("pk").values_list("reason", flat=True))
    # The weightiest is told: an unsubscription can be taken back by the person, the others cannot.
    return next((reason for reason in reasons if reason != Reason.UNSUBSCRIBED), next(iter(reasons), ""))


@transaction.atomic
def suppress(
    address: str,
    *,
    scope: Scope | str,
    reason: Reason | str,
    now: datetime,
    evidence: str = "",
    by: User | None = None,
) -> Suppression:
    """Stop mail of ``scope`` to an address. Again for the same address and scope: the first row stays.

    Only a reason that stops more (the address does not exist, a complaint, staff) replaces an unsubscription.
    """
    address = addresses.normalise(one_line(address))
    new = Suppression(
        address=address,
        scope=Scope(scope),
        reason=Reason(reason),
        evidence=one_line(evidence)[:300],
        created_at=now,
        by=by,
    )
    Suppression.objects.bulk_create([new], ignore_conflicts=True)
    kept = Suppression.objects.select_for_update().get(address=address, scope=Scope(scope))
    if kept.reason == Reason.UNSUBSCRIBED and new.reason != Reason.UNSUBSCRIBED:
        kept.reason, kept.evidence, kept.by = new.reason, new.evidence, by
        kept.save(update_fields=["reason", "evidence", "by"])
    if by is not None:
        audit.record("suppression.added", actor=by, now=now, address=address, scope=kept.scope, reason=kept.reason)
    return kept


@transaction.atomic
def release(address: str, *, scope: Scope | str, now: datetime, by: User | None = None, note: str = "") -> bool:
    """Allow mail again. False when the address was not suppressed for that scope. The audit log keeps what it was."""
    row = Suppression.objects.select_for_update().filter(address=addresses.normalise(address), scope=scope).first()
    if row is None:
        return False
    audit.record(
        "suppression.released",
        actor=by,
        now=now,
        address=row.address,
        scope=row.scope,
        reason=row.reason,
        since=row.created_at.isoformat(),
        evidence=row.evidence,
        note=one_line(note)[:300],
    )
    row.delete()
    return True
