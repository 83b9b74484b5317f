"""The forms of a mail route: with a password or a provider's key, and with an account of Google or Microsoft."""

import json
from typing import Any, ClassVar

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from shopdesk.addresses import normalise, validate_address
from shopdesk.mail.forms import ask_for_secrets, server_name
from shopdesk.mail.models import Mailbox, MailClass, MailRoute
from shopdesk.mail.routes import PROVIDERS
from shopdesk.text import one_line

Auth, Security = Mailbox.Auth, Mailbox.Security


def _secret_field(label: Any, max_length: int) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=max_length,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class _RouteForm(forms.ModelForm[MailRoute]):
    """What every route has. Secrets are entered here and never shown: an empty field keeps what is stored."""

    # Whoever points a stored secret to another server could read it there.
    binding: ClassVar[tuple[str, ...]] = ()
    secret_fields: ClassVar[tuple[str, ...]] = ()

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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = bool(self.instance.secret)
        self.before = {name: getattr(self.instance, name) for name in self.binding} if self.instance.pk else {}
        self.fields["per_minute"].help_text = _("0: no limit.")
        self.fields["position"].help_text = _("Routes are asked in this order; the first that suits is taken.")
        self.fields["senders"].initial = "\n".join(self.instance.from_addresses)
        if self.stored:
            for name in self.secret_fields:
                self.fields[name].help_text = _("Stored and not shown. Leave empty to keep it.")

    def moved(self, data: dict[str, Any]) -> bool:
        """Whether a stored secret would go elsewhere from now on."""
        return self.stored and any(data.get(name) != value for name, value in self.before.items() if name in data)

    def clean_name(self) -> str:
        return one_line(str(self.cleaned_data["name"]))

    def clean_senders(self) -> list[str]:
        found = [normalise(one_line(line)) for line in str(self.cleaned_data["senders"]).splitlines() if line.strip()]
        for address in found:
            validate_address(address)
        return found

    def route(self) -> MailRoute:
        """The row with what was entered, not saved; the secret is routes.save's."""
        route = self.instance
        route.from_addresses = self.cleaned_data["senders"]
        return route

    def entered_secret(self) -> str | None:
        """What was entered; None keeps what is stored."""
        raise NotImplementedError


class RouteForm(_RouteForm):
    """An SMTP server with a password, or a provider with its key."""

    binding = ("kind", "host", "port", "security", "username", "backend")
    secret_fields = ("secret",)

    secret = _secret_field(_("Password or key"), 500)
    backend = forms.ChoiceField(
        label=_("Provider"),
        required=False,
        choices=[("", _("none (SMTP)")), *((name, name.capitalize()) for name in PROVIDERS)],
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
        self.fields["host"].required = False
        self.fields["port"].validators += [MinValueValidator(1), MaxValueValidator(65535)]

    def clean_host(self) -> str:
        return server_name(self.cleaned_data["host"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == MailRoute.Kind.SMTP:
            if not data.get("host") and "host" not in self.errors:
                self.add_error("host", _("Please enter this."))
            if data.get("security") == Mailbox.Security.NONE and data.get("username"):
                self.add_error("security", _("A password is not sent without encryption."))
        elif data.get("kind") == MailRoute.Kind.BACKEND and not data.get("backend"):
            self.add_error("backend", _("Please enter this."))
        if self.moved(data) and not data.get("secret"):
            self.add_error(
                "secret", _("Enter it again, because the server, the encryption or the user name was changed.")
            )
        return data

    def entered_secret(self) -> str | None:
        return str(self.cleaned_data["secret"]) or None


class OAuthRouteForm(_RouteForm):
    """Gmail and Microsoft 365, which take no passwords from programs."""

    binding = ("provider", "username")
    secret_fields = ("client_id", "client_secret", "refresh_token")
    # A token goes to its provider's own server and nowhere else.
    HOSTS: ClassVar[dict[str, str]] = {"google": "smtp.gmail.com", "microsoft": "smtp.office365.com"}

    provider = forms.ChoiceField(
        label=_("Provider"), choices=[("google", "Gmail / Google Workspace"), ("microsoft", "Microsoft 365")]
    )
    client_id = _secret_field(_("Client ID"), 4000)
    client_secret = _secret_field(_("Client secret"), 4000)
    refresh_token = _secret_field(_("Refresh token"), 4000)

    class Meta:
        model = MailRoute
        fields = ("name", "provider", "username", "mail_classes", "per_minute", "position")

    field_order = (
        "name", "provider", "username", "client_id", "client_secret", "refresh_token", "senders", "mail_classes",
        "per_minute", "position",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].required = True
        self.fields["username"].help_text = _("The mail address of the account that sends.")
        if not self.stored:
            self.fields["refresh_token"].help_text = _(
                "Made for sending: the scope https://mail.google.com/ at Google, SMTP.Send and offline_access at"
                " Microsoft."
            )

    def clean_username(self) -> str:
        name = normalise(one_line(str(self.cleaned_data["username"])))
        validate_address(name)
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        ask_for_secrets(self, self.secret_fields, stored=self.stored, moved=self.moved(data))
        return data

    def route(self) -> MailRoute:
        route = super().route()
        route.kind, route.auth, route.backend = MailRoute.Kind.SMTP, Auth.XOAUTH2, ""
        route.host, route.port, route.security = self.HOSTS[route.provider], 587, Security.STARTTLS
        return route

    def entered_secret(self) -> str | None:
        entered = {name: str(self.cleaned_data[name]) for name in self.secret_fields}
        return json.dumps(entered) if all(entered.values()) else None
