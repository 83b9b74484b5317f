"""POP3: what is new is known by UIDL, and nothing is deleted before it is stored."""

from datetime import date

import pytest

from shopdesk.mail import receiving
from shopdesk.mail.models import IncomingMail
from shopdesk.mail.receiving import pop3
from tests.receiving.make import letter, make_mailbox
from tests.receiving.pop3_server import Pop3Server

State = IncomingMail.State
pytestmark = pytest.mark.django_db


@pytest.fixture
def server():
    with Pop3Server() as server:
        yield server


def again(mailbox):
    mailbox.refresh_from_db()
    return mailbox.next_check_at


def keys():
    return list(IncomingMail.objects.order_by("pk").values_list("source_key", flat=True))


def test_mails_are_stored_as_they_came_and_stay_on_the_server(server, now):
    mailbox = make_mailbox(server.port, kind="pop3")
    raw = letter(1, body=".a line with a dot\r\n" + "x" * 5000) + b"\xff\x00\r\n"
    server.mails = {"a1": raw, "a2": letter(2)}
    assert receiving.sweep(now) == 2
    assert [bytes(row.raw) for row in IncomingMail.objects.order_by("pk")] == [raw, letter(2)]
    assert keys() == ["pop3:a1", "pop3:a2"]
    assert receiving.sweep(again(mailbox)) == 0
    assert list(server.mails) == ["a1", "a2"]
    assert not any(command.startswith("DELE") for command in server.commands)


@pytest.mark.parametrize("boundary", ["RETR", "DELE", "QUIT"])
def test_a_connection_that_dies_loses_and_doubles_nothing(server, now, boundary):
    mailbox = make_mailbox(server.port, kind="pop3", delete_after=True)
    server.mails = {"a1": letter(1), "a2": letter(2)}
    server.drop_before = boundary
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert mailbox.problem == "broken_off"
    assert list(server.mails) == ["a1", "a2"]
    server.drop_before = ""
    receiving.sweep(again(mailbox))
    assert keys() == ["pop3:a1", "pop3:a2"]
    assert server.mails == {}


def test_nothing_is_deleted_that_could_not_be_stored(server, now, monkeypatch):
    make_mailbox(server.port, kind="pop3", delete_after=True)
    server.mails = {"a1": letter(1)}

    def fail(*args, **kwargs):
        raise RuntimeError("disk full")

    monkeypatch.setattr(pop3, "store", fail)
    receiving.sweep(now)
    assert list(server.mails) == ["a1"]
    assert not any(command.startswith(("DELE", "QUIT")) for command in server.commands)


def test_a_wrong_password_is_told_without_it(server, now, caplog):
    mailbox = make_mailbox(server.port, kind="pop3", secret="mukashi-no-aikotoba")
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.problem_detail) == ("sign_in", "-ERR wrong •••")
    assert "mukashi" not in caplog.text


def test_too_large_and_too_old_mail_keeps_its_header(server, now, monkeypatch):
    monkeypatch.setattr(pop3, "MAX_SIZE", 2000)
    make_mailbox(server.port, kind="pop3", read_since=date(2026, 11, 20))
    old = letter(3).replace(b"20 Nov 2026", b"20 Oct 2026")
    server.mails = {"a1": letter(1, subject="huge", body="x" * 3000), "a2": letter(2), "a3": old}
    receiving.sweep(now)
    rows = IncomingMail.objects.order_by("pk").values_list("state", "reason", "subject")
    assert list(rows) == [("error", "too_large", "huge"), ("stored", "", ""), ("ignored", "before_start", "")]


def test_the_connection_test_reads_headers_only(server):
    mailbox = make_mailbox(server.port, kind="pop3")
    server.mails = {f"a{number}": letter(number) for number in range(1, 6)}
    seen = receiving.look(mailbox)
    assert (seen.count, len(seen.headers)) == (5, 3)
    assert not any(command.startswith(("RETR", "DELE")) for command in server.commands)
    assert not IncomingMail.objects.exists()
