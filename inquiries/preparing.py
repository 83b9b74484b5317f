"""Written and not said yet: what scheduled replies and replies that wait for approval have in common."""

from dataclasses import replace
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Max

from inquiries import carrying, events, masking, pulling
from inquiries.answers import Answer
from inquiries.models import Draft, Inquiry, Message, PreparedReply
from shopdesk.accounts.models import User

State = PreparedReply.State


class CannotPrepare(Exception):
    """Why a reply was not laid aside; nothing has changed."""


class PreparedAlready(CannotPrepare):
    """Another reply to this inquiry waits for approval or for its hour."""


class Gone(CannotPrepare):
    """The prepared reply was sent, returned or withdrawn meanwhile: somebody else was faster."""


class NotTheirs(CannotPrepare):
    """Only its author, or somebody who may approve, may do this."""


def write(
    inquiry: Inquiry,
    answer: Answer,
    *,
    by: User,
    now: datetime,
    state: str,
    reason: str = "",
    send_at: datetime | None = None,
) -> PreparedReply:
    """Make the row and empty the author's draft, in the caller's transaction. The caller holds the inquiry's row, read
    fresh, and has checked the answer. Raises PreparedAlready, told by the database."""
    newest = inquiry.messages.aggregate(newest=Max("pk"))["newest"] or 0
    close_returned(inquiry, author=by, now=now)
    try:
        with transaction.atomic():  # the refusal of the database must not end the caller's transaction
            row = PreparedReply.objects.create(
                inquiry=inquiry, author=by, body=answer.text, original_body=answer.text, cc=[*answer.cc],
                bcc=[*answer.bcc], templates=[*answer.templates], files=carrying.put_away(answer.files),
                then=answer.then, label=answer.label, sender=answer.sender,
                seen_version=inquiry.version, seen_message=newest, state=state, reason=reason[:80], send_at=send_at,
                created_at=now, changed_at=now,
            )  # fmt: skip
    except IntegrityError as error:
        if "one_prepared_reply_at_a_time" in str(error):
            raise PreparedAlready from error
        raise
    Draft.objects.filter(inquiry=inquiry, author=by).delete()
    pulling.answered(inquiry, now=now)
    return row


def held(prepared: PreparedReply, *states: str) -> tuple[Inquiry, PreparedReply]:
    """The inquiry and the prepared reply, both locked in this order and read fresh. Raises Gone when the reply is in
    none of these states any more."""
    inquiry = locked(prepared.inquiry_id)
    rows = PreparedReply.objects.select_for_update(of=("self",)).select_related("author__role", "label")
    row = rows.filter(pk=prepared.pk, state__in=states).first()
    if row is None:
        raise Gone
    row.inquiry = inquiry
    return inquiry, row


def locked(pk: int) -> Inquiry:
    """The inquiry under its lock. Everything here takes it first, so that nobody waits in a circle."""
    return Inquiry.objects.select_related("store", "category", "order", "customer").held(pk)[pk]


# Codes of events after which a conversation holds other words than before.
_ANOTHER = ("merged_here", "unmerged_here", "split")


def moved_on(inquiry: Inquiry, prepared: PreparedReply) -> str:
    """What was said or done since the author read the inquiry, as a code of returned.RETURNS; "" for nothing.

    The version says whether anything happened at all, at no cost; of what happened, machines' letters do not count.
    """
    if inquiry.status in {Inquiry.Status.MERGED, Inquiry.Status.SPAM}:
        return "closed"
    if inquiry.version == prepared.seen_version:
        return ""
    # Merged or taken apart: what belongs to the conversation now may be older than what the author has read.
    if inquiry.events.filter(code__in=_ANOTHER, at__gt=prepared.created_at).exists():
        return "merged"
    newer = inquiry.messages.filter(pk__gt=prepared.seen_message, automatic=False)
    kinds = set(newer.exclude(kind=Message.Kind.AUTOMATIC).values_list("kind", flat=True))
    if Message.Kind.RECEIVED in kinds:
        return "customer"
    return "colleague" if kinds else ""


def return_to_author(
    prepared: PreparedReply, *, why: str, now: datetime, by: User | None = None, comment: str = ""
) -> Draft:
    """The text becomes its author's draft again, and they are told: by the event, and by the row in state RETURNED on
    their home page until they send or dismiss it. ``why`` is a code of returned.RETURNS; empty when ``by`` returned it
    with a ``comment``. The caller holds both rows."""
    draft = to_draft(prepared, now=now)
    prepared.state, prepared.returned_why, prepared.send_at, prepared.changed_at = State.RETURNED, why, None, now
    prepared.files, prepared.comment = [], comment
    prepared.decided_by, prepared.decided_at = (None, None) if why else (by, now)
    prepared.save(
        update_fields=[
            "state", "returned_why", "send_at", "changed_at", "files", "comment", "decided_by", "decided_at",
        ]
    )  # fmt: skip
    author = {"author": prepared.author_id, "author_name": str(prepared.author)}
    events.record("prepared_returned", prepared.inquiry, actor=by, now=now, why=why, **author)
    touch(prepared.inquiry, now)
    return draft


def return_scheduled(inquiry: Inquiry, *, why: str, now: datetime) -> int:
    """What was to be sent by itself becomes its author's draft again, since the conversation is another one now. The
    caller holds the inquiry's row. How many; one query for none."""
    rows = PreparedReply.objects.select_for_update(of=("self",)).select_related("author")
    found = list(rows.filter(inquiry=inquiry, state=State.SCHEDULED))
    for row in found:
        row.inquiry = inquiry
        return_to_author(row, why=why, now=now)
    return len(found)


def to_draft(prepared: PreparedReply, *, now: datetime) -> Draft:
    """The words, copies, templates and files as the author's draft, above what they have begun meanwhile."""
    answer = replace(answer_of(prepared), body=_for_author(prepared))
    draft = keep_as_draft(prepared.inquiry, answer, author=prepared.author, now=now)
    carrying.give_back(prepared.files, inquiry=prepared.inquiry, author=prepared.author, now=now)
    return draft


def _for_author(prepared: PreparedReply) -> str:
    """The words as their author may read them: an approver may have written down what is hidden from them."""
    if masking.sees_contacts(prepared.author) or prepared.body == prepared.original_body:
        return prepared.body
    return masking.text(prepared.body, prepared.inquiry)


def answer_of(prepared: PreparedReply) -> Answer:
    """What waits, as it would be sent, without its files: those are put away, see carrying.taken_out()."""
    return Answer(
        prepared.body, cc=prepared.cc, bcc=prepared.bcc, templates=prepared.templates, then=prepared.then,
        label=prepared.label, sender=prepared.sender,
    )  # fmt: skip


def keep_as_draft(inquiry: Inquiry, answer: Answer, *, author: User, now: datetime) -> Draft:
    """Make an answer somebody's draft, but for its files; what they have begun already is kept below it."""
    body, cc, bcc, templates = answer.body, answer.cc, answer.bcc, answer.templates
    begun = Draft.objects.select_for_update().filter(inquiry=inquiry, author=author).first()
    if begun is None:
        values = {"body": body, "cc": [*cc], "bcc": [*bcc], "templates": [*templates], "saved_at": now}
        values["sender"] = answer.sender
        return Draft.objects.update_or_create(inquiry=inquiry, author=author, defaults=values)[0]
    if begun.body.strip() != body.strip():
        begun.body = f"{body.rstrip()}\n\n{begun.body}" if begun.body.strip() else body
    begun.cc = [*dict.fromkeys([*cc, *begun.cc])]
    begun.bcc = [*dict.fromkeys([*bcc, *begun.bcc])]
    begun.templates = [*dict.fromkeys([*templates, *begun.templates])]
    begun.sender = answer.sender or begun.sender
    begun.saved_at = now
    begun.save(update_fields=["body", "cc", "bcc", "sender", "templates", "saved_at"])
    return begun


def overtaken(inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """Somebody has answered: what was prepared goes back to its author, and what was returned to ``by``, or to somebody
    who cannot send it, is settled. The caller holds the inquiry's row. One query when there is nothing."""
    states = [*PreparedReply.LIVE, State.RETURNED]
    rows = PreparedReply.objects.select_for_update(of=("self",)).select_related("author")
    for row in rows.filter(inquiry=inquiry, state__in=states):
        row.inquiry = inquiry
        if row.author_id != by.pk and not (row.state == State.RETURNED and is_left_behind(row)):
            if row.state != State.RETURNED:
                return_to_author(row, why="colleague", now=now, by=by)
            continue
        if row.state != State.RETURNED:
            to_draft(row, now=now)  # they said something else instead, and know why
        row.state, row.files, row.changed_at = State.CANCELLED, [], now
        row.save(update_fields=["state", "files", "changed_at"])


def is_left_behind(row: PreparedReply) -> bool:
    """Whether somebody else has to see to what came back; as PreparedReplyQuerySet.left_behind says it."""
    return not row.author.is_active or row.returned_why == "may_not"


def close_returned(inquiry: Inquiry, *, author: User, now: datetime) -> int:
    """The author has read why it came back: it leaves their home page."""
    rows = PreparedReply.objects.filter(inquiry=inquiry, author=author, state=State.RETURNED)
    return rows.update(state=State.CANCELLED, changed_at=now)


def touch(inquiry: Inquiry, now: datetime) -> None:
    """Something happened here; lists and open pages learn of it. The version stays: nothing was said that must be read
    before answering."""
    Inquiry.objects.filter(pk=inquiry.pk).update(last_activity_at=now)
