"""Makers of letters: only what a test is about is said."""

from django.db import connection

from shopdesk.mail import delivery, journal, message, outbox
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


def fill(count, *, now=NOW, state=3):
    """Many letters at once, written by the database: keys k0, k1 …; sent ones unless ``state`` says otherwise."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO mail_outgoingmail (
                key, mail_class, automatic, language, from_name, from_address, to_name, to_address, reply_to, subject,
                text, html, headers, attachments, message_id, in_reply_to, "references", state, reason, detail, due_at,
                lease_owner, lease_token, attempt, created_at, sent_at, raw,
                bounce_code, bounce_detail)
            SELECT 'k' || n, 'transactional', true, 'ja', 'x', 'a@shop.example', '', 'c' || n || '@mail.example', '',
                '件名 ' || n, 'x', '', '{}', '[]', '<' || n || '@x>', '', '', %(state)s, '', '', %(now)s,
                '', 0, 0, %(now)s, CASE WHEN %(state)s = 3 THEN %(now)s END, 'x', '', ''
            FROM generate_series(0, %(count)s - 1) AS n ORDER BY n
            """,
            {"now": now, "state": state, "count": count},
        )
        cursor.execute("ANALYZE mail_outgoingmail")


def prepare(*claimed, now=NOW):
    """What a worker does before its first word to the mail server; by letter id the bytes of those that it still has."""
    batch = [journal.Ready(mail, None, message.build(mail, now)) for mail in claimed]
    return journal.prepare(batch, now=now, until=now + delivery.LEASE)


def begin(mail, *, now=NOW, last=None):
    """A claimed letter is prepared and its intent written: the next thing would be a word to the mail server."""
    prepare(mail, now=now)
    return journal.begin(mail, None, now=now, last=last)
