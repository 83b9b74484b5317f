"""How what went wrong is written in the log: where, and not about whom."""

import logging
import re
from types import TracebackType

# PostgreSQL shows the row that it refuses, with everything in it: a customer's words, name and address. What follows is
# the next part of its message, or of Python's report.
_ROW = re.compile(
    r"(?<=\nDETAIL:).*?(?=\n(?:HINT|CONTEXT|QUERY): |\n\nThe above exception|\n\nDuring handling|\Z)", re.DOTALL
)
# The same within quotes on one line, as Celery tells of a task that failed.
_IN_QUOTES = re.compile(r"(?<=\\nDETAIL:)[^\n]*")


def without_rows(text: str) -> str:
    """A report of an error without the row that PostgreSQL refused."""
    return _IN_QUOTES.sub("  (left out)", _ROW.sub("  (left out)", text))


class Formatter(logging.Formatter):
    """One line, and the report of an exception without the words of customers."""

    def formatException(  # noqa: N802  # the library's name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        return without_rows(super().formatException(ei))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        return without_rows(super().formatMessage(record))
