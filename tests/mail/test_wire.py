"""The small statements that a letter waits for."""

import psycopg
import pytest
from django.db import OperationalError, connection, transaction

from shopdesk.mail import wire

pytestmark = pytest.mark.django_db(transaction=True)

ADD = wire.Statement(
    "test_add", "INSERT INTO shopdesk_test SELECT %(number)s::int, %(text)s, %(at)s::timestamptz RETURNING 1"
)
# The numbers go by the order of their first places.
TWICE = wire.Statement("test_twice", "UPDATE shopdesk_test SET text = %(text)s || %(text)s WHERE number < %(number)s")


@pytest.fixture(autouse=True)
def table():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE shopdesk_test (number int, text text, at timestamptz)")
    yield
    connection.close()  # it may be one that was cut
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE shopdesk_test")


def found():
    with connection.cursor() as cursor:
        cursor.execute("SELECT number, text, at FROM shopdesk_test ORDER BY number")
        return cursor.fetchall()


def test_values_arrive_as_they_are(now):
    assert ADD.run({"number": 1, "text": "'; $1 \\ %s é改行\n", "at": now}) == 1
    assert ADD.run({"number": 2, "text": "a\x00b", "at": None}) == 1
    assert ADD.run({"number": None, "text": None, "at": None}) == 1
    assert found() == [(1, "'; $1 \\ %s é改行\n", now), (2, "a b", None), (None, None, None)]
    assert TWICE.run({"text": "x", "number": 3}) == 2
    assert TWICE.run({"text": "x", "number": 0}) == 0
    assert [text for _, text, _ in found()] == ["xx", "xx", None]


def test_a_statement_that_was_forgotten_is_said_again(now):
    done = []
    with connection.cursor() as cursor:
        for number in range(3):
            ADD.run({"number": number, "text": "", "at": now}, lambda: done.append(1))
            cursor.execute("DEALLOCATE ALL")
    assert [number for number, *_ in found()] == [0, 1, 2]
    assert done == [1, 1, 1]


def test_in_a_transaction_it_is_part_of_it(now):
    ADD.run({"number": 1, "text": "", "at": now})
    with transaction.atomic():
        assert ADD.run({"number": 2, "text": "", "at": now}) == 1  # also when it is the first word of it
        transaction.set_rollback(True)
    assert [number for number, *_ in found()] == [1]
    ADD.run({"number": 3, "text": "", "at": now})
    assert [number for number, *_ in found()] == [1, 3]


def test_what_goes_wrong_meanwhile_leaves_the_connection_fit(now):
    with pytest.raises(ZeroDivisionError):
        ADD.run({"number": 1, "text": "", "at": now}, lambda: 1 / 0)
    assert [number for number, *_ in found()] == [1]


def test_a_refused_statement_leaves_the_connection_fit(now):
    with pytest.raises(Exception, match="invalid input syntax"):
        ADD.run({"number": "x", "text": "", "at": now})
    ADD.run({"number": 1, "text": "", "at": now})
    assert [number for number, *_ in found()] == [1]


def test_a_connection_that_is_cut_is_said_to_be(now):
    ADD.run({"number": 1, "text": "", "at": now})
    own = connection.connection

    def cut():
        with psycopg.connect(own.info.dsn, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [own.info.backend_pid])

    cut()
    with pytest.raises(OperationalError):
        ADD.run({"number": 2, "text": "", "at": now})
    with pytest.raises(OperationalError):
        ADD.run({"number": 3, "text": "", "at": now})
    connection.close()
    assert ADD.run({"number": 4, "text": "", "at": now}) == 1
    assert [number for number, *_ in found()] == [1, 4]


@pytest.mark.parametrize("switch", ["DISABLE_SERVER_SIDE_CURSORS", "prepare_threshold"])
def test_behind_a_pooler_nothing_is_kept(now, monkeypatch, switch):
    if switch == "prepare_threshold":
        monkeypatch.delitem(connection.settings_dict["OPTIONS"], switch)
    else:
        monkeypatch.setitem(connection.settings_dict, switch, True)
    connection.close()
    ADD.run({"number": 1, "text": "", "at": now})
    assert wire.rows("SELECT %(number)s::int", {"number": 2}, keep=True) == [(2,)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (0,)
    monkeypatch.undo()
    connection.close()
    ADD.run({"number": 3, "text": "", "at": now})
    wire.rows("SELECT %(number)s::int", {"number": 2}, keep=True)
    wire.rows("SELECT %(number)s::int + 1", {"number": 2})
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (2,)
