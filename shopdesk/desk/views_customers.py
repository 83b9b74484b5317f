"""What the desk does with customers: two rows that are one person, and the remarks beside a conversation."""

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from shopdesk import clock
from shopdesk.accounts import audit
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.desk import merging_customers
from shopdesk.desk.models import CustomerMerge
from shopdesk.shop.models import Customer
from shopdesk.text import clean, one_line

LONGEST_NOTE = 2_000

_REFUSALS = {
    "same": lambda: _("A customer cannot be merged with themselves."),
    "gone_already": lambda: _("One of the two was merged already."),
    "conflict": lambda: _("Both wait for the same product to come back. Please close one of the two requests first."),
}


@staff_view(P.ORDERS_VIEW, P.INQUIRIES_VIEW_ALL, P.INQUIRIES_TRIAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def merge(request: StaffRequest, pk: int, into: int) -> HttpResponse:
    """Compare two customers, then make them one."""
    rows = Customer.objects.prefetch_related("addresses").annotate(
        order_count=Count("orders", distinct=True), inquiry_count=Count("inquiries", distinct=True)
    )
    gone, kept = get_object_or_404(rows, pk=pk), get_object_or_404(rows, pk=into)
    problem = ""
    if request.method == "POST":
        try:
            done = merging_customers.merge(gone, into=kept, by=request.user, now=clock.now())
        except merging_customers.CannotMerge as error:
            problem = _REFUSALS[error.code]()
        else:
            messages.success(request, _("Merged: everything is with %(name)s now.") % {"name": kept.name})
            return redirect(f"{reverse('desk-shop:customer', args=[kept.pk])}?merged={done.pk}")
    context = {"gone": gone, "kept": kept, "problem": problem, "nav_active": "customers"}
    return render(request, "desk/merge_customers.html", context, status=422 if problem else 200)


@staff_view(P.ORDERS_VIEW, P.INQUIRIES_VIEW_ALL, P.INQUIRIES_TRIAGE)
@require_POST
def unmerge(request: StaffRequest, pk: int) -> HttpResponse:
    """Take two customers apart again."""
    row = get_object_or_404(CustomerMerge, pk=pk)
    if merging_customers.unmerge(row, by=request.user, now=clock.now()):
        messages.success(request, _("They are two customers again."))
    return redirect("desk-shop:customer", pk=row.kept_id)


@staff_view(P.ORDERS_VIEW, P.INQUIRIES_VIEW_ALL, P.INQUIRIES_TRIAGE)
@require_POST
def note(request: StaffRequest, pk: int) -> HttpResponse:
    """Write the remarks that stand beside every conversation with a customer."""
    customer = get_object_or_404(Customer, pk=pk)
    text = clean(request.POST.get("note", "")).strip()[:LONGEST_NOTE]
    if text != customer.note:
        customer.note = text
        customer.save(update_fields=["note"])
        audit.record("customer.noted", actor=request.user, now=clock.now(), customer=pk)
        messages.success(request, _("The remarks are saved."))
    back = one_line(request.POST.get("next", ""))
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    if is_ours and back.startswith("/"):  # a bare word would be taken for the name of a view
        return redirect(back)
    return redirect("desk-shop:customer", pk=pk)
