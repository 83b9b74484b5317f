"""The customer's side: one-click unsubscribing (RFC 8058) and the preference centre.

The signed token is the whole authority: no cookie, no session, no CSRF token. A GET changes nothing, because mail
scanners open every link; a POST answers 200 itself, because mailbox providers do not follow redirects.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from followups import subscribing
from shopdesk import clock, tokens
from shopdesk.mail.models import Suppression

Scope = Suppression.Scope


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """The link of one letter. Providers post ``List-Unsubscribe=One-Click``, people post ``scope``.

    ``scope`` is this (the kind of letter that the link stood in), advertising, all, or undo. Anything else counts as
    this: whoever posts here wants less mail.
    """
    try:
        link = subscribing.read_unsubscribe(token)
    except tokens.BadToken as error:
        raise Http404 from error
    context = {
        "link": link,
        "token": token,
        "kind": link.scope.value,
        "preferences": reverse("followups:preferences", args=[tokens.sign("preferences", {"address": link.address})]),
    }
    if request.method != "POST":
        return render(request, "followups/unsubscribe.html", context)
    now = clock.now()
    one_click = request.POST.get("List-Unsubscribe") == "One-Click"
    wanted = "this" if one_click else request.POST.get("scope", "this")
    evidence = f"{'one-click' if one_click else 'link'}: planned {link.planned}"
    if wanted == "undo":
        undone = [_scope(name, link) for name in request.POST.getlist("undo") if name in {"this", "advertising", "all"}]
        for scope in undone:
            subscribing.resume(link.address, scope=scope, evidence=f"undo: planned {link.planned}", now=now)
        return render(request, "followups/unsubscribe.html", context | {"resumed": True})
    scope = _scope(wanted, link)
    subscribing.stop(link.address, scope=scope, evidence=evidence, now=now)
    if one_click:
        return HttpResponse("unsubscribed\n", content_type="text/plain; charset=utf-8")
    return render(request, "followups/unsubscribe.html", context | {"stopped": scope.value, "wanted": wanted})


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """What an address receives: two boxes. Neither is ticked beforehand for one who did not choose it."""
    try:
        address = subscribing.read_preferences(token)
    except tokens.BadToken as error:
        raise Http404 from error
    wording = _("Offers, coupons and newsletters (advertising)")
    saved = request.method == "POST"
    if saved:
        subscribing.choose(
            address,
            service="service" in request.POST,
            advertising="advertising" in request.POST,
            wording=wording,
            evidence="preference centre",
            now=clock.now(),
        )
    context = {"address": address, "choice": subscribing.choice_of(address), "wording": wording, "saved": saved}
    return render(request, "followups/preferences.html", context)


def _scope(wanted: str, link: subscribing.Link) -> Suppression.Scope:
    return {"advertising": Scope.ADVERTISING, "all": Scope.ALL}.get(wanted, link.scope)
