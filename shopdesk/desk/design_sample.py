"""What the design page shows: made-up values that put every component in each of its states.

Only the makers of the pages read it, so its words are Japanese and not translated.
"""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.paginator import Paginator


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(label="お名前", help_text="領収書に印字されます。")
    mail = forms.EmailField(label="メールアドレス")
    kind = forms.ChoiceField(label="種類", choices=[("delivery", "配送について"), ("return", "返品・交換")])
    wish = forms.ChoiceField(
        label="ご希望", choices=[("exchange", "交換"), ("refund", "返金")], widget=forms.RadioSelect
    )
    body = forms.CharField(label="内容", widget=forms.Textarea, required=False)
    photo = forms.FileField(label="写真", required=False)
    agree = forms.BooleanField(label="プライバシーポリシーに同意する")


def sample(now: datetime) -> dict[str, Any]:
    """The template's context: moments around ``now``, a form with errors, the second of three pages."""
    form = SampleForm({"mail": "hanako@example", "body": "届いた商品の色が違います。"})
    form.is_valid()
    return {
        "now": now,
        "yesterday": now - timedelta(days=1),
        "older": now - timedelta(days=12),
        "soon": now + timedelta(hours=5, minutes=1),
        "refund": -1200,
        "form": form,
        "page": Paginator(range(120), 50).page(2),
    }
