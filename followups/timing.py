"""When a letter is due. Pure: moments, delays and a zone in, a moment out.

Counting is always from the anchor (the fact that a sequence counts from), never from the letter before, so that nothing
drifts: 31 August + 6 months is 28 February, + 12 months is 31 August again.

* Minutes and hours are durations. Days and months are counted on the shop's calendar: "3 days later at 10:00" is 10:00
  of the third day after the anchor's local day, whatever the hour of the anchor was.
* A local time that is already over on the first suitable day means the next day: a letter never comes before its
  anchor, and never before a delay of minutes or hours has passed.
* A wall time that does not exist (a spring night, outside Japan) moves forward by the gap; one that exists twice is the
  first of the two.
* There is no random spread around the full hour. The shop chose the minute and checks it; the mail room's own rates
  keep a wave from reaching a provider at once.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# Upper bounds of the step form and of the database; with them no date leaves the calendar.
MAX_DELAY = {"minutes": 32767, "hours": 32767, "days": 3650, "months": 120}
MAX_REPEAT_MONTHS = 120
MAX_REPEAT_TIMES = 200


@dataclass(frozen=True)
class Rule:
    """When a step happens: ``delay`` in ``unit`` ("minutes", "hours", "days", "months") after the anchor, at a local
    time or at once, and again every ``repeat_months`` months (0: once)."""

    delay: int
    unit: str
    local_time: time | None = None
    repeat_months: int = 0


def due_at(anchor: datetime, rule: Rule, *, zone: ZoneInfo, occurrence: int = 1) -> datetime:
    """The moment (aware, UTC) of the n-th occurrence, n from 1.

    Raises ValueError for an unknown unit, an occurrence below 1, or a second occurrence of a step that does not repeat.
    """
    if occurrence < 1 or (occurrence > 1 and not rule.repeat_months):
        raise ValueError(f"no such occurrence: {occurrence}")
    anchor = anchor.astimezone(UTC)  # a moment in another zone would add hours to the clock on the wall
    later = (occurrence - 1) * rule.repeat_months
    if rule.unit in {"minutes", "hours"}:
        earliest = anchor + timedelta(**{rule.unit: rule.delay})
        wall = _wall(earliest, zone)
        if not later and rule.local_time is None:
            return earliest
        wall = _add_months(wall, later)
    elif rule.unit == "days":
        earliest = anchor
        wall = _add_months(_wall(anchor, zone) + timedelta(days=rule.delay), later)
    elif rule.unit == "months":
        earliest = anchor
        wall = _add_months(_wall(anchor, zone), rule.delay + later)
    else:
        raise ValueError(f"no such unit: {rule.unit}")
    if rule.local_time is None:
        return max(_moment(wall, zone), anchor)
    chosen = datetime.combine(wall.date(), rule.local_time)
    if rule.unit in {"minutes", "hours"}:
        too_early = chosen < wall
    else:
        too_early = _moment(chosen, zone) < earliest
    return _moment(chosen + timedelta(days=1) if too_early else chosen, zone)


def add_months(day: date, months: int) -> date:
    """The same day ``months`` later, or the last day of that month where it is shorter."""
    place = day.year * 12 + day.month - 1 + months
    year, month = divmod(place, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def whole_months(first: date, last: date) -> int:
    """How many whole months have passed from one day to another, by the calendar; never below 0."""
    months = (last.year - first.year) * 12 + last.month - first.month
    return max(0, months - (add_months(first, months) > last))


def _add_months(wall: datetime, months: int) -> datetime:
    return datetime.combine(add_months(wall.date(), months), wall.time())


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    # zoneinfo reads a wall time inside a gap with the offset before it, which is what "moves forward by the gap" means.
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
