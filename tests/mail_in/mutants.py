"""Damaged mail: known mails with bytes turned, cut, doubled and mixed. The same seed gives the same mutant."""

import random

_NASTY = (
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\x1b$B", b"\x1b(B", b"\x1b$", b"\x0e", b"\x85", b"\xe2\x80\xa8", b"\r", b"\n", b"\r\n\r\n",
    b"=?utf-8?B?", b"?=", b"=?iso-2022-jp?B?GyRC?=", b"=?x?q?=0A=00=0D?=", b"=?utf-16?B?AAA?=", b"=?utf-8?Q?=ED=A0=80?=",
    b"Content-Type: multipart/mixed; boundary=\"\"\r\n", b"Content-Type: message/rfc822\r\n", b"Content-Type: text/html; charset=utf-7\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: x-uuencode\r\n", b"\"", b"(", b"<", b">", b"@", b";", b":", b",",
    b"filename*0*=utf-8''%00%0a", b"; charset=idna", b"; charset=zlib", b"; charset=unicode_escape", b"begin 644 \x00\r\n", b"\xef\xbb\xbf",
    b"From: =?utf-8?Q?a=0D=0ABcc=3A?= <a\x00b@c.example>\r\n", b"Date: Mon, 99 Foo 99999 99:99:99 +9999\r\n", b"Message-ID: <a\x00b>\r\n",
    b"--", b"\xf0\x9f\x98\x80", b"\xf8\x9f", b"&#0;&#xD800;", b"<p>\x00<img src=cid:x>", b"Subject: a\r\n\x0bb\r\n",
)  # fmt: skip


def mutant(raws: list[bytes], seed: int) -> bytes:
    draw = random.Random(seed)  # repeatable, not secret
    data = bytearray(draw.choice(raws)[:200_000])
    for _turn in range(draw.randint(1, 12)):
        size = len(data)
        # Half of the damage is done among the headers, where it hurts most.
        at = draw.randrange(min(size, 3000) + 1) if draw.random() < 0.5 else draw.randrange(size + 1)
        kind = draw.randrange(8)
        if kind == 0 and size:
            data[at % size] = draw.randrange(256)
        elif kind == 1:
            del data[at : at + draw.randint(1, 60)]
        elif kind == 2:
            data[at:at] = draw.choice(_NASTY)
        elif kind == 3:
            data[at:at] = data[at : at + draw.randint(1, 400)]
        elif kind == 4:
            other = draw.choice(raws)
            start = draw.randrange(len(other) + 1)
            data[at:at] = other[start : start + draw.randint(1, 800)]
        elif kind == 5 and draw.random() < 0.3:
            del data[at:]
        elif kind == 6:
            data[at:at] = bytes(draw.randrange(256) for _ in range(draw.randint(1, 20)))
        else:
            end = data.find(b"\n", at)
            if end >= 0:
                data[end : end + 1] = draw.choice((b"", b"\r", b"\n\n", b"\r\n ", b" "))
    return bytes(data)
