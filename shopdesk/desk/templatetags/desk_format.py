"""How moments, days and money look on every page, in the reader's language (shopdesk.moments), as filters.

Pure formatting: nothing is fetched. "Today" and "ago" are measured from :func:`shopdesk.clock.now`. None and the empty
string give "".
"""

from datetime import date, datetime

from django import template

from shopdesk import clock, moments

register = template.Library()


@register.filter
def moment(value: datetime | None) -> str:
    """``今日 14:05``: see :func:`shopdesk.moments.moment`."""
    return moments.moment(value, clock.now()) if value else ""


@register.filter
def day(value: date | datetime | None) -> str:
    """``11月20日(金)``: see :func:`shopdesk.moments.day`."""
    return moments.day(value, clock.now()) if value else ""


@register.filter
def ago(value: datetime | None) -> str:
    """``3分前``: see :func:`shopdesk.moments.ago`."""
    return moments.ago(value, clock.now()) if value else ""


@register.filter
def yen(value: int | str | None) -> str:
    """Whole yen with thousands separators: ``¥1,234``; a negative sum is ``−¥1,234``. Zero is ``¥0``."""
    if value is None or value == "":
        return ""
    amount = int(value)
    return f"{'−' if amount < 0 else ''}¥{abs(amount):,}"
