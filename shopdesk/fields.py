"""Form fields for single lines: what a browser cannot type into them, a program can send. And how forms are saved."""

from collections.abc import Iterable
from typing import Any, TypeVar

from django import forms
from django.db import models

from shopdesk.text import one_line

M = TypeVar("M", bound=models.Model)


class LineField(forms.CharField):
    """One line of text: line breaks that a program sent become spaces. NUL is refused by Django's own validator."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        return text if "\x00" in text else one_line(text)


def field_of(column: models.Field[Any, Any], **options: Any) -> forms.Field | None:
    """The form field of a model's column, where plain text columns are single lines; for ``Meta.formfield_callback``.

    Names and subjects of staff reach mail headers.
    """
    if type(column) is models.CharField and not column.choices:
        options.setdefault("form_class", LineField)
    return column.formfield(**options)


def save_form(form: "forms.ModelForm[M]", *besides: str) -> M:
    """Save the row of a valid form, for a known one only the columns of the form and those of ``besides``.

    Between reading a row and writing it a colleague may switch it off, or a sweep stop it: a row that is written whole
    would switch it on again.
    """
    row = form.save(commit=False)
    save_columns(row, [name for name in form.cleaned_data if name in _columns(row)], *besides)
    form.save_m2m()
    return row


def save_columns(row: models.Model, names: Iterable[str], *besides: str) -> None:
    """Write a new row whole, and of a known one only these columns."""
    row.save(update_fields=None if row._state.adding else [*names, *besides])


def _columns(row: models.Model) -> set[str]:
    return {column.name for column in row._meta.concrete_fields}
