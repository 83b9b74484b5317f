"""How fast due letters leave, against the bare loop. Not run by the tests.

    make bench-mail                     20,000 letters, 1,000,000 rows of the future
    make bench-mail N=2000 FUTURE=0     quicker

A PostgreSQL of its own (it waits for the disk, as in production), a mail server in a process of its own, and in the
same run with the same bytes: the bare loop (one reused smtplib connection) and our dispatch in its only, safe mode.
Prints letters a second, their ratio to the bare loop, the growth of memory, and how long a claim takes. Every letter
waits for the disk once, the bare loop never: the ratio depends on the disk and on what else the machine does.
"""

import argparse
import gc
import os
import resource
import secrets
import smtplib
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from shopdesk import embedded  # noqa: E402  # after the path

NOW = datetime.now(UTC).replace(microsecond=0)
TEXT = (
    "山田 花子 様\n\nくらしの道具店でございます。このたびはご注文いただき、誠にありがとうございました。\n"
    "お届けした革の名刺入れはいかがでしたでしょうか。お手入れの方法を下記のページにまとめております。\n"
    "https://help.shop.example/articles/leather-care/\n\nご不明な点がございましたら、このメールにそのままご返信ください。\n"
    + "─" * 24
    + "\nくらしの道具店  平日 10:00-17:00\n"
)


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


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def memory():
    """Resident megabytes now."""
    gc.collect()
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def fill(count, first, due_at, mail_class="transactional"):
    """Letters ``first`` … written by the database."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO mail_outgoingmail (
                key, mail_class, automatic, language, from_name, from_address, to_name, to_address, reply_to, subject,
                text, html, headers, attachments, message_id, in_reply_to, "references", state, reason, detail, due_at,
                lease_owner, lease_token, attempt, created_at, bounce_code, bounce_detail)
            SELECT 'bench:' || n, %(mail_class)s, true, 'ja', 'くらしの道具店', 'support@shop.example', '山田 花子',
                'c' || n || '@mail.example', '', 'お届けした商品はいかがですか #' || n, %(text)s, '',
                CASE WHEN %(mail_class)s = 'transactional' THEN '{}'::jsonb
                     ELSE jsonb_build_object('List-Unsubscribe', '<https://shop.example/p/' || n || '/>') END,
                '[]', '<bench-' || n || '@shop.example>', '', '', 0, '', '',
                %(due)s::timestamptz + (CASE WHEN %(due)s > %(now)s THEN n ELSE 0 END) * interval '1 second',
                '', 0, 0, %(now)s, '', ''
            FROM generate_series(%(first)s, %(first)s + %(count)s - 1) AS n
            """,
            {"now": NOW, "due": due_at, "first": first, "count": count, "text": TEXT, "mail_class": mail_class},
        )


def bare_loop(sink, letters):
    """Seconds for the least that can be done: one connection, the finished bytes, nothing written down."""
    with smtplib.SMTP("127.0.0.1", sink.port) as smtp:
        started = time.perf_counter()
        for sender, recipient, raw in letters:
            smtp.sendmail(sender, [recipient], raw)
        seconds = time.perf_counter() - started
    assert sink.count()[0] == len(letters)
    return seconds


def dispatch(sink, count):
    """Seconds and the milliseconds of each claim."""
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

    delivery.claim = timed
    try:
        delivery.sweep(NOW, 1)  # imports, connections
        before, started, sent = memory(), time.perf_counter(), 1
        highest = before
        while taken := delivery.sweep(NOW):
            sent += taken
            if True:
                highest = max(highest, memory())
        seconds = time.perf_counter() - started
    finally:
        delivery.claim = claim
    assert sink.count() == (count, count), "each letter once"
    assert OutgoingMail.objects.filter(state=OutgoingMail.State.SENT).count() == count
    return seconds, sorted(claims), max(highest, memory()) - before


def dispatch_together(sink, count, workers):
    """Seconds for so many worker processes at once, as a real installation has them. Each letter once, all the same."""
    from django.db import connections

    from shopdesk.mail import delivery
    from shopdesk.mail.models import OutgoingMail

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
    seconds = time.perf_counter() - started
    assert sink.count() == (count, count), "each letter once"
    assert OutgoingMail.objects.filter(state=OutgoingMail.State.SENT).count() == count
    return seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=20_000)
    parser.add_argument("--future", type=int, default=1_000_000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--workers", type=int, default=1, help="more than 1: so many processes at once, no claim times")
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
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def run(options, sink):
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from shopdesk.mail import delivery, message
    from shopdesk.mail.models import OutgoingMail

    call_command("migrate", verbosity=0)
    fill(options.n, 1, NOW)
    if options.future:
        fill(options.future, options.n + 1, NOW + timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE mail_outgoingmail")
        cursor.execute("CHECKPOINT")
    letters = [
        (mail.from_address, mail.to_address, message.build(mail, NOW))
        for mail in OutgoingMail.objects.filter(due_at__lte=NOW).iterator()
    ]
    size = statistics.mean(len(raw) for _, _, raw in letters)
    say(f"{options.n} letters of {size:.0f} bytes, {options.future} rows of the future")
    bare = bare_loop(sink, letters)
    if options.workers > 1:
        seconds = dispatch_together(sink, options.n, options.workers)
        bare = statistics.mean([bare, bare_loop(sink, letters)])
        say(f"bare loop      {options.n / bare:7.0f} letters/s")
        say(
            f"{options.workers} workers      {options.n / seconds:7.0f} letters/s   {bare / seconds:.2f} of the bare loop"
        )
        return
    if options.profile:
        import cProfile
        import pstats

        profile = cProfile.Profile()
        profile.enable()
    cpu = time.process_time()
    seconds, claims, growth = dispatch(sink, options.n)
    cpu = time.process_time() - cpu
    if options.profile:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    bare = statistics.mean([bare, bare_loop(sink, letters)])
    say(f"bare loop      {options.n / bare:7.0f} letters/s")
    say(f"shopdesk       {options.n / seconds:7.0f} letters/s   {bare / seconds:.2f} of the bare loop (0.50 wanted)")
    say(
        f"cpu            {cpu / options.n * 1e6:7.0f} µs a letter in this process; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    say(f"memory         {growth:+7.1f} MB (under 10 wanted)")
    p99 = claims[max(0, int(len(claims) * 0.99) - 1)]
    say(
        f"claim of {delivery.BATCH:3}   {statistics.median(claims):7.2f} ms, p99 {p99:.2f} ms (under 5 wanted), "
        f"{len(claims)} claims"
    )


if __name__ == "__main__":
    main()
