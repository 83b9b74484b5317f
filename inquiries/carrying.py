"""Files on their way: from a draft to a message, into a prepared reply, and back into a draft. The bytes never move."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypedDict

from django.core.files.storage import default_storage

from inquiries.models import Attachment, DraftFile, Inquiry, Message, TemplateFile
from shopdesk.accounts.models import User


class Stored(TypedDict):
    """A file of a prepared reply, as its row keeps it."""

    name: str
    media_type: str
    size: int
    sha256: str
    storage_key: str


def of_draft(inquiry: Inquiry, author: User) -> list[DraftFile]:
    """The files that somebody has put into the reply that they are writing here. One query."""
    return list(DraftFile.objects.filter(inquiry=inquiry, author=author))


def attach(message: Message, files: Sequence[DraftFile], *, now: datetime) -> list[Attachment]:
    """Make the files of a draft attachments of a message, under the same storage keys, in the caller's transaction.

    A file that belongs to a template as well, or went out with another message, is copied: an attachment may be deleted
    one day, and what else needs its bytes keeps them.
    """
    files = _still_there(files)
    if not files:
        return []
    keys = {file.storage_key for file in files}
    shared = {
        *Attachment.objects.filter(storage_key__in=keys).values_list("storage_key", flat=True),
        *TemplateFile.objects.filter(storage_key__in=keys).values_list("storage_key", flat=True),
    }
    rows = Attachment.objects.bulk_create(
        Attachment(
            message=message,
            storage_key=_copy(file.storage_key, now) if file.storage_key in shared else file.storage_key,
            name=file.name,
            media_type=file.media_type,
            size=file.size,
            sha256=file.sha256,
        )
        for file in files
    )
    _forget(files)
    return rows


def put_away(files: Sequence[DraftFile]) -> list[Stored]:
    """Take files out of a draft, into the row of a prepared reply, in the caller's transaction."""
    files = _still_there(files)
    kept = [
        Stored(
            name=file.name, media_type=file.media_type, size=file.size, sha256=file.sha256,
            storage_key=file.storage_key,
        )
        for file in files
    ]  # fmt: skip
    _forget(files)
    return kept


def taken_out(stored: Iterable[Stored], *, inquiry: Inquiry, author: User, now: datetime) -> list[DraftFile]:
    """The files of a prepared reply as those of a draft; not saved."""
    return [DraftFile(inquiry=inquiry, author=author, added_at=now, **file) for file in stored]


def give_back(files: Iterable[Stored], *, inquiry: Inquiry, author: User, now: datetime) -> None:
    """Put files into somebody's draft again; one that is there already stays once."""
    DraftFile.objects.bulk_create(taken_out(files, inquiry=inquiry, author=author, now=now), ignore_conflicts=True)


def detach(message: Message) -> list[Stored]:
    """The files of a message that is about to be deleted. One query."""
    return [
        Stored(
            name=file.name, media_type=file.media_type, size=file.size, sha256=file.sha256,
            storage_key=file.storage_key,
        )
        for file in message.attachments.all()
    ]  # fmt: skip


def _still_there(files: Sequence[DraftFile]) -> list[DraftFile]:
    """Those that nobody took out of the draft since they were read; held until the transaction ends, so that their
    bytes stay. Files that are not saved come from a prepared reply, whose row is held."""
    saved = [file.pk for file in files if file.pk]
    if not saved:
        return list(files)
    rows = DraftFile.objects.filter(pk__in=saved).order_by("pk").select_for_update()
    there = set(rows.values_list("pk", flat=True))
    return [file for file in files if not file.pk or file.pk in there]


def _forget(files: Sequence[DraftFile]) -> None:
    DraftFile.objects.filter(pk__in=[file.pk for file in files if file.pk]).delete()


def _copy(key: str, now: datetime) -> str:
    with default_storage.open(key) as content:
        return default_storage.save(f"inquiries/{now:%Y/%m}/{uuid.uuid4().hex}", content)
