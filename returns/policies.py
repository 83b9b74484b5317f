"""Which rule speaks about which goods and reason, and until when it accepts.

Rules are enforced on the customer's side and are advice on the staff's side. What the law gives cannot be taken away by
a rule: a reason that is the shop's duty (a defect, the wrong goods, damage on the way) is accepted at any time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from returns.models import Policy, Reason
from shopdesk.shop.models import Order, OrderLine

# Where no arrival is known: days from the parcel's departure to its arrival, inside Japan by the usual carriers.
DAYS_ON_THE_WAY = 3

# Who is taken to answer where the rules have nothing of their own: the shop for its carrier; the customer for what is
# undetermined, until staff find otherwise.
_TAKEN_AS = {Reason.Fault.CARRIER: Reason.Fault.SHOP, Reason.Fault.OPEN: Reason.Fault.CUSTOMER}


@dataclass(frozen=True)
class Verdict:
    """What the rules say about one line and reason.

    ``last_day``: the last day on which the rule accepts, shop's calendar; None where it names none or nothing was
    shipped. ``in_time``: whether today is within it. ``accepted``: whether the customer may ask by himself.
    """

    policies: tuple[Policy, ...]
    last_day: date | None
    in_time: bool
    accepted: bool
    never: bool = False

    @property
    def shop_pays(self) -> bool:
        """Whether the shop pays the way back; where no rule speaks, nobody has promised it."""
        return bool(self.policies) and self.policies[0].postage == Policy.Payer.SHOP


def in_force() -> list[Policy]:
    """All rules in force with their reasons; two queries."""
    return list(Policy.objects.filter(is_active=True).prefetch_related("reasons"))


def day_of_arrival(order: Order) -> date | None:
    """Day 1 of every window, in the shop's zone: the delivery, else the departure and three days; None before that."""
    zone = ZoneInfo(settings.TIME_ZONE)
    if order.delivered_at:
        return order.delivered_at.astimezone(zone).date()
    if order.shipped_at:
        return order.shipped_at.astimezone(zone).date() + timedelta(days=DAYS_ON_THE_WAY)
    return None


def last_day(policy: Policy, order: Order) -> date | None:
    """The last day of the rule's window (the day of arrival is day 1); None without a window or an arrival."""
    arrival = day_of_arrival(order)
    if arrival is None or not policy.window_days:
        return None
    return arrival + timedelta(days=policy.window_days - 1)


def _weight(policy: Policy, reason: Reason, tags: set[str]) -> int:
    """How closely a rule speaks about goods and reason; -1 when it does not. The closest rules win over the others."""
    weight = 0
    if policy.applies_to:
        if not tags.intersection(policy.applies_to):
            return -1
        weight += 8
    only = [named.pk for named in policy.reasons.all()]
    if only:
        return weight + 4 if reason.pk in only else -1
    if not policy.fault:
        return weight
    if policy.fault == reason.fault:
        return weight + 2
    return weight + 1 if policy.fault == _TAKEN_AS.get(Reason.Fault(reason.fault)) else -1


def applicable(rules: Sequence[Policy], *, reason: Reason, line: OrderLine) -> tuple[Policy, ...]:
    """The rules that speak most closely about a line and reason, in their order; usually one.

    The line's product and its category are read from the object: fetch them with select_related.
    """
    tags: set[str] = set()
    if line.product is not None:
        tags.update(line.product.tags)
        if line.product.category is not None:
            tags.add(line.product.category.slug)
    weighed = [(_weight(rule, reason, tags), rule) for rule in rules]
    best = max((weight for weight, _ in weighed), default=-1)
    return tuple(rule for weight, rule in weighed if weight == best and best >= 0)


def judge(rules: Sequence[Policy], *, reason: Reason, line: OrderLine, order: Order, now: datetime) -> Verdict:
    """What the rules say today. Only a reason that is plainly the customer's own is ever refused."""
    found = applicable(rules, reason=reason, line=line)
    today = now.astimezone(ZoneInfo(settings.TIME_ZONE)).date()
    days = [day for rule in found if (day := last_day(rule, order))]
    until = max(days, default=None)
    never = bool(found) and all(rule.window_days == 0 for rule in found)
    in_time = not never and (until is None or today <= until)
    own_wish = reason.fault == Reason.Fault.CUSTOMER
    return Verdict(found, until, in_time, accepted=in_time or not own_wish, never=never)


def as_shown(stored: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rules that a case keeps (see ``ReturnCase.policy_shown``), their day as a date again."""
    return [
        {**rule, "last_day": date.fromisoformat(rule["last_day"]) if rule.get("last_day") else None} for rule in stored
    ]


def words_of(found: Sequence[Policy], *, order: Order) -> list[dict[str, Any]]:
    """Rules as a case keeps them, in the language of the moment; a later edit does not change what was promised."""
    kept = []
    for rule in found:
        until = last_day(rule, order)
        kept.append(
            {
                "slug": rule.slug,
                "name": str(rule),
                "text": rule.text,
                "postage": rule.postage,
                "last_day": until.isoformat() if until else None,
            }
        )
    return kept
