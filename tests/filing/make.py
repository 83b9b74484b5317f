"""Makers of received mail: bytes as a server would hand them over, and the row that receiving stores."""

import hashlib
import itertools
from email.message import EmailMessage
from email.utils import format_datetime

from shopdesk.mail.models import IncomingMail, Mailbox
from tests.make import NOW

_number = itertools.count(1)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fccfc0f01f000501027f"
    "9c2ee2d30000000049454e44ae426082"
)


def make_mailbox(address="help@shop.example", **fields):
    values = {"name": "受付", "kind": "imap", "host": "imap.shop.example", "status": "active", **fields}
    return Mailbox.objects.get_or_create(address=address, defaults=values)[0]


def raw_mail(
    text="色は何色ありますか。",
    *,
    sender="山田 花子 <hanako@mail.example>",
    subject="財布について",
    message_id=None,
    html="",
    files=(),
    to="help@shop.example",
    **headers,
):
    """Bytes of a mail. ``headers`` by name with _ for -; ``files``: (name, main type, sub type, bytes, cid or "")."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Date"] = format_datetime(NOW)
    mail["Message-ID"] = message_id or f"<mail-{next(_number)}@mail.example>"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text, cte="base64")
    if html:
        mail.add_alternative(html, subtype="html", cte="base64")
        for _name, main, sub, content, cid in [one for one in files if one[4]]:
            mail.get_payload()[1].add_related(content, main, sub, cid=f"<{cid}>")
    for name, main, sub, content, cid in files:
        if not cid:
            mail.add_attachment(content, main, sub, filename=name)
    return mail.as_bytes()


def store_raw(raw, *, mailbox=None, now=NOW, **fields):
    """The row as receiving commits it."""
    values = {
        "mailbox": mailbox or make_mailbox(),
        "source_key": f"test:{next(_number)}",
        "sha256": hashlib.sha256(raw).hexdigest(),
        "raw": raw,
        "size": len(raw),
        "received_at": now,
        "next_try_at": now,
        **fields,
    }
    return IncomingMail.objects.create(**values)


def receive(text="色は何色ありますか。", *, now=NOW, mailbox=None, **words):
    """Store a mail; see :func:`raw_mail`."""
    return store_raw(raw_mail(text, **words), now=now, mailbox=mailbox)
