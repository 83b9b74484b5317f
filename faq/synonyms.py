"""Words that mean the same to customers, as the search uses them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from faq import analysing
from faq.models import Synonym
from shopdesk.text import fold_kana, normalise

_KANA_ONLY = re.compile(r"[ぁ-ゖァ-ヶー]+")


@dataclass(frozen=True)
class Member:
    """One phrase of a group: its stems, the stems of its shortest units, and its reading in katakana."""

    stems: tuple[str, ...]
    units: tuple[str, ...]
    reading: str


@dataclass(frozen=True)
class Group:
    spelling: bool
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Match:
    """A group that speaks for the words ``first:last`` of a query."""

    group: Group
    first: int
    last: int


def _member(phrase: str, language: str) -> Member:
    words = analysing.words(phrase, language)
    folded = normalise(phrase)
    reading = fold_kana(folded) if _KANA_ONLY.fullmatch(folded) else "".join(word.reading for word in words)
    return Member(
        stems=tuple(word.stem for word in words),
        units=tuple(unit for word in words for unit in word.parts or (word.stem,)),
        reading=reading,
    )


@dataclass(frozen=True)
class Book:
    """All groups of a language, and where to look: groups by a member's first stem, first unit or reading."""

    groups: tuple[Group, ...]
    places: dict[str, tuple[int, ...]]


@lru_cache(maxsize=4)
def _parsed(language: str, rows: tuple[tuple[str, bool], ...]) -> Book:
    groups: list[Group] = []
    places: dict[str, list[int]] = {}
    for text, spelling in rows:
        phrases = [phrase.strip() for phrase in re.split(r"[,、，\n]", text) if phrase.strip()]
        members = tuple(member for member in (_member(phrase, language) for phrase in phrases) if member.stems)
        if len(members) > 1:
            for key in {key for member in members for key in (member.stems[0], member.units[0], member.reading)}:
                places.setdefault(key, []).append(len(groups))
            groups.append(Group(spelling, members))
    return Book(tuple(groups), {key: tuple(numbers) for key, numbers in places.items()})


def book(language: str) -> Book:
    """The groups of a language. The rows are read each time, so that a change counts at once; parsing is remembered."""
    rows = Synonym.objects.filter(language=language).order_by("pk").values_list("words", "spelling")
    return _parsed(language, tuple(rows))


def _find(sequence: Sequence[str], wanted: Sequence[str]) -> int:
    """Where ``wanted`` stands in ``sequence`` without a gap; -1 when it does not."""
    if wanted:
        for at in range(len(sequence) - len(wanted) + 1):
            if tuple(sequence[at : at + len(wanted)]) == tuple(wanted):
                return at
    return -1


def matches(words: Sequence[analysing.Word], kana: Sequence[tuple[str, int, int]], language: str) -> list[Match]:
    """The groups that speak for some of a query's words; ``kana`` are its hiragana runs (analysing.kana_words).

    Each group matches once, through its longest member.
    """
    stems = [word.stem for word in words]
    units: list[str] = []
    owner: list[int] = []
    for place, word in enumerate(words):
        for unit in word.parts or (word.stem,):
            units.append(unit)
            owner.append(place)
    runs = {run: (start, end) for run, start, end in kana}
    found = []
    known = book(language)
    for number in sorted({number for key in (*stems, *units, *runs) for number in known.places.get(key, ())}):
        group = known.groups[number]
        for member in sorted(group.members, key=lambda member: -len(member.units)):
            if (at := _find(stems, member.stems)) >= 0:
                found.append(Match(group, at, at + len(member.stems)))
            elif (at := _find(units, member.units)) >= 0:
                found.append(Match(group, owner[at], owner[at + len(member.units) - 1] + 1))
            elif member.reading in runs:
                start, end = runs[member.reading]
                inside = [place for place, word in enumerate(words) if start <= word.start and word.end <= end]
                found.append(Match(group, inside[0], inside[-1] + 1) if inside else Match(group, 0, 0))
            else:
                continue
            break
    whole = [(match.first, match.last) for match in found if match.group.spelling]
    return [match for match in found if not _inside(match, whole)]


def _inside(match: Match, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether a longer word speaks for the match's words: 代金 in 代金引換 is not a price."""
    size = match.last - match.first
    return any(first <= match.first and match.last <= last and last - first > size for first, last in spans)
