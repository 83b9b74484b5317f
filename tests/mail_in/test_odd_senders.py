"""Mail of gateways, old phones and odd programs: what they meant is what is read."""

from datetime import UTC, datetime

import pytest

from shopdesk.mail.parsing import parse
from shopdesk.mail.parsing.flowed import joined_lines
from tests.mail_in.fitness import faults

HEAD = b"From: Hanako <hanako@example.jp>\r\nTo: desk@shop.example\r\n"
WORDS = "お世話になっております。担当の高橋です。"


def body(kind, data, extra=b""):
    return HEAD + b"Subject: t\r\nContent-Type: " + kind + b"\r\n" + extra + b"\r\n" + data


@pytest.mark.parametrize("label", [b"iso-8859-1", b"windows-1252", b"us-ascii", b"utf-8", b"Shift_JIS", b"x-unknown"])
@pytest.mark.parametrize("charset", ["euc_jp", "cp932", "utf-8"])
def test_japanese_under_a_western_label(label, charset):
    mail = parse(body(b"text/plain; charset=" + label, WORDS.encode(charset), b"Content-Transfer-Encoding: 8bit\r\n"))
    assert mail.text == WORDS


def test_shift_jis_under_a_chinese_label_and_chinese_under_its_own():
    assert parse(body(b"text/plain; charset=gb2312", WORDS.encode("cp932"))).text == WORDS
    chinese = "您好，我想咨询一下这个订单什么时候发货，谢谢。"
    assert parse(body(b"text/plain; charset=gb2312", chinese.encode("gb18030"))).text == chinese


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("iso-8859-1", "Größe für Café: 5 £, façade, señor, ¿qué?"),
        ("windows-1252", "„Größe“ – ‚klein‘ für 5 €"),
        ("windows-1251", "Здравствуйте, где мой заказ?"),
        ("iso-8859-5", "Здравствуйте, где мой заказ?"),
        ("iso-8859-7", "Καλημέρα, πού είναι η παραγγελία μου;"),
        ("ks_c_5601-1987", "안녕하세요 주문 확인 부탁드립니다"),
        ("big5", "您好，我想詢問訂單"),
    ],
)
def test_others_are_read_by_their_label(label, text):
    mail = parse(
        body(f"text/plain; charset={label}".encode(), text.encode(label if label != "ks_c_5601-1987" else "cp949"))
    )
    assert (mail.text, mail.problems) == (text, ())


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"Subject : spaced\r\n\r\nline1\r\nline2\r\n",
        (HEAD + b"Subject: spaced\r\n\r\nline1\r\nline2\r\n").replace(b"\r\n", b"\r\r\n"),
        (HEAD + b"Subject: spaced\r\n\r\nline1\r\nline2\r\n").replace(b"\r\n", b"\r"),
        (HEAD + b"Subject: spaced\r\n\r\nline1\r\nline2\r\n").decode().encode("utf-16"),
        b"\r\n\r\n" + HEAD + b"Subject: spaced\r\n\r\nline1\nline2\r\n",
        b"\xef\xbb\xbf" + HEAD + b"no header\r\nSubject: spaced\r\n\r\nline1\rline2\r\n",
    ],
    ids=["space before the colon", "CR CR LF", "CR", "UTF-16", "empty lines first", "BOM and a line without colon"],
)
def test_lines_that_end_and_begin_oddly(raw):
    mail = parse(raw)
    assert (mail.sender.address, mail.subject, mail.text) == ("hanako@example.jp", "spaced", "line1\nline2")
    assert faults(mail) == []


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("Sun, 22 Nov 2026 10:00:00 JST", 1),
        ("Sun, 22 Nov 2026 10:00:00 (JST)", 1),
        ("Sun Nov 22 10:00:00 JST 2026", 1),
        ("Sun, 22 Nov 2026 10:00:00 GMT+9", 1),
        ("Sun, 22 Nov 2026 10:00:00 +9", 1),
        ("Sun, 22 Nov 2026 10:00:00 +9:00", 1),
        ("Sun, 22 Nov 26 10:00:00 +0900", 1),
        ("Sun, 22 Nov 126 10:00:00 +0900", 1),
        ("Sun, 22 Nov 2026 10:00:00 +0900 (東京 (標準時))", 1),
        ("日, 22 11月 2026 10:00:00 +0900", 1),
        ("令和8年11月22日 10:00:00", 1),
        ("2026年11月22日(日) 10時00分", 1),
        ("2026-11-22T10:00:00.123+09:00", 1),
        ("Sun, 22 Nov 2026 10:00:00 GMT", 10),
        ("Sun, 22 Nov 2026 10:00:00 -0000", 10),
        ("Sun, 22 Nov 2026 10:00:00", 10),
        ("Sun, 22 Nov 2026 10:00:00 EST", 15),
    ],
)
def test_clocks(written, hour):
    mail = parse(HEAD + f"Date: {written}\r\nSubject: d\r\n\r\nx".encode())
    assert mail.date == datetime(2026, 11, 22, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    "written", ["", "x", "Sun, 22 Nov 99999 10:00:00 +0900", "Fri, 31 Feb 2026 10:00:00 +0900", "Thu, 1 Jan 1970 00:00:00 +0000", "令和99999年1月1日 0:00"]
)  # fmt: skip
def test_no_moments(written):
    assert parse(HEAD + f"Date: {written}\r\n\r\nx".encode()).date is None


def test_a_leap_second_is_the_second_before():
    mail = parse(HEAD + b"Date: Sun, 22 Nov 2026 10:00:60 +0900\r\n\r\nx")
    assert mail.date == datetime(2026, 11, 22, 1, 0, 59, tzinfo=UTC)


def test_flowed_lines_are_paragraphs():
    japanese = "これは長い行で \r\nす。次の文 \r\nです。\r\n> 引用 \r\n> です\r\n>> 深い\r\n-- \r\n署名\r\n".encode()
    mail = parse(body(b"text/plain; charset=utf-8; format=flowed; delsp=yes", japanese))
    assert mail.text == "これは長い行です。次の文です。\n> 引用です\n>> 深い\n-- \n署名"
    assert joined_lines("a \nb\n from\n \n\nc ", delete_space=False) == "a b\nfrom\n\n\nc "
    assert joined_lines("> a \nmine", delete_space=False) == "> a \nmine"


def test_a_list_servers_footer_is_not_decoded_with_the_text():
    mail = parse(
        body(
            b"text/plain; charset=utf-8",
            b"44GT44KT44Gr44Gh44Gv5LiW55WM\r\n\r\n-- \r\nlist@example.jp\r\n",
            b"Content-Transfer-Encoding: base64\r\n",
        )
    )
    assert (mail.text, mail.problems) == ("こんにちは世界", ("encoding",))


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("Hanako <<hanako@example.jp>>", "Hanako", "hanako@example.jp"),
        ("hanako@example.jp.", "", "hanako@example.jp"),
        ("da.me..@docomo.ne.jp", "", "da.me..@docomo.ne.jp"),
        ("<mailto:hanako@example.jp>", "", "hanako@example.jp"),
        ("alice@shop.jp<evil@x.example>", "alice@shop.jp", "evil@x.example"),
        ('"alice@shop.jp" <evil@x.example>', "alice@shop.jp", "evil@x.example"),
        ("Yamada, Hanako <hanako@example.jp>", "Yamada, Hanako", "hanako@example.jp"),
        ("山田, 花子 <hanako@example.jp>", "山田, 花子", "hanako@example.jp"),
        ("other@example.jp, Hanako <hanako@example.jp>", "", "other@example.jp"),
        ("a list: Hanako <hanako@example.jp>;", "Hanako", "hanako@example.jp"),
        ("山田花子＜hanako@example.jp＞", "山田花子", "hanako@example.jp"),
        ("Hanako <hanako＠example.jp>", "Hanako", "hanako@example.jp"),
        ("＜店＞ <hanako@example.jp>", "＜店＞", "hanako@example.jp"),
        ("Hanako &lt;hanako@example.jp&gt;", "Hanako", "hanako@example.jp"),
        ("[hanako@example.jp]", "", "hanako@example.jp"),
        ("hanako @ example.jp", "", "hanako@example.jp"),
        ("Hanako (hanako@example.jp)", "Hanako", "hanako@example.jp"),
        ("hanako@[IPv6:2001:db8::1]", "", "hanako@[IPv6:2001:db8::1]"),
    ],
)
def test_senders(written, name, address):
    mail = parse(f"From: {written}\r\nSubject: s\r\n\r\nx".encode())
    assert (mail.sender.name, mail.sender.address) == (name, address)


def test_an_address_too_long_for_one_is_not_cut_into_somebody_elses():
    assert parse(b"From: " + b"a" * 300 + b"@example.jp\r\n\r\nx").sender.address == ""


def test_a_file_name_hides_nothing():
    raw = b"Content-Type: text/x\r\nContent-Disposition: attachment; filename*=utf-8''.ht%E2%80%8Baccess%E2%80%AE\xe2\x80\x8b\r\n\r\nx"
    assert [file.name for file in parse(HEAD + raw).attachments] == ["htaccess"]


def test_a_gateway_that_dropped_the_escape_characters():
    mail = parse(body(b"text/plain; charset=iso-2022-jp", b"$B$3$s$K$A$O(B, $5.00 (B)\r\n"))
    assert mail.text == "こんにちは, $5.00 (B)"


def test_a_pictures_id_in_any_case_and_the_ground_that_light_letters_stand_on():
    html = b'<html><body bgcolor="#000000"><font color=yellow>x</font><img src="CID:ABC@x"></body></html>'
    parts = b"--B\r\nContent-Type: text/html\r\n\r\n" + html
    parts += b"\r\n--B\r\nContent-Type: image/gif\r\nContent-ID: <abc@x>\r\n\r\nGIF89a\r\n--B--\r\n"
    mail = parse(body(b"multipart/related; boundary=B", parts))
    assert mail.html.startswith('<div style="background-color:#000000"><font color="yellow">x</font>')
    assert 'src="cid:abc@x"' in mail.html
    assert [file.inline for file in mail.attachments] == [True]


def test_the_ground_is_a_colour_and_nothing_else():
    for ground in (b"red;position:fixed", b"url(http://e.example/x)", b'"><script>', b"#0000000000"):
        mail = parse(body(b"text/html", b"<body bgcolor=" + ground + b"><p>x</p></body>"))
        assert "position" not in mail.html
        assert "url" not in mail.html
        assert "script" not in mail.html
