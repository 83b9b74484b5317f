"""When a letter is due: tables of what must come out, then properties."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followups import timing
from followups.timing import Rule, due_at

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


def at(text, zone=TOKYO, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


@pytest.mark.parametrize(
    ("anchor", "rule", "occurrence", "expected"),
    [
        # at once, and plain durations
        ("2026-11-20 21:07:30", Rule(0, "minutes"), 1, "2026-11-20 21:07:30"),
        ("2026-11-20 21:07", Rule(90, "minutes"), 1, "2026-11-20 22:37"),
        ("2026-11-20 21:07", Rule(5, "hours"), 1, "2026-11-21 02:07"),
        # durations until a local time: never before the delay is over
        ("2026-11-20 09:00", Rule(30, "minutes", time(10)), 1, "2026-11-20 10:00"),
        ("2026-11-20 09:30", Rule(30, "minutes", time(10)), 1, "2026-11-20 10:00"),
        ("2026-11-20 09:31", Rule(30, "minutes", time(10)), 1, "2026-11-21 10:00"),
        ("2026-11-20 23:00", Rule(2, "hours", time(10)), 1, "2026-11-21 10:00"),
        # days of the calendar, whatever the hour of the anchor
        ("2026-11-20 08:00", Rule(3, "days", time(10)), 1, "2026-11-23 10:00"),
        ("2026-11-20 21:00", Rule(3, "days", time(10)), 1, "2026-11-23 10:00"),
        ("2026-11-20 21:00", Rule(3, "days"), 1, "2026-11-23 21:00"),
        # the same day, when it is still to come; else the next
        ("2026-11-20 09:59", Rule(0, "days", time(10)), 1, "2026-11-20 10:00"),
        ("2026-11-20 10:00", Rule(0, "days", time(10)), 1, "2026-11-20 10:00"),
        ("2026-11-20 10:01", Rule(0, "days", time(10)), 1, "2026-11-21 10:00"),
        ("2026-12-31 23:59", Rule(0, "days", time(10)), 1, "2027-01-01 10:00"),
        # a day that is already the next one in Tokyo, not yet in UTC
        ("2026-11-21 00:30", Rule(1, "days", time(10)), 1, "2026-11-22 10:00"),
        # months: the end of the month, and leap years
        ("2026-08-31 12:00", Rule(6, "months", time(10)), 1, "2027-02-28 10:00"),
        ("2026-08-31 12:00", Rule(12, "months", time(10)), 1, "2027-08-31 10:00"),
        ("2027-08-31 12:00", Rule(6, "months", time(10)), 1, "2028-02-29 10:00"),
        ("2028-02-29 12:00", Rule(12, "months", time(10)), 1, "2029-02-28 10:00"),
        ("2028-02-29 12:00", Rule(48, "months", time(10)), 1, "2032-02-29 10:00"),
        ("2026-01-31 12:00", Rule(1, "months"), 1, "2026-02-28 12:00"),
        ("2026-12-15 12:00", Rule(1, "months"), 1, "2027-01-15 12:00"),
        # repeating counts from the anchor, so 31 stays 31 where there is one
        ("2026-08-31 12:00", Rule(6, "months", time(10), 6), 1, "2027-02-28 10:00"),
        ("2026-08-31 12:00", Rule(6, "months", time(10), 6), 2, "2027-08-31 10:00"),
        ("2026-08-31 12:00", Rule(6, "months", time(10), 6), 3, "2028-02-29 10:00"),
        ("2026-08-31 12:00", Rule(6, "months", time(10), 6), 6, "2029-08-31 10:00"),
        ("2026-01-30 12:00", Rule(1, "days", time(10), 1), 2, "2026-02-28 10:00"),
        ("2026-01-30 12:00", Rule(1, "days", time(10), 1), 3, "2026-03-31 10:00"),
        ("2026-01-31 22:00", Rule(3, "hours", None, 1), 2, "2026-03-01 01:00"),
    ],
)
def test_tokyo(anchor, rule, occurrence, expected):
    assert due_at(at(anchor), rule, zone=TOKYO, occurrence=occurrence) == at(expected)


@pytest.mark.parametrize(
    ("zone", "anchor", "rule", "expected_utc"),
    [
        # 02:30 does not exist on 29 March 2026 in Berlin: 03:30 summer time
        (BERLIN, "2026-03-28 12:00", Rule(1, "days", time(2, 30)), "2026-03-29 01:30"),
        (NEW_YORK, "2026-03-07 12:00", Rule(1, "days", time(2, 30)), "2026-03-08 07:30"),
        # 02:30 happens twice on 25 October 2026: the first
        (BERLIN, "2026-10-24 12:00", Rule(1, "days", time(2, 30)), "2026-10-25 00:30"),
        # the hour on the wall stays over a change of clocks
        (BERLIN, "2026-03-28 12:00", Rule(1, "days", time(10)), "2026-03-29 08:00"),
        (BERLIN, "2026-10-24 12:00", Rule(1, "days", time(10)), "2026-10-25 09:00"),
        (BERLIN, "2026-03-20 10:00", Rule(1, "months"), "2026-04-20 08:00"),
        # hours are hours, also in that night
        (BERLIN, "2026-03-28 23:00", Rule(5, "hours"), "2026-03-29 03:00"),
    ],
)
def test_changes_of_clocks(zone, anchor, rule, expected_utc):
    assert due_at(at(anchor, zone), rule, zone=zone) == at(expected_utc, UTC)


def test_an_ambiguous_anchor_is_never_preceded():
    second_half_past_two = at("2026-10-25 02:30", BERLIN, fold=1).astimezone(UTC)
    assert due_at(second_half_past_two, Rule(0, "days"), zone=BERLIN) == second_half_past_two


@pytest.mark.parametrize(
    ("rule", "occurrence"), [(Rule(1, "days"), 2), (Rule(1, "days"), 0), (Rule(1, "fortnights"), 1)]
)
def test_what_cannot_be_is_refused(rule, occurrence):
    with pytest.raises(ValueError):
        due_at(at("2026-11-20 10:00"), rule, zone=TOKYO, occurrence=occurrence)


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        (date(2026, 8, 31), date(2027, 2, 28), 6),
        (date(2026, 8, 31), date(2027, 2, 27), 5),
        (date(2026, 8, 31), date(2026, 8, 31), 0),
        (date(2026, 8, 31), date(2026, 8, 1), 0),
    ],
)
def test_whole_months(first, last, months):
    assert timing.whole_months(first, last) == months


moments = st.integers(946_684_800, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
rules = st.builds(
    Rule,
    delay=st.integers(0, 120),
    unit=st.sampled_from(["minutes", "hours", "days", "months"]),
    local_time=st.none() | st.times(),
    repeat_months=st.integers(1, 120),
)
zones = st.sampled_from([TOKYO, BERLIN, NEW_YORK, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")])


@given(moments, rules, zones, st.integers(1, 12))
def test_due_times_rise_and_never_precede_the_anchor(anchor, rule, zone, occurrence):
    due = due_at(anchor, rule, zone=zone, occurrence=occurrence)
    assert due >= anchor
    assert due_at(anchor, rule, zone=zone, occurrence=occurrence + 1) > due
    if rule.unit in {"minutes", "hours"} and occurrence == 1:
        assert due >= anchor + timedelta(**{rule.unit: rule.delay})


@given(moments, rules, st.integers(1, 12))
def test_the_local_minute_is_the_one_that_was_asked_for(anchor, rule, occurrence):
    local = due_at(anchor, rule, zone=TOKYO, occurrence=occurrence).astimezone(TOKYO)
    if rule.local_time is not None:
        assert local.time() == rule.local_time
    elif rule.unit in {"days", "months"}:
        assert local.time() == anchor.astimezone(TOKYO).time()


@given(moments, st.integers(0, 120))
def test_adding_months_stays_in_the_month(anchor, months):
    day = anchor.date()
    later = timing.add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)
