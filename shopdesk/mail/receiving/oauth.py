"""Access tokens for mailboxes and routes of Google and Microsoft: asked for with the stored refresh token, kept while
they last.

The addresses are a fixed table: nobody can point us at a server of their own with the shop's secrets in hand.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from django.core.cache import cache

from shopdesk.accounts import secretbox
from shopdesk.mail.models import Mailbox, MailRoute
from shopdesk.mail.receiving.problems import MailboxProblem

Account = Mailbox | MailRoute

# The account's provider -> where tokens are given out.
TOKEN_URLS = {
    "google": "https://oauth2.googleapis.com/token",
    "microsoft": "https://login.microsoftonline.com/common/oauth2/v2.0/token",
}
TIMEOUT = 20.0  # seconds
ANSWER = 64 * 1024  # bytes that are read of an answer


def access_token(account: Account, secret: str) -> str:
    """A token for XOAUTH2; ``secret`` is JSON: {"client_id", "client_secret", "refresh_token"}.

    Raises MailboxProblem: "token" where the provider refuses, "busy" where it gives none at the moment.
    """
    key = _key(account)
    sealed = cache.get(key) if account.pk else None
    if isinstance(sealed, str):
        try:
            return secretbox.open_(sealed)
        except secretbox.CannotOpen:
            cache.delete(key)
    answer = _ask(account, secret)
    token, seconds = str(answer.get("access_token", "")), answer.get("expires_in")
    if not token:
        raise MailboxProblem("token", str(answer.get("error", ""))[:200])
    if account.pk and isinstance(seconds, int) and seconds > 600:
        cache.set(key, secretbox.seal(token), seconds - 300)
    return token


def is_kept(account: Account) -> bool:
    """Whether there is a token from an earlier time, which the provider may have ended since."""
    return bool(account.pk) and cache.get(_key(account)) is not None


def forget(account: Account) -> None:
    """The token was refused, or the account was connected again."""
    cache.delete(_key(account))


def _key(account: Account) -> str:
    return f"{account._meta.model_name}-token:{account.pk}"


def _ask(account: Account, secret: str) -> dict[str, Any]:
    address = TOKEN_URLS.get(account.provider)
    try:
        fields = json.loads(secret)
        body = {name: str(fields[name]) for name in ("client_id", "client_secret", "refresh_token")}
    except (ValueError, KeyError, TypeError) as error:
        raise MailboxProblem("settings", "OAuth") from error
    if address is None:
        raise MailboxProblem("settings", "OAuth")
    data = urllib.parse.urlencode({**body, "grant_type": "refresh_token"}).encode()
    request = urllib.request.Request(address, data=data, method="POST")  # noqa: S310  # from our own table
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310  # from our own table
            answer = json.loads(response.read(ANSWER))
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        later = error.code == 429 or error.code >= 500
        raise MailboxProblem("busy" if later else "token", f"HTTP {error.code}") from error
    except ValueError as error:
        raise MailboxProblem("answer", "OAuth") from error
    if not isinstance(answer, dict):
        raise MailboxProblem("answer", "OAuth")
    return answer
