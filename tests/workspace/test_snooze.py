"""Laying aside and waking: at the moment, and early when the customer writes."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from inquiries import moments, reopening, replying, snoozing, triage
from inquiries.answers import Answer
from inquiries.models import Inquiry, Message
from inquiries.sentences import sentence
from shopdesk.shop.models import BusinessHours, Closure
from tests.inquiries.make import make_inquiry

TOKYO = ZoneInfo("Asia/Tokyo")


def asleep(inquiry, agent, now, *, hours=24, reason="supplier", comment="型番を照会中"):
    snoozing.snooze(
        inquiry, until=now + timedelta(hours=hours), reason=reason, comment=comment, by=agent, now=now
    )  # fmt: skip
    inquiry.refresh_from_db()
    return inquiry


def test_reason_moment_comment_and_person_are_kept(db, now, agent):
    inquiry = asleep(make_inquiry(), agent, now)
    assert inquiry.status == "hold"
    assert inquiry.snoozed_until == now + timedelta(hours=24)
    assert (inquiry.snooze_reason, inquiry.snooze_comment, inquiry.snoozed_by) == ("supplier", "型番を照会中", agent)
    assert (inquiry.waiting_since, inquiry.reply_due_at) == (None, None)
    assert [sentence(event) for event in inquiry.events.all()] == [
        "佐藤 彩さんが11月21日(土) 10:00まで保留にしました（仕入先の回答待ち: 型番を照会中）"
    ]


def test_it_wakes_at_its_moment_and_not_before(db, now, agent):
    inquiry = make_inquiry()
    since = inquiry.waiting_since
    asleep(inquiry, agent, now)
    until = inquiry.snoozed_until
    assert snoozing.sweep(until - timedelta(seconds=1)) == 0
    assert snoozing.sweep(until) == 1
    assert snoozing.sweep(until) == 0
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.snoozed_until, inquiry.snooze_reason) == ("open", None, "")
    assert inquiry.waiting_since == since  # the customer has waited all the time
    assert sentence(inquiry.events.last()) == "保留の期日になりました"


def test_answered_and_laid_aside_it_waits_from_waking_on(db, now, agent):
    inquiry = make_inquiry()
    replying.reply(inquiry, Answer("確認いたします。"), by=agent, now=now)
    asleep(inquiry, agent, now)
    snoozing.sweep(inquiry.snoozed_until)
    until = inquiry.snoozed_until
    inquiry.refresh_from_db()
    assert inquiry.waiting_since == until


def test_the_customers_mail_wakes_it_early(db, now, agent):
    inquiry = asleep(make_inquiry(), agent, now)
    later = now + timedelta(hours=1)
    Message.objects.create(inquiry=inquiry, kind="received", body="急ぎでお願いします。", at=later)
    reopening.heard(inquiry, now=later)
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.snoozed_until, inquiry.snoozed_by) == ("open", None, None)
    assert sentence(inquiry.events.last()) == "お客様からの連絡で保留が解除されました"
    assert snoozing.sweep(now + timedelta(hours=24)) == 0


def test_a_row_that_somebody_holds_is_left_for_the_next_ring(db, now, agent):
    inquiry = asleep(make_inquiry(), agent, now)
    assert snoozing.wake(inquiry, now=now, why="person", by=agent) is True
    assert snoozing.wake(inquiry, now=now, why="person", by=agent) is False
    assert sentence(inquiry.events.last()) == "佐藤 彩さんが保留を解除しました"


def test_moments_that_are_over_or_too_far_are_refused(db, now, agent):
    inquiry = make_inquiry()
    for until in (now, now - timedelta(days=1), now + timedelta(days=367)):
        with pytest.raises(snoozing.BadMoment):
            snoozing.snooze(inquiry, until=until, reason="stock", by=agent, now=now)
    assert Inquiry.objects.get().status == "open"


def test_another_moment_for_what_sleeps_already(db, now, agent):
    inquiry = asleep(make_inquiry(), agent, now)
    asleep(inquiry, agent, now, hours=48)
    assert inquiry.snoozed_until == now + timedelta(hours=48)
    same = {"until": inquiry.snoozed_until, "reason": "supplier", "comment": "型番を照会中"}
    assert snoozing.snooze(inquiry, **same, by=agent, now=now) is False
    assert inquiry.events.count() == 2


def test_one_click_choices_fall_into_opening_hours(db, now):
    """Friday 20 November; the Monday after it is a holiday, and the shop takes the Friday after that off, too."""
    for weekday in range(5):
        BusinessHours.objects.create(weekday=weekday, opens="10:00", closes="12:00")
        BusinessHours.objects.create(weekday=weekday, opens="13:00", closes="18:00")
    Closure.objects.get_or_create(first_day="2026-11-23", last_day="2026-11-23", defaults={"name": "勤労感謝の日"})
    Closure.objects.create(first_day="2026-11-27", last_day="2026-11-28", name="棚卸し")
    tuesday, monday = datetime(2026, 11, 24, 10, tzinfo=TOKYO), datetime(2026, 11, 30, 10, tzinfo=TOKYO)
    assert {code: moments.named(code, now) for code in ("tomorrow", "three", "monday", "week", "never")} == {
        "tomorrow": tuesday, "three": tuesday, "monday": tuesday, "week": monday, "never": None,
    }  # fmt: skip
    # Each moment is offered once.
    assert [(choice.code, choice.at) for choice in moments.choices(now)] == [("tomorrow", tuesday), ("week", monday)]
    assert moments.tomorrow(now) == tuesday


def test_on_hold_without_a_moment_means_tomorrow_morning(db, now, agent):
    inquiry = make_inquiry()
    triage.set_status(inquiry, status="hold", by=agent, now=now)
    inquiry.refresh_from_db()
    assert inquiry.snoozed_until == moments.tomorrow(now)
    assert inquiry.snoozed_by == agent


def test_undoing_a_snooze(db, now, agent):
    inquiry = make_inquiry()
    since = inquiry.waiting_since
    snoozing.snooze(inquiry, until=now + timedelta(days=1), reason="stock", by=agent, now=now)
    triage.undo_status(inquiry.status_event, by=agent, now=now)
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.waiting_since, inquiry.snoozed_until) == ("open", since, None)
