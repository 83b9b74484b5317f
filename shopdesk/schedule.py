"""The static beat table. Each entry rings a sweep over due rows; two beats, a lost or a repeated ring change nothing.

``expires`` keeps a backlog of rings from piling up while workers are away: a ring older than its interval is useless.
"""

from typing import TypedDict


class Ring(TypedDict):
    task: str
    schedule: float
    options: dict[str, float]


def every(seconds: float, task: str) -> Ring:
    """Ring ``task`` every ``seconds`` seconds; an unheard ring expires with the next one."""
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}


BEAT_SCHEDULE: dict[str, Ring] = {
    # every 15 seconds: note that beat and a worker are alive (read by /readyz and `manage.py doctor`)
    "heartbeat": every(15, "shopdesk.desk.tasks.heartbeat"),
    # every hour: delete counts of tries, old searches and ended sessions; write the holidays of years that come
    "tidying": every(3600, "shopdesk.desk.tasks.tidy"),
    # every 5 seconds: send letters that are due, and settle those whose worker died
    "outgoing mail": every(5, "shopdesk.mail.tasks.sweep_outgoing"),
    # every 10 seconds: make inquiries and messages of the mail that was received
    "received mail": every(10, "inquiries.tasks.sweep_filing"),
    # every 5 seconds: read the words of inquiries that have changed, for the search
    "search": every(5, "inquiries.tasks.sweep_search"),
    # every 30 seconds: wake inquiries that were laid aside until now
    "snoozed inquiries": every(30, "inquiries.tasks.sweep_snoozed"),
    # every 10 seconds: go on with work in bulk whose ring or whose worker was lost
    "work in bulk": every(10, "inquiries.tasks.sweep_bulk"),
    # every 15 seconds: send replies whose hour has come, unless the conversation moved on
    "scheduled replies": every(15, "inquiries.tasks.sweep_scheduled"),
    # every 30 seconds: tell which promises are about to end, and which have ended
    "promises": every(30, "inquiries.tasks.sweep_promises"),
    # every 15 seconds: take back claims whose time is over; give new inquiries to whoever has room
    "turns": every(15, "inquiries.tasks.sweep_turns"),
    # every 60 seconds: follow the orders of customers who wait
    "phases": every(60, "inquiries.tasks.sweep_phases"),
    # every 60 seconds: bring along what was written for a customer who was being merged at that moment
    "merged customers": every(60, "shopdesk.desk.tasks.sweep_merged"),
    # every 10 seconds: let rules answer what happened to inquiries
    "rules": every(10, "inquiries.tasks.sweep_rules"),
    # every 10 minutes: forget who had which inquiry open an hour ago
    "presence": every(600, "inquiries.tasks.sweep_presence"),
    # every 10 seconds: look at the mailboxes that are due (each every 30 seconds, less often while it fails)
    "mailboxes": every(10, "shopdesk.mail.tasks.sweep_mailboxes"),
    # every 15 seconds: apply what mail providers told about letters
    "mail events": every(15, "shopdesk.mail.tasks.sweep_events"),
    # every 5 seconds: look for the orders that visitors want to prove, and write to the address on file
    "order look-ups": every(5, "returns.tasks.sweep_look_ups"),
    # every 60 seconds: run a confirmed order import whose ring or whose worker was lost
    "order imports": every(60, "shopdesk.shop.tasks.sweep_imports"),
    # every 60 seconds: plan follow-ups for new facts about orders
    "follow-up planning": every(60, "followups.tasks.sweep_planning"),
    # every 15 seconds: decide the follow-ups that are due and queue their letters
    "follow-up sending": every(15, "followups.tasks.sweep_sending"),
}
