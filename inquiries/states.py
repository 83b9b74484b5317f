"""Where an inquiry stands, written down and put back: for undoing a change of status, a merge, or work in bulk."""

from datetime import datetime
from typing import Any

from inquiries.models import Inquiry

# What triage.enter may set: a status and everything that belongs to it. Whoever calls it saves these.
ENTERED = (
    "status", "label", "waiting_since", "reply_due_at", "solved_at", "snoozed_until", "snooze_reason", "snooze_comment",
    "snoozed_by", "solve_due_at", "escalation_at", "paused_at", "paused_minutes", "warned_at", "sla_tell_at",
    "first_diff", "next_diff", "solve_diff",
)  # fmt: skip
# All that staff decide about an inquiry besides words and tags.
STATE = (*ENTERED, "merged_into", "priority", "category", "cause", "product", "mood", "assignee", "thanked_at")


def snapshot(inquiry: Inquiry, names: tuple[str, ...] = STATE) -> dict[str, Any]:
    """The fields as they are, fit for JSON: {column: value}; moments in ISO form, rows as their keys."""
    values = {column: getattr(inquiry, column) for column in map(_column, names)}
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}


def restore(inquiry: Inquiry, before: dict[str, Any]) -> tuple[str, ...]:
    """Put the fields of a snapshot back, unsaved; gives the names to save. Unknown names of older versions are skipped.

    A row that was deleted meanwhile (a tag's colleague, a label) would break the foreign key: the caller's transaction
    fails then and nothing changes.
    """
    known = {field.attname: field for field in Inquiry._meta.concrete_fields}
    names = tuple(key for key in before if key in known)
    for key in names:
        value = before[key]
        if isinstance(value, str) and known[key].get_internal_type() == "DateTimeField":
            value = datetime.fromisoformat(value)
        setattr(inquiry, key, value)
    return names


def copy(source: Inquiry, to: Inquiry, names: tuple[str, ...]) -> None:
    """Bring the caller's own copy of a row up to date after another copy of it was saved."""
    for name in names:
        column = _column(name)
        setattr(to, column, getattr(source, column))


def _column(name: str) -> str:
    """``label_id`` for the field "label"."""
    return str(getattr(Inquiry._meta.get_field(name), "attname"))  # noqa: B009  # relations from elsewhere have none
