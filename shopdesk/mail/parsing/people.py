"""Mailboxes of a header: names and addresses as senders and phone companies write them. Linear, bounded, silent."""

import re
from collections.abc import Iterable

from shopdesk.mail.parsing import cleaning, headers
from shopdesk.mail.parsing.model import Address

MAX_ADDRESSES = 500
MAX_OPEN_BRACKETS = 20

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
        spec = headers.decode_words(spec)
        inner = re.search(r"<([^<>]*)>", spec)
        spec = inner[1].strip() if inner else spec.strip()
    spec = headers.decode_raw(spec)
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
    fit = local and domain and len(address) <= headers.MAX_ADDRESS and not re.search(r"[<>(),;:\\\"@]", local)
    return address if fit and _DOMAIN.fullmatch(domain) else ""


def _name(raw: str) -> str:
    text = headers.decode_words(headers.unfold(raw)).strip()
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
    plain = _narrow(headers.decode_words(words)) if "=?" in words else words
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
        value = headers.straight(raw[: headers.MAX_HEADER])
        if "\x1b" in value or not value.isascii():
            # JIS bytes contain every special character: decoded first, split afterwards.
            value = headers.decode_raw(value)
        found += _addresses_of(_narrow(value))
        if len(found) >= MAX_ADDRESSES:
            break
    return tuple(found[:MAX_ADDRESSES])
