"""What can be done to an inquiry by a macro, in bulk or by a rule: one registry for the three.

    [{"do": "status", "label": 3}, {"do": "assign", "to": "me"}, {"do": "tag", "tag": 5}, …]

Acts are done in their order, each for itself: one that is refused leaves the others as they are, and says why by a
code. What is stored came from a person or an older version and is checked before it is done.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inquiries.models import Category, Cause, Inquiry, StatusLabel, Tag, Template
from inquiries.waiting import Reason
from shopdesk import sweeps
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.text import clean

if TYPE_CHECKING:
    from inquiries import doing

logger = logging.getLogger(__name__)

MOST_ACTS = 12
LONGEST_NOTE = 2_000
LONGEST_SNOOZE = 365
_LARGEST_ID = 2**63 - 1
_MORNING = time(9)
# What a macro may set; "on hold" needs a day and is the act "snooze", "spam" is one of its own.
STATUSES = (Inquiry.Status.OPEN, Inquiry.Status.PENDING, Inquiry.Status.SOLVED)


class BadActs(Exception):
    """Acts that cannot be read. ``problems`` names each act and what is wrong with it, for people."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Outcome:
    """What became of one act: done, or the code of the reason (see :func:`reason`)."""

    do: str
    ok: bool
    why: str = ""


@dataclass(frozen=True)
class Act:
    """One line of the registry. ``control`` is how the editor asks for its value; ``needs`` who may do it."""

    do: str
    label: str | Promise
    control: str
    needs: P
    # Needs a person who says it: rules have nobody to sign with.
    by_people_only: bool = False


ACTS: dict[str, Act] = {
    act.do: act
    for act in (
        Act("reply", gettext_lazy("reply with the template"), "template", P.INQUIRIES_REPLY, by_people_only=True),
        Act("status", gettext_lazy("set the status"), "label", P.INQUIRIES_TRIAGE),
        Act("assign", gettext_lazy("assign to"), "person", P.INQUIRIES_TRIAGE),
        Act("tag", gettext_lazy("add the tag"), "tag", P.INQUIRIES_TRIAGE),
        Act("untag", gettext_lazy("remove the tag"), "tag", P.INQUIRIES_TRIAGE),
        Act("cause", gettext_lazy("set the cause"), "cause", P.INQUIRIES_TRIAGE),
        Act("priority", gettext_lazy("set the priority"), "priority", P.INQUIRIES_TRIAGE),
        Act("category", gettext_lazy("set the category"), "category", P.INQUIRIES_TRIAGE),
        Act("snooze", gettext_lazy("put on hold"), "days", P.INQUIRIES_TRIAGE),
        Act("note", gettext_lazy("write the internal note"), "text", P.INQUIRIES_DRAFT),
        Act("spam", gettext_lazy("mark as spam"), "", P.INQUIRIES_TRIAGE),
    )
}

_REASONS: dict[str, str | Promise] = {
    "forbidden": gettext_lazy("you may not do this"),
    "hidden": gettext_lazy("you may not see this inquiry"),
    "merged": gettext_lazy("it was merged into another inquiry"),
    "spam": gettext_lazy("it is marked as spam"),
    "gone": gettext_lazy("what it names does not exist any more"),
    "cannot_answer": gettext_lazy("this person cannot be assigned"),
    "nobody_free": gettext_lazy("nobody is free to take it"),
    "cause_missing": gettext_lazy("a cause or product is needed to close it"),
    "too_many_tags": gettext_lazy("it has too many tags already"),
    "no_address": gettext_lazy("the customer left no mail address"),
    "unfilled": gettext_lazy("the text has blanks for this inquiry"),
    "draft": gettext_lazy("you are writing a reply there"),
    "needs_approval": gettext_lazy("the reply needs approval first"),
    "prepared": gettext_lazy("another reply is prepared already"),
    "signature": gettext_lazy("the store's opening lines or signature cannot be filled in"),
    "said": gettext_lazy("something was said there meanwhile"),
    "looked_at": gettext_lazy("the reply should be looked at before it is sent"),
    "touched": gettext_lazy("somebody changed it since"),
    "failed": gettext_lazy("it could not be done"),
}


def reason(code: str) -> str:
    """Why an act was refused, as the end of a sentence."""
    return str(_REASONS.get(code, code))


class Refused(Exception):
    """An act that is not done now; ``code`` is one of the reasons."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check(acts: Any, *, user: User | None) -> None:
    """Raise BadActs for what cannot be read, names rows that are not there, or is not offered to ``user``.

    None is the system: a rule has no "me" and signs nothing.
    """
    rows = _read(acts)
    problems = [problem for row in rows for problem in _problems(row, user)]
    if sum(row["do"] == "reply" for row in rows) > 1:
        problems.append(_("One reply is enough."))
    if problems:
        raise BadActs(list(dict.fromkeys(problems)))


def describe(acts: Any) -> list[str]:
    """The acts in words, one line each."""
    return describe_each([acts])[0]


def describe_each(several: Iterable[Any]) -> list[list[str]]:
    """:func:`describe` for many: what they name is looked up once."""
    names: dict[str, dict[str, str]] = {}
    told = []
    for acts in several:
        try:
            told.append([_told(row, names) for row in _read(acts)])
        except BadActs as error:
            told.append(error.problems)
    return told


def perform(inquiry: Inquiry, acts: Any, *, by: User | None, now: datetime) -> list[Outcome]:
    """Do the acts in order, each in its own savepoint. None is the system (a rule).

    A reply takes a status that follows it along, so that one undo takes both back. Raises BadActs when the list itself
    cannot be read; nothing is done then. A database that is away raises as it does.
    """
    from inquiries import doing  # use-cases of many modules, and some of them use rules themselves

    rows = _read(acts)
    if code := _closed(inquiry, by):
        return [Outcome(row["do"], ok=False, why=code) for row in rows]
    outcomes: list[Outcome] = []
    taken_along = doing.taken_along(rows)
    for place, row in enumerate(rows):
        if place in taken_along.values():
            continue
        then = rows[taken_along[place]] if place in taken_along else None
        outcome = _done(inquiry, row, then, by, now)
        outcomes.append(outcome)
        if then is not None:
            outcomes.append(Outcome(then["do"], ok=outcome.ok, why=outcome.why))
    return outcomes


def foresee(
    inquiry: Inquiry, acts: Any, *, by: User | None, now: datetime, facts: doing.Facts | None = None
) -> list[Outcome]:
    """What :func:`perform` would say, without doing anything. ``facts`` spares whoever asks for many the queries."""
    from inquiries import doing  # as above

    rows, facts = _read(acts), facts or doing.Facts([inquiry], by=by, now=now)
    if code := _closed_to(inquiry, inquiry.pk in facts.visible):
        return [Outcome(row["do"], ok=False, why=code) for row in rows]
    outcomes = []
    for place, row in enumerate(rows):
        code = "" if _may(row, by) else "forbidden"
        if not code:
            try:
                doing.ready(inquiry, row, rows[:place], facts)
            except Refused as refusal:
                code = refusal.code
        outcomes.append(Outcome(row["do"], ok=not code, why=code))
    if any(row["do"] == "assign" and row["to"] == "turn" for row in rows) and all(one.ok for one in outcomes):
        facts.room -= inquiry.status == Inquiry.Status.OPEN
    return outcomes


def hindrance(inquiry: Inquiry, acts: Any, *, by: User | None, now: datetime, facts: doing.Facts | None = None) -> str:
    """The code of the first reason why not every act could be done; "" where all could."""
    return next((one.why for one in foresee(inquiry, acts, by=by, now=now, facts=facts) if not one.ok), "")


def snoozed_until(days: int, now: datetime) -> datetime:
    """The morning so many days from now, in the shop's zone."""
    zone = ZoneInfo(settings.TIME_ZONE)
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=days), _MORNING, zone)


def read(post: QueryDict) -> list[dict[str, Any]]:
    """The acts that the editor's rows posted (``a-0-do``, ``a-0-value`` …); rows without an act are left out.

    Nothing is checked here: hand the result to :func:`check`.
    """
    rows = []
    for place in places(post):
        act = ACTS.get(do := post.get(f"a-{place}-do", ""))
        if do and act is None:
            rows.append({"do": do})
        elif act is not None:
            rows.append({"do": do, **_posted(act, place, post)})
    return rows


def places(post: QueryDict) -> list[int]:
    """The numbers of the rows that were posted, in order."""
    found = set()
    for name in post:
        part, _dash, rest = name.removeprefix("a-").partition("-")
        if name.startswith("a-") and rest == "do" and part.isascii() and part.isdigit() and len(part) < 5:
            found.add(int(part))
    return sorted(found)[: 2 * MOST_ACTS]


# --- within: doing ---------------------------------------------------------------------------------------------------


def _closed(inquiry: Inquiry, by: User | None) -> str:
    """Why nothing at all may be done here; "" when it may. One door, as for lists."""
    return _closed_to(inquiry, by is None or Inquiry.objects.visible_to(by).filter(pk=inquiry.pk).exists())


def _closed_to(inquiry: Inquiry, is_visible: bool) -> str:
    if not is_visible:
        return "hidden"
    return "merged" if inquiry.status == Inquiry.Status.MERGED else ""


def _may(row: Mapping[str, Any], by: User | None) -> bool:
    act = ACTS[row["do"]]
    return not act.by_people_only if by is None else by.has_perm(act.needs)


def _done(
    inquiry: Inquiry, row: Mapping[str, Any], then: Mapping[str, Any] | None, by: User | None, now: datetime
) -> Outcome:
    from inquiries import doing  # as above

    if not _may(row, by) or (then is not None and not _may(then, by)):
        return Outcome(row["do"], ok=False, why="forbidden")
    with sweeps.alone(logger, "The act %s could not be done on inquiry %s.", row["do"], inquiry.pk):
        try:
            with transaction.atomic():
                doing.do(inquiry, row, then=then, by=by, now=now)
        except Refused as refusal:
            return Outcome(row["do"], ok=False, why=refusal.code)
        return Outcome(row["do"], ok=True)
    return Outcome(row["do"], ok=False, why="failed")


# --- within: reading --------------------------------------------------------------------------------------------------


def _posted(act: Act, place: int, post: QueryDict) -> dict[str, Any]:
    value = post.get(f"a-{place}-value", "")
    number: Any = int(value) if value.isascii() and value.isdigit() and len(value) < 19 else value
    match act.control:
        case "template" | "tag" | "cause":
            return {act.control: number}
        case "label":
            return {"label": number} if isinstance(number, int) else {"status": value}
        case "person":
            return {"to": number}
        case "priority" | "category":
            return {act.do: number if act.do == "priority" else value}
        case "days":
            n = post.get(f"a-{place}-n", "")
            days = int(n) if n.isascii() and n.isdigit() and len(n) < 9 else n
            return {"days": days, "reason": value}
        case "text":
            return {"text": clean(post.get(f"a-{place}-text", "")).strip()}
    return {}


def _read(acts: Any) -> list[dict[str, Any]]:
    """The acts with their shapes made sure of. Raises BadActs."""
    if not isinstance(acts, list):
        raise BadActs([_("The acts cannot be read.")])
    if len(acts) > MOST_ACTS:
        raise BadActs([_("At most %(n)s acts can follow each other.") % {"n": MOST_ACTS}])
    problems, rows = [], []
    for row in acts:
        act = ACTS.get(row["do"]) if isinstance(row, dict) and isinstance(row.get("do"), str) else None
        if act is None:
            problems.append(_("The acts cannot be read."))
        elif not _has_shape(act, row):
            problems.append(_("%(act)s: please choose.") % {"act": act.label})
        else:
            rows.append(row)
    if problems:
        raise BadActs(list(dict.fromkeys(problems)))
    return rows


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST_ID


def _is_text(value: Any, longest: int, *, empty: bool = False) -> bool:
    return isinstance(value, str) and (empty or bool(value.strip())) and len(value) <= longest and clean(value) == value


def _has_shape(act: Act, row: dict[str, Any]) -> bool:
    match act.control:
        case "template" | "tag" | "cause":
            return _is_id(row.get(act.control))
        case "label":
            return _is_id(row.get("label")) or row.get("status") in list(STATUSES)
        case "person":
            return _is_id(row.get("to")) or row.get("to") in ("me", "none", "turn")
        case "priority":
            value = row.get("priority")
            return isinstance(value, int) and not isinstance(value, bool) and value in Category.Priority.values
        case "category":
            return _is_text(row.get("category"), 50)
        case "days":
            days = row.get("days")
            fits = isinstance(days, int) and not isinstance(days, bool) and 0 < days <= LONGEST_SNOOZE
            return fits and row.get("reason") in Reason.values
        case "text":
            return _is_text(row.get("text"), LONGEST_NOTE)
    return True


def _problems(row: Mapping[str, Any], user: User | None) -> list[str]:
    """What the database says against an act. One query at most."""
    act = ACTS[row["do"]]
    words = {"act": act.label}
    if not _may(row, user):
        if user is None:
            return [_("%(act)s: a rule has nobody to sign with.") % words]
        return [_("%(act)s: you may not do this.") % words]
    if act.do == "assign" and row["to"] == "me" and user is None:
        return [_("%(act)s: “me” says nothing here; please choose a person.") % words]
    there = True
    match act.control:
        case "template":
            assert user is not None  # noqa: S101  # rules were turned away above
            there = Template.objects.offered_to(user).filter(pk=row["template"]).exists()
        case "tag":
            there = Tag.objects.filter(pk=row["tag"]).exists()
        case "cause":
            there = Cause.objects.filter(pk=row["cause"]).exists()
        case "label" if "label" in row:
            there = StatusLabel.objects.filter(pk=row["label"], status__in=STATUSES).exists()
        case "category":
            there = Category.objects.filter(slug=row["category"]).exists()
        case "person" if isinstance(row["to"], int):
            person = User.objects.active().select_related("role").filter(pk=row["to"]).first()
            there = person is not None and person.has_perm(P.INQUIRIES_VIEW)
    return [] if there else [_("%(act)s: please choose.") % words]


# --- within: in words -------------------------------------------------------------------------------------------------


def choices(control: str, user: User | None = None) -> list[tuple[str, str]]:
    """What the editor offers, as (value, name). ``user`` is whose macro it is; None is a rule. One query at most."""
    match control:
        case "label":
            rows = StatusLabel.objects.filter(status__in=STATUSES, is_active=True)
            return [(str(row.pk), str(row)) for row in rows]
        case "person":
            from inquiries.forms import assignable  # forms know the desk's screens; this module is below them

            first = [] if user is None else [("me", str(_("me")))]
            people = [(str(person.pk), str(person)) for person in assignable()]
            return [*first, ("turn", _("whoever is next in turn")), ("none", _("nobody")), *people]
        case "tag":
            return [(str(row.pk), str(row)) for row in Tag.objects.filter(is_active=True)]
        case "cause":
            from inquiries.condition_fields import choices as condition_choices

            return condition_choices("cause")
        case "days":
            return [(code, str(name)) for code, name in Reason.choices]
        case "priority":
            return [(str(code), str(name)) for code, name in Category.Priority.choices]
        case "category":
            return [(row.slug, str(row)) for row in Category.objects.filter(is_active=True)]
        case "template" if user is not None:
            return [
                (str(row.pk), f"{row.folder} › {row}" if row.folder else str(row))
                for row in Template.objects.offered_to(user)
            ]
    return []


def _told(row: Mapping[str, Any], names: dict[str, dict[str, str]]) -> str:
    act = ACTS[row["do"]]
    match act.control:
        case "":
            return str(act.label)
        case "text":
            said = _("“%(text)s”") % {"text": row["text"]}
        case "days":
            said = f"{_('%(n)s days') % {'n': row['days']}} ({Reason(row['reason']).label})"
        case _:
            if act.control not in names:
                names[act.control] = _names(act.control)
            said = names[act.control].get(value(row, act), _("(deleted)"))
    return _("%(act)s: %(value)s") % {"act": act.label, "value": said}


def value(row: Mapping[str, Any], act: Act) -> str:
    """The value of an act as the editor's select knows it."""
    if act.control == "label":
        return str(row.get("label") or row.get("status", ""))
    return str(row.get({"person": "to"}.get(act.control, act.control), ""))


def name_of(control: str, key: str) -> str:
    """The name of one value, also of what is not offered any more; "" where it is gone."""
    return _names(control).get(key, "")


def _names(control: str) -> dict[str, str]:
    """The names of every value, offered any more or not."""
    if control == "label":
        fixed = {code: str(name) for code, name in Inquiry.Status.choices}
        return fixed | {str(row.pk): str(row) for row in StatusLabel.objects.all()}
    if control == "template":
        return {str(row.pk): str(row) for row in Template.objects.only("pk", "name")}
    if control == "person":
        people = {str(row.pk): str(row) for row in User.objects.all()}
        return {"me": _("me"), "turn": _("whoever is next in turn"), "none": _("nobody")} | people
    if control == "tag":
        return {str(row.pk): str(row) for row in Tag.objects.all()}
    return dict(choices(control))
