import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopdesk.shop.amounts import split

weights = st.lists(st.integers(0, 1_000_000), min_size=1, max_size=30)


def test_the_odd_yen_goes_to_the_first_units():
    assert split(100, [1, 1, 1]) == [34, 33, 33]


def test_a_discount_falls_on_the_lines_by_their_price():
    assert split(22_160, [8_800, 8_360, 5_500]) == [8_606, 8_175, 5_379]


def test_places_without_weight_are_equal():
    assert split(7, [0, 0, 0]) == [3, 2, 2]


def test_money_needs_a_place():
    assert split(0, []) == []
    with pytest.raises(ValueError, match="nothing to divide"):
        split(1, [])
    with pytest.raises(ValueError, match="negative"):
        split(1, [1, -1])


@given(st.integers(0, 2_000_000_000), weights)
def test_the_parts_sum_up_exactly(total, weights):
    parts = split(total, weights)
    assert sum(parts) == total
    assert min(parts) >= 0
    assert len(parts) == len(weights)


@given(st.integers(0, 2_000_000_000), weights)
def test_a_heavier_place_never_gets_less(total, weights):
    parts = split(total, weights)
    pairs = sorted(zip(weights, parts, strict=True))
    assert [part for _weight, part in pairs] == sorted(parts)


@given(st.integers(0, 1_000_000), weights)
def test_equal_places_differ_by_one_yen_at_most(total, weights):
    parts = split(total, weights)
    for weight in set(weights):
        same = [part for one, part in zip(weights, parts, strict=True) if one == weight]
        assert max(same) - min(same) <= 1


@given(st.integers(0, 1_000_000), weights)
def test_a_refund_is_divided_like_a_payment(total, weights):
    assert split(-total, weights) == [-part for part in split(total, weights)]
