"""The hours of one person: what people type, the edges, midnight, closing days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopdesk.working_hours import DAY, WEEK, BadHours, WorkingHours, day_text, read_day

TOKYO = ZoneInfo("Asia/Tokyo")
SECOND = timedelta(seconds=1)
MONDAY, FRIDAY, SUNDAY = 0, 4, 6


def at(day, hour, minute=0, second=0):
    """A moment of November 2026 in Tokyo; the 20th is a Friday."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=TOKYO)


def works(*days, closed=()):
    """``works((FRIDAY, "9-17"))``"""
    return WorkingHours([one for weekday, text in days for one in read_day(text, weekday)], frozenset(closed), TOKYO)


@pytest.mark.parametrize(
    ("typed", "slots"),
    [
        ("", []),
        ("9-17", [(540, 1020)]),
        ("9:00-12:00, 13:00-17:30", [(540, 720), (780, 1050)]),
        ("13:00〜17:30、９：００～１２：００", [(540, 720), (780, 1050)]),
        ("9時から12時半", None),
        ("9時から12時30分まで", [(540, 750)]),
        ("9時〜17時", [(540, 1020)]),
        (" 22:00 - 2:00 ", [(1320, 1560)]),
        ("22:00ー26:00", [(1320, 1560)]),
        ("18:00−24:00", [(1080, 1440)]),
        ("18:00-0:00", [(1080, 1440)]),
        ("0:00-24:00", [(0, 1440)]),
        ("12:00-36:00", [(720, 2160)]),
        ("9:00-12:00 13:00-17:00", [(540, 720), (780, 1020)]),
        ("9:00-12:00,12:00-17:00", [(540, 720), (720, 1020)]),
        ("9:00", None),
        ("9:00-9:00", None),
        ("9:60-10:00", None),
        ("24:00-26:00", None),
        ("9:00-34:00", None),
        ("9:00-49:00", None),
        ("nine-five", None),
        ("9:00-17:00-18:00", None),
        ("9:00-12:00, 11:00-13:00", None),
        ("22:00-2:00, 23:00-24:00", None),
        ("-1:00-2:00", None),
        ("999999999999-1", None),
    ],
)
def test_what_people_type(typed, slots):
    if slots is None:
        with pytest.raises(BadHours):
            read_day(typed, MONDAY)
    else:
        assert read_day(typed, MONDAY) == slots
        assert read_day(typed, SUNDAY) == [(start + 6 * DAY, end + 6 * DAY) for start, end in slots]


def test_a_refusal_names_the_piece():
    with pytest.raises(BadHours) as refused:
        read_day("9:00-12:00, 25:00-26:00", FRIDAY)
    assert (refused.value.part, refused.value.twice) == ("25:00-26:00", False)
    with pytest.raises(BadHours) as refused:
        read_day("9:00-12:00, 11:00-13:00", FRIDAY)
    assert refused.value.twice


@given(st.lists(st.tuples(st.integers(0, DAY - 1), st.integers(1, DAY)), max_size=4), st.integers(0, 6))
def test_what_is_shown_is_read_again(drawn, weekday):
    slots, last = [], 0
    for start, length in sorted(drawn):
        if start >= last:
            last = start + length
            slots.append((weekday * DAY + start, weekday * DAY + last))
    if not any(end - start == DAY and start % DAY for start, end in slots):  # "9:00-9:00" is refused
        assert read_day(day_text(slots, weekday), weekday) == slots


def test_the_start_counts_and_the_end_does_not():
    hours = works((FRIDAY, "9-12, 13-17"))
    for moment, expected in [
        (at(20, 8, 59, 59), False), (at(20, 9), True), (at(20, 11, 59, 59), True), (at(20, 12), False),
        (at(20, 13), True), (at(20, 17), False), (at(19, 10), False), (at(27, 10), True),
    ]:  # fmt: skip
        assert hours.hold(moment) is expected, moment
        assert hours.hold(moment.astimezone(UTC)) is expected


def test_over_midnight_and_over_the_end_of_the_week():
    night = works((SUNDAY, "22-2"))
    for moment, expected in [
        (at(22, 21, 59, 59), False), (at(22, 22), True), (at(23, 0), True), (at(23, 1, 59, 59), True), (at(23, 2), False),
        (at(16, 1), True), (at(24, 1), False),
    ]:  # fmt: skip
        assert night.hold(moment) is expected, moment
    assert night.until(at(22, 23)) == night.until(at(23, 1)) == at(23, 2)
    assert night.next_start(at(23, 2)) == at(29, 22)
    assert night.next_start(at(23, 1)) == at(23, 1)


def test_a_little_late():
    hours, late = works((FRIDAY, "9:00-9:10, 18-24")), timedelta(minutes=15)
    assert hours.hold(at(20, 9, 24, 59), after=late)
    assert hours.hold(at(20, 9, 12), after=late)
    assert not hours.hold(at(20, 9, 25), after=late)
    assert not hours.hold(at(20, 8, 59, 59), after=late)
    assert hours.hold(at(21, 0, 14, 59), after=late)
    assert not hours.hold(at(21, 0, 15), after=late)
    # The longest slot there can be, and its end.
    assert works((FRIDAY, "23:59-47:59")).hold(at(22, 0, 13), after=late)


def test_one_stretch_without_a_gap():
    hours = works((FRIDAY, "9-12, 12-24"), (5, "0-3, 4-5"))
    assert hours.until(at(20, 10)) == at(21, 3)
    assert works(*((day, "0-24") for day in range(7))).until(at(20, 10)) > at(27, 10)
    assert works((FRIDAY, "9-17")).until(at(20, 17, 5)) == at(20, 17, 5)  # none goes on


def test_the_end_that_has_just_been():
    hours, late = works((FRIDAY, "9-17, 17:10-20")), timedelta(minutes=15)
    assert hours.until(at(20, 17, 5), after=late) == at(20, 17)
    assert hours.until(at(20, 17, 12)) == at(20, 20)
    assert hours.until(at(20, 20, 14, 59), after=late) == at(20, 20)
    assert hours.until(at(20, 20, 15), after=late) == at(20, 20, 15)


def test_closing_days_let_begin_nothing_and_a_night_goes_on_into_them():
    holiday = date(2026, 11, 23)  # 勤労感謝の日, a Monday
    night = works((SUNDAY, "22-2"), (MONDAY, "9-17, 22-2"), (1, "9-17"), closed=[holiday])
    assert night.hold(at(23, 1))
    assert not night.hold(at(23, 10))
    assert not night.hold(at(23, 23))
    assert not night.hold(at(24, 1))
    assert night.next_start(at(23, 2)) == at(24, 9)
    always = WorkingHours([], frozenset([holiday]), TOKYO)
    assert (always.hold(at(22, 23, 59)), always.hold(at(23, 0)), always.hold(at(24, 0))) == (True, False, True)
    assert always.until(at(22, 12)) == at(23, 0)
    assert always.next_start(at(23, 12)) == at(24, 0)


def test_never_again():
    closed = [date(2026, 11, 1) + timedelta(days=place) for place in range(1000)]
    assert works((FRIDAY, "9-17"), closed=closed).next_start(at(20, 10)) is None


@given(
    st.lists(st.tuples(st.integers(0, WEEK - 1), st.integers(1, DAY)), min_size=1, max_size=5),
    st.integers(0, 3 * WEEK),
)
def test_the_next_start_is_the_first_moment_that_holds(drawn, minute):
    hours = WorkingHours([(start, start + length) for start, length in drawn], frozenset(), TOKYO)
    moment = at(2, 0) + timedelta(minutes=minute)
    found = hours.next_start(moment)
    assert hours.hold(found)
    assert (found == moment) is hours.hold(moment)
    if found > moment:
        assert not hours.hold(found - SECOND)
    if hours.hold(moment):
        assert hours.hold(hours.until(moment) - SECOND)
