"""The side panels beside an inquiry, and a customer's whole history: the only module that shows all rooms together."""

from dataclasses import dataclass
from datetime import datetime

from followups.models import PlannedMail
from followups.timeline import timeline as followup_rows
from inquiries import masking, snapshots
from inquiries.models import Inquiry
from inquiries.timeline import timeline as inquiry_rows
from returns.models import ReturnCase
from returns.timeline import timeline as return_rows
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.shop.models import Customer
from shopdesk.shop.timeline import TimelineRow
from shopdesk.shop.timeline import timeline as order_rows

SHOWN = 6


@dataclass(frozen=True)
class InquiryPanels:
    """What stands beside one inquiry besides the customer and the orders. Empty lists draw nothing."""

    customer: Customer
    may_note: bool
    past: list[Inquiry]
    # How the customer's contacts felt, the newest first: codes of Inquiry.Mood, without the unremarkable ones.
    moods: list[str]
    returns: list[ReturnCase]
    held: list[PlannedMail]
    coming: list[PlannedMail]
    sent: list[PlannedMail]
    # What has changed in the order since we last answered.
    changed: list[str]


def for_inquiry(inquiry: Inquiry, user: User) -> InquiryPanels:
    """Past inquiries, returns and follow-ups of the inquiry's customer, as far as the person may see them."""
    customer = inquiry.customer_id
    rows = Inquiry.objects.visible_to(user).filter(customer=customer).exclude(pk=inquiry.pk)
    past = list(rows.select_related("category", "customer").order_by("-opened_at", "-pk")[:SHOWN])
    masking.cover(past, user)
    waiting: list[PlannedMail] = []
    sent: list[PlannedMail] = []
    if user.has_perm(P.FOLLOWUPS_VIEW):
        told = PlannedMail.objects.filter(customer=customer, state=PlannedMail.State.QUEUED)
        sent = list(told.select_related("step").order_by("-due_at", "-pk")[:3])
        letters = PlannedMail.objects.waiting().filter(customer=customer).select_related("step", "sequence", "order")
        waiting = list(letters.order_by("-state", "due_at", "pk")[: SHOWN * 2])
    names = dict(Inquiry.Mood.choices)
    return InquiryPanels(
        customer=inquiry.customer,
        may_note=user.has_perms([P.ORDERS_VIEW, P.INQUIRIES_VIEW_ALL, P.INQUIRIES_TRIAGE]),
        past=past,
        moods=[str(names[row.mood]) for row in past if row.mood],
        returns=list(ReturnCase.objects.filter(customer=customer).order_by("-created_at", "-pk")[:SHOWN])
        if user.has_perm(P.RETURNS_VIEW)
        else [],
        held=[row for row in waiting if row.state == PlannedMail.State.HELD],
        coming=[row for row in waiting if row.state == PlannedMail.State.PLANNED][:3],
        sent=sent,
        changed=snapshots.difference(inquiry) if user.has_perm(P.ORDERS_VIEW) else [],
    )


def history(customer: Customer, user: User, limit: int = 60) -> list[TimelineRow]:
    """Everything with one customer, newest first, from the rooms that the person may enter."""
    rows: list[TimelineRow] = []
    if user.has_perm(P.ORDERS_VIEW):
        rows += order_rows(customer)
    if user.has_perm(P.INQUIRIES_VIEW_ALL):
        rows += inquiry_rows(customer)
    if user.has_perm(P.RETURNS_VIEW):
        rows += return_rows(customer)
    if user.has_perm(P.FOLLOWUPS_VIEW):
        rows += followup_rows(customer)

    def moment(row: TimelineRow) -> datetime:
        return row.at

    return sorted(rows, key=moment, reverse=True)[:limit]
