"""Pieces of pages that are drawn once for what they show (shopdesk.pieces), for templates."""

from functools import cache
from typing import Any

from django import template
from django.template import Context
from django.utils.safestring import SafeString

from shopdesk.accounts.models import User
from shopdesk.pieces import Piece

register = template.Library()

_FRAME = Piece("components/frame.html", keep=500, holes=("csrf_token", "path"))


@register.simple_tag
def piece(name: str, **values: Any) -> SafeString:
    """``{% piece "app/_part.html" total=total %}``: as include, with plain values and nothing else."""
    return _piece(name).draw(**values)


@cache
def _piece(name: str) -> Piece:
    return Piece(name, keep=500)


@register.simple_tag(takes_context=True)
def staff_frame(context: Context) -> SafeString:
    """What stands around every page of staff: the bar of the phone, the navigation, who is signed in."""
    # Django draws its page about an impossible query of a table without the request.
    user, request = context.get("user"), context.get("request")
    name, role = (str(user), str(user.role)) if isinstance(user, User) else ("", "")
    return _FRAME.draw(
        navigation=tuple(context.get("navigation") or ()),
        nav_active=str(context.get("nav_active", "")),
        counts=tuple((context.get("navigation_counts") or {}).items()),
        below=context.get("nav_below", ""),
        name=name,
        role=role,
        demo=bool(context.get("demo")),
        filled={"csrf_token": context.get("csrf_token", ""), "path": request.get_full_path() if request else ""},
    )
