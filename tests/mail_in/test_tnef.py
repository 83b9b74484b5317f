"""winmail.dat: what Outlook packed is taken out, and nothing is lost where that fails."""

import base64
import random
import struct

import pytest

from shopdesk.mail.parsing import parse, tnef
from tests.mail_in.fitness import faults


def attribute(number, value, level=2):
    return (
        bytes((level,))
        + struct.pack("<II", 0x00060000 | number, len(value))
        + value
        + struct.pack("<H", sum(value) & 0xFFFF)
    )


def prop(number, kind, value):
    """One property of a variable length, or of four bytes."""
    head = struct.pack("<HH", kind, number)
    if kind == 0x03:
        return head + struct.pack("<I", value)
    return head + struct.pack("<II", 1, len(value)) + value + b"\0" * (-len(value) % 4)


def named(value):
    """A property with a name, as every real file carries some of."""
    name = "x-sharing".encode("utf-16-le")
    head = (
        struct.pack("<HH", 0x1F, 0x8001)
        + bytes(16)
        + struct.pack("<II", 1, len(name))
        + name
        + b"\0" * (-len(name) % 4)
    )
    return head + struct.pack("<II", 1, len(value)) + value + b"\0" * (-len(value) % 4)


def several(*numbers):
    return struct.pack("<HHI", 0x1003, 0x5555, len(numbers)) + b"".join(struct.pack("<I", one) for one in numbers)


def properties(*found):
    return struct.pack("<I", len(found)) + b"".join(found)


def file(title, data, *more):
    packed = attribute(0x9002, bytes(14)) + attribute(0x8010, title + b"\0") + attribute(0x800F, data)
    return packed + (attribute(0x9005, properties(*more)) if more else b"")


def winmail(*attributes, codepage=932):
    head = tnef.SIGNATURE + b"\x01\x00" + attribute(0x9006, struct.pack("<I", 0x10000), 1)
    return head + attribute(0x9007, struct.pack("<II", codepage, 0), 1) + b"".join(attributes)


def letter(data, body=b"hello"):
    raw = b"From: hanako@example.jp\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\n" + body
    raw += (
        b"\r\n--B\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    mail = parse(raw + base64.encodebytes(data) + b"--B--\r\n")
    assert faults(mail) == []
    return mail


LONG = "お見積書（最終版）.pdf"
TWO = (
    file(b"MITUMO~1.PDF", b"PDF-data", named(b"a\0\0\0"), several(1, 2, 3), prop(0x3705, 0x03, 1),
         prop(0x3707, 0x1F, LONG.encode("utf-16-le") + b"\0\0"), prop(0x370E, 0x1E, b"application/pdf\0")),
    file("写真.jpg".encode("cp932"), b"JPEG"),
)  # fmt: skip


def test_the_files_stand_in_its_place():
    mail = letter(winmail(*TWO))
    assert [(one.name, one.type, one.content) for one in mail.attachments] == [
        (LONG, "application/pdf", b"PDF-data"),
        ("写真.jpg", "application/octet-stream", b"JPEG"),
    ]
    assert mail.text == "hello"


def test_a_drawing_inside_leaves_the_whole_beside_the_files():
    odd = file(b"x.obj", b"", prop(0x3705, 0x03, 5), prop(0x3701, 0x0D, bytes(16) + b"object"))
    mail = letter(winmail(*TWO, odd))
    assert [one.name for one in mail.attachments] == ["winmail.dat", LONG, "写真.jpg"]


@pytest.mark.parametrize("data", [b"\x89PNG\r\n", b"", tnef.SIGNATURE, tnef.SIGNATURE + b"\x01\x00" + b"\xff" * 40])
def test_what_is_none_stays_as_it_is(data):
    mail = letter(data)
    assert [(one.name, one.content) for one in mail.attachments] == [("winmail.dat", data)]


def test_text_and_html_where_the_letter_has_none():
    text = attribute(0x800C, "お世話になります。\r\n".encode("cp932") + b"\0", 1)
    assert letter(winmail(text), b"").text == "お世話になります。"
    assert letter(winmail(text), b"written").text == "written"
    html = b'<html><p>bold</p><script>x</script><img src="cid:p@x"></html>'
    picture = file(b"p.gif", b"GIF89a", prop(0x3712, 0x1E, b"p@x\0"), prop(0x370E, 0x1E, b"image/gif\0"))
    mail = letter(winmail(attribute(0x9003, properties(prop(0x1013, 0x102, html)), 1), picture), b"")
    assert (mail.text, "script" in mail.html, 'src="cid:p@x"' in mail.html) == ("bold", False, True)
    assert [one.inline for one in mail.attachments] == [True]


def test_names_are_cleaned():
    mail = letter(
        winmail(file(b"..\\..\\etc\\passwd", b"x"), file(b"a\x01b.txt", b"y", prop(0x370E, 0x1E, b"text/\r\nx\0")))
    )
    assert [(one.name, one.type) for one in mail.attachments] == [
        ("etc_passwd", "application/octet-stream"),
        ("ab.txt", "application/octet-stream"),
    ]


def test_cut_anywhere_and_damaged_anyhow():
    whole = winmail(*TWO)
    for end in range(len(whole)):
        mail = letter(whole[:end])
        assert mail.attachments[0].content == whole[:end] or mail.attachments[0].name in (LONG, "MITUMO~1.PDF")
    dice = random.Random(7)
    for _turn in range(300):
        data = bytearray(whole)
        for _place in range(dice.randint(1, 8)):
            data[dice.randrange(4, len(data))] = dice.choice([0, 255, dice.randrange(256)])
        letter(bytes(data))


def test_counts_that_lie_cost_nothing():
    many = struct.pack("<I", 0xFFFFFFFF) + struct.pack("<HHI", 0x1003, 1, 0xFFFFFFFF)
    assert tnef.read(winmail(*TWO, attribute(0x9003, many, 1))).whole is False
    assert len(tnef.read(winmail(*[file(b"a", b"x")] * 5000)).files) == tnef.MAX_FILES
    endless = tnef.read(winmail(*[file(b"a", b"x")] * 20_000))
    assert (len(endless.files), endless.whole) == (tnef.MAX_FILES, False)
