"""Mails made to hang or to fill a parser. Each is (name, bytes); all are made here, none is kept in a file."""

HEAD = b"From: Eve <eve@mail.example>\r\nTo: desk@shop.example\r\nSubject: bomb\r\nMIME-Version: 1.0\r\n"


def _nested(levels: int) -> bytes:
    out = [HEAD, b'Content-Type: multipart/mixed; boundary="b0"\r\n\r\n']
    for level in range(levels):
        out.append(f'--b{level}\r\nContent-Type: multipart/mixed; boundary="b{level + 1}"\r\n\r\n'.encode())
    return b"".join(out)


def _parts(count: int) -> bytes:
    return HEAD + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n\r\n" * count + b"--a--\r\n"


def _html(body: str) -> bytes:
    return HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + body.encode()


def _text(body: bytes) -> bytes:
    return HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body


def _header(name: bytes, value: bytes) -> bytes:
    return b"From: eve@mail.example\r\nSubject: bomb\r\n" + name + b": " + value + b"\r\n\r\nhello\r\n"


def all_bombs() -> list[tuple[str, bytes]]:
    word = b"=?utf-8?B?44GC?= "
    return [
        ("5,000 nested multiparts", _nested(5000)),
        ("300 nested multiparts", _nested(300)),
        ("20,000 tiny parts", _parts(20_000)),
        ("500,000 tiny parts", _parts(500_000)),
        ("4,900 tiny parts", _parts(4_900)),
        ("722 KB subject of encoded words", b"Subject: " + word * 42_000 + b"\r\nFrom: eve@mail.example\r\n\r\nhello\r\n"),
        ("97 KB sender of escaped quotes", _header(b"From", b'"' + b'\\"' * 48_500)),
        ("97 KB sender of open brackets", _header(b"To", b"(" * 97_000)),
        ("97 KB recipients of colons", _header(b"To", b"a:" * 48_000)),
        ("97 KB recipients of angles", _header(b"To", b"<" * 97_000)),
        ("477 KB content type of parameters", _header(b"Content-Type", b"text/plain" + b";a=b; c=d" * 53_000)),
        ("content type of quotes", _header(b"Content-Type", b'text/plain;a="' + b';"' * 100_000)),
        ("content type of spaces", _header(b"Content-Type", b"text/plain;" + b" " * 400_000 + b"x")),
        ("965 KB references", _header(b"References", b"<a.b.c@d.example> " * 53_600)),
        ("1 MB of folded lines", b"From: eve@mail.example\r\nX-A: b\r\n" + b" \r\n" * 350_000 + b"\r\nhello\r\n"),
        ("200,000 headers", b"X-A: b\r\n" * 200_000 + b"Subject: late\r\n\r\nhello"),
        ("encoded words that never end", _header(b"Subject", b"=?a?q?" * 100_000)),
        ("50,000 nested divs", _html("<div>" * 50_000 + "x")),
        ("100,000 open tags", _html("<a href='" * 100_000)),
        ("3 MB of table cells", _html("<table>" + "<tr><td>x</td>" * 200_000)),
        ("HTML of 20 MB", _html("<p>x</p>" * 2_500_000)),
        ("2 MB of angle brackets", _html("<" * 2_000_000)),
        ("text of 10 MB in one line", _text(b"a" * 10_000_000)),
        ("text of quotes", _text(b"> a\r\n" * 200_000)),
        ("text of headers", _text(b"On 2024/01/01 12:00, a <a@b.example> wrote:\r\n" * 4_900)),
        ("text of near headers", _text(b"2024/01/01 12:00 " * 28 + b":\r\n" + (b"2024/01/01 12:00 " * 28 + b":\r\n") * 4_800)),
        ("text of labels", _text("差出人: a\r\n".encode() * 4_900)),
        ("text of colons in German", _text(b"Am 1.1.2024 schrieb a b c d e f g h i j k l m n o p:\r\nVon: a\r\nAn: b\r\n" * 1_600)),
        ("uuencode that never ends", _text(b"begin 644 a\r\n" * 100_000)),
        ("uuencode of nothing", _text(b"begin 644 a\r\nzzz\r\n" * 50_000 + b"end\r\n")),
        ("JIS escapes", HEAD + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + b"\x1b$B\x1b(B\n" * 300_000),
        ("JIS without escapes", HEAD + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + b"$B" * 500_000 + b"$B!(B" * 100_000),
        ("flowed lines", HEAD + b"Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\n" + b"a \r\n" * 300_000),
        ("body elements", _html("<body " * 300_000)),
        ("base64 of 30 MB", HEAD + b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + (b"QUJD" * 19 + b"\r\n") * 385_000),
        ("40 MB in one attachment", HEAD + b"Content-Type: application/zip\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + bytes(range(256)) * 156_250),
        ("60 MB", HEAD + b"\r\n" + b"x" * 60_000_000),
        ("a report of many recipients", b"From: MAILER-DAEMON@mail.example\r\nSubject: Undelivered Mail\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=a\r\n\r\n--a\r\nContent-Type: message/delivery-status\r\n\r\n" + b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n" * 30_000),
        ("a report of one long line", b"From: MAILER-DAEMON@mail.example\r\nSubject: Undelivered Mail\r\n\r\n" + b"could not be delivered to a" * 200_000),
        ("a report of near addresses", b"From: MAILER-DAEMON@mail.example\r\nSubject: Undelivered Mail\r\n\r\n" + (b"a." * 32 + b"@") * 30_000),
    ]  # fmt: skip
