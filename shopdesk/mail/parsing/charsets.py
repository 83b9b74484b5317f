"""Bytes of a mail to text, whatever the label says. Nothing here raises, nothing is lost that can be read.

Japanese mail is the reason for this module: Windows and phones label CP50220 as ISO-2022-JP, CP932 as Shift_JIS, and
several senders label one Japanese charset with another's name. A cell that has no character in Unicode (a carrier's
emoji, a user-defined character) becomes the geta mark, as Japanese printers do.
"""

import codecs
import re
from functools import lru_cache

GETA = "\u3013"
_REPLACEMENT = "\ufffd"

_ALIASES = {
    "sjis": "cp932", "shiftjis": "cp932", "xsjis": "cp932", "mskanji": "cp932", "windows31j": "cp932",
    "cswindows31j": "cp932", "csshiftjis": "cp932", "cp932": "cp932", "ms932": "cp932", "xmscp932": "cp932",
    "shiftjis2004": "cp932", "shiftjisx0213": "cp932", "xsjisdocomo": "cp932", "xsjiskddi": "cp932",
    "xsjissoftbank": "cp932", "sjiswin": "cp932", "xms932": "cp932", "ms943": "cp932", "ibm943": "cp932",
    "ibm943c": "cp932", "xibm943": "cp932", "xibm943c": "cp932", "cp943": "cp932", "cp943c": "cp932",
    "macjapanese": "cp932", "xmacjapanese": "cp932",
    "jis": "jis", "csiso2022jp": "jis", "cp50220": "jis", "cp50221": "jis", "cp50222": "jis", "xwindows50221": "jis",
    "jis7": "jis", "xjis7": "jis", "xjis": "jis", "junet": "jis",
    "eucjp": "eucjp", "xeucjp": "eucjp", "ujis": "eucjp", "eucjpms": "eucjp", "cp51932": "eucjp", "eucjpwin": "eucjp",
    "eucjis2004": "eucjp", "xeuc": "eucjp",
    "cseucpkdfmtjapanese": "eucjp", "extendedunixcodepackedformatforjapanese": "eucjp",
    "utf8": "utf-8", "utf8mb4": "utf-8", "xutf8": "utf-8", "unicode11utf8": "utf-8", "cp65001": "utf-8",
    "utf8n": "utf-8", "utf8sig": "utf-8", "utf8bom": "utf-8", "ucs2": "utf-16", "iso10646ucs2": "utf-16",
    "unicode": "utf-16", "unicode20utf7": "utf-7", "xunicode20utf7": "utf-7",
    "utf7": "utf-7", "unicode11utf7": "utf-7",
    "usascii": "ascii", "ascii": "ascii", "ansix34": "ascii", "ansix341968": "ascii", "ansix31101983": "ascii",
    "iso646us": "ascii", "646": "ascii",
    "iso88591": "cp1252", "latin1": "cp1252", "l1": "cp1252", "windows1252": "cp1252", "cp1252": "cp1252",
    "88591": "cp1252", "ansi": "cp1252",
    "iso88599": "cp1254", "latin5": "cp1254",
    "iso88598i": "iso8859-8", "iso88598e": "iso8859-8", "iso88596i": "iso8859-6", "iso88596e": "iso8859-6",
    "ksc56011987": "cp949", "ksc5601": "cp949", "euckr": "cp949", "ksc56011992": "cp949", "csksc56011987": "cp949",
    "windows949": "cp949", "uhc": "cp949", "ms949": "cp949", "xwindows949": "cp949",
    "gb2312": "gb18030", "gbk": "gb18030", "xgbk": "gb18030", "gb231280": "gb18030", "cp936": "gb18030",
    "xeuccn": "gb18030", "euccn": "gb18030", "hzgb2312": "hz", "big5": "cp950", "xbig5": "cp950", "cnbig5": "cp950",
    "windows874": "cp874", "tis620": "cp874", "koi8": "koi8-r",
    "koi8ru": "koi8-u",
}  # fmt: skip
# Python also registers codecs that are not charsets (zip, hex, idna, unicode-escape): only these may be asked for.
_KNOWN = re.compile(
    r"(utf-(7|8|16|32)(-[bl]e)?|iso8859-\d+|cp\d+|koi8-[rut]|mac-\w+|gb18030|big5hkscs|euc_\w+|johab|hz|hp-roman8"
    r"|iso2022_(kr|jp_ext)|ptcp154|kz1048|tis-620)"
)
_ESC = re.compile(rb"\x1b\$[@B]|\x1b\(I|\x1b\$\(D|\x1b\$[EFGOPQ]|\x1b\([JH]")
_BARE_ESC = re.compile(rb"\$[@B]|\([BJ]|[^!-~]")
_ESC_OTHER = re.compile(rb"\x1b\$\)[ACEG]|\x1b\$\*H")


def _geta(error: UnicodeError) -> tuple[str, int]:
    """A double-byte cell without a character is one geta; a stray byte is one replacement mark."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    data, at = error.object, error.start
    lead = data[at]
    pair = at + 1 < len(data) and (0x40 <= data[at + 1] <= 0x7E or 0x80 <= data[at + 1] <= 0xFC)
    if pair and (0x81 <= lead <= 0x9F or 0xE0 <= lead <= 0xFC):
        return GETA, at + 2
    return _REPLACEMENT, at + 1


codecs.register_error("shopdesk.geta", _geta)


def canonical(label: str | None) -> str:
    """Our name of a charset as senders write it; "" when it says nothing ("X-UNKNOWN", "8bit", empty, damaged)."""
    if not label:
        return ""
    return _canonical(label[:200])


# A locale's name ("ja_JP.eucJP"), a page's number ("win-1251"), a known name with something behind it.
_LOCALE = re.compile(r"[a-z]{2}_[a-z]{2}\.")
_PAGE = re.compile(r"x?(?:windows|win|cp|ms|ibm|dos|oem)(\d{3,4})")
_KNOWN_START = re.compile(r"windows-?125\d|iso-?8859-?\d{1,2}|utf-?8|shift[_-]?jis|euc-?jp|gb18030|gb2312|big5|koi8-r")


@lru_cache(maxsize=512)
def _canonical(label: str) -> str:
    name = label.strip().strip("\"' \t;,").lower()
    name = name.removeprefix("charset").lstrip("= \"'") if name.startswith("charset") else name
    name = _LOCALE.sub("", name.split("*")[0].split(";")[0].split("$")[0].strip("\"' \t")[:60], count=1)
    flat = re.sub(r"[^a-z0-9]", "", name)
    if flat in _ALIASES:
        return _ALIASES[flat]
    if "iso2022jp" in flat:
        return "jis"
    if not flat:
        return ""
    if flat.startswith("xmac"):
        flat = name = flat[1:]
    page = _PAGE.fullmatch(flat)
    for candidate in (name, name.removeprefix("x-"), f"cp{page[1]}" if page else flat):
        try:
            found = codecs.lookup(candidate).name
        except (LookupError, ValueError):
            continue
        return found if _KNOWN.fullmatch(found) else ""
    start = _KNOWN_START.match(name.removeprefix("x-"))
    return _canonical(start[0]) if start and start[0] != name else ""


def _cp932(data: bytes) -> str:
    return data.decode("cp932", "shopdesk.geta")


def _pairs_to_sjis(pairs: bytes) -> bytes:
    """JIS rows (0x21..0x7e twice) as Shift_JIS bytes: cp932 then knows the rows of NEC and IBM."""
    out = bytearray()
    for i in range(0, len(pairs) - 1, 2):
        row, cell = pairs[i] & 0x7F, pairs[i + 1] & 0x7F
        if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
            out += b"\x81\xac"  # geta
            continue
        lead = ((row - 0x21) >> 1) + 0x81
        out.append(lead if lead <= 0x9F else lead + 0x40)
        if row & 1:
            out.append(cell + 0x1F + (cell >= 0x60))
        else:
            out.append(cell + 0x7E)
    return bytes(out)


_JIS_TOKEN = re.compile(
    rb"\x1b\$[@B]|\x1b\$\(D|\x1b\$\([@BOQ]|\x1b&@|\x1b\([A-Z]|\x1b\$[EFGOPQ][^\x0f\x1b\r\n]*\x0f?|[\x0e\x0f]|\r?\n"
)
_NEXT_ESC = re.compile(rb"\x1b[($]")


def _jis_segment(data: bytes, mode: str) -> str:
    if mode == "double":
        # Some mailers leave spaces and tabs inside the double-byte run; they are not half of a character.
        text = []
        for piece in re.split(rb"([\x00-\x20]+)", data):
            if piece[:1] <= b"\x20":
                text.append(piece.decode("ascii"))
            else:
                text.append(_cp932(_pairs_to_sjis(piece)) + (_REPLACEMENT if len(piece) % 2 else ""))
        return "".join(text)
    if mode == "kana":
        return _cp932(bytes(b | 0x80 if 0x21 <= b <= 0x5F else b for b in data))
    if mode == "supplement":
        return (
            (b"".join(b"\x8f" + bytes((data[i] | 0x80, data[i + 1] | 0x80)) for i in range(0, len(data) - 1, 2)))
            .decode("euc_jp", "replace")
            .replace(_REPLACEMENT, GETA)
        )
    if data.isascii():
        return data.decode("ascii")
    return _sniff(data)[0]


def _jis(data: bytes) -> str:
    out: list[str] = []
    mode, at = "ascii", 0
    for token in _JIS_TOKEN.finditer(data):
        out.append(_jis_segment(data[at : token.start()], mode))
        at = token.end()
        mark = token[0]
        if mark in (b"\n", b"\r\n"):
            out.append("\n" if mark == b"\n" else "\r\n")
            if mode != "ascii":
                # The RFC ends every run at the line. A run that was cut by force goes on: then the next escape ends it.
                following = _NEXT_ESC.search(data, at, at + 2000)
                runs_on = (
                    following is not None and following[0] == b"\x1b(" and b"\n" not in data[at : following.start()]
                )
                mode = mode if runs_on else "ascii"
        elif mark[:2] == b"\x1b$" and mark[2:3] in b"EFGOPQ":
            out.append(GETA * max(1, len(mark[3:].rstrip(b"\x0f"))))
        elif mark == b"\x1b$(D":
            mode = "supplement"
        elif mark[:2] == b"\x1b$":
            mode = "double"
        elif mark in (b"\x1b(I", b"\x0e"):
            mode = "kana"
        elif mark != b"\x1b&@":
            mode = "ascii"
    out.append(_jis_segment(data[at:], mode))
    return "".join(out)


_EUC_TOKEN = re.compile(
    rb"[\x00-\x7f]+|(?:[\xa1-\xfe][\xa1-\xfe])+|(?:\x8e[\xa1-\xdf])+|(?:\x8f[\xa1-\xfe][\xa1-\xfe])+|.", re.DOTALL
)


def _eucjp(data: bytes) -> str:
    out: list[str] = []
    for token in _EUC_TOKEN.findall(data):
        if token[0] < 0x80:
            out.append(token.decode("ascii"))
        elif len(token) == 1:
            out.append(_REPLACEMENT)
        elif token[0] == 0x8E:
            out.append(_cp932(token[1::2]))
        elif token[0] == 0x8F:
            out.append(token.decode("euc_jp", "replace").replace(_REPLACEMENT, GETA))
        else:
            out.append(_cp932(_pairs_to_sjis(token)))
    return "".join(out)


def _count(pattern: str, text: str) -> int:
    return len(re.findall(pattern, text))


# One sign by itself ("！", "①"), not between Western letters.
_EUC_SIGN = re.compile(rb"(?<![A-Za-z\x80-\xff])[\xa1-\xa3\xad][\xa1-\xfe](?![A-Za-z\x80-\xff])")


def _looks_eucjp(data: bytes) -> bool:
    pairs = re.findall(rb"[\xa1-\xfe][\xa1-\xfe]|\x8e[\xa1-\xdf]|\x8f[\xa1-\xfe][\xa1-\xfe]", data)
    covered = sum(len(pair) for pair in pairs)
    high = len(data) - len(data.translate(None, bytes(range(0x80, 0x100))))
    if not pairs or covered < high:
        return False
    usual = sum(1 for pair in pairs if 0xA1 <= pair[0] <= 0xA5 or pair[0] == 0xAD or 0xB0 <= pair[0] <= 0xCF)
    kana = sum(1 for pair in pairs if pair[0] in (0xA4, 0xA5))
    return usual >= 0.8 * len(pairs) and (kana > 0 or len(pairs) >= 2 or _EUC_SIGN.search(data) is not None)


# "it's" and "Äpfel" of a Western page: a sign or an accent between letters is legal Shift_JIS as well.
_BETWEEN_LETTERS = re.compile(
    rb"(?<=[A-Za-z])[\x81-\x9f\xe0-\xfc][A-Za-z](?![\x80-\xff])|(?<![\x80-\xff])[\xa1-\xdf]{1,2}(?=[A-Za-z])"
)
_CP932_RUN = re.compile(rb"(?<![A-Za-z])(?:[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]){2,}(?![A-Za-z])")


def _looks_cp932(data: bytes) -> bool:
    try:
        text = data.decode("cp932")
    except UnicodeDecodeError:
        return False
    pairs = re.findall(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]", data)
    usual = sum(1 for pair in pairs if 0x81 <= pair[0] <= 0x98)
    halfwidth = _count("[\uff61-\uff9f]", text)
    western = sum(1 if found[0] < 0xA1 or found[0] > 0xDF else len(found) for found in _BETWEEN_LETTERS.findall(data))
    if 2 * western > len(pairs) + halfwidth:
        return False
    if usual * 2 >= len(pairs) >= 2 and sum(len(run) for run in _CP932_RUN.findall(data)) == 2 * len(pairs):
        return halfwidth == 0
    return usual + halfwidth > 0 and usual >= 0.7 * len(pairs) and (usual >= halfwidth or not pairs)


def _surely_eucjp(data: bytes) -> bool:
    """Stronger than ``_looks_eucjp``: against a label under which the same bytes are legal, a third must be kana."""
    pairs = re.findall(rb"[\xa1-\xfe][\xa1-\xfe]", data)
    kana = sum(1 for pair in pairs if pair[0] in (0xA4, 0xA5))
    return kana >= 2 and kana * 3 >= len(pairs) and _looks_eucjp(data)


def _surely_cp932(data: bytes) -> bool:
    pairs = re.findall(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]", data)
    kana = sum(1 for a, b in pairs if (a == 0x82 and 0x9F <= b <= 0xF1) or (a == 0x83 and 0x40 <= b <= 0x96))
    return kana >= 2 and kana * 3 >= len(pairs) and _looks_cp932(data)


_SURROGATES = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")


def _pair(match: re.Match[bytes]) -> bytes:
    return match[0].decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass").decode("utf-16-le").encode()


def _utf8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        if _SURROGATES.search(data):
            # Each half of a pair by itself, as Java's programs write emoji.
            data = _SURROGATES.sub(_pair, data)
            return _utf8(data)
        # Cut in the middle of its last character: still UTF-8 by every other sign.
        text = data.decode("utf-8", "replace")
        bad = text.count(_REPLACEMENT)
        good = sum(1 for char in text if char > "\x7f") - bad
        return text if bad and good >= 20 * bad else None


def _sniff(data: bytes) -> tuple[str, bool]:
    """(text, whether it is sure) of bytes whose label is missing or wrong."""
    try:
        return data.decode("utf-8"), True
    except UnicodeDecodeError:
        pass
    if _looks_eucjp(data):
        return _eucjp(data), True
    if _looks_cp932(data):
        return _cp932(data), True
    text = _utf8(data)
    if text is not None:
        return text, False
    return _one_byte(data, "cp1252"), False


def _one_byte(data: bytes, codec: str) -> str:
    """cp1252 has five empty cells; there Latin-1 is taken, as browsers do."""
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return "".join(_cell(bytes((b,)), codec) for b in data)


def _cell(byte: bytes, codec: str) -> str:
    try:
        return byte.decode(codec)
    except UnicodeDecodeError:
        return byte.decode("latin-1")


def _with_escapes(data: bytes) -> bytes:
    """A gateway that dropped the escape characters left the rest of the sequences standing: ``$B$3$s(B``."""
    out = bytearray()
    done, begin = 0, -1
    for mark in _BARE_ESC.finditer(data):
        if mark[0][:1] == b"$" and len(mark[0]) == 2:
            begin = mark.start() if begin < 0 else begin
        elif mark[0][:1] != b"(" or len(mark[0]) != 2:
            begin = -1  # a space or a line's end: no run goes over it
        elif begin >= 0 and (pairs := mark.start() - begin - 2) > 0 and pairs % 2 == 0:
            out += data[done:begin] + b"\x1b" + data[begin : mark.start()] + b"\x1b" + mark[0]
            done, begin = mark.end(), -1
    return bytes(out + data[done:])


def _with_order(data: bytes, name: str) -> str:
    """UTF-16 without a mark and without a word on its order: the bytes that repeat (0, kana's 0x30) come first."""
    if name != "utf-16" or data[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return name
    even, odd = data[0:4000:2], data[1:4000:2]
    first, second = (half.count(0) + half.count(0x30) for half in (even, odd))
    return "utf-16-le" if second > first else "utf-16-be"


def decode(data: bytes, label: str | None = None) -> tuple[str, bool]:
    """The text of ``data`` and whether the label was wrong, unknown or the bytes damaged.

    ``label`` is the charset as the sender wrote it. Never raises; the text may still hold control characters.
    """
    name = canonical(label)
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        name = "utf-8"
    elif name.startswith(("utf-16", "utf-32")):
        if b"\x00" in data or not data.isascii():
            return data.decode(_with_order(data, name), "replace"), False
        name = ""
    if name == "jis" and b"\x1b" not in data:
        data = _with_escapes(data)
    escaped = b"\x1b" in data and _ESC.search(data) is not None and not _ESC_OTHER.search(data)
    if escaped or (name == "jis" and (b"\x0e" in data or b"\x1b" in data)):
        return _jis(data), name not in ("jis", "")
    if name == "utf-7":
        try:
            return data.decode("utf-7"), False
        except UnicodeDecodeError:
            name = ""
    if name in ("hz", "iso2022_kr", "iso2022_jp_ext"):
        return data.decode(name, "replace"), False
    if data.isascii():
        return data.decode("ascii"), bool(label) and not name
    return _decode_high(data, name)


# Charsets of two bytes a character, where UTF-8 or EUC-JP may be legal by accident.
_PAIRED = frozenset(["gb18030", "cp949", "cp950", "big5hkscs", "johab", "euc_kr"])
_EUC_ONLY = re.compile(rb"(?:[\x00-\x7f]|[\xa1-\xfe]{2}|\x8e[\xa1-\xdf]|\x8f[\xa1-\xfe]{2})*+")
_ASCII = bytes(range(0x80))
_THREE = re.compile(rb"[\xe2-\xef][\x80-\xbf]{2}")
# What customers write of.
_USUAL = frozenset(
    "日本人大年月中出会社品返送料注文商用届様御願致金額方法場合確認連絡番号住所氏名電話下本商品購入交換不良在庫配達時間今回先何度前後私"
    "手数申訳世話上分見使思予定変更希望問題対応可能有無数量色新宅急便到着済支払領収書買高田山川村東京都府県市区"
)


def _usual_kanji(text: str) -> int:
    return sum(1 for char in text[:20_000] if char in _USUAL)


def _perfect(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def _decode_high(data: bytes, name: str) -> tuple[str, bool]:
    if name == "utf-8":
        text = _utf8(data)
        if text is not None:
            return text, _REPLACEMENT in text
        text, sure = _sniff(data)
        if sure:
            return text, True
        text = data.decode("utf-8", "replace")
        # Not one character of it: then it is a Western page under the usual name.
        foreign = not any(char > "\x7f" and char != _REPLACEMENT for char in text)
        return (_one_byte(data, "cp1252") if foreign else text), True
    if name in ("", "ascii", "jis"):
        return _sniff(data)[0], name != ""
    if name == "cp932":
        return _decode_cp932(data)
    if name == "eucjp":
        if _looks_eucjp(data) or (_EUC_ONLY.fullmatch(data) and not (_THREE.search(data) and _perfect(data))):
            return _eucjp(data), False
        text, sure = _sniff(data)
        return (text, True) if sure else (_eucjp(data), True)
    try:
        text = data.decode(name)
    except (UnicodeDecodeError, LookupError):
        text, sure = _sniff(data)
        if name.startswith("cp125"):
            # One byte that the page does not have, between Western letters, makes no Japanese.
            alone = len(data.translate(None, _ASCII)) * 8 < len(data) and not _THREE.search(data)
            return (text, True) if sure and not alone else (_one_byte(data, name), False)
        return (text, True) if sure else (data.decode(name, "replace"), True)
    # Every run of bytes is legal there; what is also perfect UTF-8 with several bytes is UTF-8.
    if name in _PAIRED:
        if len(_THREE.findall(data)) >= 3 and (perfect := _perfect(data)):
            return perfect, True
    elif (name.startswith(("cp125", "iso8859")) or len(data.translate(None, _ASCII)) >= 6) and (
        perfect := _perfect(data)
    ):
        return perfect, True
    # Kana stand in the same place in EUC-JP and GB 2312, where Japanese may be meant as well: the kanji decide.
    if _surely_eucjp(data) and (name not in _PAIRED or _usual_kanji(_eucjp(data)) > _usual_kanji(text)):
        return _eucjp(data), True
    if name not in ("cp950", "big5hkscs") and _surely_cp932(data):
        return _cp932(data), True
    return text, False


def _decode_cp932(data: bytes) -> tuple[str, bool]:
    try:
        text = data.decode("cp932")
    except UnicodeDecodeError:
        pass
    else:
        # EUC-JP read as Shift_JIS is a row of half-width kana; UTF-8 read so is rare kanji.
        if _THREE.search(data) and (perfect := _perfect(data)):
            return perfect, True
        rows = _count("[\uff61-\uff9f]", text) * 2 > len(text) and _looks_eucjp(data)
        if not (rows and (_surely_eucjp(data) or _usual_kanji(_eucjp(data)) * 4 >= len(data))):
            return text, False
    try:
        return data.decode("utf-8"), True
    except UnicodeDecodeError:
        pass
    if _looks_eucjp(data):
        return _eucjp(data), True
    return _cp932(data), True
