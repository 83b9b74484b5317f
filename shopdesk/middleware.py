"""Requests while a part is away: an honest page, and nothing that was typed is lost."""

import logging
import sys
from collections.abc import Callable
from http import HTTPStatus

import kombu.exceptions
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.defaults import server_error as plain_server_error

logger = logging.getLogger(__name__)

# The database or the broker does not answer. (Deadlocks and timeouts arrive as OperationalError too: try again.)
AWAY = (OperationalError, InterfaceError, kombu.exceptions.OperationalError)
RETRY_AFTER_SECONDS = 30
# Answered for programs, not for people.
PROGRAM_PATHS = ("/api/", "/hooks/")
# Never shown again: secrets of a person. The sign-in pages are left out whole.
SECRET_WORDS = ("password", "csrf", "otp", "secret")
SECRET_PATHS = ("/account/",)
LABELLED_LENGTH = 30


class OutageMiddleware:
    """Answers 503 with the visitor's own words while the database is away.

    Failures of a view come by :meth:`process_exception`; failures of the middleware further in (sessions, the
    signed-in person) have become the 500 page by then, so that :func:`server_error` is the project's handler500.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, AWAY):
            # By its pattern: the address itself may be a key.
            place = f"/{match.route}" if (match := request.resolver_match) else "?"
            logger.error("A part is away: %s %s", request.method, place, exc_info=exception)
            return outage(request)
        return None


def parts_apart(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Around every page, so that browsers keep a page and its part of the same address apart: else who comes back to a
    page of which htmx has fetched a part is shown that part alone, without style and script."""

    def keep_apart(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        patch_vary_headers(response, ["HX-Request"])
        return response

    return keep_apart


def server_error(request: HttpRequest) -> HttpResponseBase:
    """The project's handler500: 503 where a part is away, Django's own page otherwise."""
    if isinstance(sys.exc_info()[1], AWAY):
        return outage(request)
    return plain_server_error(request)


def outage(request: HttpRequest) -> HttpResponse:
    """503 with ``Retry-After``: JSON for programs, for people a page that carries what they had typed.

    The fields are posted again to the same address, with the same once-only token that the first form had, so that a
    request that did get through is not made twice. Files cannot be carried; the page says so.
    """
    language = getattr(request, "LANGUAGE_CODE", settings.LANGUAGE_CODE)
    with translation.override(language):
        if request.path.startswith(PROGRAM_PATHS) or request.headers.get("Accept") == "application/json":
            message = _("The service is briefly unavailable. Please try again.")
            response: HttpResponse = JsonResponse({"error": "unavailable", "message": message})
        else:
            fields, lost_files = _posted(request)
            context = {
                "fields": fields,
                "lost_files": lost_files,
                # Only a form with a once-only token, or with the version that was read, may promise that it arrives
                # once.
                "once": any("token" in str(field["name"]) or field["name"] == "version" for field in fields),
                "staff": request.path.startswith("/admin/"),
                "action": request.get_full_path(),
                "token": get_token(request) if fields else "",
                "site_name": "shopdesk",
            }
            response = HttpResponse(render_to_string("503.html", context))
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response["Cache-Control"] = "no-store"
    return response


def _posted(request: HttpRequest) -> tuple[list[dict[str, str | bool]], bool]:
    """What was typed, ``[{"name", "value", "shown"}]`` (long texts shown, the rest hidden), and whether files went."""
    if request.method != "POST" or request.path.startswith(SECRET_PATHS):
        return [], False
    try:
        posted, files = request.POST, request.FILES
    except Exception:  # noqa: BLE001  # an unreadable body has nothing to keep; this page must not fail
        return [], False
    fields: list[dict[str, str | bool]] = []
    for name, values in posted.lists():
        if any(word in name.lower() for word in SECRET_WORDS):
            continue
        for value in values:
            text = str(value).replace("\x00", "")
            fields.append({"name": name, "value": text, "shown": "\n" in text or len(text) > LABELLED_LENGTH})
    return fields, bool(files)
