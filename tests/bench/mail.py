"""How fast due letters leave, beside the bare loop and beside two other outboxes. Not run by the tests.

    make bench-mail                     20,000 letters each, 1,000,000 rows of the future
    make bench-mail N=2000 FUTURE=0     quicker

A PostgreSQL of its own (it waits for the disk, as in production), a mail server in a process of its own, and in the
same run with the same letters: the bare loop (one reused smtplib connection, finished bytes, nothing written down), the
bare loop with one smallest commit a letter, our dispatch in its only, safe mode with one worker and with two,
django-post_office and django-mailer as they come.

Whoever does not lie about a letter after a crash waits for the disk before it: the bare loop with a commit is the
fastest that such an outbox could be on this machine at this moment, and where its ratio is low, ours must be.

A machine's speed changes from second to second, that of its disk most of all. So our worker, the bare loop and the one
with commits take turns of a thousand letters; before and after each of the others stands a whole bare loop, and they are
compared with the mean of the two. What each promises when its worker is killed: shopdesk leaves at most one letter
uncertain and sends none twice; django-mailer sends at most one twice; django-post_office notes what it has sent
batch by batch, and sends up to a batch (100) twice.
"""

import argparse
import gc
import os
import resource
import secrets
import shutil
import smtplib
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import psycopg

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))


from shopdesk import embedded  # noqa: E402  # after the path
from tests.bench.mail_letters import FROM_ADDRESS, FROM_NAME, TEXT, TO_NAME  # noqa: E402  # after the path

NOW = datetime.now(UTC).replace(microsecond=0)
TURN = 1000  # letters
PEERS = {"post_office": "django-post_office", "mailer": "django-mailer"}


class Postgres(embedded.Postgres):
    """It waits for the disk and has the memory that a small server gives it; a test's has far less."""

    def command(self):
        return [*super().command(), "--shared_buffers=256MB", "--max_wal_size=4GB"]


class Sink:
    """The mail server in its own process."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("mail_sink.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.process.stdout.readline())

    def count(self):
        """(messages, different Message-IDs) since the last time."""
        self.process.stdin.write("count\n")
        self.process.stdin.flush()
        return tuple(int(word) for word in self.process.stdout.readline().split())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


class Bench:
    """The same number of letters in each way, and the bare loop between."""

    def __init__(self, sink, count):
        self.sink, self.count = sink, count
        self.letters = []
        self.bare = []  # seconds of each whole bare loop

    def bare_loop(self, letters=None):
        """Seconds for the least that can be done: one connection, the finished bytes, nothing written down."""
        letters = letters or self.letters
        with smtplib.SMTP("127.0.0.1", self.sink.port) as smtp:
            started = time.perf_counter()
            for sender, recipient, raw in letters:
                smtp.sendmail(sender, [recipient], raw)
            seconds = time.perf_counter() - started
        self.arrived("bare loop", len(letters))
        return seconds

    def with_commits(self, letters):
        """Seconds of the same with one row written, and on disk, before each letter."""
        from django.db import connection

        with smtplib.SMTP("127.0.0.1", self.sink.port) as smtp, psycopg.Cursor(connection.connection) as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS bench_commit (letter integer, at timestamptz)", prepare=False)
            connection.connection.prepare_threshold = 0
            started = time.perf_counter()
            for number, (sender, recipient, raw) in enumerate(letters):
                cursor.execute("INSERT INTO bench_commit VALUES (%s::integer, %s)", [number, NOW])
                smtp.sendmail(sender, [recipient], raw)
            seconds = time.perf_counter() - started
        self.arrived("bare loop with commits", len(letters))
        return seconds

    def arrived(self, name, count):
        assert self.sink.count() == (count, count), f"{name}: not each letter once"

    def beside(self, name, seconds, words=""):
        """A line about what was measured since the last whole bare loop, after another one."""
        self.arrived(name, self.count)
        self.bare.append(self.bare_loop())
        bare = statistics.mean(self.bare[-2:])
        say(f"{name:26}{self.count / seconds:9.0f} letters/s{bare / seconds:8.2f} of {self.count / bare:.0f}{words}")


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def memory():
    """Resident megabytes now."""
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def fill(count, first, due_at):
    """Letters ``first`` … written by the database: those of mail_letters.py."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO mail_outgoingmail (
                key, mail_class, automatic, language, from_name, from_address, to_name, to_address, reply_to, subject,
                text, html, headers, attachments, message_id, in_reply_to, "references", state, reason, detail, due_at,
                lease_owner, lease_token, attempt, created_at, bounce_code, bounce_detail)
            SELECT 'bench:' || n, 'transactional', true, 'ja', %(from_name)s, %(from_address)s, %(to_name)s,
                'c' || n || '@mail.example', '', 'お届けした商品はいかがですか #' || n, %(text)s, '', '{}', '[]',
                '<bench-' || n || '@shop.example>', '', '', 0, '', '',
                %(due)s::timestamptz + (CASE WHEN %(due)s > %(now)s THEN n ELSE 0 END) * interval '1 second',
                '', 0, 0, %(now)s, '', ''
            FROM generate_series(%(first)s, %(first)s + %(count)s - 1) AS n
            """,
            {
                "now": NOW, "due": due_at, "first": first, "count": count, "text": TEXT, "from_name": FROM_NAME,
                "from_address": FROM_ADDRESS, "to_name": TO_NAME,
            },
        )  # fmt: skip


def settle_down():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE mail_outgoingmail")
        cursor.execute("CHECKPOINT")


def take_turns(bench):
    """One worker, the bare loop and the one with commits: [(bare, with commits, ours) seconds of each turn], the
    milliseconds of each claim, and the growth of memory in megabytes."""
    from shopdesk.mail import delivery
    from shopdesk.mail.models import OutgoingMail

    claims = []
    claim = delivery.claim

    def timed(*arguments, **named):
        started = time.perf_counter()
        try:
            return claim(*arguments, **named)
        finally:
            claims.append((time.perf_counter() - started) * 1000)

    turns = []
    delivery.claim = timed
    try:
        gc.collect()
        before = highest = 0.0
        for first in range(0, bench.count, TURN):
            letters = bench.letters[first : first + TURN]
            bare, with_commits = bench.bare_loop(letters), bench.with_commits(letters)
            started = time.perf_counter()
            taken = delivery.sweep(NOW, len(letters))
            turns.append((bare, with_commits, time.perf_counter() - started))
            assert taken == len(letters)
            bench.arrived("shopdesk", len(letters))
            highest = max(highest, memory())
            before = before or highest  # after the first turn, which makes the connections
    finally:
        delivery.claim = claim
    assert OutgoingMail.objects.filter(state=OutgoingMail.State.SENT).count() == bench.count
    return turns, sorted(claims), highest - before


def dispatch_together(workers):
    """Seconds for so many worker processes at once, as a real installation has them. Each letter once, all the same."""
    from django.db import connections

    from shopdesk.mail import delivery

    connections.close_all()
    started = time.perf_counter()
    children = []
    for _ in range(workers):
        child = os.fork()
        if not child:
            while delivery.sweep(NOW):
                pass
            connections.close_all()
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return time.perf_counter() - started


def peer(name, count, port):
    """Seconds that another outbox takes over the same letters."""
    command = [sys.executable, str(Path(__file__).with_name("mail_peers.py")), name, str(count), str(port)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=1800)
    return float(done.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=20_000)
    parser.add_argument("--future", type=int, default=1_000_000)
    parser.add_argument("--alone", action="store_true", help="one worker and the bare loops only")
    parser.add_argument("--profile", action="store_true", help="where one worker's time goes; the figures are slower")
    options = parser.parse_args()
    folder = embedded.short_folder()
    database, sink = Postgres(folder, durable=True), Sink()
    database.start()
    os.environ.update(
        DJANGO_SETTINGS_MODULE="shopdesk.settings",
        READ_DOT_ENV="false",
        SECRET_KEY=secrets.token_urlsafe(50),
        SITE_URL="http://testserver",
        DATABASE_URL=database.url,
        REDIS_URL="redis://127.0.0.1:1/0",
        EMAIL_URL=f"smtp://127.0.0.1:{sink.port}",
        DEFAULT_FROM_EMAIL="support@shop.example",
        LOG_LEVEL="ERROR",
    )
    try:
        run(options, sink)
    finally:
        sink.stop()
        database.stop()
        shutil.rmtree(folder, ignore_errors=True)


def run(options, sink):
    import django

    django.setup()
    from django.core.management import call_command

    from shopdesk.mail import message
    from shopdesk.mail.models import OutgoingMail

    call_command("migrate", verbosity=0)
    bench, count = Bench(sink, options.n), options.n
    fill(count, 1, NOW)
    if options.future:
        fill(options.future, 2 * count + 1, NOW + timedelta(days=1))
    settle_down()
    bench.letters = [
        (mail.from_address, mail.to_address, message.build(mail, NOW))
        for mail in OutgoingMail.objects.filter(due_at__lte=NOW).iterator()
    ]
    size = statistics.mean(len(raw) for _, _, raw in bench.letters)
    say(f"{count} letters of {size:.0f} bytes, {options.future} rows of the future; load {os.getloadavg()[0]:.1f}")
    turns, claims, growth = profiled(bench) if options.profile else take_turns(bench)
    report(count, turns, claims, growth)
    if options.alone:
        return
    say("\nwhole runs, each beside the mean of the bare loops before and after it:")
    bench.bare.append(bench.bare_loop())
    fill(count, count + 1, NOW)
    settle_down()
    # So many are started by the demo and by docker-compose.yml.
    bench.beside("shopdesk, two workers", dispatch_together(2), " (0.50 wanted)")
    for name, package in PEERS.items():
        bench.beside(f"{package} {version(package)}", peer(name, count, sink.port))


def report(count, turns, claims, growth):
    from shopdesk.mail import delivery

    bare, commits, ours = (sum(seconds) for seconds in zip(*turns, strict=True))
    ratios = sorted(turn[0] / turn[2] for turn in turns)
    say(f"in turns of {TURN}:")
    say(f"{'bare loop':26}{count / bare:9.0f} letters/s")
    say(f"{'bare loop with commits':26}{count / commits:9.0f} letters/s{bare / commits:8.2f} of the bare loop")
    say(
        f"{'shopdesk, one worker':26}{count / ours:9.0f} letters/s{bare / ours:8.2f} of the bare loop "
        f"(turns {ratios[0]:.2f} to {ratios[-1]:.2f}, median {statistics.median(ratios):.2f})"
    )
    say(f"{'':45}{commits / ours:8.2f} of the bare loop with commits, which no single worker can pass")
    say(f"{'a commit alone':26}{(commits - bare) / count * 1e6:9.0f} µs; load {os.getloadavg()[0]:.1f}")
    say(f"{'memory':26}{growth:+9.1f} MB (under 10 wanted)")
    p99 = claims[max(0, int(len(claims) * 0.99) - 1)]
    say(
        f"{f'claim of {delivery.BATCH}':26}{statistics.median(claims):9.2f} ms, p99 {p99:.2f} ms (under 5 wanted), "
        f"{len(claims)} claims"
    )


def profiled(bench):
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.enable()
    try:
        return take_turns(bench)
    finally:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
