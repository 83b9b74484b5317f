"""Staff screens of the mailboxes."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.mail import mailboxes, receiving
from shopdesk.mail.forms_incoming import KINDS, MailboxForm, word_of
from shopdesk.mail.models import Mailbox
from shopdesk.mail.parsing import headers_only
from shopdesk.mail.receiving import problems
from shopdesk.tokens import site_url

Status = Mailbox.Status
TONES = {Status.PAUSED: "neutral", Status.READING: "info", Status.ACTIVE: "ok"}


@staff_view(P.SETTINGS_CHANGE)
def index(request: HttpRequest) -> HttpResponse:
    """The mailboxes, each with how it is doing."""
    rows = list(Mailbox.objects.order_by("pk"))
    for row in rows:
        _dress(row)
    kinds = [(word, label) for word, (_form, label, _initial) in KINDS.items()]
    return render(request, "mail_desk/mailboxes.html", {"nav_active": "mail", "rows": rows, "kinds": kinds})


@staff_view(P.SETTINGS_CHANGE)
def add(request: StaffRequest, word: str) -> HttpResponseBase:
    """A new mailbox: paused until somebody says otherwise."""
    if word not in KINDS:
        raise Http404
    kind, label, initial = KINDS[word]
    form = kind(request.POST or None, initial={**initial, "read_since": timezone.localdate(clock.now())})
    if request.method == "POST" and form.is_valid():
        row = mailboxes.save(None, values=form.values(), secret=form.secret(), by=request.user, now=clock.now())
        messages.success(request, _("The mailbox was added. Try the connection, then start it."))
        return redirect("desk-mail:mailbox", row.pk)
    context = {"nav_active": "mail", "form": form, "kind_label": label}
    return render(request, "mail_desk/mailbox_form.html", context, status=422 if form.is_bound else 200)


@staff_view(P.SETTINGS_CHANGE)
def edit(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Change a mailbox; stored secrets are not shown."""
    row = get_object_or_404(Mailbox, pk=pk)
    kind, label, _initial = KINDS[word_of(row)]
    form: MailboxForm = kind(
        request.POST or None, mailbox=row, initial={name: getattr(row, name) for name in mailboxes.FIELDS}
    )
    if request.method == "POST" and form.is_valid():
        mailboxes.save(row, values=form.values(), secret=form.secret(), by=request.user, now=clock.now())
        messages.success(request, _("Saved."))
        return redirect("desk-mail:mailbox", row.pk)
    context = {"nav_active": "mail", "form": form, "kind_label": label, "mailbox": row}
    return render(request, "mail_desk/mailbox_form.html", context, status=422 if form.is_bound else 200)


@staff_view(P.SETTINGS_CHANGE)
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One mailbox: how it is doing, and the buttons."""
    return _page(request, get_object_or_404(Mailbox, pk=pk))


@staff_view(P.SETTINGS_CHANGE)
@require_POST
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """The connection test: reads the last three subjects, changes nothing on the server and nothing here."""
    row = get_object_or_404(Mailbox.objects.exclude(kind=Mailbox.Kind.WEBHOOK), pk=pk)
    try:
        seen = receiving.look(row)
    except problems.MailboxProblem as problem:
        tried = {"problem": problems.SENTENCES[problem.code], "detail": problem.detail}
    else:
        subjects = [headers_only(head, "").subject for head in seen.headers]
        tried = {"count": seen.count, "subjects": list(reversed(subjects))}
    return _page(request, row, tried=tried)


@staff_view(P.SETTINGS_CHANGE)
@require_POST
def status(request: StaffRequest, pk: int) -> HttpResponse:
    """Read, start, pause."""
    row = get_object_or_404(Mailbox, pk=pk)
    wanted = request.POST.get("status", "")
    if wanted not in Status.values:
        raise Http404
    if mailboxes.set_status(row, Status(wanted), by=request.user, now=clock.now()):
        words = {
            Status.PAUSED: _("Paused. Mail stays on the server until you start again."),
            Status.READING: _("Mail is read from now on. Nothing is answered automatically yet."),
            Status.ACTIVE: _("Started."),
        }
        messages.success(request, words[Status(wanted)])
    return redirect("desk-mail:mailbox", row.pk)


@staff_view(P.SETTINGS_CHANGE)
@require_POST
def address(request: StaffRequest, pk: int) -> HttpResponse:
    """Make a new address for the provider. It is shown in this answer and never again."""
    row = get_object_or_404(Mailbox, pk=pk, kind=Mailbox.Kind.WEBHOOK)
    secret = mailboxes.new_hook_address(row, by=request.user, now=clock.now())
    row.refresh_from_db()
    path = f"/hooks/mail/{secret}/{'mime/' if row.provider == 'mailgun' else ''}"
    response = _page(request, row, hook=site_url(path))
    response["Cache-Control"] = "no-store"
    return response


def _page(
    request: HttpRequest, row: Mailbox, *, tried: dict[str, object] | None = None, hook: str = ""
) -> HttpResponse:
    _dress(row)
    context = {
        "nav_active": "mail",
        "mailbox": row,
        "kind_label": KINDS[word_of(row)][1],
        "cursors": list(row.cursors.order_by("name")),
        "tried": tried,
        "hook": hook,
    }
    return render(request, "mail_desk/mailbox.html", context)


def _dress(row: Mailbox) -> None:
    row.tone = TONES[Status(row.status)]  # type: ignore[attr-defined]  # for the template alone
    row.sentence = problems.SENTENCES.get(row.problem, "")  # type: ignore[attr-defined]  # for the template alone
