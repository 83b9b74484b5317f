"""Changing a step that people may be waiting for. What was sent stays sent: a step keeps its key through every edit."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from followups import planning
from followups.forms import SequenceForm, StepForm
from shopdesk.accounts import audit
from shopdesk.accounts.models import User


@transaction.atomic
def save_step(form: StepForm, *, by: User, now: datetime) -> int:
    """Save a checked step; gives how many waiting letters moved to the new times, 0 unless that was asked for."""
    step = form.save()
    moved = planning.replan(step, now=now) if form.cleaned_data["move_waiting"] else 0
    audit.record(
        "followups.step_changed", actor=by, now=now, step=step.pk, sequence=step.sequence.slug,
        fields=sorted(form.changed_data), moved=moved,
    )  # fmt: skip
    return moved


@transaction.atomic
def save_sequence(form: SequenceForm, *, by: User, now: datetime) -> None:
    """Save the conditions of a sequence. Letters that wait are decided by the new ones."""
    sequence = form.save()
    audit.record(
        "followups.sequence_changed", actor=by, now=now, sequence=sequence.slug, fields=sorted(form.changed_data)
    )
