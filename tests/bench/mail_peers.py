"""One peer of the mail benchmark, in a process and a database of its own; it knows nothing of shopdesk.

    python tests/bench/mail_peers.py post_office|mailer COUNT MAIL_PORT

DATABASE_URL names the server; the database is made new. The letters wait in the peer's own table, then its own command
sends them, with its own settings as they come. Prints the seconds of the sending.
"""

import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote

import django
import environ
import psycopg
from django.conf import settings

APPS = {"post_office": ["post_office"], "mailer": ["mailer"]}
CHUNK = 1000


def configure(peer, port):
    database = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    database |= {"HOST": unquote(database["HOST"]), "NAME": f"bench_{peer}"}
    with psycopg.connect(
        host=database["HOST"], port=database["PORT"] or 5432, user=database["USER"], dbname="postgres", autocommit=True
    ) as server:
        server.execute(f"DROP DATABASE IF EXISTS {database['NAME']}")
        server.execute(f"CREATE DATABASE {database['NAME']}")
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", *APPS[peer]],
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        USE_TZ=True,
        LOGGING_CONFIG=None,
        MAILER_LOCK_PATH=str(Path(tempfile.mkdtemp()) / "send_mail"),
    )
    django.setup()
    logging.disable(logging.ERROR)


def queue_post_office(letters):
    from post_office import mail

    mail.send_many(
        [
            {
                "sender": letter["sender"],
                "recipients": letter["to"],
                "subject": letter["subject"],
                "message": letter["text"],
                "headers": {"Message-ID": letter["message_id"]},
            }
            for letter in letters
        ]
    )


def send_post_office():
    from post_office.mail import send_queued_mail_until_done

    send_queued_mail_until_done(str(Path(tempfile.mkdtemp()) / "post_office"))


def queue_mailer(letters):
    from django.core.mail import EmailMessage
    from mailer.models import PRIORITY_MEDIUM, Message

    rows = []
    for letter in letters:
        row = Message(priority=PRIORITY_MEDIUM)
        row.email = EmailMessage(
            letter["subject"],
            letter["text"],
            letter["sender"],
            [letter["to"]],
            headers={"Message-ID": letter["message_id"]},
        )
        rows.append(row)
    Message.objects.bulk_create(rows)


def send_mailer():
    from mailer.engine import send_all

    send_all()


QUEUE = {"post_office": queue_post_office, "mailer": queue_mailer}
SEND = {"post_office": send_post_office, "mailer": send_mailer}


def main():
    peer, count, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    configure(peer, port)
    from django.core.management import call_command
    from django.db import connection

    from tests.bench.mail_letters import letters

    call_command("migrate", verbosity=0)
    for first in range(1, count + 1, CHUNK):
        QUEUE[peer](letters(first, min(CHUNK, count + 1 - first)))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    started = time.perf_counter()
    SEND[peer]()
    sys.stdout.write(f"{time.perf_counter() - started}\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
