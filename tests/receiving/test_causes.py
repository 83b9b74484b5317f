"""What is not the mailbox's own fault is not noted as its own: our database, our code, an outage before a refusal."""

import pytest
from django.db import DataError, InterfaceError, OperationalError

from shopdesk.mail import receiving
from shopdesk.mail.models import IncomingMail, Mailbox, MailboxFolder
from shopdesk.mail.receiving import imap as reading
from shopdesk.mail.receiving import pop3
from tests.receiving.make import letter, make_mailbox
from tests.receiving.pop3_server import Pop3Server

pytestmark = pytest.mark.django_db


def keys():
    return list(IncomingMail.objects.order_by("pk").values_list("source_key", flat=True))


def again(mailbox):
    mailbox.refresh_from_db()
    return mailbox.next_check_at


def breaks_once(monkeypatch, module, error):
    """The second mail of a look meets a database that is away."""
    plain, calls = module.store, []

    def store(*arguments, **named):
        calls.append(1)
        if len(calls) == 2:
            raise error
        return plain(*arguments, **named)

    monkeypatch.setattr(module, "store", store)


@pytest.mark.parametrize("error", [OperationalError("the connection is lost"), InterfaceError("connection closed")])
def test_a_database_that_goes_away_is_not_the_mailboxs_problem(imap, now, monkeypatch, error, caplog):
    mailbox = make_mailbox(imap.port, failures=0)
    for number in range(1, 4):
        imap.deliver(letter(number))
    breaks_once(monkeypatch, reading, error)
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.failures, mailbox.problem_detail) == ("", 0, "")
    # It is not left under its lease: the next look comes as if nothing had been.
    assert mailbox.lease_until is None
    assert (mailbox.next_check_at - now).total_seconds() <= 30
    assert keys() == ["imap:INBOX:1000:1"]
    assert "database" in caplog.text
    receiving.sweep(again(mailbox))
    assert keys() == [f"imap:INBOX:1000:{uid}" for uid in (1, 2, 3)]


def test_an_older_problem_stands_as_it_was_while_the_database_is_away(imap, now, monkeypatch):
    mailbox = make_mailbox(imap.port, failures=2, problem="sign_in", problem_detail="no", problem_since=now)
    imap.deliver(letter(1))
    imap.deliver(letter(2))
    breaks_once(monkeypatch, reading, OperationalError("away"))
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.failures, mailbox.problem_since) == ("sign_in", 2, now)


def test_by_pop3_too(now, monkeypatch):
    with Pop3Server() as server:
        mailbox = make_mailbox(server.port, kind="pop3", delete_after=True)
        for number in range(1, 4):
            server.mails[f"u{number}"] = letter(number)
        breaks_once(monkeypatch, pop3, OperationalError("away"))
        receiving.sweep(now)
        mailbox.refresh_from_db()
        assert (mailbox.problem, mailbox.failures, mailbox.lease_until) == ("", 0, None)
        assert len(keys()) == 1
        assert len(server.mails) == 3  # nothing was deleted: there was no QUIT
        receiving.sweep(again(mailbox))
        assert (len(keys()), len(server.mails)) == (3, 0)


def test_while_the_database_stays_away_the_lease_ends_it(imap, now, monkeypatch):
    mailbox = make_mailbox(imap.port)
    imap.deliver(letter(1))
    imap.deliver(letter(2))
    breaks_once(monkeypatch, reading, OperationalError("away"))
    tries = []

    def away(mailbox):
        tries.append(1)
        raise OperationalError("still away")

    monkeypatch.setattr(receiving, "_ours", away)
    monkeypatch.setattr(receiving, "GIVE_BACK_SECONDS", 0.5)
    receiving.sweep(now)
    assert len(tries) > 1
    monkeypatch.undo()
    assert receiving.sweep(now) == 0
    mailbox.refresh_from_db()
    receiving.sweep(mailbox.lease_until + (mailbox.lease_until - now))
    assert keys() == ["imap:INBOX:1000:1", "imap:INBOX:1000:2"]


def test_what_cannot_be_written_is_our_fault_and_says_so(imap, now, monkeypatch):
    mailbox = make_mailbox(imap.port)
    imap.deliver(letter(1))
    imap.deliver(letter(2))
    breaks_once(monkeypatch, reading, DataError("value too long for type character varying(300)"))
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.failures) == ("our_fault", 1)


# --- FETCH refused ------------------------------------------------------------------------------------------------


def test_an_outage_does_not_use_up_the_tries_of_a_mail(imap, now):
    mailbox = make_mailbox(imap.port, failures=7, problem="unreachable", problem_since=now)
    imap.deliver(letter(1))
    imap.refuse.add(1)
    moment = now
    for tries in range(1, reading.FETCH_TRIES + 1):
        receiving.sweep(moment)
        assert keys() == []
        folder = MailboxFolder.objects.get()
        assert (folder.refused_uid, folder.refusals) == (1, tries)
        moment = again(mailbox)
    receiving.sweep(moment)
    assert list(IncomingMail.objects.values_list("source_key", "reason")) == [("imap:INBOX:1000:1", "unfetchable")]


def test_a_busy_server_that_hands_it_over_at_last_loses_nothing(imap, now):
    mailbox = make_mailbox(imap.port)
    imap.deliver(letter(1))
    imap.refuse.add(1)
    moment = now
    for _ in range(2):
        receiving.sweep(moment)
        moment = again(mailbox)
    imap.refuse.clear()
    receiving.sweep(moment)
    imap.deliver(letter(2))
    imap.refuse.add(2)
    for _ in range(3):
        moment = again(mailbox)
        receiving.sweep(moment)
    # Another mail has tries of its own.
    assert keys() == ["imap:INBOX:1000:1"]
    folder = MailboxFolder.objects.get()
    assert (folder.refused_uid, folder.refusals) == (2, 3)


def test_two_folders_count_apart(imap, now):
    mailbox = make_mailbox(imap.port, failures=3, problem="answer", problem_since=now)
    imap.deliver(letter(1))
    imap.refuse.add(1)
    receiving.sweep(now)
    assert keys() == []
    assert Mailbox.objects.get(pk=mailbox.pk).problem == "answer"
