"""Doors from the alarm clock: the clock is read here, the work is filing.py's."""

from celery import shared_task

from inquiries import (
    bulk,
    filing,
    happenings,
    indexing,
    live,
    phases,
    pulling,
    rules,
    scheduling,
    sla,
    snoozing,
    turns,
)
from shopdesk import clock

# A wave of mail is worked off in rounds within one ring; the next ring takes up what is left.
ROUNDS = 5
# 50 steps of 20 are the longest run; another ring goes on with the next one.
_BULK_STEPS = 60


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
        if indexing.sweep(clock.now(), limit=200) < 200:
            return


@shared_task
def sweep_snoozed() -> None:
    """Wake what was laid aside until now."""
    for _ in range(ROUNDS):
        if snoozing.sweep(clock.now(), limit=snoozing.BATCH) < snoozing.BATCH:
            return


@shared_task
def sweep_bulk() -> None:
    """Work off what was asked for in bulk; each step reads the clock, since a lease hangs on it."""
    for _ in range(_BULK_STEPS):
        if not bulk.sweep(clock.now(), limit=1):
            return


@shared_task
def sweep_scheduled() -> None:
    """Send replies whose hour has come."""
    for _ in range(ROUNDS):
        if scheduling.sweep(clock.now(), limit=scheduling.BATCH) < scheduling.BATCH:
            return


@shared_task
def sweep_promises() -> None:
    """Tell which promises are about to end, and which have ended."""
    for _ in range(ROUNDS):
        if sla.sweep(clock.now(), limit=sla.BATCH) < sla.BATCH:
            return


@shared_task
def sweep_turns() -> None:
    """Take back claims whose time is over; give what is nobody's to whoever has room."""
    pulling.sweep(clock.now())
    turns.sweep(clock.now())


@shared_task
def sweep_phases() -> None:
    """Follow the orders of customers who wait."""
    phases.sweep(clock.now())


@shared_task
def sweep_rules() -> None:
    """Let rules answer what happened, and forget what they answered long ago."""
    now = clock.now()
    for _ in range(ROUNDS):
        if rules.sweep(clock.now(), limit=rules.BATCH) < rules.BATCH:
            break
    happenings.tidy(now)


@shared_task
def sweep_presence() -> None:
    """Forget who had which inquiry open an hour ago."""
    live.sweep(clock.now())
