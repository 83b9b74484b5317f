"""Taking a list away as a file: what it will hold, why, and by whom."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from inquiries import exporting
from inquiries.forms import ExportForm, ViewForm
from inquiries.listing import Wanted
from inquiries.listpage import ListPage
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P

# What was typed by somebody who has to say again who they are.
_KEPT = "inquiries.export"


@staff_view(P.INQUIRIES_VIEW_ALL, P.INQUIRIES_EXPORT)
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: StaffRequest) -> HttpResponseBase:
    """Write the list of the address (``?view=&q=…``, as of the list itself) to a CSV file.

    Who signed in a while ago says again who they are, before the page and, where they took long, before the file.
    """
    page = ListPage(request.user, request.GET, clock.now())
    if request.method != "POST":
        _signed_in_lately(request)
        return _page(request, page, ExportForm(initial=request.session.pop(_KEPT, None)))
    form = ExportForm(request.POST)
    if Wanted.read(request.GET).view != page.wanted.view:
        form.add_error(None, _("This view is not there any more. Please look again at what would be written."))
    if not form.is_valid():
        return _page(request, page, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        _signed_in_lately(request)
    except ReauthenticationRequired:
        # allauth would keep this request and answer it with the file, below a form that asks who they are for ever.
        request.session[_KEPT] = form.cleaned_data
        return redirect(_address(page))
    found = exporting.chosen(page)
    if not found.keys:
        return _page(request, page, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    personal = form.cleaned_data["personal"] == ExportForm.WITH
    reason = form.cleaned_data["reason"]
    exporting.record(page, found, personal=personal, reason=reason, by=request.user, now=page.now)
    return _file(request, found, personal=personal, page=page)


@reauthentication_required  # type: ignore[untyped-decorator]  # allauth ships no types
def _signed_in_lately(request: HttpRequest) -> None:
    """Raises ReauthenticationRequired, which leads to the page that asks for the password or the passkey, and back."""


def _page(request: StaffRequest, page: ListPage, form: ExportForm, *, status: int = HTTPStatus.OK) -> HttpResponse:
    count, is_cut = exporting.count(page)
    name, *narrowed = exporting.words(exporting.asked(page))
    context: dict[str, Any] = {
        "form": form,
        "with_personal": form["personal"].value() == ExportForm.WITH,
        "count": count,
        "is_cut": is_cut,
        "name": name,
        "narrowed": narrowed,
        "order": dict(ViewForm.ORDERS)["newest" if page.wanted.q else page.order],
        "columns": exporting.columns(personal=False),
        "zone": settings.TIME_ZONE,
        "query": page.query_of(),
        "nav_active": "inquiries",
        "may_read_log": request.user.has_perm(P.AUDIT_VIEW),
    }
    return render(request, "inquiries/export.html", context, status=status)


def _address(page: ListPage) -> str:
    return f"{reverse('desk-inquiries:export')}?{page.query_of()}"


def _file(request: StaffRequest, found: exporting.Chosen, *, personal: bool, page: ListPage) -> StreamingHttpResponse:
    rows = exporting.table(found.keys, user=request.user, personal=personal)
    response = StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8")
    moment = f"{localtime(page.now, ZoneInfo(settings.TIME_ZONE)):%Y-%m-%d_%H%M}"
    # RFC 6266: the plain name for old programs, the real one in UTF-8.
    name = quote(f"{_('inquiries')}_{moment}.csv", safe="")
    response["Content-Disposition"] = f"attachment; filename=\"inquiries_{moment}.csv\"; filename*=UTF-8''{name}"
    response["Cache-Control"] = "no-store"
    return response
