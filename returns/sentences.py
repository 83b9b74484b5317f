"""Events and states in words: for staff with names, for customers without."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from returns.models import ReturnCase, ReturnEvent

Status = ReturnCase.Status

TONES = {
    Status.SUBMITTED: "warn",
    Status.APPROVED: "info",
    Status.RECEIVED: "info",
    Status.COMPLETED: "ok",
    Status.DECLINED: "neutral",
    Status.WITHDRAWN: "neutral",
}


def tone(status: str) -> str:
    """The badge's tone: neutral, info, ok or warn."""
    return TONES[Status(status)]


def customer_status(status: str) -> str:
    """The state as the customer reads it."""
    return {
        Status.SUBMITTED: _("We are looking at it"),
        Status.APPROVED: _("Approved: please send the goods"),
        Status.RECEIVED: _("The goods have arrived"),
        Status.COMPLETED: _("Completed"),
        Status.DECLINED: _("Could not be accepted"),
        Status.WITHDRAWN: _("Withdrawn"),
    }[Status(status)]


def for_staff(event: ReturnEvent) -> str:
    """What happened and who did it. An unknown code is shown as it is."""
    who = str(event.actor) if event.actor else ""
    data = event.data
    match event.code:
        case "return.requested":
            count = int(data.get("units", 0))
            return ngettext(
                "The customer asked to return %(count)s unit", "The customer asked to return %(count)s units", count
            ) % {"count": count}
        case "return.approved":
            if data.get("approved") != data.get("asked"):
                return _("%(who)s approved %(approved)s of %(asked)s units") % {**data, "who": who}
            return _("%(who)s approved the return") % {"who": who}
        case "return.declined":
            if data.get("duty_checked"):
                return _("%(who)s declined the return, after checking the legal duty") % {"who": who}
            return _("%(who)s declined the return") % {"who": who}
        case "return.withdrawn":
            if who:
                return _("%(who)s withdrew the return") % {"who": who}
            return _("The customer withdrew the return")
        case "return.received":
            return _("%(who)s recorded the arrival of the goods") % {"who": who}
        case "return.completed":
            return _("%(who)s completed the return") % {"who": who}
    return event.code


def for_customer(event: ReturnEvent) -> str:
    """What happened, without names of staff."""
    return {
        "return.requested": _("Request received"),
        "return.approved": _("Approved"),
        "return.declined": _("Could not be accepted"),
        "return.withdrawn": _("Withdrawn"),
        "return.received": _("Goods arrived"),
        "return.completed": _("Completed"),
    }.get(event.code, "")


@dataclass(frozen=True)
class Told:
    """An event as shown."""

    at: datetime
    sentence: str


def told_to_customer(case: ReturnCase) -> list[Told]:
    """The case's events in order, those that concern the customer; one query."""
    return [Told(event.at, words) for event in case.events.order_by("at", "pk") if (words := for_customer(event))]


def told_to_staff(case: ReturnCase) -> list[Told]:
    """All events in order; one query."""
    events = case.events.select_related("actor").order_by("at", "pk")
    return [Told(event.at, for_staff(event)) for event in events]
