"""Staff screens of received mail that could not be read, or was not filed."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.mail import incoming
from shopdesk.mail.forms_incoming import IgnoreForm, ReadAgainForm
from shopdesk.mail.models import IncomingMail
from shopdesk.mail.settling import AlreadySettled

State = IncomingMail.State

PAGE = 50
HEAD = 8 * 1024  # bytes of the header that are shown
TABS = ("error", "ignored", "bounce", "duplicate", "all")


@staff_view(P.MAIL_VIEW)
def index(request: HttpRequest) -> HttpResponse:
    """Received mail by what became of it, newest first; the errors stand in front."""
    tab = request.GET.get("show", "error")
    tab = tab if tab in TABS else "error"
    rows = IncomingMail.objects.defer("raw").select_related("mailbox").order_by("-pk")
    if tab != "all":
        rows = rows.filter(state=tab)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: PAGE + 1])
    for mail in found:
        _dress(mail)
    tabs = [
        ("error", _("Errors")),
        ("ignored", _("Not filed")),
        ("bounce", _("Delivery reports")),
        ("duplicate", _("Duplicates")),
        ("all", _("All")),
    ]
    context = {
        "nav_active": "mail",
        "rows": found[:PAGE],
        "older": found[PAGE - 1].pk if len(found) > PAGE else None,
        "tab": tab,
        "tabs": tabs,
        "later_page": bool(before),
    }
    return render(request, "mail_desk/incoming.html", context)


@staff_view(P.MAIL_VIEW)
def detail(request: StaffRequest, pk: int) -> HttpResponse:
    """One received mail: what is wrong with it, in words, and what can be done about it."""
    return _page(request, get_object_or_404(IncomingMail.objects.select_related("mailbox"), pk=pk), IgnoreForm())


@staff_view(P.MAIL_VIEW)
@require_GET
def eml(request: HttpRequest, pk: int) -> HttpResponse:
    """The bytes as they came, as a file."""
    mail = get_object_or_404(IncomingMail, pk=pk)
    response = HttpResponse(bytes(mail.raw), content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="received-{mail.pk}.eml"'
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


@staff_view(P.MAIL_SETTLE)
@require_POST
def read_again(request: StaffRequest, pk: int) -> HttpResponse:
    """Try again, with the charset that a person chose, or as the letter that a person says it is."""
    mail = get_object_or_404(IncomingMail, pk=pk)
    form = ReadAgainForm(request.POST)
    if not form.is_valid():
        return _page(request, mail, IgnoreForm(), status=422)
    try:
        _unchanged(request, mail)
        if "letter" in request.POST:
            incoming.file_as_letter(mail, by=request.user, now=clock.now())
        else:
            incoming.read_again(mail, charset=form.cleaned_data["charset"], by=request.user, now=clock.now())
    except AlreadySettled:
        messages.warning(request, _("It has changed meanwhile. This is how it stands now."))
    else:
        messages.success(request, _("It is being read again."))
    return redirect("desk-mail:incoming", pk)


@staff_view(P.MAIL_SETTLE)
@require_POST
def ignore(request: StaffRequest, pk: int) -> HttpResponse:
    """It needs no answer; the reason is asked for."""
    mail = get_object_or_404(IncomingMail.objects.select_related("mailbox"), pk=pk)
    form = IgnoreForm(request.POST)
    if not form.is_valid():
        return _page(request, mail, form, status=422)
    try:
        _unchanged(request, mail)
        incoming.ignore(mail, note=form.cleaned_data["note"], by=request.user, now=clock.now())
    except AlreadySettled:
        messages.warning(request, _("It has changed meanwhile. This is how it stands now."))
        return redirect("desk-mail:incoming", pk)
    messages.success(request, _("Taken off the list. The mail itself is kept."))
    return redirect("desk-mail:incoming-list")


def _unchanged(request: HttpRequest, mail: IncomingMail) -> None:
    """What the person saw: a deed over an older state of the mail is not applied to a newer one."""
    if request.POST.get("seen", "") != f"{mail.state}:{mail.attempts}":
        raise AlreadySettled


def _page(request: StaffRequest, mail: IncomingMail, form: IgnoreForm, *, status: int = 200) -> HttpResponse:
    _dress(mail)
    raw = bytes(mail.raw)
    head = raw.partition(b"\r\n\r\n")[0].partition(b"\n\n")[0][:HEAD]
    may_settle = request.user.has_perm(P.MAIL_SETTLE)
    context = {
        "nav_active": "mail",
        "mail": mail,
        "head": head.decode("utf-8", "replace").replace("\r\n", "\n").replace("\x00", "�"),
        "problems": [incoming.PROBLEMS[code] for code in mail.problems if code in incoming.PROBLEMS],
        "seen": f"{mail.state}:{mail.attempts}",
        "can_read_again": may_settle and incoming.can_read_again(mail),
        "can_be_letter": may_settle and incoming.can_be_letter(mail),
        "can_ignore": may_settle and mail.state == State.ERROR,
        "may_settle": may_settle,
        "again": ReadAgainForm(initial={"charset": mail.charset}),
        "form": form,
    }
    return render(request, "mail_desk/incoming_mail.html", context, status=status)


def _dress(mail: IncomingMail) -> None:
    mail.tone = incoming.TONES[State(mail.state)]  # type: ignore[attr-defined]  # for the template alone
    mail.sentence = incoming.sentence(mail)  # type: ignore[attr-defined]  # for the template alone
