"""The fields that conditions may name: how each is asked, with which operators, and what there is to choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from inquiries.models import Category, Cause, Inquiry, StatusLabel, Tag
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.shop.models import Store

# Operators by the kind of a field. The first one is what a new row begins with.
OPERATORS: dict[str, dict[str, str | Promise]] = {
    "choice": {"is": _("is one of"), "is_not": _("is none of")},
    "tags": {"any": _("has one of"), "all": _("has all of"), "none": _("has none of")},
    "moment": {"older_than": _("is longer ago than"), "within": _("is not longer ago than")},
    "promise": {"overdue": _("is over"), "within": _("ends within")},
    "text": {"contains": _("contains"), "not_contains": _("does not contain")},
    "words": {"is": _("is one of"), "is_not": _("is none of")},
    "present": {"yes": _("yes"), "no": _("no")},
}
UNITS: dict[str, str | Promise] = {"hours": _("hours"), "days": _("days")}


@dataclass(frozen=True)
class Field:
    """``kind`` says which operators there are; ``keys`` whether the values are row ids ("id") or codes ("code")."""

    key: str
    label: str | Promise
    kind: str
    keys: str = ""

    @property
    def operators(self) -> dict[str, str | Promise]:
        return OPERATORS[self.kind]


FIELDS: dict[str, Field] = {
    field.key: field
    for field in (
        Field("status", _("status"), "choice", "code"),
        Field("label", _("status label"), "choice", "id"),
        Field("assignee", _("assigned to"), "choice", "person"),
        Field("category", _("category"), "choice", "code"),
        Field("phase", _("phase"), "choice", "code"),
        Field("tags", _("tags"), "tags", "id"),
        Field("cause", _("cause"), "choice", "id"),
        Field("priority", _("priority"), "choice", "number"),
        Field("escalation", _("promise"), "promise"),
        Field("waiting_since", _("waiting since"), "moment"),
        Field("opened_at", pgettext_lazy("inquiry", "received"), "moment"),
        Field("last_activity_at", _("last activity"), "moment"),
        Field("channel", _("channel"), "choice", "code"),
        Field("store", _("store"), "choice", "id"),
        Field("product", _("product (SKU)"), "words"),
        Field("subject", _("subject"), "text"),
        Field("body", _("text of a message"), "text"),
        Field("from", _("sender"), "text"),
        Field("order_number", _("has an order number"), "present"),
        Field("language", _("language"), "choice", "code"),
        Field("mood", _("mood"), "choice", "code"),
        Field("has_attachment", _("has a file"), "present"),
        Field("thanked", _("said thanks after it was solved"), "present"),
    )
}


def choices(key: str) -> list[tuple[str, str]]:
    """What may be chosen for a field, as (value, name). One query at most."""
    match key:
        case "status":
            return [(code, str(name)) for code, name in Inquiry.Status.choices]
        case "phase":
            return [(code, str(name)) for code, name in Inquiry.Phase.choices]
        case "mood":
            return [(code, str(name)) for code, name in Inquiry.Mood.choices if code]
        case "channel":
            return [(code, str(name)) for code, name in Inquiry.Channel.choices]
        case "priority":
            return [(str(code), str(name)) for code, name in Category.Priority.choices]
        case "language":
            return [("ja", "日本語"), ("en", "English")]
        case "category":
            return [(row.slug, str(row)) for row in Category.objects.all()]
        case "assignee":
            users = User.objects.active().select_related("role").order_by("name", "pk")
            people = [(str(user.pk), str(user)) for user in users if user.has_perm(P.INQUIRIES_VIEW)]
            return [("me", str(_("me"))), ("none", str(_("nobody"))), *people]
        case "cause":
            causes = Cause.objects.select_related("parent").order_by("parent__position", "position", "pk")
            names = [(str(row.pk), f"{row.parent} › {row}" if row.parent else str(row)) for row in causes]
            return sorted(names, key=lambda pair: pair[1])
    rows: Any = {"label": StatusLabel, "tags": Tag, "store": Store}[key].objects.all()  # type: ignore[attr-defined]  # all are models
    return [(str(row.pk), str(row)) for row in rows]
