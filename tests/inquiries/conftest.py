import pytest

from shopdesk import clock
from tests import make


@pytest.fixture(autouse=True)
def _frozen(monkeypatch, now):
    """Views read Friday 2026-11-20, 10:00 in Tokyo."""
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.fixture
def store(db):
    return make.make_store()


@pytest.fixture
def assistant(db):
    return make.make_user("sakura@shop.example", name="補助 さくら", role="assistant")


@pytest.fixture
def outsourced(db):
    return make.make_user("nami@shop.example", name="白波 外", alias="在宅サポート 白波", role="outsourced")
