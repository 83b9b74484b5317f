"""Macros: kept on their own screens, run from a conversation at once and on many inquiries after a count."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inquiries import acts, editors, macros
from inquiries import bulk as bulk_runs
from inquiries.models import Inquiry, Macro
from inquiries.text_forms import MacroForm
from inquiries.views.showing import inquiry_for
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """All macros that this person is offered."""
    rows = macros.offered_to(request.user).select_related("owner")
    shown = [
        {"macro": row, "words": acts.describe(row.acts), "may_change": macros.may_change(row, request.user)}
        for row in rows
    ]
    return render(request, "inquiries/macros.html", {"rows": shown, "nav_active": "inquiries"})


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: StaffRequest) -> HttpResponse:
    """A new macro."""
    return _edit(request, Macro())


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Change a macro."""
    return _edit(request, _changeable(request, pk))


def _edit(request: StaffRequest, macro: Macro) -> HttpResponse:
    is_new = macro.pk is None
    form = MacroForm(request.POST if request.method == "POST" else None, instance=macro, user=request.user)
    wanted: Any = acts.read(request.POST) if form.is_bound else macro.acts
    problems: list[str] = []
    saves = form.is_bound and "more" not in request.POST
    if saves:
        try:
            macros.check(wanted, user=request.user)
        except acts.BadActs as error:
            problems = error.problems
        if form.is_valid() and not problems:
            macros.save(form.instance, acts=wanted)
            messages.success(request, _("Saved."))
            return redirect("desk-inquiries:macros")
    context = {
        "form": form, "macro": None if is_new else macro, "act_problems": problems, "nav_active": "inquiries",
        "acts_editor": editors.acts_editor(wanted, user=request.user, extra=1 + ("more" in request.POST)),
    }  # fmt: skip
    return render(request, "inquiries/macro_form.html", context, status=422 if saves else 200)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def delete(request: StaffRequest, pk: int) -> HttpResponse:
    """Take a macro out of use."""
    macro = _changeable(request, pk)
    Macro.objects.filter(pk=macro.pk).update(is_active=False)
    messages.success(request, _("“%(name)s” is deleted.") % {"name": macro.name})
    return redirect("desk-inquiries:macros")


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_safe
def menu(request: StaffRequest, pk: int) -> HttpResponse:
    """The macros for this inquiry, each with what it would do here and why it cannot."""
    inquiry, now = _inquiry(request, pk), clock.now()
    rows = []
    for macro in macros.offered_to(request.user):
        possible, refused = acts.foreseen([inquiry], macro.acts, by=request.user, now=now)
        why = acts.reason(refused[0][1]) if refused else ""
        rows.append({"macro": macro, "words": acts.describe(macro.acts), "why": why, "possible": possible})
    context = {"inquiry": inquiry, "rows": rows, "nav_active": "inquiries"}
    alone = bool(request.headers.get("HX-Request"))
    return render(request, "inquiries/_macro_menu.html" if alone else "inquiries/macro_menu.html", context)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def run(request: StaffRequest, pk: int, macro_pk: int) -> HttpResponse:
    """Do a macro here and now; the result says what was done and what was not."""
    inquiry = _inquiry(request, pk)
    macro = get_object_or_404(macros.offered_to(request.user), pk=macro_pk)
    outcomes = macros.run(macro, inquiry, by=request.user, now=clock.now(), version=request.POST.get("version", ""))
    if outcomes is None:
        messages.warning(request, _("Something was said meanwhile, so nothing was done. Please look and try again."))
        return redirect("desk-inquiries:detail", pk=pk)
    refused = [one for one in outcomes if not one.ok]
    if not refused:
        messages.success(request, _("“%(name)s” is done.") % {"name": macro.name})
    else:
        whys = _(", ").join(
            _("%(act)s (%(why)s)") % {"act": acts.ACTS[one.do].label, "why": acts.reason(one.why)} for one in refused
        )
        words = {"name": macro.name, "n": len(outcomes) - len(refused), "whys": whys}
        messages.warning(request, _("“%(name)s”: %(n)s done, not done: %(whys)s") % words)
    return redirect("desk-inquiries:detail", pk=pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def bulk(request: StaffRequest, pk: int) -> HttpResponse:
    """``ids``: first how many of them the macro can be done on, and why not on the others; ``go`` starts it."""
    macro = get_object_or_404(macros.offered_to(request.user), pk=pk)
    ids = _ids(request.POST)
    now, token = clock.now(), _token(request.POST)
    if request.POST.get("go") and token:
        try:
            started = bulk_runs.start(ids=ids, acts=macro.acts, by=request.user, now=now, form_token=token)
        except (bulk_runs.NothingChosen, bulk_runs.TooMany, acts.BadActs) as error:
            messages.error(request, _refusal(error))
            return redirect("desk-inquiries:list")
        return redirect("desk-inquiries:bulk-run", pk=started.pk)
    rows = macros.rows(request.user).filter(pk__in=ids[: bulk_runs.MOST]).order_by("pk")
    chosen = list(rows)
    possible, refused = acts.foreseen(chosen, macro.acts, by=request.user, now=now)
    whys: dict[str, list[Inquiry]] = {}
    for inquiry, code in refused:
        whys.setdefault(acts.reason(code), []).append(inquiry)
    context = {
        "macro": macro, "words": acts.describe(macro.acts), "ids": [row.pk for row in chosen], "count": len(chosen),
        "possible": possible, "refused": list(whys.items()), "token": uuid.uuid4(), "nav_active": "inquiries",
        "sentence": ngettext(
            "It can be done on %(possible)s of %(n)s inquiry.", "It can be done on %(possible)s of %(n)s inquiries.",
            len(chosen),
        ) % {"possible": possible, "n": len(chosen)},
    }  # fmt: skip
    return render(request, "inquiries/macro_bulk.html", context)


def _refusal(error: Exception) -> str:
    if isinstance(error, bulk_runs.TooMany):
        return _("At most %(n)s inquiries can be changed at once.") % {"n": bulk_runs.MOST}
    if isinstance(error, acts.BadActs):
        return " ".join(error.problems)
    return _("Please choose inquiries first.")


def _ids(post: QueryDict) -> list[int]:
    values = [value for one in post.getlist("ids") for value in one.split(",")]
    return list(dict.fromkeys(int(one) for one in values if one.isascii() and one.isdigit() and len(one) < 19))


def _token(post: QueryDict) -> uuid.UUID | None:
    try:
        return uuid.UUID(post.get("form_token", ""))
    except ValueError:
        return None


def _inquiry(request: StaffRequest, pk: int) -> Inquiry:
    return inquiry_for(request, pk)


def _changeable(request: StaffRequest, pk: int) -> Macro:
    """The macro, if this person may change it: 404 for somebody else's own, 403 for a shared one."""
    macro = get_object_or_404(Macro.objects.filter(Q(owner=None) | Q(owner=request.user)), pk=pk)
    if not macros.may_change(macro, request.user):
        raise PermissionDenied
    return macro
