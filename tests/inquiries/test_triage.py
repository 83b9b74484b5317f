"""Who answers and where it stands."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from inquiries import due_times, replying, triage
from inquiries.answers import Answer
from inquiries.models import Category, Inquiry, InquiryEvent
from inquiries.sentences import sentence
from shopdesk.shop.calendar import business_calendar
from shopdesk.shop.models import BusinessHours, Closure
from tests import make
from tests.inquiries.make import make_inquiry


def test_two_agents_take_one_inquiry(db, now, agent):
    inquiry = make_inquiry()
    ken = make.make_user()
    assert triage.take(inquiry, by=agent, now=now) is True
    assert triage.take(inquiry, by=ken, now=now) is False
    inquiry.refresh_from_db()
    assert inquiry.assignee == agent
    assert [sentence(event) for event in inquiry.events.all()] == ["佐藤 彩さんが担当になりました"]


@pytest.mark.django_db(transaction=True)
def test_many_agents_take_at_once_and_one_has_it(now):
    inquiry = make_inquiry()
    people = [make.make_user(f"a{n}@shop.example") for n in range(4)]
    start = threading.Barrier(4)
    results = []

    def take(person):
        start.wait()
        try:
            results.append(triage.take(Inquiry.objects.get(), by=person, now=now))
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, False, False, True]
    assert InquiryEvent.objects.filter(code="taken").count() == 1
    assert inquiry.pk


def test_assigning_leaves_one_event_for_each_change(db, now, agent, outsourced):
    inquiry = make_inquiry()
    triage.assign(inquiry, to=outsourced, by=agent, now=now)
    triage.assign(inquiry, to=outsourced, by=agent, now=now)
    triage.assign(inquiry, to=None, by=agent, now=now)
    assert [sentence(event) for event in inquiry.events.all()] == [
        "佐藤 彩さんが白波 外さんに割り当てました",
        "佐藤 彩さんが白波 外さんの担当を外しました",
    ]


def test_nobody_is_assigned_who_may_not_see_it(db, now, agent):
    finance = make.make_user("kin@shop.example", role="finance")
    with pytest.raises(triage.CannotAnswer):
        triage.assign(make_inquiry(), to=finance, by=agent, now=now)


def test_solving_by_mistake_and_setting_back_changes_nothing(db, now, agent):
    inquiry = make_inquiry(opened_at=now, reply_due_at=due_times.answer_due(now, Category.objects.get(slug="spec")))
    before = (inquiry.waiting_since, inquiry.reply_due_at)
    assert triage.set_status(inquiry, status="solved", by=agent, now=now + timedelta(minutes=5)) is True
    inquiry.refresh_from_db()
    assert (inquiry.waiting_since, inquiry.reply_due_at) == (None, None)
    assert inquiry.solved_at == now + timedelta(minutes=5)
    assert triage.set_status(inquiry, status="open", by=agent, now=now + timedelta(minutes=6)) is True
    assert triage.set_status(inquiry, status="open", by=agent, now=now + timedelta(minutes=7)) is False
    inquiry.refresh_from_db()
    assert (inquiry.waiting_since, inquiry.reply_due_at) == before
    assert inquiry.solved_at is None
    assert inquiry.events.count() == 2


def test_an_answered_inquiry_opened_again_waits_from_now(db, now, agent):
    inquiry = make_inquiry()
    replying.reply(inquiry, Answer("はい。"), by=agent, now=now)
    later = now + timedelta(minutes=30)
    triage.set_status(inquiry, status="open", by=agent, now=later)
    inquiry.refresh_from_db()
    assert inquiry.waiting_since == later


def test_another_category_moves_the_due_time(db, now, agent):
    inquiry = make_inquiry(opened_at=now)
    triage.set_category(inquiry, category=Category.objects.get(slug="defect"), by=agent, now=now)
    inquiry.refresh_from_db()
    assert inquiry.reply_due_at == now + timedelta(hours=2)


def test_due_on_friday_evening_before_a_holiday(db, now):
    for weekday in range(5):
        BusinessHours.objects.create(weekday=weekday, opens="10:00", closes="12:00")
        BusinessHours.objects.create(weekday=weekday, opens="13:00", closes="18:00")
    Closure.objects.get_or_create(first_day="2026-11-23", last_day="2026-11-23", defaults={"name": "勤労感謝の日"})
    category = Category.objects.get(slug="delay")  # two hours
    friday = now.replace(hour=17, minute=50)
    due = due_times.answer_due(friday, category)
    assert due_times.promise(due, "ja") == "11月24日(火) 12:00"  # 11:50, rounded up
    assert due_times.promise(due, "en") == "Tue 24 Nov, 12:00 (Tokyo)"
    calendar = business_calendar()
    assert due_times.shown(due, now=friday, calendar=calendar).text == "あと2時間（営業時間）"
    assert due_times.shown(due, now=due - timedelta(minutes=20), calendar=calendar).text == "あと20分（営業時間）"
    assert due_times.shown(due, now=due + timedelta(seconds=1), calendar=calendar).text == "期限超過"


def test_a_shop_that_is_never_open_promises_nothing(db, now):
    Closure.objects.create(first_day="2026-11-01", last_day="2027-11-30", name="休業")
    Closure.objects.create(first_day="2027-11-01", last_day="2028-11-30", name="休業二")
    Closure.objects.create(first_day="2028-11-01", last_day="2029-11-30", name="休業三")
    assert due_times.answer_due(now, Category.objects.get(slug="spec")) is None
    assert due_times.promise(None, "ja") == ""
