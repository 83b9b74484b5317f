"""What the codes in OutgoingMail.reason mean, as sentences for staff."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shopdesk.mail.models import OutgoingMail

State = OutgoingMail.State

SENTENCES: dict[str, Promise] = {
    # waiting
    "try_again": _("The mail server did not take it yet. It is tried again by itself."),
    "rate": _("It waits for its turn, so that the recipient's mail server is not given too much at once."),
    "route_away": _("The mail server of its route does not answer. It is tried again by itself."),
    "route_stopped": _("Its mail route is stopped. It leaves when the route is started again."),
    # decided not to send
    "too_late": _("It could not leave in time, so it was not sent any more."),
    "no_consent": _("The recipient has not agreed to advertising mail."),
    "suppressed_unsubscribed": _("The recipient has unsubscribed."),
    "suppressed_bounced": _("The address does not exist, so mail to it is stopped."),
    "suppressed_complained": _("The recipient marked our mail as spam, so mail to it is stopped."),
    "suppressed_manual": _("Staff have stopped mail to this address."),
    "suppressed_soft": _("Mail to this address came back several times, so it is not written to for a month."),
    "taken_back": _("Its writer took the reply back before it was sent."),
    "by_staff": _("Staff cancelled it before it was sent."),
    # failed
    "bad_address": _("The recipient's address is not a mail address."),
    "bad_sender": _("The sender's address is not a mail address. Check the store's settings."),
    "attachment_missing": _("An attached file could not be found."),
    "could_not_build": _("The letter could not be put together."),
    "no_such_mailbox": _("The address does not exist. Mail to it is stopped from now on."),
    "refused": _("The recipient's mail server refused it."),
    "gave_up": _("The mail server did not take it for a whole day."),
    # nobody knows
    "no_answer": _("The mail server did not confirm it. It may or may not have arrived."),
    "worker_lost": _("Sending was interrupted. It may or may not have arrived."),
    # told by the provider
    "confirmed": _("The mail provider confirmed that it was sent."),
    # settled by a person
    "marked_sent": _("Staff marked it as sent."),
    "sent_again": _("Staff asked for it to be sent again."),
}

# OutgoingMail.left_out: why a copy did not go out -> the sentence.
LEFT_OUT: dict[str, Promise] = {
    "refused": _("The mail server did not take it."),
    "suppressed_unsubscribed": _("Has unsubscribed."),
    "suppressed_bounced": _("The address does not exist."),
    "suppressed_complained": _("Marked our mail as spam."),
    "suppressed_manual": _("Staff have stopped mail to this address."),
    "suppressed_soft": _("Mail to this address came back several times."),
    "came_back": _("It came back."),
    "complaint": _("Marked it as spam."),
}

# State -> tone of its badge.
TONES: dict[int, str] = {
    State.PLANNED: "info",
    State.LEASED: "info",
    State.SENDING: "info",
    State.SENT: "ok",
    State.UNCERTAIN: "warn",
    State.FAILED: "danger",
    State.SKIPPED: "neutral",
    State.CANCELLED: "neutral",
    State.HELD: "warn",
    State.EXPIRED: "neutral",
}


def left_out(mail: OutgoingMail) -> list[dict[str, str | Promise]]:
    """The copies that did not go out at the latest try: [{"address", "why": a sentence, "words": the server's}]."""
    return [{**one, "why": LEFT_OUT.get(one["why"], one["why"])} for one in mail.left_out]


def sentence(mail: OutgoingMail) -> str | Promise:
    """Why the letter is in its state; "" when the state says it all. A room's own code without a sentence is shown
    as it is rather than hidden."""
    return SENTENCES.get(mail.reason, mail.reason)
