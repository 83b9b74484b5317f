"""What customers and staff type."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from returns import policies
from returns.models import Policy, Reason, ReturnCase, ReturnLine
from returns.requesting import MAX_ANSWER, MAX_COMMENT, Wanted
from shopdesk import addresses
from shopdesk.shop.models import Order, OrderLine


class StartForm(forms.Form):
    """Which order, and whose."""

    number = forms.CharField(
        label=_("Order number"),
        max_length=60,
        help_text=_("It is in the mail that confirmed your order."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )
    email = forms.CharField(
        label=_("Mail address"),
        max_length=254,
        help_text=_("The address with which you placed the order."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def clean_email(self) -> str:
        address = addresses.normalise(self.cleaned_data["email"])
        addresses.validate_address(address)
        return address


class CodeForm(forms.Form):
    """The six digits of the letter; spaces, hyphens and full-width digits are forgiven."""

    code = forms.CharField(
        label=_("Code from the mail"),
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "class": "code-input", "size": "8"}
        ),
    )

    def clean_code(self) -> str:
        typed = unicodedata.normalize("NFKC", self.cleaned_data["code"])
        digits = "".join(sign for sign in typed if sign not in " -")
        if not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
            raise forms.ValidationError(_("The code has six digits."), code="invalid")
        return digits


class ItemForm(forms.Form):
    """One order line: how many, why, and the answer to the reason's question."""

    quantity = forms.IntegerField(label=_("Quantity to return"), required=False, min_value=0)
    reason = forms.ChoiceField(label=_("Reason"), required=False)
    answer = forms.CharField(
        label=_("Answer"), required=False, max_length=MAX_ANSWER, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, line: OrderLine, free: int, reasons: Sequence[Reason], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.line = line
        self.free = free
        self.reasons = {reason.code: reason for reason in reasons}
        quantity = forms.IntegerField(
            label=_("Quantity to return"),
            required=False,
            min_value=0,
            max_value=free,
            error_messages={
                "invalid": _("Enter a whole number."),
                "min_value": _("Enter 0 or more."),
                "max_value": _("You can return up to %(limit_value)s of this item."),
            },
        )
        quantity.widget.attrs.update({"class": "quantity", "inputmode": "numeric", "autocomplete": "off"})
        self.fields["quantity"] = quantity
        choice = self.fields["reason"]
        if isinstance(choice, forms.ChoiceField):
            choice.choices = reason_choices(reasons)

    @property
    def one_or_none(self) -> bool:
        """Whether a tick is enough: one unit is left, and nothing else was typed."""
        return self.free == 1 and str(self["quantity"].value() or "0") in {"0", "1"}

    @property
    def is_ticked(self) -> bool:
        return str(self["quantity"].value() or "0") == "1"

    @property
    def chosen_reason(self) -> Reason | None:
        return self.reasons.get(str(self["reason"].value() or ""))


def reason_choices(reasons: Sequence[Reason]) -> list[tuple[str, Any]]:
    """Reasons as a list in two groups: something is wrong with the goods, or the customer's own wish."""
    wrong = [(reason.code, str(reason)) for reason in reasons if reason.is_shops_duty]
    wish = [(reason.code, str(reason)) for reason in reasons if not reason.is_shops_duty]
    groups: list[tuple[str, Any]] = [("", gettext("Choose a reason"))]
    if wrong:
        groups.append((gettext("Something is wrong with the item"), wrong))
    if wish:
        groups.append((gettext("Other reasons"), wish))
    return groups


class MoreForm(forms.Form):
    """What belongs to the whole request."""

    comment = forms.CharField(
        label=_("Anything else we should know"),
        required=False,
        max_length=MAX_COMMENT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    form_token = forms.UUIDField(required=False, widget=forms.HiddenInput)


@dataclass
class Row:
    """One line of the order on the customer's form."""

    form: ItemForm
    line: OrderLine
    free: int
    in_progress: int
    quantity: int = 0
    reason: Reason | None = None
    verdict: policies.Verdict | None = None

    @property
    def answer(self) -> str:
        return str(self.form["answer"].value() or "")


@dataclass
class Basket:
    """The customer's form over three pages: items, details, confirmation. It lives in the posted fields alone, so that
    two tabs do not disturb each other.

    ``errors`` are sentences about the whole.
    """

    order: Order
    rows: list[Row]
    more: MoreForm
    rules: list[Policy]
    now: datetime
    errors: list[str] = field(default_factory=list)
    checked: bool = False

    @classmethod
    def of(cls, order: Order, data: QueryDict | None, *, now: datetime) -> "Basket":
        """The form of an order as it stands now; four queries."""
        reasons = list(Reason.objects.offered())
        rows = []
        lines = order.lines.select_related("product__category").order_by("position")
        for place, line in enumerate(lines):
            free = line.returnable if order.is_live else 0
            form = ItemForm(data, prefix=f"item{place}", line=line, free=free, reasons=reasons)
            rows.append(Row(form, line, free, line.qty_open))
        basket = cls(order, rows, MoreForm(data), policies.in_force(), now)
        if data is not None:
            basket._look_for_tricks(data)
        return basket

    def _look_for_tricks(self, data: QueryDict) -> None:
        known = {name for row in self.rows for name in (row.form.add_prefix(key) for key in row.form.fields)}
        for name in data:
            if name in known and len(data.getlist(name)) > 1:
                self.errors.append(gettext("The same item is in the form twice. Please start again."))
                return
            if name.startswith("item") and name not in known:
                self.errors.append(gettext("The order has changed meanwhile. Please check the items again."))
                return

    @property
    def chosen(self) -> list[Row]:
        return [row for row in self.rows if row.quantity]

    @property
    def has_field_errors(self) -> bool:
        """Whether a field was found wrong by a check that has run; asking checks nothing."""
        return self.checked and any(row.form.errors for row in self.rows)

    @property
    def returnable(self) -> bool:
        return any(row.free for row in self.rows)

    def items_are_valid(self) -> bool:
        """Quantities and reasons; asks the rules about each chosen line."""
        self.checked = True
        for row in self.rows:
            row.form.is_valid()
            # The answers are for the next page.
            row.form.errors.pop("answer", None)
            row.quantity = row.form.cleaned_data.get("quantity") or 0
            if not row.quantity:
                continue
            row.reason = row.form.chosen_reason
            if row.reason is None:
                if "reason" not in row.form.errors:
                    row.form.add_error("reason", gettext("Choose a reason."))
                continue
            row.verdict = policies.judge(self.rules, reason=row.reason, line=row.line, order=self.order, now=self.now)
            # For the mark beside the question; whether it is answered is checked on its own page.
            row.form.fields["answer"].required = row.reason.answer_required
            if not row.verdict.accepted:
                row.form.add_error("reason", _refusal(row.verdict))
        bad = any(row.form.errors for row in self.rows)
        if not self.chosen and not bad and not self.errors:
            self.errors.append(gettext("Choose at least one item."))
        return not bad and not self.errors

    def answers_are_valid(self) -> bool:
        """Answers and comment; after items_are_valid()."""
        for row in self.chosen:
            typed = row.answer
            if len(typed) > MAX_ANSWER:
                row.form.add_error(
                    "answer", gettext("Please shorten it to %(limit)s characters.") % {"limit": MAX_ANSWER}
                )
            elif "\x00" in typed:
                row.form.add_error("answer", gettext("Please remove control characters."))
            elif row.reason is not None and row.reason.answer_required and not typed.strip():
                row.form.add_error("answer", gettext("Please answer this question."))
        return self.more.is_valid() and not any(row.form.errors for row in self.rows)

    def wanted(self) -> list[Wanted]:
        """For the use-case; after both checks."""
        return [
            Wanted(row.line.pk, row.quantity, row.reason.pk, row.answer)
            for row in self.chosen
            if row.reason is not None
        ]


def _refusal(verdict: policies.Verdict) -> str:
    if verdict.never or verdict.last_day is None:
        no = gettext("This cannot be returned for this reason. If something is wrong with it, choose that reason.")
        return " ".join([*(rule.text for rule in verdict.policies), no])
    words = gettext("Returns for this reason were accepted until %(day)s. In a special case, please contact us.")
    return words % {"day": date_format(verdict.last_day, "MONTH_DAY_FORMAT")}


# --- staff ----------------------------------------------------------------------------------------------------------


class ApproveForm(forms.Form):
    """How many units of each line, and words to the customer. Fields ``quantity-<ReturnLine pk>``."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    text = forms.CharField(
        label=_("Words to the customer"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The address, how to send and who pays are in the mail already."),
    )

    def __init__(self, *args: Any, lines: Sequence[ReturnLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines
        for line in lines:
            quantity = forms.IntegerField(
                label=_("Units to approve"),
                min_value=0,
                max_value=line.quantity,
                initial=line.quantity,
                error_messages={
                    "required": _("Enter a whole number."),
                    "invalid": _("Enter a whole number."),
                    "min_value": _("Enter 0 or more."),
                    "max_value": _("The customer asked for %(limit_value)s."),
                },
            )
            quantity.widget.attrs.update({"class": "quantity", "inputmode": "numeric", "autocomplete": "off"})
            self.fields[self.name_of(line)] = quantity

    @staticmethod
    def name_of(line: ReturnLine) -> str:
        return f"quantity-{line.pk}"

    def rows(self) -> list[tuple[ReturnLine, forms.BoundField]]:
        """The lines with their quantity fields."""
        return [(line, self[self.name_of(line)]) for line in self.lines]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and not any(self.quantities().values()):
            raise forms.ValidationError(_("Approve at least one unit, or decline the request."), code="nothing")
        return cleaned

    def quantities(self) -> dict[int, int]:
        """Units by ReturnLine pk; after validation."""
        return {line.pk: self.cleaned_data[self.name_of(line)] for line in self.lines}


class DeclineForm(forms.Form):
    """Why not. Where the law makes the shop answer, somebody must say that it was looked at."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    text = forms.CharField(
        label=_("Reason, as the customer reads it"), max_length=2000, widget=forms.Textarea(attrs={"rows": 4})
    )
    duty_checked = forms.BooleanField(label=_("I have checked the shop's legal duty"), required=False)

    def __init__(self, *args: Any, case: ReturnCase, lines: Sequence[ReturnLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.case = case
        self.duty = any(line.reason.is_shops_duty for line in lines)
        if self.duty:
            self.fields["duty_checked"].required = True
            self.fields["duty_checked"].error_messages["required"] = gettext(
                "Confirm that the legal duty was checked before you decline."
            )
        else:
            del self.fields["duty_checked"]


class StepForm(forms.Form):
    """A button: the version that the person saw."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
