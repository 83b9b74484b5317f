"""Two rows that are one person become one: everything is moved, and can be moved back.

Shops know a person by several addresses and platforms, so doubles are normal. Nothing is deleted: the row that goes
stays, leads to the one that is kept, and owns nothing any more.

Nobody else takes rows of so many rooms, so the order in which everybody takes them is written here: customers, orders
and their lines, return cases, inquiries, and then what belongs to an inquiry or a case; of one table in the order of
the keys. Whoever holds a row waits for none that stands before it; a sweep that would have to passes on (SKIP LOCKED).
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.apps import apps
from django.db import transaction
from django.db.models import ForeignKey, Q

from inquiries import indexing, phases
from shopdesk import sweeps
from shopdesk.accounts import audit
from shopdesk.accounts.models import User
from shopdesk.desk.models import CustomerMerge
from shopdesk.shop import contacts
from shopdesk.shop.models import Customer, CustomerAddress

logger = logging.getLogger(__name__)

SHOWN = 3
# Longer than any transaction: what was begun before a merge has ended by then.
LATE = timedelta(days=1)


class CannotMerge(Exception):
    """The two are not two customers any more, or own the same thing twice; ``code`` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def doubles(customer: Customer) -> list[Customer]:
    """Others who may be the same person: the same phone, or the same name with the same kana or prefecture."""
    same = Q(pk__in=[])
    if contacts.names_a_person(customer.phone):
        same |= Q(phone=customer.phone)
    if customer.name_kana:
        same |= Q(name=customer.name, name_kana=customer.name_kana)
    elif customer.prefecture:
        same |= Q(name=customer.name, prefecture=customer.prefecture)
    rows = Customer.objects.filter(same, merged_into=None).exclude(pk=customer.pk).prefetch_related("addresses")
    return list(rows.order_by("pk")[:SHOWN])


@transaction.atomic
def merge(gone: Customer, *, into: Customer, by: User, now: datetime) -> CustomerMerge:
    """Move everything of ``gone`` to ``into``.

    Raises CannotMerge: ``same``, ``gone_already`` (one of the two was merged before), ``conflict`` (both wait for the
    same product). Locks both rows in pk order, so that two merges crosswise cannot both succeed.
    """
    if gone.pk == into.pk:
        raise CannotMerge("same")
    rows = _held([gone.pk, into.pk])
    if len(rows) != 2 or any(row.merged_into_id for row in rows):
        raise CannotMerge("gone_already")
    _refuse_conflicts(gone.pk, into.pk)
    moved = _move(gone.pk, into.pk)
    Customer.objects.filter(pk=gone.pk).update(merged_into=into.pk)
    indexing.forget(moved.get("inquiries.inquiry", []))
    phases.renew([into.pk], now=now)
    audit.record("customer.merged", actor=by, now=now, gone=gone.pk, kept=into.pk)
    return CustomerMerge.objects.create(gone=gone, kept=into, moved=moved, by=by, at=now)


@transaction.atomic
def unmerge(merge: CustomerMerge, *, by: User, now: datetime) -> bool:
    """Move back what was moved and is still there; what came since stays. False when it was undone already."""
    holders = _held_chain(merge)
    if not CustomerMerge.objects.filter(pk=merge.pk, undone_at=None).update(undone_at=now, undone_by=by):
        return False
    for label, field in _owners():
        rows = apps.get_model(label)._default_manager.filter(pk__in=merge.moved.get(label, []))
        owned = rows.filter(**{f"{field}__in": holders}).order_by("pk").select_for_update(no_key=True)
        given_back = list(owned.values_list("pk", flat=True))
        rows.filter(pk__in=given_back).update(**{field: merge.gone_id})
        if label == "inquiries.inquiry":  # and no other: those are not held
            indexing.forget(given_back)
    Customer.objects.filter(pk=merge.gone_id).update(merged_into=None)
    phases.renew([merge.gone_id, *holders], now=now)
    audit.record("customer.unmerged", actor=by, now=now, gone=merge.gone_id, kept=merge.kept_id)
    return True


def sweep(now: datetime, limit: int = 100) -> int:
    """Bring along what was written for a customer who is gone by somebody who had looked them up before the merge and
    committed after it: a mail that was filed, an order that was imported. How many rows.

    Else a complaint would stand with nobody, and hold no letter to who complained.
    """
    late = CustomerMerge.objects.filter(undone_at=None, at__gt=now - LATE).order_by("-pk")
    words = "What came late to the merge %s of customers could not be brought along."
    return sweeps.work_off(late, lambda merge: _bring_along(merge, now), limit=limit, log=logger, words=words)


@transaction.atomic
def _bring_along(merge: CustomerMerge, now: datetime) -> int:
    into = _held_chain(merge)[-1]
    fresh = CustomerMerge.objects.select_for_update(no_key=True).filter(pk=merge.pk, undone_at=None).first()
    if fresh is None:
        return 0
    moved = _move(merge.gone_id, into)  # where both wait for the same product, a person must look
    if not moved:
        return 0
    fresh.moved = {label: [*fresh.moved.get(label, []), *moved.get(label, [])] for label in {*fresh.moved, *moved}}
    fresh.save(update_fields=["moved"])
    indexing.forget(moved.get("inquiries.inquiry", []))
    phases.renew([into], now=now)
    return sum(len(pks) for pks in moved.values())


def _move(gone: int, into: int) -> dict[str, list[int]]:
    """Give everything of a customer to another one; what that was. Both are held."""
    moved: dict[str, list[int]] = {}
    for label, field in _owners():
        owned = apps.get_model(label)._default_manager.filter(**{field: gone})
        if label == "shop.customeraddress":  # the same relay address may stand at both
            owned = owned.exclude(address__in=CustomerAddress.objects.filter(customer=into).values("address"))
        if pks := list(owned.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True)):
            owned.filter(pk__in=pks).update(**{field: into})
            moved[label] = pks
    return moved


def _held(pks: Iterable[int]) -> list[Customer]:
    """These customers, held. What is written about them meanwhile waits for nobody: their keys do not change."""
    return list(Customer.objects.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk"))


def _held_chain(merge: CustomerMerge) -> list[int]:
    """Who may own by now what was moved; held, with the one that it goes back to. Of a chain that another merge has
    made longer before we held it, the new end is held too."""
    while True:
        savepoint = transaction.savepoint()
        holders = _led_to(merge.kept_id)
        _held([merge.gone_id, *holders])
        if _led_to(merge.kept_id) == holders:
            transaction.savepoint_commit(savepoint)
            return holders
        transaction.savepoint_rollback(savepoint)


def _led_to(pk: int) -> list[int]:
    """A customer, and whoever it was merged into since: what it kept is there now."""
    chain = [pk]
    while (further := Customer.objects.values_list("merged_into", flat=True).get(pk=chain[-1])) is not None:
        chain.append(further)
    return chain


def _owners() -> list[tuple[str, str]]:
    """(model label, name of the field) of whatever belongs to a customer, in every room; inquiries last."""
    found = []
    for relation in Customer._meta.related_objects:
        model = relation.related_model
        if isinstance(relation.field, ForeignKey) and model not in {Customer, CustomerMerge}:
            found.append((model._meta.label_lower, relation.field.name))
    return sorted(found, key=lambda owner: owner[0] == "inquiries.inquiry")


def _refuse_conflicts(gone: int, kept: int) -> None:
    waiting = apps.get_model("followups.restockrequest")._default_manager.filter(restocked_at=None)
    both = waiting.filter(customer=kept).values("product")
    if waiting.filter(customer=gone, product__in=both).exists():
        raise CannotMerge("conflict")
