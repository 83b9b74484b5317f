"""What staff see of letters: what leaves next, what is held, what left, what did not, and why."""

from __future__ import annotations

import logging
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from followups import listing, sentences, stopping, writing
from followups.models import PlannedMail, Sequence
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.mail import composing, outbox

logger = logging.getLogger(__name__)
State = PlannedMail.State


@staff_view(P.FOLLOWUPS_VIEW)
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """The list, as its address says: ``?tab=&sequence=&page=``."""
    tab = request.GET.get("tab", "coming")
    if tab not in listing.TABS:
        tab = "coming"
    sequences = list(Sequence.objects.all())
    wanted = request.GET.get("sequence", "")
    sequence = wanted if any(known.slug == wanted for known in sequences) else ""
    page, rows = listing.page(tab, sequence, request.GET.get("page", "1"))
    context = {
        "tabs": [
            (known, "?" + urlencode({"tab": known.code} | ({"sequence": sequence} if sequence else {})))
            for known in listing.tabs(tab, sequence)
        ],
        "tab": tab,
        "sequences": sequences,
        "sequence": sequence,
        "page": page,
        "rows": rows,
        "may_manage": request.user.has_perm(P.FOLLOWUPS_MANAGE),
        "nav_active": "followups",
    }
    return render(request, "followups/list.html", context)


@staff_view(P.FOLLOWUPS_VIEW)
@require_safe
def planned(request: StaffRequest, pk: int) -> HttpResponse:
    """One letter: why it was sent or not, and its words, as they were or as they would be now."""
    row = _row(pk)
    letter = outbox.letter(row.mail_key) if row.mail_key else None
    words, problem = None, ""
    if letter is None:
        try:
            words = writing.compose(row, row.customer, now=clock.now(), preview=True)
        except (composing.UnknownVariable, composing.BadTemplate) as error:
            problem = str(error)
    context = {
        "row": row,
        "label": sentences.label(row),
        "why": sentences.sentence(row),
        "tone": sentences.TONES[row.state],
        "when": sentences.when(row.step),
        "letter": letter,
        "words": words,
        "problem": problem,
        "series": PlannedMail.objects.filter(order=row.order, step=row.step).exclude(pk=row.pk).order_by("occurrence")
        if row.order_id
        else [],
        "inquiry_url": _link("desk-inquiries:detail", row.decision.get("inquiry"), request, P.INQUIRIES_VIEW),
        "return_url": _link("desk-returns:detail", row.decision.get("return"), request, P.RETURNS_VIEW),
        "waits": row.state in {State.PLANNED, State.HELD},
        "may_manage": request.user.has_perm(P.FOLLOWUPS_MANAGE),
        "may_read_mail": request.user.has_perm(P.MAIL_VIEW),
        "may_see_orders": request.user.has_perm(P.ORDERS_VIEW),
        "nav_active": "followups",
    }
    return render(request, "followups/planned.html", context)


@staff_view(P.FOLLOWUPS_MANAGE)
@require_POST
def release(request: StaffRequest, pk: int) -> HttpResponseBase:
    done = stopping.release(get_object_or_404(PlannedMail, pk=pk), by=request.user, now=clock.now())
    return _answer(request, pk, _("Released. It leaves with the next round."), done=done)


@staff_view(P.FOLLOWUPS_MANAGE)
@require_POST
def hold(request: StaffRequest, pk: int) -> HttpResponseBase:
    done = stopping.hold(get_object_or_404(PlannedMail, pk=pk), by=request.user, now=clock.now())
    return _answer(request, pk, _("Held until somebody releases it."), done=done)


@staff_view(P.FOLLOWUPS_MANAGE)
@require_POST
def cancel(request: StaffRequest, pk: int) -> HttpResponseBase:
    done = stopping.cancel(get_object_or_404(PlannedMail, pk=pk), by=request.user, now=clock.now())
    return _answer(request, pk, _("Cancelled. It will not be sent."), done=done)


def _link(name: str, pk: object, request: StaffRequest, need: P) -> str:
    return reverse(name, args=[pk]) if isinstance(pk, int) and request.user.has_perm(need) else ""


def _row(pk: int) -> PlannedMail:
    about = PlannedMail.objects.select_related(
        "sequence", "step__sequence", "customer", "order__store", "restock_request__product", "coupon"
    ).prefetch_related("step__categories", "order__lines__product", "customer__addresses")
    return get_object_or_404(about, pk=pk)


def _answer(request: StaffRequest, pk: int, words: str, *, done: bool) -> HttpResponseBase:
    if done:
        messages.success(request, words)
    else:
        messages.warning(request, _("Nothing changed: this letter was decided in the meantime."))
    back = request.POST.get("back", "")
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    if safe and back.startswith("/"):  # redirect() would take a bare word for the name of a view
        return HttpResponseRedirect(back)
    return redirect(reverse("desk-followups:planned", args=[pk]))
