"""The words of a follow-up: what a shop's text may name, and how a letter is made of it, in the customer's language.

Only the shop's own text and plain facts are used. Footers carry what the law asks for: after-care letters say how to
stop them, advertising also names the sender, its address and where to complain (特定電子メール法 4条).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format

from followups import timing
from followups.gate import address_of
from followups.models import CouponIssue, PlannedMail, Step
from followups.planning import categories_of, zone
from inquiries.signing_off import store_signature
from shopdesk import tokens
from shopdesk.mail import composing
from shopdesk.mail.models import MailClass
from shopdesk.shop.models import Customer, OrderLine, Product, Store

# Every name that a text may use, with an example; the step form lists them and refuses others.
_ITEM = ("name", "variant", "quantity", "care_tip", "url", "warranty_until", "in_warranty")
COMMON = {
    "customer.name",
    "shop.name", "shop.legal_name", "shop.url", "shop.email", "shop.phone", "shop.postal_code", "shop.address",
    "shop.contact_url", "shop.help_url", "shop.returns_url",
    "occurrence", "late_days", "preferences_url", "unsubscribe_url",
}  # fmt: skip
OF_ORDER = {"order.number", "order.ordered_on", "order.total", "months_since"} | {
    f"{owner}.{name}" for owner in ("item", "items", "order.items") for name in _ITEM
}
OF_RESTOCK = {"product.name", "product.price", "product.url"}
OF_COUPON = {"coupon.code", "coupon.expires_on"}

# 16 letters and digits without 0/O, 1/I/L, U: 30 signs, 78 bits; nobody guesses one and everybody can type one.
_COUPON_SIGNS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class Words:
    """A letter's words, ready for the outbox."""

    subject: str
    text: str
    language: str
    unsubscribe_url: str


def known_names(*, trigger: str, coupon: bool) -> set[str]:
    """What the text of a step may name."""
    about = OF_RESTOCK if trigger == "restocked" else OF_ORDER
    return COMMON | about | (OF_COUPON if coupon else set())


def compose(planned: PlannedMail, customer: Customer, *, now: datetime, preview: bool = False) -> Words:
    """The letter of a planned mail, as of ``now``. A preview issues no coupon.

    Raises composing.UnknownVariable and composing.BadTemplate for a text that cannot be written.
    """
    step = planned.step
    language = "en" if customer.language == "en" else "ja"
    subject, body = step.subject_ja, step.body_ja
    if language == "en" and step.body_en:
        subject, body = step.subject_en or step.subject_ja, step.body_en
    with translation.override(language):
        context = context_of(planned, customer, now=now, preview=preview)
        written = {
            "subject": composing.render_shop_text(subject, context),
            "body": composing.render_shop_text(body, context).strip(),
            "mail_class": planned.sequence.mail_class,
            "shop": context["shop"],
            "signature": store_signature(_store(planned), language=language),
            "unsubscribe_url": context["unsubscribe_url"],
        }
        letter = composing.render("followups_step", written, language)
    return Words(letter.subject, letter.text, language, context["unsubscribe_url"])


def context_of(planned: PlannedMail, customer: Customer, *, now: datetime, preview: bool = False) -> dict[str, Any]:
    """Plain dicts, strings and numbers: all that a shop's text can reach."""
    today = now.astimezone(zone()).date()
    address = address_of(planned, customer)
    context: dict[str, Any] = {
        "customer": {"name": customer.name},
        "shop": _shop(_store(planned)),
        "occurrence": planned.occurrence,
        "late_days": max(0, (today - planned.due_at.astimezone(zone()).date()).days),
        "unsubscribe_url": unsubscribe_url(address, planned),
        "preferences_url": preferences_url(address),
    }
    if planned.order is not None:
        anchor_day = planned.anchor_at.astimezone(zone()).date()
        lines = list(planned.order.lines.all())
        items = [_item(line, anchor_day, today) for line in lines]
        meant = next((item for line, item in zip(lines, items, strict=True) if _is_meant(planned.step, line)), None)
        context |= {
            "order": {
                "number": planned.order.number,
                "ordered_on": _day(planned.order.ordered_at.astimezone(zone()).date()),
                "total": f"{planned.order.total:,}",
                "items": items,
            },
            "items": items,
            "item": meant or (items[0] if items else dict.fromkeys(_ITEM, "")),
            "months_since": timing.whole_months(anchor_day, today),
        }
    if planned.restock_request is not None:
        product = planned.restock_request.product
        context["product"] = {"name": str(product), "price": f"{product.price:,}", "url": product.url}
    if planned.step.coupon_days:
        context["coupon"] = _coupon(planned, now=now, preview=preview)
    return context


def unsubscribe_url(address: str, planned: PlannedMail) -> str:
    """The one-click address of one letter (RFC 8058). It does not expire: the letter may be opened years later."""
    data = {"address": address, "class": planned.sequence.mail_class, "planned": planned.pk}
    return tokens.site_url(reverse("followups:unsubscribe", args=[tokens.sign("unsubscribe", data)]))


def preferences_url(address: str) -> str:
    """Where the owner of an address chooses what to receive."""
    return tokens.site_url(reverse("followups:preferences", args=[tokens.sign("preferences", {"address": address})]))


def headers(planned: PlannedMail, words: Words) -> dict[str, str]:
    """Unsubscribing for everything that a person may stop; the mail room adds List-Unsubscribe-Post to it."""
    if planned.sequence.mail_class == MailClass.TRANSACTIONAL:
        return {}
    return {"List-Unsubscribe": f"<{words.unsubscribe_url}>"}


# --- within ---------------------------------------------------------------------------------------------------------


def _store(planned: PlannedMail) -> Store:
    return planned.order.store if planned.order is not None else Store.default()


def _shop(store: Store) -> dict[str, str]:
    return {
        "name": str(store),
        "legal_name": store.legal_name or str(store),
        "url": store.url,
        "email": store.sender_address,
        "phone": store.phone,
        "postal_code": store.postal_code,
        "address": store.address,
        "contact_url": tokens.site_url(reverse("inquiries:contact")),
        "help_url": tokens.site_url(reverse("faq:home")),
        "returns_url": tokens.site_url(reverse("returns:start")),
    }


def _item(line: OrderLine, anchor_day: date, today: date) -> dict[str, Any]:
    product = line.product
    until = timing.add_months(anchor_day, product.warranty_months) if product and product.warranty_months else None
    return {
        "name": line.name if product is None else str(product),
        "variant": line.variant,
        "quantity": line.quantity,
        "care_tip": product.care_tip if product else "",
        "url": product.url if product else "",
        "warranty_until": _day(until) if until else "",
        "in_warranty": bool(until and today <= until),
    }


def _is_meant(step: Step, line: OrderLine) -> bool:
    """Whether the conditions of the step speak about this line (the same as planning.matching_lines)."""
    categories = categories_of(step)
    product: Product | None = line.product
    if not categories and not step.tags:
        return True
    if product is None:
        return False
    return (not categories or product.category_id in categories) and (
        not step.tags or bool(set(step.tags) & set(product.tags))
    )


def _coupon(planned: PlannedMail, *, now: datetime, preview: bool) -> dict[str, str]:
    if planned.step.coupon_code:
        last_day = now.astimezone(zone()).date() + timedelta(days=planned.step.coupon_days)
        return {"code": planned.step.coupon_code, "expires_on": _day(last_day)}
    issue = CouponIssue.objects.filter(planned=planned).first() if planned.pk else None
    if issue is None:
        expires_on = now.astimezone(zone()).date() + timedelta(days=planned.step.coupon_days)
        if preview:
            return {"code": "XXXX-XXXX-XXXX-XXXX", "expires_on": _day(expires_on)}
        code = "-".join("".join(secrets.choice(_COUPON_SIGNS) for _ in range(4)) for _ in range(4))
        issue = CouponIssue.objects.create(planned=planned, code=code, expires_on=expires_on, issued_at=now)
    return {"code": issue.code, "expires_on": _day(issue.expires_on)}


def _day(day: date) -> str:
    return date_format(day, "DATE_FORMAT")
