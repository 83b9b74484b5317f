"""Mail addresses as they are in Japan.

docomo and au gave out local parts that RFC 5321 forbids (``da.me..@docomo.ne.jp``, ``.x@ezweb.ne.jp``) and that
Django's EmailField refuses. They are legal here. What is refused is what could harm: control characters, white space,
a second ``@``, angle brackets, more than 254 characters.
"""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

_LOCAL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
MAX_LENGTH = 254

# Relays of marketplaces: the address changes with each order or shop, so it names no person.
MASKED_DOMAINS = (
    "fw.rakuten.ne.jp",
    "marketplace.amazon.co.jp",
    "marketplace.amazon.com",
    "shopping.yahoo.co.jp",
)


def normalise(address: str) -> str:
    """The address as we compare it: NFKC (full-width typing), trimmed, lower case."""
    return unicodedata.normalize("NFKC", address).strip().lower()


def is_valid(address: str) -> bool:
    """Whether mail can be addressed to it. Dots may stand anywhere in the local part."""
    if len(address) > MAX_LENGTH or address.count("@") != 1:
        return False
    local, domain = address.split("@")
    labels = domain.split(".")
    return bool(_LOCAL.fullmatch(local)) and len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)


def validate_address(value: str) -> None:
    if not is_valid(value):
        raise ValidationError(_("Enter a mail address like name@example.com."), code="invalid")


def is_masked(address: str) -> bool:
    """Whether the address is a marketplace relay, which must never merge two people into one."""
    domain = address.rpartition("@")[2].lower()
    return any(domain == masked or domain.endswith("." + masked) for masked in MASKED_DOMAINS)


class AddressField(models.CharField):  # type: ignore[type-arg]  # CharField's two parameters are mypy-only
    """A mail address, normalised before it is stored. Japanese carriers' forms are legal here."""

    default_validators = [*models.CharField.default_validators, validate_address]  # noqa: RUF012  # Django's own form

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("max_length", MAX_LENGTH)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed through as Django gave them

    def to_python(self, value: object) -> str | None:
        text = super().to_python(value)
        return normalise(text) if isinstance(text, str) else text

    def get_prep_value(self, value: object) -> str | None:
        return self.to_python(super().get_prep_value(value))
