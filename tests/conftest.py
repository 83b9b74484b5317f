"""The cast, the clock and the database of the tests. Servers and environment: tests/plugin.py."""

import os
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import Client, TransactionTestCase
from django.utils import timezone, translation

from shopdesk.accounts import adapter
from tests import make
from tests.sink import smtp_sink  # noqa: F401  # a fixture

# A Friday morning in the shop; Monday the 23rd is a public holiday (勤労感謝の日).
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=ZoneInfo("Asia/Tokyo"))


def pytest_configure():
    # Real password hashing costs 0.3 s each time; one test that is about hashing asks for the real one.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_collection_modifyitems(items):
    if os.environ.get("BROWSER") == "skip":
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="BROWSER=skip"))


@pytest.fixture
def now():
    """Friday 2026-11-20, 10:00 in Tokyo."""
    return NOW


@pytest.fixture
def password():
    """The password of everyone in the cast."""
    return make.PASSWORD


@pytest.fixture
def owner(db):
    return make.make_user("owner@shop.example", name="大野 誠", role="owner")


@pytest.fixture
def agent(db):
    return make.make_user("aya@shop.example", name="佐藤 彩", role="agent")


@pytest.fixture
def signed_in():
    """``signed_in(user)`` gives a test client with that user's session."""

    def sign_in(user):
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture(autouse=True)
def _account_mail_at_once(request, monkeypatch):
    """Letters about accounts leave shortly after the answer; a test finds them when it has the answer."""
    if "account_mail_later" not in request.fixturenames:
        monkeypatch.setattr(adapter, "later", lambda work: work())


@pytest.fixture
def account_mail_later():
    """For tests about just that: these letters leave when they do."""


@pytest.fixture(autouse=True)
def _default_language_and_zone():
    """A test that switches the language or the zone leaves no trace for the next."""
    yield
    translation.deactivate()
    timezone.deactivate()


# --- the rows that migrations wrote -------------------------------------------------------------------------------
# A test with transaction=True empties every table when it is over, also of what migrations seeded (roles, categories).
# Those rows are read once and put back after each such test, so that the order of tests does not matter.

# Django fills these again by itself.
OWN_BUSINESS = {"django_migrations", "django_content_type", "auth_permission"}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        seeds = _read_seeds()
    original = TransactionTestCase._fixture_teardown

    def teardown(self):
        original(self)
        # TestCase rolls back and never comes here with emptied tables, except through this class itself.
        _write_seeds(seeds)

    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
    yield
    patch.undo()


def _read_seeds():
    tables = sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)} - OWN_BUSINESS)
    seeds = {}
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        for table in tables:
            with cursor.copy(f'COPY "{table}" TO STDOUT') as rows:  # our own table names
                content = b"".join(bytes(row) for row in rows)
            if content:
                seeds[table] = content
    return seeds


def _write_seeds(seeds):
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # rows come in any order
        for table, content in seeds.items():
            with cursor.copy(f'COPY "{table}" FROM STDIN') as rows:
                rows.write(content)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute(f'DELETE FROM "{settings.CACHES["default"]["LOCATION"]}"')  # noqa: S608  # our own table name
