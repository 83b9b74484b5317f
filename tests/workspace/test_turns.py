"""Turns: new inquiries go to who is there and has room, the fewest open first, and never to two at once."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse

from inquiries import replying, turns
from inquiries.answers import Answer
from inquiries.models import AgentSetting, Inquiry
from shopdesk.accounts.models import User
from tests import make
from tests.inquiries.make import make_inquiry


@pytest.fixture
def customer(db):
    return make.make_customer()


@pytest.fixture
def ask(customer):
    def one(number, **fields):
        return make_inquiry(f"Q-{number:04}", customer=customer, **fields)

    return one


def agents(count, *, cap=3, **fields):
    people = []
    for place in range(count):
        user = make.make_user(f"agent{place}@shop.example", name=f"担当 {place}")
        AgentSetting.objects.create(user=user, takes_turns=True, cap=cap, **fields)
        people.append(user)
    return people


def open_of(people):
    counts = Counter(Inquiry.objects.filter(status="open", assignee__isnull=False).values_list("assignee", flat=True))
    return [counts[user.pk] for user in people]


def test_ten_inquiries_three_agents_three_each_and_one_waits(ask, now):
    people = agents(3)
    inquiries = [ask(n, escalation_at=now + timedelta(minutes=n)) for n in range(10)]
    assert turns.sweep(now) == 9
    assert open_of(people) == [3, 3, 3]
    waiting = Inquiry.objects.get(assignee=None)
    assert waiting == inquiries[9]  # the least urgent one
    assert turns.sweep(now) == 0
    # Somebody frees up: it is theirs.
    free = people[1]
    answered = Inquiry.objects.filter(assignee=free).first()
    replying.reply(answered, Answer("はい。"), by=free, now=now)
    assert turns.sweep(now + timedelta(seconds=15)) == 1
    waiting.refresh_from_db()
    assert waiting.assignee == free
    event = waiting.events.get(code="given")
    assert (event.actor, event.data["to"]) == (None, free.pk)


def test_who_is_away_gets_nothing_and_keeps_what_they_have(ask, now):
    aya, ken = agents(2)
    turns.give(ask(1), now=now)
    turns.set_available(aya, available=False)
    for n in range(2, 4):
        assert turns.give(ask(n), now=now) == ken
    assert open_of([aya, ken]) == [1, 2]


def test_the_least_recently_given_comes_first_among_equals(ask, now):
    aya, ken = agents(2)
    AgentSetting.objects.filter(user=aya).update(last_given_at=now - timedelta(minutes=1))
    AgentSetting.objects.filter(user=ken).update(last_given_at=now - timedelta(minutes=2))
    assert turns.give(ask(1), now=now) == ken
    mia = make.make_user("mia@shop.example", name="新人")
    AgentSetting.objects.create(user=mia, takes_turns=True)
    assert turns.give(ask(2), now=now) == mia  # never yet


def test_nobody_who_left_or_may_not_see_inquiries(ask, now):
    aya, ken = agents(2)
    User.objects.filter(pk=aya.pk).update(is_active=False)
    finance = make.make_user("kin@shop.example", role="finance")
    AgentSetting.objects.create(user=finance, takes_turns=True)
    assert turns.give(ask(1), now=now) == ken
    assert turns.give(ask(2), now=now) == ken


def test_without_anybody_in_turn_nothing_is_given(ask, now, agent):
    AgentSetting.objects.create(user=agent, takes_turns=False)
    ask(1)
    assert not turns.are_on()
    assert turns.sweep(now) == 0
    assert Inquiry.objects.filter(assignee=None).count() == 1


def test_what_somebody_has_or_nobody_has_to_answer_is_not_given(ask, now, agent):
    (aya,) = agents(1, cap=9)
    taken, solved, spam = ask(1, assignee=agent), ask(2, status="solved"), ask(3, status="spam")
    assert turns.sweep(now) == 0
    assert turns.give(taken, now=now) is None
    assert turns.give(solved, now=now) is None
    assert turns.give(spam, now=now) is None
    assert open_of([aya]) == [0]
    assert AgentSetting.objects.get(user=aya).last_given_at is None


@pytest.mark.django_db(transaction=True)
def test_ten_given_at_once_keep_the_cap(now):
    people = agents(3)
    customer = make.make_customer()
    inquiries = [make_inquiry(f"Q-{n:04}", customer=customer) for n in range(10)]
    barrier = threading.Barrier(10)

    def give(inquiry):
        try:
            barrier.wait()
            turns.give(inquiry, now=now)
        finally:
            connection.close()

    threads = [threading.Thread(target=give, args=(inquiry,)) for inquiry in inquiries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert open_of(people) == [3, 3, 3]
    assert Inquiry.objects.filter(assignee=None).count() == 1


# --- screens ----------------------------------------------------------------------------------------------------------


def test_one_click_says_that_one_is_away_and_the_next_that_one_is_back(db, signed_in):
    (aya,) = agents(1)
    client = signed_in(aya)
    assert "受付中" in client.get("/admin/").content.decode()
    address = reverse("desk-inquiries:availability")
    assert client.post(address, {"available": "0"}).status_code == 302
    assert AgentSetting.objects.get(user=aya).is_available is False
    page = client.get("/admin/").content.decode()
    assert "受付停止中" in page
    client.post(address, {"available": "0"})  # twice is once
    client.post(address, {"available": "1"})
    assert AgentSetting.objects.get(user=aya).is_available is True


def test_who_takes_no_turns_sees_no_switch(agent, signed_in):
    assert reverse("desk-inquiries:availability") not in signed_in(agent).get("/admin/").content.decode()


def test_the_table_of_a_manager(owner, agent, signed_in, ask):
    ask(1, assignee=agent)
    client = signed_in(owner)
    address = reverse("desk-inquiries:turns")
    page = client.get(address).content.decode()
    assert "佐藤 彩" in page
    row = f"u{agent.pk}"
    sent = {f"{row}-takes_turns": "on", f"{row}-is_available": "on", f"{row}-cap": "7"}
    assert client.post(address, sent).status_code == 302
    kept = AgentSetting.objects.get(user=agent)
    assert (kept.takes_turns, kept.is_available, kept.cap) == (True, True, 7)
    refused = client.post(address, {**sent, f"{row}-cap": "0"})
    assert refused.status_code == 422
    refused = client.post(address, {**sent, f"{row}-cap": "viele"})
    assert refused.status_code == 422
    assert "viele" in refused.content.decode()
    assert AgentSetting.objects.get(user=agent).cap == 7


def test_only_managers_say_who_takes_turns(agent, signed_in):
    client = signed_in(agent)
    assert client.get(reverse("desk-inquiries:turns")).status_code == 403
    assert client.post(reverse("desk-inquiries:turns"), {}).status_code == 403
    assert not AgentSetting.objects.exists()
