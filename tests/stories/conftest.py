"""The stage of the stories: a real browser, a live server, PostgreSQL, Valkey, a Celery worker and a mail server."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection

from shopdesk import clock
from tests import make
from tests.browser import launch

ROOT = Path(__file__).resolve().parent.parent.parent
# Playwright's own event loop runs in this thread; the stories read rows between its calls, never inside of them.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.hookimpl(tryfirst=True)  # before the marks are looked at
def pytest_collection_modifyitems(items):
    for item in items:
        if "/stories/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.when == "call" and report.failed:
        item.failed = True
    return report


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


class Clock:
    """The story's clock: this process and the worker read it. It stands still until it is moved."""

    def __init__(self, file, moment):
        self.file = file
        self.set(moment)

    def set(self, moment):
        self.moment = moment
        spare = self.file.with_suffix(".new")
        spare.write_text(moment.isoformat(), encoding="utf-8")
        spare.rename(self.file)

    def at(self, text):
        """``at("2026-12-01 10:00")``: local time of the shop."""
        self.set(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Tokyo")))


@pytest.fixture
def story_clock(tmp_path, monkeypatch):
    moving = Clock(tmp_path / "clock", make.NOW)
    monkeypatch.setattr(clock, "now", lambda: moving.moment)
    return moving


@pytest.fixture
def site(live_server, settings):
    """The address of the running site; links in mails begin with it."""
    settings.SITE_URL = live_server.url
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    return live_server.url


def _database_url():
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path="/" + quote(connection.settings_dict["NAME"])))


class Worker:
    """A Celery worker in its own process group; it can be killed the hard way and started again."""

    def __init__(self, env, log):
        self.env, self.log, self.process = env, log, None

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests" / "stories" / "worker.py")],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def kill(self, how=signal.SIGKILL):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, how)
            self.process.wait(30)
            self.process = None


@pytest.fixture
def queue():
    """The broker, emptied: no ring of an earlier test is heard in this one."""
    # The scheme and the parameter are Celery's words for a socket and a database; the client has others.
    address = django_settings.REDIS_URL.replace("redis+socket:", "unix:").replace("virtual_host=", "db=")
    broker = redis.Redis.from_url(address)
    broker.flushdb()
    yield broker
    broker.flushdb()
    broker.close()


@pytest.fixture
def worker(tmp_path, transactional_db, queue, smtp_sink, story_clock, site):
    """A running worker that sends to the sink and reads the story's clock."""
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": _database_url(),
        "EMAIL_URL": f"smtp://127.0.0.1:{smtp_sink.port}",
        "SITE_URL": site,
        "STORY_CLOCK": str(story_clock.file),
    }
    running = Worker(env, tmp_path / "worker.log").start()
    yield running
    running.kill()


@pytest.fixture
def wait():
    """``wait(condition)`` gives the first true answer of ``condition()``; fails after 30 s."""

    def until(condition, seconds=30, what="the condition"):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if answer := condition():
                return answer
            time.sleep(0.05)
        pytest.fail(f"{what} did not come true within {seconds} s")

    return until


@pytest.fixture
def open_page(chromium, site, request, tmp_path):
    """``open_page(width)`` gives a page of a fresh visitor; an error in the browser's console fails the story."""
    contexts, errors = [], []

    def open_one(width=1280, *, language="ja-JP", dark=False):
        context = chromium.new_context(
            viewport={"width": width, "height": 800},
            locale=language,
            timezone_id="Asia/Tokyo",
            base_url=site,
            color_scheme="dark" if dark else "light",
        )
        context.set_default_timeout(30_000)  # as slow as the machine may be; nobody waits longer than is needed
        contexts.append(context)
        page = context.new_page()
        if slower := os.environ.get("STORY_SLOWER"):  # STORY_SLOWER=4: scripts take four times as long
            context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": float(slower)})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
        return page

    yield open_one
    failed = getattr(request.node, "failed", False)
    for number, context in enumerate(contexts):
        for page in context.pages if failed else []:
            # What the visitor saw when the story went wrong, next to the story's other files.
            page.screenshot(path=str(tmp_path / f"page{number}.png"), full_page=True)
            print(f"page {number}: {page.url}\n{page.inner_text('body')[:3000]}")
        context.close()
    _let_answers_end()
    assert errors == []


def _let_answers_end(seconds=3):
    """Pages ask by themselves, up to their last moment. The tables are emptied when no answer is under way any more:
    both would wait for each other's locks."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    end, quiet = time.monotonic() + seconds, 0
    while quiet < 3 and time.monotonic() < end:
        time.sleep(0.05)
        with connection.cursor() as cursor:
            cursor.execute(f"{asked} AND state NOT IN ('idle', 'disabled')")
            quiet = 0 if cursor.fetchone()[0] else quiet + 1


@pytest.fixture
def sign_in():
    """``sign_in(page, user)`` goes through the real sign-in page."""

    def through(page, user, *, password=make.PASSWORD, code=None):
        page.goto("/admin/")
        page.fill("input[name=login]", user.email)
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        if code is not None:
            page.wait_for_selector("input[name=code]")
            page.fill("input[name=code]", code())
            page.press("input[name=code]", "Enter")
        # By the path: the address of the sign-in page ends with where it leads to.
        page.wait_for_url(lambda address: urlsplit(address).path == "/admin/")

    return through


@pytest.fixture
def settled():
    """``settled(page)`` waits until what htmx brought is in its place and wired."""

    def until(page):
        page.wait_for_selector(".htmx-request, .htmx-added, .htmx-settling, .htmx-swapping", state="detached")

    return until
