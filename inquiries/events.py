"""What happened to an inquiry besides words: written as codes and data; inquiries.sentences tells them."""

from datetime import datetime
from typing import Any

from inquiries.models import Inquiry, InquiryEvent
from shopdesk.accounts.models import User


def record(code: str, inquiry: Inquiry, *, actor: User | None, now: datetime, **data: Any) -> InquiryEvent:
    """Write one event, in the caller's transaction. ``data`` holds codes, ids and staff names as of that moment."""
    return InquiryEvent.objects.create(inquiry=inquiry, code=code, actor=actor, at=now, data=data)
