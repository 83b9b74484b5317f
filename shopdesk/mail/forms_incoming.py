"""Forms of mailboxes and of received mail that could not be read."""

import json
from typing import Any, ClassVar

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from shopdesk.addresses import MAX_LENGTH, normalise, validate_address
from shopdesk.mail.forms import ask_for_secrets, server_name
from shopdesk.mail.incoming import CHARSETS
from shopdesk.mail.models import Mailbox
from shopdesk.mail.receiving import hooks

Kind, Security, Auth = Mailbox.Kind, Mailbox.Security, Mailbox.Auth


def _no_control(value: str) -> None:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise forms.ValidationError(_("Control characters are not allowed."))


class MailboxForm(forms.Form):
    """What every mailbox has. Secrets are entered here and never shown: an empty field keeps what is stored."""

    kind: ClassVar[str] = ""
    auth: ClassVar[str] = Auth.PASSWORD
    # Whoever points a stored secret to another server could read it there.
    binding: ClassVar[tuple[str, ...]] = ()
    secret_fields: ClassVar[tuple[str, ...]] = ()

    name = forms.CharField(label=_("Name"), max_length=100, validators=[_no_control])
    address = forms.CharField(label=_("Mail address"), max_length=MAX_LENGTH, help_text=_("What customers write to."))
    store_code = forms.CharField(
        label=_("Store code"),
        required=False,
        max_length=50,
        validators=[_no_control],
        help_text=_("The store that this mail belongs to. Empty: the default store."),
    )

    def __init__(self, *args: Any, mailbox: Mailbox | None = None, **kwargs: Any) -> None:
        self.mailbox = mailbox
        super().__init__(*args, **kwargs)
        for name in self.secret_fields:
            if mailbox is not None and mailbox.secret:
                self.fields[name].help_text = _("Stored and not shown. Leave empty to keep it.")

    def clean_address(self) -> str:
        address = normalise(str(self.cleaned_data["address"]))
        validate_address(address)
        return address

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        stored = self.mailbox is not None and bool(self.mailbox.secret)
        moved = stored and any(
            name in data and data[name] != getattr(self.mailbox, name) for name in self.binding if name in self.fields
        )
        ask_for_secrets(self, self.secret_fields, stored=stored, moved=moved)
        return data

    def values(self) -> dict[str, Any]:
        """For mailboxes.save: everything but the secret."""
        data = {name: value for name, value in self.cleaned_data.items() if name not in self.secret_fields}
        return {"kind": self.kind, "auth": self.auth, **data}

    def secret(self) -> str:
        """What was entered; "" keeps what is stored."""
        entered = {name: str(self.cleaned_data.get(name) or "") for name in self.secret_fields}
        return next(iter(entered.values()), "") if len(entered) < 2 else _as_json(entered)


def _as_json(entered: dict[str, str]) -> str:
    return json.dumps(entered) if all(entered.values()) else ""


def _secret_field(label: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=4000,
        strip=False,
        validators=[_no_control],
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
    )


class _Server(MailboxForm):
    binding = ("host", "port", "security", "username")
    secret_fields = ("password",)

    host = forms.CharField(label=_("Server"), max_length=200, validators=[_no_control])
    port = forms.IntegerField(label=_("Port"), validators=[MinValueValidator(1), MaxValueValidator(65535)])
    security = forms.ChoiceField(label=_("Encryption"), choices=Security.choices)
    username = forms.CharField(label=_("User name"), max_length=200, validators=[_no_control])
    password = _secret_field(_("Password or app password"))

    def clean_host(self) -> str:
        return server_name(self.cleaned_data["host"])


def _since_field() -> forms.DateField:
    return forms.DateField(
        label=_("Read mail from"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Older mail stays where it is and becomes no inquiry. Empty: everything that is there."),
    )


def _folders_field() -> forms.CharField:
    return forms.CharField(
        label=_("Folders"),
        max_length=300,
        initial="INBOX",
        validators=[_no_control],
        help_text=_("Separated by commas."),
    )


class ImapForm(_Server):
    kind = Kind.IMAP
    folders = _folders_field()
    read_since = _since_field()


class Pop3Form(_Server):
    kind = Kind.POP3
    read_since = _since_field()
    delete_after = forms.BooleanField(
        label=_("Delete from the server once stored"),
        required=False,
        help_text=_("Off: the mails stay on the server, also for other mail programs."),
    )


class OAuthForm(MailboxForm):
    """Gmail and Microsoft 365, which take no passwords from programs."""

    kind, auth = Kind.IMAP, Auth.XOAUTH2
    binding = ("host", "port", "username", "provider")
    secret_fields = ("client_id", "client_secret", "refresh_token")

    provider = forms.ChoiceField(
        label=_("Provider"), choices=[("google", "Gmail / Google Workspace"), ("microsoft", "Microsoft 365")]
    )
    username = forms.CharField(label=_("User name"), max_length=200, validators=[_no_control])
    client_id = _secret_field(_("Client ID"))
    client_secret = _secret_field(_("Client secret"))
    refresh_token = _secret_field(_("Refresh token"))
    folders = _folders_field()
    read_since = _since_field()

    HOSTS: ClassVar[dict[str, str]] = {"google": "imap.gmail.com", "microsoft": "outlook.office365.com"}

    def values(self) -> dict[str, Any]:
        values = super().values()
        return {**values, "host": self.HOSTS[values["provider"]], "port": 993, "security": Security.TLS}


class WebhookForm(MailboxForm):
    kind = Kind.WEBHOOK
    provider = forms.ChoiceField(
        label=_("Provider"),
        required=False,
        choices=[
            ("", _("another: posts the mail itself")),
            *((key, name) for key, (name, _cls) in hooks.PROVIDERS.items()),
        ],
    )


# Word in the address of the page -> (form, what it is called, its first values).
KINDS: dict[str, tuple[type[MailboxForm], Any, dict[str, Any]]] = {
    "imap": (ImapForm, _("IMAP (password)"), {"port": 993, "security": Security.TLS, "folders": "INBOX"}),
    "oauth": (OAuthForm, _("Gmail and Microsoft 365 (OAuth 2)"), {"folders": "INBOX"}),
    "pop3": (Pop3Form, "POP3", {"port": 995, "security": Security.TLS}),
    "webhook": (WebhookForm, _("Provider's webhook"), {}),
}


def word_of(mailbox: Mailbox) -> str:
    """The word of KINDS that a stored mailbox has."""
    if mailbox.kind == Kind.IMAP and mailbox.auth == Auth.XOAUTH2:
        return "oauth"
    return mailbox.kind


class ReadAgainForm(forms.Form):
    charset = forms.ChoiceField(label=_("Character set"), choices=CHARSETS, required=False)


class IgnoreForm(forms.Form):
    """The reason is kept in the audit log."""

    note = forms.CharField(label=_("Reason"), max_length=300)
