"""Doors from the alarm clock: the clock is read here, the work is planning.py's and sending.py's."""

from celery import shared_task

from followups import planning, sending
from shopdesk import clock

# A big import is worked off in rounds within one ring; the next ring takes up what is left.
ROUNDS = 20


@shared_task
def sweep_planning() -> None:
    """Plan follow-ups for what is new about orders."""
    for _ in range(ROUNDS):
        if planning.sweep(clock.now(), limit=planning.BATCH) < planning.BATCH:
            return


@shared_task
def sweep_sending() -> None:
    """Decide the follow-ups that are due."""
    for _ in range(ROUNDS):
        if sending.sweep(clock.now(), limit=sending.BATCH) < sending.BATCH:
            return
