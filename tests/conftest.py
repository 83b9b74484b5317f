"""The cast, the clock and the database of the tests. Servers and environment: tests/plugin.py."""

import gc
import logging
import os
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, TransactionTestCase
from django.utils import timezone, translation
from whitenoise.middleware import WhiteNoiseMiddleware

from shopdesk.accounts import adapter
from tests import make, migrated
from tests.emptying import Tables
from tests.sink import smtp_sink  # noqa: F401  # a fixture

# A Friday morning in the shop; Monday the 23rd is a public holiday (勤労感謝の日).
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=ZoneInfo("Asia/Tokyo"))


def pytest_configure():
    # Real password hashing costs 0.3 s each time; one test that is about hashing asks for the real one.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(trylast=True)  # when they are shuffled
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if os.environ.get("BROWSER") == "skip":
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="BROWSER=skip"))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    """What is loaded by now stays, and most of what a test makes goes without a search for it: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


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
def refusals_untold():
    """For tests that want refusals by the hundred: telling each with its traceback takes longer than refusing."""
    logger = logging.getLogger("django.request")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


@pytest.fixture
def account_mail_later():
    """For tests about just that: these letters leave when they do."""


@pytest.fixture(scope="session", autouse=True)
def _static_files_listed_once():
    """Each test client makes the middleware anew, and WhiteNoise looks for all static files each time: 9 ms."""
    found = {}
    look = WhiteNoiseMiddleware.add_files_from_finders

    def look_once(self):
        if not found:
            look(self)
            found.update(self.files)
        self.files.update(found)

    patch = pytest.MonkeyPatch()
    patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look_once)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def _default_language_and_zone():
    """A test that switches the language or the zone leaves no trace for the next."""
    yield
    translation.deactivate()
    timezone.deactivate()


# --- the rows that migrations wrote -------------------------------------------------------------------------------
# A test with transaction=True leaves its rows behind, and Django would empty every table, also of what migrations
# seeded (roles, categories). Here every table gets back what it had, so that the order of tests does not matter.


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings):
    if migrated.dump() is not None:
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated.NAME


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        tables = Tables()
    patch = pytest.MonkeyPatch()
    # TestCase has its own, which rolls back and never comes here.
    patch.setattr(TransactionTestCase, "_fixture_teardown", lambda self: tables.restore())
    yield
    patch.undo()
    # A thread that is over, or a server that was stopped, may not have let go of its connection yet.
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
