"""How fast letters may leave: token buckets by route and by the group of domains that one receiver stands behind.

A bucket is one row; tokens are refilled and taken by one UPDATE, so that any number of workers share them. A letter
without a token is put back with a later due time: that is no try, and nobody waits in a loop for it.

Who goes first: everybody draws on the same bucket, but only transactional mail and replies may empty it. After-care
mail leaves the last fifth alone, advertising the last half, so that a wave of advertising never stands in the way of an
answer. The claim's order stays the index's own.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from shopdesk.mail.models import MailClass, OutgoingMail, RateBucket

# Letters a minute to one receiver, whatever the route allows. Receivers publish no numbers: these are cautious ones for
# a sender of good standing; a receiver who asks for patience halves its own.
PER_MINUTE: dict[str, int] = {
    "gmail": 300,
    "yahoo": 120,
    "docomo": 60,
    "au": 60,
    "softbank": 60,
    "icloud_outlook": 120,
}
_DOMAINS: dict[str, str] = {
    "gmail.com": "gmail", "googlemail.com": "gmail",
    "yahoo.co.jp": "yahoo", "ybb.ne.jp": "yahoo", "ymail.ne.jp": "yahoo",
    "docomo.ne.jp": "docomo",
    "ezweb.ne.jp": "au", "au.com": "au", "biz.au.com": "au", "uqmobile.jp": "au",
    "softbank.ne.jp": "softbank", "i.softbank.jp": "softbank", "disney.ne.jp": "softbank", "vodafone.ne.jp": "softbank",
    "willcom.com": "softbank", "ymobile.ne.jp": "softbank", "y-mobile.ne.jp": "softbank",
    "icloud.com": "icloud_outlook", "me.com": "icloud_outlook", "mac.com": "icloud_outlook",
    "outlook.com": "icloud_outlook", "outlook.jp": "icloud_outlook", "hotmail.com": "icloud_outlook",
    "hotmail.co.jp": "icloud_outlook", "live.jp": "icloud_outlook", "msn.com": "icloud_outlook",
}  # fmt: skip
OTHER = "other"

CAPACITY_SECONDS = 10.0  # a bucket holds this long a time's tokens, and at least SMALLEST
SMALLEST = 5.0
SLOW = timedelta(minutes=15)  # how long a bucket is halved after 421 or 450 4.2.1
LONGEST_WAIT = timedelta(hours=1)  # then the letter asks again
# The part of the bucket that a class must leave to those before it.
_LEFT_ALONE: dict[str, float] = {MailClass.TRANSACTIONAL: 0.0, MailClass.SERVICE: 0.2, MailClass.ADVERTISING: 0.5}
_RANK = {MailClass.TRANSACTIONAL: 0, MailClass.SERVICE: 1, MailClass.ADVERTISING: 2}

_TAKE = """
WITH had AS (
    SELECT key, rate,
        LEAST(%(capacity)s, tokens + GREATEST(0, EXTRACT(EPOCH FROM %(now)s - refilled_at)) * rate) AS level
    FROM (
        SELECT *, %(rate)s::float8 * CASE WHEN slow_until > %(now)s THEN 0.5 ELSE 1 END AS rate
        FROM mail_ratebucket WHERE key = %(key)s FOR UPDATE
    ) AS bucket
), given AS (
    SELECT key, rate, level,
        LEAST(%(want)s, GREATEST(0, FLOOR(level - %(left)s + 1e-6)))::int AS count
    FROM had
)
UPDATE mail_ratebucket AS bucket
SET tokens = level - count, refilled_at = %(now)s,
    queue_until = CASE WHEN count < %(want)s THEN LEAST(
        GREATEST(COALESCE(bucket.queue_until, %(now)s), %(now)s) + (%(want)s - count) / rate * interval '1 second',
        %(longest)s) ELSE bucket.queue_until END
FROM given WHERE bucket.key = given.key
RETURNING count, rate, queue_until
"""


def group_of(address: str) -> str:
    """The group of domains an address belongs to: a key of PER_MINUTE, or OTHER. Subdomains count as their domain."""
    domain = address.rpartition("@")[2].lower()
    while domain:
        if domain in _DOMAINS:
            return _DOMAINS[domain]
        domain = domain.partition(".")[2]
    return OTHER


def rank(mail: OutgoingMail) -> int:
    """Which letters of a batch go first: answers and receipts, then after-care, then advertising."""
    return _RANK[MailClass(mail.mail_class)] if mail.automatic else 0


def admit(letters: Iterable[OutgoingMail], *, route: int, per_minute: int, now: datetime) -> dict[int, datetime | None]:
    """Letter id -> None when it may leave by this route now, else the moment at which it should ask again.

    ``per_minute`` is the whole route's; 0 means that the route has no limit and nothing is asked.
    """
    verdict: dict[int, datetime | None] = {}
    parts: dict[tuple[int, str, str], list[OutgoingMail]] = defaultdict(list)
    for mail in letters:
        verdict[mail.pk] = None
        if per_minute:
            # What a person wrote goes like transactional mail, whatever the law sees in it.
            mail_class = mail.mail_class if mail.automatic else MailClass.TRANSACTIONAL
            parts[rank(mail), mail_class, group_of(mail.to_address)].append(mail)
    for (_rank, mail_class, group), members in sorted(parts.items(), key=lambda part: part[0]):
        ceiling = min(per_minute, PER_MINUTE.get(group, per_minute))
        own, whole = f"{route}:{group}", f"{route}:*"
        count, waits = _take(own, ceiling, len(members), mail_class, now)
        through, later = _take(whole, per_minute, count, mail_class, now) if count else (0, [])
        if through < count:
            _give_back(own, count - through)
        for mail, moment in zip(members[through:], later + waits, strict=True):
            verdict[mail.pk] = moment
    return verdict


def slow_down(address: str, *, route: int, now: datetime) -> None:
    """The receiver asked for patience: halve its bucket for a quarter of an hour."""
    RateBucket.objects.filter(key=f"{route}:{group_of(address)}").update(slow_until=now + SLOW)


def _take(key: str, per_minute: int, want: int, mail_class: str, now: datetime) -> tuple[int, list[datetime]]:
    """How many of ``want`` may go, and when each of the others should come again."""
    rate = per_minute / 60
    capacity = max(SMALLEST, rate * CAPACITY_SECONDS)
    values: dict[str, Any] = {
        "key": key,
        "now": now,
        "rate": rate,
        "capacity": capacity,
        "left": capacity * _LEFT_ALONE[mail_class],
        "want": want,
        "longest": now + LONGEST_WAIT,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # A crash may forget the last tokens taken; no letter hangs on it.
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(_TAKE, values)
        row = cursor.fetchone()
        if row is None:
            new = RateBucket(key=key, tokens=capacity, refilled_at=now)
            RateBucket.objects.bulk_create([new], ignore_conflicts=True)
            cursor.execute(_TAKE, values)
            row = cursor.fetchone()
    count, rate_now, queue_until = row
    missing = want - count
    step = timedelta(seconds=1 / rate_now)
    if mail_class == MailClass.TRANSACTIONAL:
        # Not behind the queue: it asks again as soon as the next token is there.
        return count, [now + _whole(step * (place + 1)) for place in range(missing)]
    return count, [queue_until - step * (missing - 1 - place) for place in range(missing)]


def _give_back(key: str, count: int) -> None:
    RateBucket.objects.filter(key=key).update(tokens=F("tokens") + count)


def _whole(wait: timedelta) -> timedelta:
    """At least one second, so that a letter that waits is not taken up again within the same sweep."""
    return timedelta(seconds=max(1, math.ceil(wait.total_seconds())))
