"""Macros: kept on their own screens, and run from a conversation at once. On many inquiries: views/bulk.py."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inquiries import acts, doing, editors, macros, masking
from inquiries.models import Inquiry, Macro
from inquiries.text_forms import MacroForm, typed
from inquiries.views.showing import inquiry_for
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """All macros that this person is offered."""
    rows = list(macros.offered_to(request.user).select_related("owner"))
    shown = [
        {"macro": row, "words": words, "may_change": macros.may_change(row, request.user)}
        for row, words in zip(rows, acts.describe_each(row.acts for row in rows), strict=True)
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
    posted, more = request.method == "POST", "more" in request.POST
    saves = posted and not more
    form: Any = MacroForm(request.POST if saves else None, instance=macro, user=request.user)
    if more:
        form = typed(MacroForm, request.POST, instance=macro, user=request.user)
    wanted: Any = acts.read(request.POST) if posted else macro.acts
    problems: list[str] = []
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
        "acts_editor": editors.acts_editor(wanted, user=request.user, extra=1 + more),
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
    inquiry = _inquiry(request, pk)
    now = clock.now()
    offered, facts = list(macros.offered_to(request.user)), doing.Facts([inquiry], by=request.user, now=now)
    told = acts.describe_each(macro.acts for macro in offered)
    rows = []
    for macro, words in zip(offered, told, strict=True):
        try:
            code = acts.hindrance(inquiry, macro.acts, by=request.user, now=now, facts=facts)
        except acts.BadActs:
            code = "failed"
        rows.append({"macro": macro, "words": words, "why": acts.reason(code) if code else ""})
    masking.cover([inquiry], request.user)
    alone = bool(request.headers.get("HX-Request"))
    context = {"inquiry": inquiry, "rows": rows, "in_place": alone, "nav_active": "inquiries"}
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


def _inquiry(request: StaffRequest, pk: int) -> Inquiry:
    return inquiry_for(request, pk)


def _changeable(request: StaffRequest, pk: int) -> Macro:
    """The macro, if this person may change it: 404 for somebody else's own, 403 for a shared one."""
    macro = get_object_or_404(Macro.objects.filter(Q(owner=None) | Q(owner=request.user)), pk=pk)
    if not macros.may_change(macro, request.user):
        raise PermissionDenied
    return macro
