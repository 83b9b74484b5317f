"""Keeping views: personal ones, ones for everybody, and the one that a person sees first."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from inquiries import conditions, listing
from inquiries.models import AgentSetting, SavedView
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P

MOST = 50


class NotYours(Exception):
    """A colleague's view; theirs alone to change."""


class NameTaken(Exception):
    """The person has a view of that name."""


class TooMany(Exception):
    """Nobody finds anything among more views than MOST."""


def may_change(view: SavedView, user: User) -> bool:
    """The owner's own; what is for everybody also by who looks after the desk, because owners leave."""
    return view.owner_id == user.pk or (view.shared and user.has_perm(P.INQUIRIES_SETTINGS))


@transaction.atomic
def save(
    view: SavedView | None, *, name: str, shared: bool, order: str, position: int, wanted: dict[str, Any],
    by: User, now: datetime,
) -> SavedView:  # fmt: skip
    """Write a new view (None) or change one. ``wanted`` are conditions as inquiries.conditions reads them.

    Raises NotYours, NameTaken, TooMany and conditions.BadConditions; nothing is written then.
    """
    if view is not None and not may_change(view, by):
        raise NotYours
    if view is None and SavedView.objects.filter(owner=by).count() >= MOST:
        raise TooMany
    conditions.check(wanted, user=by, now=now)
    if order not in listing.ORDERS:
        raise ValueError(order)
    view = view or SavedView(owner=by)
    view.name, view.shared, view.order, view.position, view.conditions = name, shared, order, position, wanted
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise NameTaken from error
    return view


def delete(view: SavedView, *, by: User) -> None:
    """Forget a view; who saw it first sees what waits for an answer again. Raises NotYours."""
    if not may_change(view, by):
        raise NotYours
    view.delete()


def set_default(user: User, key: str) -> bool:
    """What ``user`` sees first: a built-in view or one that they are offered. False where there is no such view."""
    pk = listing.saved_id(key)
    if pk is None and key not in listing.offered(user):
        return False
    if pk is not None and not SavedView.objects.offered_to(user).filter(pk=pk).exists():
        return False
    values = {"default_view_id": pk, "default_tab": "" if pk else key}
    AgentSetting.objects.update_or_create(user=user, defaults=values)
    return True
