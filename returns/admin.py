"""Plain tables: reasons and rules."""

from typing import ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from returns.models import Policy, Reason
from shopdesk.accounts.permissions import P
from shopdesk.accounts.recording import RecordedModelAdmin


@admin.register(Reason)
class ReasonAdmin(RecordedModelAdmin[Reason]):
    """Why things come back. A reason that cases name is retired by taking away its tick, never deleted."""

    permission = P.RETURNS_SETTINGS
    list_display = ("__str__", "code", "fault", "answer_required", "is_active", "position")
    list_filter = ("fault", "is_active")
    search_fields = ("code", "name_ja", "name_en")

    def has_delete_permission(self, request: HttpRequest, obj: Reason | None = None) -> bool:
        return False


@admin.register(Policy)
class PolicyAdmin(RecordedModelAdmin[Policy]):
    """The rules that customers read. Cases keep the words that were shown to them."""

    permission = P.RETURNS_SETTINGS
    list_display = ("__str__", "slug", "fault", "window_days", "postage", "is_active", "position")
    list_filter = ("fault", "is_active")
    # Django's two-box widget cannot be used without a mouse; ticks can.
    formfield_overrides: ClassVar = {models.ManyToManyField: {"widget": forms.CheckboxSelectMultiple}}
