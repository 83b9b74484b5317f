"""Sequences, their steps and words; newsletters; and the restock button."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Min
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from followups import editing, listing, planning, restocking, sentences, stopping, writing
from followups.forms import SequenceForm, StepForm
from followups.models import Campaign, PlannedMail, RestockRequest, Sequence, Step
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.mail import composing
from shopdesk.shop import orders
from shopdesk.shop.models import Order, Product

State = PlannedMail.State
_STATUS_TONES = {Sequence.Status.ACTIVE: "ok", Sequence.Status.PAUSED: "warn", Sequence.Status.DRAFT: "neutral"}


@staff_view(P.FOLLOWUPS_VIEW)
@require_safe
def sequences(request: StaffRequest) -> HttpResponse:
    """Every sequence, and how many of its letters wait, are held, left or did not."""
    counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in PlannedMail.objects.values("sequence", "state").annotate(n=Count("pk")).order_by():
        tab = next(code for code, (_label, states) in listing.TABS.items() if row["state"] in states)
        counts[row["sequence"]][tab.replace("-", "_")] += row["n"]
    rows = [
        {
            "sequence": sequence,
            "tone": _STATUS_TONES[Sequence.Status(sequence.status)],
            "trigger": sentences.trigger(sequence),
            **counts[sequence.pk],
        }
        for sequence in Sequence.objects.annotate(step_count=Count("steps")).order_by("pk")
    ]
    return _page(request, "followups/sequences.html", {"rows": rows, "campaigns": Campaign.objects.all()})


@staff_view(P.FOLLOWUPS_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def sequence(request: StaffRequest, pk: int) -> HttpResponseBase:
    """One sequence: its steps, and (for those who may) its conditions to change."""
    found = get_object_or_404(Sequence, pk=pk)
    if request.method == "POST" and not request.user.has_perm(P.FOLLOWUPS_MANAGE):
        raise PermissionDenied
    form = SequenceForm(request.POST if request.method == "POST" else None, instance=found)
    if form.is_bound and form.is_valid():
        editing.save_sequence(form, by=request.user, now=clock.now())
        messages.success(request, _("Saved."))
        return redirect("desk-followups:sequence", pk)
    found = get_object_or_404(Sequence, pk=pk)  # a refused form has already written into its instance
    waiting = dict(
        PlannedMail.objects.waiting().filter(sequence=found).values_list("step").annotate(n=Count("pk")).order_by()
    )
    steps = [
        {"step": step, "when": sentences.when(step), "waiting": waiting.get(step.pk, 0)}
        for step in found.steps.select_related("sequence").prefetch_related("categories")
    ]
    context = {
        "sequence": found,
        "tone": _STATUS_TONES[Sequence.Status(found.status)],
        "trigger": sentences.trigger(found),
        "steps": steps,
        "form": form,
    }
    return _page(request, "followups/sequence.html", context, status=422 if form.is_bound else 200)


@staff_view(P.FOLLOWUPS_MANAGE)
@require_POST
def set_status(request: StaffRequest, pk: int) -> HttpResponseBase:
    """``status``: active or paused."""
    found = get_object_or_404(Sequence, pk=pk)
    wanted = Sequence.Status.ACTIVE if request.POST.get("status") == "active" else Sequence.Status.PAUSED
    if stopping.set_status(found, wanted, by=request.user, now=clock.now()):
        messages.success(
            request,
            _("The sequence runs.")
            if wanted == Sequence.Status.ACTIVE
            else _("Paused. Letters that fall due are held until it runs again."),
        )
    return redirect("desk-followups:sequence", pk)


@staff_view(P.FOLLOWUPS_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def step(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Edit a step; the button 「preview」 shows the typed words on a real order and saves nothing."""
    found = get_object_or_404(Step.objects.select_related("sequence"), pk=pk)
    return _edit_step(request, found)


@staff_view(P.FOLLOWUPS_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def add_step(request: StaffRequest, pk: int) -> HttpResponseBase:
    """A further step of a sequence."""
    found = get_object_or_404(Sequence, pk=pk)
    last = found.steps.aggregate(last=Max("position"))["last"]
    return _edit_step(request, Step(sequence=found, position=0 if last is None else last + 1))


@staff_view(P.FOLLOWUPS_VIEW)
@require_safe
def campaign(request: StaffRequest, pk: int) -> HttpResponse:
    """The words of a newsletter. Sending it to a list is not served yet."""
    return _page(request, "followups/campaign.html", {"campaign": get_object_or_404(Campaign, pk=pk)})


@staff_view(P.FOLLOWUPS_VIEW)
@require_safe
def restock(request: StaffRequest) -> HttpResponse:
    """Products that somebody waits for."""
    waiting = (
        RestockRequest.objects.filter(restocked_at=None)
        .values("product")
        .annotate(n=Count("pk"), since=Min("created_at"))
        .order_by("-n", "product")[:200]
    )
    products = Product.objects.in_bulk([row["product"] for row in waiting])
    rows = [{"product": products[row["product"]], "n": row["n"], "since": row["since"]} for row in waiting]
    return _page(request, "followups/restock.html", {"rows": rows})


@staff_view(P.FOLLOWUPS_MANAGE)
@require_POST
def restocked(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The product is back: plan one letter for everybody who asked."""
    product = get_object_or_404(Product, pk=pk)
    try:
        count = restocking.restocked(product, by=request.user, now=clock.now())
    except restocking.NoRestockSequence:
        messages.error(request, _("No active sequence says what to write. The requests stay open."))
    else:
        words = ngettext("%(n)s letter is planned.", "%(n)s letters are planned.", count)
        messages.success(request, words % {"n": count})
    return redirect("desk-followups:restock")


# --- within ---------------------------------------------------------------------------------------------------------


def _edit_step(request: StaffRequest, found: Step) -> HttpResponseBase:
    wanted = request.POST.get("preview_order", "").strip()
    preview: dict[str, Any] | None = None
    form = StepForm(request.POST if request.method == "POST" else None, instance=found)
    if form.is_bound and form.is_valid():
        if "preview" not in request.POST:
            moved = editing.save_step(form, by=request.user, now=clock.now())
            words = ngettext("Saved. %(n)s letter moved.", "Saved. %(n)s letters moved.", moved) % {"n": moved}
            messages.success(request, words if form.cleaned_data["move_waiting"] else _("Saved."))
            return redirect("desk-followups:sequence", found.sequence_id)
        preview = _preview(form, wanted)
    names = writing.known_names(trigger=found.sequence.trigger, coupon=True)
    context = {
        "sequence": found.sequence,
        "step": found,
        "form": form,
        "when": sentences.when(found) if found.delay is not None else "",
        "waiting": PlannedMail.objects.waiting().filter(step=found).count() if found.pk else 0,
        "names": sorted(name for name in names if "items." not in name),
        "has_items": "items.name" in names,
        "preview": preview,
        "preview_order": wanted,
    }
    status = 422 if form.is_bound and form.errors else 200
    return _page(request, "followups/step.html", context, status=status)


def _preview(form: StepForm, number: str) -> dict[str, Any]:
    """The typed words on the order of that number, or on the newest that the step concerns, in both languages."""
    step = form.instance  # carries the typed values, unsaved
    now = clock.now()
    if number:
        order = next(iter(orders.find(number)), None)
        if order is None:
            return {"problem": _("No order has this number.")}
    elif step.pk:
        order = planning.concerned(step).order_by("-ordered_at", "-pk").first() or _newest_order()
    else:
        order = _newest_order()
    if order is None or step.sequence.trigger == Sequence.Trigger.RESTOCKED:
        return {"problem": _("There is no order to show it with.")}
    customer = order.customer
    anchor = order.delivered_at or order.shipped_at or order.ordered_at
    due = planning.due_of(step, anchor)
    planned = PlannedMail(
        sequence=step.sequence, step=step, order=order, customer=customer, anchor_at=anchor, due_at=due,
        not_after=planning.not_after(step, due), created_at=now,
    )  # fmt: skip
    letters = []
    for language in ("ja", "en"):
        customer.language = language
        try:
            letters.append(writing.compose(planned, customer, now=max(now, due), preview=True))
        except (composing.UnknownVariable, composing.BadTemplate) as error:
            return {"problem": str(error)}
        if not step.body_en:
            break
    return {"order": order, "due": due, "letters": letters}


def _newest_order() -> Order | None:
    return Order.objects.order_by("-ordered_at", "-pk").first()


def _page(request: StaffRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    own = {"may_manage": request.user.has_perm(P.FOLLOWUPS_MANAGE), "nav_active": "followups"}
    return render(request, template, own | context, status=status)
