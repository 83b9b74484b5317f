"""How each act of :mod:`inquiries.acts` is done: by the use-case of its module, its refusals as codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Count, F
from django.db.models.lookups import GreaterThan

from inquiries import acts, approval_rules, events, replying, signing_off, tagging, template_files, texts, triage
from inquiries.answers import Answer
from inquiries.models import ApprovalRule, Category, Cause, Draft, Inquiry, PreparedReply, StatusLabel, Tag, Template
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


def ready(inquiry: Inquiry, row: _Row, before: Sequence[_Row], facts: Facts) -> None:
    """Raise acts.Refused where :func:`do` would, as far as it can be told without doing it."""
    match row["do"]:
        case "tag":
            facts.ask(_one, Tag, row["tag"])
            _tag_fits(facts.many_tags.get(inquiry.pk), [*before, row])
        case "untag":
            facts.ask(_one, Tag, row["tag"])
        case "cause":
            facts.ask(_one, Cause, row["cause"])
        case "category":
            facts.ask(_category, row["category"])
        case "status":
            status = facts.ask(_status, row.get("label"), row.get("status"))[0]
            if status == Inquiry.Status.SOLVED:
                missing = set(triage.close_needs(inquiry))
                if missing - ({"cause"} if any(one["do"] == "cause" for one in before) else set()):
                    raise acts.Refused("cause_missing")
        case "assign" if row["to"] == "turn":
            if inquiry.assignee_id is not None or inquiry.status not in Inquiry.UNSOLVED or facts.room <= 0:
                raise acts.Refused("nobody_free")
        case "assign":
            facts.ask(_person, row["to"], facts.by)
        case "reply":
            assert facts.by is not None  # noqa: S101  # acts.foresee turns rules away
            _written(inquiry, facts.ask(_template, row["template"], facts.by), facts.by, facts)


class Facts:
    """What acts want to know of some inquiries before they are done: each question is asked once for all of them.

    Whoever counts beforehand for a thousand rows asks some ten queries, and whoever does it asks anew each time.
    """

    def __init__(self, inquiries: Sequence[Inquiry], *, by: User | None, now: datetime) -> None:
        self.by, self.now = by, now
        self._ids = [inquiry.pk for inquiry in inquiries]
        self._known: dict[tuple[Any, ...], Any] = {}

    def ask(self, question: Callable[..., Any], *about: Any) -> Any:
        """What a function answers, or refuses: the same for every inquiry."""
        key = (question, *about)
        if key not in self._known:
            try:
                self._known[key] = question(*about)
            except acts.Refused as refusal:
                self._known[key] = refusal
        answer = self._known[key]
        if isinstance(answer, acts.Refused):
            raise acts.Refused(answer.code)
        return answer

    @cached_property
    def visible(self) -> set[int]:
        rows = Inquiry.objects.all() if self.by is None else Inquiry.objects.visible_to(self.by)
        return set(rows.filter(pk__in=self._ids).values_list("pk", flat=True))

    @cached_property
    def drafts(self) -> set[int]:
        """Where the person is writing."""
        rows = Draft.objects.filter(inquiry__in=self._ids, author=self.by)
        return set(rows.values_list("inquiry_id", flat=True))

    @cached_property
    def prepared(self) -> set[int]:
        """Where a reply is prepared already."""
        return set(PreparedReply.objects.live().filter(inquiry__in=self._ids).values_list("inquiry_id", flat=True))

    @cached_property
    def approval_rules(self) -> list[ApprovalRule]:
        return approval_rules.in_force()

    @cached_property
    def room(self) -> int:
        """How many more may be given in turn; whoever counts takes those off that were."""
        from inquiries import turns  # looks at rules' happenings, too

        return turns.room(self.now)

    @cached_property
    def many_tags(self) -> dict[int, set[int]]:
        """The tags of those that have so many that one more could be too many."""
        links = Inquiry.tags.through.objects.filter(inquiry_id__in=self._ids)
        full = links.values("inquiry_id").annotate(n=Count("pk"))
        full = full.filter(GreaterThan(F("n"), tagging.MOST - acts.MOST_ACTS))
        found: dict[int, set[int]] = {}
        pairs = links.filter(inquiry_id__in=full.values("inquiry_id")).values_list("inquiry_id", "tag_id")
        for inquiry, tag in pairs:
            found.setdefault(inquiry, set()).add(tag)
        return found


def _tag_fits(had: set[int] | None, rows: Sequence[_Row]) -> None:
    """Whether the last of these acts finds room for its tag, after those before it."""
    tags = set(had or ())
    for row in rows:
        if row["do"] == "untag":
            tags.discard(row["tag"])
        elif row["do"] == "tag":
            tags.add(row["tag"])
    if had is not None and len(tags) > tagging.MOST:
        raise acts.Refused("too_many_tags")


def _status_of(row: _Row) -> tuple[str, StatusLabel | None]:
    return _status(row.get("label"), row.get("status"))


def _status(label_pk: int | None, status: str | None) -> tuple[str, StatusLabel | None]:
    if label_pk is None:
        return status or "", None
    label = _one(StatusLabel, label_pk)
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


def _template(pk: int, by: User) -> Template:
    template: Template | None = Template.objects.offered_to(by).filter(pk=pk).first()
    if template is None:
        raise acts.Refused("gone")
    return template


def _written(inquiry: Inquiry, template: Template, by: User, facts: Facts) -> str:
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
    if inquiry.pk in facts.drafts:  # a reply would delete it
        raise acts.Refused("draft")
    if inquiry.pk in facts.prepared:
        raise acts.Refused("prepared")
    named = [template.pk]
    if template.needs_approval or approval_rules.first_of(facts.approval_rules, inquiry, by=by, templates=named):
        raise acts.Refused("needs_approval")
    if checking.blockers(body):
        raise acts.Refused("looked_at")
    return body


def _reply(inquiry: Inquiry, row: _Row, then: _Row | None, by: User, now: datetime) -> None:
    template = _template(row["template"], by)
    body = _written(inquiry, template, by, Facts([inquiry], by=by, now=now))
    status, label = _status_of(then) if then is not None else (Inquiry.Status.PENDING, None)
    files = template_files.put_into_draft(template, inquiry, by=by, now=now)
    try:
        answer = Answer(body, files=files, templates=[template.pk], then=status, label=label)
        replying.reply(inquiry, answer, by=by, now=now)
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
