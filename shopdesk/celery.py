"""The Celery application: an alarm clock that rings sweeps. The rows in PostgreSQL are the truth."""

import os

from celery import Celery
from celery.signals import beat_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shopdesk.settings")

app = Celery("shopdesk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@beat_init.connect
def ring_at_once(**kwargs: object) -> None:
    """Beat waits a whole interval before its first ring; whether the background lives is known at once."""
    app.send_task("shopdesk.desk.tasks.heartbeat", expires=15)
