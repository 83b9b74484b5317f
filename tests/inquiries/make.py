"""Makers of inquiries for the tests."""

from datetime import timedelta

from inquiries.models import Category, Inquiry, Message
from tests.make import NOW, make_customer, make_store


def make_inquiry(
    number="Q-TEST01", *, customer=None, category="spec", status="open", body="色は何色ですか。", **fields
):
    """An inquiry with the customer's first message; opened an hour before NOW, due in an hour."""
    customer = customer or make_customer()
    opened_at = fields.pop("opened_at", NOW - timedelta(hours=1))
    is_open = status == "open"
    values = {
        "store": make_store(),
        "name": customer.name,
        "email": customer.email,
        "subject": "色について",
        "opened_at": opened_at,
        "last_activity_at": opened_at,
        "waiting_since": opened_at if is_open else None,
        "reply_due_at": NOW + timedelta(hours=1) if is_open else None,
        "escalation_at": fields.get("reply_due_at", NOW + timedelta(hours=1)) if is_open else None,
        "solved_at": opened_at if status == "solved" else None,
        "version": 1,
        **fields,
    }
    inquiry = Inquiry.objects.create(
        number=number, customer=customer, category=Category.objects.get(slug=category), status=status, **values
    )
    Message.objects.create(inquiry=inquiry, kind=Message.Kind.RECEIVED, body=body, at=opened_at)
    return inquiry


def contact_data(**changes):
    """What a visitor posts."""
    return {
        "name": "山田 花子",
        "email": "hanako@mail.example",
        "phone": "",
        "category": "spec",
        "order_number": "",
        "product": "",
        "body": "財布の色は何色がありますか。",
        "website": "",
        "form_token": "6f6c1c34-5d0e-4f0f-9a3b-0c2b7f2b7d11",
        **changes,
    }
