"""Rings of the desk itself."""

from celery import shared_task
from django.core.management import call_command

from faq import misses
from shopdesk import clock
from shopdesk.accounts import ratelimit
from shopdesk.desk import health, merging_customers
from shopdesk.shop import calendar


@shared_task
def heartbeat() -> None:
    """Beat rang and a worker heard it."""
    health.beat(clock.now())


@shared_task
def sweep_merged() -> None:
    """Bring along what was written for a merged customer while they were merged."""
    merging_customers.sweep(clock.now())


@shared_task
def tidy() -> None:
    """Delete what is kept for a time only: counts of tries, searches that found nothing, sessions that ended.

    And write the public holidays of years that come into sight.
    """
    now = clock.now()
    ratelimit.forget(now)
    misses.sweep(now)
    calendar.seed_missing_years(now)
    call_command("clearsessions")
