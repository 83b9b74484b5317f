"""What staff decide about a letter. Every deed is one compare-and-set with its audit entry; the faster one wins."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from shopdesk.accounts import audit
from shopdesk.accounts.models import User
from shopdesk.mail import outbox
from shopdesk.mail.models import OutgoingMail
from shopdesk.text import one_line

State = OutgoingMail.State


class AlreadySettled(Exception):
    """The letter is no longer in a state in which this can be done: a colleague or a worker was faster."""


class ReasonMissing(Exception):
    """A letter that was sent goes out again only for a reason."""


# What a person may have sent once more.
AGAIN = (State.UNCERTAIN, State.FAILED, State.SENT)


@transaction.atomic
def mark_sent(mail: OutgoingMail, *, by: User, now: datetime) -> None:
    """An uncertain letter has arrived, a person knows. Raises AlreadySettled."""
    _move(mail, [State.UNCERTAIN], state=State.SENT, sent_at=now, reason="marked_sent", changed_at=now)
    audit.record("mail.marked_sent", actor=by, now=now, mail=mail.pk)


@transaction.atomic
def send_again(mail: OutgoingMail, *, by: User, now: datetime, note: str = "") -> None:
    """An uncertain or failed letter goes out once more, with the same Message-ID. Raises AlreadySettled.

    ``note`` is the person's reason; it is kept in the audit log. A sent letter goes again only with one, or else
    ReasonMissing is raised. A person has taken the risk of a second copy. A letter whose last moment is over gets
    another day.
    """
    if mail.state == State.SENT and not one_line(note):
        raise ReasonMissing
    values: dict[str, Any] = {
        "sent_at": None,
        "due_at": now,
        "first_try_at": None,
        "reason": "sent_again",
        "changed_at": now,
    }
    if mail.not_after is not None and mail.not_after <= now:
        values["not_after"] = now + timedelta(days=1)
    _move(mail, [State(mail.state)] if mail.state in AGAIN else [], state=State.PLANNED, **values)
    audit.record(
        "mail.sent_again",
        actor=by,
        now=now,
        mail=mail.pk,
        was=State(mail.state).name.lower(),
        note=one_line(note)[:300],
    )
    outbox.ring_after_commit()


@transaction.atomic
def cancel(mail: OutgoingMail, *, by: User, now: datetime) -> None:
    """Take a waiting letter back. Raises AlreadySettled when a worker has picked it up."""
    if not outbox.cancel(mail.key, reason="by_staff", now=now):
        raise AlreadySettled
    audit.record("mail.cancelled", actor=by, now=now, mail=mail.pk)


def _move(mail: OutgoingMail, states: list[OutgoingMail.State], **values: Any) -> None:
    # The lease token is part of the comparison: what was decided over an old attempt does not reach a newer one.
    same = OutgoingMail.objects.filter(pk=mail.pk, state__in=states, lease_token=mail.lease_token)
    if not same.update(**values):
        raise AlreadySettled
