"""How a case moves: one compare-and-set for every step, and what is written with it."""

from datetime import datetime
from typing import Any

from django.db.models import F

from returns.models import ReturnCase, ReturnEvent
from shopdesk.accounts.models import User

Status = ReturnCase.Status

# deed -> (from which states, to which). Everything that is not here is refused.
TABLE: dict[str, tuple[tuple[str, ...], str]] = {
    "approve": ((Status.SUBMITTED,), Status.APPROVED),
    "decline": ((Status.SUBMITTED,), Status.DECLINED),
    "withdraw": ((Status.SUBMITTED, Status.APPROVED), Status.WITHDRAWN),
    "receive": ((Status.APPROVED,), Status.RECEIVED),
    "complete": ((Status.RECEIVED,), Status.COMPLETED),
}

# deed -> code of its event, which is also the last part of its letter's key
EVENT_CODES = {
    "approve": "return.approved",
    "decline": "return.declined",
    "withdraw": "return.withdrawn",
    "receive": "return.received",
    "complete": "return.completed",
}


class IllegalTransition(Exception):
    """The case is no longer in a state, or at a version, from which the deed is allowed; nothing was written.

    ``status`` is the state it has now; ``last`` the newest event, which says who did what.
    """

    def __init__(self, case: ReturnCase, deed: str) -> None:
        super().__init__(f"{case.number}: {deed} from {case.status}")
        self.case = case
        self.deed = deed
        self.status = case.status

    @property
    def last(self) -> ReturnEvent | None:
        return self.case.events.select_related("actor").order_by("-at", "-pk").first()


def allowed(case: ReturnCase, deed: str) -> bool:
    """Whether the deed's button is worth showing; the compare-and-set decides."""
    return case.status in TABLE[deed][0]


def move(
    case: ReturnCase, deed: str, *, by: User | None, now: datetime, expected_version: int | None, **fields: Any
) -> str:
    """Change the state if nobody else did, and give the state it had. In the caller's transaction.

    The case's order lines must be locked already, so that no other step of this case can come in between.
    Raises IllegalTransition.
    """
    before, after = TABLE[deed]
    case.refresh_from_db()
    rows = ReturnCase.objects.filter(pk=case.pk, status=case.status, version=case.version)
    fresh = expected_version is None or case.version == expected_version
    if case.status not in before or not fresh:
        raise IllegalTransition(case, deed)
    left = case.status
    if not rows.update(status=after, version=F("version") + 1, **fields):
        case.refresh_from_db()
        raise IllegalTransition(case, deed)
    case.refresh_from_db()
    return left


def note(case: ReturnCase, code: str, *, by: User | None, now: datetime, **data: Any) -> ReturnEvent:
    """Write what happened, as a code and its data."""
    return ReturnEvent.objects.create(case=case, code=code, data=data, actor=by, at=now)
