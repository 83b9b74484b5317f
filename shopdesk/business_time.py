"""Business time: the minutes in which somebody is there to answer. Pure; nothing here asks a clock or a database."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# A calendar that is never open must not loop for ever: after this many days without a slot we give up.
_HORIZON_DAYS = 800


class NeverOpen(Exception):
    """The calendar has no opening within two years of the moment asked about."""


@dataclass(frozen=True)
class Calendar:
    """Opening hours by weekday (Monday is 0; several slots a day, sorted, not overlapping) and closed days."""

    hours: Mapping[int, Sequence[tuple[time, time]]]
    closed: frozenset[date]
    zone: ZoneInfo

    def slots(self, day: date) -> list[tuple[datetime, datetime]]:
        """The opening slots of a local day, as moments in UTC."""
        if day in self.closed:
            return []
        return [
            (
                datetime.combine(day, opens, self.zone).astimezone(UTC),
                datetime.combine(day, closes, self.zone).astimezone(UTC),
            )
            for opens, closes in self.hours.get(day.weekday(), ())
        ]


def _slots_from(moment: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """Slots that end after ``moment``, cut to begin not before it."""
    day = moment.astimezone(calendar.zone).date()
    idle = 0
    while idle < _HORIZON_DAYS:
        idle += 1
        for opens, closes in calendar.slots(day):
            if closes > moment:
                idle = 0
                yield max(opens, moment), closes
        day += timedelta(days=1)
    raise NeverOpen


def is_open(moment: datetime, calendar: Calendar) -> bool:
    """Whether somebody is there at this moment (the minute of closing is already closed)."""
    slots = calendar.slots(moment.astimezone(calendar.zone).date())
    index = bisect_right([opens for opens, _ in slots], moment) - 1
    return index >= 0 and moment < slots[index][1]


def next_opening(moment: datetime, calendar: Calendar) -> datetime:
    """The first moment from ``moment`` on at which somebody is there. Raises NeverOpen."""
    return next(_slots_from(moment, calendar))[0]


def on_open_day(moment: datetime, calendar: Calendar) -> datetime:
    """The same time of day on the first day, from the moment's own on, on which the shop opens, in UTC.

    Raises NeverOpen.
    """
    local = moment.astimezone(calendar.zone)
    for days in range(_HORIZON_DAYS):
        if calendar.slots(local.date() + timedelta(days=days)):
            return (local + timedelta(days=days)).astimezone(UTC)
    raise NeverOpen


def add_business_minutes(start: datetime, minutes: int, calendar: Calendar) -> datetime:
    """The moment at which ``minutes`` of business time have passed since ``start``, in UTC.

    Zero minutes give the next moment of business time. Raises NeverOpen, and ValueError for negative minutes.
    """
    if minutes < 0:
        raise ValueError("minutes must not be negative")
    left = timedelta(minutes=minutes)
    for opens, closes in _slots_from(start.astimezone(UTC), calendar):
        if left <= closes - opens:
            return opens + left
        left -= closes - opens
    raise NeverOpen


def subtract_business_minutes(end: datetime, minutes: int, calendar: Calendar) -> datetime:
    """The latest moment from which ``minutes`` of business time are left until ``end``, in UTC.

    Zero minutes give the last moment of business time up to ``end``. Raises NeverOpen, and ValueError for negative
    minutes.
    """
    if minutes < 0:
        raise ValueError("minutes must not be negative")
    end, left = end.astimezone(UTC), timedelta(minutes=minutes)
    day = end.astimezone(calendar.zone).date()
    for place in range(_HORIZON_DAYS):
        for opens, closes in reversed(calendar.slots(day - timedelta(days=place))):
            if opens >= end:
                continue
            last = min(closes, end)
            if left <= last - opens:
                return last - left
            left -= last - opens
    raise NeverOpen


def business_minutes_between(start: datetime, end: datetime, calendar: Calendar) -> int:
    """Whole minutes of business time from ``start`` to ``end``; negative when ``end`` is earlier."""
    if end < start:
        return -business_minutes_between(end, start, calendar)
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    total = timedelta()
    day = start.astimezone(calendar.zone).date()
    last = end.astimezone(calendar.zone).date()
    while day <= last:
        for opens, closes in calendar.slots(day):
            total += max(timedelta(), min(closes, end) - max(opens, start))
        day += timedelta(days=1)
    return int(total.total_seconds() // 60)
