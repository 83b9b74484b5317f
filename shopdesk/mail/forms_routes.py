"""The form of a mail route."""

from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from shopdesk.addresses import normalise, validate_address
from shopdesk.mail.models import Mailbox, MailClass, MailRoute
from shopdesk.mail.routes import PROVIDERS
from shopdesk.text import one_line

# Whoever points a stored secret to another server could read it there.
BINDING = ("kind", "host", "port", "security", "username", "backend")


class RouteForm(forms.ModelForm[MailRoute]):
    """Secrets are entered here and never shown: an empty field keeps what is stored."""

    secret = forms.CharField(
        label=_("Password or key"),
        required=False,
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    backend = forms.ChoiceField(
        label=_("Provider"),
        required=False,
        choices=[("", _("none (SMTP)")), *((name, name.capitalize()) for name in PROVIDERS)],
    )
    senders = forms.CharField(
        label=_("Only for these senders"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One mail address a line. Empty: every sender."),
    )
    mail_classes = forms.MultipleChoiceField(
        label=_("Only for these kinds of mail"),
        required=False,
        choices=MailClass.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: every kind."),
    )

    class Meta:
        model = MailRoute
        fields = (
            "name",
            "kind",
            "host",
            "port",
            "security",
            "username",
            "backend",
            "mail_classes",
            "per_minute",
            "position",
        )

    field_order = (
        "name", "kind", "host", "port", "security", "username", "backend", "secret", "senders", "mail_classes",
        "per_minute", "position",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = bool(self.instance.secret)
        self.before = {name: getattr(self.instance, name) for name in BINDING} if self.instance.pk else {}
        self.fields["host"].required = False
        self.fields["port"].validators += [MinValueValidator(1), MaxValueValidator(65535)]
        self.fields["per_minute"].help_text = _("0: no limit.")
        self.fields["position"].help_text = _("Routes are asked in this order; the first that suits is taken.")
        self.fields["senders"].initial = "\n".join(self.instance.from_addresses)
        if self.stored:
            self.fields["secret"].help_text = _("Stored and not shown. Leave empty to keep it.")

    def clean_name(self) -> str:
        return one_line(str(self.cleaned_data["name"]))

    def clean_host(self) -> str:
        return one_line(str(self.cleaned_data["host"])).strip().lower()

    def clean_senders(self) -> list[str]:
        found = [normalise(one_line(line)) for line in str(self.cleaned_data["senders"]).splitlines() if line.strip()]
        for address in found:
            validate_address(address)
        return found

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == MailRoute.Kind.SMTP:
            if not data.get("host") and "host" not in self.errors:
                self.add_error("host", _("Please enter this."))
            if data.get("security") == Mailbox.Security.NONE and data.get("username"):
                self.add_error("security", _("A password is not sent without encryption."))
        elif data.get("kind") == MailRoute.Kind.BACKEND and not data.get("backend"):
            self.add_error("backend", _("Please enter this."))
        moved = self.stored and any(data.get(name) != value for name, value in self.before.items() if name in data)
        if moved and not data.get("secret"):
            self.add_error(
                "secret", _("Enter it again, because the server, the encryption or the user name was changed.")
            )
        return data

    def route(self) -> MailRoute:
        """The row with what was entered, not saved; the secret is routes.save's."""
        route = self.instance
        route.from_addresses = self.cleaned_data["senders"]
        return route

    def entered_secret(self) -> str | None:
        """What was entered; None keeps what is stored."""
        return str(self.cleaned_data["secret"]) or None
