"""Going through rows that are due, so that one bad row stops nobody: neither the rows behind it nor the next ring.

``work_off`` is a whole sweep: each row is tried once, whatever fails is logged with the row's key, and the next one has
its turn, also where more rows are bad than are read at once. ``alone`` is the guard around a single piece of work.
Words for the log name keys of rows, never what a customer wrote.
"""

from collections.abc import Callable, Iterator
from logging import Logger
from types import TracebackType
from typing import Any, Self, TypeVar

from django.db import InterfaceError, OperationalError
from django.db.models import Model, QuerySet

_M = TypeVar("_M", bound=Model)

# What says nothing about a row: the database went away, or somebody else held what was needed.
TROUBLE = (OperationalError, InterfaceError)
# Rows that are read at once.
STEP = 100
# Rows that one run leaves as they were before it ends: so many bad ones are no accident, and the log says so.
PASSED = 2_000
# SQLSTATE classes of an OperationalError that concern one statement, over a connection that is still good: rolled back
# (deadlock), a limit of the program, an object in use (lock timeout); and a statement that was cancelled.
_OF_THE_ROW = ("40", "54", "55", "57014")


class Enough(Exception):
    """Raised by the work of a row: nothing more can be done in this run."""


class Guard:
    """A piece of work that fails for itself; ``error`` is what was caught and logged."""

    def __init__(self, log: Logger, words: str, ids: tuple[object, ...]) -> None:
        self._log, self._words, self._ids = log, words, ids
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, (*TROUBLE, Enough)):
            return False
        self._log.error(self._words, *self._ids, exc_info=error)
        self.error = error
        return True


def alone(log: Logger, words: str, *ids: object) -> Guard:
    """Whatever goes wrong within is logged and goes no further; the database's own trouble does, which is no fault of
    the row: nothing was written, and the next ring finds it as it was."""
    return Guard(log, words, ids)


def each(rows: QuerySet[_M], most: int) -> Iterator[_M]:
    """Rows of an ordered queryset, read a hundred at a time and each given once, up to ``most``: what could not be
    worked off and is still in front is stepped over."""
    met: list[Any] = []
    while len(met) < most:
        part = list((rows.exclude(pk__in=met) if met else rows)[: min(STEP, most - len(met))])
        for row in part:
            met.append(row.pk)
            yield row
        if len(part) < STEP:
            return


def work_off(rows: QuerySet[_M], work: Callable[[_M], int], *, limit: int, log: Logger, words: str) -> int:
    """Do ``work`` for rows of an ordered queryset until ``limit`` of it is done; how much was.

    ``work`` gives how much it did: 0 for a row that somebody holds, or that is not due any more. It reads and holds the
    row itself, in a transaction of its own. ``words`` take the row's key. Must not be called inside a transaction.
    """
    done = passed = 0
    for row in each(rows, limit + PASSED):
        before = done
        try:
            with alone(log, words, row.pk):
                done += work(row)
        except Enough:
            return done
        except TROUBLE as error:
            if _is_away(error):
                raise
            log.warning(words, row.pk, exc_info=True)
        passed += done == before
        if done >= limit:
            return done
        if passed == PASSED:
            log.error("%s rows were passed over in one run; those behind them wait.", passed)
            return done
    return done


def _is_away(error: Exception) -> bool:
    state: str = getattr(error.__cause__, "sqlstate", None) or ""
    return not state.startswith(_OF_THE_ROW)
