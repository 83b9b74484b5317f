"""What a signed-in member of staff brings to every request."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation

from shopdesk.accounts.models import User


class StaffMiddleware:
    """Uses the language and the time zone of the member of staff, under ``/admin/`` and ``/account/`` only."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(("/admin/", "/account/")) or not isinstance(request.user, User):
            return self.get_response(request)
        user = request.user
        translation.activate(user.language)
        request.LANGUAGE_CODE = user.language
        try:
            with timezone.override(zoneinfo.ZoneInfo(user.time_zone)):
                return self.get_response(request)
        finally:
            translation.deactivate()
