import pytest

from shopdesk import clock


@pytest.fixture(autouse=True)
def _frozen(monkeypatch, now, refusals_untold):
    """Views read Friday 2026-11-20, 10:00 in Tokyo; refusals are wanted here and not told in the log."""
    monkeypatch.setattr(clock, "now", lambda: now)
