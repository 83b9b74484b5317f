"""Tags: words for the state of the moment. What a question was about is its category, cause and product."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from inquiries import events
from inquiries.models import Inquiry, Tag
from shopdesk.accounts.models import User
from shopdesk.text import normalise, one_line

MAX_LENGTH = 30
# More tags than this say nothing any more, and a row of the list could not show them.
MOST = 20


class TooManyTags(Exception):
    """An inquiry holds MOST tags at most; nothing has changed."""


@transaction.atomic
def add(inquiry: Inquiry, tags: Iterable[Tag], *, by: User | None, now: datetime) -> bool:
    """Put tags on an inquiry; False when it had all of them. Raises TooManyTags."""
    fresh = Inquiry.objects.locked().get(pk=inquiry.pk)  # two clicks at once leave one event
    had = set(fresh.tags.values_list("pk", flat=True))
    missing = {tag.pk: tag for tag in tags if tag.pk not in had}
    if not missing:
        return False
    if len(had) + len(missing) > MOST:
        raise TooManyTags
    fresh.tags.add(*missing.values())
    _touch(inquiry, now)
    events.record("tagged", inquiry, actor=by, now=now, tags=[tag.name for tag in missing.values()])
    return True


@transaction.atomic
def remove(inquiry: Inquiry, tags: Iterable[Tag], *, by: User | None, now: datetime) -> bool:
    """Take tags off an inquiry; False when it had none of them."""
    fresh = Inquiry.objects.locked().get(pk=inquiry.pk)
    gone = list(fresh.tags.filter(pk__in=[tag.pk for tag in tags]))
    if not gone:
        return False
    fresh.tags.remove(*gone)
    _touch(inquiry, now)
    events.record("untagged", inquiry, actor=by, now=now, tags=[tag.name for tag in gone])
    return True


def named(name: str) -> Tag | None:
    """The tag of that name, made when there is none; "VIP" and "ｖｉｐ" are one. None for an empty name."""
    name = one_line(name).strip()[:MAX_LENGTH]
    if not name:
        return None
    known = {normalise(tag.name): tag for tag in Tag.objects.all()}
    if tag := known.get(normalise(name)):
        if not tag.is_active:
            Tag.objects.filter(pk=tag.pk).update(is_active=True)
            tag.is_active = True
        return tag
    return Tag.objects.get_or_create(name=name)[0]


def _touch(inquiry: Inquiry, now: datetime) -> None:
    Inquiry.objects.filter(pk=inquiry.pk).update(last_activity_at=now)
    inquiry.last_activity_at = now
