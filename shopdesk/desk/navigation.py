"""The staff's navigation: an ordered plain list, filtered by what the person may see."""

from functools import lru_cache
from typing import NamedTuple

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from inquiries import approving
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P


class Item(NamedTuple):
    """One line of the navigation. ``key`` is compared with the page's ``nav_active``."""

    key: str
    label: str
    url: str


class Group(NamedTuple):
    label: str
    items: tuple[Item, ...]


# (group label, [(key, label, URL name, permission)])
_TABLE: list[tuple[str | Promise, list[tuple[str, Promise, str, P | None]]]] = [
    (
        "",
        [
            ("home", _("Home"), "admin:index", None),
            ("search", _("Search"), "desk:search", None),
            ("inquiries", _("Inquiries"), "desk-inquiries:list", P.INQUIRIES_VIEW),
            ("approvals", _("Approvals"), "desk-inquiries:approvals", P.INQUIRIES_APPROVE),
            ("returns", _("Returns"), "desk-returns:list", P.RETURNS_VIEW),
            ("followups", _("Follow-ups"), "desk-followups:list", P.FOLLOWUPS_VIEW),
            ("mail", _("Mail"), "desk-mail:list", P.MAIL_VIEW),
        ],
    ),
    (
        _("Shop"),
        [
            ("orders", _("Orders"), "desk-shop:orders", P.ORDERS_VIEW),
            ("customers", _("Customers"), "desk-shop:customers", P.ORDERS_VIEW),
            ("imports", _("Import"), "desk-shop:imports", P.ORDERS_IMPORT),
            ("faq", _("FAQ"), "desk-faq:list", P.FAQ_VIEW),
        ],
    ),
    (
        _("Administration"),
        [
            ("settings", _("Settings"), "desk:settings", P.SETTINGS_CHANGE),
            ("staff", _("Staff"), "admin:accounts_user_changelist", P.STAFF_MANAGE),
            ("audit", _("Audit log"), "admin:accounts_auditentry_changelist", P.AUDIT_VIEW),
        ],
    ),
]


# More are not counted: the number says that somebody should look.
_MOST_COUNTED = 100


def navigation_for(request: HttpRequest) -> tuple[Group, ...]:
    """What this person may open, in the language of the moment; nothing for visitors."""
    user = getattr(request, "user", None)
    return _navigation(user.codes, get_language()) if isinstance(user, User) else ()


@lru_cache(maxsize=100)
def _navigation(codes: frozenset[str], _language: str | None) -> tuple[Group, ...]:
    groups = []
    for label, rows in _TABLE:
        items = [
            Item(key, str(text), address)
            for key, text, name, need in rows
            if (need is None or need in codes) and (address := _address(name))
        ]
        if items:
            groups.append(Group(str(label), tuple(items)))
    return tuple(groups)


def _address(name: str) -> str:
    """The address of a page; "" where this installation has none."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def counts_for(request: HttpRequest) -> dict[str, int]:
    """How many things wait behind an item, where somebody should look. One query for who approves."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.has_perm(P.INQUIRIES_APPROVE):
        return {}
    waiting = approving.waiting(user)[:_MOST_COUNTED].count()
    return {"approvals": waiting} if waiting else {}
