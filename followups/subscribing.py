"""What an address wants to receive: stopping and resuming, by the owner of the address, with a signed link.

Stopping takes the lock that the gate takes (the customer's row): after it has answered, no letter of that kind is
queued any more. The mail room looks once more before it sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from shopdesk import addresses, tokens
from shopdesk.mail import consents, suppressions
from shopdesk.mail.models import Consent, MailClass, Suppression
from shopdesk.shop.models import Customer, CustomerAddress, Order

Scope = Suppression.Scope
SCOPES = (Scope.SERVICE, Scope.ADVERTISING, Scope.ALL)


@dataclass(frozen=True)
class Link:
    """What an unsubscribe link says: whose, which kind of letter it stood in, and which letter that was."""

    address: str
    scope: Suppression.Scope
    planned: int | None


@dataclass(frozen=True)
class Choice:
    """What an address receives now. ``locked``: stopped for a reason that only the shop can undo (a bounce …)."""

    service: bool
    advertising: bool
    consented: bool
    locked: bool


def read_unsubscribe(token: str) -> Link:
    """What the link of a letter says. It never expires. Raises tokens.BadToken for anything that is not ours."""
    data = _data("unsubscribe", token)
    kind = data.get("class")
    scope = Scope.ADVERTISING if kind == MailClass.ADVERTISING else Scope.SERVICE
    return Link(str(data["address"]), scope, data.get("planned"))


def read_preferences(token: str) -> str:
    """The address of a preference link. Raises tokens.BadToken."""
    return str(_data("preferences", token)["address"])


def _data(purpose: str, token: str) -> dict[str, Any]:
    data = tokens.read(purpose, token, max_age=None)
    if not isinstance(data, dict) or not addresses.is_valid(str(data.get("address", ""))):
        raise tokens.BadToken
    return data


@transaction.atomic
def stop(address: str, *, scope: Suppression.Scope, evidence: str, now: datetime) -> None:
    """Stop a kind of mail at once; again changes nothing. Stopping advertising also takes consent back, as evidence."""
    _lock(address)
    suppressions.suppress(address, scope=scope, reason=Suppression.Reason.UNSUBSCRIBED, now=now, evidence=evidence)
    if scope in {Scope.ADVERTISING, Scope.ALL} and consents.has_consent(address):
        consents.withdraw(address, source=evidence, now=now)


@transaction.atomic
def choose(address: str, *, service: bool, advertising: bool, wording: str, evidence: str, now: datetime) -> None:
    """Make it so that the address receives exactly these kinds. ``wording``: the words that stood beside the box.

    Advertising is consented to only by this choice: the box is never ticked beforehand for one who did not consent.
    """
    _lock(address)
    before = choice_of(address)
    stopped = {scope for scope, wanted in ((Scope.SERVICE, service), (Scope.ADVERTISING, advertising)) if not wanted}
    own = Suppression.objects.filter(
        address=addresses.normalise(address), reason=Suppression.Reason.UNSUBSCRIBED, scope__in=SCOPES
    )
    for row in own.exclude(scope__in=stopped):
        suppressions.release(address, scope=row.scope, now=now, note=evidence)
    for scope in sorted(stopped):
        suppressions.suppress(address, scope=scope, reason=Suppression.Reason.UNSUBSCRIBED, now=now, evidence=evidence)
    if advertising and not before.consented:
        consents.give(address, source=evidence, now=now, wording=wording)
    if not advertising and before.consented:
        consents.withdraw(address, source=evidence, now=now, wording=wording)


@transaction.atomic
def resume(address: str, *, scope: Suppression.Scope, evidence: str, now: datetime) -> bool:
    """Undo an unsubscription made through a link; gives whether there was one. A bounce or a complaint is not undone.

    Consent that was taken back with it is given again, with the undoing as its source.
    """
    _lock(address)
    row = Suppression.objects.filter(
        address=addresses.normalise(address), scope=scope, reason=Suppression.Reason.UNSUBSCRIBED
    ).first()
    if row is None:
        return False
    taken_back = _consent_was_taken_back(address, row.created_at)
    suppressions.release(address, scope=scope, now=now, note=evidence)
    if taken_back and scope in {Scope.ADVERTISING, Scope.ALL}:
        consents.give(address, source=evidence, now=now)
    return True


def choice_of(address: str) -> Choice:
    """What the address receives now."""
    reasons = {kind: suppressions.blocked(address, kind) for kind in (MailClass.SERVICE, MailClass.ADVERTISING)}
    consented = consents.has_consent(address)
    return Choice(
        service=not reasons[MailClass.SERVICE],
        advertising=consented and not reasons[MailClass.ADVERTISING],
        consented=consented,
        locked=any(reason not in {"", Suppression.Reason.UNSUBSCRIBED} for reason in reasons.values()),
    )


def _consent_was_taken_back(address: str, at: datetime) -> bool:
    last = Consent.objects.filter(address=addresses.normalise(address)).order_by("-at", "-pk").first()
    return last is not None and last.act == Consent.Act.WITHDRAWN and last.at >= at


def _lock(address: str) -> None:
    """Wait for letters that are being decided for this address, and let later ones see what is written here."""
    # Asked one by one, each answered by an index: joined by OR, every customer would be looked at.
    people = set(CustomerAddress.objects.filter(address=address).values_list("customer", flat=True))
    people |= set(Order.objects.filter(email__iexact=address).values_list("customer", flat=True))
    list(Customer.objects.filter(pk__in=people).order_by("pk").select_for_update().values_list("pk", flat=True))
