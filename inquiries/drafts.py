"""What somebody is writing, kept on the server: it survives a closed browser and never sends itself."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.core.files.base import File
from django.db import transaction

from inquiries import attachments, events, families, masking
from inquiries.models import Attachment, Draft, DraftFile, Inquiry, Message, PreparedReply, TemplateFile
from shopdesk.accounts.models import User
from shopdesk.text import clean

MAX_LENGTH = 50_000
# Mail servers refuse letters of 20 to 25 MB, and a file grows by more than a third on its way.
MAX_TOTAL = 15 * 1024 * 1024


@transaction.atomic
def save(
    inquiry: Inquiry,
    *,
    body: str,
    by: User,
    now: datetime,
    cc: Sequence[str] = (),
    bcc: Sequence[str] = (),
    sender: str = "",
    templates: Iterable[int] = (),
) -> Draft | None:
    """Keep the text as this person's draft; an empty text deletes it and gives None.

    A text that was just sent is no draft: the browser's last save may arrive after the reply. After a merge the draft
    is the one where the conversation goes on: nobody would look for words in what was merged.
    """
    body = clean(body)[:MAX_LENGTH]
    # The inquiry first, as whoever sends, merges or gives words back does: then they have answered before we look.
    inquiry, home = families.held(inquiry.pk)
    if not body.strip() or _just_sent(inquiry, body.strip(), by):
        Draft.objects.filter(inquiry=inquiry, author=by).delete()
        return None
    values = {"body": body, "cc": [*cc], "bcc": [*bcc], "templates": [*dict.fromkeys(templates)], "saved_at": now}
    if home.pk != inquiry.pk:
        return _save_there(home, by, values, same_customer=home.customer_id == inquiry.customer_id)
    return Draft.objects.update_or_create(inquiry=inquiry, author=by, defaults=values | {"sender": sender})[0]


def _save_there(home: Inquiry, by: User, values: dict[str, Any], *, same_customer: bool) -> Draft:
    """Keep what is typed on the page of a merged inquiry below what this person has written in the other one. What of
    it was saved before stands there already, and is not repeated."""
    if not same_customer:  # who reads along with one customer reads nothing that another one is told
        values |= {"cc": [], "bcc": []}
    kept = Draft.objects.filter(inquiry=home, author=by).first()
    if kept is None:
        return Draft.objects.create(inquiry=home, author=by, **values)
    for name in ("cc", "bcc", "templates"):
        values[name] = [*dict.fromkeys([*getattr(kept, name), *values[name]])]
    values["body"] = _below(kept.body, values["body"])[:MAX_LENGTH]
    for name, value in values.items():
        setattr(kept, name, value)
    kept.save(update_fields=[*values])
    return kept


def _below(kept: str, typed: str) -> str:
    if typed.strip() in kept:
        return kept
    # Where one of its paragraphs begins the same words may have been saved before, and gone on since.
    starts = [0, *(gap.end() for gap in re.finditer("\n\n", kept))]
    same = next((start for start in starts if typed.startswith(kept[start:])), None)
    return f"{kept.rstrip()}\n\n{typed}" if same is None else kept[:same] + typed


def _just_sent(inquiry: Inquiry, body: str, by: User) -> bool:
    """Whether these words were said last. Once the customer has answered, the same words are another answer."""
    said = inquiry.messages.filter(kind__in=[Message.Kind.REPLY, Message.Kind.RECEIVED], automatic=False)
    last = said.order_by("-at", "-pk").first()
    if last and last.kind == Message.Kind.REPLY and last.author_id == by.pk and last.body == body:
        return True
    return PreparedReply.objects.live().filter(inquiry=inquiry, author=by, body=body).exists()


@transaction.atomic
def take_over(draft: Draft, *, by: User, now: datetime) -> Draft | None:
    """Make a colleague's draft one's own: text, copies and files move, below what one has written already. None, and
    nothing happens, when it was sent or deleted meanwhile."""
    # The inquiry first, as whoever sends or schedules this very draft does.
    Inquiry.objects.locked().get(pk=draft.inquiry_id)
    present = Draft.objects.select_for_update(of=("self",)).select_related("inquiry", "author")
    theirs = present.filter(pk=draft.pk).first()
    if theirs is None or theirs.author_id == by.pk:
        return theirs
    inquiry = theirs.inquiry
    own = Draft.objects.select_for_update().filter(inquiry=inquiry, author=by).first()
    before = own or Draft()
    taken = theirs.body if masking.sees_contacts(by) else masking.text(theirs.body, inquiry)
    body = f"{own.body.rstrip()}\n\n{taken}" if own else taken
    events.record(
        "draft_taken", inquiry, actor=by, now=now, **{"from": theirs.author_id, "from_name": str(theirs.author)}
    )
    values = {
        "body": body[:MAX_LENGTH],
        "cc": _once([*before.cc, *theirs.cc]),
        "bcc": _once([*before.bcc, *theirs.bcc]),
        "sender": before.sender or theirs.sender,
        "templates": [*dict.fromkeys([*before.templates, *theirs.templates])],
        "saved_at": now,
    }
    mine, _ = Draft.objects.update_or_create(inquiry=inquiry, author=by, defaults=values)
    mine_already = {(file.sha256, file.name) for file in files_of(inquiry, by)}
    for file in files_of(inquiry, theirs.author):
        if (file.sha256, file.name) in mine_already:
            remove(file)
        else:
            DraftFile.objects.filter(pk=file.pk).update(author=by)
    theirs.delete()
    # What came back to somebody who cannot send it is seen to.
    rows = PreparedReply.objects.left_behind().filter(inquiry=inquiry, author=theirs.author)
    rows.update(state=PreparedReply.State.CANCELLED, changed_at=now)
    return mine


def _once(addresses: Sequence[str]) -> list[str]:
    return [*dict.fromkeys(addresses)]


# --- the files of a reply that is being written -------------------------------------------------------------------


def files_of(inquiry: Inquiry, by: User) -> list[DraftFile]:
    """What goes with the reply that this person is writing here."""
    return list(DraftFile.objects.filter(inquiry=inquiry, author=by))


def shown_files(inquiry: Inquiry, by: User) -> list[DraftFile]:
    """:func:`files_of` for showing: a file taken over from a colleague may be called by what is hidden from ``by``."""
    return masking.cover_files(files_of(inquiry, by), inquiry, by)


def attach(inquiry: Inquiry, files: Sequence[File], *, by: User, now: datetime) -> list[DraftFile]:  # type: ignore[type-arg]  # bytes or text is mypy-only
    """Put files into the reply that is being written; the same file twice is there once.

    Raises attachments.Refused when one of them is not let in, or when it would be too many or too much for one mail;
    none of them is kept then.
    """
    rows: list[DraftFile] = []
    try:
        for file in attachments.check(files):
            stored = attachments.stored(file, now=now)
            rows.append(
                DraftFile(
                    inquiry=inquiry, author=by, storage_key=stored.storage_key, name=file.name, size=stored.size,
                    media_type=file.media_type, sha256=stored.sha256, added_at=now,
                )
            )  # fmt: skip
        with transaction.atomic():
            # Two uploads at once are counted one after the other. After a merge they go along with the words.
            _merged, inquiry = families.held(inquiry.pk)
            for row in rows:
                row.inquiry = inquiry
            there = files_of(inquiry, by)
            known = {(file.sha256, file.name) for file in there}
            new = [row for row in rows if (row.sha256, row.name) not in known]
            if len(there) + len(new) > attachments.MAX_FILES:
                raise attachments.Refused("too_many")
            if sum(row.size for row in [*there, *new]) > MAX_TOTAL:
                raise attachments.Refused("too_large_together")
            DraftFile.objects.bulk_create(new, ignore_conflicts=True)
    except BaseException:
        attachments.discard(row.storage_key for row in rows)
        raise
    kept = files_of(inquiry, by)
    attachments.discard({row.storage_key for row in rows} - {row.storage_key for row in kept})
    return kept


def remove(file: DraftFile) -> None:
    """Take a file out of the reply again. The stored bytes go when nothing else leads to them."""
    key, inquiry = file.storage_key, file.inquiry_id
    file.delete()
    transaction.on_commit(lambda: _discard(key, inquiry))


def _discard(key: str, inquiry: int) -> None:
    users = (
        DraftFile.objects.filter(storage_key=key),
        Attachment.objects.filter(storage_key=key),
        TemplateFile.objects.filter(storage_key=key),
        PreparedReply.objects.filter(inquiry=inquiry, files__contains=[{"storage_key": key}]),
    )
    if not any(rows.exists() for rows in users):
        attachments.discard([key])
