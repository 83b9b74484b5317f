"""Plain tables under our own permission codes instead of Django's four for each model."""

from typing import ClassVar, TypeVar

from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest

from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P

M = TypeVar("M", bound=Model)


class RoleModelAdmin(ModelAdmin[M]):
    """A table page that one permission opens, for reading and writing alike; ``read_only`` shuts the writing."""

    permission: ClassVar[P]
    read_only: ClassVar[bool] = False
    list_per_page = 50
    show_full_result_count = False

    def _allowed(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.has_perm(self.permission)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._allowed(request)

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return self._allowed(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._allowed(request) and not self.read_only

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return self._allowed(request) and not self.read_only

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return self._allowed(request) and not self.read_only
