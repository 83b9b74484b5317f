"""Moments that people choose by name: tomorrow morning, in three days, next Monday; all in the shop's business time."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.utils.translation import gettext as _

from shopdesk.business_time import Calendar, NeverOpen, next_opening
from shopdesk.shop.calendar import business_calendar

MORNING = time(9)


@dataclass(frozen=True)
class Choice:
    """A moment with its name; ``code`` is what a form posts."""

    code: str
    label: str
    at: datetime


def choices(now: datetime) -> list[Choice]:
    """What is offered with one click, each moment once."""
    offered: dict[datetime, Choice] = {}
    for choice in _all(now):
        offered.setdefault(choice.at, choice)
    return list(offered.values())


def _all(now: datetime) -> list[Choice]:
    """A day on which the shop is closed becomes the next one on which it opens."""
    calendar = business_calendar()
    local = now.astimezone(calendar.zone)
    monday = 7 - local.weekday()
    return [
        Choice("tomorrow", _("Tomorrow morning"), _morning(now, 1, calendar)),
        Choice("three", _("In 3 days"), _morning(now, 3, calendar)),
        Choice("monday", _("Next Monday"), _morning(now, monday, calendar)),
        Choice("week", _("In a week"), _morning(now, 7, calendar)),
    ]


def named(code: str, now: datetime) -> datetime | None:
    """The moment of a choice's code, or None for an unknown one."""
    return next((choice.at for choice in _all(now) if choice.code == code), None)


def tomorrow(now: datetime) -> datetime:
    """9:00 of the next day on which the shop opens, or its opening where that is later."""
    return _morning(now, 1, business_calendar())


def _morning(now: datetime, days: int, calendar: Calendar) -> datetime:
    day = now.astimezone(calendar.zone).date() + timedelta(days=days)
    morning = datetime.combine(day, MORNING, calendar.zone)
    try:
        return next_opening(morning, calendar)
    except NeverOpen:
        return morning
