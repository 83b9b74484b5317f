"""``manage.py doctor`` names the trouble and the cure, never a secret, and does not faint."""

import json
from datetime import timedelta
from io import StringIO

import dns.exception
import dns.resolver
import pytest
from django.core.management import call_command
from django.db import OperationalError

from shopdesk import clock
from shopdesk.desk import diagnosis, health
from shopdesk.desk.management.commands.doctor import language_of
from shopdesk.mail.models import Mailbox
from shopdesk.shop.models import Store
from tests import make


@pytest.fixture
def well(db, monkeypatch, settings):
    """An installation in good health, as far as the doctor sees."""
    settings.SITE_URL = "https://testserver"
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    settings.DEFAULT_FROM_EMAIL = "support@shop.example"
    health.beat(clock.now())
    make.make_store()


def examine(*words):
    out = StringIO()
    status = 0
    try:
        call_command("doctor", *words, "--json", stdout=out)
    except SystemExit as end:
        status = end.code
    found = json.loads(out.getvalue())
    return status, {finding["code"]: finding for finding in found["findings"]}


def test_all_is_well(well):
    status, found = examine()
    assert status == 0
    assert {finding["colour"] for finding in found.values()} <= {"ok", "warn"}
    assert {"database", "migrations", "clock", "broker", "beat", "mail", "dns", "disk", "secret_key"} <= found.keys()


def test_a_new_installation_without_a_store(well):
    Store.objects.all().delete()
    status, found = examine("--language", "en")
    assert status == 1
    assert found["store"]["text"] == "There is no store yet: nobody can write to the shop."


def test_in_japanese_and_in_english(well):
    assert examine("--language", "ja")[1]["broker"]["text"] == "ブローカーは応答しています。"
    assert examine("--language", "en")[1]["broker"]["text"] == "The broker answers."


@pytest.mark.parametrize(
    ("environ", "language"),
    [({"LANG": "en_GB.UTF-8"}, "en"), ({"LANG": "ja_JP.UTF-8"}, "ja"), ({"LANG": "C.UTF-8"}, "ja"), ({}, "ja")],
)
def test_the_terminals_language(environ, language):
    assert language_of(environ) == language


def test_sentences_for_people(well):
    out = StringIO()
    call_command("doctor", "--language", "en", stdout=out)
    assert "✓ The broker answers." in out.getvalue()


def test_the_database_is_away(well, monkeypatch):
    def away():
        raise OperationalError("password=hunter2")

    with monkeypatch.context() as patch:
        patch.setattr(diagnosis.connection, "cursor", away)
        status, found = examine("--language", "en")
    assert status == 1
    assert found["database"]["colour"] == "red"
    assert "DATABASE_URL" in found["database"]["cure"]
    assert "hunter2" not in json.dumps(found)


def test_the_broker_is_away(well, settings):
    settings.CELERY_BROKER_URL = "redis://:secret-word@127.0.0.1:1/0"
    status, found = examine("--language", "en")
    assert status == 1
    assert "REDIS_URL" in found["broker"]["cure"]
    assert "secret-word" not in json.dumps(found)


def test_beat_or_worker(well, monkeypatch):
    late = clock.now() + timedelta(minutes=10)
    monkeypatch.setattr(clock, "now", lambda: late)
    monkeypatch.setattr(health, "waiting_rings", lambda: 0)
    assert "beat" in examine("--language", "en")[1]["beat"]["cure"]
    monkeypatch.setattr(health, "waiting_rings", lambda: 40)
    assert "worker" in examine("--language", "en")[1]["worker"]["cure"]


def test_a_mailbox_in_trouble(well, client):
    assert "mailbox" not in examine()[1]
    since = clock.now() - timedelta(minutes=40)
    mailbox = Mailbox.objects.create(name="楽天", address="r@shop.example", status="active", problem="")
    assert examine("--language", "en")[1]["mailbox"]["text"] == "All mailboxes can be read."
    Mailbox.objects.filter(pk=mailbox.pk).update(problem="sign_in", problem_detail="geheim", problem_since=since)
    status, found = examine("--language", "en")
    assert (status, found["mailbox"]["colour"]) == (1, "red")
    assert found["mailbox"]["text"] == "The mailbox 楽天 has not been read for 40 minutes."
    assert "Enter the password again" in found["mailbox"]["cure"]
    assert "geheim" not in json.dumps(found)
    # One mailbox in trouble is no reason to take the web out of service.
    assert client.get("/readyz").status_code == 200
    Mailbox.objects.filter(pk=mailbox.pk).update(problem_since=clock.now())
    assert examine()[1]["mailbox"]["colour"] == "warn"
    Mailbox.objects.filter(pk=mailbox.pk).update(status="paused", problem_since=since)
    assert "mailbox" not in examine()[1]


def test_clocks_differ(well, monkeypatch):
    later = clock.now() + timedelta(minutes=3)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert examine()[1]["clock"]["colour"] == "red"


def test_hosts_and_https(well, settings):
    settings.SITE_URL = "http://help.shop.example"
    status, found = examine("--language", "en")
    assert status == 1
    assert "help.shop.example" in found["allowed_hosts"]["cure"]
    assert found["https"]["colour"] == "red"


def test_the_mail_server_does_not_answer(well, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert examine()[1]["mail"]["colour"] == "red"


def answers(monkeypatch, table):
    def resolve(name, kind, lifetime):
        assert lifetime <= 3
        if name not in table:
            raise dns.resolver.NXDOMAIN
        return [type("Record", (), {"strings": [text.encode()]}) for text in table[name]]

    monkeypatch.setattr(dns.resolver, "resolve", resolve)


def test_mail_dns(well, settings, monkeypatch):
    settings.DEFAULT_FROM_EMAIL = "Shop <support@shop.co.jp>"
    answers(monkeypatch, {"shop.co.jp": ["v=spf1 -all", "google-site-verification=x"]})
    found = examine()[1]
    assert (found["spf"]["colour"], found["dmarc"]["colour"], found["dkim"]["colour"]) == ("ok", "warn", "warn")
    answers(monkeypatch, {"shop.co.jp": ["v=spf1 -all", "v=spf1 mx -all"], "_dmarc.shop.co.jp": ["v=DMARC1; p=none"]})
    found = examine()[1]
    assert (found["spf"]["colour"], found["dmarc"]["colour"]) == ("red", "ok")
    answers(monkeypatch, {})
    assert examine()[1]["spf"]["colour"] == "red"


def test_offline(well, settings, monkeypatch):
    settings.DEFAULT_FROM_EMAIL = "support@shop.co.jp"

    def silent(name, kind, lifetime):
        raise dns.exception.Timeout

    monkeypatch.setattr(dns.resolver, "resolve", silent)
    assert examine()[1]["dns"]["colour"] == "warn"


def test_a_full_disk(well, monkeypatch):
    monkeypatch.setattr(diagnosis.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 100 * 1024**2}))
    assert examine()[1]["disk"]["colour"] == "red"


def test_the_doctor_does_not_faint(well, monkeypatch):
    def broken():
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(diagnosis, "_disk", broken)
    found = examine()[1]
    assert found["disk"]["colour"] == "red"
    assert "hunter2" not in json.dumps(found)
