"""How fast the desk is with years of mail in it, against the floor and against django-helpdesk. Not run by the tests.

    make bench-desk                     200,000 inquiries, and 20,000 for the growth
    make bench-desk INQUIRIES=20000     quicker

An embedded PostgreSQL (it waits for the disk, as in production), gunicorn with two workers, one client and eight. All
in one run on one machine: what the ratios say holds elsewhere too, the milliseconds do not.
"""

import argparse
import base64
import gzip
import http.client
import json
import os
import re
import secrets
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlencode

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402  # after the path

from shopdesk import embedded  # noqa: E402  # after the path


class Postgres(embedded.Postgres):
    """With the memory that a small server gives it; a test's has far less."""

    def command(self):
        return [
            *super().command(), "--shared_buffers=1GB", "--max_wal_size=8GB", "--work_mem=16MB",
            "--maintenance_work_mem=512MB", "--effective_cache_size=4GB", "--random_page_cost=1.1",
        ]  # fmt: skip

    def create(self, name):
        """One more database on this server; its address."""
        with psycopg.connect(self._plain(embedded.DATABASE), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url.removesuffix(embedded.DATABASE) + name

    def _plain(self, name):
        return f"host={self.sockets} port=5432 user=postgres dbname={name}"


def say(line=""):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Site:
    """gunicorn with one of the three applications."""

    running = []  # noqa: RUF012  # stopped at the end, whatever went wrong before

    def __init__(self, name, settings, cookie=""):
        self.name, self.cookie, self.port = name, cookie, free_port()
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "gunicorn", "--workers", "2", "--worker-class", "gthread", "--threads", "4",
                "--bind", f"127.0.0.1:{self.port}", "--log-level", "error", "--preload", "tests.bench.desk.serve:application",
            ],
            cwd=ROOT, env={**os.environ, "DJANGO_SETTINGS_MODULE": settings},
        )  # fmt: skip
        self.running.append(self)
        deadline = time.monotonic() + 40
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Client:
    """One keep-alive connection, one person."""

    def __init__(self, site):
        self.site, self.connection = site, http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
        self.cookies = {"sessionid": site.cookie} if site.cookie else {}

    def ask(self, path, method="GET", body=None, **headers):
        """(seconds, status, answer's headers, body)"""
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()), **headers}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        started = time.perf_counter()
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        seconds = time.perf_counter() - started
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return seconds, answer.status, answer.headers, content

    def token(self, page):
        return re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1].decode()


class Series:
    """What was measured of one kind of request."""

    def __init__(self, name):
        self.name, self.seconds, self.queries, self.cpu, self.size, self.packed, self.bad = name, [], 0, [], 0, 0, 0
        self.eight = []
        self.statuses = set()

    def add(self, outcome, *, wanted):
        seconds, status, headers, content = outcome
        self.seconds.append(seconds)
        self.queries = max(self.queries, int(headers.get("X-Queries", 0)))
        self.cpu.append(float(headers.get("X-Cpu-Ms", 0)))
        self.size, self.packed = max(self.size, len(content)), max(self.packed, len(gzip.compress(content)))
        self.bad += status != wanted
        self.statuses.add(status)

    @property
    def p50(self):
        return statistics.median(self.seconds) * 1000

    @staticmethod
    def p95(seconds):
        return sorted(seconds)[int(len(seconds) * 0.95)] * 1000 if seconds else 0

    def line(self, floor=None):
        ratio = f"{self.p50 / floor:6.1f}" if floor else "      "
        eight = f"{statistics.median(self.eight) * 1000:8.1f} {self.p95(self.eight):8.1f}" if self.eight else " " * 17
        bad = f"  {self.bad} answers were not as they should be: {self.statuses}" if self.bad else ""
        return (
            f"{self.name:34} {self.p50:8.1f} {self.p95(self.seconds):8.1f} {eight} {ratio} {self.queries:7} "
            f"{statistics.median(self.cpu):7.1f} {self.size / 1024:8.1f} {self.packed / 1024:7.1f}{bad}"
        )


HEAD = (
    f"{'':34} {'p50 ms':>8} {'p95 ms':>8} {'8: p50':>8} {'8: p95':>8} {'/floor':>6} {'queries':>7} {'CPU ms':>7} "
    f"{'KB':>8} {'KB gz':>7}"
)


def measure(name, site, paths, *, rounds, eight=True, wanted=200, **headers):
    """One client asks ``rounds`` times, then eight at once."""
    series, client = Series(name), Client(site)
    if len(paths) < rounds:  # else each is to be asked for the first time
        for path in paths[:3]:
            client.ask(path, **headers)
    for n in range(rounds):
        series.add(client.ask(paths[n % len(paths)], **headers), wanted=wanted)
    if eight:
        lock = threading.Lock()

        def person(number):
            own = Client(site)
            own.ask(paths[0], **headers)
            for n in range(max(5, rounds // 4)):
                seconds = own.ask(paths[(n * 8 + number) % len(paths)], **headers)[0]
                with lock:
                    series.eight.append(seconds)

        people = [threading.Thread(target=person, args=(n,)) for n in range(8)]
        for one in people:
            one.start()
        for one in people:
            one.join()
    return series


def posts(site, inquiries, rounds):
    """Inquiries sent by visitors."""
    series, client = Series("post an inquiry"), Client(site)
    for n in range(rounds):
        who = {"X-Forwarded-For": f"10.0.{n // 250}.{n % 250 + 1}"}
        page = client.ask("/contact/", **who)[3]
        form = {
            "csrfmiddlewaretoken": client.token(page), "name": "山田 花子", "email": f"bench{n}@mail.example",
            "category": "spec", "body": "二つ折り財布の色は何色がありますか。", "phone": "", "order_number": "",
            "product": "", "website": "",
            "form_token": (re.search(rb'name="form_token" value="([^"]+)"', page) or [b"", b""])[1].decode(),
        }  # fmt: skip
        series.add(client.ask("/contact/", "POST", urlencode(form), **who), wanted=303)
    return series


def replies(site, pks):
    """Answers of staff."""
    series, client = Series("staff reply"), Client(site)
    for pk in pks:
        page = client.ask(f"/admin/inquiries/{pk}/")[3]
        form = {
            "csrfmiddlewaretoken": client.token(page), "body": "お問い合わせありがとうございます。黒と茶がございます。",
            "then": "pending", "action": "send", "version": re.search(rb'name="version" value="(\d+)"', page)[1].decode(),
        }  # fmt: skip
        series.add(client.ask(f"/admin/inquiries/{pk}/reply/", "POST", urlencode(form)), wanted=302)
    return series


def ours(site, inquiries, rounds):
    """Every screen of ours that staff look at all day."""
    agent = "1"
    base = "/admin/inquiries/"
    newest = [f"{base}{inquiries - n}/" for n in range(60)]
    poll = f"{base}poll/?inquiry={inquiries}&doing=viewing"
    rows = [
        measure("home", site, ["/admin/"], rounds=rounds),
        measure("list", site, [base], rounds=rounds),
        measure("list, solved, newest first", site, [f"{base}?tab=solved"], rounds=rounds),
        measure("list by status and assignee", site, [f"{base}?tab=open&assignee={agent}"], rounds=rounds),
        measure("page 100", site, [f"{base}?tab=all&page=100"], rounds=rounds),
        measure("conversation", site, newest, rounds=rounds),
        measure("conversation, opened for the first time", site, [f"{base}{inquiries - 1000 - n}/" for n in range(rounds)], rounds=rounds, eight=False),
        measure("conversation, part for htmx", site, newest, rounds=rounds, **{"HX-Request": "true", "HX-Target": "conversation"}),
        measure("search: common word 返品", site, [f"/admin/search/?q={quote('返品')}"], rounds=rounds),
        measure("search: rare word 陶器", site, [f"/admin/search/?q={quote('陶器')}"], rounds=rounds),
        measure("search: phrase", site, [f"/admin/search/?q={quote('初期不良かもしれません')}"], rounds=rounds),
        measure("search: nothing", site, [f"/admin/search/?q={quote('蒟蒻芋')}"], rounds=rounds),
    ]  # fmt: skip
    # Asked last: it holds for some minutes.
    etag = Client(site).ask(poll)[2].get("ETag", "")
    rows += [
        measure("poll, nothing new", site, [poll], rounds=rounds, wanted=304, **{"If-None-Match": etag}),
        posts(site, inquiries, max(10, rounds // 4)),
        replies(site, range(inquiries - 100, inquiries - 100 + max(10, rounds // 4))),
    ]  # fmt: skip
    return {row.name: row for row in rows}


def table_address(**query):
    """The address from which django-helpdesk's list takes its rows."""
    packed = base64.b64encode(json.dumps(query).encode()).decode()
    return f"/datatables_ticket_list/{packed}?draw=1&start=0&length=25"


def peers(site, inquiries, rounds):
    """The same questions to django-helpdesk; its list is a page whose rows come by a second request: both count."""
    plain = {"filtering": {"status__in": [1, 2]}, "sorting": "created", "sortreverse": True, "search_string": ""}
    filtered = {**plain, "filtering": {"status__in": [1], "assigned_to__id__in": [1]}}
    few = max(5, rounds // 10)
    rows = [
        measure("list: page", site, ["/tickets/"], rounds=few, eight=False),
        measure("list: rows", site, [table_address(**plain)], rounds=few, eight=False),
        measure("filter: rows", site, [table_address(**filtered)], rounds=few, eight=False),
        measure("conversation", site, [f"/tickets/{inquiries - n}/" for n in range(40)], rounds=few, eight=False),
        measure("search: rows", site, [table_address(**{**plain, "filtering": {}, "search_string": "返品"})], rounds=few, eight=False),
    ]  # fmt: skip
    return {row.name: row for row in rows}


def prepare(inquiries):
    """Fill the database that the environment names; prints the session's cookie as the last line."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client as TestClient

    from shopdesk.accounts.models import User
    from tests.bench.desk import data

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    data.fill(connection, inquiries, say=lambda line: sys.stderr.write(line + "\n"))
    data.index(connection, inquiries, say=lambda line: sys.stderr.write(line + "\n"))
    data.finish(connection)
    client = TestClient()
    client.force_login(User.objects.get(email="agent0@shop.example"))
    say(client.cookies["sessionid"].value)


def prepare_peer():
    import django

    django.setup()
    from tests.bench.desk import peer

    say(peer.fill(say=lambda line: sys.stderr.write(line + "\n")))


def in_child(step, settings, *arguments):
    """Run one step of this file under other settings; its last line."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.desk.run", "--step", step, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": settings},
    )  # fmt: skip
    return done.stdout.strip().splitlines()[-1]


def one_size(server, name, inquiries, rounds, *, peer):
    """Fill a database of this size, and measure."""
    os.environ["DATABASE_URL"] = server.create(name)
    started = time.monotonic()
    cookie = in_child("prepare", "shopdesk.settings", "--inquiries", str(inquiries))
    say(f"\n{inquiries:,} inquiries, {inquiries * 4:,} messages, filled in {time.monotonic() - started:.0f} s")
    floor_site = Site("floor", "tests.bench.desk.floor_settings")
    floor = measure("floor", floor_site, ["/"], rounds=rounds)
    floor_site.stop()
    site = Site("ours", "shopdesk.settings", cookie)
    rows = ours(site, inquiries, rounds)
    site.stop()
    say(HEAD)
    say(floor.line(floor.p50))
    for row in rows.values():
        say(row.line(floor.p50))
    others = {}
    if peer:
        cookie = in_child("prepare-peer", "tests.bench.desk.peer_settings")
        other = Site("django-helpdesk", "tests.bench.desk.peer_settings", cookie)
        others = peers(other, inquiries, rounds)
        other.stop()
        say("django-helpdesk")
        for row in others.values():
            say(row.line(floor.p50))
    return floor, rows, others


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--inquiries", type=int, default=200_000)
    options.add_argument("--small", type=int, default=20_000, help="the other size, for the growth; 0 leaves it out")
    options.add_argument("--rounds", type=int, default=80)
    options.add_argument("--no-peer", action="store_true")
    options.add_argument("--step", choices=["prepare", "prepare-peer"])
    given = options.parse_args()
    if given.step == "prepare":
        prepare(given.inquiries)
        return
    if given.step == "prepare-peer":
        prepare_peer()
        return
    server = Postgres(embedded.short_folder(), durable=True)
    valkey = embedded.Valkey(embedded.short_folder())
    try:
        server.start()
        os.environ.update(
            SECRET_KEY=secrets.token_urlsafe(50), DEBUG="false", DEMO="false", STATICFILES_MANIFEST="false",
            SITE_URL="http://127.0.0.1", ALLOWED_HOSTS="127.0.0.1,testserver", REDIS_URL=valkey.start().url,
            READ_DOT_ENV="false", TRUSTED_PROXY_COUNT="1", EMAIL_URL="smtp://127.0.0.1:9",
        )  # fmt: skip
        small = None
        if given.small:
            small = one_size(server, "small", given.small, given.rounds, peer=False)
        floor, rows, others = one_size(server, "large", given.inquiries, given.rounds, peer=not given.no_peer)
        verdict(floor, rows, others, small)
    finally:
        for site in Site.running:
            site.stop()
        server.stop()
        valkey.stop()


def verdict(floor, rows, others, small):
    """The bars, each with what was measured."""
    say("\nbars")
    for name in ("list", "list by status and assignee", "conversation"):
        say(f"  {name} ≤ 3 × floor: {rows[name].p50 / floor.p50:.2f}")
    if others:
        pairs = [
            ("list", "list: rows", 20), ("list by status and assignee", "filter: rows", 10),
            ("conversation", "conversation", 5), ("search: common word 返品", "search: rows", 25),
        ]  # fmt: skip
        for mine, theirs, times in pairs:
            say(f"  {mine} ≥ {times} × faster than django-helpdesk: {others[theirs].p50 / rows[mine].p50:.1f}")
    say(
        f"  queries a page ≤ 12: {max(row.queries for name, row in rows.items() if name not in {'post an inquiry', 'staff reply'})}"
    )
    worst = max(Series.p95(row.seconds) for name, row in rows.items() if name.startswith("search"))
    say(f"  search p95 ≤ 60 ms: {worst:.1f}")
    say(f"  staff reply ≤ 60 ms: p50 {rows['staff reply'].p50:.1f}, p95 {Series.p95(rows['staff reply'].seconds):.1f}")
    say(f"  poll ≤ 5 ms CPU: {statistics.median(rows['poll, nothing new'].cpu):.1f}")
    say(f"  HTML ≤ 60 KB: {max(row.size for row in rows.values()) / 1024:.1f}")
    if small:
        for name in ("list", "list by status and assignee", "conversation", "home"):
            say(f"  growth of {name} ≤ 1.3: {rows[name].p50 / small[1][name].p50:.2f}")


if __name__ == "__main__":
    main()
