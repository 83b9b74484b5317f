"""Tags that let a room's page show what other rooms know, without the room importing them."""

from typing import Any

from django import template
from django.template import Context
from django.urls import reverse

from inquiries.models import Inquiry
from shopdesk.accounts.permissions import P
from shopdesk.desk import merging_customers, panels
from shopdesk.desk.models import CustomerMerge
from shopdesk.shop.models import Customer

register = template.Library()


@register.inclusion_tag("desk/_inquiry_panels.html", takes_context=True)
def inquiry_panels(context: Context, inquiry: Inquiry) -> dict[str, Any]:
    """Past inquiries, returns and follow-ups of the customer of ``inquiry``."""
    user = context["request"].user
    return {
        "request": context["request"],
        "csrf_token": context.get("csrf_token", ""),
        "panels": panels.for_inquiry(inquiry, user),
        "user": user,
        "may_release": user.has_perm(P.FOLLOWUPS_MANAGE),
        "back": reverse("desk-inquiries:detail", args=[inquiry.pk]),
    }


@register.inclusion_tag("desk/_history.html", takes_context=True)
def customer_history(context: Context, customer: Customer) -> dict[str, Any]:
    """One merged list of everything with a customer."""
    return {"rows": panels.history(customer, context["request"].user)}


@register.inclusion_tag("desk/_doubles.html", takes_context=True)
def customer_doubles(context: Context, customer: Customer) -> dict[str, Any]:
    """Who may be the same person as ``customer``, for staff who may merge them."""
    user = context["request"].user
    may = user.has_perms([P.ORDERS_VIEW, P.INQUIRIES_VIEW_ALL, P.INQUIRIES_TRIAGE])
    return {
        "request": context["request"],
        "csrf_token": context.get("csrf_token", ""),
        "customer": customer,
        "gone_to": customer.merged_into,
        "doubles": merging_customers.doubles(customer) if may and not customer.merged_into_id else [],
        "merges": list(CustomerMerge.objects.filter(kept=customer, undone_at=None).select_related("gone")[:5])
        if may
        else [],
    }
