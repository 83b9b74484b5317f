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
from typing import Any

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, DateTimeField, F, Func, OuterRef, Value
from django.utils.text import capfirst
from django.utils.translation import get_language, override, pgettext
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
    "pk", "number", "subject", "status", "label_id", "phase", "category_id", "channel", "store_id", "cause_id",
    "assignee_id", "first_diff", "solve_diff", "order_number", "product_text", "name", "email", "phone", "customer_id",
    "product__sku", "product__name", "order__number",
)  # fmt: skip
_MOMENTS = ("opened_at", "first_replied_at", "solved_at")
# What masking.cover() changes in an inquiry.
_COVERED = ("name", "subject", "product_text", "order_number")
_BEHIND = (*_COVERED, "email", "phone", "customer_id")
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
    keys, is_cut = searching.everything(page.wanted.q, user=page.user, rows=page.rows)
    return Chosen(array("q", keys), is_cut)


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
    columns = [*PERSONAL] if personal and masking.sees_contacts(by) else ["none"]  # which is worth a word in the log
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
    names = [_called("number"), _called("subject"), pgettext("inquiry", "Status"), _("Status counts as")]
    names += [_called(name) for name in ("phase", "category", "channel", "store", "tags", "cause", "product")]
    names += [_called("assignee"), _called("opened_at"), pgettext("file", "First answered"), _called("solved_at")]
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
        self._leaves_out = not (personal and masking.sees_contacts(user))
        self._statuses = {str(code): str(name) for code, name in Inquiry.Status.choices}
        self._phases = {str(code): str(name) for code, name in Inquiry.Phase.choices}
        self._channels = {str(code): str(name) for code, name in Inquiry.Channel.choices}
        self._categories = {row.pk: str(row) for row in Category.objects.all()}
        self._labels = {row.pk: str(row) for row in StatusLabel.objects.all()}
        stores = list(Store.objects.all())
        self._stores = {row.pk: str(row) for row in stores}
        self._phones = {row.pk: contacts.phone_digits(row.phone) for row in stores}
        self._causes = {row.pk: _path(row) for row in Cause.objects.select_related("parent")}
        self._people = {row.pk: str(row) for row in User.objects.only("name", "email")}
        self._kept = {True: _("kept"), False: _("missed")}

    def lines(self, keys: Iterable[int]) -> Iterator[list[str]]:
        """The lines of some inquiries, in their order."""
        wanted = list(keys)
        tags = Inquiry.tags.through.objects.filter(inquiry=OuterRef("pk")).order_by("tag__name")
        rows = Inquiry.objects.visible_to(self._user).filter(pk__any_of=wanted)
        # As plain values, the moments as texts already: rows of models take three times as long.
        told = {f"{name}_told": _told(name) for name in _MOMENTS}
        known = rows.annotate(tag_list=ArraySubquery(tags.values("tag__name")), **told)
        found = {row.pk: row for row in known.values_list(*_NEEDED, "tag_list", *told, named=True)}
        shown = [found[key] for key in wanted if key in found]
        return map(self._line, shown if masking.sees_contacts(self._user) else self._covered(shown))

    def _covered(self, rows: list[Any]) -> list[Any]:
        """The rows as somebody sees them who may not read contacts."""
        inquiries = [Inquiry(pk=row.pk, **{name: getattr(row, name) for name in _BEHIND}) for row in rows]
        masking.cover(inquiries, self._user)
        told = [{name: getattr(inquiry, name) for name in _COVERED} for inquiry in inquiries]
        return [
            row._replace(**one, email=masking.address(row.email), phone=masking.phone(row.phone))
            for row, one in zip(rows, told, strict=True)
        ]

    def _line(self, row: Any) -> list[str]:
        """``row``: the values of _NEEDED by their names, ``tag_list``, and the moments as ``…_told``."""
        subject, product, number = row.subject, row.product_text, row.order_number
        if self._leaves_out:
            subject, product, number = (self._without_person(text, row) for text in (subject, product, number))
        line = [
            csv_out.code(row.number),
            csv_out.text(subject),
            csv_out.text(self._labels.get(row.label_id) or self._statuses[row.status]),
            self._statuses[row.status],
            self._phases[row.phase],
            csv_out.text(self._categories.get(row.category_id, "")),
            self._channels[row.channel],
            csv_out.text(self._stores.get(row.store_id, "")),
            csv_out.text(_(", ").join(row.tag_list)),
            csv_out.text(self._causes.get(row.cause_id, "")),
            csv_out.text(f"{row.product__sku} {row.product__name}" if row.product__sku else product),
            csv_out.text(self._people.get(row.assignee_id, "")),
            row.opened_at_told,
            row.first_replied_at_told or "",
            row.solved_at_told or "",
            *self._promise(row.first_diff),
            *self._promise(row.solve_diff),
            csv_out.code(row.order__number or number),
        ]
        if self._personal:
            line += [csv_out.text(row.name), csv_out.text(row.email), csv_out.code(row.phone)]
        return line

    def _promise(self, left: int | None) -> list[str]:
        """Whether it was kept, and by how much; empty while it is open, and where none was given."""
        return ["", ""] if left is None else [self._kept[left >= 0], str(left)]

    def _without_person(self, text: str, row: Any) -> str:
        """What a customer wrote, without what looks like an address or a phone, and without their name."""
        if not text:
            return text
        covered = masking.anybodys(text, besides=self._phones.get(row.store_id, ""))
        # 山田 花子 may be written without the space, or with a wide one.
        parts = row.name.split()
        if not parts or parts[0] not in covered or len(row.name) < _SHORTEST_NAME:
            return covered
        return re.sub(r"\s*".join(map(re.escape, parts)), MASK, covered)


def _told(name: str) -> Func:
    """A moment as ``2026-11-20 09:00:00`` in the shop's zone, which spreadsheets take for a moment."""
    local = Func(Value(settings.TIME_ZONE), F(name), function="timezone", output_field=DateTimeField())
    return Func(local, Value("YYYY-MM-DD HH24:MI:SS"), function="to_char", output_field=CharField())


def _path(cause: Cause) -> str:
    return f"{cause.parent} › {cause}" if cause.parent else str(cause)


def _called(name: str) -> str:
    return capfirst(str(getattr(Inquiry._meta.get_field(name), "verbose_name", name)))
