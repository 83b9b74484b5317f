"""What a signed-in member of staff brings to every request."""

import zoneinfo
from collections.abc import Callable

from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth.middleware import get_user
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from shopdesk.accounts.models import User


class StaffMiddleware:
    """Uses the language and the time zone of the member of staff under ``/admin/`` and ``/account/``.

    Who must have a second factor, and has none, is sent to the page where it is set up.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(("/admin/", "/account/")) or not isinstance(user := get_user(request), User):
            return self.get_response(request)
        request.user = user  # instead of one that finds out at each of a hundred questions who it is
        translation.activate(user.language)
        request.LANGUAGE_CODE = user.language
        if request.path.startswith("/admin/") and user.role.require_two_factor and not is_mfa_enabled(user):
            messages.warning(request, _("Your role asks for a second factor. Set one up to go on."))
            return redirect("mfa_activate_totp")
        with timezone.override(zoneinfo.ZoneInfo(user.time_zone)):
            return self.get_response(request)
