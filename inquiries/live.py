"""What the browsers of staff ask every few seconds: has anything changed, and who is here?"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q

from inquiries.models import Presence
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P

# A visible page asks every 4 seconds, a hidden one every 15 (static/js/live.js). A row is written again when it is
# older than RENEW, so that most questions write nothing; after LIVE without one the person has gone. The next
# question of a colleague comes at most 4 seconds later: gone within half a minute.
RENEW = timedelta(seconds=8)
LIVE = timedelta(seconds=25)
# "22 minutes left" must move on although nothing happened.
_TICK = 300
_NEWEST = 50

# The stamp is a sum over the newest ids, not the highest one: ids are given when a row is written and seen when its
# transaction commits. A transaction that began earlier may commit later, with a lower id; the highest id would never
# tell. Whatever enters the newest fifty displaces a lower one, so the sum of insertions alone only grows; a row that is
# deleted (a reply taken back) lowers it. All three sums walk an index backwards for fifty rows.
_SUM = "(SELECT coalesce(sum(id), 0) FROM (SELECT id FROM {} ORDER BY id DESC LIMIT %s) AS newest)"
# One's own presence is left out: it must not look like news to oneself.
_HERE = (
    "(SELECT coalesce(sum(hashtext(inquiry_id || '-' || user_id || doing)), 0) FROM inquiries_presence"
    " WHERE seen_at > %s AND user_id <> %s)"
)
_MOVES_ON = f"floor(extract(epoch FROM %s) / {_TICK})"
_STAMP = (
    f"concat_ws('.', {_SUM.format('inquiries_inquiryevent')}, {_SUM.format('inquiries_message')}, {_HERE}, {_MOVES_ON})"
)

_BEAT = """
WITH here AS (
  INSERT INTO inquiries_presence (inquiry_id, user_id, doing, since, seen_at)
  SELECT id, %s, %s, %s, %s FROM inquiries_inquiry WHERE id = %s AND (%s OR assignee_id = %s)
  ON CONFLICT (inquiry_id, user_id) DO UPDATE SET
    doing = excluded.doing, seen_at = excluded.seen_at,
    since = CASE WHEN inquiries_presence.seen_at > %s THEN inquiries_presence.since ELSE excluded.since END
  WHERE inquiries_presence.seen_at < %s OR inquiries_presence.doing <> excluded.doing
)
SELECT """


def stamp_sql(user: User, *, now: datetime) -> tuple[str, list[Any]]:
    """The stamp as an SQL expression with its parameters, to be asked together with something else."""
    return _STAMP, [_NEWEST, _NEWEST, now - LIVE, user.pk, now]


def beat(user: User, *, inquiry: int | None, doing: str, now: datetime) -> str:
    """Say that ``user`` is here (``doing`` of Presence.Doing), unless there is no such inquiry or they may not see it,
    and return the stamp: another one means that something in the desk has changed. One statement."""
    sql, params = stamp_sql(user, now=now)
    with connection.cursor() as cursor:
        if inquiry is None:
            cursor.execute(f"SELECT {sql}", params)
        else:
            sees_all = user.has_perm(P.INQUIRIES_VIEW_ALL)
            first: list[Any] = [user.pk, doing, now, now, inquiry, sees_all, user.pk, now - LIVE, now - RENEW]
            cursor.execute(_BEAT + sql, [*first, *params])
        return str(cursor.fetchone()[0])


@dataclass(frozen=True)
class Somebody:
    """A colleague who has an inquiry open."""

    name: str
    is_replying: bool

    @property
    def initial(self) -> str:
        return self.name[:1]


def present(inquiries: Iterable[int], *, besides: User, now: datetime) -> dict[int, list[Somebody]]:
    """Who else has these inquiries open, who came first first. One query."""
    rows = Presence.objects.filter(Q(seen_at__gt=now - LIVE), inquiry__in=list(inquiries)).exclude(user=besides)
    found: dict[int, list[Somebody]] = defaultdict(list)
    for row in rows.select_related("user").order_by("since", "pk"):
        found[row.inquiry_id].append(Somebody(str(row.user), row.doing == Presence.Doing.REPLYING))
    return found


def sweep(now: datetime, limit: int = 5_000) -> int:
    """Forget who was where an hour ago; how many rows went."""
    old = Presence.objects.filter(seen_at__lt=now - timedelta(hours=1)).order_by("seen_at").values("pk")[:limit]
    return Presence.objects.filter(pk__in=old).delete()[0]
