"""Rules: the list, the editor with its dry run, and what they did."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Max
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inquiries import acts, conditions, editors, masking, rules
from inquiries.models import Inquiry, Rule, RuleHit
from inquiries.text_forms import RuleForm, typed
from shopdesk import clock
from shopdesk.accounts.decorators import StaffRequest, staff_view
from shopdesk.accounts.permissions import P
from shopdesk.fields import save_form

PER_PAGE = 50


@staff_view(P.INQUIRIES_SETTINGS)
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """All rules in their order, with how often each acted."""
    rows = Rule.objects.annotate(count=Count("hits"), last=Max("hits__at")).order_by("position", "name", "pk")
    shown = [
        {"rule": row, "when": conditions.describe(row.conditions), "words": acts.describe(row.acts)} for row in rows
    ]
    return render(request, "inquiries/rules.html", {"rows": shown, "nav_active": "inquiries"})


@staff_view(P.INQUIRIES_SETTINGS)
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: StaffRequest) -> HttpResponse:
    """A new rule; it is not in force before somebody says so."""
    return _edit(request, Rule())


@staff_view(P.INQUIRIES_SETTINGS)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Change a rule; the button 「try」 counts what it would have met and saves nothing."""
    return _edit(request, get_object_or_404(Rule, pk=pk))


def _edit(request: StaffRequest, rule: Rule) -> HttpResponse:
    now, is_new = clock.now(), rule.pk is None
    posted, more, tries = request.method == "POST", request.POST.get("more", ""), "try" in request.POST
    saves = posted and not more and not tries
    form: Any = RuleForm(request.POST if saves else None, instance=rule)
    if more or tries:
        form = typed(RuleForm, request.POST, instance=rule)
    wanted: Any = conditions.read(request.POST) if posted else rule.conditions
    planned: Any = acts.read(request.POST) if posted else rule.acts
    problems, act_problems, trial = _problems(wanted, planned, request) if saves or tries else ([], [], None)
    if saves and form.is_valid() and not problems and not act_problems:
        form.instance.conditions, form.instance.acts = wanted, planned
        same = Rule.objects.filter(name=form.instance.name, event=form.instance.event, conditions=wanted, acts=planned)
        if not (is_new and same.exists()):  # the same form sent twice is one rule
            save_form(form, "conditions", "acts")
        messages.success(request, _("Saved."))
        return redirect("desk-inquiries:rules")
    context = {
        "form": form, "rule": None if is_new else rule, "problems": problems, "act_problems": act_problems,
        "builder": editors.conditions_editor(wanted, user=None, extra=1 + (more == "conditions")),
        "acts_editor": editors.acts_editor(planned, user=None, extra=1 + (more == "acts")),
        "for_rule": True, "trial": trial if tries else None, "nav_active": "inquiries",
        "hits": [] if is_new else _last_hits(rule, request),
        "now": now,
    }  # fmt: skip
    return render(request, "inquiries/rule_form.html", context, status=422 if saves else 200)


def _last_hits(rule: Rule, request: StaffRequest) -> list[RuleHit]:
    visible = Inquiry.objects.visible_to(request.user)
    hits = list(RuleHit.objects.filter(rule=rule, inquiry__in=visible).select_related("inquiry")[:10])
    masking.cover([hit.inquiry for hit in hits], request.user)
    return hits


def _problems(wanted: Any, planned: Any, request: StaffRequest) -> tuple[list[str], list[str], rules.Trial | None]:
    """What is wrong with the conditions, with the acts, and the dry run where the conditions can be read."""
    problems: list[str] = []
    act_problems: list[str] = []
    trial = None
    try:
        trial = rules.try_out(wanted, user=request.user, now=clock.now())
        masking.cover(trial.examples, request.user)
    except conditions.BadConditions as error:
        problems = error.problems
    try:
        acts.check(planned, user=None)
        if not planned and "try" not in request.POST:
            act_problems = [_("Please choose what is to be done.")]
    except acts.BadActs as error:
        act_problems = error.problems
    return problems, act_problems, trial


@staff_view(P.INQUIRIES_SETTINGS)
@require_POST
def switch(request: StaffRequest, pk: int) -> HttpResponse:
    """``on=1`` puts a rule in force, anything else out of it."""
    rule = get_object_or_404(Rule, pk=pk)
    on = request.POST.get("on") == "1"
    Rule.objects.filter(pk=rule.pk).update(is_active=on)
    words = {"name": rule.name}
    messages.success(request, (_("“%(name)s” is in force.") if on else _("“%(name)s” rests.")) % words)
    return redirect("desk-inquiries:rules")


@staff_view(P.INQUIRIES_SETTINGS)
@require_POST
def delete(request: StaffRequest, pk: int) -> HttpResponse:
    """Delete a rule with the log of what it did; the conversations keep their own record."""
    rule = get_object_or_404(Rule, pk=pk)
    rule.delete()
    messages.success(request, _("“%(name)s” is deleted.") % {"name": rule.name})
    return redirect("desk-inquiries:rules")


@staff_view(P.INQUIRIES_SETTINGS)
@require_safe
def hits(request: StaffRequest) -> HttpResponse:
    """What rules did, newest first: ``?rule=&page=``."""
    visible = Inquiry.objects.visible_to(request.user)
    rows = RuleHit.objects.filter(inquiry__in=visible).select_related("rule", "inquiry").order_by("-pk")
    asked = request.GET.get("rule", "")
    rule = Rule.objects.filter(pk=int(asked)).first() if asked.isdecimal() and len(asked) < 10 else None
    if rule:
        rows = rows.filter(rule=rule)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    masking.cover([hit.inquiry for hit in page.object_list], request.user)
    shown = [{"hit": hit, "outcomes": [_told(one) for one in hit.outcome]} for hit in page.object_list]
    context = {"rows": shown, "page": page, "rule": rule, "nav_active": "inquiries"}
    return render(request, "inquiries/rule_hits.html", context)


def _told(outcome: dict[str, Any]) -> dict[str, Any]:
    act = acts.ACTS.get(str(outcome.get("do")))
    return {
        "label": act.label if act else outcome.get("do"),
        "ok": bool(outcome.get("ok")),
        "why": acts.reason(str(outcome.get("why", ""))),
    }
