"""Forms of the staff's screens."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from followups import timing, writing
from followups.models import Sequence, Step
from shopdesk.fields import field_of
from shopdesk.mail import composing

# A coupon for a good review is a hidden advertisement (景品表示法, since 2023-10-01).
_BOUGHT_REVIEW = re.compile(r"★\s*5|星\s*5|5つ星|高評価で|良い口コミ|高いレビュー")


class StepForm(forms.ModelForm[Step]):
    """A step: when, for whom, and its words in both languages, checked against the names that exist."""

    tags = SimpleArrayField(
        forms.CharField(max_length=40),
        label=gettext_lazy("only for these tags"),
        required=False,
        help_text=gettext_lazy("Separated by commas. Empty: all."),
    )
    move_waiting = forms.BooleanField(
        label=gettext_lazy("Move letters that wait to the new times"),
        required=False,
        help_text=gettext_lazy("Without it they keep the times that were planned."),
    )

    class Meta:
        model = Step
        formfield_callback = field_of
        fields: ClassVar = [
            "name", "delay", "unit", "local_time", "repeat_months", "repeat_times", "max_late_hours",
            "business_days", "coupon_days", "coupon_code",
            "categories", "tags", "subject_ja", "body_ja", "subject_en", "body_en", "is_active",
        ]  # fmt: skip
        widgets: ClassVar = {
            "local_time": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "categories": forms.CheckboxSelectMultiple,
            "body_ja": forms.Textarea(attrs={"rows": 16, "lang": "ja"}),
            "body_en": forms.Textarea(attrs={"rows": 16, "lang": "en"}),
        }
        help_texts: ClassVar = {
            "local_time": gettext_lazy("Empty: as soon as the delay is over."),
            "repeat_months": gettext_lazy("0: once"),
            "coupon_days": gettext_lazy("0: no coupon"),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._check_times(cleaned)
        known = writing.known_names(trigger=self.instance.sequence.trigger, coupon=bool(cleaned.get("coupon_days")))
        for name in ("subject_ja", "body_ja", "subject_en", "body_en"):
            words = cleaned.get(name) or ""
            if "subject" in name and ("\n" in words or "\r" in words):
                self.add_error(name, _("A subject is one line."))
            try:
                composing.check_shop_text(words, known)
            except composing.UnknownVariable as error:
                self.add_error(name, _("These names do not exist here: %(names)s") % {"names": ", ".join(error.names)})
            except composing.BadTemplate as error:
                self.add_error(name, str(error))
            if cleaned.get("coupon_days") and _BOUGHT_REVIEW.search(words):
                self.add_error(
                    name, _("A coupon must not depend on a good review; the law calls that hidden advertising.")
                )
        if cleaned.get("body_en") and not cleaned.get("subject_en"):
            self.add_error("subject_en", _("An English text needs an English subject."))
        return cleaned

    def _check_times(self, cleaned: dict[str, Any]) -> None:
        delay, unit = cleaned.get("delay"), cleaned.get("unit")
        if delay is not None and unit in timing.MAX_DELAY and delay > timing.MAX_DELAY[unit]:
            self.add_error("delay", _("At most %(limit)s.") % {"limit": timing.MAX_DELAY[unit]})
        if (cleaned.get("repeat_months") or 0) > timing.MAX_REPEAT_MONTHS:
            self.add_error("repeat_months", _("At most %(limit)s.") % {"limit": timing.MAX_REPEAT_MONTHS})
        times = cleaned.get("repeat_times")
        if times is not None and not 1 <= times <= timing.MAX_REPEAT_TIMES:
            self.add_error("repeat_times", _("From 1 to %(limit)s.") % {"limit": timing.MAX_REPEAT_TIMES})
        elif times is not None and times > 1 and not cleaned.get("repeat_months"):
            self.add_error("repeat_months", _("Say after how many months it repeats."))


class SequenceForm(forms.ModelForm[Sequence]):
    """The conditions of a whole sequence."""

    class Meta:
        model = Sequence
        formfield_callback = field_of
        fields: ClassVar = [
            "name", "name_en", "delivered_fallback_days", "hold_on_complaint", "stop_on_return", "stop_on_repurchase",
            "first_order_only",
        ]  # fmt: skip

    def clean_delivered_fallback_days(self) -> int:
        days: int = self.cleaned_data["delivered_fallback_days"]
        if days > 60:
            raise ValidationError(_("At most %(limit)s.") % {"limit": 60})
        return days
