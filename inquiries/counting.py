"""Counters that stay cheap: exact up to a thousand, "1,000+" above."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection

from inquiries.models import InquiryQuerySet

# Counted up to one more than this; nobody works off a list by whether it has 3,417 or 3,418 rows.
MOST = 1_000


@dataclass(frozen=True)
class Counter:
    """The statement that counts a list, at most its first MOST + 1 rows; "" for a list that holds nothing whatever the
    table holds."""

    sql: str
    params: tuple[Any, ...]

    @classmethod
    def of(cls, rows: InquiryQuerySet) -> "Counter":
        try:
            sql, params = rows.order_by().values("pk")[: MOST + 1].query.sql_with_params()
        except EmptyResultSet:
            return cls("", ())
        return cls(f"(SELECT count(*) FROM ({sql}) AS rows)", params)  # noqa: S608  # compiled by Django, values apart


def bounded(
    lists: Mapping[str, Counter], *, also: str = "0", params: Sequence[Any] = ()
) -> tuple[dict[str, int], object]:
    """How many rows each list has, at most MOST + 1 each, in one statement. No list costs more than its first 1,001
    rows, whatever the table holds.

    ``also`` is one more SQL expression of ours with its ``params``, asked on the same way; its value comes second.
    """
    with connection.cursor() as cursor:
        cursor.execute(*question(lists, also=also, params=params))
        return answer(lists, cursor.fetchone())


def question(lists: Mapping[str, Counter], *, also: str = "0", params: Sequence[Any] = ()) -> tuple[str, list[Any]]:
    """The statement of :func:`bounded` with its parameters."""
    asked = [counter for counter in lists.values() if counter.sql]
    parts = [also, *(counter.sql for counter in asked)]
    return f"SELECT {', '.join(parts)}", [*params, *(value for counter in asked for value in counter.params)]


def answer(lists: Mapping[str, Counter], row: Sequence[Any]) -> tuple[dict[str, int], object]:
    """The row that it answers with, as :func:`bounded` gives it."""
    asked = [key for key, counter in lists.items() if counter.sql]
    return dict.fromkeys(lists, 0) | dict(zip(asked, row[1:], strict=True)), row[0]


def shown(count: int) -> str:
    """``0``, ``128``, ``1,000+``."""
    return f"{MOST:,}+" if count > MOST else f"{count:,}"
