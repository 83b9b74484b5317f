"""The only place that reads the time.

Views and tasks call :func:`now` at their door and hand the moment down; nothing below them asks a clock, and nobody
asks the database's ``now()``. A test that moves the time replaces this one function.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)
