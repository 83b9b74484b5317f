"""The edge: what PostgreSQL, a header or a screen refuses does not come past here."""

import re
import unicodedata

# C0 without tab and line feed, DEL, C1 (NEL becomes a line break before), lone surrogates.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
_BREAKS = re.compile("[ \t]*[\r\n\x0b\x0c\x85\u2028\u2029][\\s]*")
_DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Nobody sees them, and ".htaccess" with one of them is another name to a filter (but not to a server).
_INVISIBLE = re.compile("[\u00ad\u115f\u180e\u200b\u2060-\u2064\u3164\ufeff]")
_UNSAFE_NAME = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')
GETA = "\u3013"
MAX_NAME = 200


def _unfit(match: re.Match[str]) -> str:
    return "\ufffd" if "\ud800" <= match[0] <= "\udfff" else ""


def text(value: str) -> str:
    """Text of several lines: line feeds only, no controls; carriers' private characters become the geta mark."""
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")
    if value.isascii() and value.isprintable():
        return value
    if not value.isascii():
        value = _PRIVATE.sub(GETA, value)
    return _UNFIT.sub(_unfit, value)


def line(value: str, limit: int = 2000) -> str:
    """Text of one line: every line break with the spaces around it is one space."""
    if not (value.isascii() and value.isprintable()):
        value = text(_BREAKS.sub(" ", value)).replace("\n", " ").replace("\t", " ")
    return value.strip()[:limit]


def file_name(value: str) -> str:
    """A name to show and to save under: no folder, no reserved character, no turned reading direction."""
    name = _DIRECTION.sub("", _INVISIBLE.sub("", unicodedata.normalize("NFC", line(value))))
    name = re.sub(r"^[A-Za-z]:(?=[\\/])", "", name)
    name = re.sub(r"(?:^|[\\/])\.{1,2}(?=[\\/])", "", name)
    name = _UNSAFE_NAME.sub("_", name.strip("\\/ ")).strip("_ ") if re.search(r'[\\/:*?"<>|]', name) else name
    name = name.lstrip(".").strip()
    if len(name) > MAX_NAME:
        stem, dot, suffix = name.rpartition(".")
        name = stem[: MAX_NAME - len(suffix) - 1] + dot + suffix if dot and len(suffix) <= 10 else name[:MAX_NAME]
    return name
