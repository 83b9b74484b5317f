"""What customers see: prove an order, ask for a return, follow it."""

from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from returns import policies, proven, proving, requesting, sentences
from returns.forms import Basket, CodeForm, StartForm
from returns.models import Policy, ReturnCase
from returns.transitions import IllegalTransition, allowed
from shopdesk import clock
from shopdesk.accounts import ratelimit
from shopdesk.shop.models import Order

FORM_METHODS = ["GET", "HEAD", "POST"]


def _page(request: HttpRequest, name: str, status: int = 200, **context: object) -> HttpResponse:
    return render(request, f"returns/{name}.html", {"public_active": "returns", **context}, status=status)


def _language() -> str:
    return "en" if get_language() == "en" else "ja"


def _unproven(request: HttpRequest) -> HttpResponse:
    """One page for everything that opens nothing, so that nobody learns why; with the way to ask anew."""
    return _page(request, "unproven", status=404)


@never_cache
@require_http_methods(FORM_METHODS)
def start(request: HttpRequest) -> HttpResponse:
    """Ask for the one-time key. The answer is the same for every order number and address."""
    if request.method != "POST":
        return _page(request, "start", form=StartForm(), rules=Policy.objects.filter(is_active=True))
    form = StartForm(request.POST)
    rules = Policy.objects.filter(is_active=True)
    if not form.is_valid():
        return _page(request, "start", status=422, form=form, rules=rules)
    try:
        ticket = proving.ask(
            number=form.cleaned_data["number"],
            address=form.cleaned_data["email"],
            language=_language(),
            ip=ratelimit.client_place(request),
            now=clock.now(),
        )
    except proving.TooManyTries:
        return _page(request, "start", status=429, form=form, rules=rules, too_many=True)
    proven.keep_ticket(request, ticket)
    return redirect("returns:code")


@never_cache
@require_http_methods(FORM_METHODS)
def code(request: HttpRequest) -> HttpResponse:
    """Say that a letter went out, if there was anybody to write to, and take its code."""
    ticket = proven.ticket_of(request)
    if not ticket:
        return redirect("returns:start")
    minutes = int(proving.LIFETIME.total_seconds()) // 60
    if request.method != "POST":
        return _page(request, "code", form=CodeForm(), minutes=minutes)
    form = CodeForm(request.POST)
    if form.is_valid():
        now = clock.now()
        try:
            order = proving.redeem_code(ticket, form.cleaned_data["code"], now=now)
        except proving.BadKey:
            form.add_error(
                "code", _("This code is wrong or no longer valid. After five wrong tries please ask for a new one.")
            )
        else:
            return redirect("returns:request", proven.remember(request, order, now=now))
    return _page(request, "code", status=422, form=form, minutes=minutes)


@never_cache
@require_http_methods(FORM_METHODS)
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """The link of the letter: opening it changes nothing (mail scanners do), the button uses it up."""
    now = clock.now()
    if request.method != "POST":
        if not proving.link_is_usable(token, now=now):
            return _unproven(request)
        response = _page(request, "enter")
    else:
        try:
            order = proving.redeem_link(token, now=now)
        except proving.BadKey:
            return _unproven(request)
        response = redirect("returns:request", proven.remember(request, order, now=now))
    # Our own pages may see the address (the CSRF check asks for it), no other site.
    response["Referrer-Policy"] = "same-origin"
    return response


@never_cache
@require_http_methods(FORM_METHODS)
def request_return(request: HttpRequest, ref: str) -> HttpResponse:
    """Items, details, confirmation, done: three pages at one address, each carrying what was typed before."""
    now = clock.now()
    order = proven.order_of(request, ref, now=now)
    if order is None:
        return _unproven(request)
    if request.method != "POST":
        return _items(request, ref, Basket.of(order, None, now=now))
    basket = Basket.of(order, request.POST, now=now)
    step = request.POST.get("step")
    if step == "items":
        return _items(request, ref, basket)
    if not basket.items_are_valid():
        return _items(request, ref, basket, status=422)
    if step == "details":
        return _page(request, "details", basket=basket, ref=ref)
    if not basket.answers_are_valid():
        return _page(request, "details", status=422, basket=basket, ref=ref)
    if step == "confirm":
        return _page(request, "confirm", basket=basket, ref=ref, form_token=uuid4())
    form_token = basket.more.cleaned_data["form_token"]
    if step != "send" or form_token is None:
        basket.errors.append(_("The form was incomplete. Please check the items again."))
        return _items(request, ref, basket, status=422)
    return _send(request, ref, basket, order)


def _items(request: HttpRequest, ref: str, basket: Basket, status: int = 200) -> HttpResponse:
    cases = ReturnCase.objects.filter(order=basket.order).order_by("-pk")
    told = [(case, sentences.customer_status(case.status), sentences.tone(case.status)) for case in cases]
    return _page(request, "items", status=status, basket=basket, ref=ref, cases=told)


def _send(request: HttpRequest, ref: str, basket: Basket, order: Order) -> HttpResponse:
    try:
        case = requesting.request_return(
            order,
            wanted=basket.wanted(),
            comment=basket.more.cleaned_data["comment"],
            language=_language(),
            form_token=basket.more.cleaned_data["form_token"],
            now=basket.now,
        )
    except (requesting.TooMany, requesting.BadRequest):
        # Another tab was faster: the form again, with what is left now.
        fresh = Basket.of(order, request.POST, now=basket.now)
        fresh.items_are_valid()
        fresh.errors.append(_("The number of units that can be returned has changed. Please check it again."))
        return _items(request, ref, fresh, status=422)
    messages.success(request, _("We have received your return request."))
    return redirect("returns:case", case.number)


@never_cache
@require_safe
def case(request: HttpRequest, number: str) -> HttpResponse:
    """How a request stands."""
    now = clock.now()
    found = proven.case_of(request, number, now=now)
    if found is None:
        return _unproven(request)
    return _page(
        request,
        "case",
        case=found,
        status_label=sentences.customer_status(found.status),
        tone=sentences.tone(found.status),
        events=sentences.told_to_customer(found),
        lines=found.lines.select_related("order_line", "reason"),
        may_withdraw=allowed(found, "withdraw"),
        shown=policies.as_shown(found.policy_shown),
        ref=proven.ref_of(request, found.order_id, now=now),
    )


@never_cache
@require_http_methods(FORM_METHODS)
def withdraw(request: HttpRequest, number: str) -> HttpResponse:
    """Take the request back: a page that asks, a button that does."""
    now = clock.now()
    found = proven.case_of(request, number, now=now)
    if found is None:
        return _unproven(request)
    if request.method != "POST":
        if not allowed(found, "withdraw"):
            return _too_late(request, found)
        return _page(request, "withdraw", case=found, lines=found.lines.select_related("order_line"))
    try:
        requesting.withdraw(found, now=now)
    except IllegalTransition as refusal:
        return _too_late(request, refusal.case)
    messages.success(request, _("Your return request is withdrawn."))
    return redirect("returns:case", found.number)


def _too_late(request: HttpRequest, case: ReturnCase) -> HttpResponse:
    return _page(request, "too_late", 409, case=case, status_label=sentences.customer_status(case.status))
