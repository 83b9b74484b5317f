"""From the mailbox to the inquiry: what stands on the server stands on the desk, once."""

import pytest
from django.urls import reverse

from inquiries import filing
from inquiries.models import Inquiry, Message
from shopdesk import clock
from shopdesk.mail import delivery, receiving, suppressions
from shopdesk.mail.models import IncomingMail, OutgoingMail
from tests.mail.make import queue
from tests.make import make_store
from tests.receiving.make import letter, make_mailbox

State = IncomingMail.State
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _store(db):
    make_store()


def go(mailbox, now):
    mailbox.refresh_from_db()
    now = max(now, mailbox.next_check_at or now)
    receiving.sweep(now)
    filing.sweep(now)


def dsn(letter_sent, *, recipient="hanako@mail.example", message_id=None):
    return (
        "From: Mail Delivery System <MAILER-DAEMON@mx.mail.example>\r\nTo: honten@shop.example\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\n"
        f"<{recipient}>: host mx.mail.example said: 550 5.1.1 User unknown\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.mail.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message_id or letter_sent.message_id}\r\n"
        f"To: {recipient}\r\nSubject: x\r\n\r\n--b--\r\n"
    ).encode()


@pytest.mark.parametrize(("status", "answers"), [("reading", 0), ("active", 1)])
def test_a_mail_becomes_an_inquiry_and_is_answered_only_after_start(imap, now, status, answers):
    mailbox = make_mailbox(imap.port, status=status)
    imap.deliver(letter(1, body="革のバッグの色違いはありますか。", subject="question"))
    go(mailbox, now)
    assert Inquiry.objects.get().subject == "question"
    assert IncomingMail.objects.get().state == State.FILED
    assert OutgoingMail.objects.count() == answers
    imap.new_validity()
    go(mailbox, now)
    assert Message.objects.filter(kind="received").count() == 1
    assert imap.changes == []


def test_a_letter_that_comes_back_stops_its_address(imap, smtp_sink, now):
    sent = queue()
    delivery.sweep(now)
    sent.refresh_from_db()
    mailbox = make_mailbox(imap.port, status="active")
    imap.deliver(dsn(sent))
    go(mailbox, now)
    sent.refresh_from_db()
    assert (sent.bounce_code, sent.bounced_at) == ("user_unknown", now)
    assert suppressions.blocked("hanako@mail.example", "transactional") == "bounced"
    assert not Inquiry.objects.exists()
    assert OutgoingMail.objects.count() == 1  # nobody answers a report


def test_a_forged_report_stops_nothing(imap, smtp_sink, now):
    sent = queue()
    delivery.sweep(now)
    mailbox = make_mailbox(imap.port, status="active")
    imap.deliver(dsn(sent, message_id="<guess@shop.example>"))
    imap.deliver(dsn(sent, recipient="taro@mail.example"))
    go(mailbox, now)
    assert suppressions.blocked("hanako@mail.example", "transactional") == ""
    assert suppressions.blocked("taro@mail.example", "transactional") == ""


def test_an_error_is_read_again_with_the_chosen_charset(imap, now, owner, signed_in, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: now)
    mailbox = make_mailbox(imap.port)
    head = b"From: hanako@mail.example\r\nSubject: x\r\nMessage-ID: <g@mail.example>\r\nContent-Type: text/plain; charset=big5\r\n\r\n"
    imap.deliver(head + "返品をお願いします。".encode("euc-jp"))
    receiving.sweep(now)
    IncomingMail.objects.update(state=State.ERROR, reason="ValueError", attempts=2)
    mail = IncomingMail.objects.get()
    address = reverse("desk-mail:incoming-read-again", args=[mail.pk])
    signed_in(owner).post(address, {"seen": "error:2", "charset": "euc-jp"})
    filing.sweep(now)
    mail.refresh_from_db()
    assert mail.state == State.FILED
    assert Message.objects.get(kind="received").body == "返品をお願いします。"
    assert mailbox.incoming.count() == 1
