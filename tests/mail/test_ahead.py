"""While letters of a batch are sent, the next one is made ready beside them: nothing of what holds may suffer."""

import signal
import threading
from collections import Counter
from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection

from shopdesk.mail import delivery, guards, journal, marking, outbox, smtp, suppressions
from shopdesk.mail.companion import Companion
from shopdesk.mail.guards import Leave
from shopdesk.mail.models import OutgoingMail, SendAttempt
from tests.mail.test_races import many, worker

State = OutgoingMail.State
UNTOUCHED = (State.PLANNED, 0, "", None, None)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """Three letters each; the next three are made ready after the first one, however long that took."""
    monkeypatch.setattr(outbox, "ring", lambda: None)
    monkeypatch.setattr(delivery, "BATCH", 3)
    monkeypatch.setattr(delivery, "AHEAD_AFTER", 1)
    monkeypatch.setattr(delivery, "AHEAD_SECONDS", 60.0)
    monkeypatch.setattr(delivery, "SETTLE_SECONDS", 60.0)


def rows():
    found = OutgoingMail.objects.order_by("pk")
    return list(found.values_list("state", "attempt", "lease_owner", "lease_until", "raw"))


def states():
    return list(OutgoingMail.objects.order_by("pk").values_list("state", flat=True))


def on_sending(monkeypatch, number, deed):
    """Do ``deed`` before the letter ``number`` (from 0) is sent, when the next batch has been made ready."""
    original, sent = smtp.SmtpRoute.send, []
    turns, received = [], delivery._Round._ask_ahead

    def remember(turn):
        turns.append(turn)
        received(turn)

    def send(self, mail, raw):
        if len(sent) == number:
            turns[-1].ahead.exception(20)
            deed()
        sent.append(mail.pk)
        return original(self, mail, raw)

    monkeypatch.setattr(delivery._Round, "_ask_ahead", remember)
    monkeypatch.setattr(smtp.SmtpRoute, "send", send)


def in_threads(monkeypatch, module, name):
    """The names of the threads in which a function is called."""
    original, threads = getattr(module, name), []

    def noted(*arguments, **named):
        threads.append("main" if threading.current_thread() is threading.main_thread() else "companion")
        return original(*arguments, **named)

    monkeypatch.setattr(module, name, noted)
    return threads


def connections_of_the_database():
    with psycopg.connect(connection.connection.info.dsn) as other:
        return other.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()[0]


def test_all_letters_leave_once_in_their_order(smtp_sink, now, monkeypatch):
    many(10)
    claims, settles = in_threads(monkeypatch, delivery, "claim"), in_threads(monkeypatch, journal, "settle")
    begins = in_threads(monkeypatch, journal, "begin")
    before = connections_of_the_database()
    assert delivery.sweep(now) == 10
    assert smtp_sink.recipients == [f"c{number}@mail.example" for number in range(10)]
    assert states() == [State.SENT] * 10
    assert set(SendAttempt.objects.values_list("outcome", flat=True)) == {"sent"}
    assert claims == ["main", "companion", "companion", "companion", "main"]  # the last one found none
    assert settles == ["companion", "companion", "main"]  # after the first letter there was nothing but the last answer
    assert set(begins) == {"main"}
    assert connections_of_the_database() == before


def test_never_more_than_one_letter_has_an_intent_without_an_answer(smtp_sink, now, monkeypatch):
    many(10)
    original, open_ = smtp.SmtpRoute.send, []

    def send(self, mail, raw):
        open_.append(list(SendAttempt.objects.filter(outcome="").values_list("mail_id", flat=True)) == [mail.pk])
        return original(self, mail, raw)

    monkeypatch.setattr(smtp.SmtpRoute, "send", send)
    assert delivery.sweep(now) == 10
    assert open_ == [True] * 10


def test_no_more_are_taken_up_than_asked_for(smtp_sink, now):
    many(10)
    assert delivery.sweep(now, 4) == 4
    assert rows()[4:] == [UNTOUCHED] * 6
    assert len(smtp_sink.messages) == 4
    assert delivery.sweep(now, 3) == 3
    assert rows()[7:] == [UNTOUCHED] * 3


def test_behind_a_slow_server_nothing_is_made_ready(smtp_sink, now, monkeypatch):
    many(6)
    monkeypatch.setattr(delivery, "AHEAD_SECONDS", 0.0)
    original, seen = smtp.SmtpRoute.send, []

    def send(self, mail, raw):
        seen.append(OutgoingMail.objects.filter(state=State.PLANNED).count())
        return original(self, mail, raw)

    monkeypatch.setattr(smtp.SmtpRoute, "send", send)
    assert delivery.sweep(now) == 6
    assert seen == [3, 3, 3, 0, 0, 0]


def test_what_came_up_after_they_were_made_ready_is_still_asked(smtp_sink, now, monkeypatch):
    many(6)

    def stop():
        assert states()[3:] == [State.SENDING] * 3
        suppressions.suppress("c4@mail.example", scope="all", reason="manual", now=now)

    on_sending(monkeypatch, 2, stop)
    assert delivery.sweep(now) == 6
    stopped = OutgoingMail.objects.get(key="test:4")
    assert (stopped.state, stopped.reason, stopped.raw) == (State.SKIPPED, "suppressed_manual", None)
    assert smtp_sink.recipients == [f"c{number}@mail.example" for number in (0, 1, 2, 3, 5)]


@pytest.mark.parametrize(("leave", "sent"), [(Leave.NONE, 3), (Leave.PERSONAL, 4)])
def test_a_guard_that_holds_holds_also_what_was_made_ready(smtp_sink, now, monkeypatch, leave, sent):
    many(5)
    OutgoingMail.objects.update(automatic=True, mail_class="service")
    OutgoingMail.objects.filter(key="test:4").update(automatic=False)
    verdict = [Leave.ALL]
    monkeypatch.setattr(guards, "check", lambda moment: verdict[-1])
    on_sending(monkeypatch, 2, lambda: verdict.append(leave))
    assert delivery.sweep(now) == sent
    assert rows()[3] == UNTOUCHED
    assert (rows()[4] == UNTOUCHED) == (leave == Leave.NONE)
    assert smtp_sink.recipients[3:] == ["c4@mail.example"] * (sent - 3)


def test_a_worker_told_to_stop_gives_back_what_was_made_ready(smtp_sink, now, monkeypatch):
    many(6)

    def stop():
        raise SystemExit

    on_sending(monkeypatch, 1, stop)
    with pytest.raises(SystemExit):
        delivery.sweep(now)
    assert states()[:2] == [State.SENT, State.SENDING]
    assert rows()[2:] == [UNTOUCHED] * 4


def test_without_a_second_connection_the_first_does_all(smtp_sink, now, monkeypatch):
    many(10)
    original = delivery.claim

    def claim(*arguments, **named):
        if threading.current_thread() is not threading.main_thread():
            raise OperationalError("too many clients already")
        return original(*arguments, **named)

    monkeypatch.setattr(delivery, "claim", claim)
    asked = in_threads(monkeypatch, Companion, "ask")
    assert delivery.sweep(now) == 10
    assert smtp_sink.recipients == [f"c{number}@mail.example" for number in range(10)]
    assert states() == [State.SENT] * 10
    assert asked == ["main"]  # once: not for each batch again


def test_rows_that_the_second_connection_could_not_write_are_written_by_the_first(smtp_sink, now, monkeypatch):
    many(7)
    monkeypatch.setattr(marking, "MARK_SECONDS", 0.1)
    original = journal.settle

    def settle(answers):
        if threading.current_thread() is not threading.main_thread():
            raise OperationalError("away")
        original(answers)

    monkeypatch.setattr(journal, "settle", settle)
    assert delivery.sweep(now) == 7
    assert len(smtp_sink.messages) == 7
    assert states() == [State.SENT] * 7


def test_a_fault_while_they_are_made_ready_gives_them_back(smtp_sink, now, monkeypatch):
    many(6)
    original = journal.prepare

    def prepare(batch, **named):
        if threading.current_thread() is not threading.main_thread():
            raise ZeroDivisionError
        return original(batch, **named)

    monkeypatch.setattr(journal, "prepare", prepare)
    with pytest.raises(ZeroDivisionError):
        delivery.sweep(now)
    assert states()[:3] == [State.SENT] * 3
    assert rows()[3:] == [UNTOUCHED] * 3


def test_a_second_connection_that_is_cut_costs_nobody_a_letter(smtp_sink, now, monkeypatch):
    many(9)
    original = journal.prepare

    def prepare(batch, **named):
        if threading.current_thread() is not threading.main_thread():
            with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
        return original(batch, **named)

    monkeypatch.setattr(journal, "prepare", prepare)
    assert delivery.sweep(now) == 6
    monkeypatch.undo()
    assert states() == [State.SENT] * 3 + [State.LEASED] * 3 + [State.SENT] * 3
    assert delivery.sweep(now + delivery.LEASE + timedelta(seconds=1)) == 3
    assert states() == [State.SENT] * 9
    assert max(Counter(smtp_sink.recipients).values()) == 1


@pytest.mark.parametrize("point", ["delivery.claim", "journal.prepare", "journal.settle", "delivery._Round._received"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_the_next_ones_are_made_ready(smtp_sink, now, point, when):
    many(12)
    process = worker(
        smtp_sink,
        now,
        12,
        extra=f"""
import os, signal
from shopdesk.mail import journal
delivery.BATCH, delivery.AHEAD_AFTER, delivery.AHEAD_SECONDS, delivery.SETTLE_SECONDS = 3, 1, 60, 60
original, calls = {point}, []

def deadly(*arguments, **named):
    calls.append(1)
    if len(calls) == 2 and {when!r} == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = original(*arguments, **named)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

{point} = deadly
""",
    )
    assert process.wait(60) == -signal.SIGKILL
    later = now + timedelta(minutes=21)
    while delivery.sweep(later):
        pass
    found = Counter(states())
    assert set(found) <= {State.SENT, State.UNCERTAIN}
    assert found[State.UNCERTAIN] <= 1
    arrived = Counter(smtp_sink.recipients)
    assert max(arrived.values()) == 1
    sent = OutgoingMail.objects.filter(state=State.SENT).values_list("to_address", flat=True)
    assert set(sent) <= set(arrived)
