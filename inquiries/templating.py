"""Keeping templates: who may change which, their order, their copies, and taking them out of use."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q

from inquiries import template_files
from inquiries.models import Draft, Inquiry, Template, TemplateFile, TemplateQuerySet
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P
from shopdesk.fields import save_columns
from shopdesk.text import fold_kana, normalise, one_line


def may_change(template: Template, user: User) -> bool:
    """One's own, and shared ones where the role allows it."""
    if template.owner_id is None:
        return user.has_perm(P.INQUIRIES_TEMPLATES)
    return template.owner_id == user.pk


def changeable(user: User) -> TemplateQuerySet:
    """What this person may see in the list of templates, in use or not: shared ones and their own."""
    return Template.objects.filter(Q(owner=None) | Q(owner=user))


def search(rows: Iterable[Template], words: str) -> list[Template]:
    """Templates in which every word is found: in name, folder, shortcut or text, in any width and kana."""
    wanted = [fold_kana(normalise(word)) for word in one_line(words)[:100].split()[:5]]
    return [row for row in rows if all(word in _said(row) for word in wanted)]


def _said(row: Template) -> str:
    said = f"{row.name}\n{row.folder}\n{row.shortcut}\n/{row.shortcut}\n{row.body_ja}\n{row.body_en}"
    return fold_kana(normalise(said))


# What the form of a template asks for; whether it was deleted, and how often it was used, is written elsewhere.
_FORM = ("name", "folder", "shortcut", "store", "owner", "body_ja", "body_en", "needs_approval")


@transaction.atomic
def save(
    template: Template,
    *,
    new_files: Sequence[File],  # type: ignore[type-arg]  # bytes or text is mypy-only
    drop_files: Sequence[TemplateFile],
    now: datetime,
) -> Template:
    """Write a template with its files; the same form sent twice is one template.

    Raises attachments.Refused; nothing is written then.
    """
    if template._state.adding:
        if twin := _twin(template):
            return twin
        last = Template.objects.filter(folder=template.folder).order_by("-position").first()
        template.position = last.position + 1 if last else 0
    save_columns(template, _FORM)
    if drop_files:
        template_files.remove(drop_files)
    if new_files:
        template_files.add(template, new_files, now=now)
    return template


def _twin(template: Template) -> Template | None:
    """The template that says the very same under the same name: a form that was sent again."""
    same = {name: getattr(template, name) for name in ("name", "folder", "owner", "store", "body_ja", "body_en")}
    return Template.objects.filter(**same, is_active=True).first()


@transaction.atomic
def copy(template: Template, *, name: str, by: User, now: datetime) -> Template:
    """A copy beside the original: shared where the person may write for everybody, else their own."""
    files = list(template.files.all())
    twin = Template(
        folder=template.folder,
        name=one_line(name)[:80],
        body_ja=template.body_ja,
        body_en=template.body_en,
        store=template.store,
        owner=template.owner if may_change(template, by) else by,
        needs_approval=template.needs_approval,
        position=template.position,
    )
    if known := _twin(twin):
        return known
    twin.save()
    contents = []
    for file in files:
        with default_storage.open(file.storage_key) as stored:
            contents.append(ContentFile(stored.read(), name=file.name))
    if contents:
        template_files.add(twin, contents, now=now)
    return twin


def set_offered(template: Template, *, offered: bool) -> bool:
    """Take a template out of use, or back; False when it is so already. Nothing is deleted: rules may name it."""
    return bool(Template.objects.filter(pk=template.pk, is_active=not offered).update(is_active=offered))


@transaction.atomic
def move(template: Template, *, beside: int, before: bool) -> bool:
    """Stand right before or after the template ``beside`` of its folder; False, and nothing happens, where that one is
    gone. Asked twice, it stays where it is."""
    rows = list(Template.objects.select_for_update().filter(folder=template.folder, is_active=True))
    mine = next((row for row in rows if row.pk == template.pk), None)
    rows = [row for row in rows if row.pk != template.pk]
    place = next((n for n, row in enumerate(rows) if row.pk == beside), None)
    if mine is None or place is None:
        return False
    rows.insert(place if before else place + 1, mine)
    for position, row in enumerate(rows):
        row.position = position
    Template.objects.bulk_update(rows, ["position"])
    return True


@transaction.atomic
def use(template: Template, inquiry: Inquiry, *, by: User, now: datetime) -> None:
    """Somebody put this text into a reply: count it, and let its files go with the reply.

    Raises attachments.Refused when the files would be too many; the text is inserted all the same.
    """
    Template.objects.filter(pk=template.pk).update(uses=F("uses") + 1)
    template_files.put_into_draft(template, inquiry, by=by, now=now)


def recent(rows: Sequence[Template], by: User) -> list[Template]:
    """Of ``rows`` those that this person put into what they are writing now, then the most used ones; five."""
    used = {pk for pks in Draft.objects.filter(author=by).values_list("templates", flat=True)[:20] for pk in pks}
    known = [row for row in rows if row.pk in used or row.uses]
    return sorted(known, key=lambda row: (row.pk not in used, -row.uses, row.name))[:5]
