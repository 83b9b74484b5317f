"""Who gets new inquiries: turns and availability, the next one on demand, and how often it is handed back."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inquiries import masking, pulling, turns
from inquiries.forms import assignable
from inquiries.models import AgentSetting, Inquiry, Pull
from shopdesk import clock
from shopdesk.accounts import hours
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.fields import save_form
from shopdesk.statements import statement
from shopdesk.text import clean

# What the page of skip rates counts.
_RATES_OF = timedelta(days=30)
_MOST_OPEN = 500


class TurnForm(forms.ModelForm[AgentSetting]):
    """How one person takes part: the row of a table."""

    cap = forms.IntegerField(min_value=1, max_value=_MOST_OPEN)

    class Meta:
        model = AgentSetting
        fields = ("takes_turns", "is_available", "cap")


def bar(user: object) -> dict[str, Any]:
    """What _pull_bar.html draws for a person: nothing for who browses the list themselves, except a claim in hand."""
    if not isinstance(user, User) or not user.has_perm(P.INQUIRIES_PULL):
        return {"pull_shown": False}
    pull = pulling.open_pull(user, now=clock.now())
    if pull is not None:
        pull.inquiry.customer  # noqa: B018  # a second query only with a claim in hand: masking looks at the phone
        masking.cover([pull.inquiry], user)
    return {
        "pull_shown": pull is not None or not user.has_perm(P.INQUIRIES_VIEW_ALL),
        "pull": pull,
        "pull_minutes": pulling.minutes(),
        "pull_left": max(int((pull.expires_at - clock.now()).total_seconds() // 60), 0) if pull else 0,
        "pull_reasons": pulling.REASONS.items(),
        "typed": {},
    }


def switch(user: object) -> dict[str, Any]:
    """What _availability.html draws: nothing for who takes no turns."""
    return {"setting": next(iter(_turns(user=user.pk)), None) if isinstance(user, User) else None}


@statement(keep=1)
def _turns(*, user: int) -> QuerySet[AgentSetting]:
    return AgentSetting.objects.filter(user=user, takes_turns=True)


@staff_view(P.INQUIRIES_VIEW)
@require_POST
def availability(request: StaffRequest) -> HttpResponse:
    """One's own switch: ``available=1`` or ``0``."""
    available = request.POST.get("available") == "1"
    turns.set_available(request.user, available=available)
    messages.success(
        request, _("You get new inquiries again.") if available else _("You get no new inquiries for now.")
    )
    return redirect("admin:index")


@staff_view(P.INQUIRIES_SETTINGS)
@require_http_methods(["GET", "HEAD", "POST"])
def table(request: StaffRequest) -> HttpResponse:
    """Who takes turns, who is there, how many each may have at most."""
    people = assignable()
    kept = {row.user_id: row for row in AgentSetting.objects.filter(user__in=people)}
    counts = turns.open_counts([user.pk for user in people])
    weeks = {user.pk: user for user in User.objects.filter(pk__in=[user.pk for user in people])}
    rows = []
    for user in people:
        prefix = f"u{user.pk}"
        # A person who was added since the page was drawn has no row in it.
        posted = request.POST if f"{prefix}-cap" in request.POST else None
        form = TurnForm(posted, prefix=prefix, instance=kept.get(user.pk) or AgentSetting(user=user))
        week = weeks.get(user.pk, user)
        rows.append((user, form, counts.get(user.pk, 0), None if week.works_any_time else hours.told(week)))
    bound = [form for _user, form, _count, _hours in rows if form.is_bound]
    if request.method == "POST" and all(form.is_valid() for form in bound):
        for form in bound:
            if form.has_changed():
                save_form(form)
        messages.success(request, _("Saved."))
        return redirect("desk-inquiries:turns")
    context = {"rows": rows, "most": _MOST_OPEN, "nav_active": "settings"}
    return render(request, "inquiries/turns.html", context, status=422 if request.method == "POST" else 200)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_PULL)
@require_POST
def pull(request: StaffRequest) -> HttpResponse:
    """Hand out the next inquiry. 409 for who has one already."""
    try:
        got = pulling.next_for(request.user, now=clock.now())
    except pulling.NotNow:
        return redirect("admin:index")  # which says so
    except pulling.HasOneAlready:
        problem = _("One at a time: please answer this one or hand it back first.")
        return _page(request, problem=problem, status=409)
    except pulling.NothingWaits:
        messages.info(request, _("There is no inquiry for you to take right now."))
        return redirect("admin:index")
    return redirect("desk-inquiries:detail", pk=got.inquiry_id)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_PULL)
@require_POST
def skip(request: StaffRequest, pk: int) -> HttpResponse:
    """Hand one's claim back with a reason."""
    claim = get_object_or_404(Pull.objects.select_related("inquiry").filter(user=request.user), pk=pk)
    typed = {"reason": request.POST.get("reason", ""), "comment": clean(request.POST.get("comment", ""))[:300]}
    try:
        pulling.skip(claim, **typed, by=request.user, now=clock.now())
    except pulling.NeedsReason:
        problem = _("Please choose a reason; with “other”, say in a few words what it was.")
        return _page(request, problem=problem, status=422, typed=typed)
    except pulling.HasEnded:
        messages.info(request, _("This inquiry was not in your hands any more."))
    else:
        messages.success(request, _("Handed back. You may take the next one."))
    return redirect("admin:index")


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_PULL)
@require_safe
def pull_bar(request: StaffRequest) -> HttpResponse:
    """The bar alone: the time left is refreshed from it."""
    return render(request, "inquiries/_pull_bar.html", bar(request.user))


@staff_view(P.INQUIRIES_SETTINGS)
@require_safe
def pulls(request: StaffRequest) -> HttpResponse:
    """How often inquiries were handed back in the last 30 days, by person and by category; who has one now."""
    now = clock.now()
    # Figures are of everybody; rows are shown to who may see them.
    visible = Inquiry.objects.visible_to(request.user)
    rows = Pull.objects.filter(ended_at=None, inquiry__in=visible).select_related("user", "inquiry")
    held = list(rows.order_by("expires_at", "pk")[:50])
    masking.cover([pull.inquiry for pull in held], request.user)
    context = {
        "rates": pulling.rates(since=now - _RATES_OF),
        "days": _RATES_OF.days,
        "held": held,
        "nav_active": "settings",
    }
    return render(request, "inquiries/pulls.html", context)


def _page(request: StaffRequest, *, problem: str, status: int, typed: dict[str, str] | None = None) -> HttpResponse:
    context = {**bar(request.user), "problem": problem, "nav_active": "inquiries"}
    return render(request, "inquiries/pull.html", context | {"typed": typed or {}}, status=status)
