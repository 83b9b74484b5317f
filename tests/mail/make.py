"""Makers of letters: only what a test is about is said."""

from shopdesk.mail import outbox
from tests.make import NOW


def queue(key="test:1", *, to="hanako@mail.example", now=NOW, **fields):
    """A letter to Hanako, due at once."""
    values = {
        "to_name": "山田 花子",
        "from_name": "くらしの道具店",
        "from_address": "honten@shop.example",
        "subject": "ご注文の商品について",
        "text": "花子様\nお世話になっております。\n",
    }
    return outbox.queue(key=key, to_address=to, now=now, **{**values, **fields})
