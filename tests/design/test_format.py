"""How moments, days and money are written, in both languages."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone, translation

from shopdesk import clock
from shopdesk.desk.templatetags.desk_format import ago, day, moment, yen

# Saturday 21 November 2026, 14:05 in Tokyo.
NOW = datetime(2026, 11, 21, 5, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def tokyo(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    with timezone.override("Asia/Tokyo"), translation.override("ja"):
        yield


def test_a_moment_of_today_yesterday_and_tomorrow():
    assert moment(NOW) == '<time datetime="2026-11-21T05:05:00Z">今日 14:05</time>'
    assert "昨日 14:05" in moment(NOW - timedelta(days=1))
    assert "明日 09:30" in moment(datetime(2026, 11, 22, 0, 30, tzinfo=UTC))


def test_the_day_turns_in_the_readers_zone_not_in_utc():
    late = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)  # 00:30 on the 21st in Tokyo
    assert "今日 00:30" in moment(late)
    with timezone.override("UTC"):
        assert "昨日 15:30" in moment(late)


def test_other_days_tell_the_weekday_and_other_years_the_year():
    assert "11月10日(火) 14:05" in moment(datetime(2026, 11, 10, 5, 5, tzinfo=UTC))
    assert "2025年11月20日(木) 14:05" in moment(datetime(2025, 11, 20, 5, 5, tzinfo=UTC))
    with translation.override("en"):
        assert "Tue 10 Nov 14:05" in moment(datetime(2026, 11, 10, 5, 5, tzinfo=UTC))
        assert "Thu 20 Nov 2025 14:05" in moment(datetime(2025, 11, 20, 5, 5, tzinfo=UTC))
        assert "Today 14:05" in moment(NOW)


def test_a_date_stays_the_date_it_is():
    assert day(date(2026, 11, 20)) == '<time datetime="2026-11-20">11月20日(金)</time>'
    assert day(datetime(2026, 11, 20, 15, 30, tzinfo=UTC)) == '<time datetime="2026-11-21">11月21日(土)</time>'


@pytest.mark.parametrize(
    ("before", "japanese", "english"),
    [
        (timedelta(seconds=59), "たった今", "just now"),
        (timedelta(minutes=1), "1分前", "1 minute ago"),
        (timedelta(minutes=59), "59分前", "59 minutes ago"),
        (timedelta(hours=1), "1時間前", "1 hour ago"),
        (timedelta(hours=47), "47時間前", "47 hours ago"),
        (timedelta(hours=48), "2日前", "2 days ago"),
        (timedelta(days=28), "10月24日(土)", "Sat 24 Oct"),
    ],
)
def test_the_distance_is_told_in_one_unit(before, japanese, english):
    assert f">{japanese}</time>" in ago(NOW - before)
    with translation.override("en"):
        assert f">{english}</time>" in ago(NOW - before)


def test_what_is_still_to_come_is_told_too_and_the_exact_moment_is_the_title():
    soon = ago(NOW + timedelta(hours=3))
    assert ">あと3時間</time>" in soon
    assert 'title="今日 17:05"' in soon
    assert ">まもなく</time>" in ago(NOW + timedelta(seconds=20))


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "¥0"), (1234, "¥1,234"), (-1200, "−¥1,200"), (12_345_678, "¥12,345,678")]
)
def test_yen(amount, text):
    assert yen(amount) == text


@pytest.mark.parametrize("filter_", [moment, day, ago, yen])
def test_nothing_gives_nothing(filter_):
    assert filter_(None) == ""
    assert filter_("") == ""
