"""Taking a reply back while its letter still waits. The letter decides: once a worker has it, it is too late."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField

from inquiries import carrying, events, families, preparing, previews, pulling, sla, states, triage
from inquiries.answers import Answer
from inquiries.models import Draft, Happening, Inquiry, Merge, Message, PreparedReply
from inquiries.states import ENTERED
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.mail import outbox

# Fields besides the status and its clocks: each is put back where nobody has changed it since.
_EACH = ("assignee_id", "first_replied_at", "last_activity_at", "order_snapshot")
# What makes a status the same one as after the reply. Clocks may have been looked at by a sweep meanwhile.
_SAME_STATUS = ("status", "label_id", "solved_at", "snoozed_until")
_WHOLE = frozenset(Inquiry._meta.get_field(name).attname for name in ENTERED)  # type: ignore[union-attr]  # columns all
# Figures of the answer: it was never given, whatever the status is now.
_FIGURES = ("first_diff", "next_diff")


class CannotTakeBack(Exception):
    """Why a reply was not taken back; it goes its way."""


class TooLate(CannotTakeBack):
    """A worker has the letter: it may be on its way."""


class TakenBackAlready(CannotTakeBack):
    """It is a draft again already: the second of two clicks."""


class NotTheirs(CannotTakeBack):
    """Neither the writer of the reply nor somebody who may approve."""


@dataclass(frozen=True)
class Held:
    """A reply that may still be taken back, for the banner. ``seconds`` are whole ones, at least 1."""

    message: Message
    seconds: int
    is_own: bool


def held(inquiry: Inquiry, *, reader: User, now: datetime) -> Held | None:
    """The newest reply here that this person may still take back. One query."""
    rows = inquiry.messages.filter(kind=Message.Kind.REPLY, held_until__gt=now).select_related("author")
    message = rows.order_by("-at", "-pk").first()
    if message is None or message.held_until is None or not may(message, reader):
        return None
    seconds = int((message.held_until - now).total_seconds())
    return Held(message, max(seconds, 1), message.author_id == reader.pk)


def may(message: Message, user: User) -> bool:
    """Whether this person may take the reply back: its writer, or who may approve."""
    return message.author_id == user.pk or user.has_perm(P.INQUIRIES_APPROVE)


@transaction.atomic
def take_back(message: Message, *, by: User, now: datetime) -> Draft:
    """Take a reply back: its letter never leaves, the message goes, and its text, copies and files are its writer's
    draft again. The inquiry is as it was before, except for what somebody changed since.

    Raises TooLate, TakenBackAlready and NotTheirs; nothing has changed then.
    """
    if message.kind != Message.Kind.REPLY or not may(message, by):
        raise NotTheirs
    # After a merge its writer goes on where that led to, and so does the customer.
    inquiry, home = families.held(message.inquiry_id)
    rows = Message.objects.select_for_update(of=("self",)).select_related("author")
    said = rows.filter(pk=message.pk).first()
    if said is None:
        raise TakenBackAlready
    if said.held_until is None or not said.mail_key or not outbox.cancel(said.mail_key, reason="taken_back", now=now):
        raise TooLate
    author = said.author or by
    kept = said.before or {}
    files = carrying.detach(said)
    same = home.customer_id == inquiry.customer_id  # who reads along with one customer does not with another
    answer = Answer(
        said.body, cc=said.cc if same else (), bcc=said.bcc if same else (), templates=kept.get("templates", ()),
        sender=kept.get("sender", "") if home.pk == inquiry.pk else "",
    )  # fmt: skip
    draft = preparing.keep_as_draft(home, answer, author=author, now=now)
    carrying.give_back(files, inquiry=home, author=author, now=now)
    PreparedReply.objects.filter(message=said).update(state=PreparedReply.State.CANCELLED, message=None, changed_at=now)
    moments, pk = [said.at, said.held_until], said.pk
    said.delete()
    later = inquiry.messages.filter(kind=Message.Kind.REPLY, pk__gt=pk).order_by("pk").first()
    # Rules must not answer what did not happen. One that is at it holds its row and waits for this inquiry.
    noted = Happening.objects.filter(inquiry=inquiry, at__in=moments, done_at=None, event__in=["replied", "status"])
    free = noted.select_for_update(skip_locked=True).values_list("pk", flat=True)
    Happening.objects.filter(pk__in=list(free)).delete()
    if later is None:
        _put_back(inquiry, kept, now=now)
    else:
        _leave_to(later, inquiry, kept)
    if home.pk != inquiry.pk:
        if later is None:
            _put_back_before_the_merge(inquiry, kept)
        _wait_again(home, triage.waiting_since(inquiry), now=now)
    pulling.taken_back(inquiry, by=author, now=now)
    names = {"author": author.pk, "author_name": str(author)}
    for row in {inquiry.pk: inquiry, home.pk: home}.values():
        events.record("reply_taken_back", row, actor=by, now=now, **names)
    states.copy(inquiry, message.inquiry, (*ENTERED, "assignee", "first_replied_at", "last_activity_at", "version"))
    return draft


def _put_back(inquiry: Inquiry, kept: dict[str, Any], *, now: datetime) -> None:
    """Restore what the reply changed and nobody else has since. The message is deleted already."""
    before, after = kept.get("before", {}), _instants(kept.get("after", {}))
    is_now = _instants(states.snapshot(inquiry, tuple(name.removesuffix("_id") for name in after)))
    if all(is_now.get(name) == after.get(name) for name in _SAME_STATUS):
        back = {name: value for name, value in before.items() if name in _WHOLE}
    else:
        back = {name: before[name] for name in _FIGURES if name in before and is_now.get(name) == after.get(name)}
        if inquiry.status == Inquiry.Status.OPEN:
            # The customer wrote meanwhile, or a colleague reopened it: they wait since their first unanswered word.
            triage.enter(inquiry, status=Inquiry.Status.OPEN, now=now, label=inquiry.label)
    back |= {name: before[name] for name in _EACH if name in before and is_now.get(name) == after.get(name)}
    states.restore(inquiry, back)
    inquiry.version += 1
    fields = [*ENTERED, "assignee", "first_replied_at", "last_activity_at", "order_snapshot", "version"]
    inquiry.save(update_fields=fields)
    previews.renew(inquiry)


def _put_back_before_the_merge(inquiry: Inquiry, kept: dict[str, Any]) -> None:
    """What un-merging will restore was written down when the customer seemed to be answered."""
    done = Merge.objects.filter(source=inquiry, undone_at=None).first()
    if done is None:
        return
    was = done.before["source"]
    before, after, then = kept.get("before", {}), _instants(kept.get("after", {})), _instants(was)
    if all(then.get(name) == after.get(name) for name in _SAME_STATUS):
        was |= {name: value for name, value in before.items() if name in _WHOLE and name in was}
    if then.get("assignee_id") == after.get("assignee_id") and "assignee_id" in before:
        was["assignee_id"] = before["assignee_id"]
    done.save(update_fields=["before"])


def _wait_again(home: Inquiry, since: datetime | None, *, now: datetime) -> None:
    """Where the conversation goes on the customer waits again, as after a merge with a question that nobody answered;
    unless somebody laid it aside or closed it. What was read there has changed."""
    if since and home.status in {Inquiry.Status.OPEN, Inquiry.Status.PENDING}:
        if home.status != Inquiry.Status.OPEN:
            triage.enter(home, status=Inquiry.Status.OPEN, now=now)
            home.waiting_since = since
        home.waiting_since = min(since, home.waiting_since or since)
        sla.follow(home, before_status=home.status, now=now)
    home.last_activity_at, home.version = now, home.version + 1
    home.save(update_fields=[*ENTERED, "last_activity_at", "version"])
    previews.renew(home)


def _leave_to(later: Message, inquiry: Inquiry, kept: dict[str, Any]) -> None:
    """Another reply went out since: that one answered, and the inquiry stays as it left it. Should it be taken back,
    too, what both had changed is put back."""
    before, after = kept.get("before", {}), _instants(kept.get("after", {}))
    theirs = {"before": {}, "after": {}, **(later.before or {})}
    was = _instants(theirs["before"])
    theirs["before"] |= {
        name: before[name] for name, value in was.items() if name in before and after.get(name) == value
    }
    if inquiry.first_replied_at == after.get("first_replied_at") and before.get("first_replied_at") is None:
        inquiry.first_replied_at = later.at
        theirs["after"]["first_replied_at"] = later.at.isoformat()
    later.before = theirs
    later.save(update_fields=["before"])
    inquiry.version += 1
    inquiry.save(update_fields=["first_replied_at", "version"])
    previews.renew(inquiry)


def _instants(values: dict[str, Any]) -> dict[str, Any]:
    """A snapshot whose moments can be compared: the same one may be written in two zones."""
    moments = {field.attname for field in Inquiry._meta.concrete_fields if isinstance(field, DateTimeField)}
    return {
        name: datetime.fromisoformat(value) if name in moments and isinstance(value, str) else value
        for name, value in values.items()
    }
