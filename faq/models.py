"""Public questions and answers, and the index that finds them as people type Japanese."""

from __future__ import annotations

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from shopdesk.shop.models import named

LANGUAGES = [("ja", "日本語"), ("en", "English")]


class Category(models.Model):
    """A shelf of the help centre."""

    slug = models.SlugField(_("code"), unique=True)
    name_ja = models.CharField(_("name (Japanese)"), max_length=60)
    name_en = models.CharField(_("name (English)"), max_length=60)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("FAQ category")
        verbose_name_plural = _("FAQ categories")
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return named(self.name_ja, self.name_en)


class ArticleQuerySet(models.QuerySet["Article"]):
    def published(self) -> Self:
        return self.filter(status=Article.Status.PUBLISHED)

    def only_in_japanese(self) -> Self:
        """Japanese articles without a published English version."""
        english = Article.objects.published().filter(original=OuterRef("pk"), language="en")
        return self.filter(~Exists(english), language="ja")

    def readable_in(self, language: str) -> Self:
        """Articles in the language; for English also those that exist in Japanese only."""
        if language == "ja":
            return self.filter(language="ja")
        only_japanese = Article.objects.only_in_japanese().values("pk")
        return self.filter(Q(language=language) | Q(pk__in=only_japanese))


class Article(models.Model):
    """A question and its answer in Markdown, in one language."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("published")

    category = models.ForeignKey(
        Category, verbose_name=_("category"), on_delete=models.PROTECT, related_name="articles"
    )
    language = models.CharField(_("language"), max_length=2, choices=LANGUAGES, default="ja")
    title = models.CharField(_("question"), max_length=200)
    body = models.TextField(_("answer"), help_text=_("Markdown."))
    customer_words = models.TextField(
        _("customers' words"), blank=True, help_text=_("Words that customers type for this, one on a line. Not shown.")
    )
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.DRAFT)
    published_at = models.DateTimeField(_("published on"), null=True, blank=True)
    updated_at = models.DateTimeField(_("changed"))
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("changed by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    original = models.ForeignKey(
        "self",
        verbose_name=_("Japanese version"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="translations",
    )
    # Length of the indexed text in terms; BM25 divides by it.
    index_length = models.FloatField(default=0)

    objects = ArticleQuerySet.as_manager()

    class Meta:
        verbose_name = _("FAQ article")
        verbose_name_plural = _("FAQ articles")
        ordering: ClassVar = ["category__position", "position", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="article_published_at_iff_published",
                condition=Q(status="published", published_at__isnull=False)
                | (~Q(status="published") & Q(published_at__isnull=True)),
            ),
            models.UniqueConstraint(fields=["original", "language"], name="one_article_translation_per_language"),
            models.CheckConstraint(
                name="only_english_articles_have_an_original",
                condition=Q(original__isnull=True) | ~Q(language="ja"),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Token(models.Model):
    """One posting of the search index: a term in an article with its saturated weight (BM25 without the idf)."""

    pk = models.CompositePrimaryKey("language", "term", "article_id")
    language = models.CharField(max_length=2)
    term = models.CharField(max_length=80)
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="tokens")
    weight = models.FloatField()

    def __str__(self) -> str:
        return self.term


class IndexMeta(models.Model):
    """What the index was made with: an analyser or dictionary of another version needs `manage.py faq_reindex`.

    ``mark`` is a new random word after each change of the index; what a process remembers of it is kept under the mark.
    """

    language = models.CharField(max_length=2, unique=True)
    analyser = models.CharField(max_length=40)
    average_length = models.FloatField(default=1)
    documents = models.PositiveIntegerField(default=0)
    mark = models.CharField(max_length=32, default="")

    def __str__(self) -> str:
        return f"{self.language} {self.analyser}"


class Synonym(models.Model):
    """Words that mean the same to customers: typing one finds the other."""

    language = models.CharField(_("language"), max_length=2, choices=LANGUAGES, default="ja")
    words = models.CharField(_("words"), max_length=300, help_text=_("Separated by commas: クレカ, クレジットカード"))
    spelling = models.BooleanField(
        _("same word"),
        default=False,
        help_text=_(
            "Other spellings or a short form of one word. Unticked: words of similar meaning, which count less."
        ),
    )

    class Meta:
        verbose_name = _("synonym")
        verbose_name_plural = _("synonyms")
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.words


class Feedback(models.Model):
    """Whether an article helped somebody. A second vote from the same visitor replaces the first."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="feedback")
    visitor = models.CharField(max_length=64, help_text="hash of the session; names nobody")
    helpful = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["article", "visitor"], name="one_vote_per_visitor")]

    def __str__(self) -> str:
        return f"{self.article_id} {self.helpful}"


class SearchMiss(models.Model):
    """A query that found nothing good, with personal data masked before it is stored."""

    language = models.CharField(max_length=2)
    query = models.CharField(max_length=100)
    day = models.DateField()
    count = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["language", "query", "day"], name="one_miss_row_per_query_and_day")
        ]

    def __str__(self) -> str:
        return self.query
