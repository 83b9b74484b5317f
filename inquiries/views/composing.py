"""What belongs to a reply or a note while it is being written: the draft, its files, colleagues to name."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from inquiries import answers, attachments, drafts, mentions, recipients, senders
from inquiries.models import Draft, Inquiry
from inquiries.views.showing import inquiry_for
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.mail.outbox import MOST_COPIES


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def draft(request: StaffRequest, pk: int) -> HttpResponse:
    """Keep what is in the reply box; the answer is one line that says so.

    Files come along where the browser runs no script. What is no mail address keeps no word from being saved.
    """
    inquiry = inquiry_for(request, pk)
    files_problem = attach(request, inquiry)
    kept, problem = save(request, inquiry)
    # A button of the form that saves asks for the whole conversation, as sending does.
    by_itself = request.headers.get("HX-Request") and request.headers.get("HX-Target") != "conversation"
    if by_itself and "files" not in request.FILES:
        state = {"draft": kept, "problem_copies": problem, "moved_to": _moved_to(request, kept, pk)}
        if "sender" in request.POST:
            state["leaves_from"] = senders.now(inquiry, kept.sender if kept else "").usual
        return render(request, "inquiries/_draft_state.html", state)
    if problem or files_problem:
        messages.error(request, problem or files_problem)
    else:
        messages.success(request, _("The draft is saved.") if kept else _("The draft is deleted."))
    back = redirect("desk-inquiries:detail", pk=pk)
    if "ways" in request.POST:
        back["Location"] += "?ways=all#composer"
    return back


def _moved_to(request: StaffRequest, kept: Draft | None, pk: int) -> Inquiry | None:
    """Where the words went when a colleague merged the inquiry of this page; None where it may not be seen."""
    if kept is None or kept.inquiry_id == pk:
        return None
    return Inquiry.objects.visible_to(request.user).filter(pk=kept.inquiry_id).first()


def save(request: StaffRequest, inquiry: Inquiry) -> tuple[Draft | None, str]:
    """Keep what was posted as this person's draft: (the draft, what is wrong with the copies in words)."""
    problem = ""
    before = Draft.objects.filter(inquiry=inquiry, author=request.user).first() or Draft()
    cc, bcc = before.cc, before.bcc
    try:
        # What a page without these fields posts changes nothing about them.
        cc = recipients.read(request.POST["cc"]) if "cc" in request.POST else cc
        bcc = recipients.read(request.POST["bcc"]) if "bcc" in request.POST else bcc
    except recipients.BadCopy as error:
        problem = _("“%(typed)s” is not a mail address.") % {"typed": error.typed}
    kept = drafts.save(
        inquiry,
        body=request.POST.get("body", ""),
        by=request.user,
        now=clock.now(),
        cc=cc[:MOST_COPIES],
        bcc=bcc[:MOST_COPIES],
        sender=_sender(request, inquiry, before),
        # A text that was inserted once may still be there: approval hangs on it, so none is forgotten.
        templates=[*before.templates, *posted_templates(request)],
    )
    return kept, problem


def _sender(request: StaffRequest, inquiry: Inquiry, before: Draft) -> str:
    """The own address that was chosen; "" for the usual one, which may become another one until it is sent. What is not
    the store's changes nothing: sending it is refused with a word."""
    posted = senders.chosen(inquiry, request.POST.get("sender", before.sender))
    return posted if not posted or posted in senders.choices(inquiry.store) else before.sender


def posted_templates(request: StaffRequest) -> list[int]:
    """The templates that were inserted, as the reply box counts them: ``3,17``."""
    numbers = request.POST.get("templates", "").split(",")
    return [int(one) for one in numbers[:50] if one.isascii() and one.isdecimal() and len(one) < 10]


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_REPLY)
@require_safe
def ways(request: StaffRequest, pk: int) -> HttpResponse:
    """The labels that a reply may set, for the menu of ways to send; ``?after=`` is what was chosen in it."""
    inquiry_for(request, pk)
    context = {"labels": answers.labels(), "after": request.GET.get("after", "")[:20], "alone": True}
    return render(request, "inquiries/_menu_labels.html", context)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_safe
def senders_of(request: StaffRequest, pk: int) -> HttpResponse:
    """The own addresses that a reply may leave from; ``?sender=`` is the one that is chosen."""
    inquiry = inquiry_for(request, pk)
    # One that is not ours any more leaves the choice at the usual one.
    now = senders.among(inquiry, request.GET.get("sender", ""))
    context = {"inquiry": inquiry, "senders": now.every, "sender": now.usual, "silent": now.silent}
    return render(request, "inquiries/_senders.html", context)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_REPLY)
@require_POST
def take_draft(request: StaffRequest, pk: int, draft_pk: int) -> HttpResponse:
    """Take over a colleague's draft."""
    inquiry = inquiry_for(request, pk)
    theirs = get_object_or_404(inquiry.drafts, pk=draft_pk)
    if drafts.take_over(theirs, by=request.user, now=clock.now()) is None:
        messages.info(request, _("This draft is not there any more: it was sent or deleted meanwhile."))
    return redirect("desk-inquiries:detail", pk=pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def files(request: StaffRequest, pk: int) -> HttpResponse:
    """Put files into the reply that is being written; the answer is the list of them, 422 when one is refused."""
    inquiry = inquiry_for(request, pk)
    problem = attach(request, inquiry)
    if not request.headers.get("HX-Request"):
        save(request, inquiry)
        if problem:
            messages.error(request, problem)
        return redirect("desk-inquiries:detail", pk=pk)
    return _files(request, inquiry, problem=problem, status=422 if problem else 200)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def remove_file(request: StaffRequest, pk: int, file_pk: int) -> HttpResponse:
    """Take a file out of the reply again. Only one's own; gone already is as good."""
    inquiry = inquiry_for(request, pk)
    row = inquiry.draft_files.filter(author=request.user, pk=file_pk).first()
    if row is not None:
        drafts.remove(row)
    if not request.headers.get("HX-Request"):
        save(request, inquiry)
        return redirect("desk-inquiries:detail", pk=pk)
    return _files(request, inquiry)


def attach(request: StaffRequest, inquiry: Inquiry) -> str:
    """Keep posted files; what is wrong with them in words, or ""."""
    posted = request.FILES.getlist("files")
    if not posted:
        return ""
    try:
        drafts.attach(inquiry, posted, by=request.user, now=clock.now())
    except attachments.Refused as refusal:
        return refusal.sentence
    return ""


def _files(request: StaffRequest, inquiry: Inquiry, *, problem: str = "", status: int = 200) -> HttpResponse:
    context = {
        "inquiry": inquiry,
        "files": drafts.shown_files(inquiry, request.user),
        "accept": attachments.ACCEPT,
        "files_problem": problem,
    }
    return render(request, "inquiries/_draft_files.html", context, status=status)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_safe
def colleagues(request: StaffRequest, pk: int) -> HttpResponse:
    """Who can be named in a note here."""
    people = [user for user in mentions.colleagues(inquiry_for(request, pk)) if user != request.user]
    return render(request, "inquiries/_colleagues.html", {"people": people})


@staff_view(P.INQUIRIES_VIEW)
@require_POST
def read_note(request: StaffRequest, pk: int, message_pk: int) -> HttpResponse:
    """Say that one has read a note in which one is named. Again changes nothing."""
    inquiry = inquiry_for(request, pk)
    mentions.seen(message_pk, by=request.user, now=clock.now())
    return redirect("desk-inquiries:detail", pk=inquiry.pk)
