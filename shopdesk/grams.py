"""Text cut into small overlapping pieces, so that any stretch of two Japanese characters can be looked up. Pure.

PostgreSQL's own text search knows no Japanese words, and its trigrams find no word of two characters. Here Japanese
runs are cut into pieces of two characters, Latin letters and digits into pieces of three (and runs as a whole), each
piece a number of 32 bits, and an inverted index over arrays of numbers answers in milliseconds. What is found holds
every piece of the word; whether in one stretch is for the caller to check with ``holds`` on what it shows.
"""

import re
import unicodedata
from zlib import crc32

from shopdesk.text import fold_forms, fold_kana

# Longer runs of Latin letters are keys and addresses; their beginning is enough to find them.
_LONGEST_RUN = 64
# Characters of one text; the pieces of what comes after are left out.
_LONGEST_TEXT = 50_000

# A character with what is combined with it: half-width ｶﾞ is one sound.
_CLUSTER = re.compile(r".[\u0300-\u036f\u3099\u309a\uff9e\uff9f]*", re.DOTALL)
_DASH = re.compile(r"(?<=[0-9a-z])[‐‑‒–—―−ー](?=[0-9a-z])")
_JAPANESE = re.compile(r"[^\x00-\x7f\W]+")
_LATIN = re.compile(r"[a-z0-9]+")
# A Japanese phone with its country is the one with the zero.
_COUNTRY = re.compile(r"(?<![0-9a-z])\+81[-. ]{0,2}(?:\(0\))?[-. ]{0,2}(?=[1-9](?:[-. ()]{0,2}\d){8,9}(?!\d))")
# The commas of 1,234,567: one writes amounts with them or without.
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# What belongs together although signs divide it: order numbers, addresses, phones.
_DIVIDED = re.compile(r"[a-z0-9]+(?:[-_.@+/#:][a-z0-9]+)+|\d+(?:[-() ]{1,2}\d+)+")


def _number(piece: str) -> int:
    return crc32(piece.encode()) - 2**31


def word_number(stem: str) -> int:
    """The number of a dictionary word, apart from those of pieces."""
    return _number(f"w:{stem}")


def folded(text: str) -> str:
    """The text for comparing: one width, lower case, one kind of kana, one form of each character of names, amounts
    without commas; blanks only where they part Latin words."""
    return folded_with_places(text)[0]


def _folded(text: str) -> str:
    return fold_forms(fold_kana(text).lower())


def folded_with_places(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the index in ``text`` that it came from."""
    text = text[:_LONGEST_TEXT]
    letters: list[str] = []
    places: list[int] = []
    if text.isascii() or unicodedata.is_normalized("NFKC", text):
        # Nothing changes its length: the quick way for nearly every text.
        plain = _folded(text)
        if len(plain) == len(text):
            letters, places = list(plain), list(range(len(text)))
    if not letters:
        for match in _CLUSTER.finditer(text):
            for letter in _folded(match[0]):
                letters.append(letter)
                places.append(match.start())
    kept: list[str] = []
    kept_places: list[int] = []
    for at, letter in enumerate(letters):
        if letter.isspace():
            before = kept[-1] if kept else ""
            following = letters[at + 1] if at + 1 < len(letters) else ""
            if not (before.isascii() and before.isalnum() and (following.isascii() or following.isspace())):
                continue
            letter = " "
        kept.append(letter)
        kept_places.append(places[at])
    plain = _DASH.sub("-", "".join(kept))
    if "+81" in plain:
        for match in reversed(list(_COUNTRY.finditer(plain))):
            start, end = match.span()
            plain = f"{plain[:start]}0{plain[end:]}"
            del kept_places[start + 1 : end]
    if commas := {match.start() for match in _THOUSANDS.finditer(plain)}:
        kept_places = [place for at, place in enumerate(kept_places) if at not in commas]
        plain = "".join(letter for at, letter in enumerate(plain) if at not in commas)
    return plain, kept_places


def pieces(text: str) -> set[int]:
    """The numbers under which a text is found."""
    plain = folded(text)
    found: set[str] = set()
    for match in _JAPANESE.finditer(plain):
        found.update(_overlapping(match[0], 2))
    for match in _LATIN.finditer(plain):
        found.update(_of_latin(match[0]))
    for match in _DIVIDED.finditer(plain):
        found.update(_of_latin(re.sub(r"[^a-z0-9]", "", match[0])))
    return {_number(piece) for piece in found}


def wanted(word: str) -> set[int]:
    """The numbers that a text with this word must have; empty for what cannot be looked up this way (one character)."""
    plain = folded(word)
    found: set[str] = set()
    for match in _JAPANESE.finditer(plain):
        found.update(_overlapping(match[0], 2))
    whole = _DIVIDED.fullmatch(plain)
    runs = [re.sub(r"[^a-z0-9]", "", plain)] if whole else _LATIN.findall(plain)
    for run in runs:
        run = run[:_LONGEST_RUN]
        if len(run) >= 3:
            found.update(_overlapping(run, 3))
        elif run == plain:
            found.add(f"l:{run}")
    return {_number(piece) for piece in found}


def holds(plain: str, word: str) -> bool:
    """Whether a folded text really holds the word, divided by signs or not."""
    sought = folded(word).strip()
    if sought in plain:
        return True
    bare = re.sub(r"[^a-z0-9]", "", sought)
    return len(bare) >= 3 and sought.isascii() and bare in re.sub(r"[^a-z0-9]", "", plain)


def places_of(text: str, word: str) -> list[tuple[int, int]]:
    """Where the word stands in the text as written, divided by signs or not: [(start, end)]."""
    sought = folded(word).strip()
    if not sought:
        return []
    plain, places = folded_with_places(text)
    pattern = re.escape(sought)
    bare = re.sub(r"[^a-z0-9]", "", sought)
    if len(bare) >= 3 and sought.isascii() and sought not in plain:
        pattern = r"[^a-z0-9\x80-\U0010ffff]{0,2}".join(bare)
    found = []
    for match in re.finditer(pattern, plain):
        last = places[match.end() - 1]
        # Up to the next folded character's place, so that half-width ｶﾞ is marked whole.
        after = places[match.end()] if match.end() < len(places) else len(text)
        end = min(after, last + 2) if after > last + 1 and not text[last + 1].isspace() else last + 1
        found.append((places[match.start()], end))
    return found


def _overlapping(run: str, size: int) -> set[str]:
    if len(run) < size:
        return {f"l:{run}"}
    return {run[at : at + size] for at in range(len(run) - size + 1)}


def _of_latin(run: str) -> set[str]:
    run = run[:_LONGEST_RUN]
    return {f"l:{run}", *_overlapping(run, 3)} if len(run) >= 3 else {f"l:{run}"}
