"""Yen that is divided and still sums up."""

from collections.abc import Sequence


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Divide whole yen in proportion to ``weights``, exactly: the parts sum up to ``total``.

    The largest remainders get the odd yen, earlier places first: ``split(100, [1, 1, 1]) == [34, 33, 33]``. A heavier
    place never gets less than a lighter one. Where all weights are zero, the places are equal. A negative total is
    divided like its positive. Raises ValueError for a negative weight, and for money without a place to put it.
    """
    if not weights:
        if total:
            raise ValueError("nothing to divide the amount among")
        return []
    if min(weights) < 0:
        raise ValueError("weights must not be negative")
    if total < 0:
        return [-part for part in split(-total, weights)]
    whole = sum(weights)
    if not whole:
        weights, whole = [1] * len(weights), len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(total * weights[place] % whole), place))
    for place in by_remainder[: total - sum(parts)]:
        parts[place] += 1
    return parts
