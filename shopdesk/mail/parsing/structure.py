"""The MIME structure: from bytes to headers and leaves, inside limits. The stdlib's compat32 parser splits the parts;
what it does with types, boundaries and long headers is replaced here."""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email._policybase import Compat32
from email.feedparser import BytesFeedParser
from email.message import Message

from shopdesk.mail.parsing import headers

MAX_RAW = 50 * 1024 * 1024
MAX_HEAD = 1024 * 1024
MAX_HEADER_LINES = 5000
MAX_BOUNDARY_LINES = 5000
MAX_DEPTH = 30
MAX_PARTS = 500
MAX_UUENCODED = 50

_FIELD = re.compile(rb"[\x21-\x39\x3b-\x7e]+[ \t]*:")
_KNOWN_FIELD = re.compile(
    rb"(?:from|to|cc|bcc|reply-to|sender|subject|date|message-id|references|in-reply-to|mime-version|content-[a-z-]+"
    rb"|received|return-path|delivered-to|x-[a-z0-9-]+|list-[a-z-]+|dkim-signature|precedence|auto-submitted)[ \t]*:",
    re.IGNORECASE,
)
_MBOX = re.compile(rb">?From [ \t]*[^ \t:]")
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r(?!\n)|\Z)")
_TYPE = re.compile(r"\s{0,20}([A-Za-z0-9!#$&^_.+-]{1,60}\s{0,3}/\s{0,3}[A-Za-z0-9!#$&^_.+-]{1,100})(?=[\s;]|$)")
_HTML = re.compile(rb"\s{0,200}<(?:!doctype\s+html|html|body|div|p|table)\b[^<]*>", re.IGNORECASE)
_CHUNK = 64 * 1024
_FOR_PROGRAMS = {"message/delivery-status", "message/feedback-report", "application/pgp-signature"}
# The same letter once more, for a reader that we are not.
_OTHER_WAYS = {"text/x-amp-html", "text/watch-html"}
# Texts that are files even where they stand alone.
_DATA = {"text/calendar", "text/vcard", "text/x-vcard", "text/directory", "text/rfc822-headers", "text/csv"}


class TooComplex(Exception):
    """The mail is over a limit; ``code`` is the problem to note."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Head:
    """The top headers: ``fields`` are (lower-case name, raw value); the body begins at ``body_at``."""

    fields: list[tuple[str, str]]
    body_at: int
    problems: list[str]
    source: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    def get(self, name: str) -> str:
        return next((value for key, value in self.fields if key == name), "")


def straightened(raw: bytes) -> bytes:
    """The mail in the form that every reader expects: a gateway's "\\r\\r\\n" is one end of a line (it would end the
    headers after the first of them), and a mail saved as UTF-16 is text like any other."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raw = raw.decode("utf-16", "replace").encode("utf-8", "replace")
    return raw.replace(b"\r\r\n", b"\r\n") if b"\r\r\n" in raw[:8192] else raw


def _head_lines(raw: bytes, start: int) -> tuple[list[tuple[int, bytes]], int]:
    """([(offset, line)] up to the first empty line, offset of the body)."""
    lines: list[tuple[int, bytes]] = []
    at, stop = start, min(len(raw), start + MAX_HEAD)
    while at < stop:
        match = _LINE.match(raw, at)
        if match is None or match.end() == at:
            break
        line = match[0]
        if not line.strip(b"\r\n"):
            return lines, match.end()
        lines.append((at, line))
        at = match.end()
    return lines, at


def read_head(raw: bytes) -> Head:
    """The header block. A byte order mark, blank lines, an mbox line or a damaged line before or among the headers do
    not hide the others; where the text follows without a blank line, the body begins there."""
    start = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    blank = re.compile(rb"[ \t\r\n]*").match(raw, start)
    first = blank.end() if blank else start
    if first > start and _KNOWN_FIELD.match(raw, first):
        start = first
    lines, body_at = _head_lines(raw, start)
    kept: list[list[bytes]] = []
    problems: list[str] = []
    later_known = _last_known(lines)
    for index, (at, line) in enumerate(lines):
        if _FIELD.match(line) and not (not kept and _MBOX.match(line)):
            kept.append([line])
        elif line[:1] in b" \t" and kept:
            kept[-1].append(line)
        elif index == 0 and _MBOX.match(line):
            continue
        elif later_known > index:
            problems.append("headers")
        else:
            body_at = at
            problems.append("headers")
            break
        if len(kept) > MAX_HEADER_LINES:
            problems.append("headers")
            break
    fields: list[tuple[str, str]] = []
    cut: list[bytes] = []
    for pieces in kept:
        line = b"".join(pieces)
        if len(line) > headers.MAX_HEADER:
            problems.append("header_too_long")
            line = line[: headers.MAX_HEADER] + b"\r\n"
        elif not line.endswith((b"\n", b"\r")):
            line += b"\r\n"
        name, _colon, value = line.partition(b":")
        # "Subject : hello": the stdlib would take it for the beginning of the body.
        cut.append(name.rstrip() + b":" + value)
        fields.append((name.strip().decode("ascii").lower(), value.strip().decode("ascii", "surrogateescape")))
    return Head(fields, body_at, problems, b"".join(cut))


def _last_known(lines: list[tuple[int, bytes]]) -> int:
    for index in range(len(lines) - 1, -1, -1):
        if _KNOWN_FIELD.match(lines[index][1]):
            return index
    return -1


class _Policy(Compat32):
    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = sourcelines[0].split(":", 1)
        value = (value.lstrip(" \t") + "".join(sourcelines[1:]))[: headers.MAX_HEADER]
        return name, value.rstrip("\r\n")


class Part(Message):
    """A part whose type and boundary are read by us: quick, bounded, and forgiving. Mail inside mail stays closed."""

    _type: tuple[str, dict[str, str]] | None = None
    _payload: object
    untold = False  # no type that could be read

    def raw(self, name: str) -> str:
        name = name.lower()
        return next((str(value) for key, value in self.raw_items() if key.lower() == name), "")

    def content_type(self) -> tuple[str, dict[str, str]]:
        if self._type is None:
            values = [str(value) for key, value in self.raw_items() if key.lower() == "content-type"]
            # Of two, the one that divides the parts.
            value = next((one for one in values if "boundary" in one.lower()), values[0] if values else "")
            begin = _TYPE.match(value)
            # Some senders forget the semicolon behind the type.
            kind, found = headers.parameters(f"{begin[1]};{value[begin.end() :]}" if begin else value)
            kind = re.sub(r"[\s\"']+", "", kind)
            if kind in ("text", "plain", "html"):
                kind = "text/html" if kind == "html" else "text/plain"
            if not re.fullmatch(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,100}", kind):
                guess = re.match(r"[a-z0-9.+-]+/[a-z0-9.+-]+", kind)
                kind = guess[0] if guess else self.get_default_type()
                self.untold = not guess
            self._type = kind, found
        return self._type

    def take_bytes(self) -> bytes:
        """The body as it came, taken out of the part so that it is not held twice. The stdlib's ``get_payload``
        would decode bytes above 127 by the label, which is what we do ourselves."""
        payload, self._payload = self._payload, None
        return payload.encode("ascii", "surrogateescape") if isinstance(payload, str) else b""

    # What the stdlib asks while it splits. A mail inside the mail is a leaf, so that its bytes stay as they came.
    def get_content_type(self) -> str:
        kind = self.content_type()[0]
        return "application/octet-stream" if kind.startswith("message/") else kind

    def get_content_maintype(self) -> str:
        return self.get_content_type().partition("/")[0]

    def get_boundary(self, failobj: object = None) -> object:  # type: ignore[override]  # typeshed: two overloads
        value = self.content_type()[1].get("boundary")
        if value is None:
            return failobj
        value = re.sub(r"[\r\n]+[ \t]*", "", value).rstrip()
        return value or failobj


@dataclass(slots=True)
class Leaf:
    """A part without parts. ``data`` is decoded from its transfer encoding."""

    type: str
    params: dict[str, str]
    disposition: str
    name: str
    content_id: str
    location: str
    data: bytes
    damaged: bool
    root: bool
    in_alternative: bool
    in_report: bool


@dataclass(slots=True)
class Block:
    """A piece of the body, plain or HTML or both ways; as leaves, not yet decoded."""

    plain: list[Leaf] = field(default_factory=list)
    html: list[Leaf] = field(default_factory=list)


@dataclass(slots=True)
class Structure:
    blocks: list[Block]
    attachments: list[Leaf]
    leaves: list[Leaf]
    problems: list[str]
    root_type: str
    root_params: dict[str, str]


_BASE64_AND_SPACE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return _CONTROLS.search(data) is None


def _is_plain_after_all(data: bytes) -> bool:
    """Whether a text under the name of base64 was never encoded: decoded it would be lost."""
    data = data.strip()
    foreign = data.translate(None, _BASE64_AND_SPACE)
    if len(foreign) * 50 <= len(data) and data.count(b" ") * 25 <= len(data):
        # Neither signs nor words: a short answer at most ("OK").
        return 0 < len(data) < 4 or (
            len(data) % 4 > 0 and len(data) < 60 and not _is_text(headers.base64_bytes(data)[0])
        )
    # A paragraph of base64 with a list server's words below it?
    first = re.split(rb"\r?\n[ \t]*\r?\n", data, maxsplit=1)[0]
    if len(first) >= 12 and not first.translate(None, _BASE64_AND_SPACE.replace(b" ", b"")):
        return _CONTROLS.search(headers.base64_bytes(first)[0]) is not None
    return not foreign.isascii() or not _is_text(headers.base64_bytes(data)[0])


_QUOTED = re.compile(rb"=[0-9A-Fa-f]{2}|=[ \t]*(?:\r?\n|\r|$)")


def _is_unquoted(data: bytes) -> bool:
    """Whether a text under the name of quoted-printable was never encoded: most of its signs of equality say nothing.
    ISO-2022-JP is full of them, and an address with "?id=20" would be changed."""
    signs = data.count(b"=")
    return signs > 1 and sum(1 for _found in _QUOTED.finditer(data)) * 2 < signs


def transfer_decode(data: bytes, encoding: str, *, text: bool = False) -> tuple[bytes, bool]:
    """(bytes, whether the encoding was unknown or damaged). ``text`` says that people are to read it."""
    name = re.split(r"[;(]", encoding, maxsplit=1)[0].strip().strip("\"'").lower()
    if name in ("", "7bit", "8bit", "binary", "7-bit", "8-bit", "7bits", "8bits", "none"):
        return data, False
    if name == "base64":
        return (data, True) if text and _is_plain_after_all(data) else headers.base64_bytes(data)
    if name in ("quoted-printable", "quotedprintable", "qp"):
        return (data, True) if text and _is_unquoted(data) else (binascii.a2b_qp(data), False)
    if name in ("x-uuencode", "uuencode", "uue", "x-uue"):
        found = uuencoded(data)
        return (found[0][1], False) if found and not found[1:] else (data, False)
    return data, True


_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,200}?)[ \t]*\r?$", re.MULTILINE)
_END = re.compile(rb"^end[ \t]*\r?$", re.MULTILINE)


def _uu_blocks(data: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    at = 0
    for _turn in range(MAX_UUENCODED):
        begin = _BEGIN.search(data, at)
        if begin is None:
            return
        end = _END.search(data, begin.end())
        if end is None:
            return
        content = bytearray()
        good = True
        for line in data[begin.end() : end.start()].splitlines():
            if not line.strip():
                continue
            try:
                content += binascii.a2b_uu(line)
            except binascii.Error:
                length = (((line[0] - 32) & 63) * 4 + 5) // 3
                try:
                    content += binascii.a2b_uu(line[:length])
                except binascii.Error:
                    good = False
                    break
        if good and content:
            yield begin.start(), end.end(), begin[1], bytes(content)
            at = end.end()
        else:
            at = begin.end()


def uuencoded(data: bytes) -> list[tuple[bytes, bytes]]:
    """[(name, content)] of the files that stand uuencoded in a text."""
    return [(name, content) for _start, _end, name, content in _uu_blocks(data)] if b"begin " in data else []


def without_uuencoded(data: bytes) -> bytes:
    """The text without its uuencoded files."""
    out, at = bytearray(), 0
    for start, end, _name, _content in _uu_blocks(data):
        out += data[at:start]
        at = end + len(data[end : end + 2]) - len(data[end : end + 2].lstrip(b"\r\n"))
    return bytes(out + data[at:])


class _Walk:
    def __init__(self) -> None:
        self.attachments: list[Leaf] = []
        self.leaves: list[Leaf] = []
        self.problems: list[str] = []
        self.count = 0

    def blocks(self, part: Part, *, depth: int, parent: str, root: bool) -> list[Block]:
        self.count += 1
        if self.count > MAX_PARTS:
            self.problems.append("too_many_parts")
            return []
        kind, _params = part.content_type()
        children = part.get_payload() if part.is_multipart() else None
        if isinstance(children, list):
            if depth >= MAX_DEPTH:
                self.problems.append("too_deep")
                return []
            found = [
                self.blocks(child, depth=depth + 1, parent=kind, root=False)
                for child in children[: MAX_PARTS + 1]
                if isinstance(child, Part)
            ]
            if not any(found) and not self.attachments:
                found = self._loose_text(part, kind)
            return self._alternative(found) if kind == "multipart/alternative" else [b for some in found for b in some]
        return self._leaf(part, kind, parent=parent, root=root)

    def _loose_text(self, part: Part, kind: str) -> list[list[Block]]:
        """A multipart without usable parts: what stands before or behind them is all that the sender wrote."""
        text = "\n".join(filter(None, (part.preamble, part.epilogue))).strip()
        if not text:
            return []
        self.problems.append("structure")
        data = text.encode("ascii", "surrogateescape")
        leaf = Leaf("text/plain", {}, "", "", "", "", data, False, False, False, False)
        self.leaves.append(leaf)
        return [[Block(plain=[leaf])]]

    @staticmethod
    def _alternative(found: list[list[Block]]) -> list[Block]:
        """One block: the plain way of the first branch that has one, the HTML way of the last."""
        plain = next(
            (leaves for some in found if (leaves := [leaf for b in some if not b.html for leaf in b.plain])), []
        )
        html = next((leaves for some in reversed(found) if (leaves := [leaf for b in some for leaf in b.html])), [])
        if not plain:
            plain = next((leaves for some in found if (leaves := [leaf for b in some for leaf in b.plain])), [])
        return [Block(plain, html)] if plain or html else []

    def _leaf(self, part: Part, kind: str, *, parent: str, root: bool) -> list[Block]:
        params = part.content_type()[1]
        disposition, more = headers.parameters(part.raw("content-disposition"))
        disposition = disposition.strip("\"'")
        data, damaged = transfer_decode(
            part.take_bytes(), part.raw("content-transfer-encoding"), text=kind.startswith("text/")
        )
        if kind == "text/plain" and part.untold and _HTML.match(data):
            kind = "text/html"
        # A program that could not write the name left marks of question in one place, and sometimes not in the other.
        names = [more.get("filename", ""), params.get("name", "")]
        named = next((one for one in names if one and "??" not in one), names[0] or names[1])
        name = headers.file_name(named, params.get("charset")) if named else ""
        if kind.startswith("multipart/"):
            # Called a multipart, but without a boundary that could be found.
            self.problems.append("structure")
            kind = "text/plain"
        content_id = headers.unfold(part.raw("content-id")).strip().strip("<>").strip()
        location = headers.unfold(part.raw("content-location")).strip()
        leaf = Leaf(
            kind, params, disposition, name, content_id, location, data, damaged, root,
            parent == "multipart/alternative", parent == "multipart/report",
        )  # fmt: skip
        self.leaves.append(leaf)
        if self._is_body(leaf, named=bool(named), file=bool(more.get("filename"))):
            return [Block(html=[leaf])] if kind == "text/html" else [Block(plain=[leaf])]
        # A machine's part of a report and a detached signature are for programs; the raw mail keeps them.
        if named or not (kind in _FOR_PROGRAMS or (leaf.in_alternative and kind in _OTHER_WAYS)):
            self.attachments.append(leaf)
        return []

    @staticmethod
    def _is_body(leaf: Leaf, *, named: bool, file: bool) -> bool:
        if leaf.disposition == "attachment":
            return False
        if leaf.type not in ("text/plain", "text/html"):
            # Markdown, "text/x-unknown": the only thing that the sender wrote.
            return leaf.root and not named and leaf.type.startswith("text/") and leaf.type not in _DATA
        if not named:
            return True
        # Some mailers give the body itself a name.
        return (leaf.root or leaf.in_alternative) and not file


def read_structure(raw: bytes, head: Head) -> Structure:
    """Split and walk. Raises TooComplex over a limit, RecursionError for parts nested in hundreds."""
    if len(raw) > MAX_RAW:
        raise TooComplex("too_large")
    if raw.count(b"\n--") + raw.count(b"\r--") > MAX_BOUNDARY_LINES and b"multipart/" in head.source.lower():
        raise TooComplex("too_complex")
    root = _split(raw, head.body_at, head.source)
    kind, params = root.content_type()
    walk = _Walk()
    if kind.startswith("multipart/") and not root.is_multipart() and (source := _divided(raw, head, kind)):
        walk.problems.append("structure")
        root = _split(raw, head.body_at, source)
    blocks = walk.blocks(root, depth=0, parent="", root=True)
    if not any(block.plain or block.html for block in blocks):
        blocks = _body_of_files(walk)
    return Structure(blocks, walk.attachments, walk.leaves, walk.problems, kind, params)


_DIVIDES = re.compile(
    rb"^--([^\s\"\\][^\r\n\"\\]{0,99}?)[ \t]*\r?\n(?:content-(?:type|disposition|transfer)|\r?\n)",
    re.IGNORECASE | re.MULTILINE,
)
_TYPE_LINES = re.compile(rb"^content-type:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*(?:\r?\n|\r|$)", re.IGNORECASE | re.MULTILINE)
MAX_GUESSES = 50


def _divided(raw: bytes, head: Head, kind: str) -> bytes:
    """The header block of a multipart whose parts could not be found, naming the line that divides them; b"" when
    there is none to be seen."""
    for found, _turn in zip(_DIVIDES.finditer(raw, head.body_at), range(MAX_GUESSES), strict=False):
        headed = not found[0].endswith(b"\n")
        if headed or raw.find(b"\n--" + found[1] + b"--", found.end()) >= 0:
            named = kind.encode("ascii") + b'; boundary="' + found[1] + b'"\r\n'
            return _TYPE_LINES.sub(b"", head.source) + b"Content-Type: " + named
    return b""


def _split(raw: bytes, body_at: int, source: bytes) -> Part:
    parser = BytesFeedParser(Part, policy=_Policy())
    parser.feed(source + b"\r\n")
    body = memoryview(raw)
    for at in range(body_at, len(raw), _CHUNK):
        parser.feed(bytes(body[at : at + _CHUNK]))
    root = parser.close()
    if not isinstance(root, Part):
        raise TooComplex("parser_error")
    return root


def _body_of_files(walk: _Walk) -> list[Block]:
    """A mail without a body whose first file is an inline text: that text is also what is read."""
    for leaf in walk.attachments:
        if leaf.disposition != "attachment" and leaf.type == "text/plain":
            return [Block(plain=[leaf])]
        if leaf.disposition != "attachment" and leaf.type == "text/html":
            return [Block(html=[leaf])]
    return []
