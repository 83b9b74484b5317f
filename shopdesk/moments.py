"""How moments and days look on every page, in the reader's language and in the zone that Django has activated for them.

"Today" and "ago" are measured from ``now``. What is told again and again on a page and through the day is put into
words once.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.html import format_html
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _


def day(value: date | datetime, now: datetime) -> str:
    """A calendar day: ``11月20日(金)``, with the year when it is another one, in a <time> element.

    A datetime is brought to the reader's zone first; a date stays the date it is.
    """
    local = timezone.localtime(value).date() if isinstance(value, datetime) else value
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), _day_text(local, _today(now)))


def moment(value: datetime, now: datetime) -> str:
    """A point in time to the minute: ``今日 14:05``, ``昨日 09:30``, ``11月20日(金) 14:05``, in a <time> element."""
    return _moment(value, _today(now), timezone.get_current_timezone(), get_language())


def ago(value: datetime, now: datetime) -> str:
    """The distance from now in one unit: ``3分前``, ``あと2時間``; the exact moment is the title.

    Minutes up to an hour, hours up to two days, days up to four weeks, then the day itself.
    """
    minutes = int(abs((value - now).total_seconds()) // 60)
    return _distance(value, minutes, value > now, _today(now), timezone.get_current_timezone(), get_language())


def _today(now: datetime) -> date:
    return timezone.localtime(now).date()


@lru_cache(maxsize=2_000)
def _moment(value: datetime, today: date, zone: tzinfo, _language: str) -> str:
    return _time_tag(value, _moment_text(timezone.localtime(value, zone), today))


@lru_cache(maxsize=2_000)
def _distance(value: datetime, minutes: int, ahead: bool, today: date, zone: tzinfo, _language: str) -> str:
    """``minutes`` and ``today`` say how far away ``value`` is: a list tells the same distances all minute long."""
    local = timezone.localtime(value, zone)
    if minutes < 1:
        text = _("in a moment") if ahead else _("just now")
    elif minutes < 60:
        n = minutes
        text = (
            ngettext("in %(n)s minute", "in %(n)s minutes", n)
            if ahead
            else ngettext("%(n)s minute ago", "%(n)s minutes ago", n)
        )
        text %= {"n": n}
    elif minutes < 48 * 60:
        n = minutes // 60
        text = (
            ngettext("in %(n)s hour", "in %(n)s hours", n)
            if ahead
            else ngettext("%(n)s hour ago", "%(n)s hours ago", n)
        )
        text %= {"n": n}
    elif minutes < 28 * 24 * 60:
        n = minutes // (24 * 60)
        text = ngettext("in %(n)s day", "in %(n)s days", n) if ahead else ngettext("%(n)s day ago", "%(n)s days ago", n)
        text %= {"n": n}
    else:
        text = _day_text(local.date(), today)
    return _time_tag(value, text, _moment_text(local, today))


def _day_text(day: date, today: date) -> str:
    """11月20日(金) or Fri 20 Nov; the year is told when it is not this year."""
    return _day_in(get_language() or "ja", day, today)


@lru_cache(maxsize=2_000)
def _day_in(language: str, day: date, today: date) -> str:
    if language.startswith("ja"):
        return date_format(day, "n月j日(D)" if day.year == today.year else "Y年n月j日(D)")
    return date_format(day, "D j M" if day.year == today.year else "D j M Y")


def _moment_text(local: datetime, today: date) -> str:
    day = local.date()
    if day == today:
        words = _("Today")
    elif day == today - timedelta(days=1):
        words = _("Yesterday")
    elif day == today + timedelta(days=1):
        words = _("Tomorrow")
    else:
        words = _day_text(day, today)
    return f"{words} {local:%H:%M}"


def _time_tag(value: datetime, text: str, title: str = "") -> str:
    iso = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if title:
        return format_html('<time datetime="{}" title="{}">{}</time>', iso, title, text)
    return format_html('<time datetime="{}">{}</time>', iso, text)
