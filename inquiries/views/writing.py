"""What staff write for each other. Replies: sending.py; drafts: composing.py."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inquiries import replying
from inquiries.forms import NoteForm
from inquiries.views.showing import inquiry_for, page
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.text import clean


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def note(request: StaffRequest, pk: int) -> HttpResponse:
    """Write a note for colleagues."""
    inquiry = inquiry_for(request, pk)
    form = NoteForm(request.POST)
    typed = clean(request.POST.get("body", ""))
    if not form.is_valid():
        return page(request, inquiry, status=422, note=typed, problem=_problem_of(form))
    try:
        replying.note(inquiry, body=form.cleaned_data["body"], by=request.user, now=clock.now())
    except replying.NothingWritten:
        return page(request, inquiry, status=422, problem=_("Please write a note first."))
    return redirect("desk-inquiries:detail", pk=pk)


def _problem_of(form: NoteForm) -> str:
    return " ".join(str(error) for errors in form.errors.values() for error in errors)
