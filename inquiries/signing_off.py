"""The lines above and below a reply, from the store's own texts."""

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


def _words(store: Store, by: User, language: str, customer_name: str = "") -> dict[str, dict[str, str]]:
    name = store.name_en or store.name if language == "en" else store.name
    return {
        "shop": {
            "name": name,
            "email": store.sender_address,
            "phone": store.phone,
            "url": store.url,
            "address": store.address,
        },
        "agent": {"name": by.public_name, "display_name": by.public_name},
        "customer": {"name": customer_name},
    }


def _render(source: str, words: dict[str, dict[str, str]]) -> str:
    try:
        return composing.render_shop_text(source, words).strip()
    except (composing.UnknownVariable, composing.BadTemplate) as error:
        raise SignatureBroken(str(error)) from error


def signature(store: Store, *, by: User, language: str) -> str:
    """The signature under a reply, with the writer's public name: where the shop's text says so, else above it.

    Raises SignatureBroken.
    """
    source = (
        (store.signature_en or store.signature_ja) if language == "en" else (store.signature_ja or store.signature_en)
    )
    text = _render(source, _words(store, by, language))
    if by.public_name in text:
        return text
    with translation.override(language):
        line = _("Your contact: %(name)s") % {"name": by.public_name}
    return f"{line}\n{text}".strip()


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
