"""Rules: when something happened to an inquiry and the conditions hold, the acts follow.

What happened was written down in its own transaction (happenings.py); here a sweep reads it, once. Rules look at the
inquiry as it is when they act, in the order of their position, and never answer what a rule did: so they cannot chase
each other. One that fails is logged and leaves the others alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from inquiries import acts, conditions, events, happenings, masking
from inquiries.models import Happening, Inquiry, Message, Rule, RuleHit
from shopdesk import sweeps
from shopdesk.accounts.models import User

logger = logging.getLogger(__name__)

BATCH = 100
# How many of the newest inquiries a dry run looks at.
LOOKED_AT = 200
SHOWN = 10


def sweep(now: datetime, limit: int = BATCH) -> int:
    """Work off up to ``limit`` happenings that are due, oldest first; how many were. Several workers share them."""
    rules = list(Rule.objects.filter(is_active=True))
    due = Happening.objects.filter(done_at=None, at__lte=now)

    @transaction.atomic
    def work(row: Happening) -> bool:
        happening = due.filter(pk=row.pk).select_for_update(skip_locked=True, of=("self",)).first()
        if happening is not None:
            _work_off(happening, rules, now)
        return happening is not None

    words = "The happening %s could not be worked off."
    return sweeps.work_off(due.only("pk").order_by("pk"), work, limit=limit, log=logger, words=words)


def _work_off(happening: Happening, rules: Sequence[Rule], now: datetime) -> None:
    if not happening.by_rule and _still_holds(happening):
        for rule in rules:
            if rule.event == happening.event:
                _apply(rule, happening, now)
    happening.done_at = now
    happening.save(update_fields=["done_at"])


def _still_holds(happening: Happening) -> bool:
    """A reply is noted for the moment when it leaves: one that was taken back before never happened."""
    if happening.event != Rule.Event.REPLIED:
        return True
    sent = Message.objects.filter(inquiry=happening.inquiry_id, kind=Message.Kind.REPLY)
    return sent.filter(Q(held_until=happening.at) | Q(held_until=None, at=happening.at)).exists()


def _apply(rule: Rule, happening: Happening, now: datetime) -> None:
    """Let one rule act, in a savepoint of its own; the hit is unique for rule and happening."""
    failed = sweeps.alone(logger, "The rule %s failed on inquiry %s.", rule.pk, happening.inquiry_id)
    with failed, transaction.atomic(), happenings.caused_by_a_rule():
        holds = conditions.compile(rule.conditions, user=None, now=now)
        inquiry = _rows().filter(holds, pk=happening.inquiry_id).first()
        if inquiry is None:
            return
        hit = RuleHit.objects.create(rule=rule, inquiry=inquiry, happening=happening, at=now)
        events.record("rule_hit", inquiry, actor=None, now=now, rule=rule.pk, name=rule.name)
        outcomes = acts.perform(inquiry, rule.acts, by=None, now=now)
        hit.outcome = [{"do": one.do, "ok": one.ok, "why": one.why} for one in outcomes]
        hit.save(update_fields=["outcome"])


def _rows() -> Any:
    return Inquiry.objects.select_related("customer", "category", "store", "order", "product", "label", "assignee")


@dataclass(frozen=True)
class Trial:
    """A dry run: how many of the newest inquiries the conditions fit, and some of them."""

    hits: int
    of: int
    examples: list[Inquiry]


def try_out(wanted: Any, *, user: User, now: datetime) -> Trial:
    """How many of the last inquiries that ``user`` may see these conditions would have met. Two queries.

    Raises conditions.BadConditions.
    """
    # Who may not read contacts must not find them out by trying either.
    holds = conditions.compile(wanted, user=None if masking.sees_contacts(user) else user, now=now)
    newest = list(Inquiry.objects.visible_to(user).order_by("-pk").values_list("pk", flat=True)[:LOOKED_AT])
    met = list(Inquiry.objects.filter(holds, pk__in=newest).select_related("customer").order_by("-pk"))
    return Trial(len(met), len(newest), met[:SHOWN])
