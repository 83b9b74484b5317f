"""How a text becomes the terms of the search index. Pure: no rows, no clock.

Japanese is cut by SudachiPy (long units, and their short parts too) and reduced to the dictionary's normal form without
okurigana, so that 取消, 取り消し and 取り消す are one term. Beside the words stand their readings and 3-grams of the
whole reading: a slip of the keyboard or of the conversion (領集書 for 領収書, りょうしゅうしょ) keeps the sound even
where it destroys the word. English is cut at anything that is not a letter or digit, and lightly stemmed.
"""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version

from sudachipy import Dictionary, Morpheme, SplitMode, Tokenizer

from shopdesk.text import fold_kana, normalise

# Raise it when terms of the same text change: the index must then be built anew.
_RULES = 1

GRAM = "k:"
READING = "r:"
MAX_TERM = 60
# Longer than any article; what comes after is not indexed. Sudachi itself refuses more than 49,149 bytes at once.
MAX_TEXT = 12_000

_HIRAGANA = re.compile(r"[ぁ-ゖー]+")
_KANA = re.compile(r"[ァ-ヶー]+")
_HAS_KANJI = re.compile(r"[一-龠々〆㐀-䶿]")
_LATIN = re.compile(r"[a-zA-Z0-9ａ-ｚＡ-Ｚ０-９]+(?:'[a-z]+)?")

_SKIPPED = {"助詞", "助動詞", "補助記号", "空白", "記号", "接続詞", "代名詞", "連体詞", "感動詞", "接頭辞"}


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Verbs and nouns that carry no topic, in Sudachi's normal form, and the words of asking politely.
_EMPTY = _set(
    "為る 有る 居る 成る 出来る 下さる 頂く 貰う 呉れる 致す 御座る 仕舞う 置く 言う 思う 遣る "
    "上げる 様 事 物 為 方 所 場合 時 内 教える 知る 願う お願い 願い 欲しい 可能 大丈夫 宜しい "
    "良い 是非 何 何処 何時 誰 何れ どう そう こう 如何 幾ら 幾つ 何故 です ます 等 達 さん 的 "
    "上 中 際 ちゃう ちまう 申す 存ずる 伺う 参る 御 件 此方 其方 其れ 此れ 無い 為さる 因る "
    "就く 於く 対する"
)
_ENGLISH_STOP = _set(
    "a an the is are am was were be been do does did can could will would shall should may might must i me my "
    "we our us you your it its this that these those of to in on at for from by with and or not no if so as "
    "have has had get got how what when where which who why there any some please want need like just about"
)


@dataclass(frozen=True)
class Word:
    """A word of a text. ``parts`` are the stems of a compound's short units; ``start:end`` is its place in the text."""

    stem: str
    parts: tuple[str, ...]
    reading: str
    start: int
    end: int


_dictionary: Dictionary | None = None
_lock = threading.Lock()
_local = threading.local()


def load() -> Dictionary:
    """The dictionary, loaded once a process (memory-mapped; 60 ms). Called before gunicorn forks."""
    global _dictionary  # noqa: PLW0603  # one dictionary for all threads is the point
    with _lock:
        if _dictionary is None:
            _dictionary = Dictionary(dict="small")
    return _dictionary


def _tokenizer() -> Tokenizer:
    # A tokenizer refuses to serve two threads at once ("Tokenizer is already in use"): each thread has its own.
    found: Tokenizer | None = getattr(_local, "tokenizer", None)
    if found is None:
        found = _local.tokenizer = load().tokenizer(mode=SplitMode.C)
    return found


@lru_cache(maxsize=1)
def version_mark() -> str:
    """Names the rules and dictionaries that make terms; an index made under another mark does not fit the queries."""
    return f"{_RULES}/{version('sudachipy')}/{version('sudachidict-small')}"


def _stem(normal_form: str) -> str:
    """The normal form without kana where kanji remain: 取り消す and 取り消し are 取消."""
    form = normalise(normal_form)
    if _HAS_KANJI.search(form):
        form = re.sub(r"[ぁ-ゖ]+", "", form)
    elif _LATIN.fullmatch(form):
        form = _english_stem(form)
    return form[:MAX_TERM]


def _carries_meaning(morpheme: Morpheme) -> bool:
    kind = morpheme.part_of_speech()[0]
    form = morpheme.normalized_form()
    if kind in _SKIPPED or form in _EMPTY:
        return False
    return not (len(form) == 1 and _HIRAGANA.fullmatch(form))


def _english_stem(word: str) -> str:
    word = word.removesuffix("'s")
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(ending) + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def words(text: str, language: str) -> list[Word]:
    """The words of a text that carry meaning, in order; a stem stands once for each place."""
    return [word for word, _ in _walk(text, language) if word is not None]


def _walk(text: str, language: str) -> Iterator[tuple[Word | None, str]]:
    """Pairs (word or None for an empty one, reading in katakana or "" where a reading breaks off)."""
    text = text[:MAX_TEXT]
    if language == "en":
        for match in _LATIN.finditer(text):
            if (word := normalise(match[0])) not in _ENGLISH_STOP:
                yield Word(_english_stem(word)[:MAX_TERM], (), "", match.start(), match.end()), ""
        return
    for morpheme in _tokenizer().tokenize(text):
        reading = fold_kana(morpheme.reading_form())
        surface = fold_kana(morpheme.surface())
        if _KANA.fullmatch(surface):
            reading = surface
        elif not _KANA.fullmatch(reading) or morpheme.part_of_speech()[0] in {"空白", "補助記号", "記号"}:
            reading = ""
        if not _carries_meaning(morpheme):
            yield None, reading
            continue
        stem = _stem(morpheme.normalized_form())
        if not stem or not any(character.isalnum() for character in stem):
            yield None, reading
            continue
        shorter = [_stem(part.normalized_form()) for part in morpheme.split(SplitMode.A) if _carries_meaning(part)]
        parts = tuple(part for part in shorter if part and part != stem)
        yield Word(stem, parts, reading, morpheme.begin(), morpheme.end()), reading


def _grams_of(runs: list[str]) -> list[str]:
    return [GRAM + run[at : at + 3] for run in runs for at in range(len(run) - 2)]


def grams(text: str, language: str) -> list[str]:
    """The 3-grams of the text's reading (marked ``k:``), none for English; words of two kana count whole."""
    if language == "en":
        return []
    runs = [""]
    short = []
    for word, reading in _walk(text, language):
        if word is not None and len(word.reading) == 2:
            short.append(GRAM + word.reading)
        if reading:
            runs[-1] += reading
        else:
            runs.append("")
    return _grams_of(runs) + short


def kana_words(text: str) -> list[tuple[str, int, int]]:
    """Runs typed all in hiragana, as (katakana, start, end): らっぴんぐ is looked up as ラッピング too."""
    return [(fold_kana(match[0]), match.start(), match.end()) for match in re.finditer(r"[ぁ-ゖー]{3,}", text)]


def is_word(term: str) -> bool:
    """Whether a term is a word, not a sound."""
    return not term.startswith((GRAM, READING))


def readings(katakana: str) -> list[str]:
    """The words that a run of kana may begin with, by their reading: ヘンピンシタイ may be 返品 and more."""
    starts = [katakana, katakana[1:]] if katakana.startswith(("オ", "ゴ")) else [katakana]
    return [READING + start[:length] for start in starts for length in range(3, min(len(start), 10) + 1)]


def terms(text: str, language: str) -> Counter[str]:
    """How often each term stands in a text: what the index stores."""
    counts: Counter[str] = Counter()
    for word in words(text, language):
        counts[word.stem] += 1
        counts.update(word.parts)
        if 3 <= len(word.reading) <= 20:
            counts[READING + word.reading] += 1
    counts.update(grams(text, language))
    return counts
