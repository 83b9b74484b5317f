"""Who may work at a moment: the hours of a person, with the closing days of the shop's one calendar."""

from datetime import date, datetime, timedelta
from enum import Enum
from functools import cached_property
from zoneinfo import ZoneInfo

from django.conf import settings

from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.shop import calendar
from shopdesk.working_hours import WorkingHours

# So long after the end of their hours what somebody has written is still taken.
GRACE = timedelta(minutes=15)


class Standing(Enum):
    WORKING = "working"
    ENDING = "ending"
    OFF = "off"


def is_bound(user: User) -> bool:
    """Whether the desk is closed to somebody outside of their hours: to who sees assigned work only. Those of the
    others say no more than when they take turns."""
    return not user.works_any_time and not user.has_perm(P.INQUIRIES_VIEW_ALL)


class Roster:
    """Who works at a moment. The closing days are asked for once, and only where somebody keeps to them."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def works(self, user: User) -> bool:
        """Whether it is within somebody's hours."""
        return user.works_any_time or self._hours(user).hold(self.now)

    def standing(self, user: User) -> Standing:
        """Where somebody is in their hours; at the end of them 15 minutes are left to finish."""
        if self.works(user):
            return Standing.WORKING
        return Standing.ENDING if self._hours(user).hold(self.now, after=GRACE) else Standing.OFF

    def last_moment(self, user: User) -> datetime | None:
        """Until when the desk takes what somebody writes now, who is bound to their hours; None for who is not."""
        if not is_bound(user):
            return None
        match self.standing(user):
            case Standing.WORKING:
                return self._hours(user).until(self.now) + GRACE
            case Standing.ENDING:
                return self._hours(user).until(self.now, after=GRACE) + GRACE
        return self.now

    def next_start(self, user: User) -> datetime | None:
        """From when on it is within somebody's hours again; None where it is not in two years."""
        return self.now if user.works_any_time else self._hours(user).next_start(self.now)

    def _hours(self, user: User) -> WorkingHours:
        closed = self._closing_days if user.rests_on_closing_days else frozenset()
        return WorkingHours(user.slots, closed, ZoneInfo(settings.TIME_ZONE))

    @cached_property
    def _closing_days(self) -> frozenset[date]:
        return calendar.closing_days()
