"""When somebody is there: the shop's hours and closing days, and where the closing days come from."""

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import jpholiday
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from shopdesk.business_time import Calendar
from shopdesk.shop.models import BusinessHours, Closure
from shopdesk.statements import statement

# What holds until the shop has told its hours: an empty table must not mean "never open", or no due time could be told.
DEFAULT_HOURS = {weekday: [(time(10), time(17))] for weekday in range(5)}

# Nobody closes for longer at a stretch; a typing error in a year must not build a million days.
_LONGEST_CLOSURE = timedelta(days=400)

_HOLIDAYS_EN = {
    "元日": "New Year's Day",
    "成人の日": "Coming of Age Day",
    "建国記念の日": "National Foundation Day",
    "天皇誕生日": "The Emperor's Birthday",
    "春分の日": "Vernal Equinox Day",
    "昭和の日": "Showa Day",
    "憲法記念日": "Constitution Day",
    "みどりの日": "Greenery Day",
    "こどもの日": "Children's Day",
    "海の日": "Marine Day",
    "山の日": "Mountain Day",
    "敬老の日": "Respect for the Aged Day",
    "秋分の日": "Autumnal Equinox Day",
    "スポーツの日": "Sports Day",
    "文化の日": "Culture Day",
    "勤労感謝の日": "Labor Thanksgiving Day",
    "国民の休日": "Citizens' Holiday",
}


def business_calendar() -> Calendar:
    """The hours and the active closing days of the shop, in the shop's zone. Two queries; nothing is cached."""
    hours: dict[int, list[tuple[time, time]]] = defaultdict(list)
    for slot in _hours():
        hours[slot.weekday].append((slot.opens, slot.closes))
    return Calendar(hours=dict(hours) or DEFAULT_HOURS, closed=closing_days(), zone=ZoneInfo(settings.TIME_ZONE))


def closing_days() -> frozenset[date]:
    """The active closing days of the shop, public holidays among them. One query; nothing is cached."""
    closed: set[date] = set()
    for first, last in _closures():
        days = min(last - first, _LONGEST_CLOSURE).days
        closed.update(first + timedelta(days=place) for place in range(days + 1))
    return frozenset(closed)


@statement(keep=1)
def _hours() -> QuerySet[BusinessHours]:
    return BusinessHours.objects.order_by("weekday", "opens")


@statement(keep=1)
def _closures() -> QuerySet[Closure, tuple[date, date]]:
    return Closure.objects.filter(active=True).values_list("first_day", "last_day")


def seed_closures(year_from: int, year_to: int) -> int:
    """Write the public holidays and propose the seasons of these years; returns how many rows were new.

    Public holidays (jpholiday, checked against the Cabinet Office's list) are closing days at once. Summer (8/13-8/16)
    and year-end (12/29-1/3) are only proposed: their rows are there to be edited, but not active, because no law sets
    them and a shop that works in August must not tell its customers that it is closed. A row that exists is left as
    the shop made it, so seeding again is harmless.
    """
    rows = []
    for year in range(year_from, year_to + 1):
        for day, name in jpholiday.year_holidays(year):
            rows.append(_closure(day, day, name, _holiday_en(name), Closure.Kind.HOLIDAY, active=True))
        rows.append(_closure(date(year, 8, 13), date(year, 8, 16), "夏季休業", "Summer holidays", Closure.Kind.SEASON))
        rows.append(
            _closure(date(year, 12, 29), date(year + 1, 1, 3), "年末年始休業", "Year-end holidays", Closure.Kind.SEASON)
        )
    before = Closure.objects.count()
    Closure.objects.bulk_create(rows, ignore_conflicts=True)
    return Closure.objects.count() - before


def seed_missing_years(now: datetime) -> int:
    """Seed the years to come in which no public holiday is known; returns how many rows were new.

    A new installation, and each turn of the year, gets its holidays without anybody asking; a year that the shop has
    looked at is left alone, also where it deleted some of its days.
    """
    first, last = years_to_seed(now)
    known = Closure.objects.filter(kind=Closure.Kind.HOLIDAY).values_list("first_day__year", flat=True).distinct()
    missing = sorted(set(range(first, last + 1)) - set(known))
    return sum(seed_closures(year, year) for year in missing)


def years_to_seed(now: datetime) -> tuple[int, int]:
    """This year and the next two, in the shop's zone."""
    year = timezone.localtime(now, ZoneInfo(settings.TIME_ZONE)).year
    return year, year + 2


def _holiday_en(name: str) -> str:
    if "振替休日" in name:
        return "Substitute holiday"
    return _HOLIDAYS_EN.get(name, "Public holiday")


def _closure(first: date, last: date, name: str, name_en: str, kind: str, *, active: bool = False) -> Closure:
    return Closure(first_day=first, last_day=last, name=name, name_en=name_en, kind=kind, active=active)
