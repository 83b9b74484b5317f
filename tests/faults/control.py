"""What the parent and its processes share: a folder of small files, and lines of JSON through the pipes.

Time is short here: what takes minutes in a shop takes seconds (a lease 4 s instead of 20 min, and so on), in the same
order of sizes, so that recovery is seen soon.
"""

import contextlib
import json
import os
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

LEASE = timedelta(seconds=4)
FINAL_DOT_TIMEOUT = 3.0  # shorter than the lease, as in life
COMMAND_TIMEOUT = 2.0
SWEEP_SECONDS = 1.5
MARK_SECONDS = 1.5
BATCH = 15
MAILBOX_INTERVAL = timedelta(seconds=0.4)
MAILBOX_LONGEST = timedelta(seconds=2)
RETRY_AFTER = timedelta(seconds=0.5)
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (0.3, 0.6, 1.0, 1.5, 2.0))

FOLDER = Path(os.environ.get("FAULTS_FOLDER", "."))
SKEW = float(os.environ.get("FAULTS_SKEW", "0"))  # seconds by which this process's clock is ahead of the others


def now() -> datetime:
    """The real time, moved by the seconds in the file ``clock`` and by this process's own error."""
    try:
        jump = float((FOLDER / "clock").read_text(encoding="ascii"))
    except (OSError, ValueError):
        jump = 0.0
    return datetime.now(UTC) + timedelta(seconds=jump + SKEW)


def die_at(point: str) -> None:
    """End at once, without a word, if the parent has set a trap here. Of all processes only one falls into it."""
    with contextlib.suppress(FileNotFoundError):
        (FOLDER / f"die-{point}").unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def trap(where: object, name: str, *, before: str = "", after: str = "") -> None:
    """Wrap the function ``name`` of a module or class so that the process can die before or after it."""
    real = getattr(where, name)

    def trapped(*arguments, **named):
        if before:
            die_at(before)
        answer = real(*arguments, **named)
        if after:
            die_at(after)
        return answer

    setattr(where, name, trapped)


def end_with_parent() -> None:
    """Watch standard input from a thread: when the parent is gone, the whole process group ends."""

    def watch():
        while os.read(0, 1024):
            pass
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def commands():
    """The parent's commands: one JSON object a line, until it is gone."""
    for line in sys.stdin:
        if line.strip():
            yield json.loads(line)


def tell(**words) -> None:
    """Answer the parent."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()
