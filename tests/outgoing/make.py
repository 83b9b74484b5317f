"""Makers for what concerns the ways out."""

from shopdesk.accounts import secretbox
from shopdesk.mail.models import MailRoute

UNSUBSCRIBE = {"List-Unsubscribe": "<https://shop.example/preferences/x/>"}


def make_route(sink=None, *, secret="", **fields):
    """A route to the test's mail server, without limits of its own."""
    values = {
        "name": "本店",
        "host": "127.0.0.1",
        "port": sink.port if sink else 1,
        "security": "none",
        "per_minute": 0,
    }
    return MailRoute.objects.create(**{**values, **fields}, secret=secretbox.seal(secret))
