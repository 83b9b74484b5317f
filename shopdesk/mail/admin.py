"""Table pages: evidence that is read, never changed here. Stopping and allowing mail: the letters' own screens."""

from django.contrib import admin

from shopdesk.accounts.modeladmin import RoleModelAdmin
from shopdesk.accounts.permissions import P
from shopdesk.mail.models import Consent, Suppression


@admin.register(Consent)
class ConsentAdmin(RoleModelAdmin[Consent]):
    permission = P.MAIL_SETTLE
    read_only = True
    list_display = ("address", "act", "source", "at")
    search_fields = ("address__exact",)


@admin.register(Suppression)
class SuppressionAdmin(RoleModelAdmin[Suppression]):
    permission = P.MAIL_SETTLE
    read_only = True
    list_display = ("address", "scope", "reason", "created_at", "until", "by")
    list_filter = ("scope", "reason")
    search_fields = ("address__exact",)
    list_select_related = ("by",)
