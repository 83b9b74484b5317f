"""Headers: encoded words, parameters, addresses, dates, Message-IDs. All linear, all bounded, nothing raises.

A raw header comes as the stdlib hands it on: text whose bytes above 127 are surrogate escapes.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from urllib.parse import unquote_to_bytes

from shopdesk.mail.parsing import charsets, cleaning
from shopdesk.mail.parsing.model import Address

MAX_HEADER = 32 * 1024
MAX_PARAMETERS = 200
MAX_ADDRESSES = 500
MAX_REFERENCES = 100
MAX_ADDRESS = 254
MAX_OPEN_BRACKETS = 20

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


def _straight(raw: str) -> str:
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
        return decode_raw(_straight(raw), label)
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
                out.append(decode_raw(_straight(between), label))
        words.add(word[2], word[3])
        at = word.end()
    rest = raw[at:]
    cut = _CUT_WORD.search(rest) if "=?" in rest else None
    if cut and charsets.canonical(cut[1].split("*")[0]):
        between, rest = rest[: cut.start()], ""
        if words.charset is None or between.strip() or charsets.canonical(cut[1]) != charsets.canonical(words.charset):
            if words.charset is not None:
                out.append(words.text())
            out.append(decode_raw(_straight(between), label) if between.strip() else "")
            words, words.charset = _Words(), cut[1].split("*")[0]
        words.add("b" if cut[2] is not None else "q", cut[2] or cut[3])
    if words.charset is not None:
        out.append(words.text())
    out.append(decode_raw(_straight(rest), label))
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
    decoded = decode_words(value, label) if "=?" in value else decode_raw(value, label)
    if _PERCENT.search(decoded):
        # Written as in an address of the web, which no rule of mail knows and many programs do.
        text, wrong = charsets.decode(unquote_to_bytes(decoded), "utf-8")
        decoded = decoded if wrong and "\ufffd" in text else text
    return cleaning.file_name(decoded)


# --- addresses ----------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"=\?[^\s?]{1,80}\?[bBqQ]\?[^?]{0,2000}\?=|\\.|[^\\]", re.DOTALL)
_PLAIN = re.compile(r'[^"()<>,;:\\=]+')
_BARE = re.compile(r"(?<![^\s<>\"',;()])[^\s<>\"',;()]{1,200}@[^\s<>\"',;()]{1,200}")


# As an input method writes them, and as a form of the web does.
_WIDE = {0xFF1C: "<", 0xFF1E: ">", 0xFF20: "@"}
_ESCAPED = re.compile(r"&(lt|gt|quot);")
_SPACED = re.compile(r"\s*([^\s@<>()\",;:]{1,64})\s{1,9}@\s{1,9}([^\s@<>()\",;:]{1,250})\s*")
_DOMAIN = re.compile(r"\[(?:IPv6:)?[0-9A-Fa-f:.]{2,60}\]|[^\s<>()\[\],;:\\\"@]{1,253}")


class _Box:
    """One mailbox while it is read."""

    __slots__ = ("angles", "comments", "has_at", "words")

    def __init__(self) -> None:
        self.has_at = False
        self.words: list[str] = []
        self.angles: list[str] = []
        self.comments: list[str] = []


def _split_boxes(raw: str) -> list[_Box]:
    boxes: list[_Box] = []
    box = _Box()
    at, end = 0, len(raw)
    open_brackets = 0  # that never close; after some of them a bracket is only a letter
    while at < end and len(boxes) < MAX_ADDRESSES:
        plain = _PLAIN.match(raw, at)
        if plain:
            box.words.append(plain[0])
            box.has_at = box.has_at or "@" in plain[0]
            at = plain.end()
            continue
        char = raw[at]
        if char == '"':
            close = _closing_quote(raw, at + 1)
            if close < 0:
                at += 1  # a quote that never ends is dropped, the words after it are kept
                continue
            box.words.append('"' + re.sub(r"\\(.)", r"\1", raw[at + 1 : close], flags=re.DOTALL) + '"')
            at = close + 1
        elif char == "(":
            comment, at = _comment(raw, at) if open_brackets < MAX_OPEN_BRACKETS else ("", at + 1)
            if comment:
                box.comments.append(comment)
            else:
                open_brackets += 1
        elif char == "<":
            close = raw.find(">", at)
            inner = raw[at + 1 : close if close >= 0 else end]
            again = inner.rfind("<")
            box.angles.append(inner[again + 1 :])
            if again > 0:
                box.words.append(inner[:again])
            at = close + 1 if close >= 0 else end
        elif char in ",;":
            boxes.append(box)
            box = _Box()
            at += 1
        elif char == ":":
            # A group's name ("undisclosed-recipients:;") is no mailbox; elsewhere a colon is a letter of the name.
            if not box.has_at and not box.angles and _is_group(raw, at):
                box = _Box()
            else:
                box.words.append(":")
            at += 1
        else:
            token = _TOKEN.match(raw, at)
            box.words.append(token[0] if token else char)
            at = token.end() if token else at + 1
    boxes.append(box)
    return boxes


def _is_group(raw: str, at: int) -> bool:
    close = raw.find(";", at)
    return close >= 0 or not raw[at + 1 :].strip() or raw[:at].strip().lower().startswith("undisclosed")


def _closing_quote(raw: str, at: int) -> int:
    while True:
        close = raw.find('"', at)
        if close < 0:
            return -1
        slashes = close
        while slashes > 0 and raw[slashes - 1] == "\\":
            slashes -= 1
        if (close - slashes) % 2 == 0:
            return close
        at = close + 1


_BRACKET = re.compile(r"\\.|[()]", re.DOTALL)


def _comment(raw: str, at: int) -> tuple[str, int]:
    depth, start = 0, at
    for match in _BRACKET.finditer(raw, at):
        if match[0][0] == "\\":
            continue
        depth += 1 if match[0] == "(" else -1
        if depth == 0:
            return raw[start + 1 : match.start()], match.end()
    # Not closed: the bracket is a letter of the name, what follows is read on.
    return "", start + 1


def _without_comments(raw: str) -> str:
    out, at = [], 0
    for _turn in range(MAX_OPEN_BRACKETS):
        start = raw.find("(", at)
        if start < 0:
            break
        out.append(raw[at:start])
        at = _comment(raw, start)[1]
    return "".join(out) + raw[at:]


def _spec(raw: str) -> str:
    """``local@domain`` out of what stood between angle brackets, or "". Carriers' dots stay."""
    spec = (_without_comments(raw) if "(" in raw else raw).strip()
    if "=?" in spec:
        spec = decode_words(spec)
        inner = re.search(r"<([^<>]*)>", spec)
        spec = inner[1].strip() if inner else spec.strip()
    spec = decode_raw(spec)
    spec = spec.removeprefix("mailto:").removeprefix("MAILTO:")
    if spec.startswith("@") and ":" in spec:
        spec = spec.rpartition(":")[2]  # an old source route
    spec = cleaning.line(spec, 1000)
    if "@" not in spec:
        return ""
    local, _at, domain = spec.rpartition("@")
    local, domain = local.strip(), domain.strip().strip("<>,;'\"").removesuffix(".")
    if len(local) > 2 and local[0] == local[-1] == '"':
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
        if re.search(r"[\s<>(),;:\\\"@]", local):
            return f'"{local}"@{domain}' if not re.search(r'[\\"]', local) and _DOMAIN.fullmatch(domain) else ""
    local = local.lstrip("<'\"").strip()
    local, domain = re.sub(r"\s*\.\s*", ".", local), re.sub(r"\s+", "", domain)
    if re.search(r"\s", local):
        local = local.split()[-1]
    address = f"{local}@{domain}"
    fit = local and domain and len(address) <= MAX_ADDRESS and not re.search(r"[<>(),;:\\\"@]", local)
    return address if fit and _DOMAIN.fullmatch(domain) else ""


def _name(raw: str) -> str:
    text = decode_words(unfold(raw)).strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if '"' in text:
        text = re.sub(r'"([^"]*)"', r"\1", text)
    text = re.sub(r"\s+", " ", cleaning.line(text, 500)) if "  " in text else cleaning.line(text, 500)
    if len(text) > 2 and text[0] == text[-1] == "'":
        text = text[1:-1]
    return (text if "<" in text else text.rstrip("> ")).strip()


def _address(box: _Box) -> Address | None:
    words = "".join(box.words)
    if box.angles:
        spec = next((found for found in map(_spec, reversed(box.angles)) if found), "")
        if spec:
            name = _name(words)
            return Address(name or (_name(box.comments[-1]) if box.comments else ""), spec)
        if "@" not in words and "=?" not in words:
            return Address(_name(words), "") if words.strip() or any(a.strip() for a in box.angles) else None
    if not words.strip():
        return None
    plain = _narrow(decode_words(words)) if "=?" in words else words
    if "<" in plain and "<" not in words:
        # The sender encoded name and address together.
        return next(iter(_addresses_of(plain)), None)
    quoted = re.fullmatch(r'\s*("[^"]{1,64}"\s*@\s*[^\s"@]+)\s*', plain)
    found = list(_BARE.finditer(plain))
    spec = _spec(quoted[1]) if quoted else ""
    if not spec and found:
        spec = _spec(found[-1][0]) or _spec(found[-1][0].strip("[]{}:"))
    if not spec and (spaced := _SPACED.fullmatch(plain)):
        return Address("", _spec(f"{spaced[1]}@{spaced[2]}"))
    if not spec:
        spec = next((one for comment in box.comments if "@" in comment and (one := _spec(comment))), "")
        return Address(_name(words), spec)
    if quoted:
        name = ""
    else:
        last = found[-1]
        name = _name((plain[: last.start()] + plain[last.end() :]).strip(" \"'"))
    return Address(name or (_name(box.comments[-1]) if box.comments else ""), spec)


def _narrow(value: str) -> str:
    if "<" not in value and "&lt;" in value:
        value = _ESCAPED.sub(lambda m: {"lt": "<", "gt": ">", "quot": '"'}[m[1]], value)
    if value.isascii():
        return value
    if "<" not in value and "\uff1c" in value:
        value = value.translate(_WIDE)
    return value.translate(_WIDE) if "@" not in value and "\uff20" in value else value


def _addresses_of(raw: str) -> list[Address]:
    return [found for box in _split_boxes(raw) if (found := _address(box)) is not None]


def addresses(values: Iterable[str]) -> tuple[Address, ...]:
    """Every mailbox of the header's occurrences, in order. An entry without an address keeps its name."""
    found: list[Address] = []
    for raw in values:
        value = _straight(raw[:MAX_HEADER])
        if "\x1b" in value or not value.isascii():
            # JIS bytes contain every special character: decoded first, split afterwards.
            value = decode_raw(value)
        found += _addresses_of(_narrow(value))
        if len(found) >= MAX_ADDRESSES:
            break
    return tuple(found[:MAX_ADDRESSES])


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
