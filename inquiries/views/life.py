"""Where an inquiry stands: status, hold, tags and classification, each with one post."""

from datetime import datetime

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import get_current_timezone, is_naive, make_aware
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inquiries import classifying, moments, snoozing, tagging, triage
from inquiries.forms import AssignForm, assignable, product_named
from inquiries.models import Category, InquiryEvent, StatusLabel, Tag
from inquiries.views import menus
from inquiries.views.showing import inquiry_for
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.shop.models import Product
from shopdesk.text import one_line


class _Unknown(Exception):
    """Something was posted that does not exist; the message says what."""


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def status(request: StaffRequest, pk: int) -> HttpResponse:
    """Move an inquiry to a label or a fixed status, with the cause and the product if closing needs them."""
    inquiry = inquiry_for(request, pk)
    typed = {"cause": request.POST.get("cause", ""), "product": request.POST.get("product", "")}
    try:
        wanted, label = _wanted(request)
        if str(label) == inquiry.status_name and not inquiry.label and not any(typed.values()):
            return back(pk)  # it stands there, under the same name
        changed = triage.set_status(
            inquiry,
            status=wanted,
            label=label,
            cause=classifying.cause_of(typed["cause"]),
            product=_product(typed["product"]),
            by=request.user,
            now=clock.now(),
            version=_seen(request),
        )
    except triage.CannotClose as refusal:
        return menus.answer(
            request,
            inquiry_for(request, pk),
            "status",
            status=422,
            problem=menus.missing_words(refusal.missing),
            **typed,
        )
    except (_Unknown, triage.CannotSet) as error:
        problem = str(error) if isinstance(error, _Unknown) else _("There is no such status.")
        return menus.answer(request, inquiry_for(request, pk), "status", status=422, problem=problem, **typed)
    except (triage.IsMerged, triage.Unread) as why:
        return _first_look(request, pk, why)
    if changed and (event := getattr(inquiry, "status_event", None)):
        undoable(request, _("Status: %(status)s") % {"status": inquiry.status_name}, event)
    return back(pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def undo(request: StaffRequest, pk: int, event_pk: int) -> HttpResponse:
    """Take a change of status back."""
    inquiry = inquiry_for(request, pk)
    event = get_object_or_404(InquiryEvent, pk=event_pk, inquiry=inquiry)
    try:
        fresh = triage.undo_status(event, by=request.user, now=clock.now())
    except triage.Changed:
        messages.warning(request, _("It has been changed since, so it stays as it is."))
    else:
        messages.success(request, _("Taken back. Status: %(status)s") % {"status": fresh.status_name})
    return back(pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def snooze(request: StaffRequest, pk: int) -> HttpResponse:
    """Lay an inquiry aside until a named moment or a given one."""
    inquiry, now = inquiry_for(request, pk), clock.now()
    reason, comment = request.POST.get("reason", ""), one_line(request.POST.get("comment", ""))
    given = request.POST.get("until", "")
    until = moments.named(request.POST.get("choice", ""), now) or _moment(given)
    try:
        if until is None:
            raise snoozing.BadMoment
        changed = snoozing.snooze(
            inquiry, until=until, reason=reason, comment=comment, by=request.user, now=now, version=_seen(request)
        )
    except snoozing.BadMoment:
        problem = _("Please choose a day within the coming year.")
        return menus.answer(
            request, inquiry, "snooze", status=422, problem=problem, reason=reason, comment=comment, until=given
        )
    except (triage.IsMerged, triage.Unread) as why:
        return _first_look(request, pk, why)
    if changed:
        undoable(request, _("Laid aside."), inquiry.status_event)  # type: ignore[attr-defined]  # set by snooze()
    return back(pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def wake(request: StaffRequest, pk: int) -> HttpResponse:
    """End a hold."""
    inquiry = inquiry_for(request, pk)
    if snoozing.wake(inquiry, now=clock.now(), why="person", by=request.user):
        messages.success(request, _("No longer on hold."))
    return back(pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def assign(request: StaffRequest, pk: int) -> HttpResponse:
    """Give an inquiry to a colleague or to nobody."""
    inquiry = inquiry_for(request, pk)
    form = AssignForm(request.POST, people=assignable())
    if not form.is_valid():
        return menus.answer(request, inquiry, "assign", status=422, problem=_("This person cannot be assigned."))
    triage.assign(inquiry, to=form.person, by=request.user, now=clock.now())
    return back(pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def tags(request: StaffRequest, pk: int) -> HttpResponse:
    """Add tags (``add``, or ``name``, which makes one) and remove tags (``remove``)."""
    inquiry, now = inquiry_for(request, pk), clock.now()
    removed = _tags(request, "remove")
    added = _tags(request, "add")
    name = one_line(request.POST.get("name", ""))
    if tag := tagging.named(name):
        added.append(tag)
    try:
        tagging.remove(inquiry, removed, by=request.user, now=now)
        tagging.add(inquiry, added, by=request.user, now=now)
    except tagging.TooManyTags:
        problem = _("An inquiry can have %(most)s tags at most.") % {"most": tagging.MOST}
        return menus.answer(request, inquiry, "tags", status=422, problem=problem, name=name)
    return back(pk)


@staff_view(P.INQUIRIES_VIEW, P.INQUIRIES_TRIAGE)
@require_POST
def classify(request: StaffRequest, pk: int) -> HttpResponse:
    """Say what an inquiry is about: category, cause, product, priority, mood. What is not posted stays."""
    inquiry, now, post = inquiry_for(request, pk), clock.now(), request.POST
    by = request.user
    try:
        with transaction.atomic():
            category = _category(post["category"]) if "category" in post else None
            same = inquiry.product and post.get("product") == str(inquiry.product)  # also one that is on sale no more
            product = inquiry.product if same else _product(post.get("product", ""))
            priority = int(post["priority"]) if post.get("priority", "").isdecimal() else None
            if category:
                triage.set_category(inquiry, category=category, by=by, now=now)
            if "cause" in post:
                triage.set_cause(inquiry, cause=classifying.cause_of(post["cause"]), by=by, now=now)
            if "product" in post and not same:
                triage.set_product(inquiry, product=product, by=by, now=now)
            if priority is not None:
                triage.set_priority(inquiry, priority=priority, by=by, now=now)
            if "mood" in post:
                triage.set_mood(inquiry, mood=post["mood"], by=by, now=now)
    except (_Unknown, triage.CannotSet) as error:
        problem = str(error) if isinstance(error, _Unknown) else _("Please choose one of the values.")
        typed = {name: post.get(name, "") for name in ("category", "cause", "product", "priority", "mood")}
        return menus.answer(request, inquiry_for(request, pk), "classify", status=422, problem=problem, **typed)
    return back(pk)


def _seen(request: StaffRequest) -> int | None:
    """The version of the conversation that stood on the page."""
    version = request.POST.get("version", "")
    return int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else None


def _first_look(request: StaffRequest, pk: int, why: Exception) -> HttpResponse:
    """The page as it is now; what was wanted was not done."""
    if isinstance(why, triage.Unread):
        messages.warning(request, _("Something was said meanwhile, so nothing was done. Please look and try again."))
    return back(pk)


def back(pk: int) -> HttpResponse:
    """To the inquiry; htmx follows with the headers of its own request and gets the conversation alone."""
    return redirect("desk-inquiries:detail", pk=pk)


def undoable(request: StaffRequest, text: str, event: InquiryEvent) -> None:
    """Say what happened, with a button that takes it back (templates/components/messages.html)."""
    address = reverse("desk-inquiries:undo-status", args=[event.inquiry_id, event.pk])
    messages.success(request, text, extra_tags=f"undo:{address}")


def _wanted(request: StaffRequest) -> tuple[str, StatusLabel | None]:
    """The status and label that were chosen: ``label`` is the key of one, or ``status`` the code of a fixed one."""
    key = request.POST.get("label", "")
    if not key:
        return request.POST.get("status", ""), None
    label = StatusLabel.objects.filter(pk=int(key)).first() if key.isdecimal() and len(key) < 10 else None
    if label is None:
        raise _Unknown(_("There is no such status."))
    return label.status, label


def _product(text: str) -> Product | None:
    """The product that was typed; None for an empty field."""
    text = one_line(text).strip()
    if not text:
        return None
    product = product_named(text)
    if product is None:
        raise _Unknown(_("No product is called “%(name)s”.") % {"name": text})
    return product


def _category(slug: str) -> Category:
    known = {row.slug: row for row in Category.objects.all()}
    if slug not in known:
        raise _Unknown(_("There is no such category."))
    return known[slug]


def _tags(request: StaffRequest, name: str) -> list[Tag]:
    keys = [int(key) for key in request.POST.getlist(name) if key.isdecimal() and len(key) < 10]
    return list(Tag.objects.filter(pk__in=keys)) if keys else []


def _moment(text: str) -> datetime | None:
    """A moment as a datetime-local field gives it, in the shop's zone."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    if moment is None:
        return None
    return make_aware(moment, get_current_timezone()) if is_naive(moment) else moment
