"""Many workers, dying workers: each letter at most once, and none lost silently."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction

from shopdesk.mail import delivery, journal, outbox
from shopdesk.mail.models import OutgoingMail, SendAttempt
from tests.mail.make import prepare, queue

State = OutgoingMail.State
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(outbox, "ring", lambda: None)


def worker(sink, now, limit, extra=""):
    """A real worker process that sweeps until nothing is due."""
    code = f"""
import django
django.setup()
from datetime import datetime
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {connection.settings_dict["NAME"]!r}
settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", {sink.port}
from shopdesk.mail import delivery
{extra}
while delivery.sweep(datetime.fromisoformat({now.isoformat()!r}), {limit}):
    pass
"""
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], env=os.environ.copy())


def many(count):
    for number in range(count):
        queue(f"test:{number}", to=f"c{number}@mail.example")


def test_two_threads_send_two_hundred_letters_once_each(smtp_sink, now):
    many(200)
    start = threading.Barrier(2)

    def sweep():
        start.wait()
        while delivery.sweep(now, 7):
            pass
        connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(smtp_sink.recipients) == {f"c{number}@mail.example": 1 for number in range(200)}
    assert OutgoingMail.objects.filter(state=State.SENT, attempt=1).count() == 200
    assert smtp_sink.connections > 2


def test_three_processes_send_two_hundred_letters_once_each(smtp_sink, now):
    many(200)
    workers = [worker(smtp_sink, now, 5) for _ in range(3)]
    assert [process.wait(60) for process in workers] == [0, 0, 0]
    assert Counter(smtp_sink.recipients) == {f"c{number}@mail.example": 1 for number in range(200)}
    assert SendAttempt.objects.filter(outcome="sent").count() == 200
    assert SendAttempt.objects.values("worker").distinct().count() >= 2


SENT, UNCERTAIN = State.SENT, State.UNCERTAIN


@pytest.mark.parametrize(
    ("point", "delivered", "states"),
    [
        ("journal.prepare", 0, [SENT, SENT, SENT]),  # claimed only
        ("journal.begin", 0, [SENT, SENT, SENT]),  # prepared only
        ("smtp.SmtpRoute.send", 0, [UNCERTAIN, SENT, SENT]),  # the intent is written, nothing was said
        ("delivery._taken", 1, [UNCERTAIN, SENT, SENT]),  # 250 was said, and nothing was written
        ("journal.settle", 3, [SENT, SENT, UNCERTAIN]),  # the same of the last one; the journal knows of the others
    ],
)
def test_killed_between_two_steps(smtp_sink, now, point, delivered, states):
    many(3)
    die = "lambda *arguments, **named: os.kill(os.getpid(), signal.SIGKILL)"
    words = "import os, signal\nfrom shopdesk.mail import journal, smtp\ndelivery.SETTLE_SECONDS = 60"
    process = worker(smtp_sink, now, 10, extra=f"{words}\n{point} = {die}")
    assert process.wait(60) == -signal.SIGKILL
    assert len(smtp_sink.messages) == delivered
    later = now + timedelta(minutes=21)
    while delivery.sweep(later):
        pass
    assert list(OutgoingMail.objects.order_by("pk").values_list("state", flat=True)) == states
    assert max(Counter(smtp_sink.recipients).values()) == 1
    for days in (1, 2, 400):
        delivery.sweep(later + timedelta(days=days))
    assert max(Counter(smtp_sink.recipients).values()) == 1


def test_what_is_taken_from_a_worker_is_not_begun_by_it(now):
    queue()
    (mail,) = delivery.claim(now, 10, worker="slow")
    prepare(mail)
    begun = []

    def begin():
        begun.append(journal.begin(mail, None, now=now, last=None))
        connection.close()

    slow = threading.Thread(target=begin)
    with transaction.atomic():
        assert delivery.settle_lost(now + timedelta(minutes=21)) == (1, 0)
        slow.start()
        slow.join(0.5)
        assert slow.is_alive()  # it waits for what is being decided here
    slow.join()
    assert begun == [False]
    assert not SendAttempt.objects.exists()


def test_inside_of_a_transaction_nothing_is_sent(smtp_sink, now):
    queue()
    with pytest.raises(RuntimeError), transaction.atomic():
        delivery.sweep(now)
    assert smtp_sink.messages == []


def test_what_is_being_begun_is_not_taken_away(now):
    queue()
    (mail,) = delivery.claim(now, 10, worker="slow")
    prepare(mail)
    answers = []

    def look():
        answers.append(delivery.settle_lost(now + timedelta(minutes=21)))
        connection.close()

    with transaction.atomic():
        assert journal.begin(mail, None, now=now, last=None)
        other = threading.Thread(target=look)
        other.start()
        other.join()
        assert answers == [(0, 0)]
    assert delivery.settle_lost(now + timedelta(minutes=21)) == (0, 1)


def test_workers_killed_at_random_moments(smtp_sink, now):
    many(80)
    for round_number in range(4):
        process = worker(smtp_sink, now + timedelta(minutes=21 * round_number), 10)
        before = len(smtp_sink.messages)
        deadline = time.monotonic() + 20
        while len(smtp_sink.messages) < before + 5 * (round_number + 1) and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    while delivery.sweep(now + timedelta(hours=6)):
        pass
    sent = set(OutgoingMail.objects.filter(state=State.SENT).values_list("to_address", flat=True))
    uncertain = set(OutgoingMail.objects.filter(state=State.UNCERTAIN).values_list("to_address", flat=True))
    taken = Counter(smtp_sink.recipients)
    assert max(taken.values()) == 1
    assert len(sent) + len(uncertain) == 80
    assert len(uncertain) <= 4
    assert sent <= set(taken) <= sent | uncertain
