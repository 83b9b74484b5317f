"""Addresses that must not be written to."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from shopdesk import addresses
from shopdesk.accounts import audit
from shopdesk.accounts.models import User
from shopdesk.mail.models import MailClass, SoftBounce, Suppression
from shopdesk.text import one_line

Scope = Suppression.Scope
Reason = Suppression.Reason

_SCOPES: dict[MailClass, list[Scope]] = {
    MailClass.TRANSACTIONAL: [Scope.ALL],
    MailClass.SERVICE: [Scope.ALL, Scope.SERVICE],
    MailClass.ADVERTISING: [Scope.ALL, Scope.ADVERTISING],
}


# How little a reason weighs beside others.
_LIGHT: dict[str, int] = {Reason.SOFT: 1, Reason.UNSUBSCRIBED: 2}


def blocked(address: str, mail_class: MailClass | str, now: datetime | None = None) -> str:
    """Why a letter of this class must not go to this address at ``now``: a code of Suppression.Reason, or "".

    A rest that is over does not block; without ``now`` it does until the sweep takes it away, which is minutes.

    Unsubscribing never stops a reply or a receipt: a transactional letter is blocked only by an address that does not
    exist, a complaint, or staff.
    """
    mail_class = MailClass(mail_class)
    rows = Suppression.objects.filter(address=addresses.normalise(address), scope__in=_SCOPES[mail_class])
    if mail_class == MailClass.TRANSACTIONAL:
        rows = rows.exclude(reason=Reason.UNSUBSCRIBED)
    if now is not None:
        rows = rows.filter(Q(until=None) | Q(until__gt=now))
    reasons = list(rows.order_by("pk").values_list("reason", flat=True))
    # The weightiest is told: an unsubscription can be taken back by the person, a rest ends, the others do neither.
    return min(reasons, key=lambda reason: _LIGHT.get(reason, 0), default="")


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

    Only a reason that stops more (the address does not exist, a complaint, staff) replaces an unsubscription. A rest
    that ends by itself is ``rest``'s.
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
    kept = Suppression.objects.select_for_update().get(address=address, scope=Scope(scope), until=None)
    if kept.reason == Reason.UNSUBSCRIBED and new.reason != Reason.UNSUBSCRIBED:
        kept.reason, kept.evidence, kept.by = new.reason, new.evidence, by
        kept.save(update_fields=["reason", "evidence", "by"])
    if by is not None:
        audit.record("suppression.added", actor=by, now=now, address=address, scope=kept.scope, reason=kept.reason)
    return kept


@transaction.atomic
def rest(address: str, *, until: datetime, now: datetime, evidence: str = "") -> bool:
    """Stop all mail to an address until then. False when it rests already, or is stopped for a weightier reason."""
    address = addresses.normalise(one_line(address))
    end(now, address=address)
    lasting = Suppression.objects.filter(address=address, scope=Scope.ALL, until=None)
    if lasting.exclude(reason=Reason.UNSUBSCRIBED).exists():
        return False
    row = Suppression(
        address=address,
        scope=Scope.ALL,
        reason=Reason.SOFT,
        evidence=one_line(evidence)[:300],
        created_at=now,
        until=until,
    )
    Suppression.objects.bulk_create([row], ignore_conflicts=True)
    return Suppression.objects.filter(address=address, until=until, created_at=now).exists()


@transaction.atomic
def end(now: datetime, *, address: str | None = None) -> int:
    """Take away the rests that are over, or that of one address; the audit log keeps them. Returns how many."""
    rows = Suppression.objects.select_for_update(skip_locked=address is None).filter(until__lte=now)
    over = list((rows.filter(address=address) if address is not None else rows)[:500])
    for row in over:
        _record("suppression.ended", row, by=None, now=now)
    Suppression.objects.filter(pk__in=[row.pk for row in over]).delete()
    return len(over)


@transaction.atomic
def release(
    address: str,
    *,
    scope: Scope | str,
    now: datetime,
    by: User | None = None,
    note: str = "",
    reason: Reason | str | None = None,
) -> bool:
    """Allow mail again. False when the address was not suppressed for that scope. The audit log keeps what it was.

    ``reason`` says which of two rows is meant when a rest stands beside a lasting one; without it the lasting one is.
    An address whose rest is ended by hand begins anew: what came back before counts no more.
    """
    rows = Suppression.objects.select_for_update().filter(address=addresses.normalise(address), scope=scope)
    if reason is not None:
        rows = rows.filter(reason=reason)
    row = rows.order_by(F("until").asc(nulls_first=True)).first()
    if row is None:
        return False
    _record("suppression.released", row, by=by, now=now, note=one_line(note)[:300])
    if row.until is not None:
        SoftBounce.objects.filter(address=row.address).delete()
    row.delete()
    return True


def _record(code: str, row: Suppression, *, by: User | None, now: datetime, **more: str) -> None:
    audit.record(
        code,
        actor=by,
        now=now,
        address=row.address,
        scope=row.scope,
        reason=row.reason,
        since=row.created_at.isoformat(),
        evidence=row.evidence,
        **more,
    )
