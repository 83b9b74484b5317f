from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command

from shopdesk import business_time, clock
from shopdesk.shop import calendar
from shopdesk.shop.models import BusinessHours, Closure

TOKYO = ZoneInfo("Asia/Tokyo")
pytestmark = pytest.mark.django_db


def test_holidays_close_at_once_and_seasons_are_only_proposed():
    calendar.seed_closures(2026, 2026)
    closed = calendar.business_calendar().closed
    assert date(2026, 11, 23) in closed  # 勤労感謝の日
    assert date(2026, 9, 22) in closed  # 国民の休日, rare
    assert date(2026, 8, 13) not in closed
    summer = Closure.objects.get(name="夏季休業")
    assert (summer.first_day, summer.last_day, summer.active) == (date(2026, 8, 13), date(2026, 8, 16), False)
    winter = Closure.objects.get(name="年末年始休業")
    assert (winter.first_day, winter.last_day, winter.active) == (date(2026, 12, 29), date(2027, 1, 3), False)


def test_seeding_again_changes_nothing_that_the_shop_decided():
    first = calendar.seed_closures(2026, 2028)
    Closure.objects.filter(first_day=date(2026, 11, 23)).update(active=False)
    assert first > 50
    assert calendar.seed_closures(2026, 2028) == 0
    assert date(2026, 11, 23) not in calendar.business_calendar().closed


def test_the_shop_answers_in_its_hours(django_assert_num_queries):
    for opens, closes in ((time(10), time(12)), (time(13), time(17))):
        BusinessHours.objects.create(weekday=4, opens=opens, closes=closes)
    with django_assert_num_queries(2):
        shop = calendar.business_calendar()
    assert business_time.is_open(datetime(2026, 11, 20, 11, 0, tzinfo=TOKYO), shop)
    assert not business_time.is_open(datetime(2026, 11, 20, 12, 30, tzinfo=TOKYO), shop)
    assert not business_time.is_open(datetime(2026, 11, 19, 11, 0, tzinfo=TOKYO), shop)


def test_a_shop_that_told_no_hours_is_not_closed_for_ever(now):
    assert business_time.is_open(now, calendar.business_calendar())


def test_a_year_that_comes_into_sight_gets_its_holidays_by_itself(now):
    assert calendar.seed_missing_years(now) > 50
    years = {row.first_day.year for row in Closure.objects.filter(kind="holiday")}
    assert years == {2026, 2027, 2028}
    Closure.objects.filter(first_day=date(2026, 11, 23)).delete()  # the shop works on that day, now and later
    assert calendar.seed_missing_years(now) == 0
    calendar.seed_missing_years(now.replace(year=2027))
    assert Closure.objects.filter(kind="holiday", first_day__year=2029).exists()
    assert not Closure.objects.filter(first_day=date(2026, 11, 23)).exists()


def test_the_command_seeds_this_year_and_the_next_two(monkeypatch, now):
    monkeypatch.setattr(clock, "now", lambda: now)
    call_command("seed_closures")
    years = {day.year for day in Closure.objects.values_list("first_day", flat=True)}
    assert years == {2026, 2027, 2028}
