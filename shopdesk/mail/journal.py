"""The short words to the disk while a batch of letters is sent. One wait for it a letter, over as few bytes as can be.

    prepare  the bytes of the whole batch, in one statement: its letters are ``sending``, each may begin at any moment
    begin    the answer to one letter and the intent to send the next, in one small statement: a row of SendAttempt
             was finished, and one was begun
    settle   the rows of those that were taken, in one statement a batch

The attempts are the journal: what they say is true before the letters' own rows say it. After a crash a letter in
``sending`` without an attempt was never begun, one whose attempt has an answer is done, and one whose attempt has none
is uncertain; that is at most one of each worker, because no intent is written before the answer to the last.

What is prepared need not reach the disk at once: it lies before the intent in PostgreSQL's log, which is flushed up to
the intent, so that no intent outlives a crash without its bytes.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shopdesk import addresses
from shopdesk.mail import wire
from shopdesk.mail.models import MailClass, MailRoute, OutgoingMail
from shopdesk.mail.smtp import Accepted


class Ready(NamedTuple):
    """A letter that may go, with its way and its bytes."""

    mail: OutgoingMail
    route: MailRoute | None
    raw: bytes


class Answer(NamedTuple):
    """The server has taken the letter."""

    mail: OutgoingMail
    accepted: Accepted
    at: datetime


_PREPARE = """
UPDATE mail_outgoingmail AS mail
SET state = 2, raw = ready.raw, route_id = ready.route, reason = '', detail = '', lease_until = %(until)s,
    changed_at = %(now)s
FROM unnest(%(ids)b::bigint[], %(tokens)b::bigint[], %(routes)b::bigint[], %(raws)b::bytea[])
    AS ready (id, token, route, raw),
    set_config('synchronous_commit', 'off', true)
WHERE mail.id = ready.id AND mail.lease_token = ready.token AND mail.state = 1
RETURNING mail.id
"""

# The rough question whether anything might speak against the letter; what does is found out by deciding.carefully.
# The lock makes begin and the look for lost letters (SELECT FOR UPDATE) exclude each other: what has been taken from
# a worker whose lease is over is not begun by it.
_INTENT = """
begun AS (
    SELECT id FROM mail_outgoingmail
    WHERE id = %(next)s::bigint AND lease_token = %(token)s AND state = 2
        AND (not_after IS NULL OR not_after >= %(now)s)
        AND NOT EXISTS (SELECT FROM mail_suppression WHERE address = %(to)s)
        {agreed}
    FOR KEY SHARE
)
INSERT INTO mail_sendattempt (mail_id, attempt, worker, route_id, intent_at, outcome, answer)
SELECT id, %(next_attempt)s::int, %(worker)s, %(route)s::bigint, %(now)s::timestamptz, '', '' FROM begun
RETURNING mail_id
"""
# Asked of advertising alone: each question takes its time, also where it need not be answered.
_AGREED = """
        AND (SELECT act FROM mail_consent WHERE address = %(to)s ORDER BY at DESC, id DESC LIMIT 1) = 'given'
"""
_ANSWER = """
answered AS (
    UPDATE mail_sendattempt SET outcome = 'sent', smtp_code = %(code)s, answer = %(words)s, finished_at = %(at)s
    WHERE mail_id = %(mail)s AND attempt = %(attempt)s AND outcome = ''
)"""
# By whether there is an answer to write, and whether the letter is advertising.
_BEGIN = {
    (answer, advertising): wire.Statement(
        f"journal_begin_{answer:d}{advertising:d}",
        f"WITH {_ANSWER + ',' if answer else ''} {_INTENT.format(agreed=_AGREED if advertising else '')}",
    )
    for answer in (False, True)
    for advertising in (False, True)
}

# A slow answer may come after the lease, when the letter is uncertain already: knowing beats not knowing, as long as
# no person has settled it.
_SETTLE = wire.Statement(
    "journal_settle",
    """
WITH settled AS (
    UPDATE mail_outgoingmail AS mail
    SET state = 3, sent_at = said.at, reason = '', detail = said.words, lease_until = NULL, changed_at = said.at
    FROM json_to_recordset(%(said)s::json)
        AS said (id bigint, token bigint, attempt int, code int, words text, at timestamptz)
    WHERE mail.id = said.id AND mail.lease_token = said.token AND mail.state IN (2, 4)
    RETURNING said.*
)
UPDATE mail_sendattempt AS attempt
SET outcome = 'sent', smtp_code = settled.code, answer = settled.words, finished_at = settled.at
FROM settled
WHERE attempt.mail_id = settled.id AND attempt.attempt = settled.attempt AND attempt.outcome <> 'sent'
""",
)


def prepare(batch: Sequence[Ready], *, now: datetime, until: datetime) -> dict[int, bytes]:
    """Write the bytes of claimed letters; by letter id those that are still this worker's."""
    rows = wire.rows(
        _PREPARE,
        {
            "ids": [one.mail.pk for one in batch],
            "tokens": [one.mail.lease_token for one in batch],
            "routes": [one.route.pk if one.route else None for one in batch],
            "raws": [one.raw for one in batch],
            "now": now,
            "until": until,
        },
        keep=True,
    )
    ours = {pk for (pk,) in rows}
    return {one.mail.pk: one.raw for one in batch if one.mail.pk in ours}


def begin(mail: OutgoingMail, route: MailRoute | None, *, now: datetime, last: Answer | None) -> bool:
    """Write the answer to the ``last`` letter, when there is one, and the intent to send a prepared one: on disk when
    this returns.

    False when the intent was not written: the letter is not ours any more, or something may speak against it.
    """
    values: dict[str, Any] = {
        "next": mail.pk,
        "token": mail.lease_token,
        "next_attempt": mail.attempt,
        "route": route.pk if route else None,
        "now": now,
        "to": addresses.normalise(mail.to_address),
        "worker": mail.lease_owner,
    }
    if last is not None:
        values |= {
            "mail": last.mail.pk,
            "attempt": last.mail.attempt,
            "at": last.at,
            "code": last.accepted.code,
            "words": last.accepted.words[:500],
        }
    return bool(_BEGIN[last is not None, mail.mail_class == MailClass.ADVERTISING].run(values))


def settle(answers: Sequence[Answer], meanwhile: Callable[[], None] | None = None) -> None:
    """Write that these letters were taken, each unless a person has settled it meanwhile. Again: nothing changes.

    ``meanwhile`` is done while PostgreSQL is at it; see wire.py.
    """
    said = [
        {
            "id": answer.mail.pk,
            "token": answer.mail.lease_token,
            "attempt": answer.mail.attempt,
            "code": answer.accepted.code,
            "words": answer.accepted.words.replace("\x00", " ")[:500],
            "at": answer.at.isoformat(),
        }
        for answer in answers
    ]
    _SETTLE.run({"said": json.dumps(said)}, meanwhile)
