"""Pieces of pages that look the same for the same values, and are drawn once for them.

A list is drawn a hundred times a day from rows that hardly change; most of the work of a page is its template. A piece
knows nothing but its values, so what it keeps can be neither stale nor another reader's.
"""

from functools import lru_cache
from types import NoneType
from typing import Any

from django.conf import settings
from django.template import Context
from django.template.loader import get_template
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone
from django.utils.translation import get_language


class Piece:
    """The template ``name``, which sees the values of :meth:`draw` and nothing else: no request, no reader, no token.

    Values are texts, numbers, None, and tuples of them; anything else is a TypeError, because two rows that are equal
    by their key need not look the same. What changes with the clock ("3 minutes ago") is a value too:
    the template has no filter that asks what time it is. At most ``keep`` drawings are kept in each process.
    """

    def __init__(self, name: str, *, keep: int) -> None:
        self.name = name
        self._drawn = lru_cache(maxsize=keep)(self._draw)

    def draw(self, **values: Any) -> SafeString:
        # The kinds belong to the key: True equals 1, and a text that is safe equals one that must be escaped.
        around = (get_language(), get_current_timezone(), _kinds(values.values()))
        return (self._draw if settings.DEBUG else self._drawn)(around, tuple(values), *values.values())

    def _draw(self, around: tuple[Any, ...], names: tuple[str, ...], *values: Any) -> SafeString:
        _refuse_others(around[-1])
        template: Any = get_template(self.name)
        drawn: SafeString = template.template.render(Context(dict(zip(names, values, strict=True))))
        return drawn


_PLAIN = {str, SafeString, int, bool, float, NoneType}


def _kinds(values: Any) -> tuple[Any, ...]:
    return tuple([_kinds(one) if isinstance(one, tuple) else type(one) for one in values])


def _refuse_others(kinds: tuple[Any, ...]) -> None:
    for kind in kinds:
        if isinstance(kind, tuple):
            _refuse_others(kind)
        elif kind not in _PLAIN:
            raise TypeError(f"{kind} is no plain value")
