"""The settings refuse to start with what would be unsafe or useless, and say in one sentence how to fix it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD = {
    "SECRET_KEY": "Zq8-not-a-real-key-but-long-enough-for-a-test-0123456789",
    "SITE_URL": "https://help.shop.example",
    "DATABASE_URL": "postgres://desk:geheim@db.shop.example:5432/desk",
    "REDIS_URL": "redis://broker.shop.example:6379/0",
    "READ_DOT_ENV": "false",
}
SHOW = (
    "import django; from django.conf import settings as s; s.DEBUG;"
    "print(s.SESSION_COOKIE_SECURE, s.ALLOWED_HOSTS, s.SECURE_HSTS_SECONDS, s.DATABASES['default']['HOST'])"
)


def start(**changes):
    env = {name: value for name, value in (GOOD | changes).items() if value is not None}
    env |= {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "shopdesk.settings"}
    return subprocess.run(
        [sys.executable, "-c", SHOW], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60
    )


def test_production():
    done = start()
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "['help.shop.example']", "31536000", "db.shop.example"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY is not set. Make one with"),
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set. Make one with"),
        ({"SECRET_KEY": "change-me-0123456789012345678901234567890123456789"}, "SECRET_KEY is a placeholder"),
        ({"SECRET_KEY": "short"}, "shorter than 40 characters"),
        ({"SITE_URL": None}, "SITE_URL is not set. Give the public address"),
        ({"SITE_URL": "help.shop.example"}, "is not an address. Write it like https://"),
        ({"DATABASE_URL": None}, "DATABASE_URL is not set. Point it to PostgreSQL"),
        ({"DATABASE_URL": "sqlite:///x.db"}, "PostgreSQL is the only database served"),
        ({"REDIS_URL": None}, "REDIS_URL is not set. Point it to Valkey or Redis"),
    ],
)
def test_refusals(changes, sentence):
    done = start(**changes)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "geheim" not in done.stderr.splitlines()[-1]


def test_manage_says_the_sentence_and_nothing_else():
    env = {"PATH": os.environ["PATH"], "READ_DOT_ENV": "false"}
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("shopdesk: SECRET_KEY is not set.")
    assert "Traceback" not in done.stderr


def test_a_secret_from_a_file(tmp_path):
    secret = tmp_path / "secret_key"
    secret.write_text(GOOD["SECRET_KEY"], encoding="utf-8")
    assert start(SECRET_KEY=None, SECRET_KEY_FILE=str(secret)).returncode == 0


def test_a_socket_folder_in_the_address():
    done = start(DATABASE_URL="postgres://desk@%2Frun%2Fpostgresql:5432/desk")
    assert done.stdout.split()[-1] == "/run/postgresql"


def test_static_files_can_be_collected(tmp_path):
    """The way to production: every file that a stylesheet names exists, and gets its hashed name."""
    env = GOOD | {"PATH": os.environ["PATH"], "STATIC_ROOT": str(tmp_path / "static")}
    done = subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "static" / "staticfiles.json").exists()
