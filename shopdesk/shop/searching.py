"""What somebody remembers of a person or an order, as a condition that an index answers (migration 0007)."""

import re
import unicodedata

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.lookups import DataContains
from django.db.models import F, Func, Q, TextField, Value
from django.db.models.functions import Replace
from django.db.models.lookups import IContains

from shopdesk.shop import contacts
from shopdesk.text import forms_of

# Rows of another table that a search looks up first.
MOST = 1_000


class Pieces(Func):
    """A text's overlapping pairs of characters, as the database cuts them."""

    function = "shop_pieces"
    arg_joiner = " || "
    output_field = ArrayField(TextField())


class Parts(Func):
    """Several short fields as one lower-case text, as the index of orders has them."""

    function = "lower"
    arg_joiner = " || ' ' || "
    output_field = TextField()


def typed(text: str) -> str:
    """The words of a search as they are compared."""
    return unicodedata.normalize("NFKC", text).replace("\x00", "").strip()


def name_holds(fields: list[str], text: str) -> Q:
    """Names that hold the text, in any kana and in any form of a character (髙, 高), spaces of both widths left out on
    both sides.

    The pairs of characters find the candidates by an index; then the text must really stand there. A single character
    is in no pair: then every row is looked at.
    """
    katakana = contacts.kana(text)
    written = {form for one in {katakana, _hiragana(katakana), "".join(text.split())} for form in forms_of(one)}
    real = Q()
    for field in fields:
        bare = Replace(Replace(F(field), Value(" "), Value("")), Value("\u3000"), Value(""))
        for form in written:
            real |= Q(IContains(bare, form))
    if len(katakana) < 2:
        return real
    near = Q()
    for form in forms_of(katakana):
        near |= Q(DataContains(Pieces(*fields), Pieces(Value(form))))
    return near & real


def _hiragana(katakana: str) -> str:
    return "".join(chr(ord(letter) - 0x60) if "ァ" <= letter <= "ヶ" else letter for letter in katakana)


def phone_digits(text: str) -> str:
    """The digits, when the text is a phone number or four digits of one; else ""."""
    digits = contacts.phone_digits(text) if re.fullmatch(r"[+\d\s()\-]{4,}", text) else ""
    return digits if len(digits) >= 4 else ""
