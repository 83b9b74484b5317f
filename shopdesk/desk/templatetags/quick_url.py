"""``{% url %}`` that looks an address up once: a conversation has thirty, which differ by the number of the inquiry."""

import re
from functools import lru_cache
from typing import Any

from django import template
from django.template import Context
from django.template.base import Parser, Token
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as plain_url
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse
from django.utils.safestring import SafeString

register = template.Library()

# Numbers that stand in no path of ours, while an address is looked up.
_STAND_IN = 7_310_000_000_000


class Address(URLNode):
    """Django's own, but that numbers are put into an address that is known."""

    def render(self, context: Context) -> str:
        if self.kwargs or (name := self.view_name.resolve(context)) == "":
            return super().render(context)
        values = [one.resolve(context) for one in self.args]
        numbers = [one for one in values if type(one) is int and one >= 0]
        # None stands for a number; a word of the template ("status") is a part of what is looked up.
        shape = tuple([None if type(one) is int and one >= 0 else one for one in values])
        if any(one is not None and type(one) is not SafeString for one in shape):
            return super().render(context)
        try:
            parts = _parts(get_urlconf(), get_script_prefix(), name, shape)
        except LookupFailed:
            return super().render(context)
        address = parts[0] + "".join([f"{number}{part}" for number, part in zip(numbers, parts[1:], strict=True)])
        if self.asvar:
            context[self.asvar] = address
            return ""
        return address


class LookupFailed(Exception):
    """No such address, or one in which the numbers do not stand as they are; not remembered."""


@lru_cache(maxsize=2_000)
def _parts(urlconf: Any, _prefix: str, name: str, shape: tuple[str | None, ...]) -> tuple[str, ...]:
    """What stands around the numbers."""
    stand_ins = [_STAND_IN + place for place in range(shape.count(None))]
    rest = iter(stand_ins)
    try:
        address = reverse(name, urlconf, args=[next(rest) if word is None else word for word in shape])
    except NoReverseMatch as error:
        raise LookupFailed from error
    if not stand_ins:
        return (_plain(address),)
    parts = re.split("|".join(str(one) for one in stand_ins), address)
    in_order = "".join(f"{part}{one}" for part, one in zip(parts, stand_ins, strict=False)) + parts[-1]
    if len(parts) != len(stand_ins) + 1 or in_order != address:
        raise LookupFailed
    return tuple(_plain(part) for part in parts)


def _plain(address: str) -> str:
    """As it may stand in a page as it is."""
    if re.search(r"""[&<>"']""", address):
        raise LookupFailed
    return address


@register.tag
def url(parser: Parser, token: Token) -> Address:
    """``{% url "app:name" pk as address %}``, with Django's meaning (no app is mounted twice here)."""
    node = plain_url(parser, token)
    return Address(node.view_name, node.args, node.kwargs, node.asvar)
