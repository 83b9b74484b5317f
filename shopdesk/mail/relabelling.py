"""A mail whose words came out wrong, with the charset that a person chose in place of what its sender wrote. Pure."""

import base64
import binascii
import quopri
import re

_CONTENT_TYPE = re.compile(rb"(?im)^content-type:[ \t]*text/[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*")
_CHARSET = re.compile(rb"""(?i)(;\s*charset\*?\s*=\s*)("[^"\r\n]{0,100}"|[^\s;"]{0,100})""")
_WORD = re.compile(rb"=\?([A-Za-z0-9_.:-]{1,40})(?:\*[A-Za-z-]{1,20})?\?([BbQq])\?([^?\s]{0,2000})\?=")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


def relabelled(raw: bytes, charset: str) -> bytes:
    """``raw`` with ``charset`` as the label of every text part, and of the encoded words that are valid in it.

    An empty ``charset`` changes nothing. Stored bytes are never replaced by the result; it is only read.
    """
    if not charset:
        return raw
    label = charset.encode("ascii", "ignore")
    text = _CONTENT_TYPE.sub(lambda found: _with_label(found[0], label), raw)
    end = _END_OF_HEAD.search(text)
    head, rest = (text[: end.start()], text[end.start() :]) if end else (text, b"")
    head = _WORD.sub(lambda found: _word(found, charset, label), head)
    if not re.search(rb"(?im)^content-type:", head):
        head = b'Content-Type: text/plain; charset="' + label + b'"\r\n' + head
    return head + rest


def _with_label(line: bytes, label: bytes) -> bytes:
    new, count = _CHARSET.subn(lambda found: found[1] + b'"' + label + b'"', line)
    return new if count else line + b'; charset="' + label + b'"'


def _word(found: re.Match[bytes], charset: str, label: bytes) -> bytes:
    try:
        data = base64.b64decode(found[3]) if found[2] in b"Bb" else quopri.decodestring(found[3], header=True)
        data.decode(charset)
    except (binascii.Error, ValueError, LookupError):
        return found[0]
    if data.isascii() and (b"\x1b" not in data or charset != "iso-2022-jp"):
        return found[0]  # plain letters, or JIS, whatever it is called
    return b"=?" + label + b"?" + found[2] + b"?" + found[3] + b"?="
