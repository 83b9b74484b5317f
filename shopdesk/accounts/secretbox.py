"""Keys for what is encrypted at rest, made from SECRET_KEY so that there is one secret to keep."""

import base64
import hashlib
import hmac


def key_of(secret: str) -> bytes:
    """A Fernet key (32 bytes, URL-safe base64) from an installation's secret; the purpose is mixed in."""
    return base64.urlsafe_b64encode(hmac.new(secret.encode(), b"shopdesk.accounts.secretbox", hashlib.sha256).digest())
