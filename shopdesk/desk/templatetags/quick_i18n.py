"""Django's ``i18n`` tags (``{% load i18n %}`` loads these, see TEMPLATES), with fixed words translated once.

A page has some fifty ``{% translate "…" %}``; each took as long as a row of the list.
"""

from typing import Any

from django import template
from django.template import Context
from django.template.base import Parser, Token
from django.templatetags import i18n
from django.utils.translation import get_language

register = template.Library()
register.tags |= i18n.register.tags
register.filters |= i18n.register.filters


class FixedWords(template.Node):
    """Words that stand in the template, in each language as it was first asked for."""

    child_nodelists = ()

    def __init__(self, node: i18n.TranslateNode) -> None:
        self.asvar, node.asvar = node.asvar, None
        self._node = node
        self._told: dict[str | None, str] = {}

    def render(self, context: Context) -> str:
        language = get_language()
        words = self._told.get(language)
        if words is None:
            words = self._told[language] = self._node.render(context)
        if self.asvar:
            context[self.asvar] = words
            return ""
        return words


@register.tag("translate")
@register.tag("trans")
def translate(parser: Parser, token: Token) -> template.Node:
    """``{% translate "Save" %}``, ``{% translate "To" context "mail" as words %}``."""
    node: Any = i18n.do_translate(parser, token)
    said, meant = node.filter_expression, node.message_context
    is_fixed = getattr(said.var, "literal", None) is not None and not said.filters and not node.noop
    return FixedWords(node) if is_fixed and (meant is None or not meant.is_var) else node
