"""A broker whose memory is used up: it answers every question and takes no ring. No visitor and no letter may notice."""

import contextlib
import json
import shutil
import time
from datetime import timedelta
from io import StringIO

import pytest
import redis
from django.core.management import call_command
from django.db import close_old_connections
from django.test import Client

from inquiries.models import Inquiry, Message
from inquiries.views import bulk
from shopdesk import clock, embedded
from shopdesk.celery import app
from shopdesk.desk import health
from shopdesk.mail import delivery, outbox
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop import tasks as shop_tasks
from tests import make
from tests.inquiries.make import contact_data

State = OutgoingMail.State
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def valkey():
    """A Valkey of this module's own: its URL and a client."""
    folder = embedded.short_folder()
    with embedded.Valkey(folder) as server:
        client = redis.Redis(unix_socket_path=str(server.socket))
        yield server.url, client
        client.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def full(valkey, monkeypatch, settings, now):
    """The project's broker, full as ``noeviction`` has it; gives a client that can make room again."""
    url, client = valkey
    client.config_set("maxmemory", "0")
    client.flushall()
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", "1")
    # In this order: the second falls back to the first, and must be put back to what it was before. Celery reads the
    # settings when it is first asked for its own; asked later than they are changed, it would keep the change.
    monkeypatch.setattr(app.conf, "broker_write_url", url)
    monkeypatch.setattr(app.conf, "broker_url", url)
    settings.CELERY_BROKER_URL = url
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    monkeypatch.setattr(outbox, "_broker_silent_until", 0.0)
    monkeypatch.setattr(clock, "now", lambda: now)
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        client.lpush("celery", "ring")
    return client


def test_a_question_and_its_answer_are_taken_and_each_letter_leaves_once(full, smtp_sink, now, signed_in, client):
    make.make_store()
    agent = make.make_user("aya@shop.example", name="佐藤 彩", role="agent")
    started = time.monotonic()
    assert client.post("/contact/", contact_data()).status_code == 303
    inquiry = Inquiry.objects.get()
    reply = {
        "body": "三色ございます。",
        "version": inquiry.version,
        "seen": inquiry.messages.last().pk,
        "then": "solved",
    }
    assert signed_in(agent).post(f"/admin/inquiries/{inquiry.pk}/reply/", reply).status_code == 302
    assert time.monotonic() - started < 8
    assert full.llen("celery") == 0  # no ring got through
    assert Message.objects.filter(kind="reply").count() == 1
    assert {mail.state for mail in OutgoingMail.objects.all()} == {State.PLANNED}
    later = now + timedelta(minutes=5)
    delivery.sweep(later)
    delivery.sweep(later + timedelta(hours=1))
    assert {mail.state for mail in OutgoingMail.objects.all()} == {State.SENT}
    assert sorted(letter.subject[:4] for letter in smtp_sink.messages) == sorted(
        mail.subject[:4] for mail in OutgoingMail.objects.all()
    )
    assert len(smtp_sink.messages) == 2


def test_when_there_is_room_again_the_next_letter_rings(full, now):
    make.make_store()
    outbox.ring()
    assert full.llen("celery") == 0
    outbox._broker_silent_until = 0.0
    full.config_set("maxmemory", "0")
    outbox.ring()
    assert full.llen("celery") == 1


def test_the_probe_and_the_doctor_say_that_it_is_full(full, now, settings):
    make.make_store()
    health.beat(now)
    client = Client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["broker"]) == (503, {"ok": False, "reason": "full"})
    assert diagnosed("en")["broker"]["text"].startswith("The broker is full (maxmemory)")
    found = diagnosed("ja")["broker"]
    assert (found["colour"], "上限" in found["text"], "FLUSHDB" in found["cure"]) == ("red", True, True)
    full.config_set("maxmemory", "0")
    assert client.get("/readyz").json()["checks"]["broker"] == {"ok": True}
    assert diagnosed("en")["broker"]["colour"] == "ok"
    time.sleep(1.1)
    assert full.keys("*probe*") == []


def diagnosed(language):
    out = StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shopdesk.desk.diagnosis._mail_dns", lambda: iter(()))
        with contextlib.suppress(SystemExit):
            call_command("doctor", "--language", language, "--json", stdout=out)
    close_old_connections()
    return {finding["code"]: finding for finding in json.loads(out.getvalue())["findings"]}


def test_a_broker_that_may_not_write_says_so_too(full, valkey, now):
    full.config_set("maxmemory", "0")
    full.replicaof("127.0.0.1", 1)
    try:
        assert health.broker() == {"ok": False, "reason": "refused"}
        assert "replica" in diagnosed("en")["broker"]["cure"]
    finally:
        full.replicaof("NO", "ONE")


@pytest.mark.parametrize("ring", ["bulk", "import"])
def test_other_bells_are_no_error_either(full, now, ring):
    if ring == "bulk":
        bulk._ring()
    else:
        with pytest.raises(bulk.OperationalError):  # which the page says in words
            shop_tasks.run_import.delay(1)
