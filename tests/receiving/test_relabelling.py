"""「文字化け」: the charset that a person chose takes the place of the sender's."""

import base64

import pytest

from shopdesk.mail.incoming import CHARSETS
from shopdesk.mail.parsing import parse
from shopdesk.mail.relabelling import relabelled

WORDS = "返品をお願いします。①髙橋"


def mail(body, label="iso-8859-1", subject_label="x-unknown", charset="cp932"):
    subject = base64.b64encode("返品について".encode(charset)).decode()
    line = f"Content-Type: text/plain;\r\n charset={label}\r\n" if label else ""
    return f"Subject: =?{subject_label}?B?{subject}?=\r\nFrom: a@mail.example\r\n{line}\r\n".encode() + body


@pytest.mark.parametrize("label", ["iso-8859-1", '"x-unknown"', "", "utf-8"])
@pytest.mark.parametrize("charset", ["cp932", "utf-8", "gb18030"])
def test_the_chosen_charset_is_read(charset, label):
    words = WORDS if charset != "gb18030" else "退货请求，谢谢您的帮助"
    raw = mail(words.encode(charset), label, charset="cp932" if charset == "cp932" else charset)
    read = parse(relabelled(raw, charset))
    assert read.text.strip() == words
    assert read.subject == "返品について"


def test_nothing_chosen_changes_nothing():
    raw = mail(WORDS.encode("cp932"))
    assert relabelled(raw, "") is raw


def test_a_subject_that_is_right_stays_right():
    subject = "=?iso-2022-jp?B?" + base64.b64encode("返品".encode("iso-2022-jp")).decode() + "?="
    raw = f"Subject: {subject}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n".encode() + WORDS.encode("cp932")
    read = parse(relabelled(raw, "cp932"))
    assert (read.subject, read.text.strip()) == ("返品", WORDS)


@pytest.mark.parametrize("charset", [code for code, _ in CHARSETS])
@pytest.mark.parametrize(
    "raw", [b"", b"\x00" * 100, b"Content-Type: text/", b"=?x?B?" * 5000, b"Content-Type: text/" + b";charset=" * 20000]
)
def test_damaged_mail_is_read_under_every_choice(raw, charset):
    parse(relabelled(raw, charset))
