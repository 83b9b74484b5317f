"""Phone numbers, postal codes and kana as people and spreadsheets write them, brought into one form. Pure."""

import re
import unicodedata

# JIS X 0401: the place in the tuple plus one is the prefecture's code.
PREFECTURES = (
    "北海道", "青森県", "岩手県", "宮城県", "秋田県", "山形県", "福島県", "茨城県",
    "栃木県", "群馬県", "埼玉県", "千葉県", "東京都", "神奈川県", "新潟県", "富山県",
    "石川県", "福井県", "山梨県", "長野県", "岐阜県", "静岡県", "愛知県", "三重県",
    "滋賀県", "京都府", "大阪府", "兵庫県", "奈良県", "和歌山県", "鳥取県", "島根県",
    "岡山県", "広島県", "山口県", "徳島県", "香川県", "愛媛県", "高知県", "福岡県",
    "佐賀県", "長崎県", "熊本県", "大分県", "宮崎県", "鹿児島県", "沖縄県",
)  # fmt: skip

_HYPHENS = re.compile(r"[‐‑‒–—―−ーｰ]")  # the look-alikes are the point


def phone_digits(text: str) -> str:
    """Digits only, from the domestic zero on: ``+81 90-1234-5678`` and a spreadsheet's ``9012345678`` give 09012345678.

    At most 20 digits; a number of another country keeps its country code.
    """
    shown = unicodedata.normalize("NFKC", text).strip().lstrip("'")
    digits = re.sub(r"\D", "", shown)
    if shown.startswith("+81") or (digits.startswith("81") and len(digits) in {11, 12} and not shown.startswith("+")):
        digits = "0" + digits[2:].removeprefix("0")
    elif not shown.startswith("+") and len(digits) in {9, 10} and not digits.startswith("0"):
        digits = "0" + digits  # the zero that a spreadsheet took away
    return digits[:20]


def names_a_person(phone: str) -> bool:
    """Whether digits can tell people apart: 10 or 11 of them, and not a filler such as 0000000000."""
    return phone.isdecimal() and len(phone) in {10, 11} and len(set(phone[1:])) > 1


def postal_code(text: str) -> str:
    """``100-0000`` from ``〒1000000``, full-width digits, or from a number that lost its zeros.

    A code of another country is kept as it is written, up to 8 letters.
    """
    shown = unicodedata.normalize("NFKC", text).strip().lstrip("'〒 ")
    digits = _HYPHENS.sub("-", shown).replace("-", "").replace(" ", "")
    if digits.isdecimal() and 1 <= len(digits) <= 7:
        padded = digits.zfill(7)
        return f"{padded[:3]}-{padded[3:]}"
    return shown[:8]


def prefecture(text: str) -> str:
    """The prefecture's Japanese name from its name, ``JP-13`` or ``13``; other text as it is, up to 10 letters."""
    shown = unicodedata.normalize("NFKC", text).strip()
    code = re.fullmatch(r"(?:JP-?)?(\d{1,2})", shown)
    if code and 1 <= int(code[1]) <= len(PREFECTURES):
        return PREFECTURES[int(code[1]) - 1]
    return shown[:10]


def katakana(text: str) -> str:
    """Hiragana and half-width kana as katakana."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(chr(ord(letter) + 0x60) if "ぁ" <= letter <= "ゖ" else letter for letter in folded)


def kana(text: str) -> str:
    """Kana to compare: as katakana, without spaces."""
    return "".join(katakana(text).split())
