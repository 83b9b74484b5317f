"""Mail whose form contradicts itself: what the sender wrote is shown all the same."""

import base64

import pytest

from shopdesk.mail.parsing import parse
from tests.mail_in.fitness import faults

HEAD = b"From: Hanako <hanako@example.jp>\r\nTo: desk@shop.example\r\nSubject: t\r\n"
B64 = b"Content-Transfer-Encoding: base64\r\n"


def read(headers, data):
    mail = parse(HEAD + headers + b"\r\n" + data)
    assert faults(mail) == []
    return mail


# --- a text under the name of base64 ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "written",
    [
        "返品したいです。よろしくお願いします。",
        "Hello,\n\nI want to return this.\nHanako",
        "please refund my order\n\nthanks",
        "Hi\n\nMy order has not come!",
        "OK",
        "Yes please",
        "1) blue - 2 pieces (size M); 2) red - one, order #12345",
    ],
)
def test_a_text_that_was_never_encoded(written):
    mail = read(b"Content-Type: text/plain; charset=utf-8\r\n" + B64, written.replace("\n", "\r\n").encode())
    assert (mail.text, "encoding" in mail.problems) == (written, True)


@pytest.mark.parametrize(
    "data",
    [
        base64.b64encode("こんにちは世界".encode()),
        base64.b64encode("こんにちは世界".encode()).rstrip(b"="),
        base64.b64encode("こんにちは世界".encode()).replace(b"44", b"4 4"),
        base64.b64encode("こんに".encode() + b"\xe3") + b"\r\n" + base64.b64encode("ちは世界".encode()[1:]),
        base64.b64encode("こんにちは世界".encode())
        + b"\r\n\r\n-- \r\n"
        + "登録解除はこちら！ https://x.example/".encode(),
    ],
    ids=["as it should be", "no padding", "spaces", "two pieces with their own padding", "a list server's words"],
)
def test_a_text_that_was_encoded(data):
    assert read(b"Content-Type: text/plain; charset=utf-8\r\n" + B64, data).text == "こんにちは世界"


def test_a_short_answer_in_shift_jis():
    mail = read(b"Content-Type: text/plain; charset=Shift_JIS\r\n" + B64, base64.b64encode("はい。".encode("cp932")))
    assert (mail.text, mail.problems) == ("はい。", ())


def test_a_file_of_two_pieces():
    data = base64.b64encode(b"PDF-1") + b"\r\n" + base64.b64encode(b"rest")
    file = read(b"Content-Type: application/pdf; name=a.pdf\r\n" + B64, data).attachments[0]
    assert file.content == b"PDF-1rest"
