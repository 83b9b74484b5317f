"""The checker: reads the database, the sink and the mailbox, and says what does not fit. It knows no fault.

The invariants have the numbers of the design: I1 incoming mail is complete, I2 bytes re-hash, I3 outgoing letters,
I4 recipients, I5 history = state, I6 no orphans.
"""

from collections import Counter

POINTS = ("claiming", "claimed", "deciding", "intent", "dot-soon", "dot", "answered", "marked", "settling")
TABLES = (
    "mail_outgoingmail", "mail_sendattempt", "mail_suppression", "mail_ratebucket", "mail_dispatchguard",
    "mail_providerevent",
)  # fmt: skip
STATES = ("planned", "leased", "sending", "sent", "uncertain", "failed", "skipped", "cancelled", "held", "expired")
# How often a letter of this state may have arrived.
ARRIVALS = {"sent": {1}, "uncertain": {0, 1}, "failed": {0}, "skipped": {0}, "cancelled": {0}, "expired": {0}}


def unfinished(database):
    """How many letters are still waiting or in work."""
    return database.execute("SELECT count(*) FROM mail_outgoingmail WHERE state IN (0, 1, 2)").fetchone()[0]


def outgoing(database, arrived, *, told, refused, refusals, result):
    """I3, I4, I5 and I2 of the way out. ``arrived``: [Message-ID, recipients, sha256 of the bytes] of each arrival.

    ``told``: the keys whose commit the client was told of; ``refusals``: how many 5xx were answered.
    """
    rows = database.execute(
        """
        SELECT key, message_id, to_address, state, reason, encode(sha256(raw), 'hex'),
            (SELECT array_agg(outcome ORDER BY attempt) FROM mail_sendattempt WHERE mail_id = mail.id)
        FROM mail_outgoingmail AS mail
        """
    ).fetchall()
    wrong = result.violations.append
    counts = Counter(message_id for message_id, _, _ in arrived)
    known = {message_id for _, message_id, *_ in rows}
    keys = {key for key, *_ in rows}
    result.duplicates = sum(count - 1 for count in counts.values())
    for key in sorted(set(told) - keys):
        result.lost += 1
        wrong(f"I3 {key}: its commit was confirmed, there is no row")
    for key in refused:
        wrong(f"{key}: could not be queued at all")
    for message_id in sorted(set(counts) - known):
        wrong(f"I3 {message_id}: arrived, there is no row")
    if set(told) != keys:
        wrong(f"I3 {len(keys - set(told))} rows that nobody was told of")
    for key, message_id, _, state, reason, _, outcomes in rows:
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
    if result.uncertain > result.allowed_uncertain:
        wrong(f"I3 {result.uncertain} are uncertain, only {result.allowed_uncertain} may be")
    failed = result.states.get("failed", 0)
    if failed > refusals:
        wrong(f"I3 {failed} failed, but only {refusals} were refused")
    letters = {message_id: (to_address, sha256) for _, message_id, to_address, _, _, sha256, _ in rows}
    for message_id, recipients, sha256 in arrived:
        to_address, kept = letters.get(message_id, ("", ""))
        if recipients != [to_address]:
            wrong(f"I4 {message_id}: went to {recipients}, was for {to_address}")
        if sha256 != kept:
            wrong(f"I2 {message_id}: the bytes that arrived are not those that were kept")
