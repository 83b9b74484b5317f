"""Two conversations become one and two again; a message becomes a question of its own."""

import threading
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from inquiries import filing, matching, merging, previews, reopening, replying, threads, triage, undoing, writing_in
from inquiries.answers import Answer
from inquiries.models import Attachment, Draft, DraftFile, Inquiry, InquiryEvent, Merge, Message, PreparedReply
from inquiries.sentences import sentence
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.filing.make import receive
from tests.inquiries.make import make_inquiry


@pytest.fixture
def hanako(db):
    return make.make_customer()


@pytest.fixture
def first(hanako, now):
    return make_inquiry(
        "Q-FIRST1", customer=hanako, body="届きません。", opened_at=now - timedelta(hours=5), reply_due_at=None
    )  # fmt: skip


@pytest.fixture
def second(hanako, now):
    return make_inquiry(
        "Q-SECND2", customer=hanako, body="まだですか。", opened_at=now - timedelta(hours=2), reply_due_at=None
    )  # fmt: skip


def columns(inquiry, *without):
    inquiry = Inquiry.objects.get(pk=inquiry.pk)
    return {f.attname: getattr(inquiry, f.attname) for f in Inquiry._meta.concrete_fields if f.attname not in without}


def said(inquiry):
    """What the conversation shows, by time."""
    rows = Message.objects.filter(inquiry__in=merging.family(inquiry)).order_by("at", "pk")
    return [message.body for message in rows]


def test_the_target_waits_since_the_earlier_of_both(now, agent, first, second):
    merging.merge(first, into=second, by=agent, now=now)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, first.merged_into, first.waiting_since) == ("merged", second, None)
    assert (second.status, second.waiting_since) == ("open", now - timedelta(hours=5))
    assert first.messages.count() == second.messages.count() == 1  # nothing moved
    assert merging.family(second) == sorted([first.pk, second.pk])
    assert [sentence(event) for event in second.events.all()] == ["佐藤 彩さんがQ-FIRST1をこの問い合わせに統合しました"]


def test_an_answered_target_is_to_be_answered_again(now, agent, first, second):
    replying.reply(second, Answer("調べます。", then="solved"), by=agent, now=now - timedelta(hours=1))
    merging.merge(first, into=second, by=agent, now=now)
    second.refresh_from_db()
    assert (second.status, second.waiting_since, second.solved_at) == ("open", now - timedelta(hours=5), None)


def test_a_mail_to_a_twice_merged_ticket_lands_on_the_live_one(now, agent, first, second, hanako):
    third = make_inquiry("Q-THIRD3", customer=hanako)
    merging.merge(first, into=second, by=agent, now=now)
    merging.merge(second, into=third, by=agent, now=now)
    first.refresh_from_db()
    assert merging.live(first) == third
    assert matching.root(first) == third
    assert threads.inquiry_of(f"> {threads.reference(first)}") == first
    assert merging.family(third) == sorted([first.pk, second.pk, third.pk])


def test_a_reply_by_mail_to_a_twice_merged_one_is_filed_in_the_live_one(now, agent, first, second, hanako):
    sent = replying.reply(first, Answer("お調べします。"), by=agent, now=now)
    third = make_inquiry("Q-THIRD3", customer=hanako, status="pending")
    merging.merge(first, into=second, by=agent, now=now)
    merging.merge(second, into=third, by=agent, now=now)
    receive("まだでしょうか。", In_Reply_To=sent.message_id, References=sent.message_id)
    assert filing.sweep(now + timedelta(hours=1)) == 1
    message = Message.objects.get(body="まだでしょうか。")
    third.refresh_from_db()
    assert (message.inquiry, third.status) == (third, "open")
    assert Inquiry.objects.count() == 3


def test_a_letter_of_another_room_in_a_twice_merged_one_is_new_to_who_answers(
    now, agent, first, second, hanako, signed_in
):
    third = make_inquiry("Q-THIRD3", customer=hanako)
    merging.merge(first, into=second, by=agent, now=now)
    merging.merge(second, into=third, by=agent, now=now)
    third.refresh_from_db()
    second.refresh_from_db()
    seen = Message.objects.order_by("-pk").values_list("pk", flat=True)[0]
    open_composer = {"body": "青です。", "version": third.version, "seen": seen, "then": "pending"}
    letter = writing_in.say(first, body="返品を受け付けました。", now=now)
    assert letter.inquiry == first  # and goes with it when it is un-merged
    answer = signed_in(agent).post(f"/admin/inquiries/{third.pk}/reply/", open_composer)
    assert answer.status_code == 409
    assert "返品を受け付けました。" in answer.content.decode()
    assert not OutgoingMail.objects.exists()
    versions = dict(Inquiry.objects.values_list("pk", "version"))
    assert versions[third.pk] == third.version + 1
    assert versions[second.pk] == second.version  # nobody writes there


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_comes_while_it_is_merged_lands_where_it_goes_on(now):
    agent, customer = make.make_user(), make.make_customer()
    one, other = make_inquiry("Q-AAAAAA", customer=customer), make_inquiry("Q-BBBBBB", customer=customer)
    sent = replying.reply(one, Answer("お調べします。"), by=agent, now=now)
    for n in range(6):
        receive(f"続き{n}", In_Reply_To=sent.message_id, References=sent.message_id)
    start, raised = threading.Barrier(2), []

    def work(deed):
        start.wait()
        try:
            deed()
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    def merge_and_back():
        for _ in range(4):
            merging.merge(Inquiry.objects.get(pk=one.pk), into=Inquiry.objects.get(pk=other.pk), by=agent, now=now)
            merging.unmerge(Inquiry.objects.get(pk=one.pk), by=agent, now=now)

    workers = [threading.Thread(target=work, args=[deed]) for deed in (merge_and_back, lambda: filing.sweep(now))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert raised == []
    assert Message.objects.filter(body__startswith="続き", inquiry__in=[one, other]).count() == 6


def test_a_reply_taken_back_after_a_merge_is_a_draft_where_it_goes_on(now, agent, first, second):
    store = make.make_store()
    store.undo_seconds = 30
    store.save()
    sent = replying.reply(Inquiry.objects.get(pk=first.pk), Answer("お調べします。"), by=agent, now=now)
    merging.merge(first, into=second, by=agent, now=now)
    undoing.take_back(sent, by=agent, now=now + timedelta(seconds=5))
    assert second.drafts.get().body == "お調べします。"
    assert Inquiry.objects.get(pk=first.pk).status == "merged"


def test_merging_into_a_merged_one_goes_to_its_end(now, agent, first, second, hanako):
    third = make_inquiry("Q-THIRD3", customer=hanako)
    merging.merge(second, into=third, by=agent, now=now)
    merging.merge(first, into=second, by=agent, now=now)
    first.refresh_from_db()
    assert first.merged_into == third


def test_circles_are_refused(now, agent, first, second, hanako):
    third = make_inquiry("Q-THIRD3", customer=hanako)
    with pytest.raises(merging.Same):
        merging.merge(first, into=first, by=agent, now=now)
    merging.merge(first, into=second, by=agent, now=now)
    merging.merge(second, into=third, by=agent, now=now)
    with pytest.raises(merging.Circle):
        merging.merge(third, into=first, by=agent, now=now)
    with pytest.raises(merging.Moved):
        merging.merge(first, into=third, by=agent, now=now)
    third.refresh_from_db()
    assert (third.status, third.merged_into) == ("open", None)


@pytest.mark.django_db(transaction=True)
def test_a_into_b_and_b_into_a_at_once(now):
    agent = make.make_user()
    customer = make.make_customer()
    one, other = make_inquiry("Q-AAAAAA", customer=customer), make_inquiry("Q-BBBBBB", customer=customer)
    for _ in range(5):
        start, results = threading.Barrier(2), []

        def run(source, into, start=start, results=results):
            start.wait()
            try:
                merging.merge(Inquiry.objects.get(pk=source), into=Inquiry.objects.get(pk=into), by=agent, now=now)
                results.append("merged")
            except merging.CannotMerge as refusal:
                results.append(type(refusal).__name__)
            finally:
                connection.close()

        workers = [threading.Thread(target=run, args=pair) for pair in [(one.pk, other.pk), (other.pk, one.pk)]]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert sorted(results) == ["Circle", "merged"]
        merged = Inquiry.objects.get(status="merged")
        assert Inquiry.objects.filter(merged_into=None).count() == 1
        merging.unmerge(merged, by=agent, now=now)


@pytest.mark.django_db(transaction=True)
def test_three_in_a_ring_at_once_never_close_it(now):
    agent, customer = make.make_user(), make.make_customer()
    ring = [make_inquiry(f"Q-RING0{n}", customer=customer) for n in range(3)]
    start = threading.Barrier(3)

    def run(n):
        start.wait()
        try:
            into = Inquiry.objects.get(pk=ring[(n + 1) % 3].pk)
            merging.merge(Inquiry.objects.get(pk=ring[n].pk), into=into, by=agent, now=now)
        except merging.CannotMerge:
            pass
        finally:
            connection.close()

    workers = [threading.Thread(target=run, args=[n]) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    left = Inquiry.objects.filter(merged_into=None)
    assert left.count() >= 1
    assert {merging.live(row).merged_into_id for row in Inquiry.objects.all()} == {None}


def test_another_customers_needs_a_word(now, agent, first):
    other = make_inquiry("Q-OTHER9", customer=make.make_customer("佐々木 次郎", "jiro@mail.example"))
    with pytest.raises(merging.OtherCustomer):
        merging.merge(other, into=first, by=agent, now=now)
    assert Merge.objects.count() == 0
    merging.merge(other, into=first, by=agent, now=now, other_customer=True)
    first.refresh_from_db()
    replying.reply(first, Answer("調べます。"), by=agent, now=now)
    assert [letter.to_address for letter in OutgoingMail.objects.all()] == ["hanako@mail.example"]


def test_the_answer_joins_the_mails_of_both_but_not_of_another_customer(now, agent, first, second):
    first.messages.update(message_id="<first@mail.example>")
    other = make_inquiry("Q-OTHER9", customer=make.make_customer("佐々木 次郎", "jiro@mail.example"))
    other.messages.update(message_id="<other@mail.example>")
    merging.merge(first, into=second, by=agent, now=now)
    merging.merge(other, into=second, by=agent, now=now, other_customer=True)
    second.refresh_from_db()
    headers = threads.headers_for(second)
    assert (headers.in_reply_to, headers.references) == ("<first@mail.example>", "<first@mail.example>")


def test_drafts_go_along_and_nothing_is_sent(now, agent, first, second):
    ken = make.make_user()
    Draft.objects.create(inquiry=first, author=agent, body="申し訳ございません。", saved_at=now)
    Draft.objects.create(inquiry=second, author=agent, body="お調べします。", saved_at=now)
    key = default_storage.save("inquiries/test/a.png", ContentFile(b"x"))
    facts = {"storage_key": key, "name": "a.png", "media_type": "image/png", "size": 1, "sha256": "0" * 64}
    DraftFile.objects.create(inquiry=first, author=agent, added_at=now, **facts)
    prepared = PreparedReply.objects.create(
        inquiry=first, author=ken, body="明日送ります。", original_body="明日送ります。", seen_version=1,
        state="scheduled", send_at=now + timedelta(hours=1), created_at=now, changed_at=now, cc=["x@mail.example"],
        files=[{**facts, "name": "b.png"}],
    )  # fmt: skip
    merging.merge(first, into=second, by=agent, now=now)
    prepared.refresh_from_db()
    assert (prepared.state, prepared.returned_why, prepared.files) == ("returned", "closed", [])
    assert first.drafts.count() == first.draft_files.count() == 0
    drafts = {draft.author: draft for draft in second.drafts.all()}
    assert drafts[agent].body == "お調べします。\n\n申し訳ございません。"
    assert (drafts[ken].body, drafts[ken].cc) == ("明日送ります。", ["x@mail.example"])
    assert sorted(second.draft_files.values_list("author_id", "name")) == sorted(
        [(agent.pk, "a.png"), (ken.pk, "b.png")]
    )
    assert OutgoingMail.objects.count() == 0
    assert Message.objects.filter(kind="reply").count() == 0


def test_unmerging_restores_order_and_clocks(now, agent, first, second, hanako):
    triage.set_priority(first, priority=2, by=agent, now=now)
    for one in (first, second):
        previews.renew(one)
    before = columns(first, "version", "last_activity_at"), columns(second, "version", "last_activity_at")
    merging.merge(first, into=second, by=agent, now=now)
    merging.unmerge(Inquiry.objects.get(pk=first.pk), by=agent, now=now + timedelta(minutes=1))
    after = columns(first, "version", "last_activity_at"), columns(second, "version", "last_activity_at")
    assert after == before
    assert [message.body for message in first.messages.all()] == ["届きません。"]
    assert [message.body for message in second.messages.all()] == ["まだですか。"]
    assert merging.family(second) == [second.pk]
    with pytest.raises(merging.Moved):
        merging.unmerge(Inquiry.objects.get(pk=first.pk), by=agent, now=now)


def test_unmerging_from_the_middle_of_a_chain_gives_the_end_its_own_clock(now, agent, first, second, hanako):
    third = make_inquiry("Q-THIRD3", customer=hanako, opened_at=now - timedelta(hours=1))
    merging.merge(first, into=second, by=agent, now=now)
    merging.merge(second, into=third, by=agent, now=now)
    assert Inquiry.objects.get(pk=third.pk).waiting_since == now - timedelta(hours=5)
    merging.unmerge(Inquiry.objects.get(pk=first.pk), by=agent, now=now)
    assert Inquiry.objects.get(pk=third.pk).waiting_since == now - timedelta(hours=2)
    merging.unmerge(Inquiry.objects.get(pk=second.pk), by=agent, now=now)
    waiting = dict(Inquiry.objects.values_list("number", "waiting_since"))
    assert waiting == {
        "Q-FIRST1": now - timedelta(hours=5),
        "Q-SECND2": now - timedelta(hours=2),
        "Q-THIRD3": now - timedelta(hours=1),
    }


def test_mail_that_came_after_the_merge_stays_with_the_target(now, agent, first, second):
    replying.reply(second, Answer("調べます。"), by=agent, now=now - timedelta(hours=1))
    merging.merge(first, into=second, by=agent, now=now)
    later = now + timedelta(hours=1)
    second = Inquiry.objects.get(pk=second.pk)
    Message.objects.create(inquiry=second, kind="received", body="いかがでしょう。", at=later)
    reopening.heard(second, now=later)
    source = merging.unmerge(Inquiry.objects.get(pk=first.pk), by=agent, now=later)
    second.refresh_from_db()
    assert (source.status, source.waiting_since) == ("open", now - timedelta(hours=5))
    assert (second.status, second.waiting_since) == ("open", later)
    assert [message.body for message in second.messages.all()] == ["まだですか。", "調べます。", "いかがでしょう。"]


def test_a_status_set_after_the_merge_is_kept(now, agent, first, second):
    merging.merge(first, into=second, by=agent, now=now)
    triage.set_status(second, status="solved", by=agent, now=now + timedelta(minutes=1))
    merging.unmerge(Inquiry.objects.get(pk=first.pk), by=agent, now=now + timedelta(minutes=2))
    assert Inquiry.objects.get(pk=second.pk).status == "solved"
    assert Inquiry.objects.get(pk=first.pk).status == "open"


def test_nothing_is_done_to_a_merged_one(now, agent, first, second):
    merging.merge(first, into=second, by=agent, now=now)
    with pytest.raises(triage.IsMerged):
        triage.set_status(first, status="solved", by=agent, now=now)
    with pytest.raises(replying.StaleReply):
        replying.reply(first, Answer("はい。"), by=agent, now=now)
    assert OutgoingMail.objects.count() == 0


def test_the_thread_shows_both_by_time(now, agent, first, second):
    merging.merge(first, into=second, by=agent, now=now)
    second.refresh_from_db()
    shown = said(second)
    assert shown == ["届きません。", "まだですか。"]


# --- splitting --------------------------------------------------------------------------------------------------------


def test_a_message_becomes_a_question_of_its_own(now, agent, first):
    at = now - timedelta(hours=1)
    message = Message.objects.create(
        inquiry=first, kind="received", body="別件です。領収書をください。", at=at, sender_address="hanako@mail.example"
    )
    facts = {"storage_key": "k1", "name": "a.png", "media_type": "image/png", "size": 1, "sha256": "0" * 64}
    Attachment.objects.create(message=message, **facts)
    new = merging.split(message, by=agent, now=now)
    new.refresh_from_db()
    first.refresh_from_db()
    assert (new.follows, new.customer, new.status, new.waiting_since) == (first, first.customer, "open", at)
    assert new.subject == "別件です。領収書をください。"
    assert [one.attachments.count() for one in new.messages.all()] == [1]
    assert [one.body for one in first.messages.all()] == ["届きません。"]
    assert (first.status, first.waiting_since) == ("open", now - timedelta(hours=5))
    assert [event.code for event in InquiryEvent.objects.filter(inquiry=first)] == ["split"]
    assert [event.code for event in InquiryEvent.objects.filter(inquiry=new)] == ["split_from"]


def test_split_from_an_answered_one_it_waits_for_the_customer_again(now, agent, first):
    replying.reply(first, Answer("発送しました。"), by=agent, now=now - timedelta(hours=2))
    first.refresh_from_db()
    at = now - timedelta(hours=1)
    message = Message.objects.create(inquiry=first, kind="received", body="ところで、在庫は？", at=at)
    reopening.heard(first, now=at)
    new = merging.split(message, by=agent, now=now)
    first.refresh_from_db()
    assert (first.status, first.waiting_since, first.reply_due_at) == ("pending", None, None)
    assert new.waiting_since == at


def test_the_only_message_stays(now, agent, first):
    message = first.messages.get()
    with pytest.raises(merging.OnlyMessage):
        merging.split(message, by=agent, now=now)
    reply = replying.reply(first, Answer("はい。"), by=agent, now=now)
    with pytest.raises(merging.NotReceived):
        merging.split(reply, by=agent, now=now)
    assert Inquiry.objects.count() == 1


def test_somebody_elses_mail_becomes_their_question(now, agent, first):
    message = Message.objects.create(
        inquiry=first, kind="received", body="私の注文はどうなりましたか。", at=now, sender_address="ken@mail.example",
        sender_name="高橋 健",
    )  # fmt: skip
    new = merging.split(message, by=agent, now=now)
    assert (new.name, new.email) == ("高橋 健", "ken@mail.example")
    assert new.customer != first.customer
    assert new.phone == ""


def test_merging_back_undoes_a_split(now, agent, first):
    message = Message.objects.create(inquiry=first, kind="received", body="別件です。", at=now)
    new = merging.split(message, by=agent, now=now)
    merging.merge(new, into=first, by=agent, now=now)
    first.refresh_from_db()
    shown = said(first)
    assert shown == ["届きません。", "別件です。"]
