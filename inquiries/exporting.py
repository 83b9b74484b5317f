"""Inquiries as a table for a spreadsheet: one line each, of the list that somebody looks at.

Which inquiries it will be is settled first, as an array of their keys (8 bytes each). Their number can so be written
into the audit log before the first byte leaves; the order stays whatever happens meanwhile; and the lines are read in
batches, so that neither the memory nor a transaction grows with the list.
"""

import re
from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.utils.text import capfirst
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from inquiries import conditions, listing, masking, searching
from inquiries.listpage import ListPage
from inquiries.models import Category, Cause, Inquiry, StatusLabel
from shopdesk import csv_out
from shopdesk.accounts import audit
from shopdesk.accounts.models import User
from shopdesk.shop import contacts
from shopdesk.shop.models import Order, Store
from shopdesk.text import MASK

# Lines that are read, and leave, together.
_BATCH = 1_000
# What the customer is known by; in the file only where it is asked for.
PERSONAL = ("name", "email", "phone")
_NEEDED = (
    "number", "subject", "status", "label", "phase", "category", "channel", "store", "cause", "assignee", "opened_at",
    "first_replied_at", "solved_at", "first_diff", "solve_diff", "order_number", "product_text", "name", "email",
    "phone", "product__sku", "product__name", "order__number",
)  # fmt: skip
# Shorter names stand in too many words.
_SHORTEST_NAME = 2


@dataclass(frozen=True)
class Chosen:
    """The inquiries of a list in its order. ``is_cut``: a search has more hits than its pages show."""

    keys: "array[int]"
    is_cut: bool = False


def chosen(page: ListPage) -> Chosen:
    """What all pages of a list show together. A search ends where its pages end; a view is whole, however long."""
    if page.wanted.q:
        return _found(page)
    rows = listing.ordered(page.rows, page.order).values_list("pk", flat=True)
    return Chosen(array("q", rows.iterator(chunk_size=10_000)))


def count(page: ListPage) -> tuple[int, bool]:
    """How many that are, and whether a search has more."""
    if page.wanted.q:
        found = _found(page)
        return len(found.keys), found.is_cut
    return page.rows.count(), False


def _found(page: ListPage) -> Chosen:
    keys: dict[int, None] = {}
    number, found = 0, None
    while found is None or found.has_next:
        number += 1
        found = searching.search(page.wanted.q, user=page.user, rows=page.rows, page=number)
        # Once each: what somebody writes in meanwhile comes to the top and moves the rest.
        keys |= dict.fromkeys(hit.inquiry.pk for hit in found.hits)
    return Chosen(array("q", keys), found.is_cut)


# --- which list it was, for the log -----------------------------------------------------------------------------------


def asked(page: ListPage) -> dict[str, Any]:
    """Which list it is, in codes: ``{view, name?, conditions?, q?, filters?}``; :func:`words` reads it."""
    wanted, saved = page.wanted, page.view.saved
    about: dict[str, Any] = {"view": wanted.view}
    if saved:
        about |= {"name": saved.name, "conditions": saved.conditions}
    if wanted.q:
        about["q"] = wanted.q
    filters = replace(wanted, view="all", q="").as_conditions(page.user)
    if filters["all"]:
        about["filters"] = filters
    return about


def words(about: Any) -> list[str]:
    """The name of the list, then what it is narrowed to, in the reader's language."""
    if not isinstance(about, dict):
        return [str(about)]
    view = str(about.get("view", ""))
    lines = [str(about.get("name") or listing.labels().get(view, view))]
    for key in ("conditions", "filters"):
        lines += conditions.describe(about[key]) if key in about else []
    return [*lines, _("Searched for “%(words)s”") % {"words": about["q"]}] if about.get("q") else lines


def in_words(about: Any) -> str:
    """:func:`words` in one line, for the log."""
    return " · ".join(words(about))


def record(page: ListPage, found: Chosen, *, personal: bool, reason: str, by: User, now: datetime) -> None:
    """Write down who takes what away, and why."""
    columns = [*PERSONAL] if personal and masking.sees_contacts(by) else []
    audit.record(
        "inquiries.exported",
        actor=by,
        now=now,
        count=len(found.keys),
        note=reason,
        personal=columns,
        list=asked(page),
    )


# --- the table --------------------------------------------------------------------------------------------------------


def columns(*, personal: bool) -> list[str]:
    """What stands in the first line."""
    names = [_called(name) for name in ("number", "subject", "label", "status", "phase", "category", "channel")]
    names += [_called(name) for name in ("store", "tags", "cause", "product", "assignee")]
    names += [_called(name) for name in ("opened_at", "first_replied_at", "solved_at")]
    names += [
        _("First answer in time"),
        _("First answer: business minutes left"),
        _("Solved in time"),
        _("Solved: business minutes left"),
        capfirst(str(Order._meta.get_field("number").verbose_name)),
    ]
    return names + ([_called(name) for name in PERSONAL] if personal else [])


def table(keys: Collection[int], *, user: User, personal: bool) -> Iterator[bytes]:
    """The file in pieces, UTF-8 with a mark of it, in the language of this moment and the shop's zone.

    What ``user`` may not see (any more) when a piece is read is left out. Two queries a thousand lines and six for all.
    """
    return _table(keys, user, personal, get_language() or settings.LANGUAGE_CODE)


def _table(keys: Collection[int], user: User, personal: bool, language: str) -> Iterator[bytes]:
    # Not across a yield: whoever reads is in a language of their own.
    with override(language):
        sheet = _Sheet(user, personal=personal)
        first = csv_out.BOM + csv_out.lines([columns(personal=personal)])
    yield first.encode()
    kept = array("q", keys)
    for start in range(0, len(kept), _BATCH):
        with override(language):
            piece = csv_out.lines(sheet.lines(kept[start : start + _BATCH]))
        yield piece.encode()


class _Sheet:
    """What the lines of one file have in common: the names of everything, each asked for once."""

    def __init__(self, user: User, *, personal: bool) -> None:
        self._user, self._personal = user, personal
        self._zone = ZoneInfo(settings.TIME_ZONE)
        self._statuses = {str(code): str(name) for code, name in Inquiry.Status.choices}
        self._phases = {str(code): str(name) for code, name in Inquiry.Phase.choices}
        self._channels = {str(code): str(name) for code, name in Inquiry.Channel.choices}
        self._categories = {row.pk: str(row) for row in Category.objects.all()}
        self._labels = {row.pk: str(row) for row in StatusLabel.objects.all()}
        stores = list(Store.objects.all())
        self._stores = {row.pk: str(row) for row in stores}
        self._phones = {row.pk: contacts.phone_digits(row.phone) for row in stores}
        self._causes = {row.pk: _cause(row) for row in Cause.objects.select_related("parent")}
        self._people = {row.pk: str(row) for row in User.objects.only("name", "email")}
        self._kept = {True: _("kept"), False: _("missed")}

    def lines(self, keys: Iterable[int]) -> Iterator[list[str]]:
        """The lines of some inquiries, in their order."""
        wanted = list(keys)
        tags = Inquiry.tags.through.objects.filter(inquiry=OuterRef("pk")).order_by("tag__name")
        rows = Inquiry.objects.visible_to(self._user).filter(pk__any_of=wanted).select_related("product", "order")
        found = {row.pk: row for row in rows.annotate(tag_list=ArraySubquery(tags.values("tag__name"))).only(*_NEEDED)}
        shown = [found[key] for key in wanted if key in found]
        masking.cover(shown, self._user)
        return map(self._line, shown)

    def _line(self, row: Inquiry) -> list[str]:
        said = self._said(row)
        about: Any = row
        line = [
            csv_out.code(row.number),
            csv_out.text(said(row.subject)),
            csv_out.text(self._labels.get(row.label_id or 0) or self._statuses[row.status]),
            self._statuses[row.status],
            self._phases[row.phase],
            csv_out.text(self._categories.get(row.category_id, "")),
            self._channels[row.channel],
            csv_out.text(self._stores.get(row.store_id, "")),
            csv_out.text(_(", ").join(about.tag_list)),
            csv_out.text(self._causes.get(row.cause_id or 0, "")),
            csv_out.text(f"{row.product.sku} {row.product.name}" if row.product else said(row.product_text)),
            csv_out.text(self._people.get(row.assignee_id or 0, "")),
            self._moment(row.opened_at),
            self._moment(row.first_replied_at),
            self._moment(row.solved_at),
            *self._promise(row.first_diff),
            *self._promise(row.solve_diff),
            csv_out.code(row.order.number if row.order else said(row.order_number)),
        ]
        return line + self._person(row) if self._personal else line

    def _said(self, row: Inquiry) -> Any:
        """What customers write themselves, without what they are known by where that is left out."""
        if self._personal and masking.sees_contacts(self._user):
            return str
        return partial(_without_person, name=row.name, phone=self._phones.get(row.store_id, ""))

    def _person(self, row: Inquiry) -> list[str]:
        if masking.sees_contacts(self._user):
            return [csv_out.text(row.name), csv_out.text(row.email), csv_out.code(row.phone)]
        return [csv_out.text(row.name), csv_out.text(masking.address(row.email)), masking.phone(row.phone)]

    def _promise(self, left: int | None) -> list[str]:
        """Whether it was kept, and by how much; empty while it is open, and where none was given."""
        return ["", ""] if left is None else [self._kept[left >= 0], str(left)]

    def _moment(self, at: datetime | None) -> str:
        """``2026-11-20 09:00:00``, which spreadsheets take for a moment."""
        return at.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S") if at else ""


def _without_person(text: str, *, name: str, phone: str) -> str:
    """A text without what looks like an address or a phone, and without the customer's name."""
    if not text:
        return text
    covered = masking.anybodys(text, besides=phone)
    if len(name) < _SHORTEST_NAME:
        return covered
    # 山田 花子 may be written without the space, or with a wide one.
    parts = [re.escape(part) for part in name.split()]
    return re.sub(r"\s*".join(parts), MASK, covered) if parts else covered


def _cause(cause: Cause) -> str:
    return f"{cause.parent} › {cause}" if cause.parent else str(cause)


def _called(name: str) -> str:
    return capfirst(str(getattr(Inquiry._meta.get_field(name), "verbose_name", name)))
