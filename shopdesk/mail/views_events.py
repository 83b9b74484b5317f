"""The providers' door for events. No cookie, no session; the secret stands in a header and never in an address."""

import logging

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from shopdesk import clock
from shopdesk.mail import events

logger = logging.getLogger(__name__)


@csrf_exempt
@require_http_methods(["POST", "HEAD"])
def receive(request: HttpRequest, provider: str) -> HttpResponse:
    """200 once the events are on disk. They are applied by a sweep."""
    if request.method == "HEAD":  # some providers knock before they take an address
        return _answer(200 if provider in events.PROVIDERS else 404)
    try:
        request.body  # noqa: B018  # read once, within Django's limit
        events.receive(provider, request, now=clock.now())
    except events.NotSigned:
        return _answer(403)
    except events.NotUnderstood:
        return _answer(400 if provider in events.PROVIDERS else 404)
    except RequestDataTooBig:
        return _answer(413)
    except (OperationalError, InterfaceError):
        logger.error("Events of %s could not be stored: the database is away.", provider)  # no trace
        return _answer(503)
    except OSError:  # the provider hung up half-way
        return _answer(400)
    return _answer(200)


def _answer(status: int) -> HttpResponse:
    response = HttpResponse(status=status)
    response["Cache-Control"] = "no-store"
    if status == 503:
        response["Retry-After"] = "30"
    return response
