"""One more row for the editors of conditions and acts, and a row whose first select was changed."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from inquiries import acts, conditions, editors
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P


@staff_view(P.INQUIRIES_VIEW)
@require_safe
def condition_row(request: StaffRequest) -> HttpResponse:
    """``?place=3`` with that row's inputs draws it anew; without it, an empty row below those that came along."""
    rows = conditions.places(request.GET)
    user = None if request.GET.get("rule") else request.user
    names, place = editors.Names(user), _place(request, rows)
    read = conditions.read(request.GET) if place in rows else {}
    group, stored = next(((name, rows[0]) for name, rows in read.items()), ("all", {}))
    row = editors.condition_row(place, stored, names, group=group)
    return render(request, "inquiries/_condition_row.html", {"row": row, "for_rule": user is None})


@staff_view(P.INQUIRIES_VIEW)
@require_safe
def act_row(request: StaffRequest) -> HttpResponse:
    """``?place=3`` with that row's inputs draws it anew; without it, an empty row below those that came along."""
    rows = acts.places(request.GET)
    user = None if request.GET.get("rule") else request.user
    place = _place(request, rows)
    stored = next(iter(acts.read(request.GET)), {}) if place in rows else {}
    row = editors.act_row(place, stored, editors.Names(user), user)
    return render(request, "inquiries/_act_row.html", {"row": row, "for_rule": user is None})


def _place(request: StaffRequest, rows: list[int]) -> int:
    asked = request.GET.get("place", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 4:
        return int(asked)
    return max(rows, default=-1) + 1
