"""The screens on which templates are kept."""

from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inquiries import attachments, masking, templating, texts
from inquiries.models import Inquiry, Template, TemplateFile
from inquiries.numbering import normalise as normalise_number
from inquiries.text_forms import MAX_TEXT, TemplateForm, typed
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.text import clean, one_line


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """All templates by folder: ``?q=&folder=&unused=1``."""
    user = request.user
    words, folder = one_line(request.GET.get("q", ""))[:100], one_line(request.GET.get("folder", ""))[:60]
    unused = request.GET.get("unused") == "1"
    rows = templating.changeable(user).filter(is_active=not unused).select_related("owner", "store")
    every = list(rows.prefetch_related("files"))
    found = templating.search(every, words)
    if folder:
        found = [row for row in found if row.folder == folder]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        groups.setdefault(row.folder, []).append({"template": row, "may_change": templating.may_change(row, user)})
    for rows_of in groups.values():
        for above, below in pairwise(rows_of):
            above["below"], below["above"] = below["template"].pk, above["template"].pk
    deleted = request.GET.get("deleted", "")
    context = {
        "groups": list(groups.items()),
        "folders": sorted({row.folder for row in every if row.folder}),
        "folder": folder, "q": words, "unused": unused, "count": len(found),
        "deleted": _own(request, int(deleted)) if deleted.isdecimal() and len(deleted) < 10 else None,
        "nav_active": "inquiries",
    }  # fmt: skip
    return render(request, "inquiries/templates.html", context)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: StaffRequest) -> HttpResponse:
    """A new template."""
    return _edit(request, Template(folder=one_line(request.GET.get("folder", ""))[:60]))


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Change a template; the button 「preview」 shows the typed words with an inquiry and saves nothing."""
    return _edit(request, _changeable(request, pk))


def _edit(request: StaffRequest, template: Template) -> HttpResponse:
    now, is_new = clock.now(), template.pk is None
    posted, previews = request.method == "POST", "preview" in request.POST
    saves = posted and not previews
    form: Any = TemplateForm(
        request.POST if saves else None, request.FILES if saves else None, instance=template, user=request.user
    )
    if previews:
        form = typed(TemplateForm, request.POST, instance=template, user=request.user)
    kept = [] if is_new else list(template.files.all())
    drop = [file for file in kept if str(file.pk) in request.POST.getlist("drop")]
    if saves and form.is_valid():
        try:
            templating.save(form.instance, new_files=form.cleaned_data["files"], drop_files=drop, now=now)
        except attachments.Refused as refusal:
            form.add_error("files", refusal.sentence)
        else:
            messages.success(request, _("Saved."))
            return redirect("desk-inquiries:templates")
    context = {
        "form": form, "template": None if is_new else template, "files": kept, "drop": [file.pk for file in drop],
        "folders": sorted(set(templating.changeable(request.user).exclude(folder="").values_list("folder", flat=True))),
        "variables": texts.palette(request.user), "nav_active": "inquiries",
        **_preview(request, form["body_ja"].value() or "", form["body_en"].value() or ""),
    }  # fmt: skip
    return render(request, "inquiries/template_form.html", context, status=422 if saves else 200)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def preview(request: StaffRequest) -> HttpResponse:
    """The typed words with one inquiry's real data; saves nothing."""
    context = _preview(request, request.POST.get("body_ja", ""), request.POST.get("body_en", ""))
    return render(request, "inquiries/_template_preview.html", context)


def _preview(request: StaffRequest, body_ja: str, body_en: str) -> dict[str, Any]:
    number = one_line(request.POST.get("on", ""))[:20]
    rows = Inquiry.objects.visible_to(request.user).select_related("customer", "store", "order", "product")
    inquiry = rows.filter(number=normalise_number(number)).first() if number else rows.order_by("-pk").first()
    template = Template(body_ja=clean(body_ja)[:MAX_TEXT], body_en=clean(body_en)[:MAX_TEXT])
    source = template.body(inquiry.language if inquiry else "ja")
    filled = texts.fill(source, inquiry, by=request.user) if inquiry and source.strip() else None
    missing = [texts.label(name) for name in filled.missing] if filled else []
    if inquiry:
        masking.cover([inquiry], request.user)
    return {"on": number, "preview_inquiry": inquiry, "filled": filled, "missing": missing}


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def copy(request: StaffRequest, pk: int) -> HttpResponse:
    """A copy, opened for changing."""
    template = get_object_or_404(templating.changeable(request.user), pk=pk)
    name = _("%(name)s (copy)") % {"name": template.name}
    twin = templating.copy(template, name=name, by=request.user, now=clock.now())
    return redirect("desk-inquiries:template", pk=twin.pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def delete(request: StaffRequest, pk: int) -> HttpResponse:
    """Take a template out of use; ``back=1`` takes that back."""
    template = _changeable(request, pk)
    back = request.POST.get("back") == "1"
    templating.set_offered(template, offered=back)
    if back:
        messages.success(request, _("“%(name)s” is back.") % {"name": template.name})
        return redirect("desk-inquiries:templates")
    return redirect(f"{reverse('desk-inquiries:templates')}?{urlencode({'deleted': pk})}")


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_POST
def move(request: StaffRequest, pk: int) -> HttpResponse:
    """Right before or after the one that the page showed beside it: two clicks move it once."""
    template = _changeable(request, pk)
    before = "before" in request.POST
    beside = request.POST.get("before" if before else "after", "")
    known = beside.isascii() and beside.isdecimal() and len(beside) < 19
    if not known or not templating.move(template, beside=int(beside), before=before):
        messages.warning(request, _("The order has changed meanwhile. Please look and try again."))
    return redirect("desk-inquiries:templates")


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_DRAFT)
@require_safe
def file(request: StaffRequest, pk: int) -> HttpResponseBase:
    """A file of a template, as a download."""
    row = get_object_or_404(
        TemplateFile.objects.filter(template__in=templating.changeable(request.user)).order_by("pk"), pk=pk
    )
    try:
        content = default_storage.open(row.storage_key)
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(content, as_attachment=True, filename=row.name, content_type=row.media_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response


def _own(request: StaffRequest, pk: int) -> Template | None:
    found = templating.changeable(request.user).filter(pk=pk, is_active=False).first()
    return found if found and templating.may_change(found, request.user) else None


def _changeable(request: StaffRequest, pk: int) -> Template:
    """The template, if this person may change it: 404 for somebody else's own, 403 for a shared one."""
    template = get_object_or_404(templating.changeable(request.user), pk=pk)
    if not templating.may_change(template, request.user):
        raise PermissionDenied
    return template
