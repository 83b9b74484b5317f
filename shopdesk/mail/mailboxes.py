"""What the owner decides about mailboxes. Nothing is read before "read", nothing is answered before "start"."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from shopdesk.accounts import audit, secretbox
from shopdesk.accounts.models import User
from shopdesk.mail.models import Mailbox
from shopdesk.mail.receiving import hooks, oauth

Status = Mailbox.Status

# What the form may set, and nothing else.
FIELDS = (
    "name", "address", "store_code", "kind", "host", "port", "security", "username", "auth", "folders", "read_since",
    "delete_after", "provider",
)  # fmt: skip


class NoAddress(Exception):
    """A provider's mailbox has no address yet to post to."""


@transaction.atomic
def save(mailbox: Mailbox | None, *, values: Mapping[str, Any], secret: str, by: User | None, now: datetime) -> Mailbox:
    """Make a mailbox (paused) or change one. An empty ``secret`` keeps the one that is stored.

    A change lets it be tried at once: what was wrong may be right now. A second click on a new one finds the first: the
    lock on the person's own row makes the clicks wait for each other.
    """
    if mailbox is None and by is not None:
        User.objects.select_for_update().get(pk=by.pk)
        same = {name: values[name] for name in ("kind", "address", "host", "username") if name in values}
        if found := Mailbox.objects.filter(**same).first():
            return found
    row = Mailbox() if mailbox is None else Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    changed = [name for name in FIELDS if name in values and getattr(row, name) != values[name]]
    for name in changed:
        setattr(row, name, values[name])
    if secret:
        row.secret = secretbox.seal(secret)
        changed.append("secret")
    row.next_check_at, row.failures = None, 0
    row.save()
    oauth.forget(row)
    code = "mailbox.added" if mailbox is None else "mailbox.changed"
    audit.record(code, actor=by, now=now, mailbox=row.pk, fields=changed)
    return row


@transaction.atomic
def set_status(mailbox: Mailbox, status: Mailbox.Status, *, by: User, now: datetime) -> bool:
    """Read, start or pause. False when it stands so already."""
    rows = Mailbox.objects.filter(pk=mailbox.pk).exclude(status=status)
    if not rows.update(status=status, next_check_at=None):
        return False
    audit.record(f"mailbox.{status}", actor=by, now=now, mailbox=mailbox.pk)
    return True


@transaction.atomic
def new_hook_address(mailbox: Mailbox, *, by: User, now: datetime) -> str:
    """A new secret for the address that the provider posts to; the old one ends. It is shown once and never stored."""
    secret, digest = hooks.new_address()
    if not Mailbox.objects.filter(pk=mailbox.pk, kind=Mailbox.Kind.WEBHOOK).update(hook_digest=digest):
        raise NoAddress
    audit.record("mailbox.new_address", actor=by, now=now, mailbox=mailbox.pk)
    return secret
