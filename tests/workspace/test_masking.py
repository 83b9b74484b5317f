"""Staff who see assigned work only never read a customer's phone, mail address or postal address."""

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inquiries import masking
from tests import make
from tests.inquiries.make import make_inquiry

PHONE, MAIL = "09012345678", "hanako.y@mail.example"
STREET = "東京都千代田区丸の内1-2-3 海辺マンション405"
LATER = "横浜市西区みなとみらい２丁目３番５号"


@pytest.fixture
def known(db):
    """An inquiry in hand whose customer's contacts are known; the texts below need no database any more."""
    customer = make.make_customer(address=MAIL, phone=PHONE)
    order = make.make_order(
        customer=customer, email=MAIL, phone="0312345678", address=STREET, prefecture="東京都", postal_code="100-0005"
    )
    make.make_order("1002", customer=customer, email="work@mail.example", phone="0612345678", address=LATER)
    inquiry = make_inquiry(customer=customer, phone=PHONE, order=order)
    masking.learn([inquiry])
    return inquiry


# --- spellings --------------------------------------------------------------------------------------------------------

# The row in hand is only read.
ONE_ROW = [HealthCheck.function_scoped_fixture]
MARKS = ["", "-", "－", "ー", "−", "‐", "―", " ", "　", ".", "・", "/", " - ", "\n", "〜"]
DIGITS = {digit: [digit, chr(ord(digit) + 0xFEE0)] for digit in "0123456789"}


@st.composite
def phones(draw, number=PHONE):
    """The number as somebody might type it: either width, any marks, with the country or without the zero."""
    head = draw(st.sampled_from(["0", "+81", "+81 ", "＋８１－", "81-", "+81(0)", "(0", "0"]))
    told = head
    for digit in number[1:]:
        told += draw(st.sampled_from(MARKS)) + draw(st.sampled_from(DIGITS[digit]))
    return told


@st.composite
def addresses(draw, address=MAIL):
    told = ""
    for letter in address:
        wide = chr(ord(letter) + 0xFEE0)
        told += draw(st.sampled_from([letter, letter.upper(), wide]))
    at = draw(st.sampled_from(["@", "＠", " @ ", "(at)", "[at]", "（アット）", "アットマーク"]))
    return told.replace("@", at).replace("＠", at) if at not in told else told


@st.composite
def streets(draw, street="千代田区丸の内1-2-3"):
    """A postal address without its prefecture: widths, hyphens, 丁目, blanks."""
    told = street.replace("1-2-3", draw(st.sampled_from(["1-2-3", "1丁目2番3号", "一丁目2-3", "1ー2ー3", "１の２の３", "1 − 2 − 3"])))
    gaps = draw(st.lists(st.integers(1, len(told) - 1), max_size=2))
    for gap in sorted(gaps, reverse=True):
        told = told[:gap] + draw(st.sampled_from([" ", "　", "\n"])) + told[gap:]
    return told


def digits_of(text):
    return "".join(letter for letter in unicodedata.normalize("NFKC", text) if letter.isdecimal())


BEFORE = ["", "電話は", "TEL:", "よろしく。", "(", "注文1001の件、"]
AFTER = ["", "です。", " まで", ")", "\nお願いします", "に"]


@settings(max_examples=300, deadline=None, suppress_health_check=ONE_ROW)
@given(phone=phones(), before=st.sampled_from(BEFORE), after=st.sampled_from(AFTER))
def test_a_phone_in_any_spelling(known, phone, before, after):
    told = masking.text(before + phone + after, known)
    assert "5678" not in digits_of(told)
    assert digits_of(told) in {"", "1001"}
    assert told.startswith(before.rstrip("(")[:3])


@settings(max_examples=200, deadline=None, suppress_health_check=ONE_ROW)
@given(address=addresses(), before=st.sampled_from(BEFORE), after=st.sampled_from(AFTER))
def test_a_mail_address_in_any_spelling(known, address, before, after):
    told = unicodedata.normalize("NFKC", masking.text(before + address + after, known)).lower()
    assert "hanako" not in told
    assert before[:2].lower() in told


@settings(max_examples=200, deadline=None, suppress_health_check=ONE_ROW)
@given(street=streets(), before=st.sampled_from(["", "住所は", "届け先:", "東京都"]), after=st.sampled_from(["", "です", "　海辺マンション405"]))
def test_a_postal_address_in_any_spelling(known, street, before, after):
    told = masking.text(before + street + after, known)
    assert "丸の内" not in told
    assert "千代田" not in told
    assert "海辺マンション" not in told
    assert digits_of(told) == ""
