"""Whether the installation works: for probes of machines (/healthz, /readyz) and for ``manage.py doctor``.

``/healthz`` says that this process answers; it touches nothing else. ``/readyz`` says that the parts work together; a
red part makes it 503. No answer names a host, a path or a secret.
"""

import logging
from datetime import datetime
from typing import Any, TypedDict

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu import Connection
from redis.exceptions import OutOfMemoryError, ResponseError

from shopdesk import clock
from shopdesk.desk.models import Heartbeat
from shopdesk.mail import pulse

logger = logging.getLogger(__name__)

# Beat rings every 15 seconds (shopdesk/schedule.py): six rings missed are no accident.
BEAT_LIMIT_SECONDS = 90.0
# Letters leave within seconds; a quarter of an hour means that nobody sends them.
MAIL_LIMIT_SECONDS = 900.0
BROKER_TIMEOUT_SECONDS = 1.0
QUEUE = "celery"
PROBE_KEY = "shopdesk-probe"


class Check(TypedDict, total=False):
    """One part: ``ok`` always; ``age_seconds`` of the last tick or of the oldest due letter, None without one.

    ``reason`` where the broker answers and takes no rings: "full" or "refused".
    """

    ok: bool
    age_seconds: float | None
    reason: str


class TakesNoRings(Exception):
    """The broker answers, but stores nothing. ``reason`` is "full" or "refused" (a replica, a disk, a right)."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def beat(now: datetime) -> None:
    """Remember that beat rang and a worker answered. A late, older ring never sets the moment back."""
    row, made = Heartbeat.objects.get_or_create(name="beat", defaults={"at": now})
    if not made:
        Heartbeat.objects.filter(pk=row.pk, at__lt=now).update(at=now)


def database() -> Check:
    """Whether a query is answered."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError) as error:
        logger.warning("readyz: the database does not answer: %s", error)
        return {"ok": False}
    return {"ok": True}


def waiting_rings() -> int:
    """How many rings wait in the broker. Raises TakesNoRings, or whatever its client raises within a second or two.

    A full broker answers every question; only a write tells that it takes no ring. The written key ends by itself.
    """
    limits = {
        "socket_connect_timeout": BROKER_TIMEOUT_SECONDS,
        "socket_timeout": BROKER_TIMEOUT_SECONDS,
        "max_retries": 1,
        "interval_start": 0,
    }
    with Connection(settings.CELERY_BROKER_URL, transport_options=limits) as broker:
        client = broker.default_channel.client  # type: ignore[attr-defined]  # the Redis transport's channel has one
        client.ping()
        try:
            client.set(PROBE_KEY, "1", px=1000)
        except OutOfMemoryError:
            raise TakesNoRings("full") from None
        except ResponseError as error:
            raise TakesNoRings("refused") from error
        return int(client.llen(QUEUE))


def broker() -> Check:
    """Whether the broker answers within its time and takes rings."""
    try:
        waiting_rings()
    except TakesNoRings as refusal:
        logger.warning("readyz: the broker takes no rings: %s", refusal.__cause__ or refusal.reason)
        return {"ok": False, "reason": refusal.reason}
    except Exception as error:  # noqa: BLE001  # kombu and redis each have their own families; any failure is "away"
        logger.warning("readyz: the broker does not answer: %s", error)
        return {"ok": False}
    return {"ok": True}


def beat_tick(now: datetime) -> Check:
    """Age of the last ring that a worker answered."""
    last = Heartbeat.objects.filter(name="beat").first()
    if last is None:
        return {"ok": False, "age_seconds": None}
    age = round((now - last.at).total_seconds(), 1)
    return {"ok": age <= BEAT_LIMIT_SECONDS, "age_seconds": age}


def oldest_due_mail(now: datetime) -> Check:
    """How long the oldest due letter has been waiting."""
    due_at = pulse.oldest_due(now)
    if due_at is None:
        return {"ok": True, "age_seconds": None}
    age = round((now - due_at).total_seconds(), 1)
    return {"ok": age <= MAIL_LIMIT_SECONDS, "age_seconds": age}


def checks(now: datetime) -> dict[str, Check]:
    """Every part. What needs the database is red while the database is away."""
    result: dict[str, Check] = {"database": database(), "broker": broker()}
    try:
        result["beat"] = beat_tick(now) if result["database"]["ok"] else {"ok": False, "age_seconds": None}
        result["mail"] = oldest_due_mail(now) if result["database"]["ok"] else {"ok": False, "age_seconds": None}
    except (DatabaseError, InterfaceError) as error:  # no tables yet, or gone between two queries
        logger.warning("readyz: the database does not answer: %s", error)
        result["beat"] = result.get("beat", {"ok": False, "age_seconds": None})
        result["mail"] = {"ok": False, "age_seconds": None}
    return result


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """This process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """``{"status": "ok"|"red", "checks": {part: {"ok": bool, "age_seconds": number|null}}}``; 503 when red."""
    result = checks(clock.now())
    ok = all(check["ok"] for check in result.values())
    body: dict[str, Any] = {"status": "ok" if ok else "red", "checks": result}
    return JsonResponse(body, status=200 if ok else 503)
