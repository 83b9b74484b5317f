"""Text as people type it: cleaned at the door, folded for comparing, masked before it is logged. Pure."""

import re
import unicodedata

MASK = "•••"

# C0 controls except tab and line feed, DEL, and halves of surrogate pairs: PostgreSQL refuses NUL and surrogates, and
# the rest is only ever noise or an attack.
_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_BREAKS = re.compile(r"[\r\n\x00\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")

_TO_KATAKANA = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)} | {ord("ゝ"): "ヽ", ord("ゞ"): "ヾ"}

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
