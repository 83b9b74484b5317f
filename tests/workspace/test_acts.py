"""One registry of acts: done in order, each for itself, refused with a reason, and only by who may."""

import contextlib
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inquiries import acts
from inquiries.models import (
    ApprovalRule,
    Cause,
    Draft,
    Happening,
    Inquiry,
    InquiryEvent,
    Message,
    StatusLabel,
    Tag,
    Template,
)
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.inquiries.make import make_inquiry
from tests.make import NOW


@pytest.fixture
def tag(db):
    return Tag.objects.create(name="急ぎ")


@pytest.fixture
def thanks(db):
    return Template.objects.create(name="お礼", body_ja="{{ customer.name }} 様のご連絡に感謝いたします。")


def outcomes(inquiry, wanted, by, now=NOW):
    return [(one.do, one.why) for one in acts.perform(inquiry, wanted, by=by, now=now)]


def test_every_act_is_done(agent, tag, thanks):
    ken = make.make_user()
    inquiry, cause = make_inquiry(), Cause.objects.first()
    label = StatusLabel.objects.get(name_ja="お客様の返信待ち")
    wanted = [
        {"do": "tag", "tag": tag.pk},
        {"do": "cause", "cause": cause.pk},
        {"do": "priority", "priority": 2},
        {"do": "category", "category": "return"},
        {"do": "assign", "to": ken.pk},
        {"do": "note", "text": "社内の話"},
        {"do": "reply", "template": thanks.pk},
        {"do": "status", "label": label.pk},
    ]
    acts.check(wanted, user=agent)
    assert outcomes(inquiry, wanted, agent) == [(row["do"], "") for row in wanted]
    inquiry = Inquiry.objects.get()
    assert (inquiry.cause, inquiry.priority, inquiry.category.slug, inquiry.assignee) == (cause, 2, "return", ken)
    assert (inquiry.status, inquiry.label, [*inquiry.tags.all()]) == ("pending", label, [tag])
    assert inquiry.messages.get(kind="note").body == "社内の話"
    assert inquiry.messages.get(kind="reply").body.endswith("山田 花子 様のご連絡に感謝いたします。")
    assert OutgoingMail.objects.count() == 1
    assert outcomes(inquiry, [{"do": "untag", "tag": tag.pk}, {"do": "assign", "to": "none"}], agent) == [
        ("untag", ""), ("assign", ""),
    ]  # fmt: skip
    inquiry.refresh_from_db()
    assert (inquiry.tags.count(), inquiry.assignee) == (0, None)


def test_on_hold_until_the_morning_so_many_days_on_and_spam(agent):
    inquiry = make_inquiry()
    assert outcomes(inquiry, [{"do": "snooze", "days": 3, "reason": "carrier"}], agent) == [("snooze", "")]
    inquiry.refresh_from_db()
    assert inquiry.snoozed_until == datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert outcomes(inquiry, [{"do": "spam"}], agent) == [("spam", "")]
    inquiry.refresh_from_db()
    assert inquiry.status == "spam"


def test_one_refusal_leaves_the_others(agent, tag):
    store = make.make_store(requires_cause=True)
    inquiry = make_inquiry(store=store)
    gone = Tag.objects.create(name="古い").pk
    Tag.objects.filter(pk=gone).delete()
    wanted = [
        {"do": "status", "status": "solved"}, {"do": "tag", "tag": gone}, {"do": "tag", "tag": tag.pk},
    ]  # fmt: skip
    assert outcomes(inquiry, wanted, agent) == [("status", "cause_missing"), ("tag", "gone"), ("tag", "")]
    inquiry.refresh_from_db()
    assert (inquiry.status, [*inquiry.tags.all()]) == ("open", [tag])


def test_a_crash_in_one_act_is_its_own(agent, tag, monkeypatch):
    def crash(*args, **kwargs):
        Inquiry.objects.update(subject="halb")
        raise RuntimeError

    monkeypatch.setattr("inquiries.triage.set_priority", crash)
    inquiry = make_inquiry()
    wanted = [{"do": "priority", "priority": 2}, {"do": "tag", "tag": tag.pk}]
    assert outcomes(inquiry, wanted, agent) == [("priority", "failed"), ("tag", "")]
    assert Inquiry.objects.get().subject == "色について"


def test_who_may_not_is_refused(db, tag, thanks, agent):
    helper = make.make_user("nami@shop.example", role="outsourced")
    inquiry = make_inquiry(assignee=helper)
    wanted = [{"do": "tag", "tag": tag.pk}, {"do": "note", "text": "メモ"}]
    assert outcomes(inquiry, wanted, helper) == [("tag", "forbidden"), ("note", "")]
    foreign = make_inquiry("Q-OTHER1", customer=inquiry.customer, assignee=agent)
    assert outcomes(foreign, wanted, helper) == [("tag", "hidden"), ("note", "hidden")]
    assistant = make.make_user("sakura@shop.example", role="assistant")
    assert outcomes(foreign, [{"do": "reply", "template": thanks.pk}], assistant) == [("reply", "forbidden")]
    assert (OutgoingMail.objects.count(), foreign.messages.count()) == (0, 1)
    with translation.override("en"), pytest.raises(acts.BadActs) as refusal:
        acts.check([{"do": "reply", "template": thanks.pk}], user=assistant)
    assert refusal.value.problems == ["reply with the template: you may not do this."]


def test_a_reply_with_a_blank_is_not_sent(agent):
    asks = Template.objects.create(name="発送", body_ja="{{ order.number }} は【お届け予定日】に届きます。")
    inquiry = make_inquiry()
    wanted = [{"do": "reply", "template": asks.pk}, {"do": "status", "status": "solved"}]
    # The status that goes with a reply does not come without it.
    assert outcomes(inquiry, wanted, agent) == [("reply", "unfilled"), ("status", "unfilled")]
    inquiry.refresh_from_db()
    assert (inquiry.status, OutgoingMail.objects.count()) == ("open", 0)


@pytest.mark.parametrize("why", ["no_address", "draft", "needs_approval", "merged"])
def test_a_reply_that_must_not_leave_now(agent, thanks, why):
    inquiry = make_inquiry()
    if why == "no_address":
        Inquiry.objects.update(email="")
    elif why == "draft":
        Draft.objects.create(inquiry=inquiry, author=agent, body="書きかけ", saved_at=NOW)
    elif why == "needs_approval":
        ApprovalRule.objects.create(name="お礼は店長が読む", template=thanks)
    else:
        target = make_inquiry("Q-TARGET", customer=inquiry.customer)
        Inquiry.objects.filter(pk=inquiry.pk).update(status="merged", merged_into=target, waiting_since=None)
    inquiry = Inquiry.objects.get(pk=inquiry.pk)
    wanted = [{"do": "reply", "template": thanks.pk}]
    assert [(one.do, one.why) for one in acts.foresee(inquiry, wanted, by=agent, now=make.NOW)] == [("reply", why)]
    assert outcomes(inquiry, wanted, agent) == [("reply", why)]
    assert (OutgoingMail.objects.count(), Message.objects.filter(kind="reply").count()) == (0, 0)


def test_foreseeing_says_the_same_and_does_nothing(agent, tag, thanks, django_assert_max_num_queries):
    store = make.make_store(requires_cause=True)
    inquiry = make_inquiry(store=store)
    cause = Cause.objects.first()
    wanted = [
        {"do": "tag", "tag": tag.pk}, {"do": "cause", "cause": cause.pk}, {"do": "status", "status": "solved"},
    ]  # fmt: skip
    with django_assert_max_num_queries(8):
        assert [one.why for one in acts.foresee(inquiry, wanted, by=agent, now=make.NOW)] == ["", "", ""]
    assert [one.why for one in acts.foresee(inquiry, wanted[2:], by=agent, now=make.NOW)] == ["cause_missing"]
    assert (inquiry.tags.count(), InquiryEvent.objects.count(), Happening.objects.count()) == (0, 0, 0)


def test_a_rule_has_no_me_and_signs_nothing(db, tag, thanks):
    inquiry = make_inquiry()
    wanted = [{"do": "reply", "template": thanks.pk}, {"do": "note", "text": "自動"}, {"do": "tag", "tag": tag.pk}]
    assert outcomes(inquiry, wanted, None) == [("reply", "forbidden"), ("note", ""), ("tag", "")]
    assert OutgoingMail.objects.count() == 0
    assert inquiry.messages.count() == 1  # a note has an author; the rule's words are an event
    assert InquiryEvent.objects.get(code="rule_note").data == {"text": "自動"}
    for bad in (wanted[:1], [{"do": "assign", "to": "me"}]):
        with pytest.raises(acts.BadActs):
            acts.check(bad, user=None)


@pytest.mark.parametrize(
    "bad",
    [
        "x", [[]], [{"do": "explode"}], [{"do": "tag"}], [{"do": "tag", "tag": True}], [{"do": "tag", "tag": 2**70}],
        [{"do": "tag", "tag": 999_999}], [{"do": "status", "status": "merged"}], [{"do": "status", "status": "hold"}],
        [{"do": "snooze", "days": 0, "reason": "carrier"}], [{"do": "snooze", "days": 3, "reason": "x"}],
        [{"do": "note", "text": "  "}], [{"do": "note", "text": "a\x00"}], [{"do": "assign", "to": "everybody"}],
        [{"do": "category", "category": "no-such"}], [{"do": "priority", "priority": 7}], [{"do": "spam"}] * 13,
    ],
)  # fmt: skip
def test_bad_acts_are_refused(agent, bad):
    with pytest.raises(acts.BadActs) as refusal:
        acts.check(bad, user=agent)
    assert refusal.value.problems


def test_somebody_elses_template_is_not_offered(agent):
    own = Template.objects.create(name="私用", body_ja="x", owner=make.make_user())
    with pytest.raises(acts.BadActs):
        acts.check([{"do": "reply", "template": own.pk}], user=agent)
    assert outcomes(make_inquiry(), [{"do": "reply", "template": own.pk}], agent) == [("reply", "gone")]


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["me", "open", "carrier"]),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)
_KEYS = ["tag", "to", "status", "label", "cause", "priority", "category", "days", "reason", "text", "template"]
_ROW = st.fixed_dictionaries({"do": st.sampled_from([*acts.ACTS, "x"]) | _ANY}, optional=dict.fromkeys(_KEYS, _ANY))


@pytest.mark.django_db
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(_ROW | _ANY, max_size=3) | _ANY)
def test_whatever_is_stored_is_refused_or_can_be_checked(wanted):
    with contextlib.suppress(acts.BadActs):
        acts.check(wanted, user=None)
    assert all(isinstance(line, str) for line in acts.describe(wanted))


def test_in_words_and_from_the_editor(agent, tag):
    post = QueryDict(
        f"a-0-do=tag&a-0-value={tag.pk}&a-1-do=&a-2-do=snooze&a-2-n=3&a-2-value=carrier&a-3-do=assign&a-3-value=me"
        "&a-4-do=note&a-4-text=メモ&a-5-do=status&a-5-value=solved&a-6-do=priority&a-6-value=1"
    )
    wanted = acts.read(post)
    assert wanted == [
        {"do": "tag", "tag": tag.pk}, {"do": "snooze", "days": 3, "reason": "carrier"}, {"do": "assign", "to": "me"},
        {"do": "note", "text": "メモ"}, {"do": "status", "status": "solved"}, {"do": "priority", "priority": 1},
    ]  # fmt: skip
    acts.check(wanted, user=agent)
    with translation.override("en"):
        assert acts.describe(wanted)[:3] == [
            "add the tag: 急ぎ", "put on hold: 3 days (waiting for the carrier)", "assign to: me",
        ]  # fmt: skip
