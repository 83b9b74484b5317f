"""Doors from the alarm clock: the clock is read here, the work is filing.py's."""

from celery import shared_task

from inquiries import filing, searching
from shopdesk import clock

# A wave of mail is worked off in rounds within one ring; the next ring takes up what is left.
ROUNDS = 5


@shared_task
def sweep_filing() -> None:
    """File received mail."""
    for _ in range(ROUNDS):
        if filing.sweep(clock.now(), limit=filing.BATCH) < filing.BATCH:
            return


@shared_task
def sweep_search() -> None:
    """Read what the search does not know yet."""
    for _ in range(ROUNDS):
        if searching.sweep(clock.now(), limit=200) < 200:
            return
