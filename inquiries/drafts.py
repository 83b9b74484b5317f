"""What somebody is writing, kept on the server: it survives a closed browser and never sends itself."""

from datetime import datetime

from django.db import transaction

from inquiries import events
from inquiries.models import Draft, Inquiry, Message
from shopdesk.accounts.models import User
from shopdesk.text import clean

MAX_LENGTH = 50_000


def save(inquiry: Inquiry, *, body: str, by: User, now: datetime) -> Draft | None:
    """Keep the text as this person's draft; an empty text deletes it and gives None.

    A text that was just sent is no draft: the browser's last save may arrive after the reply.
    """
    body = clean(body)[:MAX_LENGTH]
    last = inquiry.messages.filter(kind=Message.Kind.REPLY, author=by).order_by("-at", "-pk").first()
    if not body.strip() or (last and last.body == body.strip()):
        Draft.objects.filter(inquiry=inquiry, author=by).delete()
        return None
    # update_or_create settles two saves at once by the unique constraint.
    draft, _ = Draft.objects.update_or_create(inquiry=inquiry, author=by, defaults={"body": body, "saved_at": now})
    return draft


@transaction.atomic
def take_over(draft: Draft, *, by: User, now: datetime) -> Draft:
    """Make a colleague's draft one's own: the text moves, below what one has written already."""
    theirs = Draft.objects.select_for_update().select_related("inquiry", "author").get(pk=draft.pk)
    if theirs.author_id == by.pk:
        return theirs
    own = Draft.objects.select_for_update().filter(inquiry=theirs.inquiry, author=by).first()
    body = f"{own.body.rstrip()}\n\n{theirs.body}" if own else theirs.body
    events.record(
        "draft_taken", theirs.inquiry, actor=by, now=now, **{"from": theirs.author_id, "from_name": str(theirs.author)}
    )
    mine, _ = Draft.objects.update_or_create(
        inquiry=theirs.inquiry, author=by, defaults={"body": body[:MAX_LENGTH], "saved_at": now}
    )
    theirs.delete()
    return mine
