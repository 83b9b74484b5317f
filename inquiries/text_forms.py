"""Forms of templates, macros and rules."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inquiries import attachments, texts
from inquiries.forms import FilesField, FilesInput, TextField
from inquiries.models import Macro, Rule, Template
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.fields import field_of

MAX_TEXT = 20_000


def typed(form: type[forms.ModelForm[Any]], post: QueryDict, **options: Any) -> forms.ModelForm[Any]:
    """The form as it was typed so far, with nothing said about what is still missing: for a preview or one more row."""
    boxes = {name for name, field in form.base_fields.items() if isinstance(field, forms.BooleanField)}
    initial: dict[str, Any] = {name: post.get(name, "") for name in form.base_fields}
    shown = form(initial=initial | {name: name in post for name in boxes}, **options)
    if "shared" in shown.fields:
        shown.fields["shared"].initial = "shared" in post
    return shown


class _Shared(forms.ModelForm):  # type: ignore[type-arg]  # a base of two models' forms
    """What belongs to one person or to everybody; who may not write for everybody is not asked."""

    shared = forms.BooleanField(label=gettext_lazy("For everybody"), required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        if user.has_perm(P.INQUIRIES_TEMPLATES):
            self.fields["shared"].initial = self.instance.pk is None or self.instance.owner_id is None
        else:
            del self.fields["shared"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "shared" in self.fields:
            self.instance.owner = None if cleaned.get("shared") else self.instance.owner or self.user
        elif self.instance.pk is None:
            self.instance.owner = self.user
        return cleaned


class TemplateForm(_Shared):
    """A text in both languages, its names checked against those that exist."""

    body_ja = TextField(
        label=gettext_lazy("text (Japanese)"), required=False, max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 14, "lang": "ja", "maxlength": None}),
    )  # fmt: skip
    body_en = TextField(
        label=gettext_lazy("text (English)"), required=False, max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 8, "lang": "en", "maxlength": None}),
        help_text=gettext_lazy("Empty: the Japanese text is used."),
    )  # fmt: skip
    files = FilesField(  # type: ignore[assignment]  # the form keeps it in .fields; .files stays Django's own
        label=gettext_lazy("Files that go with it"), required=False,
        help_text=gettext_lazy("Up to 5 files of 10 MB each: pictures, PDF, text and Office files."),
        widget=FilesInput(attrs={"accept": attachments.ACCEPT}),
    )  # fmt: skip

    class Meta:
        model = Template
        formfield_callback = field_of
        fields: ClassVar = ["name", "folder", "shortcut", "store", "body_ja", "body_en", "needs_approval"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["folder"].widget.attrs |= {"list": "folders", "autocomplete": "off"}
        if not self.user.has_perm(P.INQUIRIES_TEMPLATES):
            del self.fields["needs_approval"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for name in ("body_ja", "body_en"):
            for problem in texts.problems(cleaned.get(name) or ""):
                self.add_error(name, problem)
        if not self.errors and not (cleaned.get("body_ja") or cleaned.get("body_en")):
            self.add_error("body_ja", _("Please write a text."))
        return cleaned


class MacroForm(_Shared):
    class Meta:
        model = Macro
        formfield_callback = field_of
        fields: ClassVar = ["name"]


class RuleForm(forms.ModelForm[Rule]):
    class Meta:
        model = Rule
        formfield_callback = field_of
        fields: ClassVar = ["name", "event", "position", "is_active"]
        labels: ClassVar = {"event": gettext_lazy("Event")}
        help_texts: ClassVar = {"position": gettext_lazy("Rules act in this order.")}
