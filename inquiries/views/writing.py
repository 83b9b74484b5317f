"""What staff write: replies, notes and drafts."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inquiries import drafts, replying, signing_off
from inquiries.forms import NoteForm, ReplyForm
from inquiries.models import Inquiry, Message
from inquiries.views.showing import inquiry_for, page
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.text import clean


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_REPLY)
@require_POST
def reply(request: StaffRequest, pk: int) -> HttpResponse:
    """Send a reply. Refused with 409, and the text kept, when something was said since the page was opened."""
    inquiry = inquiry_for(request, pk)
    form = ReplyForm(request.POST)
    typed = clean(request.POST.get("body", ""))
    if not form.is_valid():
        return page(request, inquiry, status=422, body=typed, problem=_problem_of(form))
    body = form.cleaned_data["body"]
    try:
        _refuse_bare_opening(inquiry, body, request.user)
        replying.reply(
            inquiry,
            body=body,
            by=request.user,
            now=clock.now(),
            expected_version=form.cleaned_data["version"],
            then=form.cleaned_data["then"],
        )
    except replying.StaleReply:
        if _said_already(inquiry, body, request.user):  # a double click: the first one was sent
            return redirect("desk-inquiries:detail", pk=pk)
        drafts.save(inquiry, body=typed, by=request.user, now=clock.now())
        seen = request.POST.get("seen", "")
        return page(
            request, inquiry_for(request, pk), status=409, body=typed, stale=True,
            seen=int(seen) if seen.isdecimal() and len(seen) < 19 else None,
        )  # fmt: skip
    except replying.NothingWritten:
        return page(request, inquiry, status=422, body=typed, problem=_("Please write an answer first."))
    except replying.NoAddress:
        problem = _("This customer left no mail address. Please answer by phone and write a note.")
        return page(request, inquiry, status=422, body=typed, problem=problem)
    except signing_off.SignatureBroken as error:
        problem = _("The store's signature cannot be filled in: %(detail)s") % {"detail": error.detail}
        return page(request, inquiry, status=422, body=typed, problem=problem)
    messages.success(request, _("Your reply is on its way."))
    return redirect("desk-inquiries:detail", pk=pk)


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


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def draft(request: StaffRequest, pk: int) -> HttpResponse:
    """Keep what is in the reply box; the answer is one line that says so."""
    inquiry = inquiry_for(request, pk)
    kept = drafts.save(inquiry, body=request.POST.get("body", ""), by=request.user, now=clock.now())
    if request.headers.get("HX-Request"):
        return render(request, "inquiries/_draft_state.html", {"draft": kept})
    messages.success(request, _("The draft is saved.") if kept else _("The draft is deleted."))
    return redirect("desk-inquiries:detail", pk=pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_REPLY)
@require_POST
def take_draft(request: StaffRequest, pk: int, draft_pk: int) -> HttpResponse:
    """Take over a colleague's draft."""
    inquiry = inquiry_for(request, pk)
    theirs = get_object_or_404(inquiry.drafts, pk=draft_pk)
    drafts.take_over(theirs, by=request.user, now=clock.now())
    return redirect("desk-inquiries:detail", pk=pk)


def _refuse_bare_opening(inquiry: Inquiry, body: str, user: User) -> None:
    """A reply that holds only the opening lines was sent by mistake."""
    opening = signing_off.opening(inquiry.store, by=user, language=inquiry.language, customer_name=inquiry.name)
    if "".join(body.split()) == "".join(clean(opening).split()):
        raise replying.NothingWritten


def _said_already(inquiry: Inquiry, body: str, user: User) -> bool:
    last = inquiry.messages.filter(kind=Message.Kind.REPLY, author=user).order_by("-at", "-pk").first()
    return last is not None and last.body == clean(body).strip()


def _problem_of(form: ReplyForm | NoteForm) -> str:
    return " ".join(str(error) for errors in form.errors.values() for error in errors)
