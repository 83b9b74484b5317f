"""Rings of the desk itself."""

from celery import shared_task

from shopdesk import clock
from shopdesk.desk import health


@shared_task
def heartbeat() -> None:
    """Beat rang and a worker heard it."""
    health.beat(clock.now())
