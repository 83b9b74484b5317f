"""The gate: may this letter leave now? Decided from the facts of the moment, under a lock on the customer's row.

That lock (FOR UPDATE) gives everything about one customer an order: a new row that points to the customer takes a
key-share lock on it when it is committed, so that a complaint or a return that is being filed while a letter is
decided is either seen here, or is committed after the letter was queued. Unsubscribing takes the same lock. Where
somebody else holds it, nothing is decided: the letter waits for the next sweep.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from followups.models import PlannedMail, Sequence
from inquiries.models import Inquiry
from returns.models import ReturnCase
from shopdesk import addresses
from shopdesk.mail import consents, suppressions
from shopdesk.mail.models import MailClass
from shopdesk.shop.models import Customer, Order

State = PlannedMail.State


@dataclass(frozen=True)
class Verdict:
    """``state`` to give the row; QUEUED means: write. ``code`` says why, ``facts`` (JSON) what was known."""

    state: PlannedMail.State
    code: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def allowed(self) -> bool:
        return self.state == State.QUEUED


def address_of(planned: PlannedMail, customer: Customer) -> str:
    """Where the letter goes: the order's own address, else the customer's newest; empty where there is none to use."""
    given = planned.order.email if planned.order is not None else ""
    address = addresses.normalise(given or customer.email)
    return address if addresses.is_valid(address) else ""


def decide(planned: PlannedMail, customer: Customer, *, now: datetime) -> Verdict:
    """Whether the letter may leave. Final refusals come first, so that nothing is held that could never be sent.

    A row that a person released (``released_by`` in its decision) passes the holds, never the refusals.
    """
    return _refusal(planned, customer, now) or _hold(planned, customer) or Verdict(State.QUEUED, "allowed")


def _refusal(planned: PlannedMail, customer: Customer, now: datetime) -> Verdict | None:
    sequence, order = planned.sequence, planned.order
    if now > planned.not_after:
        return Verdict(State.EXPIRED, "late", {"held_for": planned.decision.get("held_for", "")})
    if order is not None:
        if order.status == Order.Status.CANCELLED:
            return Verdict(State.SKIPPED, "order_cancelled")
        if order.status == Order.Status.RETURNED:
            return Verdict(State.SKIPPED, "order_returned")
        if sequence.stop_on_return:
            done = ReturnCase.objects.filter(order=order, status=ReturnCase.Status.COMPLETED).first()
            if done is not None:
                return Verdict(State.SKIPPED, "returned", {"return": done.pk, "number": done.number})
    address = address_of(planned, customer)
    if not address:
        return Verdict(State.SKIPPED, "no_address")
    if sequence.mail_class == MailClass.ADVERTISING and (
        addresses.is_masked(address) or any(row.masked and row.address == address for row in customer.addresses.all())
    ):
        return Verdict(State.SKIPPED, "marketplace_address")
    if why := suppressions.blocked(address, MailClass(sequence.mail_class)):
        return Verdict(State.SKIPPED, "suppressed", {"why": why})
    if sequence.mail_class == MailClass.ADVERTISING and not consents.has_consent(address):
        return Verdict(State.SKIPPED, "no_consent")
    if sequence.stop_on_repurchase and order is not None:
        again = (
            Order.objects.filter(customer=customer, ordered_at__gt=order.ordered_at)
            .exclude(status__in=[Order.Status.CANCELLED, Order.Status.RETURNED])
            .first()
        )
        if again is not None:
            return Verdict(State.SKIPPED, "repurchased", {"order": again.pk, "number": again.number})
    return None


def _hold(planned: PlannedMail, customer: Customer) -> Verdict | None:
    sequence = planned.sequence
    if planned.decision.get("released_by"):
        return None
    if sequence.status != Sequence.Status.ACTIVE or not planned.step.is_active:
        return Verdict(State.HELD, "paused")
    if sequence.stop_on_return:
        case = ReturnCase.objects.open().filter(customer=customer).order_by("pk").first()
        if case is not None:
            return Verdict(State.HELD, "open_return", {"return": case.pk, "number": case.number})
    if sequence.hold_on_complaint:
        complaint = Inquiry.objects.open_complaints_of(customer).order_by("pk").first()
        if complaint is not None:
            return Verdict(State.HELD, "open_complaint", {"inquiry": complaint.pk, "number": complaint.number})
    return None
