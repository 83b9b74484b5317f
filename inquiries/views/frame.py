"""What stands around the conversation: the views in the navigation, and the list."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from inquiries import masking
from inquiries.listing import Wanted
from inquiries.listpage import ListPage, View, plain_views
from inquiries.models import Inquiry
from shopdesk.accounts.decorators import StaffRequest
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.pieces import Piece
from shopdesk.shop.models import named
from shopdesk.statements import Words

_VIEWS = Piece("inquiries/_views.html", keep=500)
_TABS = Piece("inquiries/_tabs.html", keep=500)
_FILTERS = Piece("inquiries/_filters.html", keep=500)


def rights(user: User) -> dict[str, bool]:
    """What a person may do with the list."""
    sees_all = user.has_perm(P.INQUIRIES_VIEW_ALL)
    return {
        "may_record": user.has_perms([P.INQUIRIES_VIEW_ALL, P.INQUIRIES_DRAFT]),
        "may_bulk": user.has_perm(P.INQUIRIES_TRIAGE),
        "may_export": user.has_perms([P.INQUIRIES_VIEW_ALL, P.INQUIRIES_EXPORT]),
        # Conditions look into texts and addresses: only who may read them asks.
        "may_save_views": sees_all,
    }


def frame(request: StaffRequest) -> dict[str, Any]:
    """The frame of a page that opens with its conversation and lets the list follow. No query."""
    wanted = Wanted.read(request.GET)
    page, may = request.GET.get("page", ""), rights(request.user)
    return {
        "nav_active": "inquiries",
        "nav_below": _links(plain_views(request.user), may["may_save_views"]),
        "list_query": wanted.query(page=page if page.isascii() and page.isdecimal() and len(page) < 7 else ""),
        **may,
    }


def list_context(request: StaffRequest, listing: ListPage, *, beside: bool = False) -> dict[str, Any]:
    """What the list pane is drawn from; ``beside`` an open inquiry, whose page has the navigation already."""
    wanted, user = listing.wanted, request.user
    may = rights(user)
    narrowed = bool(wanted.status or wanted.category or wanted.assignee or wanted.tag)
    asked = "filters" in request.GET
    return {
        "nav_active": "inquiries",
        "nav_below": _links(listing.views, may["may_save_views"], out_of_band=beside),
        "listing": listing,
        "tabs": _TABS.draw(views=_plain(listing.views)),
        "wanted": wanted,
        "query": listing.query_of(page=listing.number),
        "list_query": listing.query_of(page=listing.number),
        "filters": _filters(listing, asked=asked, may_save=may["may_save_views"]) if narrowed or asked else "",
        "heading": 2 if beside else 1,
        "is_detail": beside,
        "empty_text": _empty(listing),
        **may,
    }


def _links(views: Sequence[View], may_save: bool, *, out_of_band: bool = False) -> SafeString:
    return _VIEWS.draw(views=_plain(views), may_save_views=may_save, out_of_band=out_of_band)


def _plain(views: Sequence[View]) -> tuple[tuple[str, str, str, str, bool], ...]:
    return tuple([(view.url, view.label, view.key, view.count, view.is_current) for view in views])


def _filters(listing: ListPage, *, asked: bool, may_save: bool) -> SafeString:
    """What the list can be narrowed by; who has just ``asked`` for it begins there. One query."""
    user, wanted = listing.user, listing.wanted
    statuses = [(str(code), str(name)) for code, name in Inquiry.Status.choices if code != Inquiry.Status.MERGED]
    people, categories, tags = (json.loads(found) for found in _choices().row())
    return _FILTERS.draw(
        statuses=tuple(statuses),
        people=tuple([(key, name) for key, name in people]) if masking.sees_contacts(user) else (),
        categories=tuple([(slug, named(ja, en)) for slug, ja, en in categories]),
        tags=tuple([(key, name) for key, name in tags]),
        status=wanted.status,
        assignee=wanted.assignee,
        category=wanted.category,
        tag=wanted.tag,
        view_url=listing.view.url,
        query=listing.query_of(page=listing.number),
        may_save_views=may_save,
        asked=asked,
    )


# In SQL: three querysets take as long as the rows of the list. People as forms.assignable has them.
_CHOICES = """
SELECT
  (SELECT coalesce(
      json_agg(json_build_array(person.id::text, coalesce(nullif(name, ''), email)) ORDER BY name, person.id), '[]'
    )::text FROM accounts_user AS person JOIN accounts_role AS role ON role.id = role_id
    WHERE is_active AND (role.code = 'owner' OR %s = ANY(permissions))),
  (SELECT coalesce(
      json_agg(json_build_array(slug, name_ja, name_en) ORDER BY phase DESC, position, id), '[]'
    )::text FROM inquiries_category),
  (SELECT coalesce(
      json_agg(json_build_array(id::text, name) ORDER BY name), '[]'
    )::text FROM inquiries_tag WHERE is_active)
"""


@cache
def _choices() -> Words:
    return Words(lambda: (_CHOICES, [str(P.INQUIRIES_VIEW)]))


def _empty(listing: ListPage) -> str:
    """What an empty list says: why it is empty, and whether that is good."""
    if listing.wanted.is_filtered:
        return _("No inquiry matches. Try fewer words or another view.")
    if listing.number > 1:
        return _("There is nothing on this page any more.")
    return {
        "open": _("Everybody has an answer. Well done."),
        "mine": _("Nothing is assigned to you."),
        "unassigned": _("Everything has somebody who looks after it."),
        "pending": _("We wait for nobody."),
        "hold": _("Nothing is laid aside."),
        "solved": _("Nothing was solved yet."),
        "spam": _("No spam."),
    }.get(listing.wanted.view, _("There is no inquiry in this view."))
