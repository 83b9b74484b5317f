"""The hours in which one person works: several slots a day, also over midnight. Pure; nothing here asks a clock or a
database.

A slot is a pair of minutes of the week, counted from Monday 0:00: ``(540, 1020)`` is Monday 9:00 to 17:00. It belongs
to the day on which it begins, also where it ends on the next: ``(9960, 10200)`` is Sunday 22:00 to Monday 2:00.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Slot = tuple[int, int]

DAY = 24 * 60
WEEK = 7 * DAY
# No slot is longer than a day, so that one which holds at a moment began two days before at most, with what is allowed
# to come a little late.
_BACK = 2
# How far ahead anybody asks when work ends.
_AHEAD = 8
# Who keeps to closing days of the shop may have to wait for the end of a long one.
_HORIZON_DAYS = 800

_CLOCK = r"(\d{1,2})(?:[:時.](\d{1,2})?分?)?"
_RANGE = re.compile(rf"{_CLOCK}(?:から|-|~){_CLOCK}(?:まで)?")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−ー〜～", "-"))
_LAST_HOUR = 48


class BadHours(ValueError):
    """What was typed for a day are no hours; ``part`` is the piece that nobody understands, or that says twice what
    another one says already."""

    def __init__(self, part: str, *, twice: bool = False) -> None:
        super().__init__(part)
        self.part = part
        self.twice = twice


def read_day(text: str, weekday: int) -> list[Slot]:
    """The slots of what was typed for a day: ``9-12, 13:00〜17:30``, ``22:00-2:00`` or ``22時〜26時``, ``0:00-24:00``.

    Raises BadHours.
    """
    typed = unicodedata.normalize("NFKC", text).translate(_DASHES)
    typed = re.sub(r"\s*(-|~|から|まで)\s*", r"\1", typed)
    found: list[Slot] = []
    for part in re.split(r"[\s,、;/・]+", typed):
        if not part:
            continue
        start, end = _minutes(part)
        if any(start < other_end and other < end for other, other_end in found):
            raise BadHours(part, twice=True)
        found.append((start, end))
    return sorted((weekday * DAY + start, weekday * DAY + end) for start, end in found)


def _minutes(part: str) -> Slot:
    match = _RANGE.fullmatch(part)
    if match is None:
        raise BadHours(part)
    hours = [int(match[1]), int(match[3])]
    minutes = [int(match[2] or 0), int(match[4] or 0)]
    start, end = (60 * hour + minute for hour, minute in zip(hours, minutes, strict=True))
    if end < start and end < DAY:
        end += DAY  # 22:00-2:00
    if max(minutes) > 59 or start >= DAY or hours[1] > _LAST_HOUR or not 0 < end - start <= DAY:
        raise BadHours(part)
    return start, end


def of_day(slots: Iterable[Slot], weekday: int) -> list[Slot]:
    """The slots that begin on a weekday, in minutes of that day; an end after 1440 is on the next one."""
    first = weekday * DAY
    return sorted((start - first, end - first) for start, end in slots if start // DAY == weekday)


def clock(minute: int) -> str:
    """``9:00`` of a minute of a day; ``24:00`` is its end, and what comes after counts from zero again."""
    hour, rest = divmod(minute if minute <= DAY else minute - DAY, 60)
    return f"{hour}:{rest:02}"


def day_text(slots: Iterable[Slot], weekday: int) -> str:
    """What :func:`read_day` reads as the slots of a weekday."""
    return ", ".join(f"{clock(start)}-{clock(end)}" for start, end in of_day(slots, weekday))


@dataclass(frozen=True)
class WorkingHours:
    """When somebody works. No slots: at any time. On ``closed`` days of the zone no slot begins."""

    slots: Sequence[Slot]
    closed: frozenset[date]
    zone: ZoneInfo

    def hold(self, moment: datetime, *, after: timedelta = timedelta()) -> bool:
        """Whether a slot holds at a moment, or ended less than ``after`` before it. The start counts, the end not."""
        return any(
            start <= moment < end + after for start, end in self._spans(self._day(moment, -_BACK), days=_BACK + 1)
        )

    def until(self, moment: datetime, *, after: timedelta = timedelta()) -> datetime:
        """When the work ends that goes on at a moment, or that ended less than ``after`` before it.

        What follows without a gap is one stretch; one that goes on for longer than a week is cut there. The moment
        itself where nobody works.
        """
        last = None
        for start, end in self._spans(self._day(moment, -_BACK), days=_BACK + 1 + _AHEAD):
            if end + after <= moment:
                continue
            if start > (last or moment):
                break
            last = max(last or end, end)
        return last or moment

    def next_start(self, moment: datetime) -> datetime | None:
        """The first moment from ``moment`` on at which a slot holds; None where there is none in two years."""
        for start, end in self._spans(self._day(moment, -_BACK), days=_HORIZON_DAYS):
            if end > moment:
                return max(start, moment)
        return None

    def _day(self, moment: datetime, days: int) -> date:
        return moment.astimezone(self.zone).date() + timedelta(days=days)

    def _spans(self, day: date, *, days: int) -> Iterator[tuple[datetime, datetime]]:
        """The slots of some days as moments in UTC, as they begin."""
        for one in (day + timedelta(days=place) for place in range(days)):
            if one in self.closed:
                continue
            for start, end in of_day(self.slots, one.weekday()) if self.slots else [(0, DAY)]:
                yield self._at(one, start), self._at(one, end)

    def _at(self, day: date, minute: int) -> datetime:
        days, rest = divmod(minute, DAY)
        local = datetime.combine(day + timedelta(days=days), time(*divmod(rest, 60)), self.zone)
        return local.astimezone(UTC)
