"""Finding published articles by what people type: BM25 over words, kana readings and synonyms, in plain SQL.

A query's words are joined by OR and ranked: joining them by AND finds nothing for four of five real questions.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection

from faq import analysing, excerpts, synonyms
from faq.models import Article, IndexMeta
from shopdesk.html import markdown_text
from shopdesk.text import clean

# Weights of a term that was not typed so: measured on the evaluation set in tests/faq/data.
READING_WEIGHT = 0.3
SYNONYM_WEIGHT = 0.5
PART_OF_SPELLING_WEIGHT = 0.6

# A young help centre has too few articles to tell a rare word from a common one.
ASSUMED_ARTICLES = 100

MAX_QUERY = 400
CANDIDATES = 50
# Postings that one query may read: some 5 ms. Reached by help centres of thousands of articles only.
MAX_POSTINGS = 10_000

# What the results page still shows: a sixth of the question's words, or (typing slips) most of its sound.
SHOWN_COVERAGE = 0.15
SHOWN_SOUND = 0.45
# Far behind the best one an article is noise.
SHOWN_SCORE = 0.25

_SCORE = """
SELECT t.article_id, sum(t.weight * q.weight) AS score
FROM unnest(%s::text[], %s::float8[]) AS q(term, weight)
JOIN faq_token t ON t.language = %s AND t.term = q.term
GROUP BY t.article_id ORDER BY score DESC, t.article_id LIMIT %s
"""
_COUNT = "SELECT term, count(*) FROM faq_token WHERE language = %s AND term = ANY(%s) GROUP BY term"
_MATCHED = "SELECT article_id, term FROM faq_token WHERE language = %s AND term = ANY(%s) AND article_id = ANY(%s)"


@dataclass(frozen=True)
class Hit:
    """A found article. ``coverage`` is the share (0 to 1, by rarity) of the question's words that it answers to."""

    article: Article
    score: float
    coverage: float
    title: tuple[excerpts.Piece, ...] = ()
    snippet: tuple[excerpts.Piece, ...] = ()


@dataclass
class Concept:
    """One thing asked for: any of ``phrases`` (all stems of one) in an article answers to it.

    ``parts`` are pieces of a compound, which answer to it partly.
    """

    phrases: list[tuple[str, ...]]
    parts: tuple[str, ...] = ()


@dataclass
class Query:
    """What a typed text asks of the index: weighted terms, and the concepts behind them."""

    language: str
    weights: dict[str, float] = field(default_factory=dict)
    concepts: list[Concept] = field(default_factory=list)

    def add(self, term: str, weight: float) -> None:
        self.weights[term] = max(weight, self.weights.get(term, 0.0))

    @property
    def wanted(self) -> excerpts.Wanted:
        """The words to mark in what is shown."""
        words = {term for term in self.weights if not term.startswith(analysing.GRAM)}
        typed = frozenset(term for term in words if self.weights[term] >= 1)
        return excerpts.Wanted(typed, frozenset(words) - typed)


def understand(text: str, language: str) -> Query:
    """The terms and concepts of a typed text, synonyms included."""
    text = clean(text).strip()[:MAX_QUERY]
    query = Query(language)
    words = analysing.words(text, language)
    kana = analysing.kana_words(text) if language == "ja" else []
    matches = synonyms.matches(words, kana, language)
    respelled = {place for match in matches if match.group.spelling for place in range(match.first, match.last)}
    query.concepts = [Concept([(word.stem,)], word.parts) for word in words]
    for place, word in enumerate(words):
        if place not in respelled:  # of a word with several spellings all count alike, below
            query.add(word.stem, 1)
            for part in word.parts:
                query.add(part, 1)
    for run, start, end in kana:
        spoken = [run, *analysing.readings(run)]
        for term in spoken:
            query.add(term, 1)
        for concept, word in zip(query.concepts, words, strict=True):
            if start <= word.start and word.end <= end:
                concept.phrases += [(term,) for term in spoken]
    for match in matches:
        for member in match.group.members:
            for concept in query.concepts[match.first : match.last]:
                concept.phrases.append(member.stems)
            count = len(member.stems)
            for stem in member.stems:
                query.add(stem, (1 if match.group.spelling else SYNONYM_WEIGHT) / math.sqrt(count))
            if match.group.spelling:
                for unit in member.units:
                    query.add(unit, PART_OF_SPELLING_WEIGHT / count)
    for gram in set(analysing.grams(text, language)):
        query.add(gram, READING_WEIGHT)
    return query


class _Counts:
    """In how many articles a term stands, remembered for one state of the index."""

    def __init__(self) -> None:
        self._mark = ""
        self._known: dict[str, int] = {}

    def of(self, terms: Iterable[str], meta: IndexMeta) -> dict[str, int]:
        if self._mark != meta.mark or len(self._known) > 200_000:
            self._mark, self._known = meta.mark, {}
        known = self._known
        wanted = list(terms)
        if missing := [term for term in wanted if term not in known]:
            with connection.cursor() as cursor:
                cursor.execute(_COUNT, [meta.language, missing])
                known.update(dict.fromkeys(missing, 0) | dict(cursor.fetchall()))
        return {term: known[term] for term in wanted}


_counts: dict[str, _Counts] = {}


def _affordable(query: Query, counts: dict[str, int]) -> list[str]:
    """The terms to score with: typed words first, then the rarest, as many as a fast answer can read.

    What is left out stands in so many articles that it hardly tells them apart.
    """
    chosen: list[str] = []
    left = MAX_POSTINGS
    for term in sorted(counts, key=lambda term: (query.weights[term] < 1, counts[term])):
        left -= counts[term]
        if left < 0 and chosen:
            break
        if counts[term]:
            chosen.append(term)
    return chosen


def _coverage(query: Query, idf: dict[str, float], unknown: float, present: set[str]) -> float:
    """The share of the query's concepts, weighed by rarity, that an article with these terms answers to."""
    asked = answered = 0.0
    for concept in query.concepts:
        known = [min(idf.get(stem, 0) for stem in phrase) for phrase in concept.phrases if _known(phrase, idf, unknown)]
        weight = max(known) if known else unknown
        asked += weight
        if any(all(stem in present for stem in phrase) for phrase in concept.phrases):
            answered += weight
        elif concept.parts:
            answered += weight * sum(part in present for part in concept.parts) / len(concept.parts)
    return answered / asked if asked else 0.0


def _known(phrase: tuple[str, ...], idf: dict[str, float], unknown: float) -> bool:
    return all(idf.get(stem, unknown) < unknown for stem in phrase)


def _sound(query: Query, idf: dict[str, float], present: set[str]) -> float:
    """The share of the query's reading that is in an article."""
    grams = [term for term in query.weights if term.startswith(analysing.GRAM)]
    asked = sum(idf[gram] for gram in grams)
    return sum(idf[gram] for gram in grams if gram in present) / asked if asked else 0.0


def rank(query: Query, *, limit: int = 10) -> list[tuple[int, float, float, float]]:
    """The best articles as (pk, score, coverage, sound), best first, nothing left out. Four queries at most."""
    language = query.language
    meta = IndexMeta.objects.filter(language=language).first()
    if not query.weights or meta is None or not meta.documents:
        return []
    counts = _counts.setdefault(language, _Counts()).of(query.weights, meta)
    total = max(meta.documents, ASSUMED_ARTICLES)
    idf = {term: math.log(1 + (max(total - count, 0) + 0.5) / (count + 0.5)) for term, count in counts.items()}
    terms = _affordable(query, counts)
    with connection.cursor() as cursor:
        cursor.execute(_SCORE, [terms, [query.weights[term] * idf[term] for term in terms], language, CANDIDATES])
        scored = cursor.fetchall()[:limit]
        if not scored:
            return []
        cursor.execute(_MATCHED, [language, list(counts), [pk for pk, _ in scored]])
        present: dict[int, set[str]] = {}
        for pk, term in cursor.fetchall():
            present.setdefault(pk, set()).add(term)
    unknown = math.log(1 + (total + 0.5) / 0.5)
    return [
        (pk, score, _coverage(query, idf, unknown, present[pk]), _sound(query, idf, present[pk]))
        for pk, score in scored
    ]


def search(query: str, *, language: str, limit: int = 10) -> list[Hit]:
    """Published articles that answer to ``query``, best first, with the looked-for words marked in title and excerpt.

    Articles that share next to nothing with the question are left out: an honest empty page is better than filler.
    Six queries at most.
    """
    asked = understand(query, language)
    found = rank(asked, limit=limit)
    ranked = [
        (pk, score, coverage)
        for pk, score, coverage, sound in found
        if (coverage >= SHOWN_COVERAGE or sound >= SHOWN_SOUND) and score >= SHOWN_SCORE * found[0][1]
    ]
    if not ranked:
        return []
    articles = Article.objects.published().select_related("category").in_bulk([pk for pk, _, _ in ranked])
    wanted = asked.wanted
    return [
        Hit(
            article=articles[pk],
            score=score,
            coverage=coverage,
            title=excerpts.marked(articles[pk].title, wanted, language),
            snippet=excerpts.excerpt(markdown_text(articles[pk].body), wanted, language),
        )
        for pk, score, coverage in ranked
        if pk in articles
    ]
