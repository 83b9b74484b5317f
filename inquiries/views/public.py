"""What visitors see: the contact form and its thanks page."""

from datetime import datetime, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_language
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_http_methods, require_safe

from inquiries import attachments, opening
from inquiries.due_times import opens_again, promise
from inquiries.forms import ContactForm, product_named
from inquiries.models import Inquiry
from shopdesk import clock, tokens
from shopdesk.accounts import ratelimit
from shopdesk.shop.models import Product, Store

AN_HOUR = timedelta(hours=1)
PER_HOUR = 5
_THANKS = "inquiries.thanks"
_THANKS_LIVES = timedelta(days=7)
_SUGGESTED_PRODUCTS = 200


# Not "no-store": a visitor who goes back finds the text again, and the same token with it.
@cache_control(private=True, no_cache=True)
@require_http_methods(["GET", "HEAD", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """Ask the shop something."""
    now = clock.now()
    if request.method != "POST":
        return _page(request, ContactForm(initial=_asked_for(request)))
    form = ContactForm(request.POST, request.FILES)
    if form.is_from_a_program:
        return _thanks(None)
    if not form.is_valid():
        return _page(request, form, status=422)
    words = form.cleaned_data
    if words["form_token"] and (known := opening.find_sent(words["form_token"], words["body"])):
        return _thanks(known)
    try:
        store = Store.default()
    except Store.DoesNotExist:  # a new installation; the visitor keeps the text, `manage.py doctor` tells the shop
        return _page(request, form, status=503, no_store=True)
    if not _may_send(request, words["email"], now=now):
        return _page(request, form, status=429, too_many=True)
    try:
        inquiry = opening.open_inquiry(
            store=store,
            name=words["name"],
            email=words["email"],
            phone=words["phone"],
            category=words["category"],
            body=words["body"],
            order_number=words["order_number"],
            product=product_named(words["product"]),
            product_text=words["product"],
            files=words["files"],
            form_token=words["form_token"],
            language=_language(),
            now=now,
        )
    except attachments.Refused as refusal:
        form.add_error("files", refusal.sentence)
        return _page(request, form, status=422)
    return _thanks(inquiry)


@never_cache
@require_safe
def thanks(request: HttpRequest, token: str) -> HttpResponse:
    """The reference number and when to expect an answer; the link works for a week and cannot be guessed."""
    try:
        number = tokens.read(_THANKS, token, max_age=_THANKS_LIVES)
    except tokens.BadToken as error:
        raise Http404 from error
    inquiry = Inquiry.objects.filter(number=number).first() if number else None
    return render(
        request,
        "inquiries/thanks.html",
        {
            "number": number,
            "expected": _expected(inquiry),
            "public_active": "contact",
        },
    )


def _expected(inquiry: Inquiry | None) -> str:
    return promise(inquiry.reply_due_at, _language()) if inquiry else ""


def _language() -> str:
    return "en" if get_language() == "en" else "ja"


def _may_send(request: HttpRequest, address: str, *, now: datetime) -> bool:
    """Count one question of this visitor and this address; at most five an hour of each."""
    by_ip = ratelimit.allow(
        f"inquiries.form:ip:{ratelimit.client_place(request)}", limit=PER_HOUR, window=AN_HOUR, now=now
    )
    by_address = ratelimit.allow(f"inquiries.form:address:{address}", limit=PER_HOUR, window=AN_HOUR, now=now)
    return by_ip and by_address


def _thanks(inquiry: Inquiry | None) -> HttpResponse:
    token = tokens.sign(_THANKS, inquiry.number if inquiry else "")
    response = redirect("inquiries:thanks", token=token)
    response.status_code = 303
    return response


def _asked_for(request: HttpRequest) -> dict[str, str]:
    """What a link to the form may fill in: ``?category=defect&order=1001``."""
    given = {"category": request.GET.get("category", ""), "order_number": request.GET.get("order", "")[:60]}
    return {name: value for name, value in given.items() if value and "\x00" not in value}


def _page(
    request: HttpRequest, form: ContactForm, *, status: int = 200, too_many: bool = False, no_store: bool = False
) -> HttpResponse:
    try:
        suggest_url = reverse("faq:suggest")
    except NoReverseMatch:
        suggest_url = ""
    context = {
        "form": form,
        "too_many": too_many,
        "no_store": no_store,
        "files_lost": bool(form.is_bound and form.files),
        "products": Product.objects.filter(is_active=True).order_by("name")[:_SUGGESTED_PRODUCTS],
        "opens_at": promise(opens_again(clock.now()), _language()),
        "suggest_url": suggest_url,
        "max_bytes": attachments.MAX_BYTES,
        "max_files": attachments.MAX_FILES,
        "public_active": "contact",
    }
    return render(request, "inquiries/contact.html", context, status=status)
