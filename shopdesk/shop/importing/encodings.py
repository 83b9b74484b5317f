"""In which encoding a file is: a strict chain, because statistics guess wrong on Japanese order files. Pure.

BOM, then UTF-8, CP932, EUC-JP: the first that decodes every byte. Random CP932 text is never valid UTF-8 beyond a few
letters, so the chain is safe in this order. Python's ``shift_jis`` is never used: it refuses 髙, 﨑, ①, ㈱ and turns ～
into another letter; what shops call Shift_JIS is CP932.
"""

import codecs
import re
from dataclasses import dataclass

from shopdesk.shop.importing.problems import FileProblem

AUTO = "auto"
CHAIN = ("utf-8", "cp932", "euc_jp")
LABELS = {"utf-8": "UTF-8", "utf-16": "UTF-16", "cp932": "Shift_JIS (CP932)", "euc_jp": "EUC-JP"}

_BOMS = (
    (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16"),
)
# The first bytes of what people take for a CSV file.
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_BINARIES = (b"%PDF", b"MZ", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"\x7fELF")
# Python's cp932 lets the bytes 80, A0 and FD to FF pass, as letters that no Japanese text holds.
_NO_SHIFT_JIS = re.compile("[\x80\xa0\uf8f0-\uf8f3]")
# Above this share of zero bytes a file is no text, or UTF-16 without its mark.
_MANY_ZEROS = 0.05


@dataclass(frozen=True)
class Decoded:
    """``encoding`` is a name of LABELS; ``cut_off`` says that the file ends in the middle of a letter."""

    text: str
    encoding: str
    cut_off: bool = False


def decode(content: bytes, encoding: str = AUTO) -> Decoded:
    """The text of a file, in the given encoding or in the first of the chain that fits.

    Raises FileProblem: empty, workbook, not_text, undecodable, wrong_encoding.
    """
    if not content.strip(b"\0 \t\r\n" + codecs.BOM_UTF8):
        raise FileProblem("empty")
    if content.startswith(_WORKBOOKS):
        raise FileProblem("workbook")
    if content.startswith(_BINARIES):
        raise FileProblem("not_text")
    for mark, name, codec in _BOMS:
        if content.startswith(mark) and encoding in {AUTO, name}:
            return _strict(content, name, codec)
    if content.count(0) > len(content) * _MANY_ZEROS:
        raise FileProblem("not_text")
    if encoding != AUTO:
        return _strict(content, encoding, encoding)
    first: FileProblem | None = None
    for name in CHAIN:
        try:
            return _strict(content, name, name)
        except FileProblem as problem:
            first = first or problem
    assert first is not None  # noqa: S101  # the chain is not empty
    raise FileProblem("undecodable", byte=first.data["byte"])


def _strict(content: bytes, name: str, codec: str) -> Decoded:
    """Decode every byte; only a last letter that was cut off is left out and told.

    A file that was cut inside a letter must not fall through to the next encoding of the chain, which would read it
    as other letters.
    """
    problem = FileProblem("wrong_encoding", encoding=LABELS[name], byte=1)
    cut_off = False
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        problem.data["byte"] = error.start + 1
        at_the_end = error.end >= len(content) and error.reason.startswith(("unexpected", "incomplete", "truncated"))
        if error.start == 0 or not at_the_end:
            raise problem from None
        try:
            text, cut_off = content[: error.start].decode(codec), True
        except UnicodeDecodeError:
            raise problem from None
    if codec == "cp932" and _NO_SHIFT_JIS.search(text):
        raise problem
    return Decoded(text, name, cut_off)
