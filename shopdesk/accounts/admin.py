"""Table pages of staff, roles and the audit log."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from shopdesk import clock
from shopdesk.accounts import facts, sentences, staff
from shopdesk.accounts.modeladmin import RoleModelAdmin
from shopdesk.accounts.models import AuditEntry, Role, User
from shopdesk.accounts.permissions import P
from shopdesk.accounts.views import TIME_ZONES


class UserForm(forms.ModelForm[User]):
    # Every page of a person whose zone is unknown would fail.
    time_zone = forms.ChoiceField(label=_("time zone"), choices=TIME_ZONES)

    class Meta:
        model = User
        fields = ("email", "name", "alias", "role", "language", "time_zone", "is_active")

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].strip().lower()
        if User.objects.filter(email__iexact=email).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("This mail address belongs to somebody else already."))
        return email

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        before = User.objects.select_related("role").filter(pk=self.instance.pk).first()
        stays = data.get("is_active") and data.get("role") and data["role"].code == "owner"
        if before and before.is_superuser and not stays and not staff.owners_besides(before):
            raise forms.ValidationError(_("This is the last owner. Make somebody else an owner first."))
        return data


@admin.register(User)
class UserAdmin(RoleModelAdmin[User]):
    permission = P.STAFF_MANAGE
    form = UserForm
    list_display = ("email", "name", "alias", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("email", "name", "alias")
    list_select_related = ("role",)
    actions = ("invite",)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """People are switched off, not deleted: what they wrote keeps its author."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        by, now = User.objects.get(pk=request.user.pk), clock.now()
        try:
            staff.save(obj, by=by, now=now)
        except staff.LastOwner:  # the form has looked; a colleague was faster in between
            messages.error(request, _("This is the last owner. Make somebody else an owner first."))
            return
        if not change:
            staff.invite(obj, by=by, now=now)
            messages.info(request, _("An invitation was sent to %(email)s.") % {"email": obj.email})

    @admin.action(description=_("Send an invitation again"))
    def invite(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        by, now = User.objects.get(pk=request.user.pk), clock.now()
        for user in queryset.filter(is_active=True)[:50]:
            staff.invite(user, by=by, now=now)
            messages.info(request, _("An invitation was sent to %(email)s.") % {"email": user.email})


class RoleForm(forms.ModelForm[Role]):
    permissions = forms.MultipleChoiceField(
        label=_("permissions"), choices=P.choices, required=False, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Role
        fields = ("code", "name_ja", "name_en", "permissions", "require_two_factor")


@admin.register(Role)
class RoleAdmin(RoleModelAdmin[Role]):
    permission = P.STAFF_MANAGE
    form = RoleForm
    list_display = ("code", "name_ja", "name_en", "require_two_factor")

    def has_delete_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.code != "owner")

    def get_readonly_fields(self, request: HttpRequest, obj: Role | None = None) -> tuple[str, ...]:
        return ("code",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Role, form: Any, change: bool) -> None:
        staff.save_role(obj, by=User.objects.get(pk=request.user.pk), now=clock.now())


class _ActFilter(admin.AllValuesFieldListFilter):
    """The acts by what they are called, not by their codes."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield choice | {"display": sentences.kind(str(choice["display"]))}


@admin.register(AuditEntry)
class AuditEntryAdmin(RoleModelAdmin[AuditEntry]):
    permission = P.AUDIT_VIEW
    read_only = True
    list_display = ("at", "actor", "what")
    fields = readonly_fields = ("at", "actor", "details")
    list_filter = (("code", _ActFilter),)
    list_select_related = ("actor",)
    date_hierarchy = "at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return facts.with_roles(super().get_queryset(request))

    @admin.display(description=_("act"))
    def what(self, entry: AuditEntry) -> str:
        return sentences.sentence(entry)

    @admin.display(description=_("data"))
    def details(self, entry: AuditEntry) -> str:
        """All that is on record, in words: what changed from what to what, and the rest."""
        return render_to_string(
            "accounts/_audit_details.html", {"changes": facts.changes(entry), "others": facts.others(entry)}
        )

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        entry = self.get_object(request, object_id) if object_id else None
        told = {"title": sentences.headline(entry), "subtitle": None} if entry else {}
        return super().changeform_view(request, object_id, form_url, told | (extra_context or {}))
