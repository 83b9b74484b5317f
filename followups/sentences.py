"""Why a letter was sent, waits, or was not sent: one sentence from the stored codes, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from followups.models import PlannedMail, Sequence, Step
from shopdesk.mail.models import Suppression

State = PlannedMail.State

TONES: dict[int, str] = {
    State.PLANNED: "info",
    State.QUEUED: "ok",
    State.FAILED: "danger",
    State.SKIPPED: "neutral",
    State.CANCELLED: "neutral",
    State.HELD: "warn",
    State.EXPIRED: "neutral",
}

# reason code -> (short label, sentence). Facts of the decision are filled in by name; missing ones are empty.
_REASONS: dict[str, tuple[Callable[[], str], Callable[[], str]]] = {
    "paused": (
        lambda: _("Paused"),
        lambda: _("Held because the sequence or the step is paused. It goes on when it runs again, if not too late."),
    ),
    "open_complaint": (
        lambda: _("Open complaint"),
        lambda: _(
            "Held because the customer has an open complaint (%(number)s). "
            "Decided again when that is solved, if not too late."
        ),
    ),
    "open_return": (
        lambda: _("Open return"),
        lambda: _(
            "Held because a return of the customer is open (%(number)s). "
            "Decided again when that is closed, if not too late."
        ),
    ),
    "held_by_staff": (
        lambda: _("Held by staff"),
        lambda: _("Held by %(by_name)s until somebody releases it."),
    ),
    "order_cancelled": (lambda: _("Order cancelled"), lambda: _("Not sent because the order was cancelled.")),
    "order_returned": (lambda: _("Order returned"), lambda: _("Not sent because the order was returned.")),
    "returned": (lambda: _("Returned"), lambda: _("Not sent because goods of the order were returned (%(number)s).")),
    "no_address": (lambda: _("No address"), lambda: _("Not sent because no usable mail address is known.")),
    "marketplace_address": (
        lambda: _("Marketplace address"),
        lambda: _("Not sent because advertising must not go to a marketplace's relay address."),
    ),
    "suppressed": (lambda: _("Mail stopped"), lambda: _("Not sent because mail to this address is stopped: %(why)s.")),
    "no_consent": (
        lambda: _("No consent"),
        lambda: _("Not sent because the customer has not agreed to advertising mail."),
    ),
    "repurchased": (
        lambda: _("Bought again"),
        lambda: _("Not sent because the customer has ordered again since (%(number)s)."),
    ),
    "late": (
        lambda: _("Too late"),
        lambda: _("Not sent because its time was over before it could leave."),
    ),
    "late_when_planned": (
        lambda: _("Too late"),
        lambda: _("Not sent because its time was already over when it was planned."),
    ),
    "text": (lambda: _("Text cannot be written"), lambda: _("Not sent because the text cannot be written: %(error)s")),
    "cancelled_by_staff": (lambda: _("Cancelled"), lambda: _("Cancelled by %(by_name)s.")),
    "series_ended": (lambda: _("Series ended"), lambda: _("Not sent because the series was ended.")),
}


def label(planned: PlannedMail) -> str:
    """The reason in a few words; empty where there is none."""
    known = _REASONS.get(planned.reason)
    return known[0]() if known else planned.reason


def sentence(planned: PlannedMail) -> str:
    """Why it was sent or not, in one sentence; how it waits, while it waits."""
    facts: dict[str, Any] = {"number": "", "by_name": "", "why": "", "error": "", **planned.decision}
    if planned.state == State.PLANNED:
        if planned.decision.get("released_by"):
            return _("Released by %(by_name)s; leaves at its time, whatever held it.") % facts
        return _("Waits for its time. Whether it may leave is decided then.")
    if planned.state == State.QUEUED:
        if planned.decision.get("released_by"):
            return _("Sent: released by staff, and nothing forbade it.")
        return _("Sent: every condition was met at that moment.")
    known = _REASONS.get(planned.reason)
    if known is None:
        return planned.reason or planned.get_state_display()
    if planned.reason == "suppressed":
        facts["why"] = dict(Suppression.Reason.choices).get(facts["why"], facts["why"])
    words = known[1]() % facts
    held_for = _REASONS.get(str(planned.decision.get("held_for", "")))
    if planned.reason == "late" and held_for:
        words = _("Not sent because its time was over while it was held (%(reason)s).") % {"reason": held_for[0]()}
    return words


def trigger(sequence: Sequence) -> str:
    """The fact that a sequence counts from, as a noun."""
    return {
        "ordered": _("The order"),
        "shipped": _("Shipping"),
        "delivered": _("Delivery"),
        "restocked": _("Back in stock"),
        "manual": _("By hand"),
    }[sequence.trigger]


def when(step: Step) -> str:
    """When a step happens, in words: "3 months after delivery at 10:00, every 6 months, 6 times"."""
    fact = step.sequence.trigger
    if not step.delay and step.unit in {"minutes", "hours"}:
        words = _AT_ONCE[fact]()
    else:
        words = _AFTER[fact]() % {"delay": _delay(step)}
    if step.local_time:
        words = _("%(when)s at %(time)s") % {"when": words, "time": step.local_time.strftime("%H:%M")}
    if step.repeat_months and step.repeat_times > 1:
        words = _("%(when)s, then every %(months)s months, %(times)s times in all") % {
            "when": words,
            "months": step.repeat_months,
            "times": step.repeat_times,
        }
    return words


def _delay(step: Step) -> str:
    if step.unit == Step.Unit.MONTHS:
        words = ngettext("%(n)s month", "%(n)s months", step.delay)
    elif step.unit == Step.Unit.DAYS:
        words = ngettext("%(n)s day", "%(n)s days", step.delay)
    elif step.unit == Step.Unit.HOURS:
        words = ngettext("%(n)s hour", "%(n)s hours", step.delay)
    else:
        words = ngettext("%(n)s minute", "%(n)s minutes", step.delay)
    return words % {"n": step.delay}


_AFTER: dict[str, Callable[[], str]] = {
    "ordered": lambda: _("%(delay)s after the order"),
    "shipped": lambda: _("%(delay)s after shipping"),
    "delivered": lambda: _("%(delay)s after delivery"),
    "restocked": lambda: _("%(delay)s after the product is back"),
    "manual": lambda: _("%(delay)s after it is started"),
}
_AT_ONCE: dict[str, Callable[[], str]] = {
    "ordered": lambda: _("At once after the order"),
    "shipped": lambda: _("At once after shipping"),
    "delivered": lambda: _("At once after delivery"),
    "restocked": lambda: _("At once when the product is back"),
    "manual": lambda: _("At once when it is started"),
}
