"""The working hours of a person in words, and their change."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from django.db import transaction
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _

from shopdesk.accounts import audit
from shopdesk.accounts.models import User
from shopdesk.working_hours import DAY, Slot, clock, of_day


def lines(slots: Iterable[Slot]) -> list[str]:
    """``月〜金 9:00〜12:00、13:00〜17:00``: a line for the days that follow each other with the same hours."""
    slots = list(slots)
    days = [(weekday, _day(slots, weekday)) for weekday in range(7)]
    told = []
    for text, group in groupby(days, key=lambda one: one[1]):
        names = [str(WEEKDAYS_ABBR[weekday]) for weekday, _text in group]
        if text:
            name = names[0]
            if len(names) > 1:
                name = _("%(first)s–%(last)s") % {"first": names[0], "last": names[-1]}
            told.append(f"{name} {text}")
    return told


def told(user: User) -> list[str]:
    """The working hours of a person in lines, also of who works at any time."""
    found = lines(user.slots) or [_("Any time")]
    return [*found, _("Not on closing days of the shop")] if user.rests_on_closing_days else found


def _day(slots: list[Slot], weekday: int) -> str:
    return _(", ").join(_slot(start, end) for start, end in of_day(slots, weekday))


def _slot(start: int, end: int) -> str:
    last = clock(end) if end <= DAY else _("%(time)s (next day)") % {"time": clock(end)}
    return _("%(from)s–%(to)s") % {"from": clock(start), "to": last}


@transaction.atomic
def change(user: User, *, slots: list[Slot], rests_on_closing_days: bool, by: User, now: datetime) -> User:
    """Store when somebody works, and write down what it was before. The same again changes nothing."""
    rows = User.objects.select_for_update(of=("self",), no_key=True)
    fresh: User = rows.select_related("role").get(pk=user.pk)
    before = {"work_hours": fresh.slots, "rests_on_closing_days": fresh.rests_on_closing_days}
    after = {"work_hours": sorted(slots), "rests_on_closing_days": rests_on_closing_days}
    changes = [[name, before[name], after[name]] for name in before if before[name] != after[name]]
    if changes:
        fresh.work_hours, fresh.rests_on_closing_days = sorted(slots), rests_on_closing_days
        fresh.save(update_fields=["work_hours", "rests_on_closing_days"])
        audit.record("staff.hours", actor=by, now=now, user=fresh.pk, name=str(fresh), changes=changes)
        fresh.refresh_from_db(fields=["work_hours", "rests_on_closing_days"])
    return fresh
