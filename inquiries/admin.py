"""Plain tables of the desk: categories, labels, causes, tags, warning words, approval rules."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from inquiries.models import ApprovalRule, Category, Cause, SLAPolicy, StatusLabel, Tag, WarningWord
from shopdesk.accounts.permissions import P
from shopdesk.accounts.recording import RecordedModelAdmin


@admin.register(Category)
class CategoryAdmin(RecordedModelAdmin[Category]):
    """Names, answer times and what counts as a complaint. Categories are switched off, not deleted."""

    permission = P.INQUIRIES_SETTINGS
    list_display = ("slug", "phase", "name_ja", "name_en", "reply_minutes", "priority", "is_complaint", "is_active")
    list_filter = ("phase", "is_active")

    def has_delete_permission(self, request: HttpRequest, obj: Category | None = None) -> bool:
        return False


@admin.register(SLAPolicy)
class SLAPolicyAdmin(RecordedModelAdmin[SLAPolicy]):
    """How soon we promise to answer and to solve. The first that fits holds; a change holds for new inquiries only."""

    permission = P.INQUIRIES_SETTINGS
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name", "position", "is_active", "store", "channel", "category", "priority", "first_minutes",
                    "next_minutes", "solve_minutes", "warn_minutes",
                ),
                "description": _(
                    "The first promise that fits, by its position, holds. An empty choice fits everything. Without a "
                    "time to answer, the category's time holds; without a time to solve, none is promised. Changes "
                    "hold for inquiries that arrive from now on."
                ),
            },
        ),
    )  # fmt: skip
    list_display = ("position", "name", "whom", "first", "following", "solved", "is_active")
    list_display_links = ("name",)
    list_select_related = ("store", "category")

    @admin.display(description=_("For"))
    def whom(self, policy: SLAPolicy) -> str:
        """What it is limited to; everything where it is limited to nothing."""
        channel = policy.get_channel_display() if policy.channel else ""
        priority = policy.get_priority_display() if policy.priority is not None else ""
        limits = [str(one) for one in (policy.store, channel, policy.category, priority) if one]
        return " · ".join(limits) or str(_("All inquiries"))

    @admin.display(description=_("First answer (min)"), ordering="first_minutes")
    def first(self, policy: SLAPolicy) -> int | None:
        return policy.first_minutes

    @admin.display(description=_("Next answers (min)"), ordering="next_minutes")
    def following(self, policy: SLAPolicy) -> int | None:
        return policy.next_minutes

    @admin.display(description=_("Solved (min)"), ordering="solve_minutes")
    def solved(self, policy: SLAPolicy) -> int | None:
        return policy.solve_minutes


@admin.register(WarningWord)
class WarningWordAdmin(RecordedModelAdmin[WarningWord]):
    """Words that make a writer look again before sending."""

    permission = P.INQUIRIES_SETTINGS
    list_display = ("word", "note")
    search_fields = ("word",)


@admin.register(ApprovalRule)
class ApprovalRuleAdmin(RecordedModelAdmin[ApprovalRule]):
    """Whose replies, or about what, a second person reads first."""

    permission = P.INQUIRIES_SETTINGS
    list_display = ("name", "author", "role", "template", "category", "min_amount", "is_active")
    list_filter = ("is_active",)
    list_select_related = ("author", "role", "template", "category")


class KeptAdmin(RecordedModelAdmin[Any]):
    """A table whose rows are switched off and never deleted: inquiries, figures and macros point to them."""

    permission = P.INQUIRIES_SETTINGS

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(StatusLabel)
class StatusLabelAdmin(KeptAdmin):
    """What the shop calls its steps. What a label counts as stays as it was made, or old figures would move."""

    list_display = ("name_ja", "name_en", "status", "customer_ja", "pauses_clock", "position", "is_active")
    list_filter = ("status", "is_active")

    def get_readonly_fields(self, request: HttpRequest, obj: StatusLabel | None = None) -> tuple[str, ...]:
        return ("status",) if obj else ()


@admin.register(Tag)
class TagAdmin(KeptAdmin):
    """Words for the state of the moment."""

    list_display = ("name", "tone", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name",)


class CauseForm(ModelForm[Cause]):
    """Two levels: what has parts is no part itself."""

    def clean_parent(self) -> Cause | None:
        parent: Cause | None = self.cleaned_data["parent"]
        if parent and self.instance.pk and (parent == self.instance or self.instance.parts.exists()):
            raise ValidationError(_("There are two levels only: this cause has parts itself."))
        return parent


@admin.register(Cause)
class CauseAdmin(KeptAdmin):
    """Why customers write, in two levels."""

    form = CauseForm
    list_display = ("__str__", "parent", "name_en", "position", "is_active")
    list_filter = ("is_active",)
    list_select_related = ("parent",)
    search_fields = ("name_ja", "name_en")

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "parent":
            kwargs["queryset"] = Cause.objects.filter(parent=None)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
