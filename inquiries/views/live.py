"""What the browsers of staff ask every few seconds."""

from typing import Any

from django.http import HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.views.decorators.http import require_safe

from inquiries import live
from inquiries.listpage import ListPage
from inquiries.models import Inquiry, Presence
from inquiries.views.frame import rights
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P


@staff_view(P.INQUIRIES_VIEW)
@require_safe
def poll(request: StaffRequest) -> HttpResponse:
    """Whether anything has changed, and that this person is here.

    ``?inquiry=&doing=viewing|replying&version=`` name the open inquiry and the version that the page shows; the rest is
    the address of the list (``view=…``). 304 when the stamp of ``If-None-Match`` still holds: one query besides who
    asks. Else the counters, the rows and who is here, as HTML. ``part=conversation`` asks for the last alone.
    """
    now, user = clock.now(), request.user
    pk = _number(request.GET.get("inquiry", ""))
    doing = request.GET.get("doing", "")
    stamp = live.beat(user, inquiry=pk, doing=doing if doing in Presence.Doing.values else "viewing", now=now)
    etag = f'"{stamp}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag, "Cache-Control": "private, no-cache"})
    context: dict[str, Any] = {"wanted": None, **rights(user)}
    if pk is not None and (row := Inquiry.objects.visible_to(user).filter(pk=pk).values("version").first()):
        seen = _number(request.GET.get("version", ""))
        context["inquiry_pk"] = pk
        context["here"] = live.present([pk], besides=user, now=now).get(pk, [])
        context["is_outdated"] = seen is not None and seen < row["version"]
    if request.GET.get("part") != "conversation":
        listing = ListPage(user, request.GET, now)
        context |= {"listing": listing, "views": listing.views, "wanted": listing.wanted}
    response = render(request, "inquiries/_poll.html", context)
    response["ETag"], response["Cache-Control"] = etag, "private, no-cache"
    return response


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
