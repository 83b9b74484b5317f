"""Two at one row: one holds it, the other waits for it, and only then the first one is done."""

import threading
import time
from contextlib import contextmanager

from django.db import connection, transaction

_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"


def until_somebody_waits(seconds=15.0):
    """Come back when another connection waits for a lock of ours; fails when none does within ``seconds``."""
    end = time.monotonic() + seconds
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute(_WAITING)
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("nobody waits")


def in_a_thread(deed):
    """A thread for ``deed``, not begun, and a list that holds what it gave, or raised, when it is over."""
    given = []

    def work():
        try:
            given.append(deed())
        except Exception as error:
            given.append(error)
        finally:
            connection.close()

    return threading.Thread(target=work), given


@contextmanager
def held_while(deed):
    """Around a block of changes that is committed when ``deed``, in a thread of its own, waits for one of them.

    Gives a list that holds what it gave, or raised, when the block is over.
    """
    thread, given = in_a_thread(deed)
    with transaction.atomic():
        yield given
        thread.start()
        until_somebody_waits()
    thread.join(30)
    assert not thread.is_alive()
