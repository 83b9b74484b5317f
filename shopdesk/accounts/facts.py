"""The data of audit entries in the reader's words: what changed, and what else is on record. The row holds codes."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext, pgettext, pgettext_lazy

from shopdesk.accounts import hours
from shopdesk.accounts.models import AuditEntry, Role
from shopdesk.accounts.permissions import P

# Keys of the data -> what they are called.
_NAMES: dict[str, Promise] = {
    "active": pgettext_lazy("log", "may sign in"),
    "address": pgettext_lazy("log", "mail address"),
    "charset": pgettext_lazy("log", "character set"),
    "count": pgettext_lazy("log", "how many"),
    "customer": pgettext_lazy("log", "customer no."),
    "due": pgettext_lazy("log", "mails due within the hour"),
    "evidence": pgettext_lazy("log", "how it is known"),
    "fields": pgettext_lazy("log", "changed fields"),
    "first": pgettext_lazy("log", "first year"),
    "gained": pgettext_lazy("log", "permissions given"),
    "gone": pgettext_lazy("log", "merged customer no."),
    "inquiry": pgettext_lazy("log", "inquiry no."),
    "ip": pgettext_lazy("log", "network address"),
    "kept": pgettext_lazy("log", "kept customer no."),
    "last": pgettext_lazy("log", "last year"),
    "list": pgettext_lazy("log", "list"),
    "lost": pgettext_lazy("log", "permissions taken away"),
    "mail": pgettext_lazy("log", "mail no."),
    "mailbox": pgettext_lazy("log", "mailbox no."),
    "minutes": pgettext_lazy("log", "minutes"),
    "moved": pgettext_lazy("log", "letters with another date"),
    "name": pgettext_lazy("log", "name"),
    "new_address": pgettext_lazy("log", "another mail address"),
    "note": pgettext_lazy("log", "reason given"),
    "number": pgettext_lazy("log", "reference number"),
    "path": pgettext_lazy("log", "page"),
    "personal": pgettext_lazy("log", "customers' data"),
    "planned": pgettext_lazy("log", "letter no."),
    "product": pgettext_lazy("log", "product"),
    "reason": pgettext_lazy("log", "reason"),
    "requests": pgettext_lazy("log", "people who were told"),
    "role": pgettext_lazy("log", "role"),
    "role_before": pgettext_lazy("log", "role before"),
    "route": pgettext_lazy("log", "route no."),
    "row": pgettext_lazy("log", "row no."),
    "scope": pgettext_lazy("log", "kinds of mail"),
    "sequence": pgettext_lazy("log", "sequence"),
    "since": pgettext_lazy("log", "since"),
    "status": pgettext_lazy("log", "status"),
    "step": pgettext_lazy("log", "step no."),
    "table": pgettext_lazy("log", "table"),
    "two_factor": pgettext_lazy("log", "a second factor is required"),
    "type": pgettext_lazy("log", "kind"),
    "usual": pgettext_lazy("log", "mails in a usual hour"),
    "user": pgettext_lazy("log", "member of staff no."),
    "was": pgettext_lazy("log", "before"),
    "what": pgettext_lazy("log", "what"),
}
# Values for which a room above has words of its own, see say().
_SAID: dict[tuple[str, str], Callable[[Any], str]] = {}
# Codes that have words nowhere else: (the part of the act before the point, the key) -> {code: words}.
_CODES: dict[tuple[str, str], dict[str, Promise]] = {
    ("two_factor", "type"): {
        "totp": pgettext_lazy("log", "authenticator app"),
        "webauthn": pgettext_lazy("log", "passkey"),
        "recovery_codes": pgettext_lazy("log", "recovery codes"),
    },
    ("mail", "reason"): {
        "restored_copy": pgettext_lazy("log", "it looks like a restored copy"),
        "clock_jump": pgettext_lazy("log", "the clock jumped"),
        "blast": pgettext_lazy("log", "far more mail than usual"),
    },
    ("inquiries", "personal"): {
        "none": pgettext_lazy("log", "without customers' data"),
        "name": pgettext_lazy("log", "name"),
        "email": pgettext_lazy("log", "mail address"),
        "phone": pgettext_lazy("log", "phone number"),
    },
    ("inquiry", "what"): {
        "page": pgettext_lazy("log", "the conversation"),
        "file": pgettext_lazy("log", "an attachment"),
    },
}
# … and those that a table has words for: -> (its model, its field).
_FIELDS = {
    ("suppression", "scope"): ("mail.suppression", "scope"),
    ("suppression", "reason"): ("mail.suppression", "reason"),
    ("followups", "status"): ("followups.sequence", "status"),
}
# Acts whose changes are those of one table -> its model; settings name theirs.
_TABLES = {
    "followups.sequence_changed": "followups.sequence",
    "followups.step_changed": "followups.step",
    "mailbox.added": "mail.mailbox",
    "mailbox.changed": "mail.mailbox",
    "staff.hours": "accounts.user",
}


class Change(NamedTuple):
    """A field and what stood there before and after."""

    field: str
    before: str
    after: str


def say(area: str, key: str, words: Callable[[Any], str]) -> None:
    """Let a room above put a value of its own entries into words: of the acts ``area.…``, what stands under ``key``.

    The words are asked for each time, in the reader's language, and have to bear whatever an older version wrote.
    """
    _SAID[area, key] = words


def table(entry: AuditEntry) -> str:
    """What the table is called that an entry is about; its bare label where it is gone, "" where there is none."""
    model = _model(entry)
    return str(model._meta.verbose_name) if model is not None else str(entry.data.get("table", ""))


def changes(entry: AuditEntry, *, longest: int | None = None) -> list[Change]:
    """What an act changed, in the reader's language; values cut to so many letters."""
    model = _model(entry)
    told = []
    for name, before, after in entry.data.get("changes", []):
        field = _field(model, name)
        told.append(Change(_called(field, name), _worded(field, before, longest), _worded(field, after, longest)))
    return told


def with_roles(entries: "QuerySet[AuditEntry]") -> "QuerySet[AuditEntry]":
    """The entries with the name of the role that they are about, so that a list of them asks for no names."""
    name = "name_en" if get_language() == "en" else "name_ja"
    roles = Role.objects.filter(code=OuterRef("role_code")).values(name)
    return entries.annotate(role_code=KT("data__role")).annotate(role_name=Subquery(roles))


def others(entry: AuditEntry) -> list[tuple[str, str]]:
    """What else is on record: (what it is, its value). A query where a role is named."""
    told = []
    for key, value in entry.data.items():
        # The fields stand among the changes, where there are some.
        if key == "changes" or (key == "fields" and entry.data.get("changes")) or value in (None, "", []):
            continue
        told.append((str(_NAMES.get(key, key)), word(entry, key, longest=None)))
    return told


def word(entry: AuditEntry, key: str, *, longest: int | None) -> str:
    """One value of an entry in words."""
    value, area = entry.data[key], entry.code.partition(".")[0]
    match key:
        case "table":
            return table(entry)
        case "fields":
            model = _model(entry)
            return gettext(", ").join(_called(_field(model, name), name) for name in value)
        case "gained" | "lost":
            return gettext(", ").join(str(P(one).label) if one in P.values else one for one in value)
        case "since":
            with suppress(ValueError):
                return date_format(localtime(datetime.fromisoformat(str(value))), "DATETIME_FORMAT")
        case "role" | "role_before":
            known = entry.__dict__.get("role_name") if key == "role" else None
            return str(known or Role.objects.filter(code=value).first() or value)
    if said := _SAID.get((area, key)):
        return said(value)
    if codes := _CODES.get((area, key)):
        if isinstance(value, list):
            return gettext(", ").join(str(codes.get(str(one), one)) for one in value)
        return str(codes.get(str(value), value))
    label, name = _FIELDS.get((area, key), ("", ""))
    return _worded(apps.get_model(label)._meta.get_field(name) if label else None, value, longest)


def _model(entry: AuditEntry) -> Any:
    with suppress(LookupError, ValueError):
        return apps.get_model(str(entry.data.get("table") or _TABLES.get(entry.code, "")))
    return None


def _field(model: Any, name: str) -> Any:
    with suppress(FieldDoesNotExist, AttributeError):
        return model._meta.get_field(name)
    return None


def _called(field: Any, name: str) -> str:
    return str(getattr(field, "verbose_name", name))


def _worded(field: "Field[Any, Any] | None", value: object, longest: int | None) -> str:
    if getattr(field, "name", "") == "work_hours" and isinstance(value, list):
        value = hours.lines(value) or gettext("Any time")
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, bool):
        return pgettext("setting", "on") if value else pgettext("setting", "off")
    if isinstance(value, list):
        value = gettext(", ").join(str(one) for one in value)
    labels = dict(getattr(field, "flatchoices", None) or ())
    text = str(labels.get(value, value))
    if longest is None:
        return text
    text = " ".join(text.split())
    return f"{text[:longest]}…" if len(text) > longest else text
