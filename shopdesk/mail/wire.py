"""Statements that a sweep says to PostgreSQL again and again, in one message each.

There are two ways. ``rows`` reads what is found, in the types of Python. A ``Statement`` is for the smallest words, of
which each letter waits for one: it is planned once a connection, its values go as plain text, since a cursor takes as
long to put them together as PostgreSQL takes to carry them out, and what there is to do is done while PostgreSQL works
and waits for the disk.
"""

import re
import select
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import errors, pq

_PLACE = re.compile(r"%\((\w+)\)s")
# connection of psycopg -> the names of statements that PostgreSQL keeps with it
_kept: "WeakKeyDictionary[psycopg.Connection[Any], set[bytes]]" = WeakKeyDictionary()


def rows(sql: str, values: Mapping[str, Any], *, keep: bool = False) -> list[tuple[Any, ...]]:
    """What ``sql`` finds, with ``values`` for its places ``%(name)s``; bytes travel as bytes.

    ``keep`` the plan only of what finds its rows by their keys: a queue grows by ten thousands within a moment, and the
    plan for an empty one would read through it.
    """
    database, own, keeps = _connection()
    with database.wrap_database_errors, psycopg.Cursor(own) as cursor:
        cursor.execute(sql, values, prepare=keep and keeps)
        return cursor.fetchall() if cursor.description else []


class Statement:
    """``sql`` with places ``%(name)s`` for whole numbers, texts, moments and None. Each place says its type, unless
    PostgreSQL knows it from what stands beside. ``name`` is its own among all of them."""

    def __init__(self, name: str, sql: str) -> None:
        self._name = name.encode()
        self._places = list(dict.fromkeys(_PLACE.findall(sql)))
        self._sql = _PLACE.sub(lambda found: f"${self._places.index(found[1]) + 1}", sql)

    def run(self, values: Mapping[str, Any], meanwhile: Callable[[], None] | None = None) -> int:
        """How many rows it gave; outside of a transaction they are on disk when this returns.

        ``meanwhile`` is done while PostgreSQL is at it, and may not speak to it.
        """
        database, own, keeps = _connection()
        texts = [_text(values[place]) for place in self._places]
        with database.wrap_database_errors:
            if keeps and own.autocommit:
                try:
                    return self._say(own, texts, meanwhile)
                except errors.InvalidSqlStatementName:
                    # Somebody has tidied up (DISCARD ALL, or psycopg after a ROLLBACK): nothing was carried out.
                    _kept.pop(own, None)
                    return self._say(own, texts, None)
            with psycopg.RawCursor(own) as cursor:  # it begins the transaction when that is still to be done
                cursor.execute(self._sql, [text and text.decode() for text in texts], prepare=False)
                if meanwhile:
                    meanwhile()
                return cursor.rowcount

    def _say(
        self, own: "psycopg.Connection[Any]", texts: list[bytes | None], meanwhile: Callable[[], None] | None
    ) -> int:
        wire = own.pgconn
        kept = _kept.setdefault(own, set())
        if self._name not in kept:
            _checked(wire.prepare(self._name, self._sql.encode()))
            kept.add(self._name)
        answer = select.poll()
        answer.register(wire.socket, select.POLLIN)
        wire.send_query_prepared(self._name, texts)
        try:
            while wire.flush():
                answer.poll(1)
            if meanwhile:
                meanwhile()
        finally:
            # Whatever happens meanwhile: what is left unread would be taken for the next answer.
            result = _first(wire, answer)
        return result.command_tuples or 0


def _first(wire: pq.abc.PGconn, answer: select.poll) -> pq.abc.PGresult:
    first = None
    while True:
        while wire.is_busy():
            answer.poll()
            wire.consume_input()
        result = wire.get_result()
        if result is None:
            return _checked(first)
        first = first or result


def _checked(result: pq.abc.PGresult | None) -> pq.abc.PGresult:
    if result is None:
        raise psycopg.OperationalError("The connection was lost.")
    if result.status not in {pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK}:
        if not result.error_field(pq.DiagnosticField.SQLSTATE):
            raise psycopg.OperationalError(result.get_error_message())  # not PostgreSQL's word: the line is cut
        raise errors.error_from_result(result)
    return result


def _connection() -> "tuple[Any, psycopg.Connection[Any], bool]":
    """Django's connection, psycopg's own, and whether it may keep statements: a pooler may not be able to carry them,
    and the settings (DATABASE_PREPARE) say so."""
    database = connections[DEFAULT_DB_ALIAS]  # once: each look through django.db.connection takes a microsecond
    database.ensure_connection()
    own = database.connection
    keeps = own.prepare_threshold is not None and not database.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    return database, own, keeps


def _text(value: Any) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.isoformat().encode()
    return str(value).replace("\x00", " ").encode()
