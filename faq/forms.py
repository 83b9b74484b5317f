"""What staff fill in for an article."""

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from faq.models import LANGUAGES, Article, Category
from shopdesk.fields import field_of

LONGEST_BODY = 20_000


class ArticleForm(forms.ModelForm[Article]):
    """An article's fields, and when the writer opened it (``seen``), so that nobody overwrites a colleague."""

    seen = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Article
        formfield_callback = field_of
        fields = ("title", "category", "language", "original", "body", "customer_words")
        widgets: ClassVar = {
            "title": forms.TextInput(attrs={"autocomplete": "off"}),
            "body": forms.Textarea(attrs={"rows": 14, "maxlength": LONGEST_BODY}),
            "customer_words": forms.Textarea(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        original = self.fields["original"]
        assert isinstance(original, forms.ModelChoiceField)  # noqa: S101  # for the type checker
        original.queryset = Article.objects.filter(language="ja").exclude(pk=self.instance.pk).order_by("title")
        original.empty_label = _("none")
        original.help_text = _("For an English article: the Japanese article that says the same.")

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"]
        if len(body) > LONGEST_BODY:
            raise forms.ValidationError(_("Too long. Split it into several articles."))
        return body

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("language") == "ja":
            data["original"] = None
        return data


class FilterForm(forms.Form):
    """What the staff's list is narrowed to."""

    q = forms.CharField(label=_("Search"), required=False, max_length=100)
    status = forms.ChoiceField(label=_("Status"), required=False)
    category = forms.ModelChoiceField(label=_("Category"), required=False, queryset=Category.objects.all())
    language = forms.ChoiceField(label=_("Language"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (("status", Article.Status.choices), ("language", LANGUAGES)):
            choice = self.fields[name]
            assert isinstance(choice, forms.ChoiceField)  # noqa: S101  # for the type checker
            choice.choices = [("", _("all")), *choices]
        shelf = self.fields["category"]
        assert isinstance(shelf, forms.ModelChoiceField)  # noqa: S101  # for the type checker
        shelf.empty_label = _("all")
