"""/healthz and /readyz: they tell the truth in little time, and no secrets."""

import time
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client

from shopdesk import clock
from shopdesk.desk import health
from shopdesk.desk.models import Heartbeat
from shopdesk.mail.models import OutgoingMail


@pytest.fixture
def clock_stands(monkeypatch, now):
    monkeypatch.setattr(clock, "now", lambda: now)


def test_healthz_asks_nobody(client):
    # No database fixture: a query would fail the test.
    response = client.get("/healthz")
    assert response.json() == {"status": "ok"}


def test_ready(db, client, now, clock_stands):
    health.beat(now - timedelta(seconds=12))
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "checks": {
            "database": {"ok": True},
            "broker": {"ok": True},
            "beat": {"ok": True, "age_seconds": 12.0},
            "mail": {"ok": True, "age_seconds": None},
        },
    }


def test_red_before_the_first_tick(db, client, clock_stands):
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["beat"] == {"ok": False, "age_seconds": None}


def test_red_when_beat_fell_silent(db, client, now, clock_stands):
    health.beat(now - timedelta(seconds=91))
    assert client.get("/readyz").json()["checks"]["beat"] == {"ok": False, "age_seconds": 91.0}


def test_red_when_a_letter_waits_too_long(db, client, now, clock_stands):
    health.beat(now)
    OutgoingMail.objects.create(
        key="x:1", from_name="店", from_address="shop@shop.example", to_address="a@mail.example", subject="件名",
        text="本文", message_id="<1@shop.example>", created_at=now, due_at=now - timedelta(minutes=16),
    )  # fmt: skip
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["mail"] == {"ok": False, "age_seconds": 960.0}


def test_red_quickly_when_the_broker_is_away(db, client, now, clock_stands, settings):
    health.beat(now)
    settings.CELERY_BROKER_URL = "redis://:secret-word@127.0.0.1:1/0"
    started = time.monotonic()
    response = client.get("/readyz")
    assert time.monotonic() - started < 3
    assert response.status_code == 503
    assert response.json()["checks"]["broker"] == {"ok": False}
    assert b"secret-word" not in response.content
    assert b"127.0.0.1" not in response.content


def test_red_when_the_database_is_away(client, monkeypatch):
    def away():
        raise OperationalError("connection refused: password=hunter2")

    monkeypatch.setattr(health.connection, "cursor", away)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == {"ok": False}
    assert b"hunter2" not in response.content


def test_a_late_ring_does_not_set_the_tick_back(db, now):
    health.beat(now)
    health.beat(now - timedelta(minutes=5))
    assert Heartbeat.objects.get().at == now


def test_only_reading(client):
    assert Client().post("/readyz").status_code == 405
