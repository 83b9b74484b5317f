"""What rules may answer: one row for each event, written where it happens and read later by a sweep (rules.py)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from inquiries.models import Happening, Inquiry

# Finished ones are only of use while somebody wonders what happened this week.
KEPT = timedelta(days=7)
_MOST_AT_ONCE = 5_000

_a_rule_acts: ContextVar[bool] = ContextVar("a_rule_acts", default=False)


def note(inquiry: Inquiry, event: str, *, now: datetime, by_rule: bool = False) -> None:
    """Write down that ``event`` (a Rule.Event) happened, in the caller's transaction. One statement."""
    Happening.objects.create(inquiry=inquiry, event=event, at=now, by_rule=by_rule or _a_rule_acts.get())


@contextmanager
def caused_by_a_rule() -> Iterator[None]:
    """Whatever is noted within came of a rule: rules do not answer it."""
    token = _a_rule_acts.set(True)
    try:
        yield
    finally:
        _a_rule_acts.reset(token)


def tidy(now: datetime) -> int:
    """Delete finished rows older than a week, so many at once; how many."""
    old = Happening.objects.filter(done_at__lt=now - KEPT).order_by("pk").values("pk")[:_MOST_AT_ONCE]
    return Happening.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]
