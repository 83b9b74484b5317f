"""How often something may be tried. Counted in PostgreSQL by one atomic upsert: a race cannot outrun it, a restart does
not forget it, and the web needs no broker for it."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from shopdesk.accounts.models import RateCount
from shopdesk.tokens import digest

_COUNT = """
INSERT INTO accounts_ratecount (key, "window", count) VALUES (%s, %s, 1)
ON CONFLICT (key, "window") DO UPDATE SET count = accounts_ratecount.count + 1
RETURNING count
"""


def window_start(now: datetime, window: timedelta) -> datetime:
    """When the fixed window began in which ``now`` lies."""
    seconds = int(window.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def allow(key: str, *, limit: int, window: timedelta, now: datetime) -> bool:
    """Count one try of ``key`` and say whether it is within ``limit`` for the current window.

    The key is stored as a hash only, since it may name a person (an address, an IP). Fixed windows: at most twice the
    limit passes at the seam of two windows, which is good enough for what this guards.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [digest(key), window_start(now, window)])
        (count,) = cursor.fetchone()
    return int(count) <= limit


def reset(key: str) -> None:
    """Start ``key`` again: what was tried has succeeded."""
    RateCount.objects.filter(key=digest(key)).delete()


def forget(now: datetime) -> int:
    """Delete counts older than two days; returns how many."""
    deleted, _ = RateCount.objects.filter(window__lt=now - timedelta(days=2)).delete()
    return deleted


def client_ip(request: HttpRequest) -> str:
    """The visitor's address. X-Forwarded-For is believed only as far as our own proxies wrote it."""
    remote: str = request.META.get("REMOTE_ADDR", "")
    forwarded: str = request.META.get("HTTP_X_FORWARDED_FOR", "")
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    trusted: int = settings.TRUSTED_PROXY_COUNT
    if trusted and len(hops) >= trusted:
        return hops[-trusted]
    return remote
