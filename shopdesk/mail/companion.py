"""Work for the database that is done beside something else."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from django.db import connections

_T = TypeVar("_T")


class Companion:
    """A thread with a connection of its own; both are there from the first thing that is asked until the end."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.submit(connections.close_all)
            self._pool.shutdown()
            self._pool = None

    def ask(self, work: Callable[[], _T]) -> "Future[_T]":
        """Begin ``work``, after what was asked before."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="companion")
        return self._pool.submit(work)
