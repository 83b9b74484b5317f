"""Received mail becomes what somebody can answer: each stored mail once, whatever dies on the way.

shopdesk.mail.receiving has committed the bytes before it acknowledged them to the server. Here a worker claims one mail
at a time, reads it in a child with limits, and writes what it decides in one transaction together with the mail's new
state. A worker that dies leaves a lease that runs out. A mail that fails twice is put aside with its reason
(取込エラー) and never stands in the way of the next.
"""

import hashlib
import logging
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from inquiries import (
    auto_answers,
    events,
    guessing,
    happenings,
    matching,
    moods,
    opening,
    own,
    received,
    reopening,
    scheduling,
    senders,
)
from inquiries.models import Inquiry, Message, Rule
from inquiries.thanks import only_thanks
from shopdesk import addresses, sweeps
from shopdesk.mail import bounced, machines, parse_child
from shopdesk.mail.incoming import AS_LETTER
from shopdesk.mail.models import IncomingMail, IncomingMailQuerySet, Mailbox
from shopdesk.mail.parsing import Kind, ParsedMail
from shopdesk.mail.relabelling import relabelled
from shopdesk.shop import customers
from shopdesk.shop.models import Store
from shopdesk.text import one_line

logger = logging.getLogger(__name__)

BATCH = 50
# One sweep ends after this long, well inside the lease of the last mail that it may claim.
_SWEEP_SECONDS = 60.0
LEASE = timedelta(minutes=3)
RETRY_AFTER = timedelta(minutes=1)
_MOST_FAILURES = 2
# So often a conversation may be merged away under our hands before we write where we are.
_MOST_MOVES = 10
# Claims that ended without a word: the worker was killed. Bombs die in a child of their own, so this is rare.
_MOST_CLAIMS = 6

_State = IncomingMail.State


@dataclass(frozen=True)
class Verdict:
    """What became of a mail: its new state, a reason code, and what was made of it."""

    state: str
    reason: str = ""
    filed_as: str = ""


class _NotOurs(Exception):
    """Another worker has finished this mail, or holds a newer claim."""


def sweep(now: datetime, limit: int = BATCH) -> int:
    """File up to ``limit`` mails that are due; how many were worked on."""
    started, done = time.monotonic(), 0
    while done < limit and time.monotonic() - started < _SWEEP_SECONDS:
        incoming = _claim(now)
        if incoming is None:
            break
        done += 1
        _work(incoming, now)
    return done


def _claim(now: datetime) -> IncomingMail | None:
    """Take the mail that waits longest; nobody else gets it before the lease runs out."""
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    with transaction.atomic():
        rows = IncomingMail.objects.unfiled().filter(free, next_try_at__lte=now).select_related("mailbox")
        rows = rows.select_for_update(skip_locked=True, of=("self",)).order_by("next_try_at", "pk")
        incoming = rows.first()
        if incoming is None:
            return None
        incoming.attempts += 1
        incoming.lease_until = now + LEASE
        incoming.save(update_fields=["attempts", "lease_until"])
    return incoming


def _work(incoming: IncomingMail, now: datetime) -> None:
    if incoming.attempts > _MOST_CLAIMS:
        _put_aside(incoming, "interrupted", now)
        return
    # While the database is away the lease runs out, and the mail is as it was.
    with sweeps.alone(logger, "Mail %s could not be filed.", incoming.pk) as attempt, suppress(_NotOurs):
        mail = parse_child.parse_safely(relabelled(bytes(incoming.raw), incoming.charset))
        file(incoming, mail, now=now)
        # The try before may have died with files of a mail that is found to be a copy now.
        if incoming.attempts > 1:
            received.forget_files(incoming)
    if attempt.error is not None:
        _failed(incoming, type(attempt.error).__name__, now)


def _failed(incoming: IncomingMail, reason: str, now: datetime) -> None:
    """Try once more later; the second failure puts the mail aside."""
    if incoming.reason:
        _put_aside(incoming, reason, now)
        return
    _forget_files(incoming)
    _own(incoming).update(reason=reason[:40], next_try_at=now + RETRY_AFTER, lease_until=None)


def _put_aside(incoming: IncomingMail, reason: str, now: datetime) -> None:
    _forget_files(incoming)
    _own(incoming).update(state=_State.ERROR, reason=reason[:40], lease_until=None)


def _forget_files(incoming: IncomingMail) -> None:
    """Delete what a try left in the storage, unless somebody else is at work on the mail by now."""
    with sweeps.alone(logger, "Files of mail %s could not be deleted.", incoming.pk), transaction.atomic():
        if _own(incoming).select_for_update().values_list("pk", flat=True):
            received.forget_files(incoming)


def _own(incoming: IncomingMail) -> IncomingMailQuerySet:
    """The row, as long as our claim is the newest one."""
    return IncomingMail.objects.filter(pk=incoming.pk, state=_State.STORED, attempts=incoming.attempts)


def file(incoming: IncomingMail, mail: ParsedMail, *, now: datetime) -> Verdict:
    """Decide about one claimed mail and write everything that follows, in one transaction.

    Raises _NotOurs when the claim is not the newest one any more; nothing is written then.
    """
    body_hash = hash_of_body(bytes(incoming.raw))
    message_id = _id(mail.message_id)
    with transaction.atomic():
        if not _own(incoming).select_for_update().values_list("pk", flat=True):
            raise _NotOurs
        verdict = _decide(incoming, mail, message_id, body_hash, now)
        IncomingMail.objects.filter(pk=incoming.pk).update(
            state=verdict.state,
            reason=verdict.reason[:40],
            filed_as=verdict.filed_as,
            filed_at=now,
            lease_until=None,
            problems=list(mail.problems),
            kind=mail.kind,
            message_id=message_id,
            body_hash=body_hash,
            **_envelope(mail),
        )
    return verdict


def _decide(incoming: IncomingMail, mail: ParsedMail, message_id: str, body_hash: str, now: datetime) -> Verdict:
    if message_id and (same := _filed_already(incoming, mail, message_id, body_hash)):
        return Verdict(_State.DUPLICATE, f"same_as:{same.pk}")
    sender = _address(mail)
    letter = incoming.reason == AS_LETTER
    if mail.kind in {Kind.BOUNCE, Kind.COMPLAINT} and not letter:
        reason = bounced.apply(incoming, mail, now)
        # In the form of a report, but from somebody's own address and about no letter of ours: they pass one on.
        somebody = mail.kind == Kind.BOUNCE and not machines.by_machine(mail.sender, mail.headers)
        if reason != "not_ours" or not somebody:
            return Verdict(_State.BOUNCE, reason)
    if sender and sender in own_addresses():
        return Verdict(_State.IGNORED, "own_address")
    if mail.kind == Kind.AUTO_REPLY and not letter:
        return _file_notice(incoming, mail, sender, now)
    return Verdict(_State.FILED, filed_as=f"inquiries.message:{_file(incoming, mail, sender, now).pk}")


def _filed_already(incoming: IncomingMail, mail: ParsedMail, message_id: str, body_hash: str) -> IncomingMail | None:
    """The same mail, delivered before: the same Message-ID, body, subject and sender. An id alone proves nothing; some
    senders use one for many mails. Two copies that are filed at once wait for each other here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"inquiries.mail:{message_id}"])
    rows = IncomingMail.objects.filter(message_id=message_id, body_hash=body_hash, **_envelope(mail))
    rows = rows.filter(state__in=[_State.FILED, _State.BOUNCE, _State.IGNORED]).exclude(pk=incoming.pk)
    return rows.only("pk").order_by("pk").first()


def _envelope(mail: ParsedMail) -> dict[str, str]:
    """What the row keeps of a mail's headers for lists."""
    return {
        "from_name": one_line(mail.sender.name)[:200],
        "from_address": one_line(mail.sender.address)[:254],
        "subject": one_line(mail.subject)[:300],
    }


def _file_notice(incoming: IncomingMail, mail: ParsedMail, sender: str, now: datetime) -> Verdict:
    """A machine's answer: shown in the conversation of the letter that it answers, else only listed."""
    inquiry = matching.by_letter_only(mail)
    if inquiry is None:
        return Verdict(_State.IGNORED, str(Kind.AUTO_REPLY))
    message = received.write(inquiry, incoming, mail, sender=sender, now=now, automatic=True)
    received.keep_files(message, incoming, mail)
    reopening.noticed(inquiry, now=now)
    return Verdict(_State.FILED, str(Kind.AUTO_REPLY), f"inquiries.message:{message.pk}")


def _file(incoming: IncomingMail, mail: ParsedMail, sender: str, now: datetime) -> Message:
    match = matching.find(mail, _believed(mail, sender))
    if match.inquiry is not None:
        inquiry = _locked(match.inquiry.pk)
        if reopening.goes_on(inquiry, now=now):
            return _add(inquiry, incoming, mail, sender, now)
    return _open(incoming, mail, sender, match, now)


def _locked(pk: int) -> Inquiry:
    """The conversation, read again under its lock: somebody may be answering, solving or merging at this moment.

    One that was merged meanwhile is let go (the savepoint frees its lock, so that nobody waits for two rows in another
    order than merging does), and where it leads to is taken instead.
    """
    rows = Inquiry.objects.select_related("customer", "store", "category")
    for left in reversed(range(_MOST_MOVES)):
        savepoint = transaction.savepoint()
        inquiry = rows.held(pk)[pk]
        root = matching.root(inquiry)
        if root.pk == pk or not left:
            transaction.savepoint_commit(savepoint)
            return inquiry
        transaction.savepoint_rollback(savepoint)
        pk = root.pk
    raise AssertionError("unreachable")


def _add(inquiry: Inquiry, incoming: IncomingMail, mail: ParsedMail, sender: str, now: datetime) -> Message:
    from_customer = matching.is_customer(inquiry, _believed(mail, sender))
    message = received.write(inquiry, incoming, mail, sender=sender, now=now)
    received.keep_files(message, incoming, mail)
    if from_customer and sender != inquiry.email:
        inquiry.email = sender  # the customer's own other address: where they read now
    if from_customer:
        inquiry.written_to = _written_to(incoming.mailbox, inquiry.store)
    inquiry.mood = moods.after(inquiry.mood, message.body)
    closed = inquiry.status == Inquiry.Status.SOLVED
    if closed and from_customer and not mail.attachments and only_thanks(message.body, name=inquiry.name):
        reopening.thanked(inquiry, now=now)
    else:
        reopening.heard(inquiry, now=now)
    _say_where_to(inquiry, mail, now)
    # What was to be sent by itself was written before these words.
    scheduling.customer_wrote(inquiry, now=now)
    return message


def _open(incoming: IncomingMail, mail: ParsedMail, sender: str, match: matching.Match, now: datetime) -> Message:
    store = _store(incoming.mailbox)
    shown, _folded = received.parts(mail)
    words = f"{mail.subject}\n{shown}"
    language = guessing.language(words)
    order = guessing.order(words, _believed(mail, sender))
    name = received.name_of(mail, sender) or _nobody(language)
    customer = order.customer if order else customers.find_or_create(
        name=name, address=sender, store=store, now=now, language=language
    )  # fmt: skip
    category = guessing.category(words, customer)
    inquiry = opening.insert(
        Inquiry(
            store=store,
            customer=customer,
            name=name,
            email=sender,
            written_to=_written_to(incoming.mailbox, store),
            language=language,
            category=category,
            channel=Inquiry.Channel.EMAIL,
            subject=one_line(mail.subject)[:200] or opening.subject_from(shown) or _no_subject(language),
            order=order,
            order_number=order.number if order else "",
            opened_at=now,
            waiting_since=now,
            last_activity_at=now,
            version=1,
            follows=match.inquiry,
        ),
        words=words,
    )
    events.record("opened", inquiry, actor=None, now=now, channel=Inquiry.Channel.EMAIL)
    happenings.note(inquiry, Rule.Event.OPENED, now=now)
    message = received.write(inquiry, incoming, mail, sender=sender, now=now)
    received.keep_files(message, incoming, mail)
    names = {"name_ja": category.name_ja, "name_en": category.name_en}
    events.record("category_guessed", inquiry, actor=None, now=now, category=category.slug, **names)
    _say_where_from(inquiry, mail, match, now)
    _acknowledge(inquiry, incoming, mail, now)
    return message


def _say_where_from(inquiry: Inquiry, mail: ParsedMail, match: matching.Match, now: datetime) -> None:
    """Leave for staff what was noticed and proves nothing. The customer never sees any of it."""
    if match.inquiry:
        events.record("follows", inquiry, actor=None, now=now, other=match.inquiry.pk, number=match.inquiry.number)
    if match.answered:
        letter = match.answered
        events.record(
            "answers_letter", inquiry, actor=None, now=now, key=letter.key, letter=letter.pk, subject=letter.subject
        )
    if match.hint:
        number = match.hint.number
        events.record("subject_number_of_other", inquiry, actor=None, now=now, other=match.hint.pk, number=number)
    _say_where_to(inquiry, mail, now)


def _say_where_to(inquiry: Inquiry, mail: ParsedMail, now: datetime) -> None:
    """Tell staff, once of each address, that the writer would be answered elsewhere. Nobody is: who forges a sender
    names an address of their own there."""
    named = {addresses.normalise(one.address)[:254] for one in mail.reply_to if one.address}
    others = named - {inquiry.email, _address(mail)}
    if not others or not inquiry.email:
        return
    address = min(others)
    if not inquiry.events.filter(code="other_reply_to", data__address=address).exists():
        events.record("other_reply_to", inquiry, actor=None, now=now, address=address)


def _acknowledge(inquiry: Inquiry, incoming: IncomingMail, mail: ParsedMail, now: datetime) -> None:
    if not inquiry.email:
        return
    if refusal := auto_answers.refusal(mail, inquiry.email, incoming.mailbox):
        events.record("acknowledgement_withheld", inquiry, actor=None, now=now, reason=refusal)
        return
    opening.acknowledge(inquiry, now=now, in_reply_to=_id(mail.message_id))


def _address(mail: ParsedMail) -> str:
    """The sender as we compare addresses; "" for what nobody can be reached at."""
    address = addresses.normalise(one_line(mail.sender.address))
    return address if addresses.is_valid(address) else ""


def _believed(mail: ParsedMail, sender: str) -> str:
    """The sender as far as an address may prove anything: "" where the receiving server says that it is forged."""
    return "" if auto_answers.is_unverified(mail) else sender


def own_addresses() -> set[str]:
    """Our own addresses: a mail from one of them is a loop or our own copy."""
    return own.addresses()


def _store(mailbox: Mailbox) -> Store:
    """The store that a mailbox belongs to; the default one where its code names none."""
    named = Store.objects.filter(code=mailbox.store_code).first() if mailbox.store_code else None
    return named or Store.default()


def _written_to(mailbox: Mailbox, store: Store) -> str:
    """The address that a customer of a store wrote to, as far as answers may leave from it; else ""."""
    address = addresses.normalise(mailbox.address)
    return address if address in senders.choices(store) else ""


def _id(message_id: str) -> str:
    """A Message-ID that may stand in a header and in an index; "" for what cannot."""
    fits = message_id.isascii() and message_id.isprintable() and len(message_id) <= 990
    return message_id if fits and not any(letter.isspace() for letter in message_id) else ""


def hash_of_body(raw: bytes) -> str:
    """A hash of what stands after the headers; line ends and the end of the mail are as transport likes them."""
    end = re.search(rb"\r?\n\r?\n", raw)
    body = raw[end.end() :] if end else b""
    return hashlib.sha256(body.replace(b"\r\n", b"\n").rstrip()).hexdigest()


def _nobody(language: str) -> str:
    with translation.override(language):
        return _("Unknown sender")


def _no_subject(language: str) -> str:
    with translation.override(language):
        return _("(no subject)")
