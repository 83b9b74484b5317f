"""The categories as a plain table."""

from django.contrib import admin
from django.http import HttpRequest

from inquiries.models import Category
from shopdesk.accounts.modeladmin import RoleModelAdmin
from shopdesk.accounts.permissions import P


@admin.register(Category)
class CategoryAdmin(RoleModelAdmin[Category]):
    """Names, answer times and what counts as a complaint. Categories are switched off, not deleted."""

    permission = P.INQUIRIES_SETTINGS
    list_display = ("slug", "phase", "name_ja", "name_en", "reply_minutes", "priority", "is_complaint", "is_active")
    list_filter = ("phase", "is_active")

    def has_delete_permission(self, request: HttpRequest, obj: Category | None = None) -> bool:
        return False
