from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shopdesk.business_time import (
    Calendar,
    NeverOpen,
    add_business_minutes,
    business_minutes_between,
    is_open,
    next_opening,
)

TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")
SHOP_DAY = [(time(10), time(12)), (time(13), time(18))]
MONDAY_HOLIDAY = date(2026, 11, 23)
SHOP = Calendar(hours=dict.fromkeys(range(5), SHOP_DAY), closed=frozenset({MONDAY_HOLIDAY}), zone=TOKYO)


def tokyo(*parts):
    return datetime(*parts, tzinfo=TOKYO)


def test_a_question_on_friday_evening_is_due_on_tuesday_after_the_holiday():
    """Hours 10–12 and 13–18, target two hours, Monday is a public holiday."""
    asked = tokyo(2026, 11, 20, 17, 50)
    assert add_business_minutes(asked, 120, SHOP) == tokyo(2026, 11, 24, 11, 50)
    assert business_minutes_between(asked, tokyo(2026, 11, 24, 11, 50), SHOP) == 120


def test_the_noon_break_and_the_night_do_not_count():
    assert add_business_minutes(tokyo(2026, 11, 20, 11, 30), 60, SHOP) == tokyo(2026, 11, 20, 13, 30)
    assert business_minutes_between(tokyo(2026, 11, 19, 17, 0), tokyo(2026, 11, 20, 11, 0), SHOP) == 120
    assert business_minutes_between(tokyo(2026, 11, 21, 0, 0), tokyo(2026, 11, 24, 10, 0), SHOP) == 0


def test_open_from_the_first_minute_to_before_the_last():
    assert is_open(tokyo(2026, 11, 20, 10, 0), SHOP)
    assert is_open(tokyo(2026, 11, 20, 11, 59), SHOP)
    assert not is_open(tokyo(2026, 11, 20, 12, 0), SHOP)
    assert not is_open(tokyo(2026, 11, 20, 9, 59), SHOP)
    assert not is_open(tokyo(2026, 11, 23, 10, 30), SHOP)
    assert not is_open(tokyo(2026, 11, 22, 10, 30), SHOP)


def test_next_opening():
    assert next_opening(tokyo(2026, 11, 20, 17, 50), SHOP) == tokyo(2026, 11, 20, 17, 50)
    assert next_opening(tokyo(2026, 11, 20, 18, 0), SHOP) == tokyo(2026, 11, 24, 10, 0)
    assert add_business_minutes(tokyo(2026, 11, 21, 3, 0), 0, SHOP) == tokyo(2026, 11, 24, 10, 0)


def test_a_shop_that_never_opens_says_so():
    closed = Calendar(hours={}, closed=frozenset(), zone=TOKYO)
    with pytest.raises(NeverOpen):
        add_business_minutes(tokyo(2026, 11, 20, 10, 0), 1, closed)
    assert business_minutes_between(tokyo(2026, 11, 20, 10, 0), tokyo(2027, 11, 20, 10, 0), closed) == 0


def test_negative_minutes_are_refused():
    with pytest.raises(ValueError, match="negative"):
        add_business_minutes(tokyo(2026, 11, 20, 10, 0), -1, SHOP)


def test_answers_are_in_utc():
    assert add_business_minutes(tokyo(2026, 11, 20, 10, 0), 1, SHOP).tzinfo is UTC


def test_a_long_new_years_holiday():
    closed = frozenset(date(2026, 12, 29) + timedelta(days=day) for day in range(8))
    calendar = Calendar(hours=SHOP.hours, closed=closed, zone=TOKYO)
    assert add_business_minutes(tokyo(2026, 12, 28, 17, 30), 60, calendar) == tokyo(2027, 1, 6, 10, 30)


def test_the_hour_that_summer_time_skips_or_repeats():
    """02:00–03:00 does not exist on 8 March and comes twice on 1 November in New York."""
    night = Calendar(hours={6: [(time(1), time(4))]}, closed=frozenset(), zone=NEW_YORK)
    spring = datetime(2026, 3, 8, 0, 0, tzinfo=NEW_YORK), datetime(2026, 3, 9, 0, 0, tzinfo=NEW_YORK)
    autumn = datetime(2026, 11, 1, 0, 0, tzinfo=NEW_YORK), datetime(2026, 11, 2, 0, 0, tzinfo=NEW_YORK)
    assert business_minutes_between(*spring, night) == 120
    assert business_minutes_between(*autumn, night) == 240


# --- what holds for every calendar --------------------------------------------------------------------------------


@st.composite
def calendars(draw):
    hours = {}
    for day in range(7):
        marks = sorted(draw(st.sets(st.integers(0, 23 * 60), max_size=6)))
        marks = marks[: len(marks) // 2 * 2]
        hours[day] = [
            (time(*divmod(opens, 60)), time(*divmod(closes, 60)))
            for opens, closes in zip(marks[::2], marks[1::2], strict=True)
        ]
    closed = draw(st.frozensets(st.dates(date(2026, 1, 1), date(2027, 12, 31)), max_size=10))
    return Calendar(hours, closed, draw(st.sampled_from([TOKYO, NEW_YORK, ZoneInfo("UTC")])))


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001  # made aware by hypothesis
    lambda moment: moment.replace(second=0, microsecond=0)
)
minutes = st.integers(0, 5_000)


def opens_at_all(calendar):
    return any(calendar.hours.values())


@given(calendars(), moments, minutes)
def test_between_undoes_add(calendar, start, count):
    assume(opens_at_all(calendar))
    assert business_minutes_between(start, add_business_minutes(start, count, calendar), calendar) == count


@given(calendars(), moments, minutes, minutes)
def test_more_minutes_are_never_due_earlier(calendar, start, few, more):
    assume(opens_at_all(calendar))
    few, more = sorted((few, more))
    assert add_business_minutes(start, few, calendar) <= add_business_minutes(start, more, calendar)


@given(calendars(), moments, moments, minutes)
def test_who_asks_later_is_never_answered_earlier(calendar, one, other, count):
    assume(opens_at_all(calendar))
    one, other = sorted((one, other))
    assert add_business_minutes(one, count, calendar) <= add_business_minutes(other, count, calendar)


@given(calendars(), moments, minutes, minutes)
def test_adding_twice_is_adding_the_sum(calendar, start, first, second):
    assume(opens_at_all(calendar))
    step = add_business_minutes(add_business_minutes(start, first, calendar), second, calendar)
    assert business_minutes_between(start, step, calendar) == first + second


@given(calendars(), moments, moments)
def test_the_way_back_is_negative(calendar, one, other):
    assert business_minutes_between(one, other, calendar) == -business_minutes_between(other, one, calendar)


@given(calendars(), moments)
def test_the_next_opening_is_open(calendar, start):
    assume(opens_at_all(calendar))
    opening = next_opening(start, calendar)
    assert opening >= start
    assert is_open(opening, calendar)
