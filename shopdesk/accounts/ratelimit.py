"""How often something may be tried. Counted in PostgreSQL by one atomic upsert: a race cannot outrun it, a restart does
not forget it, and the web needs no broker for it."""

import ipaddress
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
    """The visitor's address. X-Forwarded-For is believed only as far as our own proxies wrote it, and only where it
    holds an address; some proxies write the visitor's port behind it."""
    remote: str = request.META.get("REMOTE_ADDR", "")
    forwarded: str = request.META.get("HTTP_X_FORWARDED_FOR", "")
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    trusted: int = settings.TRUSTED_PROXY_COUNT
    said = _address(hops[-trusted]) if trusted and len(hops) >= trusted else None
    return str(said) if said else remote


def client_place(request: HttpRequest) -> str:
    """From where a visitor comes, for counting: the address; of IPv6 the network of 64 bits that one household or one
    rented server has to itself, since whoever has one such address has all of them."""
    ip = client_ip(request)
    address = _address(ip)
    if not isinstance(address, ipaddress.IPv6Address):
        return ip
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """``203.0.113.7``, ``203.0.113.7:50123``, ``2001:db8::7``, ``[2001:db8::7]:50123``; None for anything else."""
    bare = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
