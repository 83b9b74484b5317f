"""Changing a step that people may be waiting for. What was sent stays sent: a step keeps its key through every edit."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from followups import planning
from followups.forms import SequenceForm, StepForm
from followups.models import Sequence
from shopdesk.accounts import audit, recording
from shopdesk.accounts.models import User
from shopdesk.fields import save_form

_SAME = (
    "name", "delay", "unit", "local_time", "tags", "repeat_months", "coupon_code",
    "subject_ja", "body_ja", "subject_en", "body_en",
)  # fmt: skip


@transaction.atomic
def save_step(form: StepForm, *, by: User, now: datetime) -> int:
    """Save a checked step; gives how many waiting letters moved to the new times, 0 unless that was asked for.

    A new step that equals the last one is a form sent twice: saved again, it would send the same letter twice.
    """
    if form.instance._state.adding and _is_there(form):
        return 0
    told = recording.changes(form)
    step = save_form(form)
    moved = planning.replan(step, now=now) if form.cleaned_data["move_waiting"] else 0
    audit.record(
        "followups.step_changed", actor=by, now=now, step=step.pk, sequence=step.sequence.slug,
        fields=sorted(form.changed_data), changes=told, moved=moved,
    )  # fmt: skip
    return moved


def _is_there(form: StepForm) -> bool:
    """Whether the sequence ends with the same step; whoever adds to it meanwhile waits for our transaction."""
    step = form.instance
    sequence = Sequence.objects.select_for_update().get(pk=step.sequence_id)
    last = sequence.steps.order_by("-position", "-pk").first()
    if last is None or any(getattr(last, name) != getattr(step, name) for name in _SAME):
        return False
    return set(last.categories.all()) == set(form.cleaned_data["categories"])


@transaction.atomic
def save_sequence(form: SequenceForm, *, by: User, now: datetime) -> None:
    """Save the conditions of a sequence. Letters that wait are decided by the new ones."""
    told = recording.changes(form)
    sequence = save_form(form)  # not whether it is paused
    audit.record(
        "followups.sequence_changed", actor=by, now=now, sequence=sequence.slug, fields=sorted(form.changed_data),
        changes=told,
    )  # fmt: skip
