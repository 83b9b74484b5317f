"""Promises: copied once, counted in business time, paused and moved exactly, told once before and once after."""

import threading
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inquiries import merging, opening, replying, sla, triage, undoing
from inquiries.answers import Answer
from inquiries.models import Category, Happening, Inquiry, Message, SLAPolicy, StatusLabel
from shopdesk.business_time import (
    Calendar,
    add_business_minutes,
    business_minutes_between,
    subtract_business_minutes,
)
from shopdesk.shop.calendar import business_calendar
from shopdesk.shop.models import BusinessHours, Closure, Store
from tests import make
from tests.inquiries.make import make_inquiry

TOKYO = ZoneInfo("Asia/Tokyo")
SHOP_DAY = [(time(10), time(12)), (time(13), time(18))]
SHOP = Calendar(hours=dict.fromkeys(range(5), SHOP_DAY), closed=frozenset({date(2026, 11, 23)}), zone=TOKYO)


def at(day, clock):
    """``at(20, "17:50")`` in November 2026, in Tokyo. The 20th is a Friday, the 23rd a public holiday."""
    return datetime.combine(date(2026, 11, day), time.fromisoformat(clock), TOKYO)


@pytest.fixture
def shop_hours(db):
    """Monday to Friday 10-12 and 13-18; Monday the 23rd is a holiday."""
    for weekday in range(5):
        for opens, closes in SHOP_DAY:
            BusinessHours.objects.create(weekday=weekday, opens=opens, closes=closes)
    Closure.objects.get_or_create(first_day="2026-11-23", last_day="2026-11-23", defaults={"name": "勤労感謝の日"})


@pytest.fixture
def category(db):
    return Category.objects.get(slug="spec")


def make_policy(**fields):
    return SLAPolicy.objects.create(**{"name": "標準", "first_minutes": 120, "next_minutes": 60, **fields})


def ask(now, **fields):
    """A question as the form asks it."""
    fields.setdefault("category", Category.objects.get(slug="spec"))
    return opening.open_inquiry(
        **{
            "store": make.make_store(), "name": "山田 花子", "email": "hanako@mail.example",
            "body": f"色を教えてください。{now:%d%H%M%S}", "now": now, **fields,
        }
    )  # fmt: skip


def writes_again(inquiry, now):
    Message.objects.create(inquiry=inquiry, kind=Message.Kind.RECEIVED, body="もう一つ。", at=now)
    fresh = Inquiry.objects.get(pk=inquiry.pk)
    triage.enter(fresh, status="open", now=now)
    fresh.save()
    return fresh


# --- the line of the plan --------------------------------------------------------------------------------------------


def test_friday_evening_before_a_holiday(shop_hours, category):
    make_policy(first_minutes=120)
    inquiry = ask(at(20, "17:50"))
    assert inquiry.reply_due_at == at(24, "11:50")
    assert inquiry.escalation_at == at(24, "11:50")


# --- which policy ----------------------------------------------------------------------------------------------------


def test_the_first_policy_that_fits_is_copied(shop_hours, category):
    other = make.make_store("rakuten")
    make_policy(name="楽天", store=other, first_minutes=10, position=0)
    make_policy(name="電話", channel="phone", first_minutes=20, position=1)
    make_policy(name="初期不良", category=Category.objects.get(slug="defect"), first_minutes=30, position=2)
    make_policy(name="至急", priority=2, first_minutes=40, position=3)
    make_policy(name="休止中", first_minutes=50, position=4, is_active=False)
    make_policy(name="標準", first_minutes=60, position=9)

    def first(**fields):
        fields = {"store": make.make_store(), "category": category, **fields}
        inquiry = Inquiry(opened_at=at(20, "10:00"), waiting_since=at(20, "10:00"), **fields)
        sla.begin(inquiry, now=at(20, "10:00"))
        return inquiry.sla.name, inquiry.sla_first

    assert first() == ("標準", 60)
    assert first(store=other) == ("楽天", 10)
    assert first(channel="phone") == ("電話", 20)
    assert first(category=Category.objects.get(slug="defect")) == ("初期不良", 30)
    assert first(priority=2) == ("至急", 40)
    assert first(store=other, channel="phone") == ("楽天", 10)


def test_without_a_policy_the_category_says_how_soon(shop_hours):
    inquiry = ask(at(20, "10:00"), category=Category.objects.get(slug="delay"))  # two hours
    assert (inquiry.sla, inquiry.sla_first, inquiry.sla_next, inquiry.sla_solve) == (None, 120, 120, None)
    assert inquiry.reply_due_at == at(20, "12:00")


def test_changing_the_policy_leaves_old_inquiries_and_their_figures(shop_hours, agent):
    policy = make_policy(first_minutes=120, solve_minutes=600)
    inquiry = ask(at(20, "10:00"))
    replying.reply(inquiry, Answer("黒です。"), by=agent, now=at(20, "10:30"))
    figures = Inquiry.objects.values("sla_first", "sla_next", "sla_solve", "solve_due_at", "first_diff")
    before = figures.get(pk=inquiry.pk)
    assert before["first_diff"] == 90
    SLAPolicy.objects.filter(pk=policy.pk).update(first_minutes=5, next_minutes=5, solve_minutes=5)
    inquiry = writes_again(inquiry, at(20, "13:00"))
    assert inquiry.reply_due_at == at(20, "14:00")  # an hour, as it was promised
    triage.set_status(inquiry, status="solved", by=agent, now=at(20, "13:30"))
    triage.set_status(inquiry, status="open", by=agent, now=at(20, "13:30"))
    policy.delete()
    after = figures.get(pk=inquiry.pk)
    assert {**after, "solve_due_at": None} == {**before, "solve_due_at": None}
    assert Inquiry.objects.get(pk=inquiry.pk).sla is None
    assert ask(at(24, "10:00"), email="b@mail.example").sla_first != 120


def test_another_category_brings_another_promise(shop_hours, agent):
    make_policy(name="初期不良", category=Category.objects.get(slug="defect"), first_minutes=30, position=0)
    kept = make_policy(first_minutes=120, position=1)
    inquiry = ask(at(20, "10:00"))
    SLAPolicy.objects.filter(pk=kept.pk).update(first_minutes=1)
    triage.set_category(inquiry, category=Category.objects.get(slug="shipping"), by=agent, now=at(20, "10:05"))
    assert inquiry.reply_due_at == at(20, "12:00")  # the same policy: as promised
    triage.set_category(inquiry, category=Category.objects.get(slug="defect"), by=agent, now=at(20, "10:10"))
    inquiry.refresh_from_db()
    assert (inquiry.sla_first, inquiry.reply_due_at, inquiry.escalation_at) == (30, at(20, "10:30"), at(20, "10:30"))


def test_another_priority_brings_another_promise(shop_hours, agent):
    make_policy(name="至急", priority=2, first_minutes=15, position=0)
    make_policy(first_minutes=120, position=1)
    inquiry = ask(at(20, "10:00"))
    triage.set_priority(inquiry, priority=2, by=agent, now=at(20, "10:05"))
    inquiry.refresh_from_db()
    assert (inquiry.sla_first, inquiry.reply_due_at) == (15, at(20, "10:15"))


# --- first, next ------------------------------------------------------------------------------------------------------


def test_first_until_the_first_answer_then_next_from_the_first_unanswered_word(shop_hours, agent):
    make_policy(first_minutes=120, next_minutes=60)
    inquiry = ask(at(20, "10:00"))
    replying.reply(inquiry, Answer("黒です。"), by=agent, now=at(20, "11:00"))
    inquiry.refresh_from_db()
    assert (inquiry.reply_due_at, inquiry.escalation_at, inquiry.first_diff) == (None, None, 60)
    writes_again(inquiry, at(20, "13:00"))
    inquiry = writes_again(inquiry, at(20, "13:30"))
    assert inquiry.reply_due_at == at(20, "14:00")  # counted from 13:00
    replying.reply(inquiry, Answer("はい。"), by=agent, now=at(20, "14:20"))
    inquiry.refresh_from_db()
    assert (inquiry.first_diff, inquiry.next_diff) == (60, -20)
    inquiry = writes_again(inquiry, at(20, "15:00"))
    replying.reply(inquiry, Answer("はい。"), by=agent, now=at(20, "15:10"))
    inquiry.refresh_from_db()
    assert inquiry.next_diff == -20  # the worst one


def test_a_late_first_answer_is_late_by_business_minutes(shop_hours, agent):
    make_policy(first_minutes=120)
    inquiry = ask(at(20, "17:50"))  # due on Tuesday 11:50
    replying.reply(inquiry, Answer("遅くなりました。"), by=agent, now=at(24, "13:05"))
    inquiry.refresh_from_db()
    assert inquiry.first_diff == -15


def test_a_second_letter_to_who_does_not_wait_keeps_no_promise(shop_hours, agent):
    make_policy()
    inquiry = ask(at(20, "10:00"))
    replying.reply(inquiry, Answer("黒です。"), by=agent, now=at(20, "10:30"))
    replying.reply(inquiry, Answer("追伸です。"), by=agent, now=at(20, "10:40"))
    inquiry.refresh_from_db()
    assert (inquiry.first_diff, inquiry.next_diff) == (90, None)


def test_moving_it_by_hand_answers_nobody(shop_hours, agent):
    make_policy()
    inquiry = ask(at(20, "10:00"))
    triage.set_status(inquiry, status="pending", by=agent, now=at(20, "10:30"))
    inquiry.refresh_from_db()
    assert (inquiry.first_diff, inquiry.first_replied_at, inquiry.escalation_at) == (None, None, None)


# --- solving ----------------------------------------------------------------------------------------------------------


def test_the_clock_for_solving_stands_still_while_we_wait_for_the_customer(shop_hours, agent):
    make_policy(first_minutes=None, solve_minutes=300)
    inquiry = ask(at(20, "10:00"))
    assert inquiry.solve_due_at == at(20, "16:00")
    replying.reply(inquiry, Answer("写真をお送りください。"), by=agent, now=at(20, "11:00"))
    inquiry.refresh_from_db()
    assert (inquiry.paused_at, inquiry.escalation_at) == (at(20, "11:00"), None)
    inquiry = writes_again(inquiry, at(20, "13:30"))  # the pause: 11-12 and 13-13:30
    assert (inquiry.paused_at, inquiry.paused_minutes, inquiry.solve_due_at) == (None, 90, at(20, "17:30"))
    triage.set_status(inquiry, status="solved", by=agent, now=at(20, "17:00"))
    inquiry.refresh_from_db()
    assert inquiry.solve_diff == 30


def test_solved_while_the_clock_stands_counts_until_it_stood(shop_hours, agent):
    make_policy(solve_minutes=300)
    inquiry = ask(at(20, "10:00"))
    replying.reply(inquiry, Answer("いかがでしょうか。"), by=agent, now=at(20, "11:00"))
    triage.set_status(inquiry, status="solved", by=agent, now=at(27, "11:00"))
    inquiry.refresh_from_db()
    assert inquiry.solve_diff == 240


def test_a_label_says_whether_the_clock_stands(shop_hours, agent):
    make_policy(solve_minutes=300)
    supplier = StatusLabel.objects.get(name_en="Asking supplier or carrier")
    customer = StatusLabel.objects.get(name_en="Waiting for the customer")
    inquiry = ask(at(20, "10:00"))
    triage.set_status(inquiry, status="pending", label=supplier, by=agent, now=at(20, "10:30"))
    inquiry.refresh_from_db()
    assert (inquiry.paused_at, inquiry.escalation_at) == (None, at(20, "16:00"))
    triage.set_status(inquiry, status="pending", label=customer, by=agent, now=at(20, "11:00"))
    inquiry.refresh_from_db()
    assert (inquiry.paused_at, inquiry.escalation_at) == (at(20, "11:00"), None)
    triage.set_status(inquiry, status="pending", label=supplier, by=agent, now=at(20, "11:30"))
    inquiry.refresh_from_db()
    assert (inquiry.paused_at, inquiry.paused_minutes, inquiry.escalation_at) == (None, 30, at(20, "16:30"))


def test_reopened_it_goes_on_where_it_stood(shop_hours, agent):
    make_policy(solve_minutes=300)
    inquiry = ask(at(20, "10:00"))
    triage.set_status(inquiry, status="solved", by=agent, now=at(20, "11:00"))
    inquiry.refresh_from_db()
    assert (inquiry.solve_diff, inquiry.escalation_at) == (240, None)
    triage.set_status(inquiry, status="open", by=agent, now=at(24, "11:00"))  # 6 h and 1 h later
    inquiry.refresh_from_db()
    assert (inquiry.solve_diff, inquiry.paused_minutes, inquiry.solve_due_at) == (None, 420, at(24, "16:00"))
    # Solved by mistake and back within the minute: nothing has moved.
    triage.set_status(inquiry, status="solved", by=agent, now=at(24, "11:10"))
    triage.set_status(inquiry, status="open", by=agent, now=at(24, "11:10"))
    inquiry.refresh_from_db()
    assert inquiry.solve_due_at == at(24, "16:00")


def test_the_list_looks_at_the_earliest_open_promise(shop_hours, agent):
    make_policy(first_minutes=120, solve_minutes=60)
    inquiry = ask(at(20, "10:00"))
    assert inquiry.escalation_at == inquiry.solve_due_at == at(20, "11:00")
    assert inquiry.reply_due_at == at(20, "12:00")


def test_a_shop_that_never_opens_promises_nothing(category):
    for year in range(2026, 2030):
        Closure.objects.create(first_day=f"{year}-11-01", last_day=f"{year + 1}-10-31", name=f"休業{year}")
    make_policy(solve_minutes=60)
    inquiry = ask(at(20, "10:00"))
    assert (inquiry.reply_due_at, inquiry.solve_due_at, inquiry.escalation_at) == (None, None, None)


# --- steps taken back -------------------------------------------------------------------------------------------------


def clocks(inquiry):
    return Inquiry.objects.values("status", "waiting_since", "first_replied_at", *sla.FIELDS).get(pk=inquiry.pk)


def test_a_reply_that_is_taken_back_leaves_every_clock_as_it_was(shop_hours, agent):
    make_policy(solve_minutes=300, warn_minutes=30)
    inquiry = ask(at(20, "10:00"))
    Store.objects.update(undo_seconds=10)
    before = clocks(inquiry)
    for then in ("pending", "solved"):
        message = replying.reply(Inquiry.objects.get(), Answer("黒です。", then=then), by=agent, now=at(20, "11:00"))
        assert clocks(inquiry)["first_diff"] == 60
        undoing.take_back(message, by=agent, now=at(20, "11:00") + timedelta(seconds=5))
        assert clocks(inquiry) == before
    sla.sweep(at(20, "11:30"))
    assert [code for code, _ in told(inquiry)] == ["warned"]


def test_a_change_of_status_that_is_undone_leaves_every_clock_as_it_was(shop_hours, agent):
    make_policy(solve_minutes=300)
    inquiry = ask(at(20, "10:00"))
    before = clocks(inquiry)
    triage.set_status(inquiry, status="solved", by=agent, now=at(20, "11:00"))
    event = inquiry.events.get(code="status")
    triage.undo_status(event, by=agent, now=at(24, "11:00"))
    assert clocks(inquiry) == before


def test_un_merging_gives_both_their_clocks_back(shop_hours, agent):
    make_policy(solve_minutes=300)
    first, second = ask(at(20, "10:00")), ask(at(20, "11:00"))
    before = [clocks(first), clocks(second)]
    merging.merge(first, into=second, by=agent, now=at(20, "11:30"))
    merged = clocks(first)
    assert (merged["status"], merged["escalation_at"], merged["sla_tell_at"]) == ("merged", None, None)
    assert clocks(second)["reply_due_at"] == at(20, "12:00")  # who waits longer counts
    merging.unmerge(Inquiry.objects.get(pk=first.pk), by=agent, now=at(20, "13:30"))
    assert [clocks(first), clocks(second)] == before


# --- telling ----------------------------------------------------------------------------------------------------------


def told(inquiry):
    return [(event.code, event.at) for event in inquiry.events.filter(code__in=["warned", "overdue"])]


def test_warned_once_before_and_told_once_after(shop_hours):
    make_policy(first_minutes=120, warn_minutes=30)
    inquiry = ask(at(20, "17:50"))  # due on Tuesday 11:50
    for moment in (at(20, "17:55"), at(23, "11:30"), at(24, "11:19")):
        sla.sweep(moment)
        assert told(inquiry) == []
    for moment in (at(24, "11:20"), at(24, "11:21"), at(24, "11:49")):
        sla.sweep(moment)
        assert told(inquiry) == [("warned", at(24, "11:20"))]
    assert Inquiry.objects.get(pk=inquiry.pk).warned_at == at(24, "11:20")
    for moment in (at(24, "11:50"), at(24, "11:51"), at(27, "10:00")):
        sla.sweep(moment)
        assert told(inquiry)[1:] == [("overdue", at(24, "11:50"))]
    rules = Happening.objects.filter(inquiry=inquiry, event__in=["warned", "overdue"]).order_by("pk")
    assert [row.event for row in rules] == ["warned", "overdue"]
    assert sla.sweep(at(27, "10:00")) == 0


def test_who_was_answered_in_time_is_not_told_of(shop_hours, agent):
    make_policy(first_minutes=120, warn_minutes=30)
    inquiry = ask(at(20, "10:00"))
    replying.reply(inquiry, Answer("黒です。"), by=agent, now=at(20, "11:00"))
    assert sla.sweep(at(27, "10:00")) == 0
    assert told(inquiry) == []


def test_when_nobody_swept_in_time_only_the_end_is_told(shop_hours):
    make_policy(first_minutes=120, warn_minutes=30)
    inquiry = ask(at(20, "10:00"))
    sla.sweep(at(20, "13:00"))
    sla.sweep(at(20, "13:01"))
    assert told(inquiry) == [("overdue", at(20, "13:00"))]


def test_closed_by_mistake_and_set_back_is_not_told_of_again(shop_hours, agent):
    make_policy(first_minutes=60, warn_minutes=30)
    inquiry = ask(at(20, "10:00"))
    sla.sweep(at(20, "10:30"))
    sla.sweep(at(20, "11:00"))
    triage.set_status(inquiry, status="solved", by=agent, now=at(20, "11:10"))
    triage.set_status(inquiry, status="open", by=agent, now=at(20, "11:11"))
    sla.sweep(at(20, "11:12"))
    assert [code for code, _ in told(inquiry)] == ["warned", "overdue"]


def test_the_next_promise_is_told_of_anew(shop_hours, agent):
    make_policy(first_minutes=60, next_minutes=60, warn_minutes=30)
    inquiry = ask(at(20, "10:00"))
    sla.sweep(at(20, "11:00"))
    replying.reply(inquiry, Answer("黒です。"), by=agent, now=at(20, "11:10"))
    inquiry = writes_again(inquiry, at(20, "13:00"))
    assert inquiry.warned_at is None
    sla.sweep(at(20, "13:30"))
    assert [code for code, _ in told(inquiry)] == ["overdue", "warned"]


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_tell_it_once(agent):
    inquiries = [make_inquiry(f"Q-{n}", customer=None if not n else Inquiry.objects.first().customer) for n in range(5)]
    Inquiry.objects.update(sla_tell_at=make.NOW, escalation_at=make.NOW + timedelta(hours=1))

    def work():
        try:
            sla.sweep(make.NOW)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [inquiry.events.filter(code="warned").count() for inquiry in inquiries] == [1] * 5
    assert Happening.objects.filter(event="warned").count() == 5


def test_a_sweep_asks_the_index(shop_hours, django_assert_max_num_queries):
    ask(at(20, "10:00"))
    with django_assert_max_num_queries(3):
        assert sla.sweep(at(20, "10:00")) == 0


# --- laws -------------------------------------------------------------------------------------------------------------

MOMENTS = st.integers(0, 24 * 24 * 60).map(lambda minutes: at(16, "00:00") + timedelta(minutes=minutes))
SPANS = st.integers(0, 4000)


@given(MOMENTS, SPANS)
def test_what_is_added_lies_between(start, minutes):
    assert business_minutes_between(start, add_business_minutes(start, minutes, SHOP), SHOP) == minutes
    assert business_minutes_between(subtract_business_minutes(start, minutes, SHOP), start, SHOP) == minutes


@given(MOMENTS, MOMENTS, SPANS, SPANS)
def test_due_times_are_monotone(one, other, few, many):
    one, other = sorted([one, other])
    few, many = sorted([few, many])
    assert add_business_minutes(one, few, SHOP) <= add_business_minutes(other, few, SHOP)
    assert add_business_minutes(one, few, SHOP) <= add_business_minutes(one, many, SHOP)
    assert subtract_business_minutes(one, many, SHOP) <= subtract_business_minutes(other, few, SHOP)


ACTS = st.lists(st.tuples(st.integers(1, 3000), st.sampled_from(["open", "pending", "hold", "solved"])), max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_pauses_move_the_due_time_by_exactly_their_business_minutes(shop_hours, agent, acts):
    """Whatever is done, the due time lies the promise plus the time paused behind the opening."""
    Inquiry.objects.all().delete()
    SLAPolicy.objects.all().delete()
    make_policy(solve_minutes=500)
    now = at(16, "10:00")
    inquiry = ask(now)
    calendar = business_calendar()
    running, since, paused = True, now, 0
    for minutes, status in [*acts, (1, "open")]:
        now += timedelta(minutes=minutes)
        triage.set_status(inquiry, status=status, by=agent, now=now)
        if running and status != "open":
            running, since = False, now
        elif not running and status == "open":
            running = True
            paused += business_minutes_between(since, now, calendar)
    inquiry.refresh_from_db()
    assert inquiry.paused_minutes == paused
    assert business_minutes_between(inquiry.opened_at, inquiry.solve_due_at, calendar) == 500 + paused
    assert inquiry.escalation_at == min(inquiry.reply_due_at, inquiry.solve_due_at)
