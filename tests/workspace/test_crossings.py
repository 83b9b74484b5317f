"""Where two parts of the desk meet: a merge and a reply that waits, a claim and its answer, a turn and a run."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.urls import reverse

from inquiries import (
    approving,
    bulk,
    carrying,
    drafts,
    indexing,
    merging,
    pulling,
    replying,
    scheduling,
    turns,
    undoing,
)
from inquiries.answers import Answer
from inquiries.models import (
    AgentSetting,
    Draft,
    Happening,
    Inquiry,
    Message,
    PreparedReply,
    Pull,
    SearchEntry,
    Template,
)
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.models import Store
from tests import make
from tests.inquiries.make import make_inquiry

HOUR = timedelta(hours=1)


@pytest.fixture
def pair(db, store, now):
    """Two questions of one customer, the second one asked later."""
    customer = make.make_customer()
    return (
        make_inquiry("Q-FIRST1", customer=customer, body="キャンセルできますか。", opened_at=now - 5 * HOUR),
        make_inquiry("Q-SECND2", customer=customer, body="いつ届きますか。", opened_at=now - 2 * HOUR),
    )


def beside(*deeds):
    """Run each deed in a thread with a connection of its own; what they raised."""
    raised = []

    def work(deed):
        try:
            deed()
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    return threads, raised


# --- what waits, and a conversation that was put together or taken apart ----------------------------------------------


@pytest.mark.parametrize("deed", ["merge", "split", "unmerge"])
def test_what_was_scheduled_returns_when_the_conversation_is_another_one(pair, agent, now, deed):
    first, second = pair
    more = Message.objects.create(inquiry=second, kind="received", body="色も変えたいです。", at=now - HOUR)
    if deed == "unmerge":
        merging.merge(first, into=second, by=agent, now=now - HOUR)
    row = scheduling.schedule(second, Answer("月曜に届きます。"), by=agent, now=now, send_at=now + HOUR)
    if deed == "merge":
        merging.merge(first, into=second, by=agent, now=now + HOUR / 2)
    elif deed == "split":
        merging.split(more, by=agent, now=now + HOUR / 2)
    else:
        merging.unmerge(first, by=agent, now=now + HOUR / 2)
    row.refresh_from_db()
    assert (row.state, row.returned_why) == ("returned", "merged")
    assert Draft.objects.get(inquiry=second).body == "月曜に届きます。"
    assert scheduling.sweep(now + 2 * HOUR) == 0
    assert not Message.objects.filter(kind="reply").exists()


def test_what_was_approved_is_read_again_after_a_merge(pair, agent, owner, now):
    first, second = pair
    row = approving.ask(second, Answer("月曜に届きます。"), by=agent, now=now)
    approving.approve(row, by=owner, now=now)
    version = Inquiry.objects.get(pk=second.pk).version
    merging.merge(first, into=second, by=agent, now=now + HOUR)
    with pytest.raises(replying.StaleReply):
        approving.send(row, by=agent, now=now + HOUR, expected_version=version)
    assert not Message.objects.filter(kind="reply").exists()
    approving.send(row, by=agent, now=now + HOUR, expected_version=version + 1)
    assert Message.objects.get(kind="reply").inquiry == second


def test_the_list_shows_the_newest_words_of_what_was_merged(pair, agent, now):
    first, second = pair
    Message.objects.create(inquiry=first, kind="received", body="急いでいます。", at=now - HOUR / 2)
    merging.merge(first, into=second, by=agent, now=now)
    second.refresh_from_db()
    assert second.preview == "急いでいます。"
    merging.unmerge(first, by=agent, now=now)
    second.refresh_from_db()
    assert second.preview == "いつ届きますか。"


# --- two locks, taken in one order ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", ["expire", "skip"])
def test_a_claim_that_ends_waits_for_the_inquiry_first(now, deed):
    nami = make.make_user("nami@shop.example", role="outsourced")
    make_inquiry(escalation_at=now)
    pull = pulling.next_for(nami, now=now)
    later = now + HOUR
    end = {
        "expire": lambda: pulling.sweep(later),
        "skip": lambda: pulling.skip(pull, reason="language", by=nami, now=now),
    }[deed]
    with transaction.atomic():
        # As replying does: the inquiry, then the claim on it.
        Inquiry.objects.select_for_update().get(pk=pull.inquiry_id)
        threads, raised = beside(end)
        threads[0].join(1)
        Pull.objects.select_for_update(nowait=True).get(pk=pull.pk)
        pulling.answered(pull.inquiry, now=now)
    threads[0].join(20)
    pull.refresh_from_db()
    assert pull.outcome == "answered"
    assert [type(error) for error in raised] == ([] if deed == "expire" else [pulling.HasEnded])
    assert Inquiry.objects.get().assignee == nami


@pytest.mark.django_db(transaction=True)
def test_a_turn_waits_for_the_inquiry_before_it_holds_the_settings(now):
    agent = make.make_user()
    AgentSetting.objects.create(user=agent, takes_turns=True)
    inquiry = make_inquiry()
    with transaction.atomic():
        # As a run in bulk does that gives the inquiry to whoever is next.
        Inquiry.objects.select_for_update().get(pk=inquiry.pk)
        threads, raised = beside(lambda: turns.give(inquiry, now=now))
        threads[0].join(1)
        AgentSetting.objects.select_for_update(nowait=True).get(user=agent)
    threads[0].join(20)
    assert raised == []
    assert Inquiry.objects.get().assignee == agent


# --- no way around approval, and nobody answered twice ----------------------------------------------------------------


def test_a_saved_draft_forgets_no_template(pair, agent, now, signed_in):
    _first, second = pair
    named = Template.objects.create(name="返金", body_ja="返金いたします。", needs_approval=True)
    other = Template.objects.create(name="挨拶", body_ja="お世話になります。")
    drafts.save(second, body="返金いたします。", by=agent, now=now, templates=[named.pk])
    client = signed_in(agent)
    client.post(
        reverse("desk-inquiries:draft", args=[second.pk]), {"body": "返金いたします。", "templates": f"{other.pk}"}
    )
    assert Draft.objects.get(inquiry=second).templates == [named.pk, other.pk]
    words = {"body": "返金いたします。", "version": second.version, "templates": f"{other.pk}"}
    answer = client.post(reverse("desk-inquiries:reply", args=[second.pk]), words)
    assert answer.status_code == 422
    assert not Message.objects.filter(kind="reply").exists()


@pytest.mark.parametrize("who", ["colleague", "customer"])
def test_a_run_does_not_answer_what_was_said_after_it_was_asked_for(pair, agent, owner, now, who):
    first, second = pair
    template = Template.objects.create(name="遅れ", body_ja="発送が遅れております。")
    wanted = [{"do": "reply", "template": template.pk}]
    run = bulk.start(ids=[first.pk, second.pk], acts=wanted, by=agent, now=now, form_token=uuid.uuid4())
    later = now + timedelta(seconds=5)
    if who == "colleague":
        replying.reply(second, Answer("お届けは月曜です。"), by=owner, now=later)
    else:
        Message.objects.create(inquiry=second, kind="received", body="やはり結構です。", at=later)
    bulk.sweep(later)
    run.refresh_from_db()
    assert run.changed == 1
    assert [(one["id"], one["why"]) for one in run.refused] == [(second.pk, "said")]
    assert Message.objects.filter(kind="reply", body__contains="遅れ", inquiry=second).count() == 0
    assert Message.objects.filter(kind="reply", body__contains="遅れ", inquiry=first).count() == 1
    assert PreparedReply.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_few_inquiries_are_held_while_the_search_reads_them(store, monkeypatch):
    customer = make.make_customer()
    rows = [make_inquiry(f"Q-S{n:05}", customer=customer) for n in range(25)]
    free = []
    numbers = indexing.numbers

    def look(_text):
        with transaction.atomic():
            free.append(len(list(Inquiry.objects.select_for_update(skip_locked=True))))

    def watched(text):
        if not free:
            threads, _raised = beside(lambda: look(text))
            threads[0].join(20)
        return numbers(text)

    monkeypatch.setattr(indexing, "numbers", watched)
    assert indexing.sweep(None) == 25
    assert free == [15]
    assert SearchEntry.objects.count() == len(rows)


# --- drafts, their files, and what rules are about to answer ----------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_taking_a_draft_over_waits_for_the_inquiry_first(now):
    agent, other = make.make_user(), make.make_user("other@shop.example")
    inquiry = make_inquiry()
    draft = drafts.save(inquiry, body="お調べします。", by=other, now=now)
    with transaction.atomic():
        # As scheduling does: the inquiry, then the draft.
        Inquiry.objects.select_for_update().get(pk=inquiry.pk)
        threads, raised = beside(lambda: drafts.take_over(draft, by=agent, now=now))
        threads[0].join(1)
        Draft.objects.select_for_update(nowait=True).get(pk=draft.pk)
    threads[0].join(20)
    assert raised == []
    assert Draft.objects.get().author == agent


@pytest.mark.django_db(transaction=True)
def test_taking_back_does_not_wait_for_a_rule_that_waits_for_it(now):
    agent = make.make_user()
    make_inquiry()
    Store.objects.update(undo_seconds=10)
    message = replying.reply(Inquiry.objects.get(), Answer("月曜に届きます。"), by=agent, now=now)
    with transaction.atomic():
        # As the sweep of rules does: what happened, then the inquiry.
        Happening.objects.select_for_update().get(event="replied")
        threads, raised = beside(lambda: undoing.take_back(message, by=agent, now=now))
        threads[0].join(20)
        assert not threads[0].is_alive()
    assert raised == []
    assert Draft.objects.get().body == "月曜に届きます。"


def test_a_file_that_was_taken_out_meanwhile_does_not_go_along(pair, agent, now, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    _first, second = pair
    drafts.attach(second, [ContentFile(b"one", name="a.txt"), ContentFile(b"two", name="b.txt")], by=agent, now=now)
    files = carrying.of_draft(second, agent)  # as the page has read them
    drafts.remove(carrying.of_draft(second, agent)[0])  # in another tab
    message = replying.reply(second, Answer("添付します。", files=files), by=agent, now=now)
    assert [row.name for row in message.attachments.all()] == ["b.txt"]
    assert len(OutgoingMail.objects.get(key=message.mail_key).attachments) == 1
    row = scheduling.schedule(second, Answer("後ほど。", files=files), by=agent, now=now, send_at=now + HOUR)
    assert row.files == []


def test_an_approver_does_not_undo_what_another_one_changed(pair, agent, owner, now, signed_in):
    _first, second = pair
    row = approving.ask(second, Answer("月曜に届きます。"), by=agent, now=now)
    client = signed_in(owner)
    page = client.get(reverse("desk-inquiries:detail", args=[second.pk])).text
    mark = page.partition('name="mark" value="')[2].partition('"')[0]
    other = make.make_user("manager@shop.example", name="店長", role="manager")
    approving.edit(row, body="火曜に届きます。", by=other, now=now + HOUR)
    decide = reverse("desk-inquiries:prepared-decide", args=[row.pk])
    for action in ("approve", "send", "save", "return"):
        words = {
            "action": action,
            "body": "月曜に届きます。",
            "comment": "確認",
            "version": second.version,
            "mark": mark,
        }
        answer = client.post(decide, words)
        assert answer.status_code == 409
        assert "その間に" in answer.text
    row.refresh_from_db()
    assert (row.state, row.body) == ("awaiting", "火曜に届きます。")
    seen = answer.text.partition('name="mark" value="')[2].partition('"')[0]
    assert client.post(decide, {"action": "approve", "body": "火曜に届きます。", "mark": seen}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.body) == ("approved", "火曜に届きます。")


def test_copies_do_not_go_along_to_another_customer(pair, agent, now):
    first, _second = pair
    other = make_inquiry(
        "Q-OTHER3", customer=make.make_customer("佐藤 健", "ken@mail.example"), email="ken@mail.example"
    )
    drafts.save(first, body="お調べします。", by=agent, now=now, cc=["husband@mail.example"], bcc=["boss@mail.example"])
    scheduling.schedule(first, Answer("後ほど。", cc=["husband@mail.example"]), by=agent, now=now, send_at=now + HOUR)
    merging.merge(first, into=other, by=agent, now=now, other_customer=True)
    draft = Draft.objects.get(inquiry=other)
    assert "後ほど。" in draft.body
    assert (draft.cc, draft.bcc) == ([], [])


def test_a_reply_that_is_taken_back_brings_no_copies_to_another_customer(pair, agent, now):
    first, _second = pair
    Store.objects.update(undo_seconds=10)
    other = make_inquiry(
        "Q-OTHER3", customer=make.make_customer("佐藤 健", "ken@mail.example"), email="ken@mail.example"
    )
    message = replying.reply(
        Inquiry.objects.get(pk=first.pk), Answer("お調べします。", cc=["husband@mail.example"]), by=agent, now=now
    )
    merging.merge(first, into=other, by=agent, now=now, other_customer=True)
    undoing.take_back(message, by=agent, now=now)
    draft = Draft.objects.get(inquiry=other)
    assert (draft.body, draft.cc) == ("お調べします。", [])
