"""The visitor's form and the staff's forms."""

import uuid
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from inquiries import attachments, own
from inquiries.models import Category, Inquiry
from shopdesk import addresses
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.fields import LineField
from shopdesk.shop.models import Product
from shopdesk.statements import statement
from shopdesk.text import clean, normalise

MAX_TEXT = 10_000


class TextField(forms.CharField):
    """Several lines of text, cleaned of what cannot be stored."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        return text if "\x00" in text else clean(text)


class AddressFormField(LineField):
    """A mail address as people type it in Japan: full width is folded, old carrier forms are legal."""

    default_validators = [addresses.validate_address]  # noqa: RUF012  # Django's own form
    widget = forms.EmailInput

    def to_python(self, value: Any) -> str:
        return addresses.normalise(super().to_python(value))


class CustomersAddressField(AddressFormField):
    """The mail address of somebody who asks: answers to one of our own would only come back to us, unread."""

    def clean(self, value: Any) -> str:
        address: str = super().clean(value)
        if address and own.is_ours(address):
            raise forms.ValidationError(_("This is the shop's own address. Please give the customer's."), code="ours")
        return address


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, each looked at by :mod:`inquiries.attachments`; the value is a list."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> Any:
        files = [one for one in (data if isinstance(data, (list, tuple)) else [data]) if isinstance(one, UploadedFile)]
        try:
            attachments.check(files)
        except attachments.Refused as refusal:
            raise forms.ValidationError(refusal.sentence, code=refusal.code) from refusal
        return files


def category_choices() -> list[tuple[Any, Any]]:
    """The offered categories, grouped by phase. One query."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for category in Category.objects.filter(is_active=True):
        groups.setdefault(category.phase, []).append((category.slug, str(category)))
    titles = {Category.Phase.BEFORE.value: _("Before an order"), Category.Phase.AFTER.value: _("After an order")}
    return [("", _("Please choose")), *[(titles[phase], groups[phase]) for phase in titles if phase in groups]]


def product_named(text: str) -> Product | None:
    """The product whose SKU or name was typed or picked; None where it is not certain."""
    wanted = normalise(text)
    if not wanted:
        return None
    for product in Product.objects.filter(is_active=True).only("pk", "sku", "name", "name_en"):
        if wanted in {normalise(product.sku), normalise(product.name), normalise(product.name_en)}:
            return product
    return None


class ContactForm(forms.Form):
    """What a visitor asks. Categories are compared as codes in memory, so that no odd byte reaches the database."""

    name = LineField(
        label=_("Your name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name", "maxlength": None})
    )
    email = CustomersAddressField(
        label=_("Mail address"),
        max_length=addresses.MAX_LENGTH,
        help_text=_("We answer to this address."),
        widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email"}),
    )
    phone = LineField(
        label=_("Phone"),
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel", "type": "tel"}),
    )
    category = forms.ChoiceField(label=_("What is it about?"))
    order_number = LineField(label=_("Order number"), max_length=60, required=False)
    product = LineField(
        label=_("Product"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"list": "products", "autocomplete": "off"}),
    )
    body = TextField(
        label=_("Your question"), max_length=MAX_TEXT, widget=forms.Textarea(attrs={"rows": 8, "maxlength": None})
    )
    files = FilesField(  # type: ignore[assignment]  # the form keeps it in .fields; .files stays Django's own
        label=_("Attachments"),
        required=False,
        help_text=_("Up to 5 files of 10 MB each: pictures, PDF, text and Office files."),
        widget=FilesInput(attrs={"accept": attachments.ACCEPT}),
    )
    # People never see this field; programs fill it.
    website = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"}),
        label=_("Leave this empty"),
    )
    form_token = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {}).setdefault("form_token", uuid.uuid4())
        super().__init__(*args, **kwargs)
        self.fields["category"].choices = category_choices()  # type: ignore[attr-defined]  # a ChoiceField's own

    @property
    def is_from_a_program(self) -> bool:
        """Whether the field that nobody sees was filled."""
        return bool(self.data.get("website"))

    def clean_category(self) -> Category:
        return Category.objects.get(slug=self.cleaned_data["category"])


class RecordForm(forms.Form):
    """A question that reached the shop by phone or another way, written down by staff."""

    channel = forms.ChoiceField(label=_("Channel"), initial=Inquiry.Channel.PHONE)
    name = LineField(label=_("Customer's name"), max_length=100)
    phone = LineField(label=_("Phone"), max_length=20, required=False)
    email = CustomersAddressField(label=_("Mail address"), max_length=addresses.MAX_LENGTH, required=False)
    category = forms.ChoiceField(label=_("Category"))
    order_number = LineField(label=_("Order number"), max_length=60, required=False)
    product = LineField(
        label=_("Product"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"list": "products", "autocomplete": "off"}),
    )
    subject = LineField(label=_("Subject"), max_length=200)
    body = TextField(label=_("What was said"), max_length=MAX_TEXT, widget=forms.Textarea(attrs={"rows": 8}))
    form_token = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {}).setdefault("form_token", uuid.uuid4())
        super().__init__(*args, **kwargs)
        self.fields["category"].choices = category_choices()  # type: ignore[attr-defined]  # a ChoiceField's own
        channels = [choice for choice in Inquiry.Channel.choices if choice[0] != Inquiry.Channel.FORM]
        self.fields["channel"].choices = channels  # type: ignore[attr-defined]  # a ChoiceField's own

    def clean_category(self) -> Category:
        return Category.objects.get(slug=self.cleaned_data["category"])


class ViewForm(forms.Form):
    """A view that somebody keeps; its conditions are read by inquiries.conditions."""

    ORDERS = (
        ("newest", _("last activity, newest first")),
        ("due", _("answer due, soonest first")),
        ("oldest", _("received, oldest first")),
    )

    name = LineField(label=_("Name"), max_length=60)
    shared = forms.BooleanField(
        label=_("For everybody"), required=False, help_text=_("Colleagues see it in their views and cannot change it.")
    )
    order = forms.ChoiceField(label=_("Sort by"), choices=ORDERS, initial="newest")
    position = forms.IntegerField(
        label=_("Position"), min_value=0, max_value=999, initial=0, help_text=_("Lower numbers stand higher.")
    )


class ExportForm(forms.Form):
    """Why a list is taken away, and whether with what its customers are known by."""

    WITHOUT, WITH = "", "1"
    # 税務調査 is a reason; "....", "aaaa" and "test" say nothing.
    _SHORTEST, _DIFFERENT = 4, 3

    personal = forms.ChoiceField(choices=((WITHOUT, ""), (WITH, "")), initial=WITHOUT, required=False)
    reason = LineField(label=_("Reason"), max_length=200, help_text=_("Stays in the audit log with your name."))

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        letters = [letter for letter in reason if letter.isalnum()]
        if len(letters) < self._SHORTEST or len(set(letters)) < self._DIFFERENT or reason.casefold() == "test":
            raise forms.ValidationError(_("Say in a few words what the file is for."))
        return reason


class ReplyForm(forms.Form):
    """A reply as it is posted. The buttons say what becomes of it (``action``; empty: the view's own) or which status
    follows (``then``, read by answers.outcome()); ``after`` is the status that was chosen for one that waits first.
    ``checked`` confirms what the check before sending found. Moments are in the zone of whoever is signed in."""

    body = TextField(max_length=50_000, required=False)
    version = forms.IntegerField(min_value=0, max_value=2**31 - 1)
    then = forms.CharField(max_length=20, required=False)
    after = forms.CharField(max_length=20, required=False)
    action = forms.ChoiceField(choices=[("send", ""), ("schedule", ""), ("approve", "")], required=False)
    send_at = forms.DateTimeField(input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], required=False)
    cc = TextField(max_length=6_000, required=False)
    bcc = TextField(max_length=6_000, required=False)
    # One of senders.choices(); empty: the usual one.
    sender = LineField(max_length=addresses.MAX_LENGTH, required=False)
    checked = forms.CharField(max_length=64, required=False)
    templates = forms.CharField(max_length=600, required=False)


class MoveForm(forms.Form):
    """Another hour for a scheduled reply, in the zone of whoever is signed in."""

    send_at = forms.DateTimeField(input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


class DecideForm(forms.Form):
    """What an approver says to a reply, with the words as they changed them."""

    body = TextField(max_length=50_000, required=False)
    comment = TextField(max_length=2_000, required=False)
    action = forms.ChoiceField(choices=[("save", ""), ("approve", ""), ("send", ""), ("return", "")])
    version = forms.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    checked = forms.CharField(max_length=64, required=False)
    # approving.mark() of the words that the approver has read.
    mark = forms.CharField(max_length=64, required=False)


class NoteForm(forms.Form):
    """A note among staff."""

    body = TextField(max_length=50_000, required=False)


class StatusForm(forms.Form):
    status = forms.ChoiceField(choices=Inquiry.Status.choices)


class AssignForm(forms.Form):
    """Whom to give an inquiry to; an empty choice gives it to nobody."""

    assignee = forms.ChoiceField(label=_("Assigned to"), required=False)

    def __init__(self, *args: Any, people: list[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(person.pk): person for person in people}
        names = [(key, str(person)) for key, person in self.people.items()]
        self.fields["assignee"].choices = [("", _("Nobody")), *names]  # type: ignore[attr-defined]  # a ChoiceField's own

    @property
    def person(self) -> User | None:
        return self.people.get(self.cleaned_data["assignee"])


def assignable() -> list[User]:
    """Active staff who may see inquiries. One query."""
    return [user for user in _active() if user.has_perm(P.INQUIRIES_VIEW)]


@statement(keep=1)
def _active() -> QuerySet[User]:
    found: QuerySet[User] = User.objects.active()
    rows = found.select_related("role").order_by("name", "pk")
    return rows.only("name", "email", "is_active", "role__code", "role__permissions")
