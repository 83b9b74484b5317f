"""The looked-for words shown in a title, and the stretch of an answer where they stand. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from faq import analysing

# Characters of an excerpt: about two lines of a result.
LENGTH = 96


@dataclass(frozen=True)
class Piece:
    """A stretch of shown text; ``hit`` when it is a word that was looked for."""

    text: str
    hit: bool = False


@dataclass(frozen=True)
class Wanted:
    """The stems looked for: ``typed`` ones also mark a compound that holds them, ``meant`` ones are synonyms."""

    typed: frozenset[str]
    meant: frozenset[str] = frozenset()


def _places(text: str, wanted: Wanted, language: str) -> list[tuple[int, int]]:
    return [
        (word.start, word.end)
        for word in analysing.words(text, language)
        if word.stem in wanted.typed
        or word.stem in wanted.meant
        or analysing.READING + word.reading in wanted.typed
        or any(part in wanted.typed for part in word.parts)
    ]


def _cut(text: str, places: Iterable[tuple[int, int]]) -> tuple[Piece, ...]:
    pieces = []
    end = 0
    for start, stop in places:
        if start > end:
            pieces.append(Piece(text[end:start]))
        pieces.append(Piece(text[start:stop], hit=True))
        end = stop
    if end < len(text):
        pieces.append(Piece(text[end:]))
    return tuple(pieces)


def marked(text: str, wanted: Wanted, language: str) -> tuple[Piece, ...]:
    """The whole text in pieces, words that were looked for marked."""
    return _cut(text, _places(text, wanted, language))


def excerpt(text: str, wanted: Wanted, language: str, length: int = LENGTH) -> tuple[Piece, ...]:
    """The stretch of ``text`` with most of the wanted words, about ``length`` characters; else its beginning."""
    text = " ".join(text.split())
    places = _places(text, wanted, language)
    start = 0
    if places and len(text) > length:
        start = max(places, key=lambda place: sum(place[0] <= other[0] < place[0] + length for other in places))[0]
        start = max(0, min(start - length // 6, len(text) - length))
        if start and (sentence := text.rfind("。", 0, start + length // 6)) >= start - length // 6:
            start = sentence + 1
        while 0 < start < len(text) and language == "en" and not text[start - 1].isspace():
            start -= 1
    stop = min(len(text), start + length)
    shown = text[start:stop]
    inside = [(a - start, b - start) for a, b in places if start <= a and b <= stop]
    pieces = _cut(shown, inside)
    before = (Piece("…"),) if start else ()
    after = (Piece("…"),) if stop < len(text) else ()
    return (*before, *pieces, *after)
