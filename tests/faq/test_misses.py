from datetime import date, timedelta

import pytest

from faq import misses
from faq.models import SearchMiss
from tests.make import NOW
from tests.pure.test_text import PERSONAL

pytestmark = pytest.mark.django_db

LINES = [f"{frame} {secret}" for secret in PERSONAL for frame in ("返品したい", "届かない", "注文")]


def test_personal_data_never_reaches_the_table():
    assert len(LINES) >= 50
    for line in LINES:
        misses.record(line, language="ja", now=NOW)
    for row in SearchMiss.objects.all():
        assert "@" not in row.query
        assert not any(character.isdigit() for character in row.query)
        assert "•••" in row.query


def test_a_long_number_cannot_slip_through_the_cut():
    misses.record("あ" * 95 + " 4111111111111111", language="ja", now=NOW)
    assert not any(character.isdigit() for character in SearchMiss.objects.get().query)


def test_the_same_words_are_counted_on_one_row_a_day():
    for typed in ("株主優待", " 株主優待 ", "株主優待\x00"):
        misses.record(typed, language="ja", now=NOW)
    misses.record("株主優待", language="ja", now=NOW + timedelta(days=1))
    misses.record("株主優待", language="en", now=NOW)
    assert sorted(SearchMiss.objects.values_list("language", "day", "count")) == [
        ("en", date(2026, 11, 20), 1),
        ("ja", date(2026, 11, 20), 3),
        ("ja", date(2026, 11, 21), 1),
    ]


def test_nothing_typed_is_nothing_missed():
    for typed in ("", "  ", "\x00\n"):
        misses.record(typed, language="ja", now=NOW)
    assert not SearchMiss.objects.exists()


def test_the_report_counts_from_a_day_on():
    for days, count in ((0, 2), (10, 3), (40, 9)):
        for _ in range(count):
            misses.record("店頭受け取り", language="ja", now=NOW - timedelta(days=days))
    misses.record("法人割引", language="ja", now=NOW)
    rows = misses.report(since=date(2026, 10, 21))
    assert [(row.query, row.count, row.last) for row in rows] == [
        ("店頭受け取り", 5, date(2026, 11, 20)),
        ("法人割引", 1, date(2026, 11, 20)),
    ]


def test_old_rows_are_deleted_after_180_days():
    misses.record("古い", language="ja", now=NOW - timedelta(days=181))
    misses.record("まだ", language="ja", now=NOW - timedelta(days=180))
    assert misses.sweep(NOW) == 1
    assert misses.sweep(NOW) == 0
    assert SearchMiss.objects.get().query == "まだ"


def test_the_table_has_no_place_for_a_person():
    assert {field.name for field in SearchMiss._meta.get_fields()} == {"id", "language", "query", "day", "count"}
