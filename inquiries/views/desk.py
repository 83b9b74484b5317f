"""What staff see: the list, one inquiry, and who answers it."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inquiries import masking, merging, opening, reading, triage
from inquiries.forms import RecordForm, product_named
from inquiries.listpage import ListPage
from inquiries.models import Attachment, Category, Inquiry
from inquiries.views.frame import list_context
from inquiries.views.received import file_response
from inquiries.views.showing import inquiry_for, page, side_column, thread_alone
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.shop.models import Product, Store


@staff_view(P.INQUIRIES_VIEW)
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """The list, as its address says: ``?view=&q=&status=&category=&assignee=&tag=&page=``; ``filters`` unfolds them.

    Alone, without the page around it, for htmx that asks for ``#list``.
    """
    listing = ListPage(request.user, request.GET, clock.now())
    if not request.htmx or request.htmx.history_restore_request:  # type: ignore[attr-defined]  # its middleware's
        return render(request, "inquiries/workspace.html", list_context(request, listing))
    return render(request, "inquiries/_list_alone.html", list_context(request, listing, beside=True))


@staff_view(P.INQUIRIES_VIEW)
@require_safe
def detail(request: StaffRequest, pk: int) -> HttpResponse:
    """One inquiry: the thread, the reply box, the customer and the orders. A merged one leads to where it goes on."""
    inquiry = inquiry_for(request, pk)
    if inquiry.merged_into_id:
        root = merging.live(inquiry)
        if Inquiry.objects.visible_to(request.user).filter(pk=root.pk).exists():
            words = {"source": inquiry.number, "target": root.number}
            messages.info(request, _("%(source)s goes on here, in %(target)s.") % words)
            query = request.META.get("QUERY_STRING", "")
            return redirect(reverse("desk-inquiries:detail", args=[root.pk]) + (f"?{query}" if query else ""))
    reading.note(inquiry, what="page", by=request.user, now=clock.now())
    return page(request, inquiry)


@staff_view(P.INQUIRIES_VIEW)
@require_safe
def thread(request: StaffRequest, pk: int) -> HttpResponse:
    """What was said, alone; ``?all=1`` unfolds a long one."""
    inquiry = inquiry_for(request, pk)
    reading.note(inquiry, what="page", by=request.user, now=clock.now())
    return thread_alone(request, inquiry)


@staff_view(P.INQUIRIES_VIEW)
@require_safe
def panels(request: StaffRequest, pk: int) -> HttpResponse:
    """What stands beside one inquiry."""
    inquiry = inquiry_for(request, pk)
    reading.note(inquiry, what="page", by=request.user, now=clock.now())
    return side_column(request, inquiry)


@staff_view(P.INQUIRIES_VIEW_ALL, P.INQUIRIES_DRAFT)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    """Write down a question that came by phone or another way."""
    form = RecordForm(request.POST if request.method == "POST" else None)
    store = Store.objects.order_by("-is_default", "pk").first()
    if form.is_bound and form.is_valid() and store is None:
        form.add_error(None, _("There is no store yet. Add one in the admin first."))
    if form.is_bound and form.is_valid() and store is not None:
        words = form.cleaned_data
        inquiry = opening.open_inquiry(
            store=store,
            name=words["name"],
            email=words["email"],
            phone=words["phone"],
            category=words["category"],
            subject=words["subject"],
            body=words["body"],
            channel=words["channel"],
            order_number=words["order_number"],
            product=product_named(words["product"]),
            product_text=words["product"],
            form_token=words["form_token"],
            by=request.user,
            now=clock.now(),
        )
        messages.success(request, _("Recorded as %(number)s.") % {"number": inquiry.number})
        return redirect("desk-inquiries:detail", pk=inquiry.pk)
    context = {
        "form": form,
        "products": Product.objects.filter(is_active=True).order_by("name")[:200],
        "nav_active": "inquiries",
    }
    return render(request, "inquiries/new.html", context, status=422 if form.is_bound else 200)


@staff_view(P.INQUIRIES_VIEW)
@require_safe
def attachment(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Hand out a file, always as a download, never to be run in our name."""
    visible = Inquiry.objects.visible_to(request.user)
    rows = Attachment.objects.filter(message__inquiry__in=visible).select_related("message__inquiry")
    row = get_object_or_404(rows, pk=pk)
    if not masking.may_open(row, request.user):
        raise Http404
    response = file_response(row, request.user, as_download=True)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def take(request: StaffRequest, pk: int) -> HttpResponse:
    """Take an unassigned inquiry."""
    inquiry = inquiry_for(request, pk)
    if not triage.take(inquiry, by=request.user, now=clock.now()):
        inquiry.refresh_from_db(fields=["assignee"])
        if inquiry.assignee != request.user:
            messages.warning(request, _("%(name)s was faster and has it now.") % {"name": inquiry.assignee})
    return redirect("desk-inquiries:detail", pk=pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def category(request: StaffRequest, pk: int) -> HttpResponse:
    """Say what an inquiry is about."""
    inquiry = inquiry_for(request, pk)
    known = {row.slug: row for row in Category.objects.all()}
    wanted = known.get(request.POST.get("category", ""))
    if wanted is None:
        return page(request, inquiry, status=422, problem=_("There is no such category."))
    triage.set_category(inquiry, category=wanted, by=request.user, now=clock.now())
    return redirect(reverse("desk-inquiries:detail", args=[pk]))
