"""The desk is closed to who sees assigned work only and is outside of their working hours.

One door for everything under ``/admin/``, also for what will be added there: pages, parts, polls, files. One's own
account (``/account/``: sign-out, language, password, second factor) stays open.
"""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import resolve
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from shopdesk import clock
from shopdesk.accounts import hours
from shopdesk.accounts.models import User
from shopdesk.shop.working import Roster, Standing, is_bound

# What is still taken for GRACE after the end, so that nothing written is lost: drafts, replies, also to be read by a
# second person, and taking back what was sent by mistake.
FINISHING = frozenset(f"desk-inquiries:{name}" for name in ("draft", "reply", "ask", "take-back"))
# What a conversation fetches by itself. While somebody finishes it stays away without a word: nobody asked for it.
_BY_ITSELF = frozenset(f"desk-inquiries:{name}" for name in ("poll", "panels", "faq-panel", "pull-bar"))


class OffHoursMiddleware:
    """Answers 403 with a page that says from when on it goes on. Asks the database for nothing but the closing days,
    of who keeps to them. Stands behind the middleware that knows who is signed in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith("/admin/") or not isinstance(user := request.user, User) or not is_bound(user):
            return self.get_response(request)
        roster = Roster(clock.now())
        standing = roster.standing(user)
        if standing is Standing.WORKING:
            return self.get_response(request)
        if standing is Standing.ENDING:
            name = _name_of(request)
            if request.method == "POST" and name in FINISHING:
                return _without_the_way_back(request, self.get_response(request), name)
            if request.method == "GET" and request.headers.get("HX-Request") and name in _BY_ITSELF:
                return HttpResponse(status=204)
        return _closed(request, user, roster)


def _name_of(request: HttpRequest) -> str:
    try:
        return resolve(request.path_info).view_name
    except Http404:
        return ""


def _without_the_way_back(request: HttpRequest, response: HttpResponseBase, name: str) -> HttpResponseBase:
    """After a deed a view leads to the conversation, which is closed by now: to the page that says so, with what was
    said of the deed."""
    if response.status_code != 302:
        return response
    # Where a reply can be undone for some seconds, its conversation would say that it is on its way.
    if name == "desk-inquiries:reply" and not getattr(messages.get_messages(request), "added_new", False):
        messages.success(request, _("Your reply is on its way."))
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect("/admin/")
    return redirect("admin:index")


def _closed(request: HttpRequest, user: User, roster: Roster) -> HttpResponse:
    is_part = request.headers.get("HX-Request") or request.method == "HEAD"
    if is_part:  # the page keeps what is written in it, and says that this was refused (static/js/notices.js)
        response = HttpResponse(_("It is outside of your working hours."), content_type="text/plain; charset=utf-8")
    else:
        context = {
            "next_start": roster.next_start(user),
            "hours": hours.told(user),
            "kept": _kept(request),
        }
        response = render(request, "desk/off_hours.html", context)
    response.status_code = 403
    response["Cache-Control"] = "no-store"
    return response


def _kept(request: HttpRequest) -> str:
    """What was written into a form of our own that comes too late, to be copied."""
    if request.method != "POST" or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return ""
    try:
        return (request.POST.get("body") or request.POST.get("comment") or "").strip()
    except Exception:  # noqa: BLE001  # an unreadable body has nothing to keep; this page must not fail
        return ""
