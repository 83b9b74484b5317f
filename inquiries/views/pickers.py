"""What is offered while somebody writes: templates and articles, filled in for this inquiry."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from faq.models import Article
from inquiries import attachments, citing, drafts, masking, signing_off, templating, texts
from inquiries.models import Draft, Inquiry, Template
from inquiries.views.showing import inquiry_for
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.text import one_line

SHOWN = 20
MOST_SHORTCUTS = 200
# Articles in the side column.
_BESIDE = 3


@dataclass(frozen=True)
class Offer:
    """A template as the picker shows it: the text for this inquiry, and what it would leave blank."""

    template: Template
    text: str
    missing: list[str]
    asks: list[str]


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_safe
def templates(request: StaffRequest, pk: int) -> HttpResponse:
    """Templates for this inquiry: ``?q=&folder=``. The text is filled in already; a click inserts it."""
    inquiry = inquiry_for(request, pk)
    words, folder = one_line(request.GET.get("q", ""))[:100], one_line(request.GET.get("folder", ""))[:60]
    every = list(_offered(request, inquiry).prefetch_related("files"))
    found = templating.search(every, words)
    if folder:
        found = [row for row in found if row.folder == folder]
    elif not words:
        first = templating.recent(found, request.user)
        found = [*first, *(row for row in found if row not in first)]
    offers = _filled(request, inquiry, found[:SHOWN])
    context = {
        "inquiry": inquiry, "offers": offers, "q": words, "folder": folder, "more": max(len(found) - SHOWN, 0),
        "folders": sorted({row.folder for row in every if row.folder}), "nav_active": "inquiries",
    }  # fmt: skip
    return _drawn(request, "template_picker", context)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_safe
def shortcuts(request: StaffRequest, pk: int) -> HttpResponse:
    """Templates that have a shortcut, filled in for this inquiry; asked for when a slash begins a line of a reply."""
    inquiry = inquiry_for(request, pk)
    rows: dict[str, Template] = {}
    for row in _offered(request, inquiry).exclude(shortcut=""):
        # In one width, as static/js/composer.js looks for it. Of two with the same shortcut the first one counts.
        rows.setdefault(normalize("NFKC", row.shortcut), row)
    offers = _filled(request, inquiry, [*rows.values()][:MOST_SHORTCUTS])
    context = {"inquiry": inquiry, "offers": list(zip(rows, offers, strict=False))}
    return render(request, "inquiries/_shortcuts.html", context)


def _offered(request: StaffRequest, inquiry: Inquiry) -> QuerySet[Template]:
    return Template.objects.offered_to(request.user).filter(Q(store=None) | Q(store=inquiry.store_id))


def _filled(request: StaffRequest, inquiry: Inquiry, rows: Iterable[Template]) -> list[Offer]:
    """The templates as they would be inserted; the inquiry is covered for its reader then."""
    fill = texts.filler(inquiry, by=request.user)
    offers = []
    for row in rows:
        filled = fill(row)
        offers.append(Offer(row, filled.text, [texts.label(name) for name in filled.missing], filled.asks))
    masking.cover([inquiry], request.user)
    return offers


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def use_template(request: StaffRequest, pk: int, template_pk: int) -> HttpResponse:
    """A template was inserted: count it, and put its files into the reply.

    Without a script the text itself goes to the end of the draft, and the conversation comes back.
    """
    inquiry = inquiry_for(request, pk)
    template = get_object_or_404(Template.objects.offered_to(request.user), pk=template_pk)
    now, problem = clock.now(), ""
    try:
        templating.use(template, inquiry, by=request.user, now=now)
    except attachments.Refused as refusal:
        problem = refusal.sentence
    if request.headers.get("HX-Request"):
        context = {
            "inquiry": inquiry, "files": drafts.shown_files(inquiry, request.user), "accept": attachments.ACCEPT,
            "files_problem": problem,
        }  # fmt: skip
        return render(request, "inquiries/_draft_files.html", context)
    if problem:
        messages.warning(request, problem)
    _append(inquiry, texts.fill(template, inquiry, by=request.user).text, request, template=template.pk)
    return redirect("desk-inquiries:detail", pk=pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_safe
def articles(request: StaffRequest, pk: int) -> HttpResponse:
    """Published articles that may answer this inquiry or ``?q=``, in the customer's language."""
    inquiry = inquiry_for(request, pk)
    words = one_line(request.GET.get("q", ""))[:100]
    offers = citing.offers(inquiry, words)
    masking.cover([inquiry], request.user)
    context = {"inquiry": inquiry, "offers": offers, "q": words, "nav_active": "inquiries"}
    return _drawn(request, "faq_picker", context)


@staff_view(P.INQUIRIES_VIEW)
@require_safe
def articles_beside(request: StaffRequest, pk: int) -> HttpResponse:
    """Up to three of the same for the side column, which asks for them by itself. Who may not write only reads them;
    who may, and has no script, is led to the page that inserts."""
    inquiry = inquiry_for(request, pk)
    may_draft = request.user.has_perm(P.INQUIRIES_DRAFT)
    if may_draft and not request.headers.get("HX-Request"):
        return redirect("desk-inquiries:faq-picker", pk=pk)
    offers = citing.offers(inquiry)[:_BESIDE]
    masking.cover([inquiry], request.user)
    context = {
        "inquiry": inquiry,
        "offers": offers,
        "language": citing.language_of(inquiry),
        "may_insert": bool(inquiry.email) and may_draft,
        "may_draft": may_draft,
        "may_write_articles": request.user.has_perms([P.FAQ_VIEW, P.FAQ_EDIT]),
    }
    return render(request, "inquiries/_faq_panel.html", context)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def use_article(request: StaffRequest, pk: int, article_pk: int) -> HttpResponse:
    """Without a script: put the link of an article (``what=link``) or its text at the end of the draft."""
    inquiry = inquiry_for(request, pk)
    article = get_object_or_404(Article.objects.published(), pk=article_pk)
    offer = citing.Offer(article)
    _append(inquiry, offer.text if request.POST.get("what") == "text" else offer.link, request)
    return redirect("desk-inquiries:detail", pk=pk)


def _append(inquiry: Inquiry, text: str, request: StaffRequest, *, template: int | None = None) -> None:
    """Put a text at the end of what this person is writing here; a new reply begins with the opening lines."""
    draft = Draft.objects.filter(inquiry=inquiry, author=request.user).first()
    if draft is None:
        try:
            body = signing_off.opening(
                inquiry.store,
                by=request.user,
                language=inquiry.language,
                customer_name=masking.name(inquiry, request.user),
            )
        except signing_off.SignatureBroken:
            body = ""
        draft = Draft(body=body)
    body = f"{draft.body.rstrip()}\n\n{text}" if draft.body.strip() else text
    kept = [*draft.templates, *([template] if template else [])]
    drafts.save(
        inquiry, body=body, by=request.user, now=clock.now(), cc=draft.cc, bcc=draft.bcc, sender=draft.sender,
        templates=kept,
    )  # fmt: skip
    messages.success(request, _("Added to your reply."))


def _drawn(request: StaffRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """The part alone for htmx, in a page without."""
    alone = bool(request.headers.get("HX-Request"))
    template = f"inquiries/_{name}.html" if alone else f"inquiries/{name}.html"
    return render(request, template, context | {"alone": alone})
