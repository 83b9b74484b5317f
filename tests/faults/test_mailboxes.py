"""Servers that go away and certificates that expire: named on the screen, nothing lost or doubled, over by itself."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape

from shopdesk import clock
from shopdesk.desk import diagnosis
from shopdesk.mail import delivery, receiving
from shopdesk.mail.models import IncomingMail, Mailbox, MailRoute, OutgoingMail
from shopdesk.mail.receiving import problems
from tests.imap_server import ImapServer
from tests.mail.make import queue
from tests.outgoing.make import make_route
from tests.receiving.make import letter, make_mailbox
from tests.receiving.pop3_server import Pop3Server

pytest.importorskip("cryptography", reason="makes the certificates of these tests")
from tests.tls_front import TlsFront, certificate  # needs the library that may be missing

State = OutgoingMail.State
pytestmark = pytest.mark.django_db


@pytest.fixture
def good(tmp_path):
    return certificate(tmp_path / "good.pem")


@pytest.fixture
def expired(tmp_path):
    return certificate(tmp_path / "expired.pem", ends=-timedelta(hours=1))


@pytest.fixture(autouse=True)
def trusted(tmp_path, monkeypatch, request):
    """The certificates of the test are trusted for everything but their time and their name."""
    pems = [request.getfixturevalue(name) for name in ("good", "expired")]
    together = tmp_path / "trusted.pem"
    together.write_bytes(b"".join(pem.read_bytes().partition(b"-----BEGIN PRIVATE")[0] for pem in pems))
    monkeypatch.setenv("SSL_CERT_FILE", str(together))


def stored():
    return [bytes(raw) for raw in IncomingMail.objects.order_by("pk").values_list("raw", flat=True)]


def again(mailbox):
    mailbox.refresh_from_db()
    return mailbox.next_check_at


def screen(signed_in, owner, mailbox):
    return signed_in(owner).get(reverse("desk-mail:mailbox", args=[mailbox.pk])).content.decode()


# --- POP3 goes away -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deletes", [False, True], ids=["kept there", "deleted there"])
def test_a_pop3_server_that_is_away_for_hours(now, signed_in, owner, deletes):
    letters = [letter(number) for number in range(1, 4)]
    with Pop3Server() as server:
        mailbox = make_mailbox(server.port, kind="pop3", delete_after=deletes)
        server.mails = {"a1": letters[0]}
        receiving.sweep(now)
    began = moment = again(mailbox)
    waits = []
    for _ in range(9):
        receiving.sweep(moment)
        mailbox.refresh_from_db()
        assert (mailbox.problem, mailbox.problem_since) == ("unreachable", began)
        waits.append((mailbox.next_check_at - moment).total_seconds())
        moment = mailbox.next_check_at
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    with translation.override("ja"):
        assert escape(str(problems.SENTENCES["unreachable"])) in screen(signed_in, owner, mailbox)
    with Pop3Server() as revived:
        # Its old port may belong to somebody else by now.
        Mailbox.objects.filter(pk=mailbox.pk).update(port=revived.port)
        revived.mails = {"a1": letters[0], "a2": letters[1], "a3": letters[2]}
        receiving.sweep(moment)
        assert stored() == letters
        assert list(revived.mails) == ([] if deletes else ["a1", "a2", "a3"])
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.failures, mailbox.problem_since) == ("", 0, None)


@pytest.mark.parametrize("word", ["USER", "PASS", "LIST", "UIDL", "RETR", "DELE", "QUIT"])
def test_pop3_dies_at_each_word(now, word):
    letters = [letter(number) for number in range(1, 4)]
    with Pop3Server() as server:
        mailbox = make_mailbox(server.port, kind="pop3", delete_after=True)
        server.mails = dict(zip("abc", letters, strict=True))
        server.drop_before = word
        moment = now
        for _ in range(3):
            receiving.sweep(moment)
            mailbox.refresh_from_db()
            assert mailbox.problem in {"broken_off", "sign_in"}
            assert len(server.mails) == 3  # without QUIT nothing was deleted
            moment = mailbox.next_check_at
        server.drop_before = ""
        receiving.sweep(moment)
        assert server.mails == {}
    assert sorted(stored()) == sorted(letters)


# --- certificates -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["imap", "pop3"])
def test_an_expired_certificate_of_a_mailbox(now, good, expired, signed_in, owner, kind, monkeypatch):
    letters = [letter(1), letter(2)]
    with ImapServer() if kind == "imap" else Pop3Server() as server, TlsFront(server.port, good) as front:

        def deliver(number):
            raw = letters[number - 1]
            server.deliver(raw) if kind == "imap" else server.mails.update({f"a{number}": raw})

        mailbox = make_mailbox(front.port, kind=kind, security="tls")
        deliver(1)
        receiving.sweep(now)
        assert stored() == letters[:1]
        front.certificate = expired
        deliver(2)
        began = again(mailbox)
        receiving.sweep(began)
        mailbox.refresh_from_db()
        assert (mailbox.problem, mailbox.failures, mailbox.problem_since) == ("certificate_expired", 1, began)
        assert "certificate has expired" in mailbox.problem_detail
        assert not any("himitsu" in str(command) for command in server.commands[len(server.commands) // 2 + 3 :])
        assert "証明書" in screen(signed_in, owner, mailbox)
        # The connection test says the same, and so does the doctor.
        with pytest.raises(receiving.MailboxProblem) as told:
            receiving.look(mailbox)
        assert told.value.code == "certificate_expired"
        monkeypatch.setattr(clock, "now", lambda: began + timedelta(hours=1))
        (finding,) = diagnosis._mailboxes(clock.now())
        assert (finding.colour, "証明書" in finding.cure or "certificate" in finding.cure) == ("red", True)
        front.certificate = good
        receiving.sweep(again(mailbox))
    assert stored() == letters
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.failures) == ("", 0)


@pytest.mark.parametrize("kind", ["imap", "pop3"])
def test_a_certificate_for_another_name(now, tmp_path, kind, monkeypatch):
    other = certificate(tmp_path / "other.pem", address="127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    with ImapServer() if kind == "imap" else Pop3Server() as server, TlsFront(server.port, other) as front:
        mailbox = make_mailbox(front.port, kind=kind, security="tls")
        receiving.sweep(now)
        mailbox.refresh_from_db()
        assert mailbox.problem == "certificate_name"
        assert server.commands == []  # no name, no password was said


def test_an_expired_certificate_of_the_way_out(smtp_sink, now, settings, good, expired, monkeypatch):
    # The sink's own fixture shortens nothing here: a refused handshake is quick.
    with TlsFront(smtp_sink.port, expired) as front:
        settings.EMAIL_PORT, settings.EMAIL_USE_SSL = front.port, True
        for number in range(3):
            queue(f"test:{number}", to=f"c{number}@mail.example")
        delivery.sweep(now)
        first, *rest = OutgoingMail.objects.order_by("pk")
        assert (first.state, first.reason) == (State.PLANNED, "try_again")
        assert "certificate has expired" in first.detail
        assert {mail.state for mail in rest} == {State.PLANNED}
        assert smtp_sink.messages == []
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        (finding,) = diagnosis._mail_route()
        assert (finding.colour, finding.code) == ("red", "mail")
        assert "証明書" in finding.text or "certificate" in finding.text
        front.certificate = good
        delivery.sweep(now + timedelta(minutes=2))
        assert sorted(smtp_sink.recipients) == [f"c{number}@mail.example" for number in range(3)]
    assert set(OutgoingMail.objects.values_list("state", flat=True)) == {State.SENT}


def test_an_expired_certificate_of_one_route_holds_up_no_other(smtp_sink, now, good, expired):
    with TlsFront(smtp_sink.port, expired) as front:
        bad = make_route(smtp_sink, port=front.port, security="tls", from_addresses=["nigou@shop.example"])
        stuck = queue("stuck", from_address="nigou@shop.example")
        fine = queue("fine", to="taro@mail.example")
        delivery.sweep(now)
        stuck.refresh_from_db()
        fine.refresh_from_db()
        assert (stuck.state, fine.state) == (State.PLANNED, State.SENT)
        assert "certificate has expired" in stuck.detail
        # It is no refusal of ours: the route is not stopped, and recovers without a person.
        assert MailRoute.objects.get(pk=bad.pk).status == "active"
        front.certificate = good
        delivery.sweep(stuck.due_at)
        stuck.refresh_from_db()
        assert stuck.state == State.SENT
    assert sorted(smtp_sink.recipients) == ["hanako@mail.example", "taro@mail.example"]
