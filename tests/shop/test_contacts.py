import pytest

from shopdesk.shop import contacts


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("090-1234-5678", "09012345678"),
        ("０９０（１２３４）５６７８", "09012345678"),
        ("+81 90-1234-5678", "09012345678"),
        ("'+819012345678", "09012345678"),
        ("+81 (0)3-1234-5678", "0312345678"),
        ("9012345678", "09012345678"),  # a spreadsheet took the zero
        ("312345678", "0312345678"),
        ("+1 212 555 0100", "12125550100"),
        ("", ""),
    ],
)
def test_phone_numbers_become_digits(written, digits):
    assert contacts.phone_digits(written) == digits


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("1000000", "100-0000"),
        ("〒100ー0000", "100-0000"),
        ("'060-0001", "060-0001"),
        ("600001", "060-0001"),  # a spreadsheet took the zero
        ("１００−００００", "100-0000"),
        ("SW1A 1AA", "SW1A 1AA"),
        ("", ""),
    ],
)
def test_postal_codes_get_their_zeros_back(written, code):
    assert contacts.postal_code(written) == code


def test_prefectures_have_one_name():
    assert contacts.prefecture("JP-13") == contacts.prefecture("13") == contacts.prefecture("東京都") == "東京都"
    assert contacts.prefecture("JP-47") == "沖縄県"
    assert contacts.prefecture("California, somewhere") == "California"


def test_a_filler_names_nobody():
    assert not contacts.names_a_person("0000000000")
    assert not contacts.names_a_person("110")
    assert contacts.names_a_person("09012345678")
