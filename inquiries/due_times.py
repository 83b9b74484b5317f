"""Until when an answer is promised, in the shop's business time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import translation
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inquiries.models import Category
from shopdesk.business_time import (
    Calendar,
    NeverOpen,
    add_business_minutes,
    business_minutes_between,
    is_open,
    next_opening,
)
from shopdesk.shop.calendar import business_calendar


def answer_due(start: datetime, category: Category) -> datetime | None:
    """When a question that arrived at ``start`` must be answered; None when the shop has no opening hours at all."""
    try:
        return add_business_minutes(start, category.reply_minutes, business_calendar())
    except NeverOpen:
        return None


def opens_again(now: datetime) -> datetime | None:
    """When somebody is there again; None while somebody is, and for a shop without hours."""
    calendar = business_calendar()
    try:
        return None if is_open(now, calendar) else next_opening(now, calendar)
    except NeverOpen:
        return None


def promise(due: datetime | None, language: str) -> str:
    """The due time as a customer reads it, rounded up to the next half hour, in the shop's own zone; "" without one."""
    if due is None:
        return ""
    zone = ZoneInfo(settings.TIME_ZONE)
    over = timedelta(minutes=due.minute % 30, seconds=due.second, microseconds=due.microsecond)
    local = (due - over + timedelta(minutes=30) if over else due).astimezone(zone)
    with translation.override(language):
        if language == "ja":
            return date_format(local, "n月j日(D) H:i")
        return date_format(local, "D j M, H:i") + f" ({settings.TIME_ZONE.rpartition('/')[2]})"


@dataclass(frozen=True)
class Due:
    """How a due time is shown to staff."""

    text: str
    tone: str
    at: datetime


def shown(due: datetime | None, *, now: datetime, calendar: Calendar) -> Due | None:
    """The time left in business hours in words, and how urgent it looks; None without a due time."""
    if due is None:
        return None
    if due < now:
        return Due(_("Overdue"), "danger", due)
    left = business_minutes_between(now, due, calendar)
    if left < 60:
        text = ngettext("%(n)s minute left (business hours)", "%(n)s minutes left (business hours)", left) % {"n": left}
        return Due(text, "warn", due)
    hours = left // 60
    text = ngettext("%(n)s hour left (business hours)", "%(n)s hours left (business hours)", hours) % {"n": hours}
    return Due(text, "warn" if hours < 1 else "neutral", due)
