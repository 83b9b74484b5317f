"""Queries that a page asks again and again: put into words once, planned once.

Putting a queryset into SQL takes Django longer than PostgreSQL takes to answer it, and for a row with nine relations
PostgreSQL plans longer than it reads. A :func:`statement` keeps the words in the process and lets PostgreSQL keep the
plan with the connection (psycopg prepares what it has seen five times; ``DATABASE_PREPARE=false`` switches that off for
a pooler that cannot carry it).
"""

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache, wraps
from typing import Any, Generic, ParamSpec, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import BigAutoField, ForeignKey, Lookup, QuerySet
from psycopg import ClientCursor
from psycopg.types.numeric import Int8

P = ParamSpec("P")
R = TypeVar("R")

# No key is higher, and PostgreSQL refuses to compare one with more: an address may hold any number.
HIGHEST_KEY = 2**63 - 1
# What stands for the values while a queryset is put into words: a number that no key has, a text and a list that nobody
# means, and a moment that no row has. Moments that a query reckons from it ("25 seconds before") keep their distance.
_FIRST_NUMBER = -(2**62)
_MOMENT = datetime(8000, 1, 1, tzinfo=UTC)
_NEAR = timedelta(days=366 * 100)
_PLACES = re.compile(r"%[s%]")
# The name of a value, and how far from it where it is a moment.
_Place = tuple[str, timedelta | None]


class Unused(Exception):
    """A value that the query was asked with does not stand in it."""


def statement(*, keep: int) -> Callable[[Callable[P, QuerySet[Any, R]]], Callable[P, list[R]]]:
    """The rows of the queryset that the function makes.

    Positional arguments are the query's shape: they are hashable, and each shape is put into words once (the last
    ``keep`` of them are remembered). Keyword arguments are its values, each time others: whole numbers that PostgreSQL
    compares as bigint, lists of such numbers (looked up by ``any_of``), texts, and aware moments. The function may hand
    them on, and reckon with moments; it may not look at them: they are stand-ins when it is called.

        >>> @statement(keep=10)
        ... def _newest(status, *, user: int, now: datetime):
        ...     return Inquiry.objects.filter(status=status, assignee=user, opened_at__gt=now - WEEK)[:25]
        >>> _newest("open", user=request.user.pk, now=now)
    """

    def wrap(build: Callable[P, QuerySet[Any, R]]) -> Callable[P, list[R]]:
        @lru_cache(maxsize=keep)
        def compiled(shape: tuple[Any, ...], names: tuple[tuple[str, type], ...]) -> _Compiled[R]:
            stand_ins = {name: _stand_in(kind, place) for place, (name, kind) in enumerate(names)}
            return _Compiled(build(*shape, **stand_ins), stand_ins)

        @wraps(build)
        def rows(*shape: P.args, **values: P.kwargs) -> list[R]:
            kinds = tuple([(name, type(value)) for name, value in values.items()])
            return compiled(shape, kinds).rows(values)

        rows.cache_clear = compiled.cache_clear  # type: ignore[attr-defined]  # as functools.lru_cache has it, for tests
        return rows

    return wrap


class Words:
    """SQL of ours that answers with one row.

    ``build`` is called once with a stand-in for each of ``kinds`` (name: type, as for :func:`statement`) and answers
    with (SQL, parameters).
    """

    def __init__(self, build: Callable[..., tuple[str, Sequence[Any]]], **kinds: type) -> None:
        stand_ins = {name: _stand_in(kind, place) for place, (name, kind) in enumerate(kinds.items())}
        self._sql, self._places = _inlined(*build(**stand_ins), stand_ins)

    def row(self, **values: Any) -> tuple[Any, ...]:
        with _cursor(DEFAULT_DB_ALIAS) as cursor:
            cursor.execute(self._sql, _filled(self._places, values))
            found: tuple[Any, ...] = cursor.fetchone()
            return found


class _Compiled(Generic[R]):
    """A queryset in words, with places where the values go."""

    def __init__(self, queryset: QuerySet[Any, R], stand_ins: dict[str, Any]) -> None:
        self.queryset = queryset
        self.alias = queryset.db
        self.compiler: Any = queryset.query.get_compiler(using=self.alias)
        self._known_converters: Any = None
        self.sql = ""  # of what no row can match
        with suppress(EmptyResultSet):
            sql, params = self.compiler.as_sql()
            self.sql, self.places = _inlined(sql, params, stand_ins)
        self.compiler.connection = None  # this thread's, which ends before the words are forgotten

    def rows(self, values: dict[str, Any]) -> list[R]:
        if not self.sql:
            return []
        compiler = copy.copy(self.compiler)
        compiler.connection = connections[self.alias]
        params = _filled(self.places, values)

        def execute_sql(*_: Any, **__: Any) -> list[list[Any]]:
            with _cursor(self.alias) as cursor:
                cursor.execute(self.sql, params)
                found = cursor.fetchall()
            return [[row[: compiler.col_count] for row in found] if compiler.has_extra_select else found]

        compiler.execute_sql = execute_sql
        compiler.get_converters = lambda fields: self._converters(compiler, fields)
        query: Any = copy.copy(self.queryset.query)
        query.get_compiler = lambda *_, **__: compiler
        # What queryset.all() would be, without a copy of every table and condition in it.
        queryset: Any = object.__new__(type(self.queryset))
        queryset.__dict__.update(self.queryset.__dict__, _query=query)
        return list(queryset)

    def _converters(self, compiler: Any, fields: Any) -> Any:
        """They depend on the columns alone, and there may be a hundred."""
        if self._known_converters is None:
            self._known_converters = type(compiler).get_converters(compiler, fields)
        return self._known_converters


@ForeignKey.register_lookup
@BigAutoField.register_lookup
class AnyOf(Lookup[Any]):
    """``pk__any_of=[1, 2]``: as ``in``, with the list as one value, however long it is."""

    lookup_name = "any_of"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Any, connection: Any) -> Any:
        return "%s", [list(value)]

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        left, params = self.process_lhs(compiler, connection)
        right, more = self.process_rhs(compiler, connection)
        return f"{left} = ANY({right})", [*params, *more]


def _stand_in(kind: type, place: int) -> Any:
    if issubclass(kind, datetime):
        return _MOMENT
    number = _FIRST_NUMBER + place * 1_000_000  # far apart: none is another's neighbour
    return str(number) if kind is str else [number] if kind is list else number


def _inlined(sql: str, params: Sequence[Any], stand_ins: dict[str, Any]) -> tuple[str, list[_Place]]:
    """The SQL with everything that never changes written into it, so that the planner sees it, and what goes into the
    places that are left."""
    rest = iter(params)
    places: list[_Place] = []
    connection.ensure_connection()
    fixed = ClientCursor(connection.connection)

    def fill(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%%"
        value = next(rest)
        place = _place(value, stand_ins)
        if place is None:
            if _is_reckoned(value, stand_ins):
                raise Unused(f"{value} is no value but something made of one: {sql}")
            return fixed.mogrify("%s", [value]).replace("%", "%%")
        places.append(place)
        return "%s"

    filled = _PLACES.sub(fill, sql)
    lost = stand_ins.keys() - {name for name, _ in places}
    if lost:
        raise Unused(f"{', '.join(sorted(lost))}: {sql}")
    return filled, places


def _place(value: Any, stand_ins: dict[str, Any]) -> _Place | None:
    for name, stand_in in stand_ins.items():
        if stand_in is _MOMENT:
            if isinstance(value, datetime) and abs(value - _MOMENT) < _NEAR:
                return name, value - _MOMENT
        elif type(value) is type(stand_in) and value == stand_in:
            return name, None
    return None


def _is_reckoned(value: Any, stand_ins: dict[str, Any]) -> bool:
    """Whether it was made of a value ("%word%", the number after), which would stay as it was at first."""
    if isinstance(value, str):
        return any(type(stand_in) is str and stand_in in value for stand_in in stand_ins.values())
    return isinstance(value, int) and value < _FIRST_NUMBER // 2


def _filled(places: list[_Place], values: dict[str, Any]) -> list[Any]:
    found = []
    for name, distance in places:
        value = values[name]
        # One kind of number whatever its size, or PostgreSQL would plan for each.
        if type(value) is int:
            value = Int8(value)
        elif distance is not None:
            value += distance
        found.append(value)
    return found


@contextmanager
def _cursor(alias: str) -> Iterator[Any]:
    """A cursor that hands its values to PostgreSQL apart from the words, which alone can be planned ahead."""
    chosen: Any = connections[alias]
    chosen.close_if_health_check_failed()
    chosen.ensure_connection()
    with chosen.wrap_database_errors:
        raw: Any = ServerBindingCursor(chosen.connection)  # type: ignore[call-arg]  # the stubs know no psycopg 3
    with chosen._prepare_cursor(raw) as cursor:  # what connection.cursor() does with its own class
        yield cursor
