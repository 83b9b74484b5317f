"""What is done to a message or a draft of an inquiry that was merged meanwhile happens where the conversation goes on."""

import threading
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.urls import reverse

from inquiries import drafts, merging, replying, undoing
from inquiries.answers import Answer
from inquiries.models import Draft, DraftFile, Inquiry, InquiryEvent, Message
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.models import Store
from tests import make
from tests.inquiries.make import make_inquiry

HOUR = timedelta(hours=1)
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40
SECOND = timedelta(seconds=1)
LONG = 8


@pytest.fixture
def pair(db, store, now):
    """Two questions of one customer."""
    Store.objects.update(undo_seconds=30)
    customer = make.make_customer()
    second = make_inquiry("Q-SECND2", customer=customer, body="いつ届きますか。", opened_at=now - 5 * HOUR)
    first = make_inquiry("Q-FIRST1", customer=customer, body="キャンセルできますか。", opened_at=now - 2 * HOUR)
    return first, second


def fresh(inquiry):
    return Inquiry.objects.get(pk=inquiry.pk)


def merged_after_the_reply(pair, agent, now):
    """Both answered; then the first one goes on in the second."""
    first, second = pair
    replying.reply(second, Answer("月曜に届きます。"), by=agent, now=now - HOUR)
    sent = replying.reply(first, Answer("承りました。"), by=agent, now=now)
    merging.merge(fresh(first), into=fresh(second), by=agent, now=now + SECOND)
    return sent


def test_taken_back_after_the_merge_the_customer_waits_where_it_goes_on(pair, agent, now):
    first, second = pair
    sent = merged_after_the_reply(pair, agent, now)
    version = fresh(second).version
    undoing.take_back(sent, by=agent, now=now + 3 * SECOND)
    target = fresh(second)
    # The second question was answered an hour ago: what waits is the first one, since it was asked.
    assert (target.status, target.waiting_since) == ("open", first.opened_at)
    assert target.escalation_at is not None
    assert target.version == version + 1
    assert Draft.objects.get().inquiry == second
    assert OutgoingMail.objects.get(key=f"inquiries.message:{sent.pk}").state == OutgoingMail.State.CANCELLED
    told = InquiryEvent.objects.filter(code="reply_taken_back").values_list("inquiry", flat=True)
    assert sorted(told) == sorted([first.pk, second.pk])


def test_unmerged_after_that_the_customer_waits_again(pair, agent, now):
    first, _second = pair
    sent = merged_after_the_reply(pair, agent, now)
    undoing.take_back(sent, by=agent, now=now + 3 * SECOND)
    source = merging.unmerge(fresh(first), by=agent, now=now + HOUR)
    assert (source.status, source.waiting_since) == ("open", first.opened_at)
    assert source.assignee is None
    assert source.reply_due_at is not None


def test_what_was_decided_between_reply_and_merge_stays(pair, agent, owner, now):
    from inquiries import triage

    first, second = pair
    sent = replying.reply(first, Answer("承りました。"), by=agent, now=now)
    triage.set_status(fresh(first), status="solved", by=owner, now=now + SECOND)
    triage.assign(fresh(first), to=owner, by=owner, now=now + SECOND)
    merging.merge(fresh(first), into=fresh(second), by=agent, now=now + 2 * SECOND)
    undoing.take_back(sent, by=agent, now=now + 3 * SECOND)
    source = merging.unmerge(fresh(first), by=agent, now=now + HOUR)
    assert (source.status, source.assignee) == ("solved", owner)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", ["take back", "save"])
def test_words_do_not_stay_behind_in_what_is_merged_at_this_moment(pair, agent, now, deed, monkeypatch):
    """Where the conversation goes on is merged further while words are put there."""
    first, second = pair
    third = make_inquiry("Q-THIRD3", customer=first.customer)
    sent = replying.reply(first, Answer("承りました。"), by=agent, now=now)
    merging.merge(fresh(first), into=fresh(second), by=agent, now=now + SECOND)
    held, raised = threading.Event(), []
    take_along = merging._take_writing_along

    def late(*args, **kwargs):
        take_along(*args, **kwargs)
        held.set()
        # The other one has come as far as it comes.
        other.join(1)

    monkeypatch.setattr(merging, "_take_writing_along", late)

    def run(act):
        try:
            act()
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    def put():
        assert held.wait(LONG)
        if deed == "take back":
            undoing.take_back(sent, by=agent, now=now + 3 * SECOND)
        else:
            drafts.save(second, body="承りました。少々お待ちください。", by=agent, now=now + 3 * SECOND)

    other = threading.Thread(target=run, args=(put,))
    merge = threading.Thread(
        target=run, args=(lambda: merging.merge(fresh(second), into=third, by=agent, now=now + 2 * SECOND),)
    )
    other.start()
    merge.start()
    for thread in (merge, other):
        thread.join(LONG)
        assert not thread.is_alive()
    assert raised == []
    assert Draft.objects.get().inquiry == third


@pytest.mark.django_db(transaction=True)
def test_a_first_draft_and_words_that_come_back_at_the_same_moment(pair, agent, now, monkeypatch):
    """Both make the same person's draft: the unique row must not wait for the inquiry that the other one holds."""
    first, second = pair
    drafts.save(first, body="一行目", by=agent, now=now)
    held, raised = threading.Event(), []
    write = merging._write_down

    def late(*args):
        held.set()
        other.join(1)  # the other one has inserted its row, if it may, and ends its transaction
        write(*args)

    monkeypatch.setattr(merging, "_write_down", late)

    def run(act):
        try:
            act()
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    def save():
        assert held.wait(LONG)
        drafts.save(second, body="別の返事", by=agent, now=now)

    other = threading.Thread(target=run, args=(save,))
    merge = threading.Thread(target=run, args=(lambda: merging.merge(first, into=second, by=agent, now=now),))
    other.start()
    merge.start()
    for thread in (merge, other):
        thread.join(LONG)
        assert not thread.is_alive()
    assert raised == []
    assert Draft.objects.get().inquiry == second


def test_typing_goes_on_below_what_was_taken_along(pair, agent, now):
    first, second = pair
    drafts.save(second, body="こちらの件です。", by=agent, now=now)
    drafts.save(first, body="お問い合わせの件、", by=agent, now=now, cc=["a@mail.example"])
    drafts.attach(first, [ContentFile(PNG, name="a.png")], by=agent, now=now)
    merging.merge(first, into=second, by=agent, now=now)
    for typed in ("お問い合わせの件、", "お問い合わせの件、承り", "お問い合わせの件、承りました。"):
        drafts.save(first, body=typed, by=agent, now=now)
    drafts.attach(first, [ContentFile(PNG + b"1", name="b.png")], by=agent, now=now)
    draft = Draft.objects.get()
    assert (draft.inquiry, draft.body) == (second, "こちらの件です。\n\nお問い合わせの件、承りました。")
    assert draft.cc == ["a@mail.example"]
    assert {file.inquiry_id for file in DraftFile.objects.all()} == {second.pk}
    # An emptied box on the old page empties nothing on the new one.
    assert drafts.save(first, body=" ", by=agent, now=now) is None
    assert Draft.objects.get().body.endswith("承りました。")


def test_copies_are_not_taken_to_another_customer(pair, agent, now):
    first, _second = pair
    other = make_inquiry("Q-OTHER4", customer=make.make_customer("別の人", "x@mail.example"))
    merging.merge(first, into=other, by=agent, now=now, other_customer=True)
    drafts.save(first, body="承りました。", by=agent, now=now, cc=["mine@mail.example"])
    drafts.save(first, body="承りました。では。", by=agent, now=now, cc=["mine@mail.example"])
    draft = Draft.objects.get()
    assert (draft.inquiry, draft.body, draft.cc) == (other, "承りました。では。", [])
    assert not Message.objects.filter(kind="reply").exists()


def test_who_types_on_the_old_page_is_told_where_the_words_are(pair, agent, client, now):
    first, second = pair
    client.force_login(agent)
    merging.merge(first, into=second, by=agent, now=now)
    answer = client.post(
        reverse("desk-inquiries:draft", args=[first.pk]), {"body": "承りました。"}, headers={"HX-Request": "true"}
    )
    assert second.number in answer.text
    assert reverse("desk-inquiries:detail", args=[second.pk]) in answer.text
    # Who may not see the other one learns nothing of it.
    outsider = make.make_user("soto@shop.example", role="outsourced")
    Inquiry.objects.filter(pk=first.pk).update(assignee=outsider)
    client.force_login(outsider)
    answer = client.post(
        reverse("desk-inquiries:draft", args=[first.pk]), {"body": "承りました。"}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200
    assert second.number not in answer.text


def test_what_was_merged_is_taken_by_nobody(pair, agent, owner, now):
    from inquiries import triage

    first, second = pair
    merging.merge(first, into=second, by=owner, now=now)
    assert triage.take(first, by=agent, now=now) is False
    assert fresh(first).assignee is None
    assert not first.events.filter(code="taken").exists()
    assert triage.take(second, by=agent, now=now) is True
