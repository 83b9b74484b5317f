"""A written reply is handed in: to be sent, to be sent later, or to be read by a second person."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inquiries import (
    answers,
    approving,
    carrying,
    checking,
    classifying,
    drafts,
    preparing,
    recipients,
    replying,
    scheduling,
    senders,
    signing_off,
    triage,
    undoing,
)
from inquiries.answers import Answer
from inquiries.forms import ReplyForm, product_named
from inquiries.models import Draft, Inquiry, Message, PreparedReply
from inquiries.standing import Check
from inquiries.views.composing import attach
from inquiries.views.showing import inquiry_for, page
from shopdesk import clock
from shopdesk.accounts import audit
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.text import clean, one_line

A = ParamSpec("A")


def sends(
    view: Callable[Concatenate[HttpRequest, A], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, A], HttpResponseBase]:
    """Around a view that sends: that somebody without the permission tried is written down before they get 403."""

    @wraps(view)
    def watched(request: HttpRequest, *args: A.args, **kwargs: A.kwargs) -> HttpResponseBase:
        user = request.user
        if request.method == "POST" and isinstance(user, User) and not user.has_perm(P.INQUIRIES_REPLY):
            audit.record("inquiries.send_refused", actor=user, now=clock.now(), path=request.path[:200])
        return view(request, *args, **kwargs)

    return watched  # type: ignore[return-value]  # wraps() says the same type in other words


@sends
@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_REPLY)
@require_POST
def reply(request: StaffRequest, pk: int) -> HttpResponse:
    """Send a reply, now or later, or hand it in for approval, as ``action`` says: send, schedule or approve.

    409, and the text kept, when something was said since the page was opened; 422 for what cannot be sent like that.
    """
    return _hand_in(request, inquiry_for(request, pk), default="send")


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def ask(request: StaffRequest, pk: int) -> HttpResponse:
    """Hand a reply in for approval; what people do who may not send."""
    return _hand_in(request, inquiry_for(request, pk), default="approve", only="approve")


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def take_back(request: StaffRequest, pk: int) -> HttpResponse:
    """Take a reply back before its letter leaves."""
    rows = Message.objects.filter(inquiry__in=Inquiry.objects.visible_to(request.user).order_by().values("pk"))
    message = rows.select_related("inquiry").filter(pk=pk).first()
    if message is None:
        # The second of two clicks: the message is gone, and the draft is where the first one led to.
        inquiry = get_object_or_404(Inquiry.objects.visible_to(request.user), pk=_number(request.POST.get("inquiry")))
        return redirect("desk-inquiries:detail", pk=inquiry.pk)
    try:
        undoing.take_back(message, by=request.user, now=clock.now())
    except undoing.TakenBackAlready:
        pass
    except undoing.TooLate:
        messages.error(request, _("Too late: the reply is already on its way to the customer."))
    except undoing.NotTheirs:
        messages.error(request, _("Only its writer can take this reply back."))
    else:
        messages.success(request, _("The reply was taken back. It is a draft again; nothing was sent."))
    return redirect("desk-inquiries:detail", pk=message.inquiry_id)


# --- within -----------------------------------------------------------------------------------------------------------


@dataclass
class _Refused(Exception):
    """Why the page comes back with what was typed."""

    problem: str = ""
    check: Check | None = None


def _hand_in(request: StaffRequest, inquiry: Inquiry, *, default: str, only: str = "") -> HttpResponse:
    user = request.user
    form = ReplyForm(request.POST)
    typed = clean(request.POST.get("body", ""))
    if not form.is_valid():
        return refused(request, inquiry, form, typed, problem=_problem_of(form))
    action = only or form.cleaned_data["action"] or default
    if problem := attach(request, inquiry):  # files come with the form where the browser runs no script
        return refused(request, inquiry, form, typed, problem=problem)
    try:
        _hand_over(request, inquiry, form, action)
    except replying.StaleReply:
        if _done_already(request, inquiry, form.cleaned_data["body"]):  # a double click: the first one was sent
            return redirect("desk-inquiries:detail", pk=inquiry.pk)
        _keep(inquiry, form, typed, user)
        return page(
            request, inquiry_for(request, inquiry.pk), status=409, body=typed, stale=True,
            seen=_number(request.POST.get("seen")) or None, send_at=_typed_hour(request),
        )  # fmt: skip
    except replying.NotTheirs as error:
        _keep(inquiry, form, typed, user)
        return _gone(request, told(error))
    except preparing.PreparedAlready as error:
        if _done_already(request, inquiry, form.cleaned_data["body"]):
            return redirect("desk-inquiries:detail", pk=inquiry.pk)
        return refused(request, inquiry, form, typed, problem=told(error))
    except _Refused as why:
        return refused(request, inquiry, form, typed, problem=why.problem, check=why.check)
    except (
        replying.CannotReply, preparing.CannotPrepare, triage.CannotClose, recipients.BadCopy,
        recipients.TooManyCopies, senders.NotOurs, signing_off.SignatureBroken,
    ) as error:  # fmt: skip
        needs_approval = isinstance(error, replying.NeedsApproval)
        closing = isinstance(error, triage.CannotClose)
        return refused(
            request, inquiry, form, typed, problem=told(error), needs_approval=needs_approval, closing=closing
        )
    _say_what_happened(request, inquiry, action)
    return redirect("desk-inquiries:detail", pk=inquiry.pk)


def _gone(request: StaffRequest, problem: str) -> HttpResponse:
    """Away from an inquiry that this person does not see any more."""
    messages.error(request, problem)
    away = redirect("desk-inquiries:list")
    if request.htmx:  # type: ignore[attr-defined]  # its middleware's
        return HttpResponse(headers={"HX-Redirect": away["Location"]})
    return away


def _hand_over(request: StaffRequest, inquiry: Inquiry, form: ReplyForm, action: str) -> None:
    user, now, words = request.user, clock.now(), form.cleaned_data
    answer = _answer(request, inquiry, words)
    replying.require_no_copies(answer, user)  # before the check, which says whose an address is
    _refuse_bare_opening(inquiry, answer.body, user)
    if Inquiry.objects.filter(pk=inquiry.pk, version=words["version"]).exists():
        # What is out of date is refused below, with what is new: to be read before anything else.
        _check(inquiry, answer, user, checked=words["checked"])
    with transaction.atomic():  # a reply that is refused classifies nothing
        _classify(request, inquiry)
        if action == "approve":
            approving.ask(inquiry, answer, by=user, now=now)
        elif action == "schedule":
            if words["send_at"] is None:
                raise _Refused(_("Please say when it is to be sent."))
            scheduling.schedule(inquiry, answer, by=user, send_at=words["send_at"], now=now)
        else:
            replying.reply(inquiry, answer, by=user, now=now)


def _answer(request: StaffRequest, inquiry: Inquiry, words: dict[str, Any]) -> Answer:
    """What was posted, with the files that lie on the server. Raises recipients.BadCopy and _Refused."""
    try:
        then, label = answers.outcome(words["then"] or words["after"])
    except answers.NoSuchStatus as error:
        raise _Refused(_("There is no such status.")) from error
    return Answer(
        words["body"],
        cc=recipients.read(words["cc"]),
        bcc=recipients.read(words["bcc"]),
        # What nobody chose is the usual one of the moment in which it leaves.
        sender=senders.chosen(inquiry, words["sender"]),
        files=carrying.of_draft(inquiry, request.user),
        templates=_templates(request, inquiry),
        then=then,
        label=label,
        expected_version=words["version"],
    )


def _classify(request: StaffRequest, inquiry: Inquiry) -> None:
    """Write the cause and the product that came with a reply which closes."""
    now = clock.now()
    if cause := classifying.cause_of(request.POST.get("cause", "")):
        triage.set_cause(inquiry, cause=cause, by=request.user, now=now)
    if typed := one_line(request.POST.get("product", "")).strip():
        product = product_named(typed)
        if product is None:
            raise _Refused(_("No product is called “%(name)s”.") % {"name": typed})
        triage.set_product(inquiry, product=product, by=request.user, now=now)


def _check(inquiry: Inquiry, answer: Answer, user: User, *, checked: str) -> None:
    found = checking.findings(
        inquiry, body=answer.body, cc=answer.cc, bcc=answer.bcc, file_count=len(answer.files), by=user,
        templates=answer.templates,
    )  # fmt: skip
    check = Check(found)
    if found and (check.blocks or checked != check.digest):
        raise _Refused(check=check)


def _templates(request: StaffRequest, inquiry: Inquiry) -> list[int]:
    """Templates that were inserted: as the server noted with the draft, and as the page says. Leaving one out of the
    form changes nothing."""
    noted = Draft.objects.filter(inquiry=inquiry, author=request.user).values_list("templates", flat=True).first()
    words = ",".join(request.POST.getlist("templates")).split(",")
    posted = [int(one) for one in words if one.isdecimal() and len(one) < 10]
    return list(dict.fromkeys([*(noted or []), *posted]))[:50]


def _keep(inquiry: Inquiry, form: ReplyForm, typed: str, user: User) -> None:
    """The draft of a refused reply, with copies as far as they can be read."""
    try:
        cc, bcc = recipients.read(form.cleaned_data["cc"]), recipients.read(form.cleaned_data["bcc"])
    except recipients.BadCopy:
        cc, bcc = [], []
    kept = Draft.objects.filter(inquiry=inquiry, author=user).first() or Draft()
    drafts.save(
        inquiry, body=typed, by=user, now=clock.now(), cc=cc, bcc=bcc, sender=kept.sender, templates=kept.templates
    )


def refused(
    request: StaffRequest,
    inquiry: Inquiry,
    form: ReplyForm,
    typed: str,
    *,
    problem: str = "",
    check: Check | None = None,
    needs_approval: bool = False,
    closing: bool = False,
) -> HttpResponse:
    """The page again, 422, with what was typed. The form keeps the version that its writer has read."""
    version = form.cleaned_data.get("version") if hasattr(form, "cleaned_data") else None
    if version is not None:
        inquiry.version = version
    return page(
        request, inquiry, status=422, body=typed, problem=problem, check=check, needs_approval=needs_approval,
        send_at=_typed_hour(request), closing=closing,
    )  # fmt: skip


def _typed_hour(request: StaffRequest) -> str:
    return request.POST.get("send_at", "")[:20]


def _say_what_happened(request: StaffRequest, inquiry: Inquiry, action: str) -> None:
    if action == "approve":
        messages.success(request, _("Handed in for approval."))
    elif action == "schedule":
        messages.success(request, _("The reply is scheduled."))
    elif not inquiry.store.undo_seconds:  # else the banner says it
        messages.success(request, _("Your reply is on its way."))


def told(error: Exception) -> str:
    """A refusal in words."""
    if isinstance(error, replying.NeedsApproval):
        if error.reason:
            return _("This reply needs approval (%(rule)s).") % {"rule": error.reason}
        return _("This reply needs approval.")
    if isinstance(error, signing_off.SignatureBroken):
        return _("The store's signature cannot be filled in: %(detail)s") % {"detail": error.detail}
    if isinstance(error, recipients.BadCopy):
        return _("“%(typed)s” is not a mail address.") % {"typed": error.typed}
    if isinstance(error, triage.CannotClose):
        names = {"cause": _("cause"), "product": _("product")}
        missing = "、".join(names.get(one, one) for one in error.missing)
        return _("To close it, please say first: %(missing)s") % {"missing": missing}
    if isinstance(error, approving.Unfilled):
        return _("Still to be filled in: %(names)s") % {"names": "、".join(error.names)}
    sentences: dict[type[Exception], str] = {
        replying.NothingWritten: _("Please write an answer first."),
        replying.NoAddress: _("This customer left no mail address. Please answer by phone and write a note."),
        replying.MayNotSend: _("You may write replies; a colleague sends them. Please ask for approval."),
        replying.NotTheirs: _(
            "This inquiry was given to somebody else. Nothing was sent; the words are kept as a draft."
        ),
        replying.MayNotCopy: _("Your role sends no copies: they would show the customer's mail address."),
        replying.StaleReply: _("Something was said meanwhile. Please read it and press again."),
        senders.NotOurs: _("A reply leaves from the store's own addresses only. Please choose one of them."),
        recipients.TooManyCopies: _("Too many copies. A mailing has no place in an answer."),
        scheduling.InThePast: _("This time is over already. Please choose a later one."),
        scheduling.TooFarAhead: _("Please choose a day within a year."),
        preparing.PreparedAlready: _("Another reply to this inquiry is waiting already. Please settle that one first."),
        preparing.Gone: _("A colleague was faster: this reply does not wait any more."),
        preparing.NotTheirs: _("Only its author, or somebody who may approve, can do this."),
        approving.ChangedMeanwhile: _("A colleague has changed the text meanwhile. Please read what was changed."),
        approving.OwnReply: _("Nobody approves what they wrote themselves."),
        approving.SaysNothing: _("Please write a comment, so that its author knows why."),
    }
    return sentences.get(type(error), _("This cannot be done."))


def _refuse_bare_opening(inquiry: Inquiry, body: str, user: User) -> None:
    """A reply that holds only the opening lines was sent by mistake."""
    opening = signing_off.opening(inquiry.store, by=user, language=inquiry.language, customer_name=inquiry.name)
    if "".join(body.split()) == "".join(clean(opening).split()):
        raise replying.NothingWritten


def _done_already(request: StaffRequest, inquiry: Inquiry, body: str) -> bool:
    """Whether these words were sent, or laid aside, since the page was opened. The same words may have been an answer
    before: then the customer has asked again."""
    body, user = clean(body).strip(), request.user
    last = inquiry.messages.filter(kind=Message.Kind.REPLY, author=user).order_by("-at", "-pk").first()
    if last is not None and last.body == body and last.pk > _number(request.POST.get("seen")):
        return True
    return PreparedReply.objects.live().filter(inquiry=inquiry.pk, author=user, original_body=body).exists()


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0


def _problem_of(form: ReplyForm) -> str:
    return " ".join(str(error) for errors in form.errors.values() for error in errors)
