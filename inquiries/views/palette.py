"""Ctrl-K: go anywhere by a few letters."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import resolve, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_safe

from inquiries import listing, masking, searching
from inquiries.listpage import plain_views
from inquiries.models import Inquiry, SavedView
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.text import normalise, one_line

_MOST = 8
_SHORTEST = 2
# What can be begun or set up besides the views and the pages of the navigation, for who may.
_DEEDS = (
    (_("Record a call"), "new"),
    (_("The next inquiry"), "pull"),
    (_("Templates"), "templates"),
    (_("Macros"), "macros"),
    (pgettext_lazy("desk", "Rules"), "rules"),
    (_("Turns"), "turns"),
    (_("New view"), "view-new"),
    (_("Edit views"), "views"),
)


@dataclass(frozen=True)
class Place:
    """Somewhere to go."""

    label: str
    url: str


@staff_view()
@require_safe
def palette(request: StaffRequest) -> HttpResponse:
    """The dialog; with ``?q=`` its results alone: inquiries by number, customer and words, places by their name.

    The pages of the navigation are added by the template, which knows them anyway.
    """
    user, typed = request.user, request.GET.get("q", "")
    words = one_line(typed)[:100]
    found: list[Inquiry] = []
    places: list[Place] = []
    needle = normalise(words)
    if user.has_perm(P.INQUIRIES_VIEW):
        if len(words) >= _SHORTEST:
            found = [hit.inquiry for hit in searching.search(words, user=user).hits[:_MOST]]
            masking.cover(found, user)
        places = [place for place in _places(user) if needle in normalise(place.label)]
    context = {"typed": typed, "needle": needle, "found": found, "places": places}
    template = "inquiries/_palette_results.html" if "q" in request.GET else "inquiries/_palette.html"
    return render(request, template, context)


def _places(user: User) -> list[Place]:
    places = [Place(view.label, view.url) for view in plain_views(user)]
    address = reverse("desk-inquiries:list")
    saved = SavedView.objects.offered_to(user).order_by("shared", "position", "pk")
    places += [Place(view.name, f"{address}?view={listing.key_of(view)}") for view in saved]
    for label, name in _DEEDS:
        url = reverse(f"desk-inquiries:{name}")
        # A guarded view says itself what it needs (shopdesk.accounts.decorators).
        if user.has_perms(list(resolve(url).func.staff_needs)):  # type: ignore[attr-defined]  # set by the guard
            places.append(Place(str(label), url))
    return places
