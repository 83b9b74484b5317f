"""The rows with which people write conditions and acts: what each row shows, from what is stored or was posted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from inquiries import acts, conditions
from inquiries.condition_fields import FIELDS, UNITS, Field, choices
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P

# Rows that wait for a condition where nothing adds one by a script.
EMPTY_ROWS = 1


@dataclass(frozen=True)
class Option:
    value: str
    name: str | Promise
    chosen: bool = False


@dataclass
class Row:
    """One row. ``place`` numbers its inputs; ``control`` says which inputs stand behind the first select."""

    place: int
    keys: list[Option]
    control: str = ""
    group: str = "all"
    operators: list[Option] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    text: str = ""
    n: str = ""
    units: list[Option] = field(default_factory=list)


@dataclass
class Editor:
    rows: list[Row]
    user: User | None

    @property
    def next_place(self) -> int:
        return max((row.place for row in self.rows), default=-1) + 1


class Names:
    """What there is to choose, asked for once a page."""

    def __init__(self, user: User | None) -> None:
        self._user = user
        self._known: dict[str, list[tuple[str, str]]] = {}

    def of_field(self, key: str) -> list[tuple[str, str]]:
        if key not in self._known:
            found = choices(key)
            if key == "assignee" and self._user is None:  # a rule
                found = [pair for pair in found if pair[0] != "me"]
            elif key == "assignee" and self._user is not None and not self._user.has_perm(P.INQUIRIES_VIEW_ALL):
                found = [pair for pair in found if pair[0] in {"me", "none"}]
            self._known[key] = found
        return self._known[key]

    def of_act(self, control: str) -> list[tuple[str, str]]:
        key = f"act:{control}"
        if key not in self._known:
            self._known[key] = acts.choices(control, self._user)
        return self._known[key]


def conditions_editor(wanted: Any, *, user: User | None, extra: int = EMPTY_ROWS) -> Editor:
    """Rows for stored or posted conditions, with empty ones below. ``user`` is None for rules, which know no "me"."""
    names = Names(user)
    rows: list[Row] = []
    for group in conditions.GROUPS:
        stored = wanted.get(group, []) if isinstance(wanted, Mapping) else []
        for one in stored if isinstance(stored, list) else []:
            if isinstance(one, Mapping):
                rows.append(condition_row(len(rows), one, names, group=group))
    rows += [condition_row(len(rows) + n, {}, names) for n in range(extra)]
    return Editor(rows, user)


def condition_row(place: int, stored: Mapping[str, Any], names: Names, *, group: str = "all") -> Row:
    """The row of one condition; an empty one where nothing is stored."""
    key = stored.get("field")
    found = FIELDS.get(key) if isinstance(key, str) else None
    keys = [Option(one.key, one.label, one is found) for one in FIELDS.values()]
    if found is None:
        return Row(place, keys, group=group)
    op = stored.get("op")
    if op not in found.operators:
        op = next(iter(found.operators))
    value = stored.get("value")
    row = Row(place, keys, control=_control(found, str(op)), group=group)
    row.operators = [Option(code, name, code == op) for code, name in found.operators.items()]
    if found.kind in {"choice", "tags"}:
        chosen = {str(one) for one in value} if isinstance(value, list) else set()
        row.options = [Option(code, name, code in chosen) for code, name in names.of_field(found.key)]
    elif isinstance(value, Mapping):
        row.n = str(value.get("n", ""))
    elif isinstance(value, list):
        row.text = ", ".join(str(one) for one in value)
    elif isinstance(value, str):
        row.text = value
    unit = value.get("unit") if isinstance(value, Mapping) else ""
    row.units = [Option(code, name, code == unit) for code, name in UNITS.items()]
    return row


def _control(found: Field, op: str) -> str:
    if found.kind == "promise":
        return "" if op == "overdue" else "time"
    return {"choice": "checks", "tags": "checks", "moment": "time", "text": "text", "words": "text"}.get(found.kind, "")


def acts_editor(stored: Any, *, user: User | None, extra: int = EMPTY_ROWS) -> Editor:
    """Rows for stored or posted acts, with empty ones below. ``user`` is None for rules."""
    names = Names(user)
    found: Sequence[Any] = stored if isinstance(stored, list) else []
    rows = [act_row(place, one if isinstance(one, Mapping) else {}, names, user) for place, one in enumerate(found)]
    rows += [act_row(len(rows) + n, {}, names, user) for n in range(extra)]
    return Editor(rows, user)


def act_row(place: int, stored: Mapping[str, Any], names: Names, user: User | None) -> Row:
    """The row of one act; what this person may not do is not offered."""
    do = stored.get("do")
    found = acts.ACTS.get(do) if isinstance(do, str) else None
    offered = [
        act for act in acts.ACTS.values()
        if act is found or (not act.by_people_only if user is None else user.has_perm(act.needs))
    ]  # fmt: skip
    row = Row(place, [Option(act.do, act.label, act is found) for act in offered])
    if found is None:
        return row
    row.control = found.control
    if found.control == "text":
        row.text = str(stored.get("text", ""))
    elif found.control:
        value = str(stored.get("reason", "")) if found.control == "days" else acts.value(stored, found)
        row.n = str(stored.get("days", "")) if found.control == "days" else ""
        row.options = [Option(code, name, code == value) for code, name in names.of_act(found.control)]
        if value and not any(option.chosen for option in row.options):  # not offered any more: kept until changed
            row.options.insert(0, Option(value, acts.name_of(found.control, value) or _("(deleted)"), chosen=True))
    return row
