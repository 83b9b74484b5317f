"""Texts with blanks: ``{{ order.number }}`` is filled in from this inquiry, 【お届け予定日】 asks the writer.

What cannot be filled in stays visible as it stands, and a reply that still holds a blank is not sent. The names are
looked up by composing.render_shop_text, in which nothing but the plain values below can be reached.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inquiries import masking
from inquiries.models import Inquiry, Template
from shopdesk import tokens
from shopdesk.accounts.models import User
from shopdesk.mail import composing
from shopdesk.shop.models import Order, OrderLine, Shipment, Store


@dataclass(frozen=True)
class Variable:
    """A name that a text may use. ``contact``: an address or phone, which not everybody may read."""

    name: str
    label: str | Promise
    contact: bool = False


VARIABLES: dict[str, Variable] = {
    name: Variable(name, label, contact=name in {"customer.email", "customer.phone"})
    for name, label in {
        "customer.name": gettext_lazy("customer's name"),
        "customer.name_kana": gettext_lazy("customer's name (kana)"),
        "customer.email": gettext_lazy("customer's mail address"),
        "customer.phone": gettext_lazy("customer's phone"),
        "order.number": gettext_lazy("order number"),
        "order.date": gettext_lazy("day of the order"),
        "order.items": gettext_lazy("what was ordered"),
        "order.total": gettext_lazy("total of the order (yen)"),
        "order.payment_method": gettext_lazy("payment"),
        "order.wish_date": gettext_lazy("wished delivery date"),
        "product.name": gettext_lazy("product"),
        "product.material": gettext_lazy("material"),
        "product.care_tip": gettext_lazy("care tip"),
        "product.url": gettext_lazy("page of the product"),
        "shipment.carrier": gettext_lazy("carrier"),
        "shipment.tracking_number": gettext_lazy("tracking number"),
        "shipment.tracking_url": gettext_lazy("tracking page"),
        "shipment.date": gettext_lazy("day of shipping"),
        "inquiry.number": gettext_lazy("reference number"),
        "inquiry.subject": gettext_lazy("subject"),
        "shop.name": gettext_lazy("shop's name"),
        "shop.phone": gettext_lazy("shop's phone"),
        "shop.email": gettext_lazy("shop's mail address"),
        "shop.address": gettext_lazy("shop's address"),
        "shop.url": gettext_lazy("shop's page"),
        "shop.returns_url": gettext_lazy("page for returns"),
        "shop.faq_url": gettext_lazy("help centre"),
        "shop.contact_url": gettext_lazy("contact form"),
        "agent.name": gettext_lazy("writer's name"),
    }.items()
}

# Neither reaches over the next opening: a text of nothing but openings is read in one go.
_VARIABLE = re.compile(r"{{((?:(?!{{).)*?)}}", re.DOTALL)
_BLOCK = re.compile(r"{%(?:(?!{%).)*?%}|{#(?:(?!{#).)*?#}", re.DOTALL)
_LOOP = re.compile(r"{%\s*for\s+([A-Za-z][A-Za-z0-9_]*)\s+in\b")
# 【お届け予定日】: at most a line, and no bracket within.
_ASK = re.compile(r"【([^【】\n]{0,60})】")
_BLANK = "…"


@dataclass(frozen=True)
class Filled:
    """A text for one inquiry. ``missing``: names that stayed as they were; ``asks``: what the writer must say."""

    text: str
    missing: list[str] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    # The text itself is broken: a sentence for whoever wrote it. ``text`` is then the source.
    problem: str = ""

    @property
    def is_complete(self) -> bool:
        return not (self.missing or self.asks or self.problem)


def fill(template_or_source: Template | str, inquiry: Inquiry, *, by: User | None) -> Filled:
    """The text for this inquiry, in the customer's language. ``by`` is the writer, whose eyes decide what is shown."""
    return filler(inquiry, by=by)(template_or_source)


def filler(inquiry: Inquiry, *, by: User | None) -> Callable[[Template | str], Filled]:
    """:func:`fill` for many texts of one inquiry: what they name is looked up once."""
    language = "en" if inquiry.language == "en" else "ja"
    known: dict[str, dict[str, Any]] = {}

    def fill_in(template_or_source: Template | str) -> Filled:
        if isinstance(template_or_source, Template):
            source = template_or_source.body(language)
        else:
            source = template_or_source
        with translation.override(language):
            return _fill(source, _values(source, inquiry, by, known))

    return fill_in


def unfilled(body: str, *, templates: Iterable[Template] | None = None) -> list[str]:
    """What is left to fill in in a written text, by the names that people know; quoted lines do not count.

    With ``templates`` (those that were inserted) only their own 【 】 and empty ones ask: a heading 【重要】 that
    somebody typed is none. Without, every 【 】 asks.
    """
    written = "\n".join(line for line in body.splitlines() if not line.lstrip().startswith((">", "＞")))
    names = [label(one.strip()) for one in _VARIABLE.findall(written)]
    names += _BLOCK.findall(written)
    own = None
    if templates is not None:
        own = {one for row in templates for text in (row.body_ja, row.body_en) for one in _asks(text)}
    names += [one for one in _asks(written) if own is None or one in own or one == _BLANK]
    return list(dict.fromkeys(names))


def label(name: str) -> str:
    """What people call a variable; the name itself where there is none of it."""
    known = VARIABLES.get(name)
    return str(known.label) if known else name


def problems(source: str) -> list[str]:
    """What is wrong with the text of a template, in words: unknown names and broken blocks."""
    found = []
    loops = set(_LOOP.findall(source))
    names = [one.strip() for one in _VARIABLE.findall(source)]
    if strange := [name for name in names if name not in VARIABLES and name.split(".")[0] not in loops]:
        found.append(_("These names do not exist here: %(names)s") % {"names": ", ".join(dict.fromkeys(strange))})
    else:
        try:
            composing.check_shop_text(source, set(VARIABLES) | {f"order.items.{name}" for name in _ITEM})
        except composing.UnknownVariable as error:
            found.append(_("These names do not exist here: %(names)s") % {"names": ", ".join(error.names)})
        except composing.BadTemplate as error:
            found.append(str(error))
    return found


def palette(user: User) -> list[Variable]:
    """The names that this person's texts may use."""
    contacts = masking.sees_contacts(user)
    return [one for one in VARIABLES.values() if contacts or not one.contact]


# --- within: filling in -----------------------------------------------------------------------------------------------


def _fill(source: str, values: dict[str, Any]) -> Filled:
    mark = f"‹{secrets.token_hex(6)}:"
    loops = set(_LOOP.findall(source))
    kept: list[str] = []
    missing: list[str] = []

    def keep(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name.split(".")[0] in loops or str(_look_up(name, values) or "").strip():
            return match[0]
        missing.append(name)
        kept.append(f"{{{{ {name} }}}}")
        return f"{mark}{len(kept) - 1}›"

    marked = _VARIABLE.sub(keep, source)
    try:
        text = _render(marked, values)
    except (composing.BadTemplate, composing.UnknownVariable) as error:
        return Filled(source, problem=str(error))
    for place, words in enumerate(kept):
        text = text.replace(f"{mark}{place}›", words)
    # A name in a branch that was not taken is not missed.
    missing = [name for name in dict.fromkeys(missing) if f"{{{{ {name} }}}}" in text]
    return Filled(text.strip("\n"), missing, list(dict.fromkeys(_asks(text))))


def _render(source: str, values: dict[str, Any]) -> str:
    """Filled in; names that only a condition asks for and that we do not know say nothing."""
    try:
        return composing.render_shop_text(source, values)
    except composing.UnknownVariable as error:
        for name in error.names:
            _set_empty(name, values)
        return composing.render_shop_text(source, values)


def _look_up(name: str, values: dict[str, Any]) -> Any:
    here: Any = values
    for part in name.split("."):
        here = here.get(part) if isinstance(here, dict) else None
    return here


def _set_empty(name: str, values: dict[str, Any]) -> None:
    *way, last = name.split(".")
    here = values
    for part in way:
        there = here.setdefault(part, {})
        if not isinstance(there, dict):
            return
        here = there
    here.setdefault(last, "")


def _asks(text: str) -> list[str]:
    return [one.strip("　 ") or _BLANK for one in _ASK.findall(text)]


# --- within: the values -----------------------------------------------------------------------------------------------

_ITEM = ("name", "variant", "quantity")


class _Items(list[dict[str, Any]]):
    """The lines of an order: a list for loops, one line each where it is written out."""

    def __str__(self) -> str:
        return "\n".join(self._line(row) for row in self)

    @staticmethod
    def _line(row: dict[str, Any]) -> str:
        variant = f"({row['variant']})" if row["variant"] else ""
        return f"・{row['name']}{variant} × {row['quantity']}"


def _values(source: str, inquiry: Inquiry, by: User | None, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Plain values of the groups that the text names, and of no others: each costs its query, once in ``known``."""
    groups: dict[str, Callable[[], dict[str, Any]]] = {
        "customer": lambda: _customer(inquiry, by),
        "order": lambda: _order(inquiry.order),
        "product": lambda: _product(inquiry, by),
        "shipment": lambda: _shipment(inquiry.order),
        "inquiry": lambda: _inquiry(inquiry, by),
        "shop": lambda: _shop(inquiry.store),
        "agent": lambda: {"name": by.public_name if by else "", "display_name": by.public_name if by else ""},
    }
    for name, values in groups.items():
        if name not in known and f"{name}." in source:
            known[name] = values()
    return {name: {**values} for name, values in known.items()}


def _sees_contacts(by: User | None) -> bool:
    return by is None or masking.sees_contacts(by)


def _customer(inquiry: Inquiry, by: User | None) -> dict[str, Any]:
    customer = inquiry.customer
    values = {"name": masking.name(inquiry, by) or customer.name, "name_kana": customer.name_kana}
    if _sees_contacts(by):
        values |= {"email": inquiry.email or customer.email, "phone": inquiry.phone or customer.phone}
    return values


def _inquiry(inquiry: Inquiry, by: User | None) -> dict[str, Any]:
    subject = inquiry.subject if _sees_contacts(by) else masking.text(inquiry.subject, inquiry)
    return {"number": inquiry.number, "subject": subject}


def _order(order: Order | None) -> dict[str, Any]:
    if order is None:
        return dict.fromkeys(("number", "date", "total", "payment_method", "wish_date"), "") | {"items": _Items()}
    return {
        "number": order.number,
        "date": _day(order.ordered_at),
        "total": f"{order.total:,}",
        "payment_method": order.payment_method,
        "wish_date": date_format(order.wish_date, "DATE_FORMAT") if order.wish_date else "",
        "items": _Items(_item(line) for line in _read_of(order, "lines", order.lines.select_related("product"))),
    }


def _read_of(order: Order, name: str, rows: Iterable[Any]) -> Iterable[Any]:
    """What hangs on an order: as whoever fills in many texts has fetched it with the orders, else by its query."""
    if name in getattr(order, "_prefetched_objects_cache", {}):
        fetched: Iterable[Any] = getattr(order, name).all()
        return fetched
    return rows


def _shipped(parcel: Shipment) -> tuple[bool, float, int]:
    return parcel.shipped_at is None, parcel.shipped_at.timestamp() if parcel.shipped_at else 0.0, parcel.pk


def _item(line: OrderLine) -> dict[str, Any]:
    return {"name": str(line.product or line.name), "variant": line.variant, "quantity": line.quantity}


def _product(inquiry: Inquiry, by: User | None) -> dict[str, Any]:
    product = inquiry.product
    if product is None:
        typed = inquiry.product_text if _sees_contacts(by) else masking.text(inquiry.product_text, inquiry)
        return {"name": typed, "material": "", "care_tip": "", "url": ""}
    return {
        "name": str(product), "material": product.material, "care_tip": product.care_tip, "url": product.url,
    }  # fmt: skip


def _shipment(order: Order | None) -> dict[str, Any]:
    """The newest parcel of the order."""
    parcels = _read_of(order, "shipments", order.shipments.order_by("-shipped_at", "-pk")[:1]) if order else []
    # As the database sorts: a day that is not known comes first.
    parcel: Shipment | None = max(parcels, key=_shipped, default=None)
    if parcel is None:
        return dict.fromkeys(("carrier", "tracking_number", "tracking_url", "date"), "")
    return {
        "carrier": str(parcel.get_carrier_display()) if parcel.carrier != "other" else "",
        "tracking_number": parcel.tracking_number,
        "tracking_url": parcel.tracking_url,
        "date": _day(parcel.shipped_at) if parcel.shipped_at else "",
    }


def _shop(store: Store) -> dict[str, Any]:
    return {
        "name": str(store),
        "phone": store.phone,
        "email": store.sender_address,
        "address": store.address,
        "url": store.url,
        "returns_url": _page("returns:start"),
        "faq_url": _page("faq:home"),
        "contact_url": _page("inquiries:contact"),
    }


def _page(name: str) -> str:
    """A public page of ours; "" where the shop runs without it."""
    try:
        return tokens.site_url(reverse(name))
    except NoReverseMatch:
        return ""


def _day(moment: datetime) -> str:
    return date_format(moment.astimezone(ZoneInfo(settings.TIME_ZONE)).date(), "DATE_FORMAT")
