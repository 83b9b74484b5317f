"""The database or the broker goes away while a visitor sends a question: a real web process, servers that really stop."""

import contextlib
import http.cookiejar
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import psycopg
import pytest

from shopdesk import embedded
from tests import migrated
from tests.bad_input.pages import _Reader

ROOT = Path(__file__).resolve().parent.parent.parent
PREPARE = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("createcachetable", verbosity=0)
from tests.make import make_store
make_store()
"""
SWEEP = """
import django; django.setup()
from shopdesk import clock
from shopdesk.mail import delivery
print(delivery.sweep(clock.now()), delivery.sweep(clock.now()))
"""
LETTER = "かばんの持ち手が取れました。\n修理できますか。<b>急ぎ</b>です。"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Visitor:
    """A browser without pictures: keeps cookies, follows redirects, knows the forms of the page it is on."""

    def __init__(self, site):
        self.site = site
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.browser = urllib.request.build_opener(jar)

    def open(self, address, data=None):
        body = urllib.parse.urlencode(data).encode() if data else None
        began = time.monotonic()
        try:
            answer = self.browser.open(urllib.parse.urljoin(self.site, address), body, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            self.status, self.page, self.address = answer.status, answer.read().decode(), answer.geturl()
            self.retry_after = answer.headers["Retry-After"]
        self.seconds = time.monotonic() - began
        return self

    def form(self, path="/contact/"):
        reader = _Reader(path)
        reader.feed(self.page)
        return next(form for form in reader.forms if form.method == "post" and form.action.startswith(path))


class House:
    """A web process with a database and a broker of its own."""

    def __init__(self, folder, mail_port):
        self.postgres = embedded.Postgres(embedded.short_folder(), durable=True).start()
        self.valkey = embedded.Valkey(embedded.short_folder()).start()
        port = free_port()
        self.site, self.log = f"http://127.0.0.1:{port}", folder / "web.log"
        self.env = {
            **os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": self.postgres.url, "REDIS_URL": self.valkey.url,
            "SITE_URL": self.site, "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}", "MEDIA_ROOT": str(folder / "media"),
        }  # fmt: skip
        migrated.fill(self.postgres)
        self.run(PREPARE)
        words = ["-m", "gunicorn", "shopdesk.wsgi", "-b", f"127.0.0.1:{port}", "--threads", "4", "--no-control-socket"]
        with self.log.open("wb") as log:
            self.web = subprocess.Popen(
                [sys.executable, *words], cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.05)
        pytest.fail(self.log.read_text(encoding="utf-8"))

    def run(self, program):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def rows(self, sql):
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            return connection.execute(sql).fetchall()

    def stop(self):
        os.killpg(self.web.pid, signal.SIGTERM)
        self.web.wait(20)
        for server in (self.valkey, self.postgres):
            home = server.home
            server.stop()
            embedded.remove(home)


@pytest.fixture(scope="module")
def mail_server():
    from aiosmtpd.controller import Controller

    class Sink:
        def __init__(self):
            self.letters = []

        async def handle_DATA(self, server, session, envelope):  # noqa: N802  # aiosmtpd's name
            self.letters.append((envelope.rcpt_tos, envelope.content))
            return "250 taken"

    controller = Controller(Sink(), hostname="127.0.0.1", port=free_port())
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory, mail_server):
    running = House(tmp_path_factory.mktemp("house"), mail_server.port)
    yield running
    running.stop()


def _filled(visitor, name, body=LETTER):
    form = visitor.open("/contact/").form()
    person = {"name": name, "email": f"{name}@mail.example", "category": "spec", "website": "", "phone": ""}
    return form.filled(**person, order_number="", product="", body=body)


def _count(house, name):
    return house.rows(f"SELECT count(*) FROM inquiries_inquiry WHERE name = '{name}'")[0][0]  # noqa: S608  # our own word


def _the_honest_page(visitor):
    assert visitor.status == 503
    assert visitor.seconds < 5
    assert visitor.retry_after == "30"
    assert "修理できますか。&lt;b&gt;急ぎ&lt;/b&gt;です。" in visitor.page
    return visitor.form()


def test_the_database_is_away_before_and_in_the_middle_of_sending(house):
    visitor = Visitor(house.site)
    posted = _filled(visitor, "before")
    house.postgres.stop()
    again = _the_honest_page(visitor.open("/contact/", posted))
    assert again.fields["form_token"][1] == posted["form_token"]
    house.postgres.start()
    assert visitor.open("/contact/", again.filled()).status == 200
    assert "/contact/thanks/" in visitor.address
    assert _count(house, "before") == 1

    posted = _filled(visitor, "middle")
    lock = psycopg.connect(house.postgres.url)
    lock.execute("LOCK TABLE shop_customer IN ACCESS EXCLUSIVE MODE")
    sending = threading.Thread(target=visitor.open, args=("/contact/", posted))
    sending.start()
    time.sleep(1)  # the request waits for the lock by now, half of its rows written
    house.postgres.stop()
    sending.join()
    again = _the_honest_page(visitor)
    with contextlib.suppress(psycopg.OperationalError):
        lock.close()
    house.postgres.start()
    assert _count(house, "middle") == 0
    visitor.open("/contact/", again.filled())
    visitor.open("/contact/", again.filled())  # pressed twice, for want of patience
    assert "/contact/thanks/" in visitor.address
    assert _count(house, "middle") == 1


def test_the_answer_is_lost_and_the_form_sent_again(house):
    visitor = Visitor(house.site)
    posted = _filled(visitor, "lost")
    visitor.open("/contact/", posted)
    first = visitor.page
    assert visitor.open("/contact/", posted).status == 200
    number = house.rows("SELECT number FROM inquiries_inquiry WHERE name = 'lost'")
    assert len(number) == 1
    assert number[0][0] in first
    assert number[0][0] in visitor.page


def test_the_broker_is_away(house, mail_server):
    visitor = Visitor(house.site)
    posted = _filled(visitor, "broker")
    house.valkey.stop()
    visitor.open("/contact/", posted)
    assert visitor.status == 200
    assert visitor.seconds < 2
    assert _count(house, "broker") == 1
    waiting = house.rows("SELECT state FROM mail_outgoingmail WHERE to_address = 'broker@mail.example'")
    assert waiting == [(0,)]
    house.valkey.start()
    assert house.run(SWEEP).endswith(" 0")
    assert [to for to, _ in mail_server.handler.letters].count(["broker@mail.example"]) == 1


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        ("GET / HTTP/1.1\r\nHost: evil.example", {400}),
        ("GET / HTTP/1.1\r\nHost: user:pw@127.0.0.1", {400}),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example", {400}),
        ("GET http://evil.example/contact/ HTTP/1.1\r\nHost: 127.0.0.1", {200, 400}),
        ("GET http://evil.example/contact/ HTTP/1.1\r\nHost: evil.example", {400}),
        ("GET //evil.example/account/login HTTP/1.1\r\nHost: 127.0.0.1", {301, 302, 404}),
        ("GET /contact HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Host: evil.example", {301}),
        ("GET / HTTP/1.1", {200, 400}),  # the address that was called stands in for the missing name
    ],
)
def test_host_tricks_on_the_wire(head, statuses, house):
    port = int(house.site.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 10) as wire:
        wire.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: wire.recv(65536), b"")).decode("utf-8", "replace")
    assert int(answer.split()[1]) in statuses
    location = next((line for line in answer.splitlines() if line.lower().startswith("location:")), "")
    assert "//evil" not in location
    assert "http" not in location
    assert 'href="http://evil' not in answer
    assert 'action="http://evil' not in answer
