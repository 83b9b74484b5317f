"""What ``manage.py doctor`` looks at: each examination gives findings with a colour, a sentence and the cure.

No examination raises, none takes longer than a few seconds, and none shows a secret.
"""

import shutil
import smtplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from faq.indexing import index_is_current
from shopdesk.desk import health
from shopdesk.mail import deliverability
from shopdesk.mail.models import Mailbox
from shopdesk.mail.receiving import problems
from shopdesk.shop.models import Store

Colour = Literal["ok", "warn", "red"]

OLDEST_POSTGRESQL = 15
TIMEOUT_SECONDS = 3.0
# A disk this full stops PostgreSQL and uploads soon.
DISK_RED_BYTES = 500 * 1024 * 1024
DISK_WARN_BYTES = 2 * 1024 * 1024 * 1024
CLOCK_WARN_SECONDS = 5.0
MAILBOX_RED = timedelta(minutes=15)  # shorter troubles pass by themselves: a server restarts
CLOCK_RED_SECONDS = 60.0


@dataclass(frozen=True)
class Finding:
    """One line of the report. ``cure`` is empty when nothing is to be done."""

    code: str
    colour: Colour
    text: str
    cure: str = ""


def examine(now: datetime) -> Iterator[Finding]:
    """Everything, in the order in which things are repaired: what the rest stands on comes first."""
    examinations: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("settings", _settings),
        ("database", lambda: _database(now)),
        ("broker", lambda: _background(now)),
        ("mail", _mail_route),
        ("mailbox", lambda: _mailboxes(now)),
        ("dns", _mail_dns),
        ("disk", _disk),
    ]
    for code, examination in examinations:
        try:
            yield from examination()
        except Exception as error:  # noqa: BLE001  # a doctor who faints helps nobody; the failure is the finding
            kind = type(error).__name__
            yield Finding(code, "red", _("This could not be examined: %(error)s") % {"error": kind}, _("See the log."))


def _settings() -> Iterator[Finding]:
    # A placeholder never gets here: the settings refuse to start with it.
    yield Finding("secret_key", "ok", _("The secret key is set."))
    if settings.DEBUG:
        yield Finding(
            "debug",
            "red",
            _("DEBUG is on: error pages show the inside to everybody."),
            _("Set DEBUG=false."),
        )
    host = settings.SITE_URL.partition("://")[2].partition(":")[0].partition("/")[0]
    if "*" in settings.ALLOWED_HOSTS:
        cure = _("Set ALLOWED_HOSTS=%(host)s.") % {"host": host}
        yield Finding("allowed_hosts", "red", _("ALLOWED_HOSTS lets every name in."), cure)
    elif host not in settings.ALLOWED_HOSTS:
        cure = _("Add %(host)s to ALLOWED_HOSTS.") % {"host": host}
        yield Finding("allowed_hosts", "red", _("ALLOWED_HOSTS does not hold the public address's own name."), cure)
    else:
        yield Finding("allowed_hosts", "ok", _("The public address is %(url)s.") % {"url": settings.SITE_URL})
    if settings.SITE_URL.startswith("http://") and not settings.DEMO and not settings.DEBUG:
        yield Finding(
            "https",
            "red",
            _("The public address is not https: passwords and customers' data would travel in the open."),
            _("Put a proxy with a certificate in front and set SITE_URL=https://…"),
        )


def _database(now: datetime) -> Iterator[Finding]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int, clock_timestamp()")
            version, database_now = cursor.fetchone()
    except (DatabaseError, InterfaceError):
        yield Finding(
            "database",
            "red",
            _("The database does not answer."),
            _("Start PostgreSQL, and check host, name, user and password in DATABASE_URL."),
        )
        return
    major = version // 10000
    if major < OLDEST_POSTGRESQL:
        text = _("The database is PostgreSQL %(version)s.") % {"version": major}
        cure = _("Move to PostgreSQL %(version)s or newer.") % {"version": OLDEST_POSTGRESQL}
        yield Finding("database", "red", text, cure)
    else:
        yield Finding("database", "ok", _("The database is PostgreSQL %(version)s.") % {"version": major})
    executor = MigrationExecutor(connection)
    waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if waiting:
        text = _("%(count)s changes of the database are waiting.") % {"count": waiting}
        yield Finding("migrations", "red", text, _("Run: manage.py migrate"))
    else:
        yield Finding("migrations", "ok", _("The database is up to date."))
        if not Store.objects.exists():
            text = _("There is no store yet: nobody can write to the shop.")
            yield Finding("store", "red", text, _("Add one in the admin: Settings, Stores."))
        if not index_is_current():
            text = _("The FAQ search index was made by another version and finds less.")
            yield Finding("faq_index", "red", text, _("Run: manage.py faq_reindex"))
    drift = abs((database_now - now).total_seconds())
    if drift > CLOCK_WARN_SECONDS:
        yield Finding(
            "clock",
            "red" if drift > CLOCK_RED_SECONDS else "warn",
            _("The clocks of this machine and of the database differ by %(seconds)s seconds.")
            % {"seconds": round(drift)},
            _("Switch on time synchronisation (NTP) on both machines."),
        )
    else:
        yield Finding("clock", "ok", _("The clocks agree."))


def _background(now: datetime) -> Iterator[Finding]:
    try:
        waiting = health.waiting_rings()
    except health.TakesNoRings as refusal:
        text = _("The broker answers but takes no rings: mail and everything in the background stand still.")
        cure = _("Look at its log and its rights: it may be a replica, or unable to write to its disk.")
        if refusal.reason == "full":
            text = _("The broker is full (maxmemory): mail and everything in the background stand still.")
            cure = _(
                "Start a worker if none runs, or raise maxmemory. What waits in it may be thrown away (FLUSHDB): the"
                " work itself is kept in the database and is rung for again."
            )
        yield Finding("broker", "red", text, cure)
        return
    except Exception:  # noqa: BLE001  # kombu and redis each have their own families; any failure is "away"
        yield Finding(
            "broker",
            "red",
            _("The broker does not answer."),
            _("Start Valkey or Redis, and check REDIS_URL."),
        )
        return
    yield Finding("broker", "ok", _("The broker answers."))
    try:
        tick = health.beat_tick(now)
    except (DatabaseError, InterfaceError):
        return
    if tick["ok"]:
        yield Finding("beat", "ok", _("Beat and a worker are alive."))
    elif waiting > 0:
        yield Finding(
            "worker",
            "red",
            _("Beat rings, but no worker answers."),
            _("Start a worker: celery -A shopdesk.celery worker"),
        )
    else:
        yield Finding(
            "beat", "red", _("Beat does not ring: no mail leaves."), _("Start beat: celery -A shopdesk.celery beat")
        )
    try:
        mail = health.oldest_due_mail(now)
    except (DatabaseError, InterfaceError):
        return
    age = mail.get("age_seconds")
    if not mail["ok"] and age is not None:
        text = _("The oldest due letter has been waiting for %(minutes)s minutes.") % {"minutes": round(age / 60)}
        yield Finding("due_mail", "red", text, _("See whether a worker runs, and what the sent-mail page says."))


def _mail_route() -> Iterator[Finding]:
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        yield Finding("mail", "ok", _("Mail goes out through %(name)s.") % {"name": settings.EMAIL_BACKEND})
        return
    where = {"host": settings.EMAIL_HOST, "port": settings.EMAIL_PORT}
    try:
        if settings.EMAIL_USE_SSL:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.EMAIL_HOST,
                settings.EMAIL_PORT,
                timeout=TIMEOUT_SECONDS,
                context=ssl.create_default_context(),
            )
        else:
            server = smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT, timeout=TIMEOUT_SECONDS)
        with server:
            server.ehlo()
            if settings.EMAIL_USE_TLS:
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
            if settings.EMAIL_HOST_USER:
                server.login(settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD)
    except smtplib.SMTPAuthenticationError:
        cure = _("Check user and password in EMAIL_URL.")
        yield Finding("mail", "red", _("The mail server %(host)s refuses the sign-in.") % where, cure)
        return
    except ssl.SSLCertVerificationError:
        cure = _("See that it is renewed, and that EMAIL_URL has the name that stands in it.")
        yield Finding("mail", "red", _("The certificate of the mail server %(host)s is not valid.") % where, cure)
        return
    except (OSError, smtplib.SMTPException):
        cure = _("Check host, port and encryption in EMAIL_URL, and whether the network lets this port out.")
        yield Finding("mail", "red", _("The mail server %(host)s:%(port)s does not answer.") % where, cure)
        return
    yield Finding("mail", "ok", _("The mail server %(host)s answers.") % where)


def _mailboxes(now: datetime) -> Iterator[Finding]:
    rows = Mailbox.objects.exclude(status=Mailbox.Status.PAUSED).order_by("pk")
    troubled = [mailbox for mailbox in rows if mailbox.problem]
    for mailbox in troubled:
        since = mailbox.problem_since or now
        text = _("The mailbox %(name)s has not been read for %(minutes)s minutes.") % {
            "name": mailbox.name,
            "minutes": round((now - since).total_seconds() / 60),
        }
        cure = str(problems.SENTENCES.get(mailbox.problem, mailbox.problem))
        yield Finding("mailbox", "red" if now - since > MAILBOX_RED else "warn", text, cure)
    if len(rows) and not troubled:
        yield Finding("mailbox", "ok", _("All mailboxes can be read."))


def _mail_dns() -> Iterator[Finding]:
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">").strip().lower()
    if settings.DEMO or deliverability.is_invented(domain):
        yield Finding(
            "dns", "ok", _("%(domain)s is no real mail domain; its DNS is not looked at.") % {"domain": domain}
        )
        return
    try:
        found = deliverability.records(domain)
    except deliverability.Silent:
        text = _("DNS does not answer: SPF, DKIM and DMARC of %(domain)s are unknown.") % {"domain": domain}
        yield Finding("dns", "warn", text, _("Try again with a network."))
        return
    if found.spf == 1:
        yield Finding("spf", "ok", _("%(domain)s has SPF.") % {"domain": domain})
    elif found.spf:
        text = _("%(domain)s has several SPF records; receivers then ignore all of them.") % {"domain": domain}
        yield Finding("spf", "red", text, _("Merge them into one TXT record."))
    else:
        cure = _("Publish the TXT record that your mail provider names (v=spf1 include:… -all).")
        yield Finding("spf", "red", _("%(domain)s has no SPF: much mail will land in spam.") % {"domain": domain}, cure)
    if found.dmarc:
        yield Finding("dmarc", "ok", _("%(domain)s has DMARC.") % {"domain": domain})
    else:
        cure = _("Publish a TXT record for _dmarc.%(domain)s: v=DMARC1; p=none; rua=mailto:…") % {"domain": domain}
        text = _("%(domain)s has no DMARC; Gmail and docomo ask for it.") % {"domain": domain}
        yield Finding("dmarc", "warn", text, cure)
    if found.dkim:
        yield Finding("dkim", "ok", _("%(domain)s has a DKIM key.") % {"domain": domain})
    else:
        cure = _("See that your mail provider signs with this domain, and publish the key that it names.")
        text = _("No DKIM key of %(domain)s was found under the usual names.") % {"domain": domain}
        yield Finding("dkim", "warn", text, cure)


def _disk() -> Iterator[Finding]:
    folder = Path(settings.MEDIA_ROOT)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = _("%(free)s GB are free for uploaded files.") % {"free": f"{free / 1024**3:.1f}"}
    if free < DISK_WARN_BYTES:
        colour: Colour = "red" if free < DISK_RED_BYTES else "warn"
        yield Finding("disk", colour, text, _("Make room, or move MEDIA_ROOT to a larger disk."))
    else:
        yield Finding("disk", "ok", text)
