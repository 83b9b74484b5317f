"""Searches that found nothing: the shop's list of answers yet to be written. Names nobody."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Max, Sum
from django.utils import timezone

from faq.models import SearchMiss
from shopdesk.text import mask_personal, normalise, one_line

KEPT = timedelta(days=180)
_LONGEST = 100

_ADD = """
INSERT INTO faq_searchmiss (language, query, day, count) VALUES (%s, %s, %s, 1)
ON CONFLICT (language, query, day) DO UPDATE SET count = faq_searchmiss.count + 1
"""


@dataclass(frozen=True)
class Miss:
    query: str
    language: str
    count: int
    last: date


def record(query: str, *, language: str, now: datetime) -> None:
    """Count one search without a result. Personal data is masked before anything is stored.

    Masked before it is cut, so that half of a long number cannot slip through.
    """
    text = mask_personal(normalise(one_line(query)))[:_LONGEST].strip()
    if not text:
        return
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [language, text, timezone.localdate(now)])


def report(*, since: date) -> list[Miss]:
    """The searches without a result from that day on, most frequent first; at most 200."""
    rows = (
        SearchMiss.objects.filter(day__gte=since)
        .values("query", "language")
        .annotate(total=Sum("count"), last=Max("day"))
        .order_by("-total", "-last", "query")[:200]
    )
    return [Miss(row["query"], row["language"], row["total"], row["last"]) for row in rows]


def forget(query: str, *, language: str) -> int:
    """Take a search off the report, for instance when an answer was written; returns how many rows went."""
    deleted, _ = SearchMiss.objects.filter(query=query, language=language).delete()
    return deleted


def sweep(now: datetime) -> int:
    """Delete what is older than 180 days; returns how many rows went."""
    deleted, _ = SearchMiss.objects.filter(day__lt=timezone.localdate(now - KEPT)).delete()
    return deleted
