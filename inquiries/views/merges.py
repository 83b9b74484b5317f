"""Merging, un-merging and splitting from the screen."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inquiries import merging
from inquiries.models import Inquiry, Message
from inquiries.views import menus
from inquiries.views.life import back
from inquiries.views.showing import inquiry_for
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def merge(request: StaffRequest, pk: int) -> HttpResponse:
    """Let an inquiry go on in the one of the key ``into``; another customer's only with ``other_customer``."""
    source = inquiry_for(request, pk)
    key = request.POST.get("into", "")
    target = _visible(request, int(key)) if key.isdecimal() and len(key) < 19 else None
    if target is None:
        return menus.answer(request, source, "merge", status=422, problem=_("Please choose an inquiry."))
    try:
        done = merging.merge(
            source,
            into=target,
            by=request.user,
            now=clock.now(),
            other_customer=request.POST.get("other_customer") == "1",
        )
    except merging.OtherCustomer:
        problem = _("The two belong to different customers. Please tick the box if you really mean it.")
        return menus.answer(request, source, "merge", status=422, problem=problem)
    except merging.CannotMerge as refusal:
        source.refresh_from_db()
        if source.merged_into_id:  # the second click, or a colleague was faster
            messages.info(request, _("It is merged already."))
            return back(source.merged_into_id)
        return menus.answer(request, source, "merge", status=422, problem=_why(refusal))
    undo = reverse("desk-inquiries:unmerge", args=[source.pk])
    words = {"source": source.number, "target": done.target.number}
    messages.success(request, _("%(source)s goes on in %(target)s.") % words, extra_tags=f"undo:{undo}")
    return back(done.target_id)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def unmerge(request: StaffRequest, pk: int) -> HttpResponse:
    """Let a merged inquiry stand on its own again."""
    source = inquiry_for(request, pk)
    try:
        merging.unmerge(source, by=request.user, now=clock.now())
    except merging.Moved:
        messages.info(request, _("It is not merged any more."))
    else:
        messages.success(request, _("%(number)s stands on its own again.") % {"number": source.number})
    return back(pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def split(request: StaffRequest, pk: int) -> HttpResponse:
    """Make the received message of that key a question of its own."""
    visible = Inquiry.objects.visible_to(request.user)
    message = get_object_or_404(Message.objects.filter(inquiry__in=visible), pk=pk)
    try:
        new = merging.split(message, by=request.user, now=clock.now())
    except merging.CannotMerge as refusal:
        messages.warning(request, _why(refusal))
        return back(message.inquiry_id)
    messages.success(request, _("The message is a question of its own now: %(number)s") % {"number": new.number})
    return back(new.pk)


def _visible(request: StaffRequest, pk: int) -> Inquiry | None:
    return Inquiry.objects.visible_to(request.user).filter(pk=pk).first()


def _why(refusal: merging.CannotMerge) -> str:
    """Why nothing was merged or split, in words."""
    match refusal:
        case merging.Same():
            return _("This is the same inquiry.")
        case merging.Circle():
            return _("That one goes on in this one already.")
        case merging.OnlyMessage():
            return _("This is the only message of the customer here, so it cannot be split off.")
        case merging.NotReceived():
            return _("Only what a customer wrote can be split off.")
    return _("Somebody merged it a moment ago. Please look again.")
