"""Who read what of a customer: written down for staff who see assigned work only, once an hour for each inquiry."""

from datetime import datetime, timedelta

from inquiries import masking
from inquiries.models import Inquiry
from shopdesk.accounts import audit
from shopdesk.accounts.models import User

_ONCE_IN = timedelta(hours=1)


def note(inquiry: Inquiry, *, what: str, by: User, now: datetime) -> None:
    """Write down that ``by`` opened the inquiry (``what``: page, or file for an attachment). One statement.

    Nothing happens for who sees everything anyway.
    """
    if not masking.sees_contacts(by):
        data = {"inquiry": inquiry.pk, "number": inquiry.number, "what": what}
        audit.record_once("inquiry.read", within=_ONCE_IN, actor=by, now=now, **data)
