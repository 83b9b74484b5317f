"""The FAQ, as staff keep it."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from faq import misses, publishing
from faq.forms import LONGEST_BODY, ArticleForm, FilterForm
from faq.models import LANGUAGES, Article
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.text import clean, one_line

PER_PAGE = 50
REPORT_DAYS = 30


@staff_view(P.FAQ_VIEW)
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    articles = Article.objects.select_related("category", "updated_by").annotate(
        helped=Count("feedback", filter=Q(feedback__helpful=True)),
        helped_not=Count("feedback", filter=Q(feedback__helpful=False)),
    )
    filters = FilterForm(request.GET)
    if filters.is_valid():
        asked = filters.cleaned_data
        for word in clean(asked["q"]).split():
            articles = articles.filter(
                Q(title__icontains=word) | Q(body__icontains=word) | Q(customer_words__icontains=word)
            )
        for name in ("status", "category", "language"):
            if asked[name]:
                articles = articles.filter(**{name: asked[name]})
    page = Paginator(articles.order_by("-updated_at", "-pk"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "filters": filters,
        "filtered": any(request.GET.get(name) for name in filters.fields),
        "may_edit": request.user.has_perm(P.FAQ_EDIT),
        "nav_active": "faq",
    }
    return render(request, "faq/desk_list.html", context)


@staff_view(P.FAQ_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    if request.method == "POST":
        form = ArticleForm(request.POST)
        if form.is_valid():
            article = publishing.create(by=request.user, now=clock.now(), **_fields(form))
            return _after(request, article)
        return _editor(request, form, None, status=422)
    wish = misses_wish(request)
    return _editor(request, ArticleForm(initial=wish), None)


def misses_wish(request: HttpRequest) -> dict[str, str]:
    """A new article's beginning from a search that found nothing."""
    words = one_line(request.GET.get("words", ""))[:100]
    language = request.GET.get("language", "")
    return {"customer_words": words, "language": language if language in dict(LANGUAGES) else "ja"}


@staff_view(P.FAQ_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    """The editor; who may only look sees the article as it reads."""
    article = get_object_or_404(Article.objects.select_related("category", "original", "updated_by"), pk=pk)
    if not request.user.has_perm(P.FAQ_EDIT):
        if request.method == "POST":
            raise PermissionDenied
        return render(request, "faq/desk_view.html", {"article": article, "nav_active": "faq"})
    if request.method != "POST":
        form = ArticleForm(instance=article, initial={"seen": article.updated_at.isoformat()})
        return _editor(request, form, article)
    # A form binds to a row of its own: ModelForm writes into the instance while it validates.
    form = ArticleForm(request.POST, instance=Article.objects.get(pk=pk))
    if not form.is_valid():
        return _editor(request, form, article, status=422)
    try:
        publishing.edit(article, by=request.user, now=clock.now(), expected=form.cleaned_data["seen"], **_fields(form))
    except publishing.ArticleChanged:
        form.add_error(
            None,
            _("%(name)s saved this article in the meantime. Open it again in another tab and carry your change over.")
            % {"name": article.updated_by or _("A colleague")},
        )
        return _editor(request, form, article, status=422)
    return _after(request, article)


def _fields(form: ArticleForm) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in form.Meta.fields}


def _after(request: StaffRequest, article: Article) -> HttpResponse:
    """Publish or take away when that button was pressed; say what happened."""
    now = clock.now()
    action = request.POST.get("action", "")
    if action == "publish":
        publishing.publish(article, by=request.user, now=now)
        messages.success(request, _("Published. Customers can find it now."))
    elif action == "unpublish":
        publishing.unpublish(article, by=request.user, now=now)
        messages.success(request, _("Not public any more."))
    else:
        messages.success(request, _("Saved."))
    return redirect("desk-faq:edit", pk=article.pk)


def _editor(request: StaffRequest, form: ArticleForm, article: Article | None, status: int = 200) -> HttpResponse:
    body = form["body"].value() or ""
    context: dict[str, Any] = {
        "form": form,
        "article": article,
        "source": str(body)[:LONGEST_BODY],
        "source_title": form["title"].value() or "",
        "nav_active": "faq",
    }
    if article is not None:
        context["votes"] = article.feedback.aggregate(
            helped=Count("pk", filter=Q(helpful=True)), helped_not=Count("pk", filter=Q(helpful=False))
        )
    return render(request, "faq/desk_edit.html", context, status=status)


@staff_view(P.FAQ_EDIT)
@require_POST
def preview(request: StaffRequest) -> HttpResponse:
    """How the text in the editor will read."""
    context = {
        "source": clean(request.POST.get("body", ""))[:LONGEST_BODY],
        "source_title": one_line(request.POST.get("title", "")),
    }
    return render(request, "faq/_preview.html", context)


@staff_view(P.FAQ_VIEW)
@require_safe
def searches(request: StaffRequest) -> HttpResponse:
    """Searches of the last 30 days that found nothing."""
    since = timezone.localdate(clock.now() - timedelta(days=REPORT_DAYS))
    context = {
        "rows": misses.report(since=since),
        "days": REPORT_DAYS,
        "may_edit": request.user.has_perm(P.FAQ_EDIT),
        "nav_active": "faq",
    }
    return render(request, "faq/desk_searches.html", context)


@staff_view(P.FAQ_EDIT)
@require_POST
def search_done(request: StaffRequest) -> HttpResponse:
    misses.forget(one_line(request.POST.get("query", "")), language=one_line(request.POST.get("language", "")))
    messages.success(request, _("Taken off the list."))
    return redirect("desk-faq:searches")
