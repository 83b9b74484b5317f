"""Ctrl-K: go anywhere by a few letters."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from inquiries import masking, searching
from inquiries.listing import offered
from inquiries.listpage import plain_views
from inquiries.models import Inquiry, SavedView
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.text import normalise, one_line

_MOST = 8


@staff_view()
@require_safe
def palette(request: StaffRequest) -> HttpResponse:
    """The dialog; with ``?q=`` its results alone: places by their name, inquiries by number, customer, words."""
    user = request.user
    words = one_line(request.GET.get("q", ""))[:100]
    sees = user.has_perm(P.INQUIRIES_VIEW)
    found: list[Inquiry] = []
    if sees and len(words) > 1:
        found = [hit.inquiry for hit in searching.search(words, user=user).hits[:_MOST]]
        masking.cover(found, user)
    context = {
        "words": words,
        "needle": normalise(words),
        "found": found,
        "views": plain_views(user) if sees and offered(user) else [],
        "saved": SavedView.objects.offered_to(user)[:30] if sees else [],
        "may_record": user.has_perms([P.INQUIRIES_VIEW_ALL, P.INQUIRIES_DRAFT]),
    }
    template = "inquiries/_palette_results.html" if "q" in request.GET else "inquiries/_palette.html"
    return render(request, template, context)
