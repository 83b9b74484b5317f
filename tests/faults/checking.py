"""The checker: reads the database, the sink and the mailbox, and says what does not fit. It knows no fault.

The invariants have the numbers of the design: I1 incoming mail is complete, I2 bytes re-hash, I3 outgoing letters,
I4 recipients, I5 history = state, I6 no orphans.
"""

import hashlib
from collections import Counter

# The points at which a worker can be made to die, in the order of a letter's and of a mail's life; see worker.py.
POINTS = (
    "claiming", "claimed", "prepared", "deciding", "intent", "dot-soon", "dot", "answered", "unmarked", "marked",
    "settling",
    "fetched", "stored", "taken", "read", "files", "filed",
)  # fmt: skip
TABLES = (
    "mail_outgoingmail", "mail_sendattempt", "mail_suppression", "mail_ratebucket", "mail_dispatchguard",
    "mail_providerevent", "mail_incomingmail", "mail_mailboxfolder", "mail_mailbox", "inquiries_inquiry",
    "inquiries_message", "inquiries_attachment", "shop_customer",
)  # fmt: skip
STATES = ("planned", "leased", "sending", "sent", "uncertain", "failed", "skipped", "cancelled", "held", "expired")
# How often a letter of this state may have arrived.
ARRIVALS = {"sent": {1}, "uncertain": {0, 1}, "failed": {0}, "skipped": {0}, "cancelled": {0}, "expired": {0}}


def unfinished(database):
    """How many letters are still waiting or in work."""
    return database.execute("SELECT count(*) FROM mail_outgoingmail WHERE state IN (0, 1, 2)").fetchone()[0]


def unfiled(database, delivered):
    """How many mails of the mailbox are not here yet, or not filed."""
    here = database.execute("SELECT sha256, state = 'stored' FROM mail_incomingmail").fetchall()
    return len({sha256 for sha256, *_ in delivered} - {sha256 for sha256, _ in here}) + sum(
        stored for _, stored in here
    )


def incoming(database, delivered, changes, *, media, result):
    """I1, I2 and I6. ``delivered``: [sha256, group, kind] of each mail; mails of one group are one and the same.

    ``changes``: what the reader changed in the mailbox; ``media``: the folder of the stored files.
    """
    wrong = result.violations.append
    rows = database.execute(
        """
        SELECT id, sha256, encode(sha256(raw), 'hex'), state, reason, filed_as,
            (SELECT array_agg('inquiries.message:' || id) FROM inquiries_message WHERE incoming_id = mail.id)
        FROM mail_incomingmail AS mail
        """
    ).fetchall()
    groups = {sha256: group for sha256, group, _ in delivered}
    bombs = {sha256 for sha256, _, kind in delivered if kind == "bomb"}
    outcomes = {}
    for pk, sha256, real, state, reason, filed_as, messages in rows:
        result.incoming_states[state] = result.incoming_states.get(state, 0) + 1
        if sha256 != real:
            wrong(f"I2 mail {pk}: its bytes are not those of its hash")
        if sha256 not in groups:
            wrong(f"I1 mail {pk} ({state}, {reason}): nobody sent these bytes")
        else:
            outcomes.setdefault(groups[sha256], []).append(state)
        if state == "stored":
            wrong(f"I1 mail {pk}: not filed")
        if state not in {"filed", "stored"} and not reason:
            wrong(f"I1 mail {pk}: {state} without a reason")
        if (messages or []) != ([filed_as] if filed_as else []) or (state == "filed") != bool(filed_as):
            wrong(f"I1 mail {pk}: {state} as {filed_as or 'nothing'}, and its messages are {messages}")
        if state == "error" and sha256 not in bombs:
            wrong(f"I1 mail {pk}: put aside ({reason}), nothing was wrong with it")
    for group in sorted({group for _, group, _ in delivered} - set(outcomes)):
        result.lost += 1
        wrong(f"I1 {group}: delivered, and not here")
    for group, states in outcomes.items():
        made = [state for state in states if state != "duplicate"]
        if len(made) > 1:
            result.duplicates += len(made) - 1
            wrong(f"I1 {group}: taken {len(made)} times for a new mail: {states}")
        if not made:
            result.lost += 1
            wrong(f"I1 {group}: every copy is a duplicate of another")
    result.incoming = len(delivered)
    if changes:
        wrong(f"the mailbox was changed: {changes[:3]}")
    _orphans(database, media, wrong)


def _orphans(database, media, wrong):
    empty = "SELECT count(*) FROM inquiries_inquiry AS i WHERE NOT EXISTS (%s)"
    has_message = "SELECT FROM inquiries_message WHERE inquiry_id = i.id"
    if count := database.execute(empty % has_message).fetchone()[0]:
        wrong(f"I6 {count} inquiries without a message")
    kept = dict(database.execute("SELECT storage_key, sha256 FROM inquiries_attachment").fetchall())
    there = {str(path.relative_to(media)): path for path in media.rglob("*") if path.is_file()}
    for key in sorted(set(kept) - set(there)):
        wrong(f"I6 {key}: a row without its file")
    for key in sorted(set(there) - set(kept)):
        wrong(f"I6 {key}: a file without its row")
    for key in set(kept) & set(there):
        if hashlib.sha256(there[key].read_bytes()).hexdigest() != kept[key]:
            wrong(f"I2 {key}: the file is not what was received")


def outgoing(database, arrived, *, told, refused, refusals, result):
    """I3, I4, I5 and I2 of the way out. ``arrived``: [Message-ID, recipients, sha256 of the bytes] of each arrival.

    ``told``: the keys whose commit the client was told of; ``refusals``: how many 5xx were answered.
    """
    rows = database.execute(
        """
        SELECT key, message_id, ARRAY[to_address] || cc || bcc, state, reason, encode(sha256(raw), 'hex'),
            (SELECT array_agg(outcome ORDER BY attempt) FROM mail_sendattempt WHERE mail_id = mail.id),
            ARRAY(SELECT one ->> 'address' FROM jsonb_array_elements(left_out) AS one)
        FROM mail_outgoingmail AS mail
        """
    ).fetchall()
    wrong = result.violations.append
    counts = Counter(message_id for message_id, _, _ in arrived)
    known = {message_id for _, message_id, *_ in rows}
    keys = {key for key, *_ in rows if key.startswith("s")}  # the others are acknowledgements of received mail
    result.duplicates += sum(count - 1 for count in counts.values())
    for key in sorted(set(told) - keys):
        result.lost += 1
        wrong(f"I3 {key}: its commit was confirmed, there is no row")
    for key in refused:
        wrong(f"{key}: could not be queued at all")
    for message_id in sorted(set(counts) - known):
        wrong(f"I3 {message_id}: arrived, there is no row")
    if set(told) != keys:
        wrong(f"I3 {len(keys - set(told))} rows that nobody was told of")
    for key, message_id, _, state, reason, _, outcomes, _ in rows:
        name, count, outcomes = STATES[state], counts[message_id], Counter(outcomes or [])
        result.states[name] = result.states.get(name, 0) + 1
        if name not in ARRIVALS:
            wrong(f"I3 {key}: {name} is not final")
        elif count not in ARRIVALS[name]:
            result.lost += name == "sent" and count == 0
            wrong(f"I3 {key}: {name} ({reason}), and arrived {count} times")
        if outcomes[""]:
            wrong(f"I5 {key}: {name}, and an attempt has no outcome")
        if (outcomes["sent"] == 1) != (name == "sent"):
            wrong(f"I5 {key}: {name}, attempts say {dict(outcomes)}")
        if outcomes["unknown"] != (name == "uncertain"):
            wrong(f"I5 {key}: {name}, attempts say {dict(outcomes)}")
    result.uncertain = result.states.get("uncertain", 0)
    result.uncertain_reasons = dict(
        Counter(reason for _, _, _, state, reason, *_ in rows if STATES[state] == "uncertain")
    )
    for reason, count in result.uncertain_reasons.items():
        allowed = result.allowed_reasons.get(reason, 0)
        if count > allowed:
            wrong(f"I3 {count} are uncertain ({reason}), only {allowed} may be")
    failed = result.states.get("failed", 0)
    if failed > refusals:
        wrong(f"I3 {failed} failed, but only {refusals} were refused")
    letters = {
        message_id: (people, left_out, STATES[state], sha256)
        for _, message_id, people, state, _, sha256, _, left_out in rows
    }
    for message_id, recipients, sha256 in arrived:
        people, left_out, state, kept = letters.get(message_id, ([""], [], "", ""))
        # Who was refused is known with the answer: of an uncertain letter without one only that nobody else got it.
        wanted = [person for person in people if person not in left_out]
        if state == "uncertain":
            wanted = [person for person in wanted if person in recipients or person == people[0]]
        if recipients != wanted:
            wrong(f"I4 {message_id}: went to {recipients}, was for {people} without {left_out}")
        if sha256 != kept:
            wrong(f"I2 {message_id}: the bytes that arrived are not those that were kept")
