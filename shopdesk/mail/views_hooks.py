"""Where providers post mail. No cookie, no session: the secret part of the address is the key."""

import logging

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from shopdesk import clock
from shopdesk.mail.receiving import hooks

logger = logging.getLogger(__name__)


@csrf_exempt
def mail(request: HttpRequest, secret: str) -> HttpResponse:
    """200 once the bytes are on disk, and not before. Refusals are not logged with the address, which is a secret."""
    if request.method not in {"POST", "HEAD"}:  # Django's own decorator would log the address
        return _answer(405)
    try:
        mailbox = hooks.mailbox_of(secret)
        if mailbox is None:
            return _answer(404)
        if request.method == "HEAD":  # some providers knock before they take an address
            return _answer(200)
        body = request.read(hooks.MAX_BODY + 1)
        if len(body) > hooks.MAX_BODY:
            logger.warning("A post to mailbox %s was larger than %s bytes.", mailbox.pk, hooks.MAX_BODY)
            return _answer(413)
        hooks.receive(mailbox, request, body, now=clock.now())
    except hooks.Refused:
        logger.warning("A post to mailbox %s was not signed by its provider.", mailbox.pk if mailbox else None)
        return _answer(403)
    except hooks.NotYet:
        return _answer(503)
    except (OperationalError, InterfaceError):
        logger.error("A posted mail could not be stored: the database is away.")  # the trace names the address
        return _answer(503)
    except OSError:  # the provider hung up half-way
        return _answer(400)
    except Exception as error:  # noqa: BLE001  # the usual page of errors would log the address
        logger.error("A posted mail could not be stored: %s", type(error).__name__)
        return _answer(500)
    return _answer(200)


def _answer(status: int) -> HttpResponse:
    response = HttpResponse(status=status)
    response["Cache-Control"] = "no-store"
    if status == 503:
        response["Retry-After"] = "30"
    if status == 405:
        response["Allow"] = "POST, HEAD"
    # Django logs refusals with the path; this path is a secret.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
