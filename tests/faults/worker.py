"""A real Celery worker with short times and traps: the points at which it can be made to die."""

import os
import smtplib

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shopdesk.settings")

import django

from shopdesk import clock
from shopdesk.celery import app
from tests.faults import control


def shorten() -> None:
    """Replace the constants that are minutes by the seconds of control.py."""
    from django.conf import settings

    from inquiries import filing
    from shopdesk.mail import delivery, marking, receiving, smtp
    from shopdesk.mail.receiving import imap

    for module, values in {
        delivery: {
            "LEASE": control.LEASE,
            "SWEEP_SECONDS": control.SWEEP_SECONDS,
            "BATCH": control.BATCH,
        },
        marking: {"BACKOFF": control.BACKOFF, "MARK_SECONDS": control.MARK_SECONDS},
        smtp: {"FINAL_DOT_TIMEOUT": control.FINAL_DOT_TIMEOUT},
        receiving: {
            "INTERVAL": control.MAILBOX_INTERVAL,
            "LONGEST": control.MAILBOX_LONGEST,
            "LEASE": control.LEASE,
            "LOOK_SECONDS": control.SWEEP_SECONDS,
        },
        imap: {"TIMEOUT": control.COMMAND_TIMEOUT, "PATIENCE": control.FINAL_DOT_TIMEOUT},
        filing: {"LEASE": control.LEASE, "RETRY_AFTER": control.RETRY_AFTER, "_SWEEP_SECONDS": control.SWEEP_SECONDS},
    }.items():
        for name, value in values.items():
            assert hasattr(module, name), f"{module.__name__}.{name} is gone; the faults need its successor"
            setattr(module, name, value)
    settings.EMAIL_TIMEOUT = control.COMMAND_TIMEOUT


def set_traps() -> None:
    """Make the points of checking.POINTS deadly on demand.

    "stored" lies between the bytes' commit and the next word to the mailbox, "files" inside of the transaction that
    files a mail.

    "prepared" lies before the first intent of a batch, "intent" between an intent and the first word to the mail server,
    "dot" after the final dot was written, "answered" between the server's 250 and the note of it, "unmarked" and "marked"
    before and after the rows of a batch are written.
    """
    from inquiries import filing, received
    from shopdesk.mail import delivery, journal, parse_child
    from shopdesk.mail.receiving import imap

    control.trap(imap, "_fetch", after="fetched")
    control.trap(imap, "_keep", after="stored")
    control.trap(filing, "_claim", after="taken")
    control.trap(parse_child, "parse_safely", after="read")
    control.trap(received, "keep_files", after="files")
    control.trap(filing, "file", after="filed")
    control.trap(delivery, "claim", before="claiming", after="claimed")
    control.trap(journal, "prepare", after="prepared")
    control.trap(journal, "begin", before="deciding", after="intent")
    control.trap(delivery, "_taken", after="answered")
    control.trap(journal, "settle", before="unmarked", after="marked")
    control.trap(delivery, "settle_lost", after="settling")
    send = smtplib.SMTP.send

    def send_with_traps(self, data):
        final = data == b".\r\n"
        if final:
            control.die_at("dot-soon")
        send(self, data)
        if final:
            control.die_at("dot")

    smtplib.SMTP.send = send_with_traps


if __name__ == "__main__":
    control.end_with_parent()
    django.setup()
    clock.now = control.now
    shorten()
    set_traps()
    control.tell(ready=True)
    app.worker_main(["worker", "--loglevel=WARNING", "--concurrency=1", "--without-gossip", "--without-mingle"])
