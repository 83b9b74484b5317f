"""Plain tables whose changes are on record: who changed which row, and what stood there before."""

import re
from collections.abc import Iterable
from datetime import date, time
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.forms import BaseForm, ModelForm, model_to_dict
from django.forms.models import ModelChoiceField
from django.http import HttpRequest

from shopdesk import clock
from shopdesk.accounts import audit
from shopdesk.accounts.modeladmin import RoleModelAdmin
from shopdesk.accounts.models import User

M = TypeVar("M", bound=Model)

# Of a long text its beginning tells which one it was.
LONGEST = 200
_SECRET = re.compile("password|secret|token|credential", re.IGNORECASE)
_HIDDEN = "***"


def changes(form: BaseForm) -> list[list[Any]]:
    """``[field, before, after]`` of what a valid form of a row changes; fit for JSON, names instead of keys, nothing
    secret. One query for each relation that changed."""
    told = []
    for name in form.changed_data:
        if _SECRET.search(name):
            told.append([name, _HIDDEN, _HIDDEN])
        elif name in form.cleaned_data:
            before, after = _before(form, name), _plain(form.cleaned_data[name])
            if before != after:
                told.append([name, _cut(before), _cut(after)])
    return told


def _before(form: BaseForm, name: str) -> Any:
    value, field = form.initial.get(name), form.fields[name]
    rows = field.queryset if isinstance(field, ModelChoiceField) else None
    if rows is not None and isinstance(value, int):  # a form begins with the key of a row
        value = rows.model._base_manager.filter(pk=value).first()
    return _plain(value)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset | QuerySet):
        return [_plain(one) for one in value]
    # Browsers send other line ends than they were given.
    return "\n".join(str(value).splitlines())


def _cut(value: Any) -> Any:
    return value[:LONGEST] if isinstance(value, str) else value


class RecordedModelAdmin(RoleModelAdmin[M]):
    """A table of settings: what is added, changed and taken away here is in the audit log."""

    def save_model(self, request: HttpRequest, obj: M, form: "ModelForm[M]", change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            self.put_on_record(request, "added", [obj])
        elif told := changes(form):
            self.put_on_record(request, "changed", [obj], told)

    def delete_model(self, request: HttpRequest, obj: M) -> None:
        self.put_on_record(request, "deleted", [obj])
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[M]") -> None:
        self.put_on_record(request, "deleted", queryset)
        super().delete_queryset(request, queryset)

    def put_on_record(
        self, request: HttpRequest, deed: str, rows: Iterable[M], told: list[list[Any]] | None = None
    ) -> None:
        """Write an entry for each row, in the caller's transaction. Of what goes away its values are kept."""
        by, now = User.objects.get(pk=request.user.pk), clock.now()
        for row in rows:
            lost = [[name, _cut(_plain(value)), None] for name, value in _values(row)] if deed == "deleted" else []
            audit.record(
                f"settings.{deed}", actor=by, now=now, table=row._meta.label_lower, row=row.pk,
                name=str(row)[:LONGEST], changes=told or lost,
            )  # fmt: skip


def _values(row: Model) -> list[tuple[str, Any]]:
    values = [(name, value) for name, value in model_to_dict(row).items() if value not in (None, "", [])]
    return [(name, _HIDDEN if _SECRET.search(name) else value) for name, value in values]
