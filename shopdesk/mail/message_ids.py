"""Our Message-IDs: made from the letter's key, so that they are known before the first try and never guessable."""

import base64
import hashlib
import hmac

from django.conf import settings


def for_key(key: str) -> str:
    """``<26 letters and digits@MESSAGE_ID_DOMAIN>``: 130 bits of HMAC-SHA256 of ``key`` under SECRET_KEY.

    The same key gives the same Message-ID as long as SECRET_KEY stays; the row keeps the one it was queued with.
    """
    mac = hmac.new(settings.SECRET_KEY.encode(), b"shopdesk.message-id:" + key.encode(), hashlib.sha256).digest()
    return f"<{base64.b32encode(mac)[:26].decode().lower()}@{settings.MESSAGE_ID_DOMAIN}>"
