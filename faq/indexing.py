"""The search index: which term stands in which published article, and with what weight. Plain tables, no extension.

The weight is BM25's term part without the idf, computed when an article is published; the idf is applied by the query.
It leans on the average length at that moment: `manage.py faq_reindex` refreshes all of them.
"""

import secrets
from collections import Counter
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Avg, Count

from faq import analysing
from faq.models import LANGUAGES, Article, IndexMeta, Token
from shopdesk.html import markdown_text

# From the experiment behind the search (138 articles, 338 queries): saturation, length, and the weight of a field.
K1 = 1.2
B = 0.6
TITLE_WEIGHT = 3
CUSTOMER_WORDS_WEIGHT = 3


def _counts(article: Article) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text, weight in (
        (article.title, TITLE_WEIGHT),
        (article.customer_words, CUSTOMER_WORDS_WEIGHT),
        (markdown_text(article.body), 1),
    ):
        for term, count in analysing.terms(text, article.language).items():
            counts[term] += weight * count
    return counts


def _length(counts: Counter[str]) -> int:
    """The length of an article in words; sounds do not count."""
    return sum(count for term, count in counts.items() if analysing.is_word(term))


def _tokens(article: Article, counts: Counter[str], average: float) -> list[Token]:
    ratio = 1 - B + B * _length(counts) / max(average, 1)
    return [
        Token(
            language=article.language,
            term=term,
            article_id=article.pk,
            weight=count * (K1 + 1) / (count + K1 * ratio),
        )
        for term, count in sorted(counts.items())
    ]


def _locked_meta(language: str) -> IndexMeta:
    IndexMeta.objects.get_or_create(language=language, defaults={"analyser": analysing.version_mark()})
    return IndexMeta.objects.select_for_update().get(language=language)


def _note_change(meta: IndexMeta) -> None:
    published = Article.objects.published().filter(language=meta.language)
    figures = published.aggregate(documents=Count("pk"), average=Avg("index_length"))
    meta.documents = figures["documents"]
    meta.average_length = figures["average"] or 1
    meta.mark = secrets.token_hex(8)
    meta.save(update_fields=["documents", "average_length", "mark"])


@transaction.atomic
def index(article: Article) -> None:
    """Put a published article into the index, or take any other out. Called in the transaction that changes it.

    Publishing waits for publishing in the same language, for the few milliseconds that this takes.
    """
    for language in sorted({article.language, *article.tokens.values_list("language", flat=True)[:1]}):
        meta = _locked_meta(language)
        Token.objects.filter(article_id=article.pk, language=language).delete()
        if language == article.language and article.status == Article.Status.PUBLISHED:
            counts = _counts(article)
            article.index_length = _length(counts)
            Article.objects.filter(pk=article.pk).update(index_length=article.index_length)
            average = meta.average_length if meta.documents > 1 else article.index_length
            Token.objects.bulk_create(_tokens(article, counts, average))
        _note_change(meta)


@transaction.atomic
def reindex(languages: Iterable[str] = tuple(code for code, _ in LANGUAGES)) -> int:
    """Build the index of these languages anew, with today's analyser; returns the number of articles."""
    total = 0
    for language in sorted(languages):
        meta = _locked_meta(language)
        Token.objects.filter(language=language).delete()
        articles = list(Article.objects.published().filter(language=language).order_by("pk"))
        counted = [(article, _counts(article)) for article in articles]
        average = sum(_length(counts) for _, counts in counted) / max(len(counted), 1)
        batch: list[Token] = []
        for article, counts in counted:
            article.index_length = _length(counts)
            batch += _tokens(article, counts, average)
            if len(batch) > 5_000:
                Token.objects.bulk_create(batch, batch_size=2_000)
                batch = []
        Token.objects.bulk_create(batch, batch_size=2_000)
        Article.objects.bulk_update(articles, ["index_length"], batch_size=500)
        meta.analyser = analysing.version_mark()
        meta.save(update_fields=["analyser"])
        _note_change(meta)
        total += len(articles)
    return total


def index_is_current() -> bool:
    """Whether the index was made with the analyser and dictionary of this process; for `manage.py doctor`.

    When not, `manage.py faq_reindex` is the cure. An index of nothing is current.
    """
    return not IndexMeta.objects.filter(documents__gt=0).exclude(analyser=analysing.version_mark()).exists()
