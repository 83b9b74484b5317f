"""Signed and hashed links: unsubscribe, return portal. Every absolute address is made here, from SITE_URL."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core import signing


class BadToken(Exception):
    """Forged, damaged or too old. Visitors get the same answer in all three cases."""


def sign(purpose: str, data: Any) -> str:
    """``data`` (anything JSON) as a URL-safe token. A token of one purpose is worthless for another."""
    return signing.dumps(data, salt=f"shopdesk.{purpose}", compress=False)


def read(purpose: str, token: str, *, max_age: timedelta | None) -> Any:
    """The data of a token of ours.

    Raises BadToken when it is not one, was made for another purpose, or is older than ``max_age``.
    """
    try:
        return signing.loads(token, salt=f"shopdesk.{purpose}", max_age=max_age)
    except signing.BadSignature as error:
        raise BadToken from error


def new_secret(size: int = 24) -> str:
    """A random URL-safe secret of ``size`` bytes (24 bytes = 192 bits)."""
    return secrets.token_urlsafe(size)


def digest(secret: str) -> str:
    """What is stored of a secret: an HMAC-SHA256 in hex, useless without SECRET_KEY."""
    return hmac.new(settings.SECRET_KEY.encode(), secret.encode(), hashlib.sha256).hexdigest()


def site_url(path: str) -> str:
    """An absolute address of this installation; ``path`` begins with a slash."""
    return f"{settings.SITE_URL}{path}"
