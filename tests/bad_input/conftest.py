import logging

import pytest

from shopdesk import clock


@pytest.fixture(autouse=True)
def _frozen(request, monkeypatch, now):
    """Views read Friday 2026-11-20, 10:00 in Tokyo; refusals are wanted here and not told in the log."""
    monkeypatch.setattr(clock, "now", lambda: now)
    logger = logging.getLogger("django.request")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)
