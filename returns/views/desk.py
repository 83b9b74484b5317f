"""What staff see: the list, a case, and its decisions."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from returns import deciding, letters, listing, policies, receiving, sentences, units
from returns.forms import ApproveForm, DeclineForm, StepForm
from returns.models import ReturnCase, ReturnLine
from returns.transitions import IllegalTransition, allowed
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P


@staff_view(P.RETURNS_VIEW)
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """Cases by state."""
    tab = request.GET.get("tab", "decide")
    if tab not in listing.TABS:
        tab = "decide"
    search = request.GET.get("q", "").replace("\x00", "")
    # A search looks everywhere unless a tab was chosen.
    if search and "tab" not in request.GET:
        tab = "all"
    page = listing.page(tab=tab, search=search, number=request.GET.get("page", 1))
    for case in page:
        case.tone = sentences.tone(case.status)  # type: ignore[attr-defined]  # for the template
    context: dict[str, Any] = {"nav_active": "returns", "tabs": listing.tabs(), "tab": tab, "q": search, "page": page}
    context["may_change_rules"] = request.user.has_perm(P.RETURNS_SETTINGS)
    return render(request, "returns/desk_list.html", context)


def _case(pk: int) -> ReturnCase:
    cases = ReturnCase.objects.select_related("order__store", "customer", "decided_by", "inquiry")
    return get_object_or_404(cases, pk=pk)


def _lines(case: ReturnCase) -> list[ReturnLine]:
    return list(case.lines.select_related("order_line", "reason"))


@staff_view(P.RETURNS_VIEW)
@require_safe
def detail(request: StaffRequest, pk: int) -> HttpResponse:
    """One case: what is asked, why, what it would cost, and what can be done now."""
    return _detail(request, _case(pk))


def _detail(
    request: HttpRequest,
    case: ReturnCase,
    *,
    status: int = 200,
    approve_form: ApproveForm | None = None,
    decline_form: DeclineForm | None = None,
) -> HttpResponse:
    lines = _lines(case)
    decides = request.user.has_perm(P.RETURNS_DECIDE)
    receives = request.user.has_perm(P.RETURNS_RECEIVE)
    version = {"version": case.version}
    context: dict[str, Any] = {
        "nav_active": "returns",
        "case": case,
        "tone": sentences.tone(case.status),
        "rows": [(line, units.refundable(line)) for line in lines],
        "total": units.refundable_total(lines),
        "shown": policies.as_shown(case.policy_shown),
        "postage": letters.postage_of(case),
        "events": sentences.told_to_staff(case),
        "duty": any(line.reason.is_shops_duty for line in lines),
        "sees_orders": request.user.has_perm(P.ORDERS_VIEW),
        "step_form": StepForm(initial=version),
        "may_receive": receives and allowed(case, "receive"),
        "may_complete": receives and allowed(case, "complete"),
    }
    if decides and allowed(case, "approve"):
        context["approve_form"] = approve_form or ApproveForm(initial=version, lines=lines)
        context["decline_form"] = decline_form or DeclineForm(initial=version, case=case, lines=lines)
    return render(request, "returns/desk_detail.html", context, status=status)


def _too_late(request: HttpRequest, refusal: IllegalTransition) -> HttpResponse:
    """409: somebody was faster, or the deed does not fit the state. Says who did what, and keeps the typed words."""
    last = refusal.last
    context = {
        "nav_active": "returns",
        "case": refusal.case,
        "tone": sentences.tone(refusal.status),
        "last": sentences.Told(last.at, sentences.for_staff(last)) if last else None,
        "typed": request.POST.get("text", ""),
    }
    return render(request, "returns/desk_conflict.html", context, status=409)


@staff_view(P.RETURNS_DECIDE)
@require_POST
def approve(request: StaffRequest, pk: int) -> HttpResponse:
    """Say yes."""
    case = _case(pk)
    form = ApproveForm(request.POST, lines=_lines(case))
    if not form.is_valid():
        if not allowed(case, "approve"):
            return _too_late(request, IllegalTransition(case, "approve"))
        return _detail(request, case, status=422, approve_form=form)
    try:
        deciding.approve(
            case,
            quantities=form.quantities(),
            text=form.cleaned_data["text"],
            by=request.user,
            now=clock.now(),
            expected_version=form.cleaned_data["version"],
        )
    except IllegalTransition as refusal:
        return _too_late(request, refusal)
    messages.success(request, _("Approved. The customer gets a mail with the address to send to."))
    return redirect("desk-returns:detail", pk)


@staff_view(P.RETURNS_DECIDE)
@require_POST
def decline(request: StaffRequest, pk: int) -> HttpResponse:
    """Say no, with words."""
    case = _case(pk)
    form = DeclineForm(request.POST, case=case, lines=_lines(case))
    if not form.is_valid():
        if not allowed(case, "decline"):
            return _too_late(request, IllegalTransition(case, "decline"))
        return _detail(request, case, status=422, decline_form=form)
    try:
        deciding.decline(
            case,
            text=form.cleaned_data["text"],
            by=request.user,
            now=clock.now(),
            expected_version=form.cleaned_data["version"],
            duty_checked=bool(form.cleaned_data.get("duty_checked")),
        )
    except IllegalTransition as refusal:
        return _too_late(request, refusal)
    messages.success(request, _("Declined. The customer gets a mail with your words."))
    return redirect("desk-returns:detail", pk)


@staff_view(P.RETURNS_RECEIVE)
@require_POST
def receive(request: StaffRequest, pk: int) -> HttpResponse:
    """The goods are here."""
    return _step(request, pk, receiving.receive, _("Arrival recorded. The customer gets a mail."))


@staff_view(P.RETURNS_RECEIVE)
@require_POST
def complete(request: StaffRequest, pk: int) -> HttpResponse:
    """Everything promised is done."""
    return _step(request, pk, receiving.complete, _("Completed. The customer gets a mail."))


def _step(request: StaffRequest, pk: int, deed: Callable[..., ReturnCase], done: str) -> HttpResponse:
    case = _case(pk)
    form: forms.Form = StepForm(request.POST)
    # Without a version of this page the button proves nothing: treat it as seen too early.
    version = form.cleaned_data["version"] if form.is_valid() else -1
    try:
        deed(case, by=request.user, now=clock.now(), expected_version=version)
    except IllegalTransition as refusal:
        return _too_late(request, refusal)
    messages.success(request, done)
    return redirect("desk-returns:detail", pk)
