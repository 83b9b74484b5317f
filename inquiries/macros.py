"""Macros: several acts under one name, for one inquiry or many."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils.translation import gettext as _

from inquiries import acts as registry
from inquiries.models import Inquiry, InquiryQuerySet, Macro
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.fields import save_columns


def offered_to(user: User) -> QuerySet[Macro]:
    """Shared ones and the person's own."""
    return Macro.objects.filter(Q(owner=None) | Q(owner=user), is_active=True)


def may_change(macro: Macro, user: User) -> bool:
    """One's own, and shared ones where the role allows it."""
    return user.has_perm(P.INQUIRIES_TEMPLATES) if macro.owner_id is None else macro.owner_id == user.pk


def rows(user: User) -> InquiryQuerySet:
    """What a macro may be run on, with all that its acts look at."""
    found = Inquiry.objects.visible_to(user)
    return found.select_related("customer", "category", "store", "order", "product", "label", "assignee")


def check(acts: Any, *, user: User) -> None:
    """Raises BadActs; a macro does something."""
    registry.check(acts, user=user)
    if not acts:
        raise registry.BadActs([_("Please choose what is to be done.")])


@transaction.atomic
def save(macro: Macro, *, acts: list[dict[str, Any]]) -> Macro:
    """Write a macro; a new one stands last, and the same form sent twice is one. The acts were checked."""
    if macro._state.adding:
        same = Macro.objects.filter(name=macro.name, owner=macro.owner, acts=acts, is_active=True)
        if twin := same.first():
            return twin
        last = Macro.objects.aggregate(last=Max("position"))["last"]
        macro.position = 0 if last is None else last + 1
    macro.acts = acts
    save_columns(macro, ["name", "owner", "acts"])
    return macro


@transaction.atomic
def run(macro: Macro, inquiry: Inquiry, *, by: User, now: datetime, version: str = "") -> list[registry.Outcome] | None:
    """Do a macro on one inquiry. None, and nothing is done, when something was said since the page was drawn
    (``version``): the second of two clicks does nothing either."""
    fresh = rows(by).locked().filter(pk=inquiry.pk).first()
    if fresh is None or (version and version != str(fresh.version)):
        return None
    return registry.perform(fresh, macro.acts, by=by, now=now)
