"""Colleagues named in a note (@name): they find it on their home page until they have seen it."""

import unicodedata
from datetime import datetime

from inquiries.models import Inquiry, Mention, Message
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P


def colleagues(inquiry: Inquiry) -> list[User]:
    """Who can be named in a note here: active staff who may read the inquiry. One query."""
    users = User.objects.active().select_related("role").order_by("name", "pk")
    return [
        user
        for user in users
        if user.has_perm(P.INQUIRIES_VIEW_ALL) or (inquiry.assignee_id == user.pk and user.has_perm(P.INQUIRIES_VIEW))
    ]


def record(note: Message) -> list[Mention]:
    """Write down who is named in a note, in the caller's transaction; nobody is told of naming themselves."""
    if "@" not in unicodedata.normalize("NFKC", note.body):
        return []
    named = named_in(note.body, colleagues(note.inquiry))
    rows = [Mention(message=note, user=user) for user in named if user.pk != note.author_id]
    return Mention.objects.bulk_create(rows, ignore_conflicts=True)


def named_in(text: str, people: list[User]) -> list[User]:
    """The people whose name follows an @ in the text, in their order. Width and blanks in names do not matter, and of
    two names that begin alike the longer one counts."""
    folded = _fold(text)
    found = set()
    for name, user in sorted(((_fold(user.name), user) for user in people), key=lambda row: -len(row[0])):
        if name and f"@{name}" in folded:
            found.add(user.pk)
            folded = folded.replace(f"@{name}", "\n")
    return [user for user in people if user.pk in found]


def _fold(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def seen(note: int, *, by: User, now: datetime) -> bool:
    """The person has read a note in which they are named; False when that is not new, or not so."""
    return bool(Mention.objects.filter(message=note, user=by, seen_at=None).update(seen_at=now))
