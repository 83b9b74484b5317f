"""Changes of names that the rooms above keep copies of: counted in the row itself, until whoever keeps them has looked.

A moment would not do: an import writes the moment of its beginning into rows that it commits much later. The count is
taken back only if it is still the one that was seen, so a change in between is never lost.
"""

from collections import defaultdict
from collections.abc import Mapping

from django.db.models import F, QuerySet

from shopdesk.shop.models import Customer, Product


def note(rows: "QuerySet[Customer] | QuerySet[Product]") -> None:
    """Their names, kana or phones have changed; in the transaction that changed them. One statement."""
    rows.update(untold=F("untold") + 1)


def waiting(model: "type[Customer] | type[Product]", limit: int) -> dict[int, int]:
    """{key: count} of rows whose changes nobody has taken note of."""
    rows = model._default_manager.filter(untold__gt=0).order_by("pk")
    return dict(rows.values_list("pk", "untold")[:limit])


def taken(model: "type[Customer] | type[Product]", seen: Mapping[int, int]) -> None:
    """What ``waiting`` gave is dealt with. What has changed again since then goes on waiting."""
    by_count = defaultdict(list)
    for pk, count in seen.items():
        by_count[count].append(pk)
    for count, pks in by_count.items():
        model._default_manager.filter(pk__in=pks, untold=count).update(untold=0)
