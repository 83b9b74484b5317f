"""Importing on the screen: choose a file, see what would happen, confirm, watch."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST
from kombu.exceptions import OperationalError

from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.shop import tasks
from shopdesk.shop.importing import detect, encodings, error_file, run
from shopdesk.shop.importing.problems import SENTENCES, FileProblem
from shopdesk.shop.models import ImportJob, Store
from shopdesk.shop.pages import page_of

SHOWN_ERRORS = 50
SAMPLE_ROWS = 5
# A file that is no table at all cannot be helped by another encoding; it is not kept.
_HOPELESS = {"empty", "workbook", "not_text", "no_rows", "too_many_columns"}

_ENCODINGS: "list[tuple[str, str | Promise]]" = [
    (encodings.AUTO, gettext_lazy("Recognise automatically")),
    *encodings.LABELS.items(),
]
_PROFILES: "list[tuple[str, str | Promise]]" = [
    (detect.AUTO, gettext_lazy("Recognise automatically")),
    *((code, profile.LABEL) for code, profile in detect.PROFILES.items()),
]


class UploadForm(forms.Form):
    """A file and the store whose orders it holds."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy("An order export of EC-CUBE 4 or Shopify as it is, up to 20 MB."),
        error_messages={"empty": SENTENCES["empty"]},  # type: ignore[dict-item]  # lazy, as Django takes it
    )
    store = forms.ModelChoiceField(label=gettext_lazy("Store"), queryset=Store.objects.all(), empty_label=None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].widget.attrs["accept"] = ".csv,.txt,.tsv,text/csv"

    def clean_file(self) -> "UploadedFile[bytes]":
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if file.size is None or file.size > run.MAX_FILE:
            raise forms.ValidationError(
                _("The file is larger than %(limit)s MB. Export a shorter period and try again.")
                % {"limit": run.MAX_FILE // 1024 // 1024}
            )
        return file


class LookForm(forms.Form):
    """How the file is read. What is not chosen is recognised, or stays."""

    profile = forms.ChoiceField(label=gettext_lazy("Format"), choices=_PROFILES, required=False)
    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), choices=_ENCODINGS, required=False)
    store = forms.ModelChoiceField(
        label=gettext_lazy("Store"), queryset=Store.objects.all(), empty_label=None, required=False
    )


class ConfirmForm(forms.Form):
    plan_followups = forms.BooleanField(
        label=gettext_lazy("Plan follow-up mail for past orders too"),
        required=False,
        help_text=gettext_lazy(
            "Without it, only new orders of the last three days get follow-up mail. "
            "Customers of old orders would be surprised by it."
        ),
    )


@staff_view(P.ORDERS_IMPORT)
def import_list(request: StaffRequest) -> HttpResponse:
    """The form and the imports so far; POST takes a file, looks at it and goes on to its page."""
    if request.method != "POST":
        form = UploadForm(initial={"store": Store.objects.order_by("-is_default", "pk").first()})
        return _list_page(request, form)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _list_page(request, form, status=422)
    file, store = form.cleaned_data["file"], form.cleaned_data["store"]
    now = clock.now()
    job = run.store_file(file.read(), file_name=file.name, store=store, by=request.user, now=now)
    try:
        run.look(job, encoding=encodings.AUTO, profile=detect.AUTO, store=store, now=now)
    except FileProblem as problem:
        if problem.code in _HOPELESS:
            job.delete()
            form.add_error("file", str(problem))
            return _list_page(request, form, status=422)
        return _look_page(request, job, problem=problem, status=422)
    return redirect("desk-shop:import", job.pk)


def _list_page(request: StaffRequest, form: UploadForm, status: int = 200) -> HttpResponse:
    jobs = ImportJob.objects.select_related("store", "by").defer("content", "errors")
    context = {"form": form, "page_obj": page_of(jobs, request), "nav_active": "imports"}
    return render(request, "shop/imports.html", context, status=status)


def _job(pk: int) -> ImportJob:
    return get_object_or_404(ImportJob.objects.select_related("store", "by").defer("content"), pk=pk)


@staff_view(P.ORDERS_IMPORT)
@require_GET
def import_detail(request: StaffRequest, pk: int) -> HttpResponse:
    """What would happen, what is happening, or what happened, as the job stands."""
    job = _job(pk)
    if job.dry_run:
        return _look_page(request, job)
    return render(request, "shop/import.html", _progress_context(job))


@staff_view(P.ORDERS_IMPORT)
@require_POST
def import_look(request: StaffRequest, pk: int) -> HttpResponse:
    """Look again, read in another way."""
    job = _job(pk)
    form = LookForm(request.POST)
    if not form.is_valid():
        return _look_page(request, job, form=form, status=422)
    try:
        run.look(
            job,
            encoding=form.cleaned_data["encoding"] or encodings.AUTO,
            profile=form.cleaned_data["profile"] or detect.AUTO,
            store=form.cleaned_data["store"] or job.store,
            now=clock.now(),
        )
    except FileProblem as problem:
        return _look_page(request, job, form=form, problem=problem, status=422)
    except run.AlreadyRunning:
        pass
    return redirect("desk-shop:import", pk)


def _look_page(
    request: StaffRequest,
    job: ImportJob,
    *,
    form: LookForm | None = None,
    problem: FileProblem | None = None,
    status: int = 200,
) -> HttpResponse:
    opened = None
    if problem is None and (form is None or form.is_valid()):
        try:
            opened = run.open_file(
                bytes(job.content),
                encoding=job.encoding or encodings.AUTO,
                profile=job.profile or detect.AUTO,
                limit=SAMPLE_ROWS,
            )
        except FileProblem as found:
            problem = found
    known = {"profile": job.profile or detect.AUTO, "encoding": job.encoding or encodings.AUTO, "store": job.store}
    context = {
        "job": job,
        "form": form or LookForm(initial=known),
        "confirm_form": ConfirmForm(),
        "problem": problem,
        "profile_label": opened.profile.LABEL if opened else "",
        "encoding_label": encodings.LABELS[opened.encoding] if opened else "",
        "header": opened.table.header if opened else [],
        "sample": [row.cells for row in opened.table.rows] if opened else [],
        "problems": run.problems_of(job)[:SHOWN_ERRORS],
        "work": job.new + job.updated,
        "nav_active": "imports",
    }
    return render(request, "shop/import_look.html", context, status=status)


@staff_view(P.ORDERS_IMPORT)
@require_POST
def import_confirm(request: StaffRequest, pk: int) -> HttpResponse:
    """Start the import: a small one at once, a large one in a worker. A second click changes nothing."""
    job = _job(pk)
    form = ConfirmForm(request.POST)
    form.is_valid()
    if run.confirm(job, plan_followups=form.cleaned_data["plan_followups"], now=clock.now()):
        if job.orders_total <= run.IN_REQUEST:
            _run_here(request, job)
        else:
            _ring(request, job)
    return redirect("desk-shop:import", pk)


@staff_view(P.ORDERS_IMPORT)
@require_POST
def import_run(request: StaffRequest, pk: int) -> HttpResponse:
    """Run in this request what no worker has taken up, or what failed."""
    _run_here(request, _job(pk))
    return redirect("desk-shop:import", pk)


def _run_here(request: StaffRequest, job: ImportJob) -> None:
    try:
        run.import_job(job, clock.now(), clock=clock.now)
    except run.AlreadyRunning:
        messages.info(request, _("This import is already running or done."))
    except FileProblem as problem:
        messages.error(request, str(problem))


def _ring(request: StaffRequest, job: ImportJob) -> None:
    try:
        tasks.run_import.delay(job.pk)
    except OperationalError:
        messages.warning(
            request, _("The worker could not be reached. The file is kept; you can run the import on this page.")
        )


@staff_view(P.ORDERS_IMPORT)
@require_POST
def import_discard(request: StaffRequest, pk: int) -> HttpResponse:
    """Throw away a file that was only looked at."""
    if ImportJob.objects.filter(pk=pk, dry_run=True).delete()[0]:
        messages.success(request, _("The file was discarded. Nothing was imported."))
    return redirect("desk-shop:imports")


@staff_view(P.ORDERS_IMPORT)
@require_GET
def import_progress(request: StaffRequest, pk: int) -> HttpResponse:
    """The bar, asked for again and again; when the import is over, the page is loaded anew."""
    job = get_object_or_404(ImportJob.objects.defer("content"), pk=pk, dry_run=False)
    response = render(request, "shop/_progress.html", _progress_context(job))
    if job.status in {ImportJob.Status.DONE, ImportJob.Status.FAILED}:
        response["HX-Refresh"] = "true"
    return response


def _progress_context(job: ImportJob) -> dict[str, Any]:
    done = job.new + job.updated + job.unchanged + job.skipped
    return {
        "job": job,
        "done": done,
        "encoding_label": encodings.LABELS.get(job.encoding, ""),
        "profile_label": detect.PROFILES[job.profile].LABEL if job.profile in detect.PROFILES else "",
        "startable": ImportJob.objects.startable(clock.now()).filter(pk=job.pk).exists(),
        "problems": run.problems_of(job)[:SHOWN_ERRORS],
        "nav_active": "imports",
    }


@staff_view(P.ORDERS_IMPORT)
@require_GET
def import_errors(request: StaffRequest, pk: int) -> HttpResponse:
    """The bad rows as a CSV file."""
    job = _job(pk)
    if not job.errors:
        raise Http404
    text = error_file.error_file(bytes(job.content), job.encoding, run.problems_of(job))
    response = HttpResponse(text.encode(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="errors-{job.pk}.csv"'
    return response
