"""Mailboxes and mails of the tests."""

from shopdesk.accounts import secretbox
from shopdesk.mail.models import Mailbox

PASSWORD = "himitsu-no-aikotoba"


def make_mailbox(port=0, *, kind="imap", status="reading", secret=PASSWORD, **fields):
    values = {
        "name": "問い合わせ窓口",
        "address": "support@shop.example",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "username": "shop",
    }
    return Mailbox.objects.create(kind=kind, status=status, secret=secretbox.seal(secret), **{**values, **fields})


def letter(number=1, *, subject=None, body="本文です。", sender="hanako@mail.example"):
    """A small mail as bytes, with a subject of plain ASCII."""
    return (
        f"From: {sender}\r\nTo: support@shop.example\r\nSubject: {subject or f'letter {number}'}\r\n"
        f"Message-ID: <m{number}@mail.example>\r\nDate: Fri, 20 Nov 2026 09:00:00 +0900\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"{body}\r\n"
    ).encode()
