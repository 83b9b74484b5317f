"""How fast letters leave: buckets, turns and who goes first."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from shopdesk.mail import consents, delivery, marking, rates
from shopdesk.mail.models import OutgoingMail, RateBucket
from tests.mail.make import queue
from tests.outgoing.make import UNSUBSCRIBE, make_route

State = OutgoingMail.State
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("a@gmail.com", "gmail"), ("a@docomo.ne.jp", "docomo"), ("a@ezweb.ne.jp", "au"), ("a@au.com", "au"),
        ("a@i.softbank.jp", "softbank"), ("a@d.vodafone.ne.jp", "softbank"), ("a@yahoo.co.jp", "yahoo"),
        ("a@icloud.com", "icloud_outlook"), ("a@outlook.jp", "icloud_outlook"), ("a@shop.example", "other"),
        ("a@notgmail.com", "other"),
    ],
)  # fmt: skip
def test_groups(address, group):
    assert rates.group_of(address) == group


def test_without_a_token_a_letter_waits_and_it_is_no_try(smtp_sink, now):
    make_route(smtp_sink, per_minute=60)  # a bucket of ten
    for number in range(14):
        queue(f"{number}", to=f"c{number}@mail.example")
    assert delivery.sweep(now) == 14
    assert delivery.sweep(now) == 0  # nobody asks again before the time
    assert len(smtp_sink.messages) == 10
    late = OutgoingMail.objects.filter(state=State.PLANNED).order_by("due_at")
    assert [(mail.reason, mail.attempt, (mail.due_at - now).total_seconds()) for mail in late] == [
        ("rate", 0, 1.0), ("rate", 0, 2.0), ("rate", 0, 3.0), ("rate", 0, 4.0),
    ]  # fmt: skip
    for seconds in (1, 2, 3, 4):
        assert delivery.sweep(now + timedelta(seconds=seconds)) == 1
    assert len(smtp_sink.messages) == 14


def test_advertising_leaves_half_to_those_before_it(smtp_sink, now):
    make_route(smtp_sink, per_minute=60)
    for number in range(12):
        consents.give(f"a{number}@mail.example", source="checkout", now=now)
        queue(f"ad{number}", to=f"a{number}@mail.example", mail_class="advertising", headers=UNSUBSCRIBE)
    delivery.sweep(now)
    assert len(smtp_sink.messages) == 5
    for number in range(4):
        queue(f"care{number}", to=f"b{number}@mail.example", mail_class="service", headers=UNSUBSCRIBE)
    delivery.sweep(now)
    assert len(smtp_sink.messages) == 8
    queue("reply", to="hanako@mail.example", automatic=False)
    delivery.sweep(now)
    assert smtp_sink.recipients[-1] == "hanako@mail.example"
    ads = OutgoingMail.objects.filter(mail_class="advertising", state=State.PLANNED)
    assert sorted((mail.due_at - now).total_seconds() for mail in ads) == [1, 2, 3, 4, 5, 6, 7]


def test_within_a_batch_answers_go_first(smtp_sink, now):
    queue("care", to="b@mail.example", mail_class="service", headers=UNSUBSCRIBE)
    queue("receipt", to="c@mail.example")
    delivery.sweep(now)
    assert smtp_sink.recipients == ["c@mail.example", "b@mail.example"]


def test_a_receiver_that_asks_for_patience_is_halved(smtp_sink, now):
    route = make_route(smtp_sink, per_minute=600)
    smtp_sink.say("rcpt", "450 4.2.1 too fast")
    queue("1", to="a@docomo.ne.jp")
    delivery.sweep(now)
    bucket = RateBucket.objects.get(key=f"{route.pk}:docomo")
    assert bucket.slow_until == now + timedelta(minutes=15)
    bucket.tokens = 0
    bucket.save()
    count, _ = rates._take(bucket.key, 60, 9, "transactional", now + timedelta(seconds=6))
    assert count == 3  # six seconds at half of one a second
    assert not RateBucket.objects.exclude(key=bucket.key).filter(slow_until__gt=now).exists()


def test_a_full_mailbox_is_tried_an_hour_later(smtp_sink, now):
    smtp_sink.say("rcpt", "452 4.2.2 mailbox full")
    mail = queue()
    delivery.sweep(now)
    mail.refresh_from_db()
    assert timedelta(minutes=60) <= mail.due_at - now <= timedelta(minutes=66)


def test_waits_differ_from_letter_to_letter():
    waits = {marking.backoff(3, "4.3.0 busy", f"k{number}") for number in range(50)}
    assert len(waits) > 20
    assert all(timedelta(minutes=60) <= wait <= timedelta(minutes=66) for wait in waits)


@pytest.mark.django_db(transaction=True)
def test_many_workers_share_one_bucket(now):
    taken, start = [], threading.Barrier(6)

    def take():
        start.wait()
        for _ in range(5):
            taken.append(rates._take("1:other", 600, 3, "transactional", now)[0])
        connection.close()

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 90  # of a hundred
    assert RateBucket.objects.get(key="1:other").tokens == pytest.approx(10)


@pytest.mark.parametrize(
    ("schedule", "minutes"), [((1, 5, 15, 60, 240), 60), ((1, 30, 90), 90), ((1, 5), 5), ((120,), 120)]
)
def test_a_full_mailbox_waits_with_any_schedule(monkeypatch, schedule, minutes):
    monkeypatch.setattr(marking, "BACKOFF", tuple(timedelta(minutes=wait) for wait in schedule))
    wait = marking.backoff(0, "4.2.2 mailbox full", "k")
    assert timedelta(minutes=minutes) <= wait <= timedelta(minutes=minutes) * 1.1
