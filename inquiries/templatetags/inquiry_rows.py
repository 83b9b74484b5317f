"""The rows of the list. Most of a page is its rows, and most are shown again: each is drawn once for its values."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.safestring import SafeString

from shopdesk.html import joined
from shopdesk.pieces import Piece

register = template.Library()

# Some 1.5 KB each: 6 MB a process, the first pages of all views of a busy shop.
_ROW = Piece("inquiries/_row.html", keep=4_000)


@register.simple_tag
def inquiry_rows(lines: Sequence[dict[str, Any]], may_bulk: bool) -> SafeString:
    """The lines of inquiries.listpage.ListPage; ``may_bulk`` puts a box before each to mark it."""
    return joined([_row(line, bool(may_bulk)) for line in lines])


def _row(line: dict[str, Any], may_bulk: bool) -> SafeString:
    return _ROW.draw(
        may_bulk=may_bulk,
        pk=line["pk"],
        number=line["number"],
        version=line["version"] if may_bulk else 0,
        url=line["url"],
        is_waiting=line["is_waiting"],
        name=line["name"],
        subject=line["subject"],
        preview=line["preview"],
        excerpt=tuple([(piece["text"], piece["hit"]) for piece in line["excerpt"]]),
        about=line["about"],
        priority=line["priority"],
        ago=line["ago"],
        second=line["second"],
        tags=tuple([(tag["name"], tag["tone"]) for tag in line["tags"]]),
        here=tuple([(one["name"], one["doing"]) for one in line["here"]]),
        assignee=line["assignee"],
        until=line.get("until", ""),
        state=line.get("state", ""),
        tone=line.get("tone", ""),
        due=line.get("due", ""),
    )
