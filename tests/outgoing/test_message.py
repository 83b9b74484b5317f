"""The quick way to the bytes of a plain letter gives what the library gives."""

import pytest

from shopdesk.mail import message
from tests.mail.make import queue

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"text": ""},
        {"text": "x" * 5000, "subject": "plain", "from_name": "Shop, Inc.", "to_name": ""},
        {
            "text": "㈱①\n.\n..\r\nFrom x\n" * 40,
            "subject": "件名" * 70,
            "in_reply_to": "<a@b>",
            "references": "<a@b> <c@d>",
        },
        {"headers": {"X-Topic": "返品", "X-Plain": "y"}, "reply_to": "support@shop.example", "automatic": False},
        {"to": "da.me..@docomo.ne.jp", "text": "いろは\n"},
    ],
)
def test_the_same_bytes(now, fields, monkeypatch):
    mail = queue(**fields)
    quick = message.build(mail, now)
    mail.html = "<p>x</p>"
    monkeypatch.setattr(message, "MIMEMultipart", lambda kind: _Text(mail))
    assert quick.rstrip() == message.build(mail, now).rstrip()


class _Text:
    """Stands for the multipart and is the text part alone."""

    def __new__(cls, mail):
        part = message.MIMEText(mail.text, "plain", "utf-8")
        part.attach = lambda other: None
        return part
