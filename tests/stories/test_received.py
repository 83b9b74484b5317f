"""Mail comes in and is answered: from a real mailbox, through the worker, onto the screen and back into the thread."""

import base64

import pytest

from inquiries.models import Inquiry, Message
from inquiries.tasks import sweep_filing
from shopdesk.desk.models import Heartbeat
from shopdesk.desk.tasks import heartbeat
from shopdesk.mail.models import IncomingMail, OutgoingMail, Suppression
from shopdesk.mail.tasks import sweep_mailboxes, sweep_outgoing
from tests import make
from tests.filing.make import PNG, raw_mail
from tests.imap_server import ImapServer
from tests.receiving.make import make_mailbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def imap():
    with ImapServer() as server:
        yield server


@pytest.fixture
def desk(open_page, sign_in, worker):
    """A signed-in manager's browser, with the worker running."""
    make.make_store()
    manager = make.make_user("mari@shop.example", name="森 まり", role="manager")
    page = open_page(1280)
    sign_in(page, manager)
    return page


@pytest.fixture
def fetch(worker, wait, story_clock):
    """Ring the mailboxes and the filing, and wait until the worker is through; the clock moves on a minute each time."""

    def ring():
        from datetime import timedelta

        story_clock.set(story_clock.moment + timedelta(minutes=1))
        for sweeps in ([sweep_mailboxes], [sweep_filing], [sweep_outgoing]):
            Heartbeat.objects.all().delete()
            for sweep in sweeps:
                sweep.delay()
            heartbeat.delay()
            wait(Heartbeat.objects.exists, seconds=30, what="the worker's heartbeat")

    return ring


def japanese_mail():
    """A mail as an old Windows program writes it: ISO-2022-JP with NEC's ① under the plain label, raw in the subject."""
    subject = base64.b64encode("財布の名入れ①について".encode("cp932")).decode()
    body = "髙橋です。\r\n名入れの①書体と②色を教えてください。\r\n".encode("cp932")
    head = (
        "From: =?UTF-8?B?6auZ5qmL?= <hanako@mail.example>\r\nTo: support@shop.example\r\n"
        f"Subject: =?Shift_JIS?B?{subject}?=\r\nMessage-ID: <win-1@mail.example>\r\n"
        "Date: Fri, 20 Nov 2026 09:00:00 +0900\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=Shift_JIS\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    ).encode()
    return head + body


def test_a_japanese_mail_is_read_answered_and_answered_again(desk, imap, fetch, smtp_sink):
    make_mailbox(imap.port, status="active")
    imap.deliver(japanese_mail())
    fetch()
    inquiry = Inquiry.objects.get()
    assert (inquiry.subject, inquiry.email) == ("財布の名入れ①について", "hanako@mail.example")
    assert [message.message["In-Reply-To"].strip() for message in smtp_sink.messages] == ["<win-1@mail.example>"]

    desk.goto(f"/admin/inquiries/{inquiry.pk}/")
    assert "名入れの①書体と②色を教えてください。" in desk.inner_text("#thread")
    desk.fill("#composer-body", "書体は三種類、色は二色ございます。")
    desk.click("#reply-form .popover > summary")
    desk.click("#reply-form button[name=then][value=solved]")
    desk.wait_for_selector("#thread :text('書体は三種類')")
    fetch()
    reply = smtp_sink.messages[-1]
    assert "<win-1@mail.example>" in reply.message["References"]

    # The customer answers with everything quoted below: it joins, reopens, and the quote is folded away.
    quoted = "\n".join(f"> {line}" for line in reply.text.splitlines())
    answer = f"ありがとうございます。黒でお願いできますか？\n\n2026年11月20日(金) 10:05 くらしの道具店 <honten@shop.example>:\n{quoted}"
    imap.deliver(
        raw_mail(
            answer,
            sender="髙橋 <hanako@mail.example>",
            subject=f"Re: {reply.subject}",
            In_Reply_To=reply.message_id.strip(),
        )
    )
    fetch()
    inquiry.refresh_from_db()
    assert Inquiry.objects.count() == 1
    assert inquiry.status == "open"
    desk.goto(f"/admin/inquiries/{inquiry.pk}/")
    last = desk.locator(".message-received").last
    assert "黒でお願いできますか？" in last.inner_text()
    assert Message.objects.filter(kind="received").last().folded.count("書体は三種類") == 1
    # Fetching again files nothing twice, and the mailbox was only read.
    fetch()
    assert Message.objects.filter(kind="received").count() == 2
    assert not any(mail.flags for folder in imap.folders.values() for mail in folder.mails if hasattr(mail, "flags"))


def test_a_hostile_mail_runs_nothing_and_asks_nobody(desk, imap, fetch):
    make_mailbox(imap.port)
    html = (
        "<p>こんにちは <img src='cid:pic'> <img src='https://tracker.example/pixel.gif'>"
        "<script>window.top.hit=1;document.title='hit'</script><svg onload='top.hit=1'></svg>"
        "<a href='javascript:top.hit=1'>click</a><iframe src='https://tracker.example/'></iframe>"
        "<style>@import url(https://tracker.example/x.css)</style></p>"
    )
    imap.deliver(
        raw_mail(
            "こんにちは",
            subject="<script>top.hit=1</script>届いた品の写真",
            sender="<img src=x onerror=top.hit=1> <eve@mail.example>",
            html=html,
            files=[("pic.png", "image", "png", PNG, "pic"), ("x.html", "text", "html", b"<script>1</script>", "")],
        )
    )
    fetch()
    inquiry = Inquiry.objects.get()
    asked = []
    desk.on("request", lambda request: asked.append(request.url))
    desk.goto("/admin/inquiries/")
    desk.goto(f"/admin/inquiries/{inquiry.pk}/")
    for toggle in desk.locator(".message-received details > summary").all():
        toggle.click()
    desk.wait_for_load_state("networkidle")
    desk.wait_for_timeout(300)
    assert desk.evaluate("window.hit") is None
    assert desk.title() != "hit"
    assert [url for url in asked if "tracker" in url] == []
    frame = desk.request.get(f"/admin/inquiries/messages/{inquiry.messages.first().pk}/html/")
    assert "sandbox" in frame.headers["content-security-policy"]
    assert "<script" not in frame.text()
    attachment = next(one for one in inquiry.messages.first().attachments.all() if one.name == "x.html")
    download = desk.request.get(f"/admin/inquiries/attachments/{attachment.pk}/")
    assert download.headers["content-disposition"].startswith("attachment")
    assert download.headers["x-content-type-options"] == "nosniff"


def test_a_returned_mail_stops_the_address_and_a_forged_one_does_not(desk, imap, fetch, smtp_sink, story_clock):
    from shopdesk.mail import outbox

    make_mailbox(imap.port)
    letter = outbox.queue(
        key="story:1", to_address="gone@mail.example", from_address="honten@shop.example", from_name="店",
        subject="ご案内", text="本文", now=story_clock.moment,
    )  # fmt: skip
    fetch()
    assert OutgoingMail.objects.get(pk=letter.pk).state == OutgoingMail.State.SENT

    def bounce(message_id, address):
        return (
            "From: MAILER-DAEMON@mx.example\r\nTo: honten@shop.example\r\nSubject: Undelivered Mail Returned to Sender\r\n"
            f"Message-ID: <b-{address}>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\r\n\r\n'
            "--x\r\nContent-Type: text/plain\r\n\r\nuser unknown\r\n"
            "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
            f"Final-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
            "Diagnostic-Code: smtp; 550 5.1.1 user unknown\r\n\r\n"
            f"--x\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {message_id}\r\nTo: {address}\r\nSubject: x\r\n\r\nx\r\n--x--\r\n"
        ).encode()

    imap.deliver(bounce("<forged@shop.example>", "hanako@mail.example"))
    imap.deliver(bounce(letter.message_id, "gone@mail.example"))
    fetch()
    assert list(Suppression.objects.values_list("address", "reason")) == [("gone@mail.example", "bounced")]
    assert not Inquiry.objects.exists()
    desk.goto(f"/admin/mail/{letter.pk}/")
    assert "gone@mail.example" in desk.inner_text("main")
    desk.goto("/admin/mail/stopped/")
    assert "gone@mail.example" in desk.inner_text("main")


def test_a_mail_that_could_not_be_read_is_retried_by_hand(desk, imap, fetch, wait, story_clock):
    mailbox = make_mailbox(imap.port)
    raw = raw_mail("読めるはずの本文です。")
    stuck = IncomingMail.objects.create(
        mailbox=mailbox, source_key="story:1", sha256="0" * 64, raw=raw, size=len(raw), received_at=story_clock.moment,
        next_try_at=story_clock.moment, state="error", reason="failed_twice", subject="財布について",
    )  # fmt: skip
    desk.goto("/admin/mail/errors/")
    assert "財布について" in desk.inner_text("main")
    desk.goto(f"/admin/mail/errors/{stuck.pk}/")
    desk.locator(f"form[action$='/errors/{stuck.pk}/read-again/'] button").first.click()
    wait(lambda: IncomingMail.objects.exclude(state="error").exists(), what="the letter in the queue again")
    fetch()
    stuck.refresh_from_db()
    assert stuck.state == "filed"
    assert "読めるはずの本文です。" in Inquiry.objects.get().messages.get(kind="received").body


def test_an_uncertain_letter_is_settled_by_hand(desk, smtp_sink, fetch, wait, story_clock):
    from shopdesk.mail import outbox
    from tests.sink import DROP

    smtp_sink.say("data", DROP)  # taken in, and the line goes dead before the answer
    letter = outbox.queue(
        key="story:2", to_address="hanako@mail.example", from_address="honten@shop.example", from_name="店",
        subject="ご返信", text="本文", now=story_clock.moment,
    )  # fmt: skip
    fetch()
    fetch()
    letter.refresh_from_db()
    assert letter.state == OutgoingMail.State.UNCERTAIN
    assert len(smtp_sink.messages) == 1
    desk.goto("/admin/mail/?show=attention")
    assert "ご返信" in desk.inner_text("main")
    desk.goto(f"/admin/mail/{letter.pk}/")
    desk.locator(f"form[action$='/{letter.pk}/mark-sent/'] button").first.click()
    sent = OutgoingMail.objects.filter(pk=letter.pk, state=OutgoingMail.State.SENT)
    wait(sent.exists, what="the letter noted as sent")
    fetch()
    assert len(smtp_sink.messages) == 1
