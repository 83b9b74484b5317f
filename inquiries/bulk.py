"""The same acts on many inquiries: a row that is worked off in steps, in the background and safely across crashes.

A step is one transaction: twenty inquiries, and how far the run has come. A worker that dies loses its step only, and
whoever finds the lease run out goes on from there. Each inquiry is done wholly or not at all. One that somebody holds
or answers at this moment is left alone and named in the result; nobody waits for anybody. A run is taken back in the
same way: step by step, and each inquiry wholly or not at all.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from inquiries import acts as registry
from inquiries import doing, events, states
from inquiries.models import BulkRun, Inquiry, InquiryQuerySet, Message, Presence, StatusLabel, Tag
from inquiries.states import STATE
from shopdesk import sweeps
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P

logger = logging.getLogger(__name__)

# More at once than anybody can have looked at.
MOST = 1_000
STEP = 20
LEASE = timedelta(minutes=2)
# Whose browser said so within this time is writing an answer.
REPLYING_WITHIN = timedelta(seconds=30)

_State = BulkRun.State


class NothingChosen(Exception):
    """No inquiry, or none that the person may see."""


class TooMany(Exception):
    """More than MOST inquiries."""


class CannotTakeBack(Exception):
    """The run is not over, changed nothing, is somebody else's, or sent mail."""


class _Refused(Exception):
    """This inquiry is not done; ``code`` says why. Its savepoint is rolled back."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Forecast:
    """What a run would come to now: how many inquiries it could be done for, and why not for each of the others."""

    possible: int
    refused: list[tuple[Inquiry, str]]


def forecast(
    *, ids: Sequence[int], acts: list[dict[str, Any]], by: User, now: datetime, seen: Mapping[int, int] | None = None
) -> Forecast:
    """Count beforehand, for every one of up to MOST inquiries, without doing anything. What nobody can know yet (who
    will hold a row at that moment) is not in it. A fixed number of queries, some ten for most acts.

    Raises acts.BadActs. Those that the person may not see are left out.
    """
    registry.check(acts, user=by)
    found = {inquiry.pk: inquiry for inquiry in _rows_for(acts, by).filter(pk__in=ids[:MOST])}
    rows = [found[pk] for pk in ids if pk in found]
    facts, busy = doing.Facts(rows, by=by, now=now), _being_answered(list(found), by, now)
    minds = _minds_words(acts)
    possible, refused = 0, []
    for inquiry in rows:
        why = "locked" if inquiry.pk in busy else ""
        if not why and minds and _moved_on(inquiry, (seen or {}).get(inquiry.pk)):
            why = "said"
        why = why or registry.hindrance(inquiry, acts, by=by, now=now, facts=facts)
        possible += not why
        if why:
            refused.append((inquiry, why))
    return Forecast(possible, refused)


def start(
    *,
    ids: Iterable[int],
    acts: list[dict[str, Any]],
    by: User,
    now: datetime,
    form_token: uuid.UUID,
    seen: Mapping[int, int] | None = None,
) -> BulkRun:
    """Write down what is to be done; the next sweep begins. The same form sent twice is one run.

    ``seen`` is the version of each inquiry that the person saw when marking it: one in which something was said since
    is neither answered nor closed.

    Raises NothingChosen, TooMany, and acts.BadActs.
    """
    if known := BulkRun.objects.filter(form_token=form_token, by=by).first():
        return known
    chosen = list(dict.fromkeys(ids))
    if len(chosen) > MOST:
        raise TooMany
    visible = set(Inquiry.objects.visible_to(by).filter(pk__in=chosen).values_list("pk", flat=True))
    chosen = [pk for pk in chosen if pk in visible]
    if not chosen:
        raise NothingChosen
    registry.check(acts, user=by)
    if not acts:
        raise registry.BadActs([])
    try:
        with transaction.atomic():
            return BulkRun.objects.create(
                by=by, acts=acts, ids=chosen, created_at=now, form_token=form_token,
                seen={str(pk): seen[pk] for pk in chosen if pk in seen} if seen else {},
            )  # fmt: skip
    except IntegrityError:
        # Two clicks at once: the other one was faster. Somebody else's token is a forgery and stays an error.
        return BulkRun.objects.get(form_token=form_token, by=by)


def sweep(now: datetime, limit: int = 100) -> int:
    """Work off up to ``limit`` steps of runs that nobody works on; how many were done."""
    done = 0
    while done < limit and (run := _claim(now)) is not None:
        # The lease keeps a run whose step fails away from the next ones for a while.
        with sweeps.alone(logger, "A step of the run %s could not be done.", run.pk):
            step(run, now=now)
        done += 1
    return done


def _claim(now: datetime) -> BulkRun | None:
    """The oldest run that nobody holds, with a lease on it."""
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    with transaction.atomic():
        rows = BulkRun.objects.exclude(state=_State.DONE).filter(free).order_by("pk")
        run = rows.select_for_update(skip_locked=True).first()
        if run is None:
            return None
        if run.state == _State.WAITING:
            run.state = _State.RUNNING
        run.lease_until = now + LEASE
        run.save(update_fields=["state", "lease_until"])
    return run


@transaction.atomic
def step(run: BulkRun, *, now: datetime) -> BulkRun:
    """Work on the next twenty inquiries of a run, and let it go; gives the run as it is then.

    The run's row is held meanwhile: a worker whose lease ran out and the one that took over never do the same step.
    """
    run = BulkRun.objects.select_for_update(of=("self",)).select_related("by__role").get(pk=run.pk)
    if run.state == _State.UNDOING:
        _step_back(run, now)
    elif run.state != _State.DONE:
        _step_on(run, now)
    return run


def _step_on(run: BulkRun, now: datetime) -> None:
    part = run.ids[run.position : run.position + STEP]
    busy = _being_answered(part, run.by, now)
    for pk in part:
        # While the database is away the step is lost, and done again when the lease has run out.
        with sweeps.alone(logger, "Inquiry %s could not be changed in bulk.", pk) as attempt:
            try:
                with transaction.atomic():
                    change = _work(run, pk, busy, now)
            except _Refused as refusal:
                run.refused.append({"id": pk, "number": _number(pk, run.by), "why": refusal.code})
                continue
            if change is None:
                run.unchanged += 1
            else:
                run.changed += 1
                run.before[str(pk)] = change
        if attempt.error is not None:
            run.refused.append({"id": pk, "number": _number(pk, run.by), "why": "failed"})
    run.position += len(part)
    run.lease_until = None
    if run.position >= len(run.ids):
        run.state, run.finished_at = _State.DONE, now
    run.save(
        update_fields=[
            "position", "changed", "unchanged", "refused", "before", "state", "lease_until", "finished_at",
        ]
    )  # fmt: skip


@transaction.atomic
def take_back(run: BulkRun, *, by: User) -> BulkRun:
    """Write down that a run is to be put back; the next sweep begins. Asked twice, it is done once.

    Every inquiry is put back that nobody has touched since; ``left`` names the others. Notes that were written stay.
    Raises CannotTakeBack, also for runs that sent mail.
    """
    run = BulkRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if run.by_id == by.pk and (run.state == _State.UNDOING or run.undone_at is not None):
        return run
    if not may_take_back(run, by):
        raise CannotTakeBack
    run.state, run.lease_until = _State.UNDOING, None
    run.save(update_fields=["state", "lease_until"])
    return run


def _step_back(run: BulkRun, now: datetime) -> None:
    """Put the next twenty back. Who may not work here any more puts nothing back."""
    keys = sorted(map(int, run.before))
    part = keys[run.undo_position : run.undo_position + STEP]
    mine = Inquiry.objects.visible_to(run.by)
    rows = mine.filter(pk__in=part).order_by("pk").locked(skip_locked=True)
    held = {inquiry.pk: inquiry for inquiry in rows}
    there = set(mine.filter(pk__in=part).values_list("pk", flat=True))
    busy = _being_answered(part, run.by, now)
    may = run.by.is_active and run.by.has_perm(P.INQUIRIES_TRIAGE)
    for pk in part:
        with sweeps.alone(logger, "Inquiry %s could not be put back in bulk.", pk) as attempt:
            try:
                if pk not in held or pk in busy:
                    raise _Refused("locked" if pk in there else "hidden")
                if not may:
                    raise _Refused("forbidden")
                with transaction.atomic():
                    _put_back(held[pk], run, now)
            except _Refused as refusal:
                run.left.append({"id": pk, "number": _number(pk, run.by), "why": refusal.code})
                continue
            run.restored += 1
        if attempt.error is not None:
            run.left.append({"id": pk, "number": _number(pk, run.by), "why": "failed"})
    run.undo_position += len(part)
    run.lease_until = None
    if run.undo_position >= len(keys):
        run.state, run.undone_at = _State.DONE, now
    run.save(update_fields=["undo_position", "restored", "left", "state", "lease_until", "undone_at"])


def _put_back(inquiry: Inquiry, run: BulkRun, now: datetime) -> None:
    """One inquiry as it was before, in the caller's savepoint. Raises _Refused where somebody touched it since."""
    change = run.before[str(inquiry.pk)]
    if _differs(inquiry, change["after"]):
        raise _Refused("touched")
    names = states.restore(inquiry, change["before"]["state"])
    inquiry.last_activity_at = now
    inquiry.save(update_fields=[*names, "last_activity_at"])
    if change["before"]["tags"] != change["after"]["tags"]:
        inquiry.tags.set(Tag.objects.filter(pk__in=change["before"]["tags"]))
    events.record("bulk_undone", inquiry, actor=run.by, now=now, run=run.pk)
    # A colleague or a label that was deleted meanwhile fails here, with this row alone, not at the end of the step.
    connection.check_constraints()


def may_take_back(run: BulkRun, user: User) -> bool:
    """Whether the whole run can be taken back by this person."""
    settled = run.state == _State.DONE and run.undone_at is None
    return settled and run.by_id == user.pk and run.changed > 0 and not _answers(run.acts)


def _work(run: BulkRun, pk: int, busy: set[int], now: datetime) -> dict[str, Any] | None:
    """Do the acts on one inquiry; what changed, or None. Raises _Refused; the caller's savepoint undoes the rest."""
    rows = Inquiry.objects.visible_to(run.by).select_related("category", "store", "label", "customer", "product")
    inquiry = rows.filter(pk=pk).locked(skip_locked=True).first()
    if inquiry is None:
        raise _Refused("locked" if rows.filter(pk=pk).exists() else "hidden")
    if pk in busy:
        raise _Refused("locked")
    if not run.by.is_active or not run.by.has_perm(P.INQUIRIES_TRIAGE):
        raise _Refused("forbidden")
    before = _all_of(inquiry)
    said = _newest_words(inquiry)
    if _moved_on(inquiry, run.seen.get(str(pk))) and _minds_words(run.acts):
        raise _Refused("said")
    if _answers(run.acts) and _said_since(inquiry, run.created_at):
        raise _Refused("said")
    for outcome in registry.perform(inquiry, run.acts, by=run.by, now=now):
        if not outcome.ok:
            raise _Refused(outcome.why)
    inquiry = Inquiry.objects.get(pk=pk)
    after = _all_of(inquiry)
    if before == after and said == _newest_words(inquiry):
        return None
    # Only what differs is kept: a run of a thousand rows stays small.
    changed = [key for key in before["state"] if before["state"][key] != after["state"][key]]
    return {
        "before": {"state": {key: before["state"][key] for key in changed}, "tags": before["tags"]},
        "after": {
            "state": {key: after["state"][key] for key in changed}, "tags": after["tags"],
            "at": inquiry.last_activity_at.isoformat(), "version": inquiry.version,
        },
    }  # fmt: skip


def _all_of(inquiry: Inquiry) -> dict[str, Any]:
    tags = sorted(inquiry.tags.values_list("pk", flat=True))
    return {"state": states.snapshot(inquiry, STATE), "tags": tags}


def _differs(inquiry: Inquiry, after: dict[str, Any]) -> bool:
    """Whether somebody has touched a row since the run did."""
    now = states.snapshot(inquiry, STATE)
    return (
        inquiry.version != after["version"]
        or inquiry.last_activity_at.isoformat() != after["at"]
        or any(now.get(key) != value for key, value in after["state"].items())
        or sorted(inquiry.tags.values_list("pk", flat=True)) != after["tags"]
    )


def _answers(acts: Sequence[Mapping[str, Any]]) -> bool:
    return any(act.get("do") == "reply" for act in acts)


_OPEN = Inquiry.Status.OPEN


def _minds_words(acts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether acts must not be done unread: they answer what the customer wrote, or put it out of sight."""
    labels = [act["label"] for act in acts if act.get("do") == "status" and "label" in act]
    return any(
        act.get("do") in ("reply", "spam", "snooze") or act.get("status", _OPEN) != _OPEN for act in acts
    ) or bool(labels and StatusLabel.objects.filter(pk__in=labels).exclude(status=_OPEN).exists())


def _moved_on(inquiry: Inquiry, seen: int | None) -> bool:
    """Whether something was said since the person saw it."""
    return seen is not None and inquiry.version != seen


def _said_since(inquiry: Inquiry, moment: datetime) -> bool:
    """Whether a person wrote after the run was asked for: nobody is answered twice, or unread."""
    kinds = [Message.Kind.RECEIVED, Message.Kind.REPLY]
    return inquiry.messages.filter(kind__in=kinds, automatic=False, at__gt=moment).exists()


def _rows_for(acts: Sequence[Mapping[str, Any]], by: User) -> InquiryQuerySet:
    """The rows with what foreseeing these acts reads, and no more: there may be a thousand."""
    rows = Inquiry.objects.visible_to(by)
    if not _answers(acts):
        return rows.select_related("store").only(
            "number", "status", "version", "assignee_id", "cause_id", "product_id",
            "store__requires_cause", "store__requires_product",
        )  # fmt: skip
    rows = rows.select_related("customer", "store", "order", "product")
    return rows.prefetch_related("order__lines__product", "order__shipments")


def _newest_words(inquiry: Inquiry) -> int:
    return Message.objects.filter(inquiry_id=inquiry.pk).order_by("-pk").values_list("pk", flat=True).first() or 0


def _being_answered(ids: Sequence[int], by: User, now: datetime) -> set[int]:
    """Those in which a colleague is writing an answer at this moment."""
    rows = Presence.objects.filter(
        inquiry_id__in=ids, doing=Presence.Doing.REPLYING, seen_at__gt=now - REPLYING_WITHIN
    ).exclude(user=by)
    return set(rows.values_list("inquiry_id", flat=True))


def _number(pk: int, by: User) -> str:
    """The reference number for the result, where the person may see it."""
    return Inquiry.objects.visible_to(by).filter(pk=pk).values_list("number", flat=True).first() or ""
