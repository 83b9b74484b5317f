"""Plain tables of what a shop sets once: stores, hours, closing days, products."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.db import models, transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from shopdesk import clock
from shopdesk.accounts import audit
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.accounts.recording import RecordedModelAdmin
from shopdesk.shop import calendar, changes
from shopdesk.shop.models import BusinessHours, Closure, Product, ProductCategory, Store

# An address that somebody types without a scheme is a secure one.
_SECURE: "Mapping[type[models.Field[Any, Any]], Mapping[str, Any]]" = {models.URLField: {"assume_scheme": "https"}}


@admin.register(Store)
class StoreAdmin(RecordedModelAdmin[Store]):
    permission = P.SETTINGS_CHANGE
    list_display = ("name", "code", "sender_name", "sender_address", "undo_seconds", "is_default")
    search_fields = ("name", "code")
    formfield_overrides = _SECURE


@admin.register(BusinessHours)
class BusinessHoursAdmin(RecordedModelAdmin[BusinessHours]):
    permission = P.SETTINGS_CHANGE
    list_display = ("weekday", "opens", "closes")


@admin.register(Closure)
class ClosureAdmin(RecordedModelAdmin[Closure]):
    permission = P.SETTINGS_CHANGE
    list_display = ("first_day", "last_day", "name", "kind", "active")
    list_filter = ("kind", "active")
    date_hierarchy = "first_day"
    change_list_template = "shop/admin_closures.html"
    actions = ("close", "open")

    @admin.action(description=gettext_lazy("Close on these days"))
    def close(self, request: HttpRequest, rows: QuerySet[Closure]) -> None:
        self._switch(request, rows, active=True)

    @admin.action(description=gettext_lazy("Work on these days"))
    def open(self, request: HttpRequest, rows: QuerySet[Closure]) -> None:
        self._switch(request, rows, active=False)

    @transaction.atomic
    def _switch(self, request: HttpRequest, rows: QuerySet[Closure], *, active: bool) -> None:
        others = list(rows.exclude(active=active).order_by("pk").select_for_update())
        Closure.objects.filter(pk__in=[row.pk for row in others]).update(active=active)
        self.put_on_record(request, "changed", others, [["active", not active, active]])

    def get_urls(self) -> list[URLPattern]:
        return [path("seed/", seed, name="shop_closure_seed"), *super().get_urls()]


@staff_view(P.SETTINGS_CHANGE)
@require_POST
@transaction.atomic
def seed(request: StaffRequest) -> HttpResponse:
    """Write the public holidays of this and the next two years, and propose the seasons."""
    now = clock.now()
    first, last = calendar.years_to_seed(now)
    count = calendar.seed_closures(first, last)
    if count:
        audit.record(
            "settings.seeded", actor=request.user, now=now, table=Closure._meta.label_lower, first=first, last=last,
            count=count,
        )  # fmt: skip
        text = ngettext("%(count)s closing day was added.", "%(count)s closing days were added.", count)
        messages.success(request, text % {"count": count})
    else:
        messages.info(request, _("Every public holiday is already here."))
    return redirect(reverse("admin:shop_closure_changelist"))


@admin.register(ProductCategory)
class ProductCategoryAdmin(RecordedModelAdmin[ProductCategory]):
    permission = P.SETTINGS_CHANGE
    list_display = ("name", "name_en", "slug")


@admin.register(Product)
class ProductAdmin(RecordedModelAdmin[Product]):
    permission = P.SETTINGS_CHANGE
    list_display = ("sku", "name", "category", "price", "warranty_months", "is_active")
    list_filter = ("category", "is_active")
    list_select_related = ("category",)
    search_fields = ("sku", "name", "name_en")
    formfield_overrides = _SECURE

    def save_model(self, request: HttpRequest, obj: Product, form: "ModelForm[Product]", change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "name" in form.changed_data:
            changes.note(Product.objects.filter(pk=obj.pk))
