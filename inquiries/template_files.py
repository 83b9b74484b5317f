"""The files of templates: kept with the template, copied into each reply that uses it."""

from collections.abc import Sequence
from datetime import datetime

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import transaction

from inquiries import attachments, drafts
from inquiries.models import DraftFile, Inquiry, Template, TemplateFile
from shopdesk.accounts.models import User


def add(template: Template, files: Sequence[File], *, now: datetime) -> list[TemplateFile]:  # type: ignore[type-arg]  # bytes or text is mypy-only
    """Keep files with a template. Raises attachments.Refused; none of them is kept then."""
    checked = attachments.check(files)
    if template.files.count() + len(checked) > attachments.MAX_FILES:
        raise attachments.Refused("too_many")
    rows: list[TemplateFile] = []
    try:
        for file in checked:
            there = attachments.stored(file, now=now)
            rows.append(
                TemplateFile(
                    template=template, storage_key=there.storage_key, name=file.name, media_type=file.media_type,
                    size=there.size, sha256=there.sha256,
                )
            )  # fmt: skip
        with transaction.atomic():
            return TemplateFile.objects.bulk_create(rows)
    except BaseException:
        attachments.discard(row.storage_key for row in rows)
        raise


def remove(files: Sequence[TemplateFile]) -> None:
    """Delete files of a template; the stored bytes go when that is committed. Replies have copies of their own."""
    keys = [file.storage_key for file in files]
    TemplateFile.objects.filter(pk__in=[file.pk for file in files]).delete()
    transaction.on_commit(lambda: attachments.discard(keys))


def put_into_draft(template: Template, inquiry: Inquiry, *, by: User, now: datetime) -> list[DraftFile]:
    """Copy the template's files into the reply that this person writes here; what is there already stays once.

    Gives the rows of these files. Raises attachments.Refused when they would be too many or too large together.
    """
    rows = list(template.files.all())
    files = []
    for row in rows:
        with default_storage.open(row.storage_key) as content:
            files.append(ContentFile(content.read(), name=row.name))
    if not files:
        return []
    wanted = {(row.sha256, row.name) for row in rows}
    kept = drafts.attach(inquiry, files, by=by, now=now)
    return [file for file in kept if (file.sha256, file.name) in wanted]
