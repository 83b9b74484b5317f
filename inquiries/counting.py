"""Counters that stay cheap: exact up to a thousand, "1,000+" above."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection

from inquiries.models import InquiryQuerySet

# Counted up to one more than this; nobody works off a list by whether it has 3,417 or 3,418 rows.
MOST = 1_000


def bounded(
    lists: Mapping[str, InquiryQuerySet], *, also: str = "0", params: Sequence[Any] = ()
) -> tuple[dict[str, int], object]:
    """How many rows each list has, at most MOST + 1 each, in one statement. No list costs more than its first 1,001
    rows, whatever the table holds.

    ``also`` is one more SQL expression of ours with its ``params``, asked on the same way; its value comes second.
    """
    parts: list[str] = [also]
    values: list[Any] = [*params]
    asked: list[str] = []
    for key, rows in lists.items():
        try:
            sql, own = rows.order_by().values("pk")[: MOST + 1].query.sql_with_params()
        except EmptyResultSet:
            continue  # holds nothing whatever the table holds
        asked.append(key)
        parts.append(f"(SELECT count(*) FROM ({sql}) AS rows)")  # noqa: S608  # compiled by Django, values apart
        values += own
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", values)
        first, *counts = cursor.fetchone()
    return dict.fromkeys(lists, 0) | dict(zip(asked, counts, strict=True)), first


def shown(count: int) -> str:
    """``0``, ``128``, ``1,000+``."""
    return f"{MOST:,}+" if count > MOST else f"{count:,}"
