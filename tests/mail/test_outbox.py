"""Queueing: once for each key, and never at the visitor's expense."""

import logging
import socket
import threading
import time
from datetime import timedelta

import pytest
import redis
from django.conf import settings as django_settings
from django.db import IntegrityError, connection, transaction

from shopdesk.celery import app
from shopdesk.mail import message_ids, outbox, pulse, tasks
from shopdesk.mail.models import OutgoingMail
from tests.mail.make import queue

State = OutgoingMail.State


@pytest.fixture
def rings(monkeypatch):
    """Counts the rings that reach the task."""
    heard = []
    monkeypatch.setattr(outbox, "_broker_silent_until", 0.0)
    monkeypatch.setattr(tasks.sweep_outgoing, "apply_async", lambda **options: heard.append(options))
    return heard


@pytest.mark.django_db
def test_the_same_key_gives_the_first_letter_unchanged(now):
    first = queue(subject="一通目")
    again = queue(subject="二通目", to="taro@mail.example")
    assert (again.pk, again.subject, again.to_address) == (first.pk, "一通目", "hanako@mail.example")
    assert OutgoingMail.objects.count() == 1


@pytest.mark.django_db
def test_the_database_refuses_a_second_row_of_a_key(now):
    mail = queue()
    mail.pk, mail.message_id = None, "<other@shop.example>"
    with pytest.raises(IntegrityError, match="key"), transaction.atomic():
        mail.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_twenty_threads_queue_one_letter(now, rings):
    start = threading.Barrier(20)
    seen = []

    def work(number):
        start.wait()
        with transaction.atomic():
            seen.append(queue("same", subject=f"{number}").pk)
            time.sleep(0.02)
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 20
    assert len(set(seen)) == 1
    assert OutgoingMail.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_letter_of_a_rolled_back_deed_never_existed(now, rings):
    def deed():
        queue()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        transaction.atomic(deed)()
    assert not OutgoingMail.objects.exists()
    assert rings == []


@pytest.mark.django_db(transaction=True)
def test_many_letters_of_one_transaction_ring_once(now, rings):
    with transaction.atomic():
        for number in range(200):
            queue(f"test:{number}")
        assert rings == []
    assert len(rings) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["refuses", "swallows"])
def test_a_broker_that_is_away_costs_a_second_and_a_warning(now, monkeypatch, caplog, kind):
    monkeypatch.setattr(outbox, "_broker_silent_until", 0.0)
    hole = socket.socket()
    hole.bind(("127.0.0.1", 0))
    url = f"redis://127.0.0.1:{hole.getsockname()[1]}/0"
    hole.close() if kind == "refuses" else hole.listen(0)
    # In this order: the second falls back to the first, and must be put back to what it was before.
    monkeypatch.setattr(app.conf, "broker_write_url", url)
    monkeypatch.setattr(app.conf, "broker_url", url)
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    monkeypatch.setattr(outbox, "BROKER_REST", 60.0)
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for number in range(5):
            queue(f"test:{number}")
    took = time.monotonic() - started
    hole.close()
    assert took < 3  # one second, and slack for a busy machine
    assert [record.name for record in caplog.records] == ["shopdesk.mail.outbox"]
    assert OutgoingMail.objects.due(now).count() == 5


@pytest.mark.django_db(transaction=True)
def test_a_ring_reaches_the_broker(now, monkeypatch):
    monkeypatch.setattr(outbox, "_broker_silent_until", 0.0)
    broker = redis.Redis.from_url(
        django_settings.REDIS_URL.replace("redis+socket:", "unix:").replace("virtual_host=", "db=")
    )
    broker.delete("celery")
    queue()
    queue("tomorrow", due_at=now + timedelta(days=1))
    waiting = broker.lrange("celery", 0, -1)
    broker.delete("celery")
    broker.close()
    assert len(waiting) == 1
    assert b"shopdesk.mail.tasks.sweep_outgoing" in waiting[0]


@pytest.mark.django_db
def test_message_ids_come_from_the_key_and_the_secret(now, settings):
    mail = queue("inquiries.message:42")
    assert mail.message_id == message_ids.for_key("inquiries.message:42")
    assert mail.message_id.endswith("@shop.example>")
    assert len(mail.message_id) == len("<") + 26 + len("@shop.example>")
    settings.SECRET_KEY = "another" * 8
    assert message_ids.for_key("inquiries.message:42") != mail.message_id


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["Bcc", "to", "Message-ID", "List-Unsubscribe-Post", "X-A\r\nBcc", "X A", ""])
def test_a_caller_cannot_add_recipients_by_a_header(now, header):
    with pytest.raises(ValueError, match="not the caller's"):
        queue(headers={header: "eve@mail.example"})


@pytest.mark.django_db
@pytest.mark.parametrize("mail_class", ["service", "advertising"])
@pytest.mark.parametrize("headers", [None, {"List-Unsubscribe": ""}, {"List-Unsubscribe": "<mailto:a@shop.example>"}])
def test_after_care_and_advertising_need_a_way_out(now, mail_class, headers):
    with pytest.raises(ValueError, match="List-Unsubscribe"):
        queue(mail_class=mail_class, headers=headers)
    assert not OutgoingMail.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b", "a b@mail.example", "a@b@c.example", "x" * 300 + "@y.example"]
)
def test_an_address_that_reaches_nobody_is_kept_as_failed(now, address):
    mail = queue(to=address)
    assert (mail.state, mail.reason) == (State.FAILED, "bad_address")


@pytest.mark.django_db
def test_the_pulse(now):
    assert pulse.oldest_due(now) is None
    queue("later", due_at=now + timedelta(minutes=1))
    assert pulse.oldest_due(now) is None
    queue("second", due_at=now - timedelta(minutes=5))
    queue("first", due_at=now - timedelta(minutes=9))
    assert pulse.oldest_due(now) == now - timedelta(minutes=9)
    queue("bad", to="nobody")
    attention = pulse.attention()
    assert (attention.uncertain, attention.failed, attention.held, attention.total) == (0, 1, 0, 1)
