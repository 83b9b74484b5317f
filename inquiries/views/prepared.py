"""Replies that wait: for a second person, or for their hour."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from inquiries import (
    approving,
    checking,
    masking,
    preparing,
    recipients,
    replying,
    scheduling,
    senders,
    signing_off,
    standing,
    triage,
)
from inquiries.forms import DecideForm, MoveForm
from inquiries.models import Inquiry, PreparedReply
from inquiries.views.sending import sends, told
from inquiries.views.showing import inquiry_for, page
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P

PER_PAGE = 25
_STATE = PreparedReply.State
_REFUSALS = (
    replying.CannotReply, preparing.CannotPrepare, triage.CannotClose, recipients.BadCopy, recipients.TooManyCopies,
    senders.NotOurs, signing_off.SignatureBroken,
)  # fmt: skip


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_APPROVE)
@require_safe
def approvals(request: StaffRequest) -> HttpResponse:
    """What waits for approval, the oldest first."""
    user = request.user
    rows = approving.waiting(user).select_related("inquiry__customer", "inquiry__category", "author")
    found = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    masking.cover([row.inquiry for row in found], user)
    waiting = [standing.shown(row, row.inquiry, reader=user) for row in found]
    context = {"page": found, "waiting": waiting, "nav_active": "approvals"}
    return render(request, "inquiries/approvals.html", context)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_APPROVE)
@require_POST
def decide(request: StaffRequest, pk: int) -> HttpResponse:
    """Change, approve, approve and send, or return a reply, as ``action`` says: save, approve, send or return."""
    row = _row(request, pk)
    form = DecideForm(request.POST)
    if not form.is_valid():
        return _refused(request, row, _("There is no such action."))
    words, user, now = form.cleaned_data, request.user, clock.now()
    seen = words["mark"]
    action, body = words["action"], words["body"] or None
    try:
        if action == "save":
            approving.edit(row, body=words["body"], by=user, now=now, seen=seen)
            done = _("The text is saved.")
        elif action == "return":
            approving.give_back(row, comment=words["comment"], by=user, now=now, body=body, seen=seen)
            done = _("Returned to %(name)s.") % {"name": row.author}
        else:
            if check := _unchecked(row, body, words["checked"], request):
                return _refused(request, row, "", check=check, typed=words)
            if action == "approve":
                approving.approve(row, by=user, now=now, body=body, seen=seen)
                done = _("Approved. It can be sent now.")
            else:
                approving.approve_and_send(
                    row, by=user, now=now, body=body, expected_version=words["version"], seen=seen
                )
                done = _("Approved and sent.")
    except preparing.Gone as error:
        after = {"approve": _STATE.APPROVED, "send": _STATE.SENT, "return": _STATE.RETURNED}
        if _is_now(row, after.get(action, ""), decided_by=user.pk):  # the second of two clicks
            return redirect("desk-inquiries:detail", pk=row.inquiry_id)
        return _refused(request, row, told(error), typed=words, status=_status(error))
    except _REFUSALS as error:
        return _refused(request, row, told(error), typed=words, status=_status(error))
    messages.success(request, done)
    return redirect("desk-inquiries:detail", pk=row.inquiry_id)


@sends
@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_REPLY)
@require_POST
def send(request: StaffRequest, pk: int) -> HttpResponse:
    """Send an approved reply, or a scheduled one before its hour."""
    row = _row(request, pk)
    version = request.POST.get("version", "")
    seen = int(version) if version.isdecimal() and len(version) < 10 else None
    try:
        if row.state == PreparedReply.State.SCHEDULED:
            scheduling.send_now(row, by=request.user, now=clock.now(), expected_version=seen)
        else:
            approving.send(row, by=request.user, now=clock.now(), expected_version=seen)
    except preparing.Gone as error:
        if _is_now(row, PreparedReply.State.SENT):  # the second of two clicks
            return redirect("desk-inquiries:detail", pk=row.inquiry_id)
        return _refused(request, row, told(error), status=_status(error))
    except _REFUSALS as error:
        return _refused(request, row, told(error), status=_status(error))
    messages.success(request, _("Your reply is on its way."))
    return redirect("desk-inquiries:detail", pk=row.inquiry_id)


@sends
@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_REPLY)
@require_POST
def move(request: StaffRequest, pk: int) -> HttpResponse:
    """Another hour for a scheduled reply, or an hour for an approved one."""
    row = _row(request, pk)
    form = MoveForm(request.POST)
    if not form.is_valid():
        return _refused(request, row, _("Please say when it is to be sent."))
    try:
        scheduling.move(row, send_at=form.cleaned_data["send_at"], by=request.user, now=clock.now())
    except _REFUSALS as error:
        return _refused(request, row, told(error), status=_status(error))
    messages.success(request, _("The reply is scheduled."))
    return redirect("desk-inquiries:detail", pk=row.inquiry_id)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    """Take back what waits: it is its author's draft again."""
    row = _row(request, pk)
    try:
        if row.state == PreparedReply.State.SCHEDULED:
            scheduling.cancel(row, by=request.user, now=clock.now())
        else:
            approving.withdraw(row, by=request.user, now=clock.now())
    except preparing.Gone as error:
        if _is_now(row, PreparedReply.State.CANCELLED):  # the second of two clicks
            return redirect("desk-inquiries:detail", pk=row.inquiry_id)
        return _refused(request, row, told(error), status=_status(error))
    except _REFUSALS as error:
        return _refused(request, row, told(error), status=_status(error))
    messages.success(request, _("It is a draft again; nothing was sent."))
    return redirect("desk-inquiries:detail", pk=row.inquiry_id)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def seen(request: StaffRequest, pk: int) -> HttpResponse:
    """The author has read why it came back."""
    row = _row(request, pk)
    preparing.close_returned(row.inquiry, author=request.user, now=clock.now())
    return redirect("desk-inquiries:detail", pk=row.inquiry_id)


def _row(request: StaffRequest, pk: int) -> PreparedReply:
    """A prepared reply of an inquiry that this person may see; else 404."""
    visible = Inquiry.objects.visible_to(request.user).order_by().values("pk")
    rows = PreparedReply.objects.filter(inquiry__in=visible)
    return get_object_or_404(rows.select_related("inquiry", "author"), pk=pk)


def _is_now(row: PreparedReply, state: str, **also: int) -> bool:
    """Whether somebody has brought it there since it was read."""
    return PreparedReply.objects.filter(pk=row.pk, state=state, **also).exists()


def _unchecked(row: PreparedReply, body: str | None, checked: str, request: StaffRequest) -> standing.Check | None:
    """What the check before sending finds in the words as they are now, unless the approver has confirmed it."""
    inquiry = Inquiry.objects.select_related("customer", "order", "store").get(pk=row.inquiry_id)
    found = checking.findings(
        inquiry, body=body or row.body, cc=row.cc, bcc=row.bcc, file_count=len(row.files), by=request.user,
        templates=row.templates,
    )  # fmt: skip
    check = standing.Check(found)
    return check if found and (check.blocks or checked != check.digest) else None


def _status(error: Exception) -> int:
    """409 where somebody else was faster, 422 for what cannot be done like that."""
    faster = (replying.StaleReply, preparing.Gone, approving.ChangedMeanwhile)
    return 409 if isinstance(error, faster) else 422


def _refused(
    request: StaffRequest,
    row: PreparedReply,
    problem: str,
    *,
    status: int = 422,
    check: standing.Check | None = None,
    typed: dict[str, Any] | None = None,
) -> HttpResponse:
    """The inquiry's page with the reason, and with what the approver had typed."""
    inquiry = inquiry_for(request, row.inquiry_id)
    return page(request, inquiry, status=status, problem=problem, decision={"check": check, **(typed or {})})
