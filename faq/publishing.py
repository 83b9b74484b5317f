"""Writing articles, and putting them before the public or taking them away."""

from datetime import datetime, timedelta

from django.db import transaction

from faq import indexing
from faq.models import Article, Category
from shopdesk.accounts.models import User
from shopdesk.text import clean, one_line

# Within this time the same text is a double click, not a second article.
TWICE = timedelta(minutes=1)


class ArticleChanged(Exception):
    """Somebody else saved the article after it was opened here; nothing was written."""


@transaction.atomic
def create(
    *,
    title: str,
    body: str,
    category: Category,
    by: User | None,
    now: datetime,
    language: str = "ja",
    customer_words: str = "",
    original: Article | None = None,
) -> Article:
    """A new draft; nobody outside sees it. The same text again from the same person is a form sent twice."""
    title, body = one_line(title), clean(body)
    if by is not None:
        Category.objects.select_for_update().get(pk=category.pk)  # the second click waits for the first
        twins = Article.objects.filter(title=title, body=body, category=category, language=language, updated_by=by)
        if twin := twins.filter(updated_at__gt=now - TWICE).first():
            return twin
    return Article.objects.create(
        title=title,
        body=body,
        category=category,
        language=language,
        customer_words=clean(customer_words),
        original=original,
        updated_at=now,
        updated_by=by,
    )


@transaction.atomic
def edit(
    article: Article,
    *,
    title: str,
    body: str,
    category: Category,
    by: User | None,
    now: datetime,
    language: str = "ja",
    customer_words: str = "",
    original: Article | None = None,
    expected: datetime | None = None,
) -> Article:
    """Change an article; of a published one the public sees the change at once, and the search knows it.

    Raises ArticleChanged when ``expected`` (its ``updated_at`` as the writer saw it) is not the row's any more.
    """
    row = Article.objects.select_for_update(of=("self",)).get(pk=article.pk)
    if expected is not None and row.updated_at != expected:
        raise ArticleChanged
    row.title = one_line(title)
    row.body = clean(body)
    row.category = category
    row.language = language
    row.customer_words = clean(customer_words)
    row.original = original
    row.updated_at = now
    row.updated_by = by
    row.save(
        update_fields=[
            "title", "body", "category", "language", "customer_words", "original", "updated_at", "updated_by",
        ]
    )  # fmt: skip
    if row.status == Article.Status.PUBLISHED:
        indexing.index(row)
    return row


@transaction.atomic
def publish(article: Article, *, by: User | None, now: datetime) -> bool:
    """Show the article to the public and to the search, in one transaction; False when it was public already."""
    changed = Article.objects.filter(pk=article.pk, status=Article.Status.DRAFT).update(
        status=Article.Status.PUBLISHED, published_at=now, updated_at=now, updated_by=by
    )
    if changed:
        article.refresh_from_db()
        indexing.index(article)
    return bool(changed)


@transaction.atomic
def unpublish(article: Article, *, by: User | None, now: datetime) -> bool:
    """Take the article away from the public and from the search; False when it was a draft already."""
    changed = Article.objects.filter(pk=article.pk, status=Article.Status.PUBLISHED).update(
        status=Article.Status.DRAFT, published_at=None, updated_at=now, updated_by=by
    )
    if changed:
        article.refresh_from_db()
        indexing.index(article)
    return bool(changed)
