"""One language of conditions for saved views, for what macros look at, and for rules.

    {"all": [{"field": "status", "op": "is", "value": ["open"]}, …], "any": [ … ]}

Every row of ``all`` must hold, and of ``any`` at least one where there is any. Values by the kind of the field
(condition_fields.py): a list of codes or ids; a text; ``{"n": 24, "unit": "hours"}``; nothing. What is stored came from
a person or an older version, so nothing in it is believed: it is read strictly, or refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict
from django.utils.translation import gettext as _

from inquiries import masking
from inquiries.condition_fields import FIELDS, UNITS, Field, choices
from inquiries.models import Attachment, Inquiry, Message, SearchEntry
from shopdesk import grams
from shopdesk.accounts.models import User
from shopdesk.addresses import normalise as normalise_address
from shopdesk.text import clean, one_line

MOST_ROWS = 20
MOST_VALUES = 50
LONGEST_TEXT = 200
LONGEST_TIME = 9_999
GROUPS = ("all", "any")
_LARGEST_ID = 2**63 - 1
# So many digits may be a part of a phone number.
_PHONE_DIGITS = 4
_SHORTEST_LATIN = 3
NOBODY = Q(pk__in=[])

Conditions = dict[str, list[dict[str, Any]]]


class BadConditions(Exception):
    """Conditions that cannot be read. ``problems`` names each field and what is wrong with it, for people."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def compile(conditions: Any, *, user: User | None, now: datetime) -> Q:
    """The conditions as one Q for Inquiry, without joins that double rows; the caller adds ``visible_to``.

    ``user`` is "me", and whose eyes it is for: who must not read addresses must not guess them by asking either. None
    is the system. Runs no query. Raises BadConditions.
    """
    problems: list[str] = []
    groups: dict[str, list[Q]] = {}
    for group, rows in _groups(conditions).items():
        groups[group] = []
        for row in rows:
            try:
                groups[group].append(_row(row, user, now))
            except BadConditions as error:
                problems += error.problems
    if problems:
        raise BadConditions(list(dict.fromkeys(problems)))
    found = Q()
    for one in groups["all"]:
        found &= one
    if groups["any"]:
        either = groups["any"][0]
        for one in groups["any"][1:]:
            either |= one
        found &= either
    return found


def check(conditions: Any, *, user: User | None, now: datetime) -> None:
    """Raises BadConditions, as :func:`compile` would."""
    compile(conditions, user=user, now=now)


def describe(conditions: Any) -> list[str]:
    """The conditions in words, one line each; what cannot be read is said so. Names come by one query a field."""
    lines: list[str] = []
    try:
        groups = _groups(conditions)
    except BadConditions as error:
        return error.problems
    known: dict[str, dict[str, str]] = {}
    told = {group: [_told(row, known) for row in rows] for group, rows in groups.items()}
    lines += told["all"]
    if told["any"]:
        lines.append(_(" or ").join(told["any"]))
    return lines


def read(post: QueryDict) -> Conditions:
    """The conditions that the builder's rows posted (``c-0-field``, ``c-0-op`` …). Rows without a field are left out.

    Nothing is checked here: hand the result to :func:`check`.
    """
    read_rows: Conditions = {"all": [], "any": []}
    for place in places(post):
        key = post.get(f"c-{place}-field", "")
        if not key:
            continue
        op = post.get(f"c-{place}-op", "")
        field = FIELDS.get(key)
        if field and op not in field.operators:  # the row was changed to another field without a script
            op = next(iter(field.operators))
        row: dict[str, Any] = {"field": key, "op": op}
        if field is not None and (value := _posted(field, op, place, post)) is not None:
            row["value"] = value
        read_rows["any" if post.get(f"c-{place}-group") == "any" else "all"].append(row)
    return {group: rows for group, rows in read_rows.items() if rows}


def places(post: QueryDict) -> list[int]:
    """The numbers of the rows that were posted, in order."""
    found = set()
    for name in post:
        part, _dash, rest = name.removeprefix("c-").partition("-")
        if name.startswith("c-") and rest == "field" and part.isascii() and part.isdigit() and len(part) < 5:
            found.add(int(part))
    return sorted(found)[: 2 * MOST_ROWS]


# --- within: from a form ---------------------------------------------------------------------------------------------


def _posted(field: Field, op: str, place: int, post: QueryDict) -> Any:
    values = post.getlist(f"c-{place}-value")
    if field.kind in {"choice", "tags"}:
        return [_typed(field, value) for value in values]
    if field.kind == "words":
        return [word for word in one_line(values[0] if values else "").replace("、", ",").split(",") if word.strip()]
    if field.kind == "text":
        return one_line(values[0]) if values else ""
    if field.kind in {"moment", "promise"} and op != "overdue":
        n = post.get(f"c-{place}-n", "")
        return {
            "n": int(n) if n.isascii() and n.isdigit() and len(n) < 9 else n,
            "unit": post.get(f"c-{place}-unit", "hours"),
        }
    return None


def _typed(field: Field, value: str) -> str | int:
    """Ids and numbers are stored as numbers."""
    is_number = value.isascii() and value.isdigit() and len(value) < 19
    return int(value) if is_number and field.keys in {"id", "number", "person"} else value


# --- within: reading strictly ----------------------------------------------------------------------------------------


def _groups(conditions: Any) -> dict[str, list[Any]]:
    if not isinstance(conditions, Mapping) or set(conditions) - set(GROUPS):
        raise BadConditions([_("The conditions cannot be read.")])
    groups = {}
    for group in GROUPS:
        rows = conditions.get(group, [])
        if not isinstance(rows, list) or len(rows) > MOST_ROWS:
            raise BadConditions([_("At most %(n)s conditions can be joined.") % {"n": MOST_ROWS}])
        groups[group] = rows
    return groups


def _parts(row: Any) -> tuple[Field, str, Any]:
    if not isinstance(row, Mapping):
        raise BadConditions([_("The conditions cannot be read.")])
    key, op = row.get("field"), row.get("op")
    field = FIELDS.get(key) if isinstance(key, str) else None
    if field is None:
        raise BadConditions([_("There is no field “%(field)s”.") % {"field": clean(str(key))[:40]}])
    if not isinstance(op, str) or op not in field.operators:
        raise _bad(field, _("this comparison does not exist"))
    return field, op, row.get("value")


def _bad(field: Field, why: str) -> BadConditions:
    return BadConditions([_("%(field)s: %(why)s.") % {"field": field.label, "why": why}])


def _row(row: Any, user: User | None, now: datetime) -> Q:
    field, op, value = _parts(row)
    match field.kind:
        case "choice":
            return _choice(field, op, _values(field, value), user)
        case "tags":
            return _tags(op, [one for one in _values(field, value) if isinstance(one, int)])
        case "moment":
            return _moment(field, op, _time(field, value), now)
        case "promise":
            return _promise(op, _time(field, value) if op == "within" else timedelta(), now)
        case "text":
            if op == "not_contains":
                return ~_text(field, _said(field, value), user)
            return _text(field, _said(field, value), user) & _indexed(field, value, user)
        case "words":
            words = _words(field, value)
            return ~Q(product__sku__in=words) if op == "is_not" else Q(product__sku__in=words)
    return _present(field.key) if op == "yes" else ~_present(field.key)


def _values(field: Field, value: Any) -> list[str | int]:
    """The chosen codes or ids. An id that is not there any more matches nothing and is no error."""
    if not isinstance(value, list) or not value:
        raise _bad(field, _("nothing is chosen"))
    if len(value) > MOST_VALUES:
        raise _bad(field, _("too many are chosen"))
    for one in value:
        is_id = isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= _LARGEST_ID
        is_code = isinstance(one, str) and 0 < len(one) <= 60 and clean(one) == one
        fits = {
            "id": is_id,
            "number": is_id and one < 100,
            "person": is_id or one in ("me", "none"),
            "code": is_code,
        }[field.keys]
        if not fits:
            raise _bad(field, _("this choice does not exist"))
    if field.key in _FIXED and set(value) - _FIXED[field.key]:
        raise _bad(field, _("this choice does not exist"))
    return list(value)


_FIXED: dict[str, set[Any]] = {
    "status": set(Inquiry.Status.values),
    "phase": set(Inquiry.Phase.values),
    "mood": {code for code in Inquiry.Mood.values if code},
    "channel": set(Inquiry.Channel.values),
    "language": {"ja", "en"},
    "priority": {0, 1, 2},
}


def _time(field: Field, value: Any) -> timedelta:
    n, unit = (value.get("n"), value.get("unit")) if isinstance(value, Mapping) else (None, None)
    if isinstance(n, bool) or not isinstance(n, int) or not 0 < n <= LONGEST_TIME:
        raise _bad(field, _("a number of hours or days is needed"))
    if unit not in ("hours", "days"):
        raise _bad(field, _("hours or days?"))
    return timedelta(hours=n) if unit == "hours" else timedelta(days=n)


def _said(field: Field, value: Any) -> str:
    if not isinstance(value, str) or not (text := one_line(value)):
        raise _bad(field, _("a word is needed"))
    if len(text) > LONGEST_TEXT:
        raise _bad(field, _("the text is too long"))
    return text


def _words(field: Field, value: Any) -> list[str]:
    if not isinstance(value, list) or not value or len(value) > MOST_VALUES:
        raise _bad(field, _("nothing is chosen"))
    words = [one_line(one) for one in value if isinstance(one, str)]
    if len(words) < len(value) or not all(0 < len(word) <= LONGEST_TEXT for word in words):
        raise _bad(field, _("a word is needed"))
    return words


# --- within: as a Q ---------------------------------------------------------------------------------------------------


def _choice(field: Field, op: str, values: list[str | int], user: User | None) -> Q:
    if field.key == "assignee":
        found = _assignee(field, values, user)
        return ~found if op == "is_not" else found
    if field.key == "status" and op == "is_not":  # said positively, so that the index over statuses serves
        return Q(status__in=[code for code in Inquiry.Status.values if code not in values])
    column = {"category": "category__slug"}.get(field.key, field.key)
    found = Q(**{f"{column}__in": values})
    return ~found if op == "is_not" else found


def _assignee(field: Field, values: list[str | int], user: User | None) -> Q:
    people = [one for one in values if isinstance(one, int)]
    if "me" in values:
        if user is None:
            raise _bad(field, _("“me” says nothing here; please choose a person"))
        people.append(user.pk)
    found = Q(assignee__in=people) if people else NOBODY
    return found | Q(assignee__isnull=True) if "none" in values else found


def _tags(op: str, tags: list[int]) -> Q:
    links = Inquiry.tags.through.objects.filter(inquiry=OuterRef("pk"))
    if op == "all":
        found = Q()
        for tag in dict.fromkeys(tags):
            found &= Q(Exists(links.filter(tag=tag)))
        return found
    found = Q(Exists(links.filter(tag__in=tags)))
    return ~found if op == "none" else found


def _moment(field: Field, op: str, length: timedelta, now: datetime) -> Q:
    since = now - length
    if op == "older_than":
        found = Q(**{f"{field.key}__lt": since})
    else:
        found = Q(**{f"{field.key}__gte": since})
        if field.key == "opened_at":  # nothing is active before it is there: the index over activity serves
            found &= Q(last_activity_at__gte=since)
    if field.key == "waiting_since":  # only what is to be answered waits: the index over statuses serves
        found &= Q(status=Inquiry.Status.OPEN)
    return found


def _promise(op: str, length: timedelta, now: datetime) -> Q:
    if op == "overdue":
        return Q(escalation_at__lt=now)
    return Q(escalation_at__gte=now, escalation_at__lte=now + length)


def _text(field: Field, text: str, user: User | None) -> Q:
    masked = user is not None and not masking.sees_contacts(user)
    digits = sum(letter.isdecimal() for letter in text)
    if masked and ("@" in normalise_address(text) or digits >= _PHONE_DIGITS):
        return NOBODY
    if field.key == "subject":
        return Q(subject__icontains=text)
    if field.key == "from":
        found = Q(name__icontains=text)
        return found if masked else found | Q(email__contains=normalise_address(text))
    said = Message.objects.filter(inquiry=OuterRef("pk")).exclude(kind=Message.Kind.NOTE)
    return Q(Exists(said.filter(body__icontains=text)))


def _indexed(field: Field, text: str, user: User | None) -> Q:
    """What the search knows of these words, so that a list reads no text twice; its index is some seconds behind. So a
    rule, which looks at one inquiry and at once, does without."""
    text = one_line(text)
    # One or two Latin letters are looked up as whole words only.
    is_short = text.isascii() and len(text) < _SHORTEST_LATIN
    if user is None or is_short or field.key not in {"subject", "body"} or not (pieces := grams.wanted(text)):
        return Q()
    return Q(pk__in=SearchEntry.objects.filter(grams__contains=sorted(pieces)).values("inquiry"))


def _present(key: str) -> Q:
    if key == "order_number":
        return ~Q(order_number="")
    if key == "thanked":
        return Q(thanked_at__isnull=False)
    return Q(Exists(Attachment.objects.filter(message__inquiry=OuterRef("pk"))))


# --- within: in words -------------------------------------------------------------------------------------------------


def _told(row: Any, known: dict[str, dict[str, str]]) -> str:
    try:
        field, op, value = _parts(row)
    except BadConditions as error:
        return " ".join(error.problems)
    words = {"field": field.label, "op": field.operators[op], "value": _told_value(field, op, value, known)}
    if field.kind == "present":
        return _("%(field)s: %(op)s") % words
    if field.kind in {"choice", "tags", "words"} and isinstance(value, list) and len(value) == 1:
        if op in {"is_not", "none"}:
            return _("%(field)s: not %(value)s") % words
        return _("%(field)s: %(value)s") % words
    if not words["value"]:
        return _("%(field)s %(op)s") % words
    return _("%(field)s %(op)s: %(value)s") % words


def _told_value(field: Field, op: str, value: Any, known: dict[str, dict[str, str]]) -> str:
    if field.kind in {"choice", "tags"} and isinstance(value, list):
        names = known.setdefault(field.key, dict(choices(field.key)))
        return _(", ").join(names.get(str(one), _("(deleted)")) for one in value[:MOST_VALUES])
    if field.kind == "words" and isinstance(value, list):
        return _(", ").join(clean(str(one)) for one in value[:MOST_VALUES])
    if isinstance(value, Mapping) and op != "overdue":
        unit = UNITS.get(value.get("unit", ""), "") if isinstance(value.get("unit", ""), str) else ""
        return _("%(n)s %(unit)s") % {"n": clean(str(value.get("n", "")))[:10], "unit": unit}
    return _("“%(text)s”") % {"text": clean(value)} if isinstance(value, str) else ""
