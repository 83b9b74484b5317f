"""Staff screens of the mail routes, and the button that lets held mail go."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.mail import deliverability, guards, routes
from shopdesk.mail.forms_routes import OAuthRouteForm, RouteForm
from shopdesk.mail.models import Mailbox, MailClass, MailRoute
from shopdesk.mail.receiving import problems

# Codes of deliverability.examine -> sentences.
HINTS: dict[str, str | Promise] = {
    "invented": gettext_lazy("This is no real mail domain; its DNS is not looked at."),
    "silent": gettext_lazy("DNS does not answer. Try again later."),
    "no_spf": gettext_lazy("SPF is missing: publish the TXT record that your mail provider names."),
    "many_spf": gettext_lazy("There are several SPF records; receivers then ignore all of them. Merge them into one."),
    "no_dkim": gettext_lazy("No DKIM key was found under the usual names. See that your provider signs your mail."),
    "no_dmarc": gettext_lazy("DMARC is missing; Gmail and docomo ask for it. Start with: v=DMARC1; p=none"),
}


@staff_view(P.SETTINGS_CHANGE)
def index(request: HttpRequest) -> HttpResponse:
    """The ways out, in the order in which they are asked."""
    own = settings.EMAIL_HOST if settings.EMAIL_BACKEND == routes.SMTP_BACKEND else settings.EMAIL_BACKEND
    context = {"nav_active": "mail", "rows": routes.all_routes(), "own": own}
    return render(request, "mail_desk/routes.html", context)


@staff_view(P.SETTINGS_CHANGE)
def add(request: StaffRequest) -> HttpResponseBase:
    """A new route; it serves at once. ``?sign-in=xoauth2``: with an account of Google or Microsoft."""
    by_token = request.GET.get("sign-in") == Mailbox.Auth.XOAUTH2
    return _edit(request, MailRoute(auth=Mailbox.Auth.XOAUTH2 if by_token else Mailbox.Auth.PASSWORD))


@staff_view(P.SETTINGS_CHANGE)
def edit(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Change a route; the stored secret is not shown."""
    return _edit(request, get_object_or_404(MailRoute, pk=pk))


def _edit(request: StaffRequest, route: MailRoute) -> HttpResponseBase:
    by_token = route.auth == Mailbox.Auth.XOAUTH2
    form = (OAuthRouteForm if by_token else RouteForm)(request.POST or None, instance=route)
    if request.method == "POST" and form.is_valid():
        row = form.route()
        routes.save(row, secret=form.entered_secret(), by=request.user, now=clock.now())
        messages.success(request, _("Saved."))
        return redirect("desk-mail:route", row.pk)
    context = {"nav_active": "mail", "form": form, "route": route if route.pk else None, "by_token": by_token}
    return render(request, "mail_desk/route_form.html", context, status=422 if form.is_bound else 200)


@staff_view(P.SETTINGS_CHANGE)
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One route: how it is doing, the last check, the buttons."""
    row = get_object_or_404(MailRoute, pk=pk)
    refusal, by_token = row.check_result.get("connection", ""), row.auth == Mailbox.Auth.XOAUTH2
    domains = [
        (domain, [HINTS.get(code, code) for code in codes])
        for domain, codes in row.check_result.get("domains", {}).items()
    ]
    context = {
        "nav_active": "mail",
        "route": row,
        "domains": domains,
        "refusal": refusal,
        "cause": problems.SENTENCES.get(deliverability.cause(refusal, by_token=by_token), ""),
        "stopped_by": problems.SENTENCES.get(deliverability.cause(row.problem, by_token=by_token), ""),
        "classes": [MailClass(name).label for name in row.mail_classes if name in MailClass.values],
    }
    return render(request, "mail_desk/route.html", context)


@staff_view(P.SETTINGS_CHANGE)
@require_POST
def check(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign in, and look up what receivers look up. Nothing is sent."""
    row = get_object_or_404(MailRoute, pk=pk)
    result = deliverability.examine(row, row.from_addresses or [settings.DEFAULT_FROM_EMAIL])
    MailRoute.objects.filter(pk=row.pk).update(check_result=result, checked_at=clock.now())
    return redirect("desk-mail:route", pk)


@staff_view(P.SETTINGS_CHANGE)
@require_POST
def status(request: StaffRequest, pk: int) -> HttpResponse:
    """Stop a route, or start it again."""
    row = get_object_or_404(MailRoute, pk=pk)
    active = request.POST.get("active") == "1"
    routes.set_active(row, active, by=request.user, now=clock.now())
    messages.success(request, _("The route was started.") if active else _("The route was stopped."))
    return redirect("desk-mail:route", pk)


@staff_view(P.MAIL_SETTLE)
@require_POST
def resume(request: StaffRequest) -> HttpResponse:
    """Let held mail go."""
    try:
        guards.resume(reason=request.POST.get("reason", ""), by=request.user, now=clock.now())
    except guards.NotHeld:
        messages.warning(request, _("Somebody was faster: this is how it stands now."))
    else:
        messages.success(request, _("Mail leaves again."))
    return redirect("desk-mail:list")
