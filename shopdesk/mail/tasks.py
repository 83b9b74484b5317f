"""Doors from the alarm clock: the clock is read here, the work is delivery.py's."""

from celery import shared_task

from shopdesk import clock
from shopdesk.mail import delivery, events, outbox, receiving, soft_bounces


@shared_task
def sweep_outgoing() -> None:
    """Send letters that are due. A full sweep rings again, so that a wave does not wait for the next beat."""
    if delivery.sweep(clock.now()) >= delivery.LIMIT:
        outbox.ring()


@shared_task
def sweep_mailboxes() -> None:
    """Read the mailboxes that are due."""
    receiving.sweep(clock.now())


@shared_task
def sweep_events() -> None:
    """Apply what providers told about letters, and end the rests that are over."""
    events.sweep(clock.now())
    soft_bounces.sweep(clock.now())
