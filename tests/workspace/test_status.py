"""Status = label, fixed category and the customer's words; what closing needs; undoing; reopening."""

from datetime import timedelta

import pytest

from inquiries import reopening, replying, triage
from inquiries.answers import Answer
from inquiries.models import Category, Cause, Inquiry, Message, StatusLabel
from inquiries.sentences import sentence
from tests import make
from tests.inquiries.make import make_inquiry


def label(name):
    return StatusLabel.objects.get(name_ja=name)


def strict(**fields):
    store = make.make_store()
    for name, value in fields.items():
        setattr(store, name, value)
    store.save()
    return store


def test_a_label_counts_as_its_fixed_status(db, now, agent):
    inquiry = make_inquiry()
    asking = label("仕入先・運送会社に確認中")
    assert triage.set_status(inquiry, status="pending", label=asking, by=agent, now=now) is True
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.label, inquiry.status_name) == ("pending", asking, "仕入先・運送会社に確認中")
    waiting = label("お客様の返信待ち")
    assert triage.set_status(inquiry, status="pending", label=waiting, by=agent, now=now) is True
    assert triage.set_status(inquiry, status="pending", label=waiting, by=agent, now=now) is False
    assert [sentence(event) for event in inquiry.events.all()] == [
        "佐藤 彩さんがステータスを変更しました：未対応 → 仕入先・運送会社に確認中",
        "佐藤 彩さんがステータスを変更しました：仕入先・運送会社に確認中 → お客様の返信待ち",
    ]


def test_renaming_a_label_changes_no_figure_and_no_history(db, now, agent):
    asking = label("仕入先・運送会社に確認中")
    for n in range(3):
        inquiry = make_inquiry(f"Q-TEST0{n}", customer=make.make_customer(address=f"c{n}@mail.example"))
        triage.set_status(inquiry, status="pending", label=asking, by=agent, now=now)

    def figures():
        rows = Inquiry.objects.order_by("pk")
        return list(
            rows.values_list("status", "label_id", "solved_at", "waiting_since", "reply_due_at", "solve_due_at")
        )

    before, told = figures(), [sentence(event) for event in inquiry.events.all()]
    asking.name_ja, asking.customer_ja = "メーカー照会", "お調べしています"
    asking.save()
    assert figures() == before
    assert [sentence(event) for event in inquiry.events.all()] == told
    assert Inquiry.objects.get(pk=inquiry.pk).status_name == "メーカー照会"


def test_the_customer_reads_other_words(db):
    inquiry = make_inquiry(status="pending", label=label("仕入先・運送会社に確認中"))
    assert triage.customer_words(inquiry, "ja") == "確認中"
    assert triage.customer_words(inquiry, "en") == "We are checking"
    inquiry.label = None
    assert triage.customer_words(inquiry, "ja") == "ご返信待ち"


def test_merged_and_labels_of_another_status_cannot_be_set(db, now, agent):
    inquiry = make_inquiry()
    with pytest.raises(triage.CannotSet):
        triage.set_status(inquiry, status="merged", by=agent, now=now)
    with pytest.raises(triage.CannotSet):
        triage.set_status(inquiry, status="solved", label=label("保留"), by=agent, now=now)
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.label) == ("open", None)
    assert inquiry.events.count() == 0


def test_closing_without_a_cause_is_refused(db, now, agent):
    strict(requires_cause=True)
    inquiry = make_inquiry()
    with pytest.raises(triage.CannotClose) as refusal:
        triage.set_status(inquiry, status="solved", by=agent, now=now)
    assert refusal.value.missing == ["cause"]
    assert Inquiry.objects.get().status == "open"
    late = Cause.objects.get(name_ja="遅延")
    assert triage.set_status(inquiry, status="solved", cause=late, by=agent, now=now) is True
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.cause) == ("solved", late)
    assert [event.code for event in inquiry.events.all()] == ["cause", "status"]


def test_a_refused_closing_leaves_nothing_of_what_came_with_it(db, now, agent):
    strict(requires_cause=True, requires_product=True)
    inquiry = make_inquiry()
    with pytest.raises(triage.CannotClose) as refusal:
        triage.set_status(inquiry, status="solved", cause=Cause.objects.get(name_ja="遅延"), by=agent, now=now)
    assert refusal.value.missing == ["product"]
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.cause, inquiry.events.count()) == ("open", None, 0)


def test_a_reply_that_solves_needs_the_cause_too(db, now, agent):
    strict(requires_cause=True)
    inquiry = make_inquiry()
    with pytest.raises(triage.CannotClose):
        replying.reply(inquiry, Answer("赤と青がございます。", then="solved"), by=agent, now=now)
    assert inquiry.messages.filter(kind=Message.Kind.REPLY).count() == 0
    assert Inquiry.objects.get().status == "open"
    triage.set_cause(inquiry, cause=Cause.objects.first(), by=agent, now=now)
    replying.reply(inquiry, Answer("赤と青がございます。", then="solved"), by=agent, now=now)
    assert Inquiry.objects.get().status == "solved"


def test_undoing_puts_the_clocks_back_to_the_second(db, now, agent):
    inquiry = make_inquiry(reply_due_at=None)
    triage.set_priority(inquiry, priority=1, by=agent, now=now)
    inquiry = Inquiry.objects.get()
    before = {f.attname: getattr(inquiry, f.attname) for f in Inquiry._meta.concrete_fields}
    triage.set_status(inquiry, status="solved", by=agent, now=now + timedelta(minutes=5))
    restored = triage.undo_status(inquiry.status_event, by=agent, now=now + timedelta(minutes=6))
    after = {f.attname: getattr(Inquiry.objects.get(), f.attname) for f in Inquiry._meta.concrete_fields}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"last_activity_at"}
    assert restored.status == "open"
    with pytest.raises(triage.Changed):
        triage.undo_status(inquiry.status_event, by=agent, now=now)


def test_nothing_is_undone_after_somebody_wrote(db, now, agent):
    inquiry = make_inquiry()
    triage.set_status(inquiry, status="solved", by=agent, now=now)
    Message.objects.create(inquiry=inquiry, kind="received", body="まだ届きません。", at=now + timedelta(seconds=1))
    with pytest.raises(triage.Changed):
        triage.undo_status(inquiry.status_event, by=agent, now=now + timedelta(seconds=2))
    assert Inquiry.objects.get().status == "solved"


def test_marking_as_spam_and_back(db, now, agent):
    inquiry = make_inquiry()
    since = inquiry.waiting_since
    assert triage.set_status(inquiry, status="spam", by=agent, now=now) is True
    assert Inquiry.objects.live().count() == 0
    assert triage.set_status(inquiry, status="open", by=agent, now=now) is True
    inquiry.refresh_from_db()
    assert inquiry.waiting_since == since


@pytest.mark.parametrize(("days", "seconds", "goes_on"), [(3, 0, True), (3, 1, False), (0, 0, True), (0, 1, False)])
def test_each_store_says_how_long_an_inquiry_is_reopened(db, now, days, seconds, goes_on):
    store = strict(reopen_days=days)
    solved_at = now - timedelta(days=days, seconds=seconds)
    inquiry = make_inquiry(status="solved", solved_at=solved_at, store=store)
    assert reopening.goes_on(inquiry, now=now) is goes_on


def test_priority_mood_and_cause_leave_events_once(db, now, agent):
    inquiry = make_inquiry()
    assert triage.set_priority(inquiry, priority=2, by=agent, now=now) is True
    assert triage.set_priority(inquiry, priority=2, by=agent, now=now) is False
    assert triage.set_mood(inquiry, mood="upset", by=agent, now=now) is True
    assert triage.set_cause(inquiry, cause=None, by=agent, now=now) is False
    with pytest.raises(triage.CannotSet):
        triage.set_priority(inquiry, priority=7, by=agent, now=now)
    assert [sentence(event) for event in inquiry.events.all()] == [
        "佐藤 彩さんが優先度を変更しました：緊急",
        "佐藤 彩さんがお客様のご様子を記録しました：不満",
    ]
    assert Category.Priority.URGENT == 2


def test_a_second_mail_keeps_the_shops_own_word_for_what_is_open(db, now, agent):
    refund = StatusLabel.objects.create(status="open", name_ja="返金待ち", name_en="Refund")
    inquiry = make_inquiry()
    triage.set_status(inquiry, status="open", label=refund, by=agent, now=now)
    inquiry.refresh_from_db()
    reopening.heard(inquiry, now=now)
    assert Inquiry.objects.get().label == refund
    triage.set_status(inquiry, status="pending", by=agent, now=now)
    reopening.heard(Inquiry.objects.get(), now=now)
    assert Inquiry.objects.get().label is None
