"""Keys for what is encrypted at rest, made from SECRET_KEY so that there is one secret to keep."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotOpen(Exception):
    """The box was sealed under another SECRET_KEY, or is damaged. The person has to enter the secret again."""


def key_of(secret: str) -> bytes:
    """A Fernet key (32 bytes, URL-safe base64) from an installation's secret; the purpose is mixed in."""
    return base64.urlsafe_b64encode(hmac.new(secret.encode(), b"shopdesk.accounts.secretbox", hashlib.sha256).digest())


def seal(plain: str) -> str:
    """``plain`` encrypted under SECRET_KEY, as text for a column. Nothing stays nothing."""
    return _box().encrypt(plain.encode()).decode() if plain else ""


def open_(sealed: str) -> str:
    """What was sealed, also under one of SECRET_KEY_FALLBACKS. Raises CannotOpen."""
    try:
        return _box().decrypt(sealed.encode()).decode() if sealed else ""
    except (InvalidToken, ValueError) as error:
        raise CannotOpen from error


def _box() -> MultiFernet:
    return MultiFernet([Fernet(key_of(secret)) for secret in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]])
