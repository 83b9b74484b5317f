"""How each act of :mod:`inquiries.acts` is done: by the use-case of its module, its refusals as codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from inquiries import acts, approval_rules, events, replying, signing_off, tagging, template_files, texts, triage
from inquiries.models import Category, Cause, Draft, Inquiry, PreparedReply, StatusLabel, Tag, Template
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P

_Row = Mapping[str, Any]


def taken_along(rows: Sequence[_Row]) -> dict[int, int]:
    """{place of a reply: place of the later status that goes with it}, so that one undo takes both back."""
    for place, row in enumerate(rows):
        if row["do"] == "reply":
            later = [n for n, other in enumerate(rows) if n > place and other["do"] == "status"]
            if later and _status_of(rows[later[0]])[0] in {Inquiry.Status.PENDING, Inquiry.Status.SOLVED}:
                return {place: later[0]}
    return {}


def do(inquiry: Inquiry, row: _Row, *, then: _Row | None, by: User | None, now: datetime) -> None:
    """Do one act, in the caller's transaction. Raises acts.Refused, and what nobody expected."""
    match row["do"]:
        case "status":
            status, label = _status_of(row)
            _set_status(inquiry, status, label, by, now)
        case "spam":
            _set_status(inquiry, Inquiry.Status.SPAM, None, by, now)
        case "assign":
            _assign(inquiry, row["to"], by, now)
        case "tag":
            try:
                tagging.add(inquiry, [_one(Tag, row["tag"])], by=by, now=now)
            except tagging.TooManyTags as error:
                raise acts.Refused("too_many_tags") from error
        case "untag":
            tagging.remove(inquiry, [_one(Tag, row["tag"])], by=by, now=now)
        case "cause":
            triage.set_cause(inquiry, cause=_one(Cause, row["cause"]), by=by, now=now)
        case "priority":
            triage.set_priority(inquiry, priority=row["priority"], by=by, now=now)
        case "category":
            triage.set_category(inquiry, category=_category(row["category"]), by=by, now=now)
        case "snooze":
            from inquiries import snoozing  # wakes by rules' happenings, too

            until = acts.snoozed_until(row["days"], now)
            try:
                snoozing.snooze(inquiry, until=until, reason=row["reason"], by=by, now=now)
            except triage.IsMerged as error:
                raise acts.Refused("merged") from error
        case "note":
            if by is None:
                events.record("rule_note", inquiry, actor=None, now=now, text=row["text"])
            else:
                replying.note(inquiry, body=row["text"], by=by, now=now)
        case "reply":
            assert by is not None  # noqa: S101  # acts.perform turns rules away
            _reply(inquiry, row, then, by, now)


def ready(inquiry: Inquiry, row: _Row, before: Sequence[_Row], *, by: User | None, now: datetime) -> None:
    """Raise acts.Refused where :func:`do` would, as far as it can be told without doing it."""
    match row["do"]:
        case "tag" | "untag":
            _one(Tag, row["tag"])
        case "cause":
            _one(Cause, row["cause"])
        case "category":
            _category(row["category"])
        case "status":
            status, _label = _status_of(row)
            if status == Inquiry.Status.SOLVED:
                missing = set(triage.close_needs(inquiry))
                if missing - ({"cause"} if any(one["do"] == "cause" for one in before) else set()):
                    raise acts.Refused("cause_missing")
        case "assign":
            _person(row["to"], by)
        case "reply":
            assert by is not None  # noqa: S101  # acts.foresee turns rules away
            _written(inquiry, _template(row, by), by)


def _status_of(row: _Row) -> tuple[str, StatusLabel | None]:
    if "label" not in row:
        return row["status"], None
    label = _one(StatusLabel, row["label"])
    if label.status not in acts.STATUSES:
        raise acts.Refused("gone")
    return label.status, label


def _set_status(inquiry: Inquiry, status: str, label: StatusLabel | None, by: User | None, now: datetime) -> None:
    try:
        triage.set_status(inquiry, status=status, label=label, by=by, now=now)
    except triage.CannotClose as error:
        raise acts.Refused("cause_missing") from error
    except triage.IsMerged as error:
        raise acts.Refused("merged") from error


def _person(to: Any, by: User | None) -> User | None:
    if to == "me":
        return by
    if not isinstance(to, int):
        return None
    person: User | None = User.objects.active().select_related("role").filter(pk=to).first()
    if person is None or not person.has_perm(P.INQUIRIES_VIEW):
        raise acts.Refused("cannot_answer")
    return person


def _assign(inquiry: Inquiry, to: Any, by: User | None, now: datetime) -> None:
    if to == "turn":
        from inquiries import turns  # looks at rules' happenings, too

        if turns.give(inquiry, now=now) is None:
            raise acts.Refused("nobody_free")
        return
    try:
        triage.assign(inquiry, to=_person(to, by), by=by, now=now)
    except triage.CannotAnswer as error:
        raise acts.Refused("cannot_answer") from error


def _one(model: Any, pk: int) -> Any:
    row = model.objects.filter(pk=pk).first()
    if row is None:
        raise acts.Refused("gone")
    return row


def _category(slug: str) -> Category:
    category = Category.objects.filter(slug=slug).first()
    if category is None:
        raise acts.Refused("gone")
    return category


def _template(row: _Row, by: User) -> Template:
    template = Template.objects.offered_to(by).filter(pk=row["template"]).first()
    if template is None:
        raise acts.Refused("gone")
    return template


def _written(inquiry: Inquiry, template: Template, by: User) -> str:
    """The whole reply: the opening lines and the filled text. Raises acts.Refused for what must not go out so."""
    from inquiries import checking  # reads the conversation, and texts itself

    if not inquiry.email:
        raise acts.Refused("no_address")
    filled = texts.fill(template, inquiry, by=by)
    if not filled.is_complete:
        raise acts.Refused("unfilled")
    try:
        opening = signing_off.opening(inquiry.store, by=by, language=inquiry.language, customer_name=inquiry.name)
    except signing_off.SignatureBroken as error:
        raise acts.Refused("signature") from error
    body = opening + filled.text
    if Draft.objects.filter(inquiry=inquiry, author=by).exists():  # a reply would delete it
        raise acts.Refused("draft")
    if PreparedReply.objects.live().filter(inquiry=inquiry).exists():
        raise acts.Refused("prepared")
    if approval_rules.needed(inquiry, by=by, templates=[template.pk]):
        raise acts.Refused("needs_approval")
    count = template.files.count()
    if any(one.blocks for one in checking.findings(inquiry, body=body, cc=[], bcc=[], file_count=count, by=by)):
        raise acts.Refused("looked_at")
    return body


def _reply(inquiry: Inquiry, row: _Row, then: _Row | None, by: User, now: datetime) -> None:
    template = _template(row, by)
    body = _written(inquiry, template, by)
    status, label = _status_of(then) if then is not None else (Inquiry.Status.PENDING, None)
    files = template_files.put_into_draft(template, inquiry, by=by, now=now)
    try:
        replying.reply(
            inquiry, body=body, by=by, now=now, then=status, label=label, files=files, templates=[template.pk]
        )
    except replying.NoAddress as error:
        raise acts.Refused("no_address") from error
    except replying.NeedsApproval as error:
        raise acts.Refused("needs_approval") from error
    except replying.StaleReply as error:  # only what was merged meanwhile
        raise acts.Refused("merged") from error
    except triage.CannotClose as error:
        raise acts.Refused("cause_missing") from error
    except signing_off.SignatureBroken as error:
        raise acts.Refused("signature") from error
