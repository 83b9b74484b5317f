"""Doors from the alarm clock."""

from celery import shared_task

from returns import proving
from shopdesk import clock


@shared_task(ignore_result=True)
def sweep_look_ups() -> int:
    """Answer order look-ups that wait."""
    return proving.sweep(clock.now())
