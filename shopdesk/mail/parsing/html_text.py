"""HTML of a mail as plain text: for the search index, for the reply fold and for mail that has no plain part.

The input is what the sanitiser gave back: well formed, so that a regular expression may read it.
"""

import re
from html import unescape

_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?:[^<>"]|"[^"]*")*)>')
_SPACES = re.compile(r"[ \t\r\n\f]+")
_PARAGRAPHS = {"p", "blockquote", "ul", "ol", "dl", "table", "pre", "h1", "h2", "h3", "h4", "h5", "h6"}
_LINES = {"div", "tr", "li", "dt", "dd", "center", "caption", "hr", "tbody", "thead", "tfoot"}


def html_to_text(html: str) -> str:
    """Lines as a reader sees them; a ``blockquote`` is marked with ``> `` as mail programs do."""
    lines: list[str] = []
    current: list[str] = []
    depth = pre = 0

    def end_line() -> None:
        line = "".join(current).strip(" ") if not pre else "".join(current)
        current.clear()
        lines.append("> " * min(depth, 10) + line)

    def paragraph() -> None:
        if "".join(current).strip():
            end_line()
        if lines and lines[-1].strip("> "):
            lines.append("> " * min(depth, 10))

    at = 0
    for tag in _TAG.finditer(html):
        _words(html[at : tag.start()], current, lines, pre, depth)
        at = tag.end()
        closing, name = tag[1] == "/", tag[2]
        if name == "br":
            end_line()
        elif name in _PARAGRAPHS:
            paragraph()
            if name == "blockquote":
                depth = max(0, depth + (-1 if closing else 1))
            elif name == "pre":
                pre = max(0, pre + (-1 if closing else 1))
        elif name in _LINES:
            if "".join(current).strip():
                end_line()
            if name == "hr":
                lines.append("> " * min(depth, 10) + "-" * 20)
            elif name == "li" and not closing:
                current.append("- ")
        elif name in ("td", "th") and closing and current:
            current.append(" ")
        elif name == "img":
            alt = re.search(r'\balt="([^"]*)"', tag[3])
            if alt and alt[1].strip():
                current.append(f"[{unescape(alt[1]).strip()}]")
    _words(html[at:], current, lines, pre, depth)
    end_line()
    text = "\n".join(line.rstrip() for line in lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def _words(piece: str, current: list[str], lines: list[str], pre: int, depth: int) -> None:
    if not piece:
        return
    text = unescape(piece)
    if pre:
        first, *rest = text.split("\n")
        current.append(first)
        for line in rest:
            lines.append("> " * min(depth, 10) + "".join(current))
            current.clear()
            current.append(line)
        return
    text = _SPACES.sub(" ", text).replace("\xa0", " ")
    if text == " " and (not current or current[-1].endswith(" ")):
        return
    current.append(text if current and not current[-1].endswith(" ") else text.lstrip(" "))
