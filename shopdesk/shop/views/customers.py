"""The list of customers and one customer."""

from django import forms
from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _

from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.shop import customers
from shopdesk.shop.models import Customer
from shopdesk.shop.pages import page_of


class CustomerFilter(forms.Form):
    q = forms.CharField(label=_("Search"), required=False, max_length=100)

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.GET)
        self.fields["q"].widget.attrs["placeholder"] = _("Name, kana, mail address or phone")
        self.fields["q"].widget.input_type = "search"


@staff_view(P.ORDERS_VIEW)
def customer_list(request: StaffRequest) -> HttpResponse:
    form = CustomerFilter(request)
    form.is_valid()
    query = form.cleaned_data.get("q", "")
    rows = Customer.objects.filter(merged_into=None)
    if query:
        rows = rows.filter(customers.matching(query))
    page = page_of(rows, request)
    # Counted for the rows of this page only.
    pks = [customer.pk for customer in page.object_list]
    shown = Customer.objects.filter(pk__in=pks).prefetch_related("addresses")
    shown = shown.annotate(order_count=Count("orders"), last_order=Max("orders__ordered_at"))
    page.object_list = list(shown.order_by("-pk"))  # a grouped query forgets the model's order
    context = {"form": form, "page_obj": page, "filtered": bool(query), "nav_active": "customers"}
    return render(request, "shop/customers.html", context)


@staff_view(P.ORDERS_VIEW)
def customer_detail(request: StaffRequest, pk: int) -> HttpResponse:
    customer = get_object_or_404(Customer.objects.prefetch_related("addresses", "identities__store"), pk=pk)
    return render(request, "shop/customer.html", {"customer": customer, "nav_active": "customers"})
