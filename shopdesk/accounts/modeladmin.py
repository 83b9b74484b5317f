"""Plain tables under our own permission codes instead of Django's four for each model."""

from typing import Any, ClassVar, TypeVar

from django.contrib.admin import ModelAdmin
from django.db.models import CharField, Field, Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.fields import LineField

M = TypeVar("M", bound=Model)


class RoleModelAdmin(ModelAdmin[M]):
    """A table page that one permission opens, for reading and writing alike; ``read_only`` shuts the writing."""

    permission: ClassVar[P]
    read_only: ClassVar[bool] = False
    list_per_page = 50
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if any(_is_nonsense(name, value) for name, values in request.GET.lists() for value in values):
            return redirect(request.path)
        return super().changelist_view(request, extra_context)

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        # A name with a line break in it would reach mail headers.
        if type(db_field) is CharField and not db_field.choices:
            kwargs.setdefault("form_class", LineField)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

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


def _is_nonsense(name: str, value: str) -> bool:
    """Parameters of a list's address on which Django itself would fail: NUL, and days outside the calendar."""
    if name.endswith(("__year", "__month", "__day")):
        return not (value.isascii() and value.isdigit() and 0 < len(value) <= len("9999") and int(value) > 0)
    return "\x00" in value
