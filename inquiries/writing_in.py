"""How other rooms write in the thread of an inquiry."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from inquiries import families
from inquiries.models import Inquiry, Message
from shopdesk.accounts.models import User
from shopdesk.mail.models import OutgoingMail
from shopdesk.text import clean


@transaction.atomic
def say(
    inquiry: Inquiry, *, body: str, now: datetime, letter: OutgoingMail | None = None, author: User | None = None
) -> Message:
    """Add a message that another room sent, with the letter it queued, if any.

    The status does not change: an automatic letter answers no question. Where the inquiry was merged, whoever writes an
    answer there has not read it either.
    """
    rows = Inquiry.objects.filter(pk__in={row.pk for row in families.held(inquiry.pk)})
    rows.update(version=F("version") + 1, last_activity_at=now)
    return Message.objects.create(
        inquiry=inquiry,
        kind=Message.Kind.AUTOMATIC,
        body=clean(body),
        author=author,
        at=now,
        mail_key=letter.key if letter else None,
        message_id=letter.message_id if letter else "",
    )
