"""Text as people type it: cleaned at the door, folded for comparing, masked before it is logged. Pure."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice, product

MASK = "•••"

# C0 controls except tab and line feed, DEL, and halves of surrogate pairs: PostgreSQL refuses NUL and surrogates, and
# the rest is only ever noise or an attack.
_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_BREAKS = re.compile(r"[\r\n\x00\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")

_TO_KATAKANA = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)} | {ord("ゝ"): "ヽ", ord("ゞ"): "ヾ"}

# Characters of names that have several forms, the usual one first: a shop's 髙橋 writes as 高橋, or the other way.
_FORMS = (
    "高髙", "崎﨑嵜", "辺邊邉", "斎齋齊斉", "浜濱濵", "島嶋嶌", "沢澤", "桜櫻", "広廣", "国國",
    "真眞", "徳德", "弥彌", "恵惠", "栄榮", "滝瀧", "竜龍", "富冨", "吉𠮷", "柳栁",
    "桑桒", "橋槗", "館舘", "渋澁", "寿壽", "桧檜", "曽曾", "淵渕", "荘莊", "豊豐",
    "与與", "蔵藏", "顕顯", "凛凜", "遥遙", "礼禮", "静靜", "鉄鐵", "寛寬", "条條",
    "実實", "学學", "円圓", "会會", "万萬", "児兒", "来來",
)  # fmt: skip
_TO_USUAL = str.maketrans({form: forms[0] for forms in _FORMS for form in forms[1:]})
_ALL_FORMS = {form: forms for forms in _FORMS for form in forms}
# A name has one or two such characters.
_MOST_VARIANTS = 24

_HYPHEN = r"[-‐‑‒–—―−－ー]"
_PERSONAL = re.compile(
    "|".join(
        [
            r"[\w.!#$%&'*+/=?^`{|}~-]+[@＠][\w-]+(?:[.．][\w-]+)*",  # mail addresses, also typed in full width
            r"(?:[+＋]81|[0０])(?:[-‐‑‒–—―−－ー().（）\s]{0,2}\d){8,11}",  # phones, with spaces or brackets too
            # Order numbers: #1001, 注文番号1001, A-1001, INV10012
            r"[#＃]\s?[\w-]*\d[\w-]*",
            r"(?<=番号)[\sはが:：]*[A-Za-z]*[-_]?\d[\w-]*",
            rf"[A-Za-z]{{1,8}}{_HYPHEN}\d{{3,}}[\w-]*",
            r"[A-Za-z]{1,8}\d{5,}[\w-]*",
            rf"\d(?:{_HYPHEN}?\d){{5,}}",  # six digits and more: card, customer and postal numbers
        ]
    )
)


def normalise(text: str) -> str:
    """The text for comparing: NFKC (full and half width alike), lower case, trimmed."""
    return unicodedata.normalize("NFKC", text).lower().strip()


def fold_kana(text: str) -> str:
    """Hiragana as katakana, so that らっぴんぐ equals ラッピング. Widths are folded too (NFKC)."""
    return unicodedata.normalize("NFKC", text).translate(_TO_KATAKANA)


def fold_forms(text: str) -> str:
    """Characters of names in their usual form, one for one: 髙橋 and 高橋 are both 高橋."""
    return text.translate(_TO_USUAL)


def forms_of(text: str) -> Iterator[str]:
    """The text as it may be written by others, itself first: 高橋, 髙橋, 高槗 …; at most some two dozen."""
    others = [letter + _ALL_FORMS.get(letter, "").replace(letter, "") for letter in text]
    return ("".join(letters) for letters in islice(product(*others), _MOST_VARIANTS))


def clean(text: str) -> str:
    """Text as it may be stored: no NUL, no control characters, no lone surrogates; every line end is ``\\n``."""
    return _UNWANTED.sub("", _LINE_END.sub("\n", text))


def one_line(text: str) -> str:
    """Text that can stand in a mail header: whatever breaks a line, and NUL, becomes one space; trimmed."""
    return clean(_BREAKS.sub(" ", text)).replace("\t", " ").strip()


def mask_personal(text: str) -> str:
    """The text with mail addresses, phone and order numbers and runs of six digits or more replaced by ``•••``.

    It errs on the side of masking: what is counted and shown later (searches that found nothing) must name nobody.
    """
    return _PERSONAL.sub(MASK, text)
