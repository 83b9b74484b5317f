"""The log of security-relevant acts."""

from datetime import datetime
from typing import Any

from shopdesk.accounts.models import AuditEntry, User


def record(code: str, *, actor: User | None, now: datetime, **data: Any) -> AuditEntry:
    """Write one entry, in the caller's transaction. ``data`` holds codes and ids, never secrets or customer text."""
    return AuditEntry.objects.create(at=now, actor=actor, code=code, data=data)
