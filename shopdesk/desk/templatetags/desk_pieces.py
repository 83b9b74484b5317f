"""Pieces of pages that are drawn once for what they show (shopdesk.pieces), for templates."""

from functools import cache
from typing import Any

from django import template
from django.template import Context
from django.utils.safestring import SafeString

from shopdesk.pieces import Piece

register = template.Library()

_NAVIGATION = Piece("components/nav.html", keep=500)


@register.simple_tag
def piece(name: str, **values: Any) -> SafeString:
    """``{% piece "app/_part.html" total=total %}``: as include, with plain values and nothing else."""
    return _piece(name).draw(**values)


@cache
def _piece(name: str) -> Piece:
    return Piece(name, keep=500)


@register.simple_tag(takes_context=True)
def navigation(context: Context, below: str = "") -> SafeString:
    """The navigation of the signed-in person; ``below`` is drawn under the current item."""
    active, counts = context.get("nav_active", ""), context.get("navigation_counts") or {}
    return _NAVIGATION.draw(
        navigation=context.get("navigation") or (), nav_active=str(active), counts=tuple(counts.items()), below=below
    )
