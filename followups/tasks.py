"""Doors from the alarm clock: the clock is read here, the work is planning.py's and sending.py's."""

from celery import shared_task

from followups import planning, sending
from shopdesk import clock


@shared_task
def sweep_planning() -> None:
    """Plan follow-ups for what is new about orders."""
    planning.sweep(clock.now())


@shared_task
def sweep_sending() -> None:
    """Decide the follow-ups that are due."""
    sending.sweep(clock.now())
