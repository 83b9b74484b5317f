"""Outlook's winmail.dat (MS-OXTNEF): the files, and where there is nothing else the text, that it was made of. Pure.

Other programs show such a mail as one file that nobody can open. Only what is needed is read; every length is checked
against the data, so that the work is bounded by its size.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from shopdesk.mail.parsing import charsets

SIGNATURE = b"\x78\x9f\x3e\x22"
MAX_FILES = 200
MAX_PROPERTIES = 5000
MAX_ATTRIBUTES = 20_000

_BODY, _DATA, _TITLE, _BEGIN, _MESSAGE, _ATTACHMENT, _CODEPAGE = (
    0x800C, 0x800F, 0x8010, 0x9002, 0x9003, 0x9005, 0x9007,
)  # fmt: skip
_TEXT, _HTML_TEXT, _SHOWN, _CONTENT, _SHORT, _METHOD, _LONG, _TAG, _ID = (
    0x1000, 0x1013, 0x3001, 0x3701, 0x3704, 0x3705, 0x3707, 0x370E, 0x3712,
)  # fmt: skip
_BY_VALUE = (0, 1)
_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_STRING, _UNICODE, _OBJECT, _BINARY = 0x1E, 0x1F, 0x0D, 0x0102


class Damaged(Exception):
    """The data end before they should, or are of another form."""


@dataclass(slots=True)
class File:
    name: str = ""
    type: str = ""
    content_id: str = ""
    content: bytes = b""


@dataclass(slots=True)
class Contents:
    """``whole`` says that nothing was left behind: no letter inside the letter, no object, no damage."""

    files: list[File] = field(default_factory=list)
    text: str = ""
    html: str = ""
    whole: bool = True


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._data)

    def take(self, length: int) -> bytes:
        if length < 0 or self._at + length > len(self._data):
            raise Damaged
        self._at += length
        return bytes(self._data[self._at - length : self._at])

    def number(self) -> int:
        value: int = struct.unpack("<I", self.take(4))[0]
        return value

    def padded(self) -> bytes:
        """A length and as many bytes, up to the next fourth."""
        length = self.number()
        value = self.take(length)
        self._at = min(len(self._data), self._at + -length % 4)
        return value


def _properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(number, type, first value) of each property."""
    reader = _Reader(data)
    for _turn in range(min(reader.number(), MAX_PROPERTIES)):
        kind, number = struct.unpack("<HH", reader.take(4))
        if number >= 0x8000:
            reader.take(16)
            if reader.number() == 0:
                reader.take(4)
            else:
                reader.padded()
        several, kind = kind & 0x1000, kind & 0xEFFF
        if kind in _FIXED:
            values = [reader.take(_FIXED[kind]) for _one in range(_count(reader) if several else 1)]
        elif kind in (_STRING, _UNICODE, _OBJECT, _BINARY):
            values = [reader.padded() for _one in range(_count(reader))]
        else:
            raise Damaged
        yield number, kind, values[0] if values else b""


def _count(reader: _Reader) -> int:
    count = reader.number()
    if count > MAX_PROPERTIES:
        raise Damaged
    return count


def _string(value: bytes, kind: int, codepage: str) -> str:
    value = value if kind == _UNICODE else value.split(b"\0")[0]
    text = value.decode("utf-16-le", "replace") if kind == _UNICODE else charsets.decode(value, codepage)[0]
    return text.split("\0")[0]


def _describe(file: File, data: bytes, codepage: str) -> bool:
    """Take name, type and content from a file's properties; whether it is a file that can be given to people."""
    names: dict[int, str] = {}
    by_value = True
    for number, kind, value in _properties(data):
        if number in (_LONG, _SHORT, _SHOWN, _TAG, _ID) and kind in (_STRING, _UNICODE):
            names[number] = _string(value, kind, codepage)
        elif number == _METHOD and len(value) >= 4:
            by_value = struct.unpack("<I", value[:4])[0] in _BY_VALUE
        elif number == _CONTENT and kind == _BINARY:
            file.content = value
        elif number == _CONTENT:
            by_value = False  # a letter or a drawing inside, in a form of its own
    file.name = names.get(_LONG) or file.name or names.get(_SHORT) or names.get(_SHOWN, "")
    file.type, file.content_id = names.get(_TAG, ""), names.get(_ID, "").strip("<> ")
    return by_value


def read(data: bytes) -> Contents:
    """What is inside; empty for data of another form. Never raises."""
    found = Contents()
    if not data.startswith(SIGNATURE):
        return found
    codepage = ""
    try:
        reader = _Reader(data)
        reader.take(6)
        for _turn in range(MAX_ATTRIBUTES):
            if not reader.more():
                break
            reader.take(1)
            number = reader.number() & 0xFFFF
            value = reader.take(reader.number())
            reader.take(2)
            codepage = _attribute(found, number, value, codepage)
        found.whole = found.whole and not reader.more()
    except Damaged:
        found.whole = False
    found.files = [file for file in found.files if file.content or file.name][:MAX_FILES]
    return found


def _attribute(found: Contents, number: int, value: bytes, codepage: str) -> str:
    """Note one attribute; the code page that holds from here on."""
    if number == _CODEPAGE and len(value) >= 4:
        return f"cp{struct.unpack('<I', value[:4])[0]}"
    if number == _BEGIN and len(found.files) <= MAX_FILES:
        found.files.append(File())
    elif number == _BODY:
        found.text = found.text or _string(value, _STRING, codepage)
    elif number == _MESSAGE:
        for prop, kind, inner in _properties(value):
            if prop == _TEXT and kind in (_STRING, _UNICODE):
                found.text = _string(inner, kind, codepage) or found.text
            elif prop == _HTML_TEXT and kind == _BINARY:
                found.html = charsets.decode(inner, codepage)[0]
    elif found.files and number == _TITLE:
        found.files[-1].name = _string(value, _STRING, codepage)
    elif found.files and number == _DATA:
        found.files[-1].content = value
    elif found.files and number == _ATTACHMENT and not _describe(found.files[-1], value, codepage):
        found.files.pop()
        found.whole = False
    return codepage
