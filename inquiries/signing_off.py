"""The lines above and below a reply, from the store's own texts."""

import re

from django.utils import translation
from django.utils.translation import gettext as _

from shopdesk.accounts.models import User
from shopdesk.mail import composing
from shopdesk.shop.models import Store

# What a store's opening lines and signature may name.
KNOWN = {
    "shop.name", "shop.email", "shop.phone", "shop.url", "shop.address",
    "agent.name", "agent.display_name", "customer.name",
}  # fmt: skip


class SignatureBroken(Exception):
    """The store's opening lines or signature name something that does not exist; ``detail`` says what."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


_NAMES_THE_WRITER = re.compile(r"{[{%][^}]*\bagent\.")


def _name(store: Store, language: str) -> str:
    return (store.name_en or store.name) if language == "en" else store.name


def _shop(store: Store, language: str) -> dict[str, str]:
    return {
        "name": _name(store, language),
        "email": store.sender_address,
        "phone": store.phone,
        "url": store.url,
        "address": store.address,
    }


def _words(store: Store, by: User, language: str, customer_name: str = "") -> dict[str, dict[str, str]]:
    return {
        "shop": _shop(store, language),
        "agent": {"name": by.public_name, "display_name": by.public_name},
        "customer": {"name": customer_name},
    }


def _signature_of(store: Store, language: str) -> str:
    """The store's text, in the other language where this one has none."""
    if language == "en":
        return store.signature_en or store.signature_ja
    return store.signature_ja or store.signature_en


def _render(source: str, words: dict[str, dict[str, str]]) -> str:
    try:
        return composing.render_shop_text(source, words).strip()
    except (composing.UnknownVariable, composing.BadTemplate) as error:
        raise SignatureBroken(str(error)) from error


def signature(store: Store, *, by: User, language: str) -> str:
    """The signature under a reply, with the writer's public name: where the shop's text says so, else above it.

    Raises SignatureBroken.
    """
    text = _render(_signature_of(store, language), _words(store, by, language))
    if by.public_name in text:
        return text
    with translation.override(language):
        line = _("Your contact: %(name)s") % {"name": by.public_name}
    return f"{line}\n{text}".strip()


def store_signature(store: Store, *, language: str) -> str:
    """The signature under a letter that no person wrote: lines that name the writer are left out.

    Such a letter does not wait for a text to be mended: one that cannot be filled in gives the store's name.
    """
    lines = _signature_of(store, language).splitlines()
    source = "\n".join(line for line in lines if not _NAMES_THE_WRITER.search(line))
    try:
        text = _render(source, {"shop": _shop(store, language), "customer": {"name": ""}})
    except SignatureBroken:
        text = ""
    return text or _name(store, language)


def opening(store: Store, *, by: User, language: str, customer_name: str) -> str:
    """What a new reply begins with: the customer's name and the store's opening lines.

    Raises SignatureBroken.
    """
    source = (store.opening_en or store.opening_ja) if language == "en" else (store.opening_ja or store.opening_en)
    lines = _render(source, _words(store, by, language, customer_name))
    with translation.override(language):
        greeting = _("Dear %(name)s,") % {"name": customer_name}
    if customer_name in lines:
        return f"{lines}\n\n"
    return f"{greeting}\n\n{lines}\n\n" if lines else f"{greeting}\n\n"
