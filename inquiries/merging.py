"""One question asked twice becomes one conversation, and two questions in one mail become two.

Merging moves no message: the source points to the target, and what was said in both is shown together by time
(``family``). So un-merging loses nothing. Rows are locked in the order of their keys, and what they point to is read
again under the lock: of two people who merge A into B and B into A at once, the second one is refused.
"""

from datetime import datetime
from typing import Any

from django.db import transaction

from inquiries import drafts, events, matching, opening, preparing, previews, sla, states, triage
from inquiries.families import family
from inquiries.models import Draft, DraftFile, Inquiry, Merge, Message, PreparedReply
from inquiries.states import ENTERED
from shopdesk.accounts.models import User
from shopdesk.shop import customers

__all__ = ["CannotMerge", "Circle", "Moved", "OtherCustomer", "Same", "family", "live", "merge", "split", "unmerge"]

_Status = Inquiry.Status


class CannotMerge(Exception):
    """Why nothing was merged, un-merged or split; nothing has changed."""


class Same(CannotMerge):
    """An inquiry is not merged into itself."""


class Circle(CannotMerge):
    """The target goes on in the source already."""


class Moved(CannotMerge):
    """One of the two was merged elsewhere, or un-merged, a moment ago: look again."""


class OtherCustomer(CannotMerge):
    """Both belong to different customers: somebody must say that this is meant."""


class OnlyMessage(CannotMerge):
    """Nothing would be left behind."""


class NotReceived(CannotMerge):
    """Only what a customer wrote can be split off."""


def live(inquiry: Inquiry) -> Inquiry:
    """Where the conversation goes on, as of now: the inquiry itself, or the end of the chain of its merges."""
    return matching.root(Inquiry.objects.select_related("customer", "store", "category").get(pk=inquiry.pk))


@transaction.atomic
def merge(source: Inquiry, *, into: Inquiry, by: User, now: datetime, other_customer: bool = False) -> Merge:
    """Let ``source`` go on in ``into``, or in what that was merged into; the answer goes to the target's customer only.

    The target waits since the earlier of both. What is being written moves there as drafts, and what was to be sent
    later becomes a draft again: merging never sends anything. Answers leave from where the target's customer wrote to;
    where they wrote only to the source, from there.

    Raises Same, Circle, Moved, and OtherCustomer unless ``other_customer`` says that it is meant.
    """
    target = live(into)
    if source.pk == into.pk:
        raise Same
    source, target = _lock(source.pk, target.pk)
    if source.customer_id != target.customer_id and not other_customer:
        raise OtherCustomer
    before: dict[str, Any] = {"source": states.snapshot(source), "target": states.snapshot(target, ENTERED)}
    before["written_to"] = _take_address_along(source, target)
    _wait_since_the_earlier(source, target, now)
    triage.enter(source, status=_Status.MERGED, now=now)
    source.merged_into = target
    for row in (source, target):
        row.last_activity_at = now
        row.version += 1
    source.save(update_fields=[*ENTERED, "merged_into", "last_activity_at", "version"])
    target.save(update_fields=[*ENTERED, "last_activity_at", "version", "written_to"])
    _take_writing_along(source, target, now=now)
    preparing.return_scheduled(target, why="merged", now=now)  # its author has not read what came along
    previews.renew(target)
    before["after"] = states.snapshot(target, ENTERED)
    done = Merge.objects.create(source=source, target=target, by=by, at=now, before=before)
    events.record("merged", source, actor=by, now=now, other=target.pk, number=target.number)
    events.record("merged_here", target, actor=by, now=now, other=source.pk, number=source.number)
    return done


@transaction.atomic
def unmerge(source: Inquiry, *, by: User, now: datetime) -> Inquiry:
    """Let an inquiry stand on its own again, with the clocks and the person that it had; gives it.

    Mail that came after the merge stays where it was filed: with the target. The target's clocks are put back where
    nothing happened in it since. Drafts that were taken along stay with the target.

    Raises Moved when it is not merged (any more).
    """
    done = Merge.objects.filter(source=source, undone_at=None).select_related("target").first()
    if done is None:
        raise Moved
    found, end = _lock_chain(done)
    source, target = found[done.source_id], found[done.target_id]
    if not Merge.objects.filter(pk=done.pk, undone_at=None).update(undone_at=now, undone_by=by):
        raise Moved
    before: dict[str, Any] = done.before
    names = states.restore(source, before["source"])
    if Merge.objects.filter(target=source, at__lte=done.at, undone_at__gte=done.at).exists():
        _count_anew(source, now)  # one that it waited for then has left since
    source.last_activity_at, source.version = now, source.version + 1
    source.save(update_fields=[*names, "last_activity_at", "version"])
    _give_clocks_back(target, done, now)
    if before.get("written_to") == target.written_to and not _heard_since(target, done):
        target.written_to = ""
    target.last_activity_at, target.version = now, target.version + 1
    target.save(update_fields=[*ENTERED, "last_activity_at", "version", "written_to"])
    if end != target.pk:
        _count_anew(found[end], now)
        found[end].last_activity_at, found[end].version = now, found[end].version + 1
        found[end].save(update_fields=[*ENTERED, "last_activity_at", "version"])
    for row in {target.pk: target, end: found[end]}.values():
        preparing.return_scheduled(row, why="merged", now=now)
        previews.renew(row)
    events.record("unmerged", source, actor=by, now=now, other=target.pk, number=target.number)
    for row in {target.pk: target, end: found[end]}.values():
        events.record("unmerged_here", row, actor=by, now=now, other=source.pk, number=source.number)
    return source


@transaction.atomic
def split(message: Message, *, by: User, now: datetime) -> Inquiry:
    """Make one received message a question of its own, with its files; gives the new inquiry.

    The new one waits since the message came: nobody has answered it there. The old one waits since the first unanswered
    word that is left, and waits for the customer where we had the last word. Merging the new one back undoes it.

    Raises NotReceived, OnlyMessage, and Moved when the inquiry was merged.
    """
    rows = Inquiry.objects.select_related("category", "store", "customer")
    old = rows.held(message.inquiry_id)[message.inquiry_id]
    message = Message.objects.select_for_update().get(pk=message.pk)
    if message.kind != Message.Kind.RECEIVED or message.automatic:
        raise NotReceived
    if message.inquiry_id != old.pk or old.status == _Status.MERGED:
        raise Moved
    if not old.messages.filter(kind=Message.Kind.RECEIVED, automatic=False).exclude(pk=message.pk).exists():
        raise OnlyMessage
    new = opening.insert(_like(old, message, now), words=message.body)
    Message.objects.filter(pk=message.pk).update(inquiry=new)
    message.inquiry = new
    if old.status == _Status.OPEN:
        since = triage.waiting_since(old)
        if since is None:
            triage.enter(old, status=_Status.PENDING, now=now)
        else:
            triage.enter(old, status=_Status.OPEN, now=now, label=old.label)
    old.last_activity_at, old.version = now, old.version + 1
    old.save(update_fields=[*ENTERED, "last_activity_at", "version"])
    previews.renew(new)
    previews.renew(old)
    preparing.return_scheduled(old, why="merged", now=now)  # it may answer what is elsewhere now
    events.record("split_from", new, actor=by, now=now, other=old.pk, number=old.number)
    events.record("split", old, actor=by, now=now, other=new.pk, number=new.number)
    return new


def _lock(source: int, target: int) -> tuple[Inquiry, Inquiry]:
    """Both rows, held in the order of their keys, as they are now. Raises Same, Circle, Moved."""
    found = Inquiry.objects.select_related("category", "store").held(source, target)
    if source == target:  # the target's chain ends in the source
        raise Circle
    one, other = found[source], found[target]
    if other.merged_into_id is not None:
        raise Circle if live(other).pk == one.pk else Moved
    if one.merged_into_id is not None:
        raise Moved
    return one, other


def _lock_chain(done: Merge) -> tuple[dict[int, Inquiry], int]:
    """The source, the target, and what that went on in since, held in the order of their keys; the key of the last."""
    rows = Inquiry.objects.select_related("category", "store")
    while True:
        savepoint = transaction.savepoint()
        end = live(done.target).pk
        found = rows.held(done.source_id, done.target_id, end)
        if live(done.target).pk == end:
            transaction.savepoint_commit(savepoint)
            return found, end
        transaction.savepoint_rollback(savepoint)  # it was merged further, or taken apart, before we held it


def _take_address_along(source: Inquiry, target: Inquiry) -> str:
    """Our address that the customer wrote to with the source, where they wrote to none with the target; what was taken,
    unsaved."""
    is_theirs = source.customer_id == target.customer_id and source.store_id == target.store_id
    if target.written_to or not is_theirs:
        return ""
    taken: str = source.written_to
    target.written_to = taken
    return taken


def _heard_since(target: Inquiry, done: Merge) -> bool:
    return target.messages.filter(kind=Message.Kind.RECEIVED, automatic=False, at__gte=done.at).exists()


def _wait_since_the_earlier(source: Inquiry, target: Inquiry, now: datetime) -> None:
    """What the source's customer waits for is answered in the target from now on: its clock goes along."""
    if source.status != _Status.OPEN:
        return
    own, since = target.waiting_since, source.waiting_since or now
    if target.status != _Status.OPEN:
        triage.enter(target, status=_Status.OPEN, now=now)
    target.waiting_since = min(since, own) if own else since
    sla.follow(target, before_status=target.status, now=now)


def _give_clocks_back(target: Inquiry, done: Merge, now: datetime) -> None:
    """The target as before the merge, if it is as the merge left it; else only what it waits for is counted anew."""
    said = target.messages.filter(kind__in=[Message.Kind.RECEIVED, Message.Kind.REPLY], automatic=False)
    as_left = states.snapshot(target, ENTERED) == done.before["after"]
    if as_left and not said.filter(at__gte=done.at).exists():
        states.restore(target, done.before["target"])
    else:
        _count_anew(target, now)


def _count_anew(target: Inquiry, now: datetime) -> None:
    """What an open inquiry waits for when one that was merged here has left."""
    since = triage.waiting_since(target) or target.waiting_since or now
    if target.status == _Status.OPEN and since != target.waiting_since:
        target.waiting_since = since
        sla.follow(target, before_status=target.status, now=now)


def _take_writing_along(source: Inquiry, target: Inquiry, *, now: datetime) -> None:
    """Drafts and what waits to be sent become drafts of the target; nothing of it is sent."""
    rows = PreparedReply.objects.select_for_update(of=("self",)).select_related("author").filter(inquiry=source)
    for prepared in rows.live().order_by("pk"):
        prepared.inquiry = source
        preparing.return_to_author(prepared, why="closed", now=now)
    same = source.customer_id == target.customer_id
    for draft in Draft.objects.select_for_update().filter(inquiry=source).order_by("pk"):
        # Who reads along with one customer reads nothing that another one is told.
        cc, bcc = (draft.cc, draft.bcc) if same else ([], [])
        _write_down(target, draft.author_id, draft.body, cc, bcc, draft.templates, draft.saved_at)
        draft.delete()
    for file in DraftFile.objects.filter(inquiry=source):
        there = DraftFile.objects.filter(inquiry=target, author=file.author_id, sha256=file.sha256, name=file.name)
        if not there.exists():
            DraftFile.objects.filter(pk=file.pk).update(inquiry=target)


def _write_down(
    target: Inquiry, author: int, body: str, cc: list[str], bcc: list[str], templates: list[int], at: datetime
) -> None:
    """Add a text to a person's draft in the target, below what they have written there already."""
    own = Draft.objects.select_for_update().filter(inquiry=target, author=author).first()
    if own is None:
        Draft.objects.create(
            inquiry=target, author_id=author, body=body[: drafts.MAX_LENGTH], cc=cc, bcc=bcc, templates=templates,
            saved_at=at,
        )  # fmt: skip
        return
    own.body = f"{own.body.rstrip()}\n\n{body}"[: drafts.MAX_LENGTH]
    own.cc, own.bcc = [*dict.fromkeys([*own.cc, *cc])], [*dict.fromkeys([*own.bcc, *bcc])]
    own.templates = [*dict.fromkeys([*own.templates, *templates])]
    own.saved_at = max(own.saved_at, at)
    own.save(update_fields=["body", "cc", "bcc", "templates", "saved_at"])


def _like(old: Inquiry, message: Message, now: datetime) -> Inquiry:
    """The new inquiry of a message, unsaved. Somebody else's mail becomes somebody else's question."""
    customer, name, email, phone = old.customer, old.name, old.email, old.phone
    sender = message.sender_address
    if sender and not message.unverified and not matching.is_customer(old, sender):
        name = message.sender_name or sender
        customer = customers.find_or_create(name=name, address=sender, store=old.store, now=now, language=old.language)
        email, phone = sender, ""
    elif sender and not message.unverified:
        email = sender
    same = customer.pk == old.customer_id
    return Inquiry(
        store=old.store, customer=customer, name=name[:100], email=email, phone=phone, language=old.language,
        category=old.category, channel=old.channel, subject=opening.subject_from(message.body) or old.subject,
        order=old.order if same else None, order_number=old.order_number if same else "", product=old.product,
        product_text=old.product_text, priority=old.priority, assignee=old.assignee, opened_at=message.at,
        waiting_since=message.at, last_activity_at=now, version=1, written_to=old.written_to if same else "",
        follows=old,
    )  # fmt: skip
