"""Pieces of pages that look the same for the same values, and are drawn once for them.

A list is drawn a hundred times a day from rows that hardly change; most of the work of a page is its template. A piece
knows nothing but its values, so what it keeps can be neither stale nor another reader's.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import NoneType
from typing import Any

from django.conf import settings
from django.template import Context
from django.template.loader import get_template
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone
from django.utils.translation import get_language

from shopdesk import html


class Piece:
    """The template ``name``, which sees the values of :meth:`draw` and nothing else: no request, no reader, no token.

    Values are texts, numbers, None, and tuples of them; anything else is a TypeError, because two rows that are equal
    by their key need not look the same. What changes with the clock ("3 minutes ago") is a value too:
    the template has no filter that asks what time it is. At most ``keep`` drawings are kept in each process.

    ``holes`` are names in the template ("path", "inquiry.name") whose values are another one each time and are not
    kept: they are put into the drawing as they are, escaped unless they are safe. The template may ask whether there is
    one, and nothing else of it. ``csrf_token`` is one where the template has ``{% csrf_token %}``. ``numbers`` are
    holes for keys, which the template may put into addresses: what looks the same for two rows is drawn once for both.
    """

    def __init__(self, name: str, *, keep: int, holes: Sequence[str] = (), numbers: Sequence[str] = ()) -> None:
        self.name = name
        # Nobody can guess what stands for a value in a kept drawing.
        self._marks: dict[str, str | int] = {hole: secrets.token_hex(16) for hole in holes}
        self._marks |= {hole: 10**17 + secrets.randbelow(9 * 10**17) for hole in numbers}
        self._drawn = lru_cache(maxsize=keep)(self._draw)

    def draw(self, *, filled: Mapping[str, object] | None = None, **values: Any) -> SafeString:
        """``filled`` has a value for each of the holes; None and "" are none."""
        told = filled or {}
        empty = tuple([hole for hole in self._marks if told[hole] in _NOTHING])
        # The kinds belong to the key: True equals 1, and a text that is safe equals one that must be escaped.
        around = (get_language(), get_current_timezone(), _kinds(values.values()), empty)
        parts = (self._draw if settings.DEBUG else self._drawn)(around, tuple(values), *values.values())
        return html.filled(parts, told)

    def _draw(self, around: tuple[Any, ...], names: tuple[str, ...], *values: Any) -> tuple[SafeString | str, ...]:
        """The drawing in parts: at each second place stands the name of a hole."""
        *_, kinds, empty = around
        _refuse_others(kinds)
        marks = {hole: mark for hole, mark in self._marks.items() if hole not in empty}
        template: Any = get_template(self.name)
        drawn = template.template.render(Context(_by_name(marks) | dict(zip(names, values, strict=True))))
        if not marks:
            return (drawn,)
        holes = {str(mark): hole for hole, mark in marks.items()}
        return tuple([holes.get(part, part) for part in re.split(f"({'|'.join(holes)})", drawn)])


_NOTHING = (None, "")


def _by_name(marks: dict[str, str | int]) -> dict[str, Any]:
    """``{"inquiry.pk": 1}`` as a template looks it up: ``{"inquiry": {"pk": 1}}``."""
    found: dict[str, Any] = {}
    for hole, mark in marks.items():
        *path, last = hole.split(".")
        place = found
        for step in path:
            place = place.setdefault(step, {})
        place[last] = mark
    return found


_PLAIN = {str, SafeString, int, bool, float, NoneType}


def _kinds(values: Any) -> tuple[Any, ...]:
    return tuple([_kinds(one) if isinstance(one, tuple) else type(one) for one in values])


def _refuse_others(kinds: tuple[Any, ...]) -> None:
    for kind in kinds:
        if isinstance(kind, tuple):
            _refuse_others(kind)
        elif kind not in _PLAIN:
            raise TypeError(f"{kind} is no plain value")
