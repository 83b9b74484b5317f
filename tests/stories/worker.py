"""A real Celery worker whose clock is a file that the story writes. Run as a script; the environment names the rest."""

import os
from datetime import datetime
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shopdesk.settings")

from shopdesk import clock

_file = Path(os.environ["STORY_CLOCK"])


def _now() -> datetime:
    return datetime.fromisoformat(_file.read_text(encoding="utf-8"))


clock.now = _now

if __name__ == "__main__":
    from shopdesk.celery import app

    app.worker_main(["worker", "--loglevel=WARNING", "--concurrency=1", "--without-gossip", "--without-mingle"])
