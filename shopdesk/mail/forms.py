"""Forms of the staff screens, and what those of mailboxes and routes share."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from shopdesk.addresses import MAX_LENGTH, normalise, validate_address
from shopdesk.mail.models import MailClass, Suppression

# A name (also one of a house's own network), or an address of numbers.
_SERVER = re.compile(r"\w(?:[\w.-]*\w)?|[0-9a-f]*:[0-9a-f.]*:[0-9a-f:.]*")


def server_name(value: object) -> str:
    """The name of a mail server as it was typed or pasted, in the form in which it is asked for; "" stays.

    Raises ValidationError for anything that is no name: an address of a page, a port behind it, blanks.
    """
    name = unicodedata.normalize("NFKC", str(value)).strip().strip("[]").lower()
    if name and _SERVER.fullmatch(name) is None:
        raise forms.ValidationError(_("Please enter the name of the server alone, such as mail.shop.example."))
    return name


class FilterForm(forms.Form):
    """What the list shows besides its tab."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=254,
        widget=forms.TextInput(attrs={"placeholder": _("Mail address or subject"), "type": "search"}),
    )
    mail_class = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("All kinds")), *MailClass.choices])


class SuppressionForm(forms.Form):
    """Stop mail to an address."""

    address = forms.CharField(label=_("Mail address"), max_length=MAX_LENGTH)
    scope = forms.ChoiceField(label=_("What to stop"), choices=Suppression.Scope.choices)
    evidence = forms.CharField(
        label=_("Reason"), max_length=300, help_text=_("For example: asked for it by phone on the 3rd.")
    )

    def clean_address(self) -> str:
        address = normalise(str(self.cleaned_data["address"]))
        validate_address(address)
        return address


class ReleaseForm(forms.Form):
    """Allow mail again; the reason is kept in the audit log."""

    note = forms.CharField(label=_("Reason"), max_length=300)


def ask_for_secrets(form: forms.BaseForm, names: Sequence[str], *, stored: bool, moved: bool) -> None:
    """Let a form ask for the secrets that were left empty, unless those that are stored serve: none was entered, and
    what they are sent to is where it was (not ``moved``). Several go together or not at all."""
    data: dict[str, Any] = form.cleaned_data
    given = [name for name in names if data.get(name)]
    if len(given) == len(names) or (stored and not given and not moved):
        return
    words = (
        _("Enter it again, because the server, the encryption or the user name was changed.")
        if moved
        else _("Please enter this.")
    )
    for name in names:
        if name not in given and name not in form.errors:
            form.add_error(name, words)
