"""The help centre, as visitors see it."""

from dataclasses import dataclass, field
from datetime import timedelta

from csp.decorators import csp_update
from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from faq import misses, search, suggesting, voting
from faq.models import Article, Category
from shopdesk import clock
from shopdesk.accounts import ratelimit
from shopdesk.html import markdown_text
from shopdesk.text import clean, one_line
from shopdesk.tokens import new_secret, site_url

HOME_ARTICLES = 4
RELATED = 5
RESULTS = 10
VISITOR = "faq_visitor"


@dataclass
class Shelf:
    """A category with the articles shown under it, and how many there are in all."""

    category: Category
    total: int
    articles: list[Article] = field(default_factory=list)


def page_language() -> str:
    """The language of the page: ``ja`` or ``en``."""
    return (get_language() or "ja")[:2]


def _light(articles: QuerySet[Article]) -> QuerySet[Article]:
    """Without the texts, which a list does not show; the page's own language first (en before ja)."""
    return articles.only("pk", "title", "language", "category_id", "original_id", "position")


def _shelves(language: str, each: int) -> list[Shelf]:
    """Categories that have something to read in the language, each with its first articles. Two queries."""
    readable = Article.objects.published().readable_in(language)
    counted = Category.objects.annotate(
        readable=Count("articles", filter=Q(articles__in=readable.order_by().values("pk")))
    ).order_by("position", "pk")  # grouping drops the model's own order
    shelves = {
        category.pk: Shelf(category, total) for category in counted if (total := getattr(category, "readable", 0))
    }
    place = Window(
        RowNumber(),
        partition_by=F("category_id"),
        order_by=[F("language").asc(), F("position").asc(), F("pk").asc()],
    )
    first = readable.annotate(place=place).filter(place__lte=each)
    for article in _light(first).order_by("category_id", "place"):  # type: ignore[misc]  # annotated, not a field
        if article.category_id in shelves:
            shelves[article.category_id].articles.append(article)
    return list(shelves.values())


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    context = {
        "shelves": _shelves(page_language(), HOME_ARTICLES),
        "canonical": site_url(reverse("faq:home")),
        "public_active": "help",
    }
    return render(request, "faq/home.html", context)


@require_safe
def category(request: HttpRequest, slug: str) -> HttpResponse:
    shelf = get_object_or_404(Category, slug=slug)
    language = page_language()
    articles = _light(Article.objects.published().readable_in(language).filter(category=shelf))
    context = {
        "category": shelf,
        "articles": articles.order_by("language", "position", "pk"),
        "categories": Category.objects.exclude(pk=shelf.pk),
        "canonical": site_url(reverse("faq:category", args=[shelf.slug])),
        "public_active": "help",
    }
    return render(request, "faq/category.html", context)


@never_cache
@require_safe
def results(request: HttpRequest) -> HttpResponse:
    """The results page. It has an address that can be passed on, and stays out of search engines."""
    query = one_line(request.GET.get("q", ""))[: search.MAX_QUERY]
    language = page_language()
    hits = search.search(query, language=language, limit=RESULTS) if query else []
    japanese: list[search.Hit] = []
    if query and language != "ja":
        found = search.search(query, language="ja", limit=RESULTS)
        alone = set(
            Article.objects.only_in_japanese()
            .filter(pk__in=[hit.article.pk for hit in found])
            .values_list("pk", flat=True)
        )
        japanese = [hit for hit in found if hit.article.pk in alone]
    if query and not hits and not japanese:
        _note_miss(request, query, language)
    context = {
        "query": query,
        "hits": hits,
        "japanese": japanese,
        "count": len(hits) + len(japanese),
        "categories": [] if hits else [shelf.category for shelf in _shelves(language, 0)],
        "public_active": "help",
    }
    return render(request, "faq/search.html", context)


def _note_miss(request: HttpRequest, query: str, language: str) -> None:
    """Count a search without a result; a single visitor cannot fill the shop's list."""
    now = clock.now()
    key = f"faq.miss:{ratelimit.client_place(request)}"
    if ratelimit.allow(key, limit=30, window=timedelta(hours=1), now=now):
        misses.record(query, language=language, now=now)


def _published(pk: int) -> Article:
    """A published article; a draft does not exist for visitors, nor for staff on this page."""
    return get_object_or_404(Article.objects.published().select_related("category", "original"), pk=pk)


# Pictures may come from the shop's own site.
@csp_update({"img-src": ["https:"]})  # type: ignore[arg-type]  # its types know views without arguments only
@require_safe
def article(request: HttpRequest, pk: int) -> HttpResponse:
    found = _published(pk)
    language = page_language()
    versions = _light(Article.objects.published()).exclude(pk=found.pk)
    root = found.original_id or found.pk
    other = versions.filter(Q(original_id=root) | Q(pk=root)).first()
    related = _light(
        Article.objects.published().readable_in(language).filter(category_id=found.category_id).exclude(pk=found.pk)
    )
    if other is not None:
        related = related.exclude(pk=other.pk)
    context = {
        "article": found,
        "description": markdown_text(found.body).replace("\n", " ")[:120],
        "canonical": site_url(reverse("faq:article", args=[found.pk])),
        "other": other,
        "other_url": site_url(reverse("faq:article", args=[other.pk])) if other else "",
        "foreign": found.language != language,
        "related": related.order_by("language", "position", "pk")[:RELATED],
        "voted": voting.voted(found, visitor) if (visitor := _visitor(request)) else None,
        "public_active": "help",
    }
    return render(request, "faq/article.html", context)


def _visitor(request: HttpRequest) -> str:
    """The stored hash of a visitor who voted before in this session, else ""."""
    secret = request.session.get(VISITOR, "")
    return voting.visitor_key(secret) if secret else ""


@require_POST
def vote(request: HttpRequest, pk: int) -> HttpResponse:
    """Count はい or いいえ. The first vote sets a session cookie, so that a second one replaces it."""
    found = _published(pk)
    answer = request.POST.get("helpful")
    if answer not in {"yes", "no"}:
        return render(request, "faq/_vote.html", {"article": found, "voted": None}, status=422)
    now = clock.now()
    key = f"faq.vote:{ratelimit.client_place(request)}"
    if not ratelimit.allow(key, limit=60, window=timedelta(hours=1), now=now):
        return render(request, "429.html", status=429)
    if VISITOR not in request.session:
        request.session[VISITOR] = new_secret()
    helpful = answer == "yes"
    voting.vote(found, visitor=_visitor(request), helpful=helpful, now=now)
    if getattr(request, "htmx", False):
        return render(request, "faq/_vote.html", {"article": found, "voted": helpful, "just_voted": True})
    return redirect(f"{reverse('faq:article', args=[found.pk])}#vote")


def _typed(data: QueryDict) -> str:
    """What is being typed: ``q``, or the fields of the contact form."""
    return clean(data.get("q") or " ".join(filter(None, (data.get("subject"), data.get("body"))))).strip()


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def suggest(request: HttpRequest) -> HttpResponse:
    """Articles that probably answer what is being written; an empty element when none is sure enough.

    POST keeps what a customer writes out of the server's access log; GET serves short texts.
    """
    text = _typed(request.POST if request.method == "POST" else request.GET)
    language = page_language()
    articles = suggesting.suggest(text, language)
    if not articles and language != "ja":
        articles = suggesting.suggest(text, "ja")
    return render(request, "faq/_suggestions.html", {"articles": articles})
