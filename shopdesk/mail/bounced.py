"""Letters that came back, and letters that somebody called spam.

Anybody can write such a report. It is believed only about a letter that we really sent: the report has to carry the
letter's Message-ID, which is made from a secret, and to blame an address that the letter went to.

Of a letter with copies every reader knows the Message-ID and the others' addresses, so a report by mail about it proves
less: it is noted on the letter and stops nobody. Providers' events, which are signed, do (events.py).
"""

import hmac
from datetime import datetime

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shopdesk import addresses
from shopdesk.mail import message_ids, soft_bounces, suppressions
from shopdesk.mail.bounce_reasons import HARD
from shopdesk.mail.models import IncomingMail, OutgoingMail, Suppression
from shopdesk.mail.parsing import Kind, ParsedMail
from shopdesk.mail.parsing.model import BouncedRecipient
from shopdesk.text import one_line

State = OutgoingMail.State

# Only the parser's HARD reasons say that the address is dead. A full mailbox, a filter, a suspended account may pass.

# Reports in the form of a complaint that are none: "not spam after all", and news about SPF, DKIM or DMARC.
NO_COMPLAINT = {"not_spam", "auth_report"}

# OutgoingMail.bounce_code -> the sentence; any other code gets the last one.
SENTENCES: dict[str, Promise] = {
    "user_unknown": _("It came back: the address does not exist."),
    "host_unknown": _("It came back: the mail server of the address does not exist."),
    "moved": _("It came back: the recipient has another address now."),
    "mailbox_full": _("It came back: the recipient's mailbox is full."),
    "filtered": _("It came back: the recipient's mail settings refuse our mail."),
    "complaint": _("The recipient marked it as spam."),
    "": _("It came back: the recipient's mail server could not deliver it."),
}


def sentence(mail: OutgoingMail) -> str | Promise:
    """What became of a letter after it was sent; "" when nothing is known."""
    return SENTENCES.get(mail.bounce_code, SENTENCES[""]) if mail.bounced_at else ""


@transaction.atomic
def apply(incoming: IncomingMail, parsed: ParsedMail, now: datetime) -> str:
    """Let a report change what it may change. Returns a code:

    "not_ours" (forged, or about somebody else's mail: nothing is changed), "other_recipient" (ours, but the report
    blames an address that it did not go to: noted on the letter, no address is stopped), "delayed" (still on its way),
    "returned", "stopped" (the address is not written to any more, or not for a while), "complaint" or "no_complaint"
    (a report that blames nobody).
    """
    letter = letter_of(parsed.bounce.original_message_id)
    if letter is None:
        return "not_ours"
    evidence = f"mail {letter.pk}, report {incoming.pk}"
    if parsed.kind == Kind.COMPLAINT:
        if any(recipient.reason in NO_COMPLAINT for recipient in parsed.bounce.recipients):
            return "no_complaint"
        _note(letter, "complaint", "", now)
        if not (letter.cc or letter.bcc):
            complained(letter.to_address, evidence, now)
        return "complaint"
    mine = _blamed(parsed, letter.to_address)
    copies = [(address, found) for address in [*letter.cc, *letter.bcc] if (found := _blamed(parsed, address))]
    for address, found in copies:
        if found.strength != "transient":
            leave_out(letter, address, "came_back", f"{found.status} {found.reason}")
    if mine is None:
        if copies:
            return "returned" if any(found.strength != "transient" for _, found in copies) else "delayed"
        if any(recipient.strength != "transient" for recipient in parsed.bounce.recipients):
            _note(letter, "other", "", now)
        return "other_recipient"
    if mine.strength == "transient":
        return "delayed"
    _note(letter, mine.reason or "other", mine.status, now)
    if letter.cc or letter.bcc:
        return "returned"  # see the top: any of its readers could have written this
    if mine.hard and mine.reason in HARD:
        suppressions.suppress(
            letter.to_address,
            scope=Suppression.Scope.ALL,
            reason=Suppression.Reason.BOUNCED,
            now=now,
            evidence=f"{mine.status} {mine.reason}, {evidence}".strip(),
        )
        return "stopped"
    code = mine.reason or "other"
    rests = soft_bounces.note(letter, letter.to_address, code=code, status=mine.status, at=now, now=now)
    return "stopped" if rests else "returned"


def complained(address: str, evidence: str, now: datetime) -> None:
    """Stop after-care and advertising to somebody who called our mail spam; answers still go."""
    for scope in (Suppression.Scope.SERVICE, Suppression.Scope.ADVERTISING):
        suppressions.suppress(address, scope=scope, reason=Suppression.Reason.COMPLAINED, now=now, evidence=evidence)


def leave_out(letter: OutgoingMail, address: str, why: str, words: str) -> None:
    """Note that a copy did not arrive, once for each address."""
    row = OutgoingMail.objects.select_for_update().only("left_out", "state", "lease_token").get(pk=letter.pk)
    if all(one["address"] != address for one in row.left_out):
        left_out = [*row.left_out, {"address": address, "why": why, "words": one_line(words)[:300]}]
        OutgoingMail.objects.filter(pk=letter.pk).update(left_out=left_out)
    _settle(letter)


def letter_of(message_id: str) -> OutgoingMail | None:
    """The letter with that Message-ID, if we made it and it may have left; None for everything forged."""
    if not message_id or len(message_id) > 200:
        return None
    rows = OutgoingMail.objects.filter(state__in=[State.SENDING, State.SENT, State.UNCERTAIN]).defer("raw")
    letter = rows.filter(message_id=one_line(message_id)).first()
    if letter is None or not hmac.compare_digest(message_ids.for_key(letter.key), letter.message_id):
        return None
    return letter


def _blamed(parsed: ParsedMail, address: str) -> BouncedRecipient | None:
    wanted = addresses.normalise(address)
    found = [one for one in parsed.bounce.recipients if addresses.normalise(one_line(one.address)) == wanted]
    # The gravest first: a report may tell of a delay and of the end of it.
    return min(found, key=lambda one: ["hard", "soft", "transient"].index(one.strength), default=None)


def _note(letter: OutgoingMail, code: str, detail: str, now: datetime) -> None:
    same = OutgoingMail.objects.filter(pk=letter.pk)
    first = Coalesce("bounced_at", Value(now))
    same.update(bounced_at=first, bounce_code=code[:40], bounce_detail=one_line(detail)[:300])
    _settle(letter)


def _settle(letter: OutgoingMail) -> None:
    """It came back, so it had left: nothing is unclear any more."""
    uncertain = OutgoingMail.objects.filter(pk=letter.pk, state=State.UNCERTAIN, lease_token=letter.lease_token)
    uncertain.update(state=State.SENT, sent_at=Coalesce(F("changed_at"), F("due_at")), reason="")
