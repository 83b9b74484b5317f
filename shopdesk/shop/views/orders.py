"""The list of orders and one order."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _

from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.shop import orders
from shopdesk.shop.models import Order, Store
from shopdesk.shop.pages import page_of

_OTHERS = 5


class OrderFilter(forms.Form):
    """What the list shows. Nonsense in the address is ignored: a filter is no form to be refused."""

    q = forms.CharField(label=_("Search"), required=False, max_length=100)
    status = forms.ChoiceField(label=_("Status"), required=False, choices=[("", _("All")), *Order.Status.choices])
    store = forms.ModelChoiceField(
        label=_("Store"), required=False, queryset=Store.objects.all(), to_field_name="code", empty_label=_("All")
    )

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.GET)
        self.fields["q"].widget.attrs["placeholder"] = _("Number, name, mail address or phone")
        self.fields["q"].widget.input_type = "search"


@staff_view(P.ORDERS_VIEW)
def order_list(request: StaffRequest) -> HttpResponse:
    form = OrderFilter(request)
    form.is_valid()
    chosen = form.cleaned_data
    rows = Order.objects.select_related("store").defer("raw", "note")
    if chosen.get("status"):
        rows = rows.filter(status=chosen["status"])
    if chosen.get("store"):
        rows = rows.filter(store=chosen["store"])
    if chosen.get("q"):
        rows = rows.filter(orders.matching(chosen["q"]))
    page = page_of(rows, request)
    context = {
        "form": form,
        "page_obj": page,
        "perms_import": request.user.has_perm(P.ORDERS_IMPORT),
        "filtered": any(chosen.values()),
        "nav_active": "orders",
    }
    return render(request, "shop/orders.html", context)


@staff_view(P.ORDERS_VIEW)
def order_detail(request: StaffRequest, pk: int) -> HttpResponse:
    rows = Order.objects.select_related("store", "customer").prefetch_related(
        "lines__product", "shipments", "customer__addresses"
    )
    order = get_object_or_404(rows, pk=pk)
    others = Order.objects.of_customer(order.customer).exclude(pk=order.pk).only("number", "status", "ordered_at")
    context = {
        "order": order,
        "others": others[:_OTHERS],
        "nav_active": "orders",
    }
    return render(request, "shop/order.html", context)
