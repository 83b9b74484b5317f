"""Which platform a file comes from, told by its header. Pure.

Shops switch columns off and rename them, so a fingerprint is a set of key names of which most must be there, not a
whole header.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from shopdesk.shop.importing import eccube4, shopify
from shopdesk.shop.importing.normal import NormalOrder, Report
from shopdesk.shop.importing.problems import FileProblem
from shopdesk.shop.importing.reading import Table

AUTO = "auto"
# How much of a fingerprint must be there. Two platforms share hardly any names, so 80 % leaves room for a shop's edits.
ENOUGH = 80


class Profile(Protocol):
    """What a platform's module offers. ``KEY`` is the column of the order number."""

    CODE: str
    LABEL: str
    KEY: str
    KEYS: frozenset[str]
    REQUIRED: tuple[str, ...]
    TOTALS: tuple[str, ...]

    def orders(self, table: Table, report: Report) -> Iterator[NormalOrder]: ...


PROFILES: dict[str, Profile] = {eccube4.CODE: eccube4, shopify.CODE: shopify}


def percent(profile: Profile, header: Sequence[str]) -> int:
    """How much of the profile's fingerprint stands in the header."""
    return len(profile.KEYS & set(header)) * 100 // len(profile.KEYS)


def choose(header: Sequence[str], code: str = AUTO) -> Profile:
    """The profile of this header, or the one asked for.

    Raises FileProblem: unknown_format where nothing fits, missing_columns where it fits but cannot be read.
    """
    profile = PROFILES[code] if code != AUTO else max(PROFILES.values(), key=lambda one: percent(one, header))
    fit = percent(profile, header)
    if code == AUTO and fit < ENOUGH:
        raise FileProblem("unknown_format", profile=profile.LABEL, percent=fit)
    missing = [name for name in profile.REQUIRED if name not in header]
    if not any(name in header for name in profile.TOTALS):
        missing.append(profile.TOTALS[0])
    if missing:
        raise FileProblem("missing_columns", columns="、".join(missing))
    return profile
