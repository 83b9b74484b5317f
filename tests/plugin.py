"""Starts the tests' own PostgreSQL and Valkey, and sets the environment before Django reads its settings.

Loaded by ``-p tests.plugin`` in pyproject.toml. With pytest-xdist the controller starts the servers once and its
workers inherit the addresses. ``TEST_DATABASE_URL`` and ``TEST_REDIS_URL`` name servers to use instead.
"""

import atexit
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from shopdesk import embedded
from tests import migrated

_servers: list[embedded.Server] = []
_makers: list[subprocess.Popen[bytes]] = []
_folders: list[Path] = []


def _folder() -> Path:
    folder = embedded.short_folder()
    _folders.append(folder)
    return folder


def _database_url() -> str:
    if given := os.environ.get("TEST_DATABASE_URL"):
        return given
    server = embedded.Postgres(_folder(), durable=False)
    _servers.append(server)
    return server.start().url


def _redis_url() -> str:
    if given := os.environ.get("TEST_REDIS_URL"):
        return given
    server = embedded.Valkey(_folder())
    _servers.append(server)
    return server.start().url


def _set_environment() -> None:
    files = Path(tempfile.mkdtemp(prefix="shopdesk-files-"))
    _folders.append(files)
    (files / "static").mkdir()
    # Nothing of the developer's own settings may reach the tests.
    for name in list(os.environ):
        if name.startswith(("EMAIL_", "ANYMAIL_", "DJANGO_")) or name.endswith("_FILE"):
            del os.environ[name]
    os.environ.update(
        DJANGO_SETTINGS_MODULE="shopdesk.settings",
        READ_DOT_ENV="false",
        SECRET_KEY=secrets.token_urlsafe(50),
        DEBUG="false",
        DEMO="false",
        STATICFILES_MANIFEST="false",
        SITE_URL="http://testserver",
        ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
        DATABASE_URL=_database_url(),
        REDIS_URL=_redis_url(),
        MEDIA_ROOT=str(files / "media"),
        STATIC_ROOT=str(files / "static"),
        EMAIL_URL="smtp://127.0.0.1:1",
        DEFAULT_FROM_EMAIL="support@shop.example",
        # Stories move the clock by months from one line to the next; the guard's own tests set it.
        CLOCK_JUMP_HOURS="0",
    )


if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # One broker, a database of it for each process: a ring of one test must not be heard in another's.
    os.environ["REDIS_URL"] += f"?virtual_host={int(worker.removeprefix('gw')) + 1}"
else:
    _set_environment()


def pytest_configure(config):
    """A run in several processes makes their database here, once."""
    options = config.option
    if getattr(options, "tx", None) and not options.collectonly and _servers and not worker:
        _makers.append(migrated.begin(Path(os.environ["STATIC_ROOT"]).parent))


@atexit.register
def _stop() -> None:
    """Stop what was started here. The servers' guards do the same when this process is killed."""
    for maker in _makers:
        maker.kill()
        maker.wait()
    for server in _servers:
        server.stop()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)
