"""The order as it was when a question was answered: what we said stays readable after the order has changed."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inquiries.models import Inquiry
from shopdesk.shop.models import Order


def take(order: Order, *, now: datetime) -> dict[str, Any]:
    """The order fit for JSON. Two queries.

    ``{number, status, ordered_at, total, refunded, lines: [{sku, name, variant, quantity, paid, shipped}], shipments:
    [{carrier, number, shipped_at, delivered_at}], at}``; money in yen, moments in ISO form.
    """
    return {
        "number": order.number,
        "status": order.status,
        "ordered_at": order.ordered_at.isoformat(),
        "total": order.total,
        "refunded": order.refunded,
        "lines": [
            {
                "sku": line.sku, "name": line.name, "variant": line.variant, "quantity": line.quantity,
                "paid": line.paid_total, "shipped": line.qty_shipped,
            }
            for line in order.lines.all()
        ],
        "shipments": [
            {
                "carrier": parcel.carrier, "number": parcel.tracking_number, "shipped_at": _iso(parcel.shipped_at),
                "delivered_at": _iso(parcel.delivered_at),
            }
            for parcel in order.shipments.all()
        ],
        "at": now.isoformat(),
    }  # fmt: skip


def difference(inquiry: Inquiry) -> list[str]:
    """What has changed in the order since we last answered, one short sentence each; empty when nothing did, when
    nothing was answered, or when the question has another order now."""
    was, order = inquiry.order_snapshot, inquiry.order
    if not was or order is None or was.get("number") != order.number:
        return []
    # The moment plays no part in the comparison.
    is_now = take(order, now=order.ordered_at)
    changes = []
    if was["status"] != is_now["status"]:
        names = dict(Order.Status.choices)
        before, after = (names.get(one, one) for one in (was["status"], is_now["status"]))
        changes.append(_("Status: %(before)s → %(after)s") % {"before": before, "after": after})
    if was["total"] != is_now["total"]:
        changes.append(
            _("Total: ¥%(before)s → ¥%(after)s") % {"before": f"{was['total']:,}", "after": f"{is_now['total']:,}"}
        )
    if was.get("refunded", 0) != is_now["refunded"]:
        changes.append(_("Refunded: ¥%(amount)s") % {"amount": f"{is_now['refunded']:,}"})
    changes += _lines_changed(was["lines"], is_now["lines"])
    if new := len(is_now["shipments"]) - len(was["shipments"]):
        changes.append(ngettext("Parcels: %(n)s more", "Parcels: %(n)s more", new) % {"n": new})
    elif was["shipments"] != is_now["shipments"]:
        changes.append(_("Parcels or their tracking numbers changed"))
    return changes


def _lines_changed(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    counts_before, counts_after = _quantities(before), _quantities(after)
    changes = []
    for name in [*counts_before, *(name for name in counts_after if name not in counts_before)]:
        old, new = counts_before.get(name, 0), counts_after.get(name, 0)
        if old and not new:
            changes.append(_("%(name)s was taken out") % {"name": name})
        elif new and not old:
            changes.append(_("%(name)s was added") % {"name": name})
        elif old != new:
            changes.append(_("%(name)s: %(old)s → %(new)s pieces") % {"name": name, "old": old, "new": new})
    return changes


def _quantities(lines: list[dict[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in lines:
        name = " ".join(part for part in (line["name"], line["variant"]) if part)
        counts[name] = counts.get(name, 0) + int(line["quantity"])
    return counts


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
