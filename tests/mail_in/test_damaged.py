"""Mail whose form contradicts itself: what the sender wrote is shown all the same."""

import base64

import pytest

from shopdesk.mail.parsing import parse
from tests.mail_in.eml_source import jis, word
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


# --- a text under the name of quoted-printable -------------------------------------------------------------------------
def quoted(data, charset="utf-8"):
    kind = f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: quoted-printable\r\n"
    return read(kind.encode(), data)


def test_a_text_that_was_never_quoted():
    words = "出荷の書類と所在地、出荷日と処理状況の表示、初回の食品"
    assert quoted(words.encode("iso2022_jp"), "ISO-2022-JP").text == words
    plain = "see https://x.example/?id=20&a=b&c=d&e=f&g=h"
    assert quoted(plain.encode()).text == plain


def test_a_text_that_was_quoted():
    words = "出荷の書類"
    coded = words.encode("iso2022_jp").replace(b"=", b"=3D")
    assert quoted(coded, "ISO-2022-JP").text == words
    assert quoted(coded.replace(b"\x1b", b"=1B"), "ISO-2022-JP").text == words
    assert quoted(b"a=3Db and =E5=87=BA, c = d =\r\nend").text == "a=b and 出, c = d end"
    assert quoted(b"1 + 1 = 2").text == "1 + 1 = 2"


# --- parts that the header does not divide -----------------------------------------------------------------------------
PARTS = (
    b"--edge42\r\nContent-Type: text/plain\r\n\r\nwritten\r\n"
    b"--edge42\r\nContent-Type: image/gif; name=a.gif\r\n\r\nGIF\r\n--edge42--\r\n"
)


@pytest.mark.parametrize(
    "kind",
    [
        b"multipart/mixed",
        b"multipart/mixed; boundary=another",
        b'multipart/mixed; boundary=""',
        b"multipart/mixed; boundary='edge42'",
        b"multipart/mixed; boundary=edge42 (as we say)",
        b"text/plain; charset=utf-8\r\nContent-Type: multipart/mixed; boundary=edge42",
        b'multipart/mixed boundary="edge42"',
    ],
)
def test_the_line_that_divides_is_found(kind):
    mail = read(b"Content-Type: " + kind + b"\r\n", PARTS)
    assert (mail.text, [file.name for file in mail.attachments]) == ("written", ["a.gif"])


@pytest.mark.parametrize(
    "data",
    [
        b"Thank you.\r\n-----Original Message-----\r\n\r\n> hello\r\n",
        b"Thank you.\r\n-- \r\nHanako\r\n",
        b"Thank you.\r\n--Hanako\r\n\r\nPS: soon\r\n",
    ],
)
def test_a_rule_or_a_signature_divides_nothing(data):
    mail = read(b"Content-Type: multipart/mixed; boundary=x\r\n", data)
    assert mail.text == data.decode().replace("\r\n", "\n").strip()


# --- types -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "kind",
    [b"", b"Content-Type:\r\n", b"Content-Type: html\r\n", b'Content-Type: "text/html"\r\n', b"Content-Type: x\r\n"],
)
def test_html_without_a_type_that_can_be_read(kind):
    mail = read(kind, b"<html><body><p>hello</p></body></html>")
    assert (mail.text, mail.html) == ("hello", "<p>hello</p>")


def test_a_text_that_only_speaks_of_html_stays_a_text():
    assert read(b"", b"The <html> of your page is broken: <p>").html == ""
    assert read(b"Content-Type: text/plain\r\n", b"<html><p>as I wrote it</p></html>").text.startswith("<html>")


@pytest.mark.parametrize("kind", [b"text/markdown", b"text/x-unknown; charset=utf-8", b"text/enriched"])
def test_a_text_of_another_kind_is_read(kind):
    mail = read(b"Content-Type: " + kind + b"\r\n", "**返品**".encode())
    assert (mail.text, mail.attachments) == ("**返品**", ())


@pytest.mark.parametrize(
    "kind", [b"text/calendar", b"text/x-vcard", b"text/plain; name=a.txt\r\nContent-Disposition: attachment"]
)
def test_a_text_that_is_a_file_stays_one(kind):
    assert len(read(b"Content-Type: " + kind + b"\r\n", b"BEGIN").attachments) == 1


def test_the_letter_for_another_reader_is_no_attachment():
    data = b"--B\r\n\r\nplain\r\n--B\r\nContent-Type: text/x-amp-html\r\n\r\n<html amp4email>\r\n--B\r\nContent-Type: text/html\r\n\r\n<p>h</p>\r\n--B--\r\n"
    mail = read(b"Content-Type: multipart/alternative; boundary=B\r\n", data)
    assert (mail.text, mail.html, mail.attachments) == ("plain", "<p>h</p>", ())


def test_a_sender_behind_a_space_before_the_colon():
    mail = parse(b"From : Hanako <hanako@example.jp>\r\nSubject : s\r\n\r\nx")
    assert (mail.sender.address, mail.subject, mail.text) == ("hanako@example.jp", "s", "x")
    assert parse(b"From hanako@example.jp Mon Jan  1 00:00:00 2024\r\n" + HEAD + b"\r\nx").sender.name == "Hanako"


def test_references_to_controls_do_not_come_through():
    written = b"<html><p>a&#13;b&#0;c&#x0;d&#133;e&#11;f&#xD800;g&#27;h&#8232;i</p>&#13;&#10;</html>"
    for kind in (b"Content-Type: text/html\r\n", b""):
        mail = read(kind, written)
        assert [char for char in mail.html + mail.text if ord(char) < 32 and char != "\n"] == []


# --- names of files ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment filename="a.pdf"', "a.pdf"),
        ('attachment, filename="a.pdf"', "a.pdf"),
        ("filename=a.pdf", "a.pdf"),
        ("attachment\r\n filename*0*=utf-8''%E8%A6%8B\r\n filename*1*=%E7%A9%8D\r\n filename*2=.pdf", "見積.pdf"),
        ("attachment; filename=my\r\n file 1.pdf\r\n size=3", "my file 1.pdf"),
        ("attachment; filename='a.pdf'", "a.pdf"),
        ("attachment; filename=my file 1.pdf; size=3", "my file 1.pdf"),
        ('attachment; filename="%E8%A6%8B%E7%A9%8D.pdf"', "見積.pdf"),
        ('attachment; filename="%8C%A9%90%CF.pdf"', "見積.pdf"),
        ('attachment; filename="50%25 off 100%.pdf"', "50%25 off 100%.pdf"),
        ("attachment; filename*0*=utf-8''%E8%A6; filename*1=%8B%E7%A9%8D.pdf", "見積.pdf"),
        ("attachment; filename*0*=utf-8''%E8%A6%8B; filename*1=\"100%.pdf\"", "見100%.pdf"),
        ("attachment; filename*1*=%E7%A9%8D.pdf; filename*0*=utf-8''%E8%A6%8B", "見積.pdf"),
        ("attachment; filename*1*=utf-8''%E8%A6%8B; filename*2*=%E7%A9%8D.pdf", "見積.pdf"),
        ('attachment; filename="%2e%2e%2fetc%2fpasswd%E8%A6%8B"', "etc_passwd見"),
    ],
)
def test_names(disposition, name):
    head = f"Content-Type: application/pdf\r\nContent-Disposition: {disposition}\r\n".encode()
    assert [file.name for file in read(head, b"x").attachments] == [name]


@pytest.mark.parametrize(
    "disposition",
    [
        word('attachment; filename="見積ソ.pdf"'.encode(), "utf-8"),
        b"attachment; " + word('filename="見積ソ.pdf"'.encode(), "utf-8"),
        b"attachment; filename=\"utf-8''%E8%A6%8B%E7%A9%8D%E3%82%BD.pdf\"",
        b"attachment; filename=\"=?utf-8''%E8%A6%8B%E7%A9%8D%E3%82%BD.pdf?=\"",
        b'attachment; filename="' + jis("見積ソ.pdf") + b'"',
        b'attachment; filename="' + "見積ソ.pdf".encode("cp932") + b'"; size=3',
        b'attachment; filename="' + "見積ソ.pdf".encode("euc_jp") + b'"',
    ],
)
def test_names_of_odd_programs(disposition):
    head = b"Content-Type: application/pdf\r\nContent-Disposition: " + disposition + b"\r\n"
    assert [file.name for file in read(head, b"x").attachments] == ["見積ソ.pdf"]


def test_marks_that_are_bytes_of_a_name():
    for name in ("あれ；これ", "価格表ソ", "構わないソ", "見本「き」"):
        for data in (jis(name), name.encode("cp932")):
            head = b'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="' + data + b'"\r\n'
            assert [file.name for file in read(head, b"x").attachments] == [name]
    for name, charset in (("отчёт.pdf", "koi8-r"), ("Größe.pdf", "iso-8859-1")):
        head = f"Content-Type: text/csv; charset={charset}\r\nContent-Disposition: attachment; filename=".encode()
        assert [file.name for file in read(head + name.encode(charset) + b"\r\n", b"x").attachments] == [name]


def test_a_name_that_was_lost_in_one_place_is_read_in_the_other():
    head = b'Content-Type: application/pdf; name="=?utf-8?B?6KaL56mNLnBkZg==?="\r\n'
    head += b'Content-Disposition: attachment; filename="??.pdf"\r\n'
    assert [file.name for file in read(head, b"x").attachments] == ["見積.pdf"]


# --- mail inside of mail -----------------------------------------------------------------------------------------------
INNER = "From: 店 <shop@shop.example>\r\nSubject: ご注文 R-1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n発送しました。\r\n".encode()


def forwarded(*mails, comment=b""):
    parts = b"--B\r\nContent-Type: text/plain\r\n\r\n" + comment + b"\r\n"
    parts += b"".join(b"--B\r\nContent-Type: message/rfc822\r\n\r\n" + mail + b"\r\n" for mail in mails)
    return read(b"Content-Type: multipart/mixed; boundary=B\r\n", parts + b"--B--\r\n")


def test_a_mail_passed_on_without_a_word_is_read():
    mail = forwarded(INNER)
    assert mail.text == (
        "---------- Forwarded message ---------\nFrom: 店 <shop@shop.example>\nSubject: ご注文 R-1\n\n発送しました。"
    )
    assert mail.reply_text == mail.text
    assert [file.type for file in mail.attachments] == ["message/rfc822"]
    assert (mail.sender.address, mail.subject) == ("hanako@example.jp", "t")


def test_with_words_of_ones_own_it_stays_a_file():
    assert forwarded(INNER, comment=b"please look").text == "please look"


def test_only_so_many_and_only_one_level():
    assert forwarded(*[INNER] * 5).text.count("発送しました") == 3
    deep = b"Content-Type: message/rfc822\r\n\r\n" + INNER
    assert forwarded(deep).text == ""
    bomb = b"Content-Type: multipart/mixed; boundary=A\r\n\r\n" + b"--A\r\n\r\n" * 20_000
    assert forwarded(b"From: x@y.example\r\n" + bomb).subject in ("t", "")


def test_one_odd_byte_makes_no_japanese():
    head = b'Content-Type: application/pdf; name="=?windows-1252?Q?Quien_Te_Dij=8Fat=2E_Pitbull=2Emp3?="\r\n'
    assert read(head, b"x").attachments[0].name == "Quien Te Dijat. Pitbull.mp3"
    assert read(b"Content-Type: text/plain; charset=windows-1252\r\n", "注文番号".encode("cp932")).text == "注文番号"
