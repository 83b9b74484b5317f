"""The staff's navigation: an ordered plain list, filtered by what the person may see."""

from dataclasses import dataclass
from functools import lru_cache

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from inquiries import approving
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P


@dataclass(frozen=True)
class Item:
    """One line of the navigation. ``key`` is compared with the page's ``nav_active``."""

    key: str
    label: str | Promise
    url: str
    # Counted when a template asks for it, and once.
    count: object = None


@dataclass(frozen=True)
class Group:
    label: str | Promise
    items: list[Item]


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


@lru_cache(maxsize=50)
def _address(name: str) -> str:
    """The address of a page; every page of the desk asks for all of them. Raises NoReverseMatch, each time anew."""
    return reverse(name)


def _count(key: str, user: User) -> object:
    """How many things wait behind an item; None for most."""
    if key != "approvals":
        return None
    return SimpleLazyObject(approving.waiting(user)[:_MOST_COUNTED].count)


def navigation_for(request: HttpRequest) -> list[Group]:
    """What this person may open; nothing for visitors."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return []
    groups = []
    for label, rows in _TABLE:
        items = []
        for key, text, name, need in rows:
            if need is not None and not user.has_perm(need):
                continue
            try:
                items.append(Item(key, text, _address(name), _count(key, user)))
            except NoReverseMatch:
                continue
        if items:
            groups.append(Group(label, items))
    return groups
