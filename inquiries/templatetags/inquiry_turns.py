"""The bar of who asks for the next inquiry, and the switch of who takes turns, wherever a page wants them."""

from typing import Any

from django import template
from django.template import Context

from inquiries.views.turns import bar, switch

register = template.Library()


@register.inclusion_tag("inquiries/_pull_bar.html", takes_context=True)
def pull_bar(context: Context) -> dict[str, Any]:
    """「次の問い合わせを受け取る」 or the claim in hand; empty for everybody else. One query for who may ask."""
    return {**bar(context["request"].user), "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("inquiries/_availability.html", takes_context=True)
def availability(context: Context) -> dict[str, Any]:
    """The switch 受付中 / 受付停止中; empty for who takes no turns. One query."""
    return {**switch(context["request"].user), "csrf_token": context.get("csrf_token")}
