"""Form fields for single lines: what a browser cannot type into them, a program can send."""

from typing import Any

from django import forms
from django.db import models

from shopdesk.text import one_line


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
