"""The database goes away between a mail server's answer and its row: what is known is not forgotten."""

import pytest
from django.db import OperationalError, connection

from shopdesk.mail import delivery, journal, marking, outbox
from shopdesk.mail.models import OutgoingMail
from tests.mail.make import queue

State = OutgoingMail.State
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(outbox, "ring", lambda: None)
    yield
    connection.close()  # it may be the one that was cut


@pytest.fixture
def cut(smtp_sink):
    """``cut(n)``: the worker's connection to the database is cut while the server takes the n-th letter."""

    def at(number):
        import psycopg

        pid = connection.connection.info.backend_pid
        dsn = connection.connection.info.dsn

        def terminate(received):
            if len(smtp_sink.messages) == number:
                with psycopg.connect(dsn, autocommit=True) as other:
                    other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

        smtp_sink.on_message = terminate

    return at


def states():
    return list(OutgoingMail.objects.order_by("pk").values_list("state", "reason"))


def test_a_letter_that_was_taken_is_sent_and_the_next_one_was_never_begun(smtp_sink, now, cut):
    for number in range(3):
        queue(f"test:{number}", to=f"c{number}@mail.example")
    cut(1)
    with pytest.raises(OperationalError):
        delivery.sweep(now)
    assert states() == [(State.SENT, ""), (State.PLANNED, "try_again"), (State.PLANNED, "")]
    smtp_sink.on_message = None
    assert delivery.sweep(now + marking.BACKOFF[0] * 2) == 2
    assert states() == [(State.SENT, "")] * 3
    assert sorted(smtp_sink.recipients) == ["c0@mail.example", "c1@mail.example", "c2@mail.example"]


def test_the_last_letter_of_a_round(smtp_sink, now, cut):
    queue(to="c0@mail.example")
    cut(1)
    assert delivery.sweep(now) == 1
    assert states() == [(State.SENT, "")]
    assert delivery.sweep(now + marking.GIVE_UP) == 0
    assert smtp_sink.recipients == ["c0@mail.example"]


def test_a_database_that_stays_away_ends_the_sweep(smtp_sink, now, cut, monkeypatch):
    queue(to="c0@mail.example")
    monkeypatch.setattr(marking, "MARK_SECONDS", 0.1)

    def away(answers, meanwhile):
        raise OperationalError("away")

    monkeypatch.setattr(journal, "settle", away)
    with pytest.raises(OperationalError):
        delivery.sweep(now)
    monkeypatch.undo()
    # Nobody wrote down that it was taken: when the lease is over, a person is asked.
    assert states() == [(State.SENDING, "")]
    delivery.settle_lost(now + delivery.LEASE * 2)
    assert states() == [(State.UNCERTAIN, "worker_lost")]
