"""The bytes on the wire, as a real server took them in."""

from email.header import decode_header

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from shopdesk.mail import delivery, message
from shopdesk.mail.models import OutgoingMail
from tests.mail.make import queue

pytestmark = pytest.mark.django_db
UNSUBSCRIBE = {"List-Unsubscribe": "<https://shop.example/preferences/a,b;c/>"}
EVIL = [
    "x\r\nBcc: eve@mail.example",
    "x\nBcc: eve@mail.example",
    "x\rBcc: eve@mail.example",
    "x\u2028Bcc: eve@mail.example",
    "x\x00\r\n\r\n<script>body</script>",
    "あ\r\n Bcc: eve@mail.example",
    "x\x85Bcc: eve@mail.example\x0b\x0c",
    '"\r\n.\r\nMAIL FROM:<eve@mail.example>\r\nRCPT TO:<eve@mail.example>\r\n',
]
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    "Auto-Submitted", "X-Auto-Response-Suppress",
}  # fmt: skip


def send(sink, now, **fields):
    mail = queue(**fields)
    delivery.sweep(now)
    mail.refresh_from_db()
    assert mail.state == OutgoingMail.State.SENT, mail.detail
    (received,) = sink.messages
    return received


def test_a_japanese_letter(smtp_sink, now):
    subject = "【くらしの道具店】ご注文の商品につきまして、大切なお知らせがございます（#1001）" * 2
    got = send(smtp_sink, now, subject=subject, text="花子様\n①㈱髙﨑 😀\n.\n..行頭の点\n")
    assert got.subject == subject
    assert got.text == "花子様\n①㈱髙﨑 😀\n.\n..行頭の点\n"
    message = got.message
    assert message["Date"] == "Fri, 20 Nov 2026 10:00:00 +0900"
    assert message["Message-ID"] == OutgoingMail.objects.get().message_id
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert set(message.keys()) == HEADERS
    assert all(len(line) <= 80 for line in got.raw.split(b"\r\n"))
    assert got.raw.isascii()


@pytest.mark.parametrize("name", ["Subject", "From", "X-A-Header-With-A-Name-That-Is-Far-Longer-Than-Any-We-Know-Of"])
@pytest.mark.parametrize(
    "words", ["山", "髙﨑 #1", "😀" * 40, "é" * 80, "ご注文ありがとうございます。" * 20, "=?utf-8?b?x?= あ"]
)
def test_words_that_are_no_ascii_are_folded_between_letters(name, words):
    lines = message._encoded(words, name).split("\r\n ")
    assert "".join(decode_header(line)[0][0].decode() for line in lines) == words
    assert max(map(len, lines)) <= 75
    assert len(lines[0]) + len(name) + 2 <= 76 or len(name) > 46


def test_text_html_and_a_file(smtp_sink, now):
    key = default_storage.save("mail/領収書", ContentFile(b"%PDF-1.7 \x00\xff"))
    got = send(
        smtp_sink, now, html="<p>花子様</p>",
        attachments=[{"name": "../領収書.pdf", "type": "application/pdf", "storage_key": key}],
    )  # fmt: skip
    kinds = [part.get_content_type() for part in got.message.walk()]
    assert kinds == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf"]
    file = list(got.message.walk())[-1]
    assert file.get_filename() == ".._領収書.pdf"
    assert file.get_payload(decode=True) == b"%PDF-1.7 \x00\xff"
    assert got.html == "<p>花子様</p>"


def test_a_reply_by_a_person_is_threaded_and_not_automatic(smtp_sink, now):
    references = " ".join(f"<{number:060}@mail.example>" for number in range(60))
    got = send(
        smtp_sink, now, automatic=False, in_reply_to="<a@mail.example>", references=references,
        reply_to="inbox@shop.example",
    )  # fmt: skip
    message = got.message
    assert message["In-Reply-To"] == "<a@mail.example>"
    assert message["Reply-To"] == "inbox@shop.example"
    ids = message["References"].split()
    assert len(ids) == 21
    assert (ids[0], ids[-1]) == (references.split()[0], references.split()[-1])
    assert message["Auto-Submitted"] is None
    assert message["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize("mail_class", ["service", "advertising"])
def test_one_click_unsubscribe(smtp_sink, now, mail_class):
    from shopdesk.mail import consents

    consents.give("hanako@mail.example", source="checkout", now=now)
    got = send(smtp_sink, now, mail_class=mail_class, headers=UNSUBSCRIBE)
    assert got.message.get_all("List-Unsubscribe") == ["<https://shop.example/preferences/a,b;c/>"]
    assert got.message.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize(
    "field", ["subject", "from_name", "to_name", "reply_to", "in_reply_to", "references", "header"]
)
def test_nobody_writes_a_header_line(smtp_sink, now, field, evil):
    fields = {"headers": {"Feedback-ID": evil}} if field == "header" else {field: evil}
    got = send(smtp_sink, now, **fields)
    assert got.recipients == ["hanako@mail.example"]
    assert got.sender == "honten@shop.example"
    head = got.raw.split(b"\r\n\r\n")[0]
    names = {line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))}
    assert names <= {name.encode() for name in HEADERS | {"Reply-To", "In-Reply-To", "References", "Feedback-ID"}}
    assert b"\nBcc" not in got.raw
    assert b"\r\n\r\n<script" not in got.raw
    assert not set(head) & {0, 0x0B, 0x0C, 0x85}


@pytest.mark.parametrize("evil", ["hanako@mail.example\r\nRCPT TO:<eve@mail.example>", "hanako@mail.example>\r\nDATA"])
def test_nobody_writes_an_smtp_command(smtp_sink, now, evil):
    mail = queue(to=evil)
    delivery.sweep(now)
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (OutgoingMail.State.FAILED, "bad_address")
    assert smtp_sink.messages == []


def test_evil_file_names_stay_in_their_line(smtp_sink, now):
    key = default_storage.save("mail/file", ContentFile(b"x"))
    names = ['a"; x="\r\nBcc: eve@mail.example', "..\\..\\boot.ini", "\u202egpj.exe", ""]
    got = send(
        smtp_sink, now,
        attachments=[{"name": name, "type": "text/html\r\nBcc: e@x.example", "storage_key": key} for name in names],
    )  # fmt: skip
    assert b"\nBcc" not in got.raw
    files = [part for part in got.message.walk() if part.get_filename()]
    assert [part.get_content_type() for part in files] == ["application/octet-stream"] * 4
    assert [part.get_filename() for part in files] == [
        'a"; x=" Bcc: eve@mail.example', ".._.._boot.ini", "\u202egpj.exe", "file",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "address", ["da.me..@docomo.ne.jp", ".example@ezweb.ne.jp", "a..b-_-.@docomo.ne.jp", "x.@softbank.ne.jp"]
)
def test_carriers_addresses_go_out_as_they_are(smtp_sink, now, address):
    got = send(smtp_sink, now, to=address)
    assert got.recipients == [address]
    assert got.message["To"] == f"=?utf-8?b?5bGx55SwIOiKseWtkA==?= <{address}>"


def test_a_provider_gets_carriers_addresses_quoted(mailoutbox, now):
    mail = queue(to="da.me..@docomo.ne.jp", in_reply_to="<a@mail.example>", html="<p>x</p>")
    delivery.sweep(now)
    mail.refresh_from_db()
    assert mail.state == OutgoingMail.State.SENT
    (sent,) = mailoutbox
    assert sent.to == ['"山田 花子" <"da.me.."@docomo.ne.jp>']
    assert sent.from_email == '"くらしの道具店" <honten@shop.example>'
    assert sent.extra_headers["Message-ID"] == mail.message_id
    assert sent.extra_headers["In-Reply-To"] == "<a@mail.example>"
    assert sent.message()["Message-ID"] == mail.message_id
    assert sent.alternatives[0].content == "<p>x</p>"


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (ConnectionRefusedError(), "PLANNED", "try_again"),
        (TimeoutError(), "UNCERTAIN", "no_answer"),
        (RuntimeError("anything"), "UNCERTAIN", "no_answer"),
        (type("AnymailRecipientsRefused", (Exception,), {})(), "FAILED", "refused"),
        (type("Api", (Exception,), {"status_code": 429})(), "PLANNED", "try_again"),
        (type("Api", (Exception,), {"status_code": 400})(), "FAILED", "refused"),
        (type("Api", (Exception,), {"status_code": 502})(), "UNCERTAIN", "no_answer"),
    ],
)
def test_what_a_providers_error_means(now, monkeypatch, error, state, reason):
    from django.core.mail.backends import locmem

    def send_messages(self, messages):
        raise error

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", send_messages)
    mail = queue()
    delivery.sweep(now)
    mail.refresh_from_db()
    assert (OutgoingMail.State(mail.state).name, mail.reason) == (state, reason)


def test_a_providers_key_never_reaches_the_rows(now, monkeypatch, settings):
    from django.core.mail.backends import locmem

    settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "key-0123456789"}

    def send_messages(self, messages):
        raise RuntimeError("X-Postmark-Server-Token: key-0123456789 refused")

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", send_messages)
    mail = queue()
    delivery.sweep(now)
    mail.refresh_from_db()
    assert mail.detail == "RuntimeError: X-Postmark-Server-Token: ••• refused"
    assert "key-" not in mail.attempts.get().answer
