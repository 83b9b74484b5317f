"""Whether a reply must be read by a second person. replying.reply() asks here too, so that no way around leads out."""

from collections.abc import Iterable, Sequence

from inquiries.models import ApprovalRule, Inquiry, Template
from shopdesk.accounts.models import User


def needed(inquiry: Inquiry, *, by: User, templates: Sequence[int] = ()) -> str:
    """The name of the first rule that this reply falls under; "" when none does. One query, two with templates.

    ``templates`` are the ids of those that were inserted. The amount is the total of the inquiry's own order.
    """
    if name := first_of(in_force(), inquiry, by=by, templates=templates):
        return name
    if templates:
        named = Template.objects.filter(pk__in=templates, needs_approval=True).order_by("pk").first()
        if named is not None:
            return named.name
    return ""


def in_force() -> list[ApprovalRule]:
    return list(ApprovalRule.objects.filter(is_active=True))


def first_of(rules: Iterable[ApprovalRule], inquiry: Inquiry, *, by: User, templates: Sequence[int] = ()) -> str:
    """The name of the first of ``rules`` that this reply falls under, for whoever asks for many; no query."""
    return next((rule.name for rule in rules if _fits(rule, inquiry, by, templates)), "")


def _fits(rule: ApprovalRule, inquiry: Inquiry, by: User, templates: Sequence[int]) -> bool:
    """Every field that is filled in must hold."""
    if rule.author_id is not None and rule.author_id != by.pk:
        return False
    if rule.role_id is not None and rule.role_id != by.role_id:
        return False
    if rule.template_id is not None and rule.template_id not in templates:
        return False
    if rule.category_id is not None and rule.category_id != inquiry.category_id:
        return False
    if rule.min_amount is None:
        return True
    return inquiry.order is not None and inquiry.order.total >= rule.min_amount
