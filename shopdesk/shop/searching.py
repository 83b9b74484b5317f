"""What somebody remembers of a person, as a condition: written with or without spaces, in any width."""

import re
import unicodedata

from django.db.models import F, Q, Value
from django.db.models.functions import Replace
from django.db.models.lookups import IContains

from shopdesk.shop import contacts


def typed(text: str) -> str:
    """The words of a search as they are compared."""
    return unicodedata.normalize("NFKC", text).replace("\x00", "").strip()


def name_holds(field: str, text: str) -> Q:
    """Names that hold the text, spaces of both widths left out on both sides."""
    bare = Replace(Replace(F(field), Value(" "), Value("")), Value("\u3000"), Value(""))
    return Q(IContains(bare, "".join(text.split())))


def phone_holds(field: str, text: str) -> Q:
    """Phones that hold the digits, when the text is a phone number or four digits of one; otherwise none."""
    digits = contacts.phone_digits(text) if re.fullmatch(r"[+\d\s()\-]{4,}", text) else ""
    return Q(**{f"{field}__contains": digits}) if len(digits) >= 4 else Q(pk__in=[])
