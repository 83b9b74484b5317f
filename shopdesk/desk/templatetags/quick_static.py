"""Django's ``static`` tags (``{% load static %}`` loads these, see TEMPLATES), with fixed addresses looked up once.

A page of staff names ten files; which version of each is served is settled when the process starts.
"""

from django import template
from django.conf import settings
from django.template import Context
from django.template.base import Parser, Token
from django.templatetags import static as plain_static

register = template.Library()
register.tags |= plain_static.register.tags


class FixedFile(template.Node):
    """The address of a file whose path stands in the template."""

    child_nodelists = ()

    def __init__(self, node: plain_static.StaticNode) -> None:
        self._node = node
        self._address = ""

    def render(self, context: Context) -> str:
        if not self._address or settings.DEBUG:
            self._address = self._node.render(context)
        return self._address


@register.tag
def static(parser: Parser, token: Token) -> template.Node:
    """``{% static "css/shopdesk.css" %}``, ``{% static path as address %}``."""
    node = plain_static.StaticNode.handle_token(parser, token)
    is_fixed = not (node.path.is_var or node.path.filters or node.varname)
    return FixedFile(node) if is_fixed else node
