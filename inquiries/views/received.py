"""What is shown of received mail beside its text: the HTML in its frame, and pictures."""

import base64
import io
import re
from typing import IO

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from inquiries import attachments, masking, reading, thumbnails
from inquiries.attachments import INLINE_TYPES
from inquiries.models import Attachment, Inquiry, Message
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.html import with_remote_pictures

# The frame is an origin of its own: nothing in it runs, posts, opens or reads anything of ours. Its pictures come with
# the page, since a request of such an origin carries no session.
_POLICY = (
    "sandbox; default-src 'none'; img-src data:{remote}; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "form-action 'none'; base-uri 'none'"
)
_PAGE = (
    '<!doctype html><html><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
    "<title>&#8203;</title>"
    "<style>body{{margin:16px;font:14px/1.7 'Hiragino Sans','Noto Sans JP',sans-serif;overflow-wrap:anywhere;"
    "color:#1b1f24;background:#fff}}img{{max-width:100%;height:auto}}</style></head><body>{body}</body></html>"
)
_CID = re.compile(r'src="cid:([^"]{1,300})"')
# Together; what is more stays a download.
_MOST_INLINE = 12 * 1024 * 1024


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_VIEW_ALL)
@require_safe
def html(request: StaffRequest, pk: int) -> HttpResponse:
    """The HTML of a received mail for the sandboxed frame; ``?images=1`` lets remote pictures in, which tells their
    server that the mail is being read."""
    visible = Inquiry.objects.visible_to(request.user)
    message = get_object_or_404(Message.objects.filter(inquiry__in=visible).exclude(html=""), pk=pk)
    remote = request.GET.get("images") == "1"
    body = _with_own_pictures(message)
    response = HttpResponse(
        _PAGE.format(body=with_remote_pictures(body) if remote else body), content_type="text/html; charset=utf-8"
    )
    response["Content-Security-Policy"] = _POLICY.format(remote=" https: http:" if remote else "")
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "private, no-store"
    return response


def _with_own_pictures(message: Message) -> str:
    """The HTML with the pictures that came with the mail written into it."""
    pictures = {
        row.content_id: row for row in message.attachments.exclude(content_id="").filter(media_type__in=INLINE_TYPES)
    }
    room = _MOST_INLINE

    def place(match: re.Match[str]) -> str:
        nonlocal room
        row = pictures.get(match[1].replace("&amp;", "&"))
        if row is None or row.size > room:
            return 'src="data:,"'
        room -= row.size
        try:
            with default_storage.open(row.storage_key) as content:
                data = base64.b64encode(content.read()).decode("ascii")
        except FileNotFoundError:
            return 'src="data:,"'
        return f'src="data:{row.media_type};base64,{data}"'

    return _CID.sub(place, message.html)


@staff_view(P.INQUIRIES_VIEW)
@require_safe
def picture(request: StaffRequest, pk: int) -> HttpResponseBase:
    """A picture to look at: only the four kinds that our own reading of the bytes made sure of."""
    visible = Inquiry.objects.visible_to(request.user)
    rows = Attachment.objects.filter(message__inquiry__in=visible, media_type__in=INLINE_TYPES)
    row = get_object_or_404(rows.select_related("message__inquiry"), pk=pk)
    response = file_response(row, request.user)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, max-age=3600"
    return response


def file_response(row: Attachment, user: User, *, as_download: bool = False) -> FileResponse:
    """A stored file under its name, which is written down for who sees assigned work only; to them a customer's
    picture goes without what else stands in its file. Raises Http404."""
    name, content_type = masking.file_name(row, user), row.media_type
    try:
        if masking.shows_place(row, user):
            picture, content_type = thumbnails.redrawn(row)
            content: IO[bytes] = io.BytesIO(picture)
            name = attachments.clean_name(name, content_type)
        else:
            content = default_storage.open(row.storage_key)
    except (thumbnails.NoThumbnail, FileNotFoundError) as error:
        raise Http404 from error
    reading.note(row.message.inquiry, what="file", by=user, now=clock.now())
    return FileResponse(content, as_attachment=as_download, filename=name, content_type=content_type)


@staff_view(P.INQUIRIES_VIEW)
@require_safe
def thumbnail(request: StaffRequest, pk: int) -> HttpResponse:
    """The small picture of an attached picture; 404 for everything else."""
    visible = Inquiry.objects.visible_to(request.user)
    row = get_object_or_404(Attachment.objects.filter(message__inquiry__in=visible, media_type__in=INLINE_TYPES), pk=pk)
    try:
        content = thumbnails.of(row)
    except (thumbnails.NoThumbnail, FileNotFoundError) as error:
        raise Http404 from error
    response = HttpResponse(content, content_type=thumbnails.MEDIA_TYPE)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, max-age=86400"
    return response
