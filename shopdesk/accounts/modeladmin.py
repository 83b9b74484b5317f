"""Plain tables under our own permission codes instead of Django's four for each model."""

from typing import TYPE_CHECKING, ClassVar, TypeVar

from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest

from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:
    _Table = ModelAdmin
else:

    class _Table(ModelAdmin):
        """Django's class takes no type parameter at run time; ours does."""

        def __class_getitem__(cls, _model):
            return cls


class RoleModelAdmin(_Table[M]):
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
