"""Views that staff keep: personal ones and ones for everybody."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inquiries import conditions, editors, listing, masking, saving_views
from inquiries.forms import ViewForm
from inquiries.models import AgentSetting, SavedView
from inquiries.views.frame import frame
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P


@staff_view(P.INQUIRIES_VIEW)
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """The views that this person is offered, and which one they see first."""
    return _index(request)


@staff_view(P.INQUIRIES_VIEW)
@require_POST
def default(request: StaffRequest) -> HttpResponse:
    """What this person sees first."""
    if not saving_views.set_default(request.user, request.POST.get("view", "")):
        return _index(request, problem=_("There is no such view."), status=422)
    messages.success(request, _("Saved."))
    return redirect("desk-inquiries:views")


@staff_view(P.INQUIRIES_VIEW_ALL)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    """Keep a list as a view: the one whose address comes with the request, or one made of conditions."""
    wanted = listing.Wanted.read(request.GET).as_conditions(request.user)
    return _form(request, None, wanted)


@staff_view(P.INQUIRIES_VIEW_ALL)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Change a view. A colleague's does not exist here."""
    kept = get_object_or_404(SavedView.objects.offered_to(request.user), pk=pk)
    if not saving_views.may_change(kept, request.user):
        raise Http404
    return _form(request, kept, kept.conditions)


@staff_view(P.INQUIRIES_VIEW_ALL)
@require_POST
def delete(request: StaffRequest, pk: int) -> HttpResponse:
    """Forget a view. A colleague's does not exist here."""
    kept = get_object_or_404(SavedView.objects.offered_to(request.user), pk=pk)
    try:
        saving_views.delete(kept, by=request.user)
    except saving_views.NotYours as error:
        raise Http404 from error
    messages.success(request, _("The view was deleted."))
    return redirect("desk-inquiries:views")


def _index(request: StaffRequest, *, problem: str = "", status: int = 200) -> HttpResponse:
    user = request.user
    rows = SavedView.objects.offered_to(user).select_related("owner").order_by("shared", "position", "pk")
    names, setting = listing.labels(), AgentSetting.objects.filter(user=user).first()
    chosen = (f"v{setting.default_view_id}" if setting.default_view_id else setting.default_tab) if setting else ""
    lines = [
        {
            "view": view,
            "key": listing.key_of(view),
            "words": _words(view, user),
            "order": dict(ViewForm.ORDERS).get(view.order, ""),
            "may_change": saving_views.may_change(view, user),
        }
        for view in rows
    ]
    context = {
        "lines": lines,
        "built_in": [(key, names[key]) for key in listing.offered(user)],
        "chosen": chosen or listing.DEFAULT,
        "problem": problem,
        **frame(request),
    }
    return render(request, "inquiries/views.html", context, status=status)


def _words(view: SavedView, user: User) -> list[str]:
    """The conditions as sentences; a colleague's may name a customer's address."""
    words = conditions.describe(view.conditions)
    return words if masking.sees_contacts(user) else [masking.anybodys(one) for one in words]


def _form(request: StaffRequest, view: SavedView | None, wanted: dict[str, Any]) -> HttpResponse:
    first = {"name": view.name, "shared": view.shared, "order": view.order, "position": view.position} if view else {}
    form = ViewForm(request.POST or None, initial=first)
    problems: list[str] = []
    if request.method == "POST":
        wanted = conditions.read(request.POST)
        # Without a script the button for one more row posts the form: nothing is saved yet.
        if "more" not in request.POST and form.is_valid():
            try:
                kept = saving_views.save(view, **form.cleaned_data, wanted=wanted, by=request.user, now=clock.now())
            except saving_views.NameTaken:
                form.add_error("name", _("You have a view of that name."))
            except saving_views.TooMany:
                form.add_error(None, _("You have %(n)s views. Delete one first.") % {"n": saving_views.MOST})
            except conditions.BadConditions as error:
                problems = error.problems
            else:
                messages.success(request, _("The view was saved."))
                return redirect(f"{reverse('desk-inquiries:list')}?view={listing.key_of(kept)}")
    context = {
        "form": form,
        "view": view,
        "problems": problems,
        "builder": editors.conditions_editor(wanted, user=request.user),
        **frame(request),
    }
    return render(request, "inquiries/view_form.html", context, status=422 if request.method == "POST" else 200)
