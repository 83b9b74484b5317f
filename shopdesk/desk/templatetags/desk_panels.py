"""Tags that let a room's page show what other rooms know, without the room importing them."""

from typing import Any

from django import template
from django.template import Context

from inquiries.models import Inquiry
from shopdesk.desk import panels
from shopdesk.shop.models import Customer

register = template.Library()


@register.inclusion_tag("desk/_inquiry_panels.html", takes_context=True)
def inquiry_panels(context: Context, inquiry: Inquiry) -> dict[str, Any]:
    """Past inquiries, returns and follow-ups of the customer of ``inquiry``."""
    user = context["request"].user
    return {"panels": panels.for_inquiry(inquiry, user), "user": user}


@register.inclusion_tag("desk/_history.html", takes_context=True)
def customer_history(context: Context, customer: Customer) -> dict[str, Any]:
    """One merged list of everything with a customer."""
    return {"rows": panels.history(customer, context["request"].user)}
