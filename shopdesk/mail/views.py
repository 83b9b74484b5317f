"""Staff screens of the letters: the list, one letter exactly as sent, what needs a person, and stopped addresses."""

from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from shopdesk import addresses, clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.mail import bounced, listing, message, reasons, settling, suppressions
from shopdesk.mail.forms import FilterForm, ReleaseForm, SuppressionForm
from shopdesk.mail.models import OutgoingMail, Suppression

State = OutgoingMail.State

# Pictures come with the letter or not at all; nothing runs, nothing is fetched, nothing is sent from inside the frame.
LETTER_POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'; form-action 'none'"
)


@staff_view(P.MAIL_VIEW)
def letters(request: StaffRequest) -> HttpResponse:
    """The list, newest first; tabs by state, filters by kind, search by address or subject."""
    tab = request.GET.get("show", "all")
    tab = tab if tab in listing.TABS else "all"
    form = FilterForm(request.GET or None)
    filters = form.cleaned_data if form.is_bound and form.is_valid() else {}
    before = request.GET.get("before", "")
    page = listing.page(
        tab=tab,
        mail_class=filters.get("mail_class", ""),
        search=filters.get("q", "").replace("\x00", ""),
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
    )
    for mail in page.letters:
        _dress(mail)
    tabs = [("all", _("All")), ("waiting", _("Waiting")), ("sent", _("Sent")), ("unsent", _("Not sent"))]
    context = {
        "nav_active": "mail",
        "page": page,
        "form": form,
        "tab": tab,
        "tabs": tabs,
        "filtered": bool(filters.get("q") or filters.get("mail_class")),
        "window": listing.SUBJECT_WINDOW,
        "later_page": bool(before),
    }
    return render(request, "mail_desk/letters.html", context)


def _is_sealed(mail: OutgoingMail) -> bool:
    """Whether staff must not read it yet. The demo has no other place to read its mail, and invented customers."""
    return mail.confidential and not settings.DEMO and mail.not_after is not None and clock.now() <= mail.not_after


@staff_view(P.MAIL_VIEW)
def detail(request: StaffRequest, pk: int) -> HttpResponse:
    """One letter: its words as sent, its state in words, every try, and what can be done about it."""
    mail = get_object_or_404(OutgoingMail, pk=pk)
    _dress(mail)
    raw = bytes(mail.raw) if mail.raw else b""
    is_sealed = _is_sealed(mail)
    if is_sealed:
        mail.text = mail.html = ""
    head = raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").replace("\r\n", "\n")
    may_settle = request.user.has_perm(P.MAIL_SETTLE)
    context = {
        "nav_active": "mail",
        "mail": mail,
        "head": head,
        "is_sealed": is_sealed,
        "left_out": reasons.left_out(mail),
        "attempts": list(mail.attempts.select_related("route")),
        "blocked": suppressions.blocked(mail.to_address, mail.mail_class, clock.now()) if may_settle else "",
        "can_cancel": may_settle and mail.state in {State.PLANNED, State.HELD},
        "can_mark_sent": may_settle and mail.state == State.UNCERTAIN,
        "can_send_again": may_settle
        and mail.state in settling.AGAIN
        and mail.reason not in {"bad_address", "bad_sender"},
        "may_settle": may_settle,
    }
    return render(request, "mail_desk/letter.html", context)


@staff_view(P.MAIL_VIEW)
@require_GET
@xframe_options_sameorigin
def html(request: HttpRequest, pk: int) -> HttpResponse:
    """The HTML of a letter, for the sandboxed frame of its page."""
    mail = get_object_or_404(OutgoingMail.objects.defer("raw", "text"), pk=pk)
    if _is_sealed(mail):
        raise Http404
    response = HttpResponse(mail.html, content_type="text/html; charset=utf-8")
    response["Content-Security-Policy"] = LETTER_POLICY
    return response


@staff_view(P.MAIL_VIEW)
@require_GET
def eml(request: HttpRequest, pk: int) -> HttpResponse:
    """The letter as a file for mail programs: the bytes as handed over, or as they would be."""
    mail = get_object_or_404(OutgoingMail, pk=pk)
    if _is_sealed(mail):
        raise Http404
    try:
        content = bytes(mail.raw) if mail.raw else message.build(mail, clock.now())
    except message.AttachmentMissing:
        return render(request, "mail_desk/no_file.html", {"nav_active": "mail", "mail": mail}, status=404)
    response = HttpResponse(content, content_type="message/rfc822")
    response["Content-Disposition"] = f'attachment; filename="mail-{mail.pk}.eml"'
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


@staff_view(P.MAIL_SETTLE)
@require_POST
def cancel(request: StaffRequest, pk: int) -> HttpResponse:
    """Take a waiting letter back."""
    return _settle(request, pk, settling.cancel, _("The letter was cancelled."))


@staff_view(P.MAIL_SETTLE)
@require_POST
def mark_sent(request: StaffRequest, pk: int) -> HttpResponse:
    """Staff know that an uncertain letter arrived."""
    return _settle(request, pk, settling.mark_sent, _("Marked as sent."))


@staff_view(P.MAIL_SETTLE)
@require_POST
def send_again(request: StaffRequest, pk: int) -> HttpResponse:
    """Send an uncertain or failed letter once more."""
    deed = partial(settling.send_again, note=request.POST.get("note", ""))
    return _settle(request, pk, deed, _("The letter will be sent again."))


@staff_view(P.MAIL_VIEW)
def stopped(request: StaffRequest) -> HttpResponseBase:
    """Addresses that are not written to; staff who may settle mail add to them here."""
    may_settle = request.user.has_perm(P.MAIL_SETTLE)
    form = SuppressionForm(initial={"address": request.GET.get("address", ""), "scope": Suppression.Scope.ALL})
    if request.method == "POST":
        return _stop(request)
    search = request.GET.get("q", "").replace("\x00", "")
    return _stopped_page(request, form, search=search, may_settle=may_settle)


@staff_view(P.MAIL_SETTLE)
def _stop(request: StaffRequest) -> HttpResponse:
    form = SuppressionForm(request.POST)
    if not form.is_valid():
        return _stopped_page(request, form, may_settle=True, status=422)
    row = suppressions.suppress(
        form.cleaned_data["address"],
        scope=form.cleaned_data["scope"],
        reason=Suppression.Reason.MANUAL,
        evidence=form.cleaned_data["evidence"],
        by=request.user,
        now=clock.now(),
    )
    messages.success(request, _("Mail to %(address)s is stopped.") % {"address": row.address})
    return redirect("desk-mail:stopped")


@staff_view(P.MAIL_SETTLE)
def release(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask for the reason, then allow mail to an address again."""
    row = get_object_or_404(Suppression, pk=pk)
    form = ReleaseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        suppressions.release(
            row.address,
            scope=row.scope,
            reason=row.reason,
            by=request.user,
            now=clock.now(),
            note=form.cleaned_data["note"],
        )
        messages.success(request, _("Mail to %(address)s is allowed again.") % {"address": row.address})
        return redirect("desk-mail:stopped")
    context = {"nav_active": "mail", "row": row, "form": form}
    return render(request, "mail_desk/release.html", context, status=422 if form.is_bound else 200)


def _stopped_page(
    request: HttpRequest, form: SuppressionForm, *, may_settle: bool, search: str = "", status: int = 200
) -> HttpResponse:
    rows = Suppression.objects.select_related("by").order_by("-pk").filter(Q(until=None) | Q(until__gt=clock.now()))
    if search:
        rows = rows.filter(address=addresses.normalise(search))
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: listing.PAGE + 1])
    context = {
        "nav_active": "mail",
        "rows": found[: listing.PAGE],
        "older": found[listing.PAGE - 1].pk if len(found) > listing.PAGE else None,
        "form": form,
        "search": search,
        "may_settle": may_settle,
    }
    return render(request, "mail_desk/stopped.html", context, status=status)


def _settle(request: StaffRequest, pk: int, deed: Callable[..., None], done: str) -> HttpResponse:
    mail = get_object_or_404(OutgoingMail.objects.defer("raw"), pk=pk)
    try:
        # What the person saw: a deed over an older state of the letter is not applied to a newer one.
        if request.POST.get("seen", "") != str(mail.lease_token):
            raise settling.AlreadySettled
        deed(mail, by=request.user, now=clock.now())
    except settling.AlreadySettled:
        messages.warning(request, _("Somebody was faster: the letter has changed. This is how it stands now."))
    except settling.ReasonMissing:
        messages.warning(request, _("Please say why it should be sent again."))
    else:
        messages.success(request, done)
    return redirect("desk-mail:detail", pk)


def _dress(mail: OutgoingMail) -> None:
    """What the templates show of a state."""
    mail.tone = reasons.TONES[mail.state]  # type: ignore[attr-defined]  # for the template alone
    mail.came_back = bounced.sentence(mail)  # type: ignore[attr-defined]  # for the template alone
    mail.sentence = reasons.sentence(mail)  # type: ignore[attr-defined]  # for the template alone
