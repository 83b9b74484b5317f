"""The same words again: a double click, or an answer to a customer who asked again. And what is refused changes nothing."""

from datetime import timedelta

import pytest
from django.urls import reverse

from inquiries import approving, drafts, replying
from inquiries.answers import Answer
from inquiries.models import Cause, Draft, Inquiry, Message
from tests import make
from tests.inquiries.make import make_inquiry

HOUR = timedelta(hours=1)
WORDS = "承知しました。"


@pytest.fixture
def answered(db, store, agent, now):
    """Answered, and asked again."""
    inquiry = make_inquiry("Q-1")
    replying.reply(inquiry, Answer(WORDS), by=agent, now=now - 2 * HOUR)
    Message.objects.create(inquiry=inquiry, kind="received", body="もう一つお願いします。", at=now - HOUR)
    Inquiry.objects.filter(pk=inquiry.pk).update(status="open", waiting_since=now - HOUR)
    return Inquiry.objects.get(pk=inquiry.pk)


def post(client, inquiry, *, version, seen):
    data = {"body": WORDS, "version": version, "seen": seen, "then": "pending"}
    return client.post(reverse("desk-inquiries:reply", args=[inquiry.pk]), data)


def test_the_same_answer_again_is_no_double_click(answered, agent, client):
    """The customer wrote once more while it was typed: it must be read, and the answer must not be taken for sent."""
    client.force_login(agent)
    seen = Message.objects.order_by("-pk").first().pk
    Message.objects.create(
        inquiry=answered, kind="received", body="やはり結構です。", at=answered.waiting_since + HOUR / 2
    )
    Inquiry.objects.update(version=answered.version + 1)
    answer = post(client, answered, version=answered.version, seen=seen)
    assert answer.status_code == 409
    assert "やはり結構です。" in answer.text
    assert Message.objects.filter(kind="reply").count() == 1
    assert Draft.objects.get().body == WORDS


def test_a_double_click_is_one(answered, agent, client):
    client.force_login(agent)
    seen = Message.objects.order_by("-pk").first().pk
    for _click in range(2):
        assert post(client, answered, version=answered.version, seen=seen).status_code == 302
    assert Message.objects.filter(kind="reply").count() == 2
    assert not Draft.objects.exists()


def test_the_draft_of_the_same_answer_is_kept(answered, agent, now):
    assert drafts.save(answered, body=WORDS, by=agent, now=now).body == WORDS
    replying.reply(answered, Answer(WORDS), by=agent, now=now)
    # The browser's last save, after the reply.
    assert drafts.save(answered, body=WORDS, by=agent, now=now) is None
    assert not Draft.objects.exists()


def test_a_refused_reply_sets_no_cause(answered, agent, client):
    client.force_login(agent)
    cause = Cause.objects.order_by("pk").first() or Cause.objects.create(name_ja="遅れ", name_en="Late")
    data = {"body": WORDS, "version": answered.version - 1, "then": "solved", "cause": cause.pk, "seen": 10**9}
    assert client.post(reverse("desk-inquiries:reply", args=[answered.pk]), data).status_code == 409
    assert Inquiry.objects.get().cause is None
    assert not answered.events.filter(code="cause").exists()


@pytest.mark.parametrize(("name", "deed"), [("send", "send"), ("decide", "approve_and_send"), ("decide", "approve")])
def test_two_clicks_at_once_on_what_waits(answered, agent, owner, client, now, monkeypatch, name, deed):
    """Both have read the row before either was done: the slower one leads to the inquiry, and nothing happens twice."""
    row = approving.ask(answered, Answer("月曜に届きます。"), by=agent, now=now)
    if name == "send":
        approving.approve(row, by=owner, now=now)
    work = getattr(approving, deed)

    def twice(*args, **given):
        work(*args, **given)
        return work(*args, **given)

    monkeypatch.setattr(approving, deed, twice)
    client.force_login(owner)
    posted = {"action": "approve" if deed == "approve" else "send", "version": answered.version}
    answer = client.post(reverse(f"desk-inquiries:prepared-{name}", args=[row.pk]), posted)
    assert (answer.status_code, answer["Location"]) == (302, reverse("desk-inquiries:detail", args=[answered.pk]))
    row.refresh_from_db()
    assert row.state == ("approved" if deed == "approve" else "sent")
    assert Message.objects.filter(kind="reply", body="月曜に届きます。").count() == (deed != "approve")


def test_a_colleague_who_was_faster_is_told_of(answered, agent, owner, client, now):
    row = approving.ask(answered, Answer("月曜に届きます。"), by=agent, now=now)
    approving.approve(row, by=make.make_user("boss@shop.example", role="manager"), now=now)
    client.force_login(owner)
    posted = {"action": "approve", "version": answered.version}
    assert client.post(reverse("desk-inquiries:prepared-decide", args=[row.pk]), posted).status_code == 409
