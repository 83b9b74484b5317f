"""Our own Japanese mails, as programs and phones write them, each with what must come out.

``python -m tests.mail_in.eml_source`` writes them to tests/mail_in/eml (*.eml and golden.json). The expected values are
stated here by hand, never taken from the parser.
"""

import base64
import json
import quopri
from pathlib import Path

FOLDER = Path(__file__).parent / "eml"
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
CASES: list[tuple[str, bytes, dict]] = []


def jis(text: str) -> bytes:
    """CP50220 as Windows writes it: rows of NEC and IBM inside ISO-2022-JP, half-width kana by ESC ( I."""
    out, mode = bytearray(), "ascii"
    for char in text:
        data = char.encode("cp932")
        want = "ascii" if len(data) == 1 and data[0] < 0x80 else "kana" if len(data) == 1 else "double"
        if want != mode:
            out += {"ascii": b"\x1b(B", "kana": b"\x1b(I", "double": b"\x1b$B"}[want]
            mode = want
        if want == "double":
            lead, trail = data
            row = (lead - (0x71 if lead <= 0x9F else 0xB1)) * 2 + 1
            if trail >= 0x9F:
                row, cell = row + 1, trail - 0x7E
            else:
                cell = trail - 0x1F - (trail >= 0x80)
            out += bytes((row, cell))
        else:
            out.append(data[0] & 0x7F if want == "kana" else data[0])
    return bytes(out + (b"" if mode == "ascii" else b"\x1b(B"))


def word(data: bytes, charset: str, how: str = "B") -> bytes:
    if how == "B":
        return b"=?" + charset.encode() + b"?B?" + base64.b64encode(data) + b"?="
    coded = b"".join(
        b"=%02X" % byte if byte < 0x30 or byte > 0x7A or byte in b"=?_<>@;:" else bytes((byte,)) for byte in data
    )
    return b"=?" + charset.encode() + b"?Q?" + coded + b"?="


def mail(
    subject: bytes, body: bytes, kind: bytes = b"text/plain; charset=utf-8", *, coding: bytes = b"7bit",
    sender: bytes = b"taro@example.jp", more: bytes = b"",
) -> bytes:  # fmt: skip
    return (
        b"From: " + sender + b"\r\nTo: desk@shop.example\r\nSubject: " + subject + b"\r\n"
        b"Date: Mon, 1 Apr 2024 12:34:56 +0900\r\nMessage-ID: <m1@example.jp>\r\nMIME-Version: 1.0\r\n" + more +
        b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + coding + b"\r\n\r\n" + body + b"\r\n"
    )  # fmt: skip


def case(name: str, raw: bytes, **want: object) -> None:
    CASES.append((name, raw, {"sender": ["", "taro@example.jp"], **want}))


JIS = b"text/plain; charset=ISO-2022-JP"
SJIS = b"text/plain; charset=Shift_JIS"
ORDER = "ご注文の商品について"
HELLO = "お世話になっております。\n山田です。"


def crlf(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


# --- charsets --------------------------------------------------------------------------------------------------------
case("jis", mail(word(jis(ORDER), "ISO-2022-JP"), crlf(jis(HELLO)), JIS), subject=ORDER, text=HELLO)
case(
    "jis-no-charset",
    mail(word(jis(ORDER), "ISO-2022-JP"), jis("返品したいです"), b"text/plain"),
    subject=ORDER,
    text="返品したいです",
)
case(
    "jis-no-mime",
    b"From: taro@example.jp\r\nSubject: " + jis(ORDER) + b"\r\n\r\n" + jis("返品したいです"),
    subject=ORDER,
    text="返品したいです",
)
case(
    "jis-nec",
    mail(word(jis("①②③ⅣⅤ㈱№℡"), "ISO-2022-JP"), jis("㈱山田商店 ①番 ㎜ ㌔ ㍻"), JIS),
    subject="①②③ⅣⅤ㈱№℡",
    text="㈱山田商店 ①番 ㎜ ㌔ ㍻",
)
case(
    "jis-ibm",
    mail(word(jis("髙橋と﨑山"), "ISO-2022-JP"), jis("髙島屋、宮﨑、ⅰⅱ"), JIS),
    subject="髙橋と﨑山",
    text="髙島屋、宮﨑、ⅰⅱ",
)
case(
    "jis-halfwidth",
    mail(word(jis("ﾃｽﾄです"), "ISO-2022-JP"), jis("ﾊﾝｶｸｶﾅ ABC"), JIS),
    subject="ﾃｽﾄです",
    text="ﾊﾝｶｸｶﾅ ABC",
)
case(
    "jis-halfwidth-8bit",
    mail(b"test", jis("商品") + bytes((0xC3, 0xBD, 0xC4)) + jis("品"), JIS, coding=b"8bit"),
    subject="test",
    text="商品ﾃｽﾄ品",
)
case("jis-halfwidth-so-si", mail(b"test", b"\x0eC=D\x0f ok", JIS), subject="test", text="ﾃｽﾄ ok")
case(
    "jis-ms-label",
    mail(word(jis("①件"), "iso-2022-jp-ms"), jis("髙"), b"text/plain; charset=iso-2022-jp-ms"),
    subject="①件",
    text="髙",
)
case(
    "jis-cp50220-label",
    mail(word(jis("①件"), "CP50220"), jis("髙"), b"text/plain; charset=CP50220"),
    subject="①件",
    text="髙",
)
case("jis-roman", mail(b"test", b"\x1b$B>&IJ\x1b(J ABC", JIS), subject="test", text="商品 ABC")
case("jis-old-escape", mail(b"test", b"\x1b$@>&IJ\x1b(J", JIS), subject="test", text="商品")
case("jis-no-return", mail(b"test", jis("商品").removesuffix(b"\x1b(B"), JIS), subject="test", text="商品")
case(
    "jis-label-quoted-twice",
    mail(b"test", jis("商品"), b'text/plain; charset="charset=ISO-2022-JP"'),
    subject="test",
    text="商品",
)
case(
    "jis-label-damaged",
    mail(b"test", jis("商品"), b"text/plain; charset=_iso-2022-jp$ESC"),
    subject="test",
    text="商品",
)
case("utf8-label-jis-bytes", mail(b"test", jis("返品①"), b"text/plain; charset=utf-8"), subject="test", text="返品①")
case(
    "jis-label-utf8-bytes", mail(b"test", "返品したい".encode(), JIS, coding=b"8bit"), subject="test", text="返品したい"
)
case(
    "jis-label-eucjp-bytes",
    mail(b"test", "返品したいです".encode("euc_jp"), JIS, coding=b"8bit"),
    subject="test",
    text="返品したいです",
)
case(
    "jis-label-sjis-bytes",
    mail(b"test", "返品したいです".encode("cp932"), JIS, coding=b"8bit"),
    subject="test",
    text="返品したいです",
)
case(
    "sjis-8bit",
    mail(word("⑩の件".encode("cp932"), "Shift_JIS"), "髙橋㈱ ～①".encode("cp932"), SJIS, coding=b"8bit"),
    subject="⑩の件",
    text="髙橋㈱ ～①",
)
case(
    "sjis-base64",
    mail(b"test", base64.b64encode("表示されない能力ソ".encode("cp932")), SJIS, coding=b"base64"),
    subject="test",
    text="表示されない能力ソ",
)
case(
    "sjis-qp",
    mail(b"test", quopri.encodestring("表示ソ".encode("cp932")), SJIS, coding=b"quoted-printable"),
    subject="test",
    text="表示ソ",
)
case(
    "sjis-x-label",
    mail(b"test", "①".encode("cp932"), b"text/plain; charset=x-sjis", coding=b"8bit"),
    subject="test",
    text="①",
)
case(
    "sjis-windows-31j",
    mail(b"test", "髙①".encode("cp932"), b"text/plain; charset=Windows-31J", coding=b"8bit"),
    subject="test",
    text="髙①",
)
case(
    "sjis-label-eucjp-bytes",
    mail(b"test", "こんにちは、山田です。".encode("euc_jp"), SJIS, coding=b"8bit"),
    subject="test",
    text="こんにちは、山田です。",
)
case(
    "eucjp",
    mail(
        word("注文の件".encode("euc_jp"), "EUC-JP"),
        "返品です".encode("euc_jp"),
        b"text/plain; charset=EUC-JP",
        coding=b"8bit",
    ),
    subject="注文の件",
    text="返品です",
)
case(
    "eucjp-nec",
    mail(
        b"test",
        b"\xad\xa1\xad\xa2" + "番".encode("euc_jp") + b"\x8e\xc3",
        b"text/plain; charset=EUC-JP",
        coding=b"8bit",
    ),
    subject="test",
    text="①②番ﾃ",
)
case("utf8", mail(word(ORDER.encode(), "UTF-8"), HELLO.encode(), coding=b"8bit"), subject=ORDER, text=HELLO)
case(
    "utf8-emoji",
    mail(word("届きました🎉".encode(), "UTF-8"), "ありがとう😊".encode(), coding=b"8bit"),
    subject="届きました🎉",
    text="ありがとう😊",
)
case(
    "utf8-unknown-label",
    mail(b"test", "返品です".encode(), b"text/plain; charset=X-UNKNOWN", coding=b"8bit"),
    subject="test",
    text="返品です",
)
case(
    "sjis-no-label",
    mail(b"test", "返品したいのですが".encode("cp932"), b"text/plain", coding=b"8bit"),
    subject="test",
    text="返品したいのですが",
)
case(
    "eucjp-no-label",
    mail(b"test", "返品したいのですが".encode("euc_jp"), b"text/plain", coding=b"8bit"),
    subject="test",
    text="返品したいのですが",
)
case(
    "gb18030",
    mail(b"test", "你好".encode("gb18030"), b"text/plain; charset=gb2312", coding=b"8bit"),
    subject="test",
    text="你好",
)
case("utf7", mail(b"test", "返品".encode("utf-7"), b"text/plain; charset=utf-7"), subject="test", text="返品")
# --- subjects ---------------------------------------------------------------------------------------------------------
case("raw-subject-sjis", mail("商品の①".encode("cp932"), b"x"), subject="商品の①", text="x")
case("raw-subject-eucjp", mail("商品について".encode("euc_jp"), b"x"), subject="商品について", text="x")
case("raw-subject-utf8-folded", mail("商品に\r\n ついて".encode(), b"x"), subject="商品に ついて", text="x")
case("raw-subject-jis", mail(jis("商品について"), b"x"), subject="商品について", text="x")
_bytes = jis("まみむめもやゆよ")
case(
    "word-cut-in-jis",
    mail(word(_bytes[:9], "ISO-2022-JP") + b"\r\n " + word(_bytes[9:], "ISO-2022-JP"), b"x"),
    subject="まみむめもやゆよ",
    text="x",
)
_bytes = "注文番号".encode()
case(
    "word-cut-in-utf8",
    mail(word(_bytes[:4], "UTF-8") + b"\r\n " + word(_bytes[4:], "utf-8"), b"x"),
    subject="注文番号",
    text="x",
)
case(
    "word-in-quotes",
    mail(b'Re: "' + word("返品".encode(), "UTF-8") + b'" (2)', b"x"),
    subject='Re: "返品" (2)',
    text="x",
)
case("word-q", mail(word("返品 です".encode(), "UTF-8", "Q"), b"x"), subject="返品 です", text="x")
case(
    "word-with-newline",
    mail(word("返品\r\nBcc: eve@mail.example".encode(), "UTF-8"), b"x"),
    subject="返品 Bcc: eve@mail.example",
    text="x",
)
case("word-with-nul", mail(word(b"a\x00b", "UTF-8"), b"c\x00d"), subject="ab", text="cd")
case("bom-before-headers", b"\xef\xbb\xbf" + mail(word("返品".encode(), "UTF-8"), b"x"), subject="返品", text="x")
case(
    "line-without-colon",
    mail(b"first", b"x").replace(b"To: desk", b"this line is damaged\r\nTo: desk"),
    subject="first",
    text="x",
    to=["desk@shop.example"],
)
# --- people -----------------------------------------------------------------------------------------------------------
case("docomo-dots", mail(b"a", b"x", sender=b"da.me..@docomo.ne.jp"), subject="a", sender=["", "da.me..@docomo.ne.jp"])
case(
    "docomo-leading-dot",
    mail(b"a", b"x", sender=word("花子".encode(), "UTF-8") + b" <.ha.na..ko.@docomo.ne.jp>"),
    subject="a",
    sender=["花子", ".ha.na..ko.@docomo.ne.jp"],
)
case(
    "docomo-quoted",
    mail(b"a", b"x", sender=b'"da.me.."@docomo.ne.jp'),
    subject="a",
    sender=["", "da.me..@docomo.ne.jp"],
)
case(
    "sender-jis-raw",
    mail(b"a", b"x", sender=jis("山田（太郎）、様") + b" <taro@example.jp>"),
    subject="a",
    sender=["山田（太郎）、様", "taro@example.jp"],
)
case(
    "sender-word-with-comma",
    mail(b"a", b"x", sender=word("山田, 太郎 <偽>".encode(), "UTF-8") + b" <taro@example.jp>"),
    subject="a",
    sender=["山田, 太郎 <偽>", "taro@example.jp"],
)
case(
    "sender-comment",
    mail(b"a", b"x", sender=b"taro@example.jp (" + word("山田".encode(), "UTF-8") + b")"),
    subject="a",
    sender=["山田", "taro@example.jp"],
)
case(
    "sender-all-encoded",
    mail(b"a", b"x", sender=word("山田 <taro@example.jp>".encode(), "UTF-8")),
    subject="a",
    sender=["山田", "taro@example.jp"],
)
case("sender-null", mail(b"a", b"x", sender=b"<>"), subject="a", sender=["", ""])
case("undisclosed", mail(b"a", b"x").replace(b"desk@shop.example", b"undisclosed-recipients:;"), subject="a", to=[])
case(
    "group",
    mail(b"a", b"x").replace(b"desk@shop.example", b'Shops: a@shop.example, "B, C" <b@shop.example>;, c@shop.example'),
    subject="a",
    to=["a@shop.example", "b@shop.example", "c@shop.example"],
)


# --- parts ------------------------------------------------------------------------------------------------------------
def multi(kind: bytes, *parts: bytes, subject: bytes = b"a") -> bytes:
    body = b"".join(b"--xyz\r\n" + part + b"\r\n" for part in parts) + b"--xyz--"
    return mail(subject, body, b"multipart/" + kind + b'; boundary="xyz"')


def part(kind: bytes, body: bytes, more: bytes = b"") -> bytes:
    return b"Content-Type: " + kind + b"\r\n" + more + b"\r\n" + body


TEXT = part(b"text/plain; charset=utf-8", "写真です".encode())


def attached(header: bytes, kind: bytes = b"image/gif") -> bytes:
    return multi(b"mixed", TEXT, part(kind, base64.b64encode(GIF), header + b"Content-Transfer-Encoding: base64\r\n"))


_name = jis("注文書の控え（二〇二四年四月分）.pdf")
_coded = b"".join(b"%%%02X" % byte for byte in _name)
_cut = len(_coded) // 2 - (len(_coded) // 2) % 3
case(
    "name-2231-jis-cut",
    attached(
        b"Content-Disposition: attachment;\r\n filename*0*=ISO-2022-JP''"
        + _coded[:_cut]
        + b";\r\n filename*1*="
        + _coded[_cut:]
        + b"\r\n"
    ),
    text="写真です",
    names=["注文書の控え（二〇二四年四月分）.pdf"],
)
case(
    "name-2231-utf8",
    attached(b"Content-Disposition: attachment; filename*=UTF-8''%E8%A6%8B%E7%A9%8D.pdf\r\n"),
    names=["見積.pdf"],
)
case(
    "name-2047",
    attached(
        b'Content-Disposition: attachment; filename="' + word("見積書①.pdf".encode("cp932"), "Shift_JIS") + b'"\r\n'
    ),
    names=["見積書①.pdf"],
)
case(
    "name-2047-in-type",
    attached(
        b"Content-Disposition: attachment\r\n", b'image/gif; name="' + word(jis("写真.gif"), "ISO-2022-JP") + b'"'
    ),
    names=["写真.gif"],
)
case(
    "name-raw-sjis",
    attached(b'Content-Disposition: attachment; filename="' + "領収書ソ.pdf".encode("cp932") + b'"\r\n'),
    names=["領収書ソ.pdf"],
)
case(
    "name-with-folder",
    attached(b'Content-Disposition: attachment; filename="../../etc/cron.d/x.sh"\r\n'),
    names=["etc_cron.d_x.sh"],
)
case("name-empty", attached(b'Content-Disposition: attachment; filename=""\r\n'), names=[""])
case(
    "name-turned",
    attached(b"Content-Disposition: attachment; filename*=UTF-8''a%E2%80%AEgpj.exe\r\n"),
    names=["agpj.exe"],
)
case(
    "plain-and-html",
    multi(b"alternative", TEXT, part(b"text/html; charset=utf-8", "<p>写真<b>です</b></p>".encode())),
    text="写真です",
    html_has=["<b>です</b>"],
    names=[],
)
case(
    "html-only-sjis-meta",
    mail(
        b"a",
        '<html><head><meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS"></head><p>返品①<br>です'.encode(
            "cp932"
        ),
        b"text/html",
        coding=b"8bit",
    ),
    text="返品①\nです",
)
case(
    "html-remote-image",
    mail(
        b"a",
        '<p>お得<img src="https://eve.example/t.gif" onerror="x()"></p><script>x()</script>'.encode(),
        b"text/html; charset=utf-8",
        coding=b"8bit",
    ),
    text="お得",
    html_without=[' src="http', "onerror", "<script"],
)
_related = b"--abc\r\n" + part(
    b"text/html; charset=Shift_JIS",
    '<body bgcolor=#ffcc00>おはよう<img src="cid:emo1@docomo.ne.jp"></body>'.encode("cp932"),
    b"Content-Transfer-Encoding: 8bit\r\n",
)
_related += (
    b"\r\n--abc\r\n"
    + part(
        b"image/gif; name=emo.gif",
        base64.b64encode(GIF),
        b"Content-ID: <emo1@docomo.ne.jp>\r\nContent-Transfer-Encoding: base64\r\n",
    )
    + b"\r\n--abc--"
)
_alternative = (
    b"--def\r\n"
    + part(SJIS, "おはよう".encode("cp932"))
    + b"\r\n--def\r\n"
    + part(b"multipart/related; boundary=abc", _related)
    + b"\r\n--def--"
)
case(
    "decomail",
    multi(b"mixed", part(b"multipart/alternative; boundary=def", _alternative)),
    text="おはよう",
    html_has=['src="cid:emo1@docomo.ne.jp"'],
    names=["emo.gif"],
    inline=[True],
)
case(
    "emoji-docomo-sjis",
    mail(b"a", "晴れ".encode("cp932") + b"\xf8\x9f" + "です".encode("cp932"), SJIS, coding=b"8bit"),
    text="晴れ〓です",
)
case("emoji-softbank-utf8", mail(b"a", "晴れ\ue04aです".encode(), coding=b"8bit"), text="晴れ〓です")
case("emoji-softbank-escape", mail(b"a", b"\x1b$GJ\x0f" + jis("晴れ"), JIS), text="〓晴れ")
case("emoji-au-jis", mail(b"a", jis("晴れ").removesuffix(b"\x1b(B") + b"\x75\x41" + b"\x1b(B", JIS), text="晴れ〓")
case("no-end-boundary", mail(b"a", b"--xyz\r\n" + TEXT, b"multipart/mixed; boundary=xyz"), text="写真です")
case("no-boundary", mail(b"a", "本文".encode(), b"multipart/mixed", coding=b"8bit"), text="本文")
case("encoding-7-bit", mail(b"a", "本文".encode(), coding=b"7-bit"), text="本文")
case("encoding-unknown", mail(b"a", "本文".encode(), coding=b"spam"), text="本文")
case(
    "base64-damaged", mail(b"a", base64.b64encode("本文です。".encode())[:-4] + b"*", coding=b"base64"), text="本文です"
)
case("uuencoded", mail(b"a", b"see\r\nbegin 644 a.txt\r\n#86)C\r\n`\r\nend\r\nbye"), text="see\nbye", names=["a.txt"])
case(
    "mail-in-mail",
    multi(b"mixed", TEXT, part(b"message/rfc822", mail(b"inner", b"secret"))),
    text="写真です",
    names=[""],
)
# --- kinds ------------------------------------------------------------------------------------------------------------
case(
    "auto-reply-ja",
    mail(word("自動返信: 夏季休業のお知らせ".encode(), "UTF-8"), b"x"),
    kind="auto_reply",
    to_answer=False,
)
case("auto-submitted", mail(b"a", b"x", more=b"Auto-Submitted: auto-replied\r\n"), kind="auto_reply", to_answer=False)
case("auto-submitted-no", mail(b"a", b"x", more=b"Auto-Submitted: no\r\n"), kind="mail", to_answer=True)
case(
    "list-unsubscribe-only",
    mail(b"a", b"x", more=b"List-Unsubscribe: <https://a.example/>\r\n"),
    kind="mail",
    to_answer=False,
)
case(
    "re-to-our-automatic-letter",
    mail(b"Re: " + word("【自動送信】ご注文確認".encode(), "UTF-8"), "届きません".encode(), coding=b"8bit"),
    kind="mail",
    text="届きません",
    to_answer=True,
)
_report = b"--rep\r\n" + part(
    b"text/plain; charset=us-ascii",
    b"<hanako@docomo.ne.jp>: host mfsmax.docomo.ne.jp said: 550 Unknown user hanako@docomo.ne.jp (in reply to RCPT TO command)",
)
_report += b"\r\n--rep\r\n" + part(
    b"message/delivery-status",
    b"Reporting-MTA: dns; mail.shop.example\r\n\r\nFinal-Recipient: rfc822; hanako@docomo.ne.jp\r\nAction: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 Unknown user hanako@docomo.ne.jp",
)
_report += (
    b"\r\n--rep\r\n"
    + part(b"text/rfc822-headers", b"Message-ID: <abc@mail.shop.example>\r\nTo: hanako@docomo.ne.jp")
    + b"\r\n--rep--"
)
case(
    "bounce-docomo",
    mail(
        b"Undelivered Mail Returned to Sender",
        _report,
        b"multipart/report; report-type=delivery-status; boundary=rep",
        sender=b"MAILER-DAEMON@mail.shop.example (Mail Delivery System)",
    ),
    sender=["Mail Delivery System", "MAILER-DAEMON@mail.shop.example"],
    kind="bounce",
    bounced=[["hanako@docomo.ne.jp", "user_unknown", True]],
    original="<abc@mail.shop.example>",
    to_answer=False,
)
case(
    "bounce-docomo-filter",
    mail(
        b"Undelivered Mail Returned to Sender",
        _report.replace(b"RCPT TO command", b"end of DATA command"),
        b"multipart/report; report-type=delivery-status; boundary=rep",
        sender=b"MAILER-DAEMON@mail.shop.example",
    ),
    sender=["", "MAILER-DAEMON@mail.shop.example"],
    kind="bounce",
    bounced=[["hanako@docomo.ne.jp", "filtered", False]],
    to_answer=False,
)
case(
    "bounce-full",
    mail(
        b"Undelivered",
        _report.replace(b"5.0.0", b"5.2.2").replace(b"Unknown user", b"5.2.2 Mailbox full"),
        b"multipart/report; report-type=delivery-status; boundary=rep",
        sender=b"MAILER-DAEMON@mail.shop.example",
    ),
    sender=["", "MAILER-DAEMON@mail.shop.example"],
    kind="bounce",
    bounced=[["hanako@docomo.ne.jp", "mailbox_full", False]],
    to_answer=False,
)
# --- replies ----------------------------------------------------------------------------------------------------------
for _number, _quote in enumerate(
    (
        "2024年4月1日(月) 12:00 ショップ <desk@shop.example>:\n> ご注文の件\n> です",
        "2024/04/01 12:00、ショップ <desk@shop.example>のメール：\n\n> ご注文の件",
        "-----元のメッセージ-----\n差出人: ショップ\nご注文の件",
        "差出人: ショップ <desk@shop.example>\n送信日時: 2024年4月1日 12:00\n宛先: 山田\n件名: ご注文の件\n\nご注文の件です",
        "2024年4月1日(月) 12:00 ショップ <very-long-address-of-the-desk@shop.\nexample>:\n> ご注文の件",
    )
):
    _body = f"色が違いました。\n\n{_quote}".encode()
    case(f"reply-{_number}", mail(b"Re: a", _body, coding=b"8bit"), reply="色が違いました。", text_has=["ご注文の件"])
case(
    "reply-inline",
    mail(b"Re: a", "> 色はどれですか\n青です。\n\n> 数は\n二つです。".encode(), coding=b"8bit"),
    reply="> 色はどれですか\n青です。\n\n> 数は\n二つです。",
)
case("reply-quote-only", mail(b"Re: a", "> 色はどれですか".encode(), coding=b"8bit"), reply="> 色はどれですか")


def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, raw, _want in CASES:
        (FOLDER / f"{name}.eml").write_bytes(raw)
    golden = {name: want for name, _raw, want in CASES}
    (FOLDER / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    write()
