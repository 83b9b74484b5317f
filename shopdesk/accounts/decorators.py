"""The guard of every staff view."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P

A = ParamSpec("A")


class StaffRequest(HttpRequest):
    """A request whose user is known to be a member of staff."""

    user: User


def _sign_in(request: HttpRequest) -> HttpResponseRedirect:
    """To the sign-in page and then to the page that was wanted. After a post that is the page which it came from: the
    address of a post may have none, and what was posted is not done."""
    if request.method in ("GET", "HEAD"):
        return redirect_to_login(request.get_full_path())
    messages.warning(request, _("Your sign-in had ended, so nothing was done. Please sign in and try again."))
    came = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(came, {request.get_host()}, require_https=request.is_secure()):
        return redirect_to_login(reverse("admin:index"))
    return redirect_to_login(urlsplit(came)._replace(scheme="", netloc="", fragment="").geturl())


def staff_view(
    *needs: P,
) -> Callable[
    [Callable[Concatenate[StaffRequest, A], HttpResponseBase]], Callable[Concatenate[HttpRequest, A], HttpResponseBase]
]:
    """Let in staff who hold every permission of ``needs``.

    A visitor is sent to the sign-in page; staff without the permission get 403. The wrapped view carries its needs as
    ``staff_needs``, so that a test can hold the URL configuration against the written matrix.
    """

    def decorate(
        view: Callable[Concatenate[StaffRequest, A], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, A], HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: A.args, **kwargs: A.kwargs) -> HttpResponseBase:
            if not isinstance(request.user, User):
                return _sign_in(request)
            if not request.user.has_perms([*needs]):
                raise PermissionDenied
            return view(request, *args, **kwargs)  # type: ignore[arg-type]  # narrowed two lines above

        guarded.staff_needs = needs  # type: ignore[attr-defined]  # read by the tests
        return guarded  # type: ignore[return-value]  # wraps() says the same type in other words

    return decorate
