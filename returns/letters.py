"""The letters about a case and about proving an order, in the customer's language.

Each is queued in the transaction of the step that it tells about: a step that is rolled back tells nobody.
"""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import translation

from inquiries import writing_in
from inquiries.signing_off import store_signature
from returns.models import LookUp, ReturnCase
from shopdesk import tokens
from shopdesk.mail import composing, outbox
from shopdesk.shop.models import Order, Store


def _store(store: Store, language: str) -> dict[str, str]:
    english = language == "en"
    return {
        "name": (english and store.name_en) or store.name,
        "postal_code": store.postal_code,
        "address": store.address,
        "phone": store.phone,
        "signature": store_signature(store, language=language),
    }


def address_on_file(order: Order) -> str:
    """Where letters about an order go: the address it was placed with, else the customer's newest; may be empty."""
    return order.email or order.customer.email


def about_case(case: ReturnCase, event: str, *, now: datetime) -> None:
    """Queue the letter of one step: requested, approved, declined, received, completed or withdrawn.

    The key ends with the version that the step gave the case: one step, one letter. A case without an address is told
    by other ways (marketplaces without a relay).
    """
    if not case.email:
        return
    language = case.language
    with translation.override(language):
        lines: list[dict[str, Any]] = [
            {
                "name": line.order_line.name,
                "variant": line.order_line.variant,
                "quantity": line.quantity,
                "approved": line.approved,
                "reason": str(line.reason),
            }
            for line in case.lines.select_related("order_line", "reason")
        ]
    store = case.order.store
    context: dict[str, Any] = {
        "language": language,
        "name": case.name,
        "number": case.number,
        "order_number": case.order.number,
        "lines": [line for line in lines if event in {"requested", "withdrawn", "declined"} or line["approved"]],
        "fewer": event == "approved" and any(line["approved"] < line["quantity"] for line in lines),
        "text": case.decision_text,
        "shop_pays": postage_of(case) == "shop",
        "customer_pays": postage_of(case) == "customer",
        "store": _store(store, language),
        "url": tokens.site_url(reverse("returns:start")),
    }
    letter = composing.render(f"returns_{event}", context, language)
    queued = outbox.queue(
        key=f"returns.case:{case.pk}:{event}:{case.version}",
        to_address=case.email,
        to_name=case.name,
        from_address=store.sender_address,
        from_name=store.sender_name,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        language=language,
        now=now,
    )
    if case.inquiry is not None:
        writing_in.say(case.inquiry, body=letter.text, now=now, letter=queued)


def postage_of(case: ReturnCase) -> str:
    """Who pays the way back by the rules that the customer saw: ``shop``, ``customer``, or "" where they differ."""
    payers = {shown.get("postage", "") for shown in case.policy_shown}
    return payers.pop() if len(payers) == 1 else ""


def with_key(look_up: LookUp, order: Order, *, token: str, code: str, minutes: int, now: datetime) -> None:
    """Queue the letter with the one-time link and code; it says nothing else about the order."""
    language = look_up.language
    store = order.store
    context = {
        "language": language,
        "store": _store(store, language),
        "link": tokens.site_url(reverse("returns:enter", args=[token])),
        "code": code,
        "minutes": minutes,
    }
    letter = composing.render("returns_lookup", context, language)
    outbox.queue(
        key=f"returns.lookup:{look_up.pk}",
        to_address=address_on_file(order),
        from_address=store.sender_address,
        from_name=store.sender_name,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        language=language,
        now=now,
        not_after=look_up.expires_at,
        confidential=True,
    )
