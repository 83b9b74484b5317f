"""The log of security-relevant acts."""

import json
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from shopdesk.accounts import ratelimit
from shopdesk.accounts.models import AuditEntry, User
from shopdesk.tokens import digest

# The count and the entry in one statement: whoever counts to one writes it, and nothing is lost in between.
_ONCE = """
WITH counted AS (
  INSERT INTO accounts_ratecount (key, "window", count) VALUES (%s, %s, 1)
  ON CONFLICT (key, "window") DO UPDATE SET count = accounts_ratecount.count + 1
  RETURNING count
)
INSERT INTO accounts_auditentry (at, actor_id, code, data)
SELECT %s, %s, %s, %s::jsonb FROM counted WHERE count = 1
"""


def record(code: str, *, actor: User | None, now: datetime, **data: Any) -> AuditEntry:
    """Write one entry, in the caller's transaction. ``data`` holds codes and ids, never secrets or customer text."""
    return AuditEntry.objects.create(at=now, actor=actor, code=code, data=data)


def record_once(code: str, *, within: timedelta, actor: User, now: datetime, **data: Any) -> bool:
    """:func:`record`, but only the first time that this person does the same to the same in a window of time; whether
    it was. For what happens all day (reading). One statement."""
    words = json.dumps(data, sort_keys=True)
    key = digest(f"audit:{code}:{actor.pk}:{words}")
    with connection.cursor() as cursor:
        cursor.execute(_ONCE, [key, ratelimit.window_start(now, within), now, actor.pk, code, words])
        return bool(cursor.rowcount)
