"""What stands around the conversation: the views in the navigation, and the list."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from inquiries import masking
from inquiries.forms import assignable
from inquiries.listing import Wanted
from inquiries.listpage import ListPage, plain_views
from inquiries.models import Category, Inquiry, Tag
from shopdesk.accounts.decorators import StaffRequest
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.statements import statement


@dataclass(frozen=True)
class Filters:
    """What a list can be narrowed by. Three queries."""

    statuses: list[tuple[str, str]]
    people: list[User]
    categories: list[Category]
    tags: list[Tag]


def rights(user: User) -> dict[str, bool]:
    """What a person may do with the list."""
    sees_all = user.has_perm(P.INQUIRIES_VIEW_ALL)
    return {
        "may_record": user.has_perms([P.INQUIRIES_VIEW_ALL, P.INQUIRIES_DRAFT]),
        "may_bulk": user.has_perm(P.INQUIRIES_TRIAGE),
        # Conditions look into texts and addresses: only who may read them asks.
        "may_save_views": sees_all,
    }


def frame(request: StaffRequest) -> dict[str, Any]:
    """The frame of a page that opens with its conversation and lets the list follow. No query."""
    wanted = Wanted.read(request.GET)
    page = request.GET.get("page", "")
    return {
        "nav_active": "inquiries",
        "nav_below": "inquiries/_views.html",
        "views": plain_views(request.user),
        "list_query": wanted.query(page=page if page.isascii() and page.isdecimal() and len(page) < 7 else ""),
        **rights(request.user),
    }


def list_context(request: StaffRequest, listing: ListPage) -> dict[str, Any]:
    """What the list pane is drawn from."""
    wanted, user = listing.wanted, request.user
    narrowed = bool(wanted.status or wanted.category or wanted.assignee or wanted.tag)
    return {
        "nav_active": "inquiries",
        "nav_below": "inquiries/_views.html",
        "listing": listing,
        "views": listing.views,
        "wanted": wanted,
        "query": listing.query_of(page=listing.number),
        "list_query": listing.query_of(page=listing.number),
        "filters": _filters(user) if narrowed or "filters" in request.GET else None,
        "heading": 1,
        "empty_text": _empty(listing),
        **rights(user),
    }


def _filters(user: User) -> Filters:
    return Filters(
        statuses=[(code, str(name)) for code, name in Inquiry.Status.choices if code != Inquiry.Status.MERGED],
        people=assignable() if masking.sees_contacts(user) else [],
        categories=_categories(),
        tags=_tags(),
    )


@statement(keep=1)
def _categories() -> QuerySet[Category]:
    return Category.objects.only("slug", "name_ja", "name_en")


@statement(keep=1)
def _tags() -> QuerySet[Tag]:
    return Tag.objects.filter(is_active=True).only("name")


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
