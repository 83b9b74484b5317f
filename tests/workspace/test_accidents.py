"""What can go wrong between the click and the row: rights that end meanwhile, words that go, everybody at once."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse

from inquiries import (
    approving,
    bulk,
    drafts,
    filing,
    merging,
    preparing,
    replying,
    scheduling,
    snoozing,
    triage,
    undoing,
)
from inquiries.answers import Answer
from inquiries.models import Category, Draft, Inquiry, Message, PreparedReply, Template
from shopdesk.accounts.models import User
from shopdesk.desk import merging_customers
from shopdesk.mail.models import IncomingMail, OutgoingMail
from shopdesk.shop.models import Store
from tests import make
from tests.filing.make import receive
from tests.inquiries.make import make_inquiry
from tests.waiting import held_while, in_a_thread

HOUR = timedelta(hours=1)


def at_once(*deeds):
    """All at the same moment, each with a connection of its own; what they gave or raised."""
    gate = threading.Barrier(len(deeds))
    outcomes = [None] * len(deeds)

    def work(place, deed):
        try:
            gate.wait(10)
            outcomes[place] = deed()
        except Exception as error:
            outcomes[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return outcomes


# --- a draft that goes while a colleague takes it ---------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_draft_that_is_sent_while_a_colleague_takes_it_over_is_not_taken(store, agent, owner, now, signed_in):
    inquiry = make_inquiry()
    draft = drafts.save(inquiry, body="赤です。", by=owner, now=now)
    client = signed_in(agent)
    address = reverse("desk-inquiries:take-draft", args=[inquiry.pk, draft.pk])
    with held_while(lambda: client.post(address)) as answers:
        replying.reply(inquiry, Answer("赤です。"), by=owner, now=now)
    assert [answer.status_code for answer in answers] == [302]
    assert not Draft.objects.exists()


# --- somebody whose inquiry was given to somebody else ----------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", ["send", "schedule", "approve"])
def test_who_loses_the_inquiry_while_sending_sends_nothing(store, agent, outsourced, now, signed_in, action):
    inquiry = make_inquiry(assignee=outsourced)
    client = signed_in(outsourced)
    posted = {
        "body": "赤です。",
        "version": inquiry.version,
        "action": action,
        "send_at": f"{now + 2 * HOUR:%Y-%m-%dT%H:%M}",
    }
    address = reverse("desk-inquiries:reply", args=[inquiry.pk])
    with held_while(lambda: client.post(address, posted)) as answers:
        triage.assign(inquiry, to=agent, by=agent, now=now)
    assert not Message.objects.filter(kind="reply").exists()
    assert not PreparedReply.objects.exists()
    assert not OutgoingMail.objects.exists()
    assert answers[0].status_code == 302
    assert Draft.objects.get().body == "赤です。"
    assert Inquiry.objects.get().assignee == agent


def test_what_somebody_scheduled_before_the_inquiry_was_given_away_is_not_sent(store, agent, outsourced, now):
    inquiry = make_inquiry(assignee=outsourced)
    row = scheduling.schedule(inquiry, Answer("赤です。"), by=outsourced, now=now, send_at=now + HOUR)
    triage.assign(inquiry, to=agent, by=agent, now=now)
    scheduling.sweep(now + 2 * HOUR)
    row.refresh_from_db()
    assert (row.state, row.returned_why) == ("returned", "may_not")
    assert not Message.objects.filter(kind="reply").exists()


def test_what_a_second_person_approved_is_sent_although_it_was_given_away(store, agent, owner, outsourced, now):
    inquiry = make_inquiry(assignee=outsourced)
    row = approving.ask(inquiry, Answer("赤です。"), by=outsourced, now=now)
    triage.assign(inquiry, to=agent, by=agent, now=now)
    approving.approve_and_send(row, by=owner, now=now)
    assert Message.objects.get(kind="reply").body == "赤です。"


# --- everybody at once ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_six_ways_of_answering_at_once_answer_once(store, agent, owner, now):
    template = Template.objects.create(name="色", body_ja="赤です（定型文）。", body_en="Red.")
    other = make.make_user("ken@shop.example", name="高木 健", role="agent")
    for turn in range(4):
        inquiry = make_inquiry(f"Q-TURN0{turn}", customer=make.make_customer(address=f"c{turn}@mail.example"))
        waiting = approving.ask(inquiry, Answer("赤です（承認）。"), by=other, now=now)
        version = Inquiry.objects.get(pk=inquiry.pk).version
        run = bulk.start(
            ids=[inquiry.pk], acts=[{"do": "reply", "template": template.pk}], by=agent, now=now,
            form_token=uuid.uuid4(), seen={inquiry.pk: version},
        )  # fmt: skip

        def mine(words, by, inquiry=inquiry, version=version):
            return lambda: replying.reply(inquiry, Answer(words, expected_version=version), by=by, now=now)

        at_once(
            mine("赤です（彩）。", agent),
            mine("赤です（誠）。", owner),
            mine("赤です（彩）。", agent),
            lambda row=waiting, version=version: approving.approve_and_send(
                row, by=owner, now=now, expected_version=version
            ),
            lambda run=run: bulk.step(run, now=now),
            lambda: scheduling.sweep(now + HOUR),
        )
        replies = Message.objects.filter(inquiry=inquiry, kind="reply")
        assert replies.count() == 1
        assert OutgoingMail.objects.filter(key__in=replies.values("mail_key")).count() == 1
        assert OutgoingMail.objects.count() == turn + 1


# --- the category or the customer of a row that somebody waits for ----------------------------------------------------

DEEDS = {
    "draft": lambda inquiry, by, now: drafts.save(inquiry, body="赤で", by=by, now=now),
    "schedule": lambda inquiry, by, now: scheduling.schedule(
        inquiry, Answer("赤です。"), by=by, now=now, send_at=now + HOUR
    ),
    "status": lambda inquiry, by, now: triage.set_status(inquiry, status="solved", by=by, now=now),
    "category": lambda inquiry, by, now: triage.set_category(
        inquiry, category=Category.objects.get(slug="delay"), by=by, now=now
    ),
    "snooze": lambda inquiry, by, now: snoozing.snooze(inquiry, until=now + HOUR, reason="internal", by=by, now=now),
    "wake": lambda inquiry, by, now: snoozing.wake(inquiry, now=now, why="person", by=by) or True,
    "merge": lambda inquiry, by, now: merging.merge(
        inquiry, into=Inquiry.objects.get(number="Q-OTHER1"), by=by, now=now, other_customer=True
    ),
    "split": lambda inquiry, by, now: merging.split(inquiry.messages.latest("pk"), by=by, now=now),
    "mail": lambda inquiry, by, now: filing.sweep(now),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", DEEDS)
def test_a_row_whose_category_or_customer_is_changed_meanwhile_is_not_missed(store, agent, now, deed):
    inquiry = make_inquiry()
    other = make_inquiry("Q-OTHER1", customer=inquiry.customer, category="defect")
    kept = make.make_customer(name="山田 花", address="hana@mail.example")
    Message.objects.create(inquiry=inquiry, kind="received", body="形は何ですか。", at=now)
    if deed == "mail":
        receive("もう一つあります。", sender=inquiry.email, subject=f"Re: [{inquiry.number}]", now=now)
    by = User.objects.select_related("role").get(pk=agent.pk)
    with held_while(lambda: DEEDS[deed](inquiry, by, now)) as given:
        Inquiry.objects.filter(pk=inquiry.pk).update(customer=kept, category=other.category)
    assert given[0], given
    assert not isinstance(given[0], Exception), given
    if deed == "mail":
        assert IncomingMail.objects.get().state == "filed"
        assert inquiry.messages.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_reply_is_taken_back_while_its_customer_is_merged(store, agent, now):
    Store.objects.update(undo_seconds=60)
    inquiry, kept = make_inquiry(), make.make_customer(name="山田 花", address="hana@mail.example")
    message = replying.reply(inquiry, Answer("赤です。"), by=agent, now=now)
    with held_while(lambda: undoing.take_back(message, by=agent, now=now)) as given:
        Inquiry.objects.filter(pk=inquiry.pk).update(customer=kept)
    assert isinstance(given[0], Draft), given
    assert OutgoingMail.objects.get().state == OutgoingMail.State.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_an_order_that_is_linked_meanwhile_is_not_missed(store, agent, now):
    inquiry = make_inquiry()
    order = make.make_order(customer=inquiry.customer)

    def read():
        with transaction.atomic():
            return preparing.locked(inquiry.pk)

    with held_while(read) as given:
        Inquiry.objects.filter(pk=inquiry.pk).update(order=order)
    assert (given[0].order_id, given[0].order) == (order.pk, order)


# --- who waits for whom -----------------------------------------------------------------------------------------------


def done_while(hold, deed):
    """Do something in a thread while ``hold`` holds a row, and be done before it is let go; what it gave or raised."""
    thread, given = in_a_thread(deed)
    with transaction.atomic():
        hold()
        thread.start()
        thread.join(10)
        assert not thread.is_alive(), "it waits"
    return given[0]


@pytest.mark.django_db(transaction=True)
def test_who_answers_waits_for_nobody_at_the_question_that_this_one_follows(store, agent, now):
    """Who merges the two takes the older one first and the newer one then: they would wait for each other."""
    first = make_inquiry()
    second = make_inquiry("Q-SECND2", customer=first.customer, follows=first)
    said = done_while(
        lambda: preparing.locked(first.pk), lambda: replying.reply(second, Answer("赤です。"), by=agent, now=now)
    )
    assert isinstance(said, Message), said


@pytest.mark.django_db(transaction=True)
def test_who_takes_customers_apart_waits_for_no_inquiry_that_is_not_given_back(store, owner, now):
    gone, kept, third = [make.make_customer(name=name, address=f"{name}@mail.example") for name in "abc"]
    inquiry = make_inquiry(customer=gone)
    merge = merging_customers.merge(gone, into=kept, by=owner, now=now)
    Inquiry.objects.filter(pk=inquiry.pk).update(customer=third)
    assert (
        done_while(lambda: preparing.locked(inquiry.pk), lambda: merging_customers.unmerge(merge, by=owner, now=now))
        is True
    )
    assert Inquiry.objects.get().customer == third
