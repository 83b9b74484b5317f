"""What stands between a written reply and the customer, as pages show it: waiting, scheduled, returned, held."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.timezone import localtime

from inquiries import approving, masking, senders
from inquiries.approving import Piece
from inquiries.checking import Finding, digest
from inquiries.models import Inquiry, Message, PreparedReply
from inquiries.returned import RETURNS
from inquiries.undoing import Held, may
from shopdesk.accounts.models import User
from shopdesk.accounts.permissions import P

State = PreparedReply.State


@dataclass(frozen=True)
class Check:
    """What the check before sending found; ``digest`` is what a second press confirms."""

    findings: Sequence[Finding]

    @property
    def blocks(self) -> bool:
        return any(one.blocks for one in self.findings)

    @property
    def digest(self) -> str:
        return "" if self.blocks else digest(self.findings)


@dataclass(frozen=True)
class Prepared:
    """A prepared reply as one person may see it and what they may do with it."""

    row: PreparedReply
    inquiry: Inquiry
    body: str
    comment: str
    cc: list[str]
    bcc: list[str]
    # What the approver changed, line by line; empty when nothing was.
    diff: list[list[Piece]]
    files: list[str]
    why: str
    is_own: bool
    may_decide: bool
    may_send: bool
    may_move: bool
    may_withdraw: bool
    # Something was said that its author has not read: sending asks again.
    is_stale: bool
    # As <input type="datetime-local"> wants it, in the reader's own zone.
    send_at_typed: str
    # The words as this page shows them; another one when a colleague has changed them since.
    mark: str

    def leaves_from(self) -> str:
        """The own address that it leaves from, where that is not the store's. A query where the customer wrote to
        another one, and where the store is not fetched."""
        return senders.beside_the_stores(self.inquiry, self.row.sender)


def prepared(inquiry: Inquiry, *, reader: User) -> list[Prepared]:
    """The reply that is prepared here, and what was returned to the reader. One query."""
    own_returned = Q(state=State.RETURNED, author=reader)
    rows = PreparedReply.objects.filter(Q(state__in=PreparedReply.LIVE) | own_returned, inquiry=inquiry.pk)
    rows = rows.select_related("author", "decided_by", "label").order_by("pk")
    return [shown(row, inquiry, reader=reader) for row in rows]


def shown(row: PreparedReply, inquiry: Inquiry, *, reader: User) -> Prepared:
    """One prepared reply, without what the reader may not see. No query when author and decider are fetched."""
    is_own, masked = row.author_id == reader.pk, not masking.sees_contacts(reader)
    body, original, comment = (
        masking.text(text, inquiry) if masked else text for text in (row.body, row.original_body, row.comment)
    )
    cc, bcc = ([masking.address(one) for one in some] if masked else [*some] for some in (row.cc, row.bcc))
    approves, sends = reader.has_perm(P.INQUIRIES_APPROVE), reader.has_perm(P.INQUIRIES_REPLY)
    mine = is_own or approves
    return Prepared(
        row=row,
        inquiry=inquiry,
        body=body,
        comment=comment,
        cc=cc,
        bcc=bcc,
        diff=approving.diff(original, body),
        files=[masking.text(str(file["name"]), inquiry) if masked else str(file["name"]) for file in row.files],
        why=str(RETURNS.get(row.returned_why, row.returned_why)),
        is_own=is_own,
        may_decide=approves and not masked and not is_own and row.state == State.AWAITING,
        may_send=sends and (row.state == State.APPROVED or (row.state == State.SCHEDULED and mine)),
        may_move=sends and mine and row.state in {State.SCHEDULED, State.APPROVED},
        may_withdraw=is_own if row.state in {State.AWAITING, State.APPROVED} else mine and row.state == State.SCHEDULED,
        is_stale=row.state != State.RETURNED and inquiry.version != row.seen_version,
        send_at_typed=f"{localtime(row.send_at):%Y-%m-%dT%H:%M}" if row.send_at else "",
        mark=approving.mark(row),
    )


def held(messages: Iterable[Message], *, reader: User, now: datetime) -> Held | None:
    """Of the messages of a thread, the newest that this person may still take back. No query."""
    newest: Message | None = None
    for message in messages:
        if message.kind == Message.Kind.REPLY and message.held_until and message.held_until > now:
            newest = message
    if newest is None or newest.held_until is None or not may(newest, reader):
        return None
    return Held(newest, max(int((newest.held_until - now).total_seconds()), 1), newest.author_id == reader.pk)
