"""Rules: what happened is answered once, in order, never by answering each other, and told afterwards."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse

from inquiries import happenings, opening, replying, rules, snoozing, triage
from inquiries.answers import Answer
from inquiries.models import Category, Happening, Inquiry, InquiryEvent, Rule, RuleHit, Tag
from tests import make
from tests.inquiries.make import make_inquiry
from tests.make import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def tag(db):
    return Tag.objects.create(name="急ぎ")


def make_rule(name="急ぎ", event="opened", acts=None, conditions=None, **fields):
    values = {"acts": acts or [{"do": "priority", "priority": 2}], "conditions": conditions or {}, "is_active": True}
    return Rule.objects.create(name=name, event=event, **{**values, **fields})


def opened(**fields):
    values = {"name": "山田 花子", "email": "hanako@mail.example", "body": "割れていました。", "now": NOW, **fields}
    return opening.open_inquiry(store=make.make_store(), category=Category.objects.get(slug="defect"), **values)


def numbers(event):
    return Happening.objects.filter(event=event).count()


# --- what is written down ---------------------------------------------------------------------------------------------


def test_what_happens_is_written_down_where_it_happens(agent):
    inquiry = opened()
    assert numbers("opened") == 1
    triage.assign(inquiry, to=agent, by=agent, now=NOW)
    triage.assign(inquiry, to=agent, by=agent, now=NOW)  # is so already
    assert numbers("assigned") == 1
    triage.set_status(inquiry, status="pending", by=agent, now=NOW)
    assert numbers("status") == 1
    snoozing.snooze(inquiry, until=NOW + timedelta(days=1), reason="carrier", by=agent, now=NOW)
    snoozing.wake(inquiry, now=NOW, why="person", by=agent)
    assert numbers("status") == 3
    replying.reply(inquiry, Answer("代わりをお送りします。"), by=agent, now=NOW)
    assert numbers("replied") == 1


def test_a_rolled_back_act_never_happened(agent):
    inquiry = make_inquiry()
    with transaction.atomic():
        triage.assign(inquiry, to=agent, by=agent, now=NOW)
        transaction.set_rollback(True)
    assert Happening.objects.count() == 0


# --- answering --------------------------------------------------------------------------------------------------------


def test_event_then_conditions_then_acts(tag):
    wanted = {"all": [{"field": "body", "op": "contains", "value": "割れ"}]}
    rule = make_rule(conditions=wanted, acts=[{"do": "priority", "priority": 2}, {"do": "tag", "tag": tag.pk}])
    other = make_rule("別の条件", conditions={"all": [{"field": "category", "op": "is", "value": ["spec"]}]})
    resting = make_rule("停止中", is_active=False)
    inquiry = opened()
    assert rules.sweep(NOW, 100) == 1
    inquiry.refresh_from_db()
    assert (inquiry.priority, [*inquiry.tags.all()]) == (2, [tag])
    hit = RuleHit.objects.get()
    assert (hit.rule, hit.inquiry, hit.at) == (rule, inquiry, NOW)
    assert hit.outcome == [{"do": "priority", "ok": True, "why": ""}, {"do": "tag", "ok": True, "why": ""}]
    assert InquiryEvent.objects.get(code="rule_hit").data == {"rule": rule.pk, "name": "急ぎ"}
    assert not RuleHit.objects.filter(rule__in=[other, resting]).exists()


def test_once_however_often_the_sweep_rings():
    make_rule(acts=[{"do": "note", "text": "確認"}])
    opened()
    assert [rules.sweep(NOW, 100) for _ring in range(3)] == [1, 0, 0]
    assert InquiryEvent.objects.filter(code="rule_note").count() == 1


def test_rules_act_in_order_and_see_what_the_one_before_did():
    make_rule("後", position=2, conditions={"all": [{"field": "priority", "op": "is", "value": [2]}]}, acts=[
        {"do": "note", "text": "緊急でした"}
    ])  # fmt: skip
    make_rule("先", position=1)
    opened()
    rules.sweep(NOW, 100)
    assert [hit.rule.name for hit in RuleHit.objects.order_by("pk")] == ["先", "後"]


def test_rules_do_not_answer_rules(tag):
    """Two rules that would chase each other for ever act once each."""
    make_rule("保留へ", event="opened", acts=[{"do": "status", "status": "pending"}])
    make_rule("未対応へ", event="status", acts=[{"do": "status", "status": "open"}])
    make_rule("待ちへ", event="status", acts=[{"do": "status", "status": "pending"}])
    inquiry = opened()
    while rules.sweep(NOW, 100):
        pass
    inquiry.refresh_from_db()
    assert inquiry.status == "pending"
    assert [hit.rule.name for hit in RuleHit.objects.all()] == ["保留へ"]
    assert Happening.objects.get(event="status").by_rule is True
    assert Happening.objects.filter(done_at=None).count() == 0


def test_a_failing_rule_does_not_stop_the_others(caplog, tag):
    make_rule("壊れた条件", conditions={"all": [{"field": "x"}]}, position=0)
    make_rule("壊れた操作", acts=[{"do": "explode"}], position=1)
    good = make_rule("正しい", acts=[{"do": "tag", "tag": tag.pk}], position=2)
    inquiry = opened()
    assert rules.sweep(NOW, 100) == 1
    assert [hit.rule for hit in RuleHit.objects.all()] == [good]
    assert [*inquiry.tags.all()] == [tag]
    assert "壊れた" not in caplog.text  # the log names numbers
    assert caplog.text.count("failed on inquiry") == 2


def test_an_act_that_is_refused_is_told_in_the_log():
    make.make_store(requires_cause=True)
    make_rule(acts=[{"do": "status", "status": "solved"}])
    inquiry = opened()
    rules.sweep(NOW, 100)
    assert RuleHit.objects.get().outcome == [{"do": "status", "ok": False, "why": "cause_missing"}]
    inquiry.refresh_from_db()
    assert inquiry.status == "open"


def test_a_reply_is_answered_when_it_cannot_be_taken_back(agent, tag):
    make.make_store(undo_seconds=30)
    make_rule(event="replied", acts=[{"do": "tag", "tag": tag.pk}])
    inquiry = make_inquiry()
    message = replying.reply(inquiry, Answer("ご案内します。"), by=agent, now=NOW)
    assert rules.sweep(NOW + timedelta(seconds=29), 100) == 0
    assert rules.sweep(NOW + timedelta(seconds=30), 100) == 1
    assert [*inquiry.tags.all()] == [tag]
    inquiry.tags.clear()
    # Taken back before its time: never happened.
    happenings.note(inquiry, "replied", now=NOW + timedelta(seconds=60))
    assert message.held_until != NOW + timedelta(seconds=60)
    rules.sweep(NOW + timedelta(minutes=2), 100)
    assert inquiry.tags.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_rows():
    """A row that one worker holds is passed over by the other, and done once."""
    make_rule(acts=[{"do": "note", "text": "一度だけ"}])
    inquiry = opened()
    happenings.note(inquiry, "opened", now=NOW)
    done = []

    def work():
        done.append(rules.sweep(NOW, 100))
        connection.close()

    with transaction.atomic():
        Happening.objects.select_for_update().order_by("pk").first()
        worker = threading.Thread(target=work)
        worker.start()
        worker.join(20)
    assert done == [1]  # the other row
    assert rules.sweep(NOW, 100) == 1
    assert InquiryEvent.objects.filter(code="rule_note").count() == 2


def test_finished_happenings_are_forgotten_after_a_week():
    rule = make_rule()
    opened()
    rules.sweep(NOW, 100)
    assert happenings.tidy(NOW + timedelta(days=6)) == 0
    assert happenings.tidy(NOW + timedelta(days=8)) == 1
    hit = RuleHit.objects.get()
    assert (hit.rule, hit.happening) == (rule, None)


# --- screens ----------------------------------------------------------------------------------------------------------


def address(name, *arguments):
    return reverse(f"desk-inquiries:{name}", args=arguments)


def form(**changes):
    return {
        "name": "割れは急ぎ", "event": "opened", "position": "1", "is_active": "on",
        "c-0-field": "body", "c-0-op": "contains", "c-0-value": "割れ", "c-0-group": "all",
        "a-0-do": "priority", "a-0-value": "2", **changes,
    }  # fmt: skip


def test_written_tried_out_and_switched(owner, signed_in):
    client, hana = signed_in(owner), make.make_customer()
    for n in range(3):
        make_inquiry(f"Q-{n:06}", customer=hana, body="割れていた" if n else "色は？")
    words = client.post(address("rule-add"), form(**{"try": "1"})).content.decode()
    assert "直近3件の問い合わせのうち、2件" in words
    # The answer stands below a long form: the button leads there.
    assert 'formaction="#trial"' in words
    assert 'id="trial"' in words
    assert Rule.objects.count() == 0
    for _click in range(2):
        assert client.post(address("rule-add"), form()).status_code == 302
    rule = Rule.objects.get()
    assert rule.conditions == {"all": [{"field": "body", "op": "contains", "value": "割れ"}]}
    assert (rule.acts, rule.is_active) == ([{"do": "priority", "priority": 2}], True)
    assert Inquiry.objects.filter(priority=2).count() == 0  # trying out did nothing
    client.post(address("rule-switch", rule.pk))
    rule.refresh_from_db()
    assert rule.is_active is False
    words = client.get(address("rules")).content.decode()
    assert "本文：「割れ」を含む" in words
    client.post(address("rule-delete", rule.pk))
    assert Rule.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"c-0-value": ""}, "本文：言葉を入力してください。"),
        ({"a-0-do": "reply", "a-0-value": "1"}, "送信者を決められない"),
        ({"a-0-do": ""}, "実行する操作を選んでください。"),
        ({"c-0-field": "assignee", "c-0-op": "is", "c-0-value": "me"}, "「自分」を使えません"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_by_name_and_kept(owner, signed_in, changes, sentence):
    response = signed_in(owner).post(address("rule-add"), form(**changes))
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert "割れは急ぎ" in response.content.decode()
    assert Rule.objects.count() == 0


def test_the_log_of_hits(owner, signed_in, django_assert_max_num_queries):
    rule = make_rule(acts=[{"do": "priority", "priority": 2}, {"do": "status", "status": "solved"}])
    make.make_store(requires_cause=True)
    inquiry = opened()
    rules.sweep(NOW, 100)
    client = signed_in(owner)
    with django_assert_max_num_queries(8):
        words = client.get(address("rule-hits"), {"rule": rule.pk}).content.decode()
    assert inquiry.number in words
    assert "優先度を設定" in words
    assert "完了するには原因または商品の入力が必要です" in words
    client.get(address("detail", inquiry.pk))
    assert "ルール「急ぎ」が実行されました" in client.get(address("detail", inquiry.pk)).content.decode()


def test_agents_do_not_write_rules(agent, signed_in):
    assert signed_in(agent).get(address("rules")).status_code == 403
    assert signed_in(agent).post(address("rule-add"), form()).status_code == 403
