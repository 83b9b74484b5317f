"""The frame of the staff's world: one sign-in, one navigation, one dress."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from shopdesk.accounts.modeladmin import RoleModelAdmin
from shopdesk.accounts.models import User

_NAMED = {"accounts_user": "staff", "accounts_auditentry": "audit"}


class ShopdeskAdminSite(AdminSite):
    """Plain tables live here as ModelAdmin pages; the rooms where staff spend the day are views of their own."""

    site_title = site_header = "shopdesk"
    enable_nav_sidebar = False

    def register(self, model_or_iterable: Any, admin_class: type[Any] | None = None, **options: Any) -> None:
        """Only tables under our own permissions. Those that packages bring (groups, sign-in secrets) have no page."""
        if admin_class is not None and issubclass(admin_class, RoleModelAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Every table is one of the settings, but for those that the navigation names."""
        match = request.resolver_match
        table = str(match.url_name or "").rpartition("_")[0] if match else ""
        return super().each_context(request) | {"nav_active": _NAMED.get(table, "settings")}

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.is_active

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]  # a page of ours
        from shopdesk.desk.views import home  # the views need the URL configuration, which needs this site

        return home(request)  # type: ignore[return-value]  # a guarded view of ours

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one sign-in, allauth's, with two-factor and rate limits."""
        target = request.GET.get("next", "") or reverse("admin:index")
        return redirect(f"{reverse('account_login')}?{urlencode({'next': target})}")

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]  # a redirect is no TemplateResponse
        """Signing out is allauth's page too: it asks, and its button does."""
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]  # a redirect is no TemplateResponse
        """The password is changed where it was given."""
        return redirect("account_change_password")

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]  # a redirect is no TemplateResponse
        """Nothing leads here any more; old bookmarks find the way."""
        return redirect("account_change_password")
