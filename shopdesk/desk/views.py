"""Screens over several rooms: the home page, the settings, the design page."""

from typing import NamedTuple
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_safe

from inquiries.models import Inquiry
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.modeladmin import RoleModelAdmin
from shopdesk.accounts.permissions import P
from shopdesk.desk.design_sample import sample
from shopdesk.desk.home import Home
from shopdesk.desk.search import Narrowed, ask
from shopdesk.text import one_line


@staff_view()
def home(request: StaffRequest) -> HttpResponse:
    """What waits for whom."""
    context = {"nav_active": "home", "home": Home(request.user, clock.now())}
    return render(request, "desk/home.html", context)


@staff_view()
@require_safe
def search(request: StaffRequest) -> HttpResponse:
    """Everything about a word: ``?q=&status=&mine=1&page=``."""
    number = request.GET.get("page", "1")
    narrowed = Narrowed(status=request.GET.get("status", ""), mine=request.GET.get("mine") == "1")
    page = int(number) if number.isdecimal() and len(number) < 4 else 1
    answer = ask(one_line(request.GET.get("q", "")), user=request.user, narrowed=narrowed, page=max(1, page))
    kept = {"q": answer.query, "status": narrowed.status, "mine": "1" if narrowed.mine else ""}
    context = {
        "answer": answer,
        "narrowed": narrowed,
        "statuses": [choice for choice in Inquiry.Status.choices if choice[0] != Inquiry.Status.MERGED],
        "page": page,
        "kept": urlencode({key: value for key, value in kept.items() if value}),
        "has_inquiries": request.user.has_perm(P.INQUIRIES_VIEW),
        "nav_active": "search",
    }
    return render(request, "desk/search.html", context)


class Table(NamedTuple):
    """A plain table and the page that edits it."""

    label: str
    url: str
    note: str | Promise = ""


# What a shop edits once in a while, grouped as people look for it: (heading, [(model label, what it is for)]).
_SETTINGS: list[tuple[Promise, list[tuple[str, Promise]]]] = [
    (
        _("Shop"),
        [
            ("shop.store", _("Names, senders and signatures")),
            ("shop.businesshours", _("When inquiries are answered")),
            ("shop.closure", _("Public holidays, summer, year-end")),
        ],
    ),
    (
        _("Goods"),
        [
            ("shop.product", _("Care tips, warranty, tags")),
            ("shop.productcategory", _("What follow-ups choose by")),
        ],
    ),
    (
        _("Inquiries"),
        [
            ("inquiries.category", _("What customers choose from; answer times")),
            ("inquiries.slapolicy", _("How soon we promise to answer and to solve")),
            ("inquiries.statuslabel", _("Steps as your shop calls them, and what customers read")),
            ("inquiries.cause", _("What inquiries are counted by when they are closed")),
            ("inquiries.tag", _("Words for the state of the moment")),
            ("inquiries.approvalrule", _("What a second person reads first")),
            ("inquiries.warningword", _("Words to look at once more before sending")),
        ],
    ),
    (
        _("Returns"),
        [("returns.reason", _("Reasons and their follow-up questions")), ("returns.policy", _("What customers read"))],
    ),
    (_("FAQ"), [("faq.category", _("Shelves of the help centre")), ("faq.synonym", _("Words that mean the same"))]),
    (
        _("Mail"),
        [
            ("mail.suppression", _("Addresses that are not written to")),
            ("mail.consent", _("Evidence for advertising mail")),
        ],
    ),
    (_("Staff"), [("accounts.user", _("Invite, change, switch off")), ("accounts.role", _("Who may do what"))]),
]

# Pages of their own among them: heading -> [(name of the address, label, what it is for, permission)].
_PAGES: dict[Promise, list[tuple[str, Promise, Promise, P]]] = {
    _SETTINGS[2][0]: [
        ("desk-inquiries:turns", _("Turns"), _("Who gets new inquiries, and when they work"), P.INQUIRIES_SETTINGS),
        (
            "desk-inquiries:pulls",
            _("Inquiries on demand"),
            _("How often inquiries are handed back"),
            P.INQUIRIES_SETTINGS,
        ),
        ("desk-inquiries:templates", _("Templates"), _("Texts for replies"), P.INQUIRIES_TEMPLATES),
        ("desk-inquiries:macros", _("Macros"), _("Several acts in one click"), P.INQUIRIES_TEMPLATES),
        ("desk-inquiries:rules", pgettext_lazy("desk", "Rules"), _("What is done by itself"), P.INQUIRIES_SETTINGS),
    ]
}


@staff_view()
def settings_page(request: StaffRequest) -> HttpResponse:
    """The plain tables that this person may open."""
    tables = {model._meta.label_lower: page for model, page in admin.site._registry.items()}
    groups = []
    for heading, rows in _SETTINGS:
        shown = [
            Table(
                str(page.model._meta.verbose_name_plural),
                reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist"),
                note,
            )
            for label, note in rows
            if isinstance(page := tables.get(label), RoleModelAdmin) and page.has_view_permission(request)
        ]
        shown += [
            Table(str(label), reverse(name), note)
            for name, label, note, need in _PAGES.get(heading, [])
            if request.user.has_perm(need)
        ]
        if shown:
            groups.append((heading, shown))
    return render(request, "desk/settings.html", {"nav_active": "settings", "groups": groups})


@staff_view(P.STAFF_MANAGE)
def design(request: StaffRequest) -> HttpResponse:
    """Every component in every state: what a change of the stylesheet is looked at with."""
    return render(request, "desk/design.html", {"nav_active": "design"} | sample(clock.now()))
