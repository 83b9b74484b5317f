"""When a person works: their week, as whoever manages the desk writes it."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from inquiries import pulling
from inquiries.models import ApprovalRule
from shopdesk import clock
from shopdesk.accounts import hours
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.shop.working import GRACE
from shopdesk.working_hours import BadHours, Slot, day_text, read_day

_LONGEST = 100
_FRIDAY = 4


class HoursForm(forms.Form):
    """A line a weekday: ``9:00-12:00, 13:00-17:00``. Nothing on any day: at any time."""

    rests_on_closing_days = forms.BooleanField(
        label=gettext_lazy("Closing days of the shop and public holidays are free"), required=False
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        week: dict[str, Any] = {_name(weekday): day_text(user.slots, weekday) for weekday in range(7)}
        week["rests_on_closing_days"] = user.rests_on_closing_days
        kwargs["initial"] = week | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        for weekday, label in WEEKDAYS.items():
            # iOS shows a keyboard without a dash for inputmode="numeric".
            field = forms.CharField(label=label, required=False, max_length=_LONGEST)
            field.widget.attrs["autocomplete"] = "off"
            self.fields[_name(weekday)] = field

    def days(self) -> list[forms.BoundField]:
        return [self[_name(weekday)] for weekday in range(7)]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        slots: list[Slot] = []
        for weekday in range(7):
            try:
                slots += read_day(data.get(_name(weekday), ""), weekday)
            except BadHours as bad:
                told = (
                    _("“%(part)s” overlaps the hours before it.")
                    if bad.twice
                    else _("“%(part)s” is no span of hours; write it like 9:00-17:00.")
                )
                self.add_error(_name(weekday), told % {"part": bad.part})
        return data | {"slots": slots}


def _name(weekday: int) -> str:
    return f"day{weekday}"


@staff_view(P.INQUIRIES_SETTINGS)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    """The week of a person. ``copy`` puts Monday's line on the days up to Friday and saves nothing yet."""
    person = get_object_or_404(User.objects.active().select_related("role"), pk=pk)
    if not person.has_perm(P.INQUIRIES_VIEW):
        return redirect("desk-inquiries:turns")
    if "copy" in request.POST:
        typed = {name: request.POST.get(name, "")[:_LONGEST] for name in (_name(day) for day in range(7))}
        typed |= {_name(weekday): typed[_name(0)] for weekday in range(1, _FRIDAY + 1)}
        kept = {"rests_on_closing_days": "rests_on_closing_days" in request.POST}
        return _page(request, person, HoursForm(user=person, initial=typed | kept))
    form = HoursForm(request.POST if request.method == "POST" else None, user=person)
    if request.method == "POST" and form.is_valid():
        now = clock.now()
        with transaction.atomic():
            words = form.cleaned_data
            changed = hours.change(
                person, slots=words["slots"], rests_on_closing_days=words["rests_on_closing_days"], by=request.user,
                now=now,
            )  # fmt: skip
            pulling.hours_changed(changed, now=now)
        messages.success(request, _("Saved."))
        return redirect("desk-inquiries:turns")
    return _page(request, person, form, status=422 if request.method == "POST" else 200)


def _page(request: StaffRequest, person: User, form: HoursForm, *, status: int = 200) -> HttpResponse:
    rules = ApprovalRule.objects.filter(Q(author=person) | Q(author=None), Q(role=person.role) | Q(role=None))
    add = {"author": person.pk, "name": _("Replies of %(name)s") % {"name": person}}
    context = {
        "person": person,
        "form": form,
        # As with is_bound(): also before there are any hours.
        "is_bound": not person.has_perm(P.INQUIRIES_VIEW_ALL),
        "grace": int(GRACE.total_seconds() // 60),
        "zone": settings.TIME_ZONE,
        "rules": rules.filter(is_active=True).exclude(author=None, role=None).order_by("name", "pk"),
        "add_rule": f"{reverse('admin:inquiries_approvalrule_add')}?{urlencode(add)}",
        "nav_active": "settings",
    }
    return render(request, "inquiries/hours.html", context, status=status)
