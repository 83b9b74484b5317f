"""Headers: encoded words, parameters, dates, Message-IDs. All linear, all bounded, nothing raises.

A raw header comes as the stdlib hands it on: text whose bytes above 127 are surrogate escapes.
"""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from urllib.parse import unquote_to_bytes

from shopdesk.mail.parsing import charsets, cleaning

MAX_HEADER = 32 * 1024
MAX_PARAMETERS = 200
MAX_REFERENCES = 100
MAX_ADDRESS = 254

# The payload is bounded so that thousands of openings without an end cost little.
_WORD = re.compile(r"=\?([^\s?]{0,80})\?([bBqQ])\?(.{0,8000}?)\?=", re.DOTALL)
_FOLD = re.compile(r"\r?\n[ \t]*|\r(?!\n)")


def as_bytes(raw: str) -> bytes:
    return raw.encode("utf-8", "surrogateescape")


def decode_raw(raw: str, label: str | None = None) -> str:
    """Undo the stdlib's escapes: bytes in a header that nobody encoded."""
    if raw.isascii() and "\x1b" not in raw:
        # Letters of UTF-7 are ASCII; they are only looked for where the mail itself says UTF-7.
        seven = label is not None and "+" in raw and charsets.canonical(label) == "utf-7"
        return charsets.decode(raw.encode(), label)[0] if seven else raw
    return charsets.decode(as_bytes(raw), label)[0]


def straight(raw: str) -> str:
    """On one line. JIS that was folded by force, in the middle of a run of characters, goes on without a space."""
    if "\n" not in raw and "\r" not in raw:
        return raw
    if "\x1b$" not in raw:
        return _FOLD.sub(" ", raw)
    return _FOLD.sub(lambda m: "" if raw.rfind("\x1b$", 0, m.start()) > raw.rfind("\x1b(", 0, m.start()) else " ", raw)


def _q(payload: bytes) -> bytes:
    return re.sub(rb"=([0-9A-Fa-f]{2})", lambda m: bytes((int(m[1], 16),)), payload.replace(b"_", b" "))


_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]")
_EMPTY_LINE = re.compile(rb"(?<=[A-Za-z0-9+/=])\r?\n[ \t]*\r?\n")
MAX_BASE64_PIECES = 1000


def base64_bytes(data: bytes) -> tuple[bytes, bool]:
    """(bytes, whether it was damaged): everything up to the last whole group is kept. What a list server appended as
    plain text behind an empty line is not decoded with it."""
    end = _EMPTY_LINE.search(data)
    if end and _NOT_BASE64.search(data, end.end()) and not _NOT_BASE64.search(data, 0, end.start()):
        return base64_bytes(data[: end.start()])[0], True
    if b"=" in data.rstrip(b"= \t\r\n") and data.count(b"=") <= MAX_BASE64_PIECES:
        # Pieces that were encoded one by one, each with its own padding.
        return b"".join(base64_bytes(piece + b"==")[0] for piece in re.split(rb"=+", data) if piece.strip()), True
    try:
        return binascii.a2b_base64(data, strict_mode=False), False
    except binascii.Error:
        pass
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    kept = kept[: len(kept) - 1] if len(kept) % 4 == 1 else kept
    try:
        return base64.b64decode(kept + b"=" * (-len(kept) % 4)), True
    except (binascii.Error, ValueError):
        return b"", True


# A word that lost its end with the end of the line.
_CUT_WORD = re.compile(
    r"=\?([^\s?]{2,80})\?(?:[bB]\?((?:[A-Za-z0-9+/=]|\r?\n[ \t]){2,8000})|[qQ]\?([^\s?]{2,8000}))\??$"
)
_SOFT_BREAK = re.compile(r"=\r?\n[ \t]*")
_ENCODED_ONLY = re.compile(r"(?:=\?[^\s?]{1,80}\?[bBqQ]\?[^?]{0,8000}\?=\s{0,9}){1,99}")


class _Words:
    """Neighbouring words of one charset, until their text is asked for."""

    __slots__ = ("charset", "pieces")

    def __init__(self) -> None:
        self.charset: str | None = None
        self.pieces: list[tuple[bool, str]] = []

    def add(self, encoding: str, payload: str) -> None:
        base = encoding in "bB"
        payload = _FOLD.sub("", payload if base or "=" not in payload else _SOFT_BREAK.sub("", payload))
        self.pieces.append((base, payload))

    def text(self) -> str:
        data = b"".join(base64_bytes(as_bytes(one))[0] if base else _q(as_bytes(one)) for base, one in self.pieces)
        text = charsets.decode(data, self.charset)[0]
        if "\ufffd" in text and len(self.pieces) > 1 and all(base for base, _one in self.pieces):
            # Cut in the middle of four letters: put together before they are decoded.
            whole = base64_bytes(as_bytes("".join(one.rstrip("=") for _base, one in self.pieces)))[0]
            other = charsets.decode(whole, self.charset)[0]
            text = other if other.count("\ufffd") < text.count("\ufffd") else text
        return text


def decode_words(raw: str, label: str | None = None, *, again: bool = True) -> str:
    """The text of an unstructured header.

    Neighbouring words of one charset are joined as bytes first: senders cut in the middle of a character or of a JIS
    run. ``label`` is the charset of bytes that nobody encoded. What was encoded twice is decoded twice (``again``).
    """
    if "=?" not in raw:
        return decode_raw(straight(raw), label)
    out: list[str] = []
    words = _Words()
    at = 0
    for word in _WORD.finditer(raw):
        between = raw[at : word.start()]
        name = word[1].split("*")[0]
        joined = words.charset is not None and not between.strip()
        if not (joined and charsets.canonical(name) == charsets.canonical(words.charset)):
            if words.charset is not None:
                out.append(words.text())
            words, words.charset = _Words(), name
            if not joined:
                out.append(decode_raw(straight(between), label))
        words.add(word[2], word[3])
        at = word.end()
    rest = raw[at:]
    cut = _CUT_WORD.search(rest) if "=?" in rest else None
    if cut and charsets.canonical(cut[1].split("*")[0]):
        between, rest = rest[: cut.start()], ""
        if words.charset is None or between.strip() or charsets.canonical(cut[1]) != charsets.canonical(words.charset):
            if words.charset is not None:
                out.append(words.text())
            out.append(decode_raw(straight(between), label) if between.strip() else "")
            words, words.charset = _Words(), cut[1].split("*")[0]
        words.add("b" if cut[2] is not None else "q", cut[2] or cut[3])
    if words.charset is not None:
        out.append(words.text())
    out.append(decode_raw(straight(rest), label))
    text = "".join(out)
    return decode_words(text, again=False) if again and "=?" in text and _ENCODED_ONLY.fullmatch(text) else text


def unfold(raw: str) -> str:
    return _FOLD.sub(" ", raw)


# --- parameters ---------------------------------------------------------------------------------------------------

# The runs of spaces are bounded: without a bound a header of spaces costs the square of its length.
_PARAMETER = re.compile(
    r'\s{0,99};?\s{0,99}([^\s=;"]{1,80})\s{0,20}=\s{0,20}(?:"((?:[^"\\]|\\.){0,8000})(?:"|$)|([^;]{0,8000}))', re.DOTALL
)
_FORGOTTEN = re.compile(r"(?=.*%[89A-Fa-f])(?:%[0-9A-Fa-f]{2}|[A-Za-z0-9._~-])+")
_PERCENT = re.compile(r"%(?:[C-Fc-f][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]|[89EFef][0-9A-Fa-f]%[4-9A-Fa-f][0-9A-Fa-f])")
_NEXT_LINE = re.compile(r"\r?\n[ \t]{1,99}(?=[A-Za-z][A-Za-z0-9*-]{0,40}=(?![?=]))")
_JAPANESE_TEXT = re.compile("[\u3000-\u30ff\u4e00-\u9fff]")
# All of it in encoded words, or the parameter with its name.
_WORD_FIRST = re.compile(r"\s{0,99}(?:[A-Za-z/.+-]{1,80}\s{0,9};\s{0,99})?=\?")
_EXTENDED = re.compile(r"(?:=\?)?([A-Za-z0-9_-]{2,40})'[A-Za-z-]{0,10}'(.*%[0-9A-Fa-f]{2}[^?]*)(?:\?=)?", re.DOTALL)
_NO_SEMICOLON = re.compile(r"\s{0,99}(?:([^\s=;,\"]{1,80})[\s,]{1,99})?(?=[^\s=;,\"]{1,80}\s{0,20}=)")


def _join_parts(found: dict[str, str]) -> dict[str, str]:
    """RFC 2231: ``name*0*=``, ``name*1=``, ``name*=`` put together, as text."""
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for key, value in found.items():
        name, star, rest = key.partition("*")
        if not star:
            plain[name] = value
            continue
        extended = rest.endswith("*") or not rest
        number = rest.rstrip("*")
        pieces.setdefault(name, {})[int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0] = (
            value,
            extended,
        )
    for name, parts in pieces.items():
        charset: str | None = None
        data = b""
        for index, place in enumerate(sorted(parts)):
            value, extended = parts[place]
            if index == 0 and extended and value.count("'") >= 2:
                charset, _language, value = value.split("'", 2)
            # Some forget the star of the later pieces.
            extended = extended or (charset is not None and _FORGOTTEN.fullmatch(value) is not None)
            data += unquote_to_bytes(as_bytes(value)) if extended else as_bytes(value)
        # Outlook's habit: encoded words inside the pieces.
        text = data.decode("utf-8", "surrogateescape")
        plain[name] = decode_words(text) if "=?" in text else charsets.decode(data, charset)[0]
    return plain


def parameters(raw: str, limit: int = MAX_PARAMETERS) -> tuple[str, dict[str, str]]:
    """("text/plain", {"charset": "utf-8"}) of a header value; names in lower case, values raw text."""
    raw = raw[:MAX_HEADER]
    if "\x1b$" in raw or not raw.isascii():
        # Bytes of Shift_JIS and JIS are quotation marks and backslashes as well.
        text = decode_raw(straight(raw))
        raw = text if _JAPANESE_TEXT.search(text) else raw
    if "=?" in raw and _WORD_FIRST.match(raw):
        raw = decode_words(raw)
    first, _semicolon, rest = raw.partition(";")
    if "=" in first and (begin := _NO_SEMICOLON.match(raw)):
        # "attachment filename=a.pdf", or the parameter alone.
        first, rest = begin[1] or "", raw[begin.end() :]
    found: dict[str, str] = {}
    at = 0
    while at < len(rest) and len(found) < limit:
        match = _PARAMETER.match(rest, at)
        if match is None or match.end() == at:
            following = rest.find(";", at)
            if following < 0:
                break
            at = following + 1
            continue
        at = match.end()
        value = match[2] if match[2] is not None else match[3].strip()
        if match[2] is None and "\n" in value and (next_line := _NEXT_LINE.search(match[3])):
            # A new line in place of the semicolon.
            value, at = match[3][: next_line.start()].strip(), match.start(3) + next_line.end()
        if match[2] is not None and "\\" in value:
            value = re.sub(r"\\([\"\\])", r"\1", value)
        found.setdefault(match[1].lower(), value)
    if any("*" in key for key in found):
        found = found | _join_parts(found)
    return unfold(first).strip().lower(), found


def file_name(value: str, label: str | None = None) -> str:
    value = unfold(value).strip()
    if len(value) > 2 and value[0] == value[-1] == "'":
        value = value[1:-1]
    if extended := _EXTENDED.fullmatch(value):
        # The star of the name was forgotten, not what it stands for.
        return cleaning.file_name(charsets.decode(unquote_to_bytes(as_bytes(extended[2])), extended[1])[0])
    decoded = decode_words(value, label) if "=?" in value else decode_raw(value, label)
    if _PERCENT.search(decoded):
        # Written as in an address of the web, which no rule of mail knows and many programs do.
        text, wrong = charsets.decode(unquote_to_bytes(decoded), "utf-8")
        decoded = decoded if wrong and "\ufffd" in text else text
    return cleaning.file_name(decoded)


# --- dates and ids ------------------------------------------------------------------------------------------------

_ISO = re.compile(r"(\d{4})[-/](\d\d?)[-/](\d\d?)[T ]+(\d\d?):(\d\d)(?::(\d\d))?(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?")
# As phones and shop systems here write it; such a clock is a Japanese one.
_JAPANESE = re.compile(
    r"(令和|平成|昭和|R|H)?\s?(\d{1,4}|元)年\s?(\d\d?)月\s?(\d\d?)日[^\d]{0,12}(\d\d?)[:時](\d\d)(?:[:分](\d\d))?"
)
_ERAS = {"令和": 2018, "R": 2018, "平成": 1988, "H": 1988, "昭和": 1925}
_ZONES = {
    "JST": "+0900", "KST": "+0900", "HKT": "+0800", "SGT": "+0800", "CET": "+0100", "CEST": "+0200", "BST": "+0100",
    "MSK": "+0300",
}  # fmt: skip
_ZONE = re.compile(r"\(?\b(" + "|".join(_ZONES) + r")\b\)?")
_SHORT_ZONE = re.compile(r"(?:\b(?:GMT|UTC)\s?|(?<=\d\s))([+-])(\d{1,2})(?::?(\d\d))?(?=\s|$)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _with_zone(value: str) -> str:
    """Names of zones and short offsets, which the stdlib takes for none, as RFC 5322 writes them."""
    if not re.search(r"[+-]\d{4}", value):
        value = _SHORT_ZONE.sub(lambda m: f"{m[1]}{int(m[2]):02}{m[3] or '00'}", value, count=1)
    if not re.search(r"[+-]\d{4}", value):
        value = _ZONE.sub(lambda m: _ZONES[m[1]], value, count=1)
    return value


def _with_month(value: str) -> str:
    """ "22 11月 2026" and a weekday in Japanese, of a mail program that used the words of its screen."""
    value = re.sub(r"^\(?[日月火水木金土](?:曜日?)?\)?[\s,、]*(?=\d)", "", value)
    return re.sub(r"\b(1[0-2]|0?[1-9])月", lambda m: _MONTHS[int(m[1]) - 1], value)


def date(raw: str) -> datetime | None:
    """The moment in UTC; None when it cannot be read or is no moment of electronic mail (1980 to 2100)."""
    value = decode_raw(unfold(raw[:1000])).strip()
    parts: tuple[int, ...] | None = None
    offset = 0
    try:
        iso, japanese = _ISO.match(value), _JAPANESE.search(value)
        if iso:
            parts = tuple(int(part or 0) for part in iso.groups()[:6])
            zone = (iso[7] or "Z").replace(":", "")
            if zone != "Z":
                offset = (1 if zone[0] == "+" else -1) * (int(zone[1:3]) * 3600 + int(zone[3:5]) * 60)
        elif japanese:
            era, first, *rest = japanese.groups()
            year = (1 if first == "元" else int(first)) + _ERAS.get(era or "", 0)
            parts, offset = (year, *(int(part or 0) for part in rest)), 9 * 3600
        else:
            known = parsedate_tz(_with_zone(value if value.isascii() else _with_month(value)))
            if known is None:
                return None
            parts, offset = known[:6], known[9] or 0
        year, month, day, hour, minute, second = parts[:6]
        # A year counted from 1900, and the leap second.
        year, second = year + 1900 if 100 <= year < 200 else year, min(second, 59)
        zone_of = timezone(timedelta(seconds=offset))
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone_of).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if 1980 <= moment.year <= 2100 else None


_ID = re.compile(r"<\s*([^<>\s]{1,500})\s*>")


def message_ids(raw: str) -> tuple[str, ...]:
    """Message-IDs with their brackets, in order, each once; the newest hundred."""
    value = _FOLD.sub("", raw[:MAX_HEADER])
    if not value.isascii():
        value = decode_raw(value)
    found = [cleaning.line(f"<{match}>", 502).replace(" ", "") for match in _ID.findall(value)]
    if not found:
        # Some senders leave the brackets away.
        found = [
            f"<{word}>" for word in cleaning.line(value).split() if "@" in word and not set("<>()\"',;") & set(word)
        ]
    return tuple(dict.fromkeys(found))[-MAX_REFERENCES:]
