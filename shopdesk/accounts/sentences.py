"""Audit entries as sentences, in the reader's language."""

import re

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shopdesk.accounts import facts
from shopdesk.accounts.models import AuditEntry

_SENTENCES = {
    "sign_in.done": _("Signed in"),
    "sign_in.failed": _("A sign-in failed"),
    "password.changed": _("Changed the password"),
    "two_factor.added": _("Added a second factor (%(type)s)"),
    "two_factor.removed": _("Removed a second factor (%(type)s)"),
    "staff.added": _("Added member of staff no. %(user)s (%(role)s)"),
    "staff.changed": _("Changed member of staff no. %(user)s (%(role)s)"),
    "staff.hours": _("Changed the working hours of %(name)s: %(changes)s"),
    "staff.invited": _("Sent an invitation to member of staff no. %(user)s"),
    "role.changed": _("Changed the role %(role)s"),
    "mail.marked_sent": _("Marked an uncertain mail as sent"),
    "mail.sent_again": _("Sent a mail again"),
    "mail.cancelled": _("Cancelled a mail"),
    "mail.held": _("Mail was held by itself (%(reason)s)"),
    "mail.resumed": _("Let held mail go (%(reason)s)"),
    "mail.route_added": _("Added a mail route"),
    "mail.route_changed": _("Changed a mail route"),
    "mail.route_started": _("Started a mail route"),
    "mail.route_stopped": _("Stopped a mail route"),
    "mailbox.added": _("Added a mailbox"),
    "mailbox.changed": _("Changed a mailbox"),
    "mailbox.paused": _("Paused a mailbox"),
    "mailbox.reading": _("Had a mailbox read without answers"),
    "mailbox.active": _("Started a mailbox"),
    "mailbox.new_address": _("Made a new address for a provider's mail"),
    "incoming.read_again": _("Had a received mail read again"),
    "incoming.as_letter": _("Made an inquiry of a received mail"),
    "incoming.ignored": _("Took a received mail off the list of errors"),
    "followups.released": _("Released a held follow-up"),
    "followups.held": _("Held a follow-up"),
    "followups.cancelled": _("Cancelled a follow-up"),
    "followups.sequence_status": _("Changed the status of a sequence"),
    "followups.sequence_changed": _("Changed a sequence"),
    "followups.step_changed": _("Changed a step of a sequence"),
    "followups.restocked": _("Reported a product as back in stock"),
    "customer.merged": _("Merged customer no. %(gone)s into no. %(kept)s"),
    "customer.unmerged": _("Took customers no. %(gone)s and no. %(kept)s apart again"),
    "customer.noted": _("Changed the remarks on customer no. %(customer)s"),
    "inquiry.read": _("Read inquiry %(number)s"),
    "inquiry.read:file": _("Opened a file of inquiry %(number)s"),
    "inquiries.exported": _("Wrote inquiries to a file (%(count)s, %(personal)s): %(note)s"),
    "inquiries.send_refused": _("Tried to send without being allowed to (%(path)s)"),
    "settings.added": _("Added to the settings: %(table)s “%(name)s”"),
    "settings.changed": _("Changed in the settings: %(table)s “%(name)s” – %(changes)s"),
    "settings.deleted": _("Deleted from the settings: %(table)s “%(name)s”"),
    "settings.seeded": _("Added the public holidays of %(first)s to %(last)s to the settings: %(table)s (%(count)s)"),
    "suppression.added": _("Stopped mail to an address"),
    "suppression.ended": _("Mail to an address is allowed again, its time was over"),
    "suppression.released": _("Allowed mail to an address again"),
}


# What a sentence gives only where there is data: in brackets, and after a colon.
_ASIDE = re.compile(r"\s?(?:[（(「“][^）)」”]*[）)」”]|[:：].*$)")


class _Known(dict[str, object]):
    """Data of an entry; a value that an old entry does not have is shown as a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


def sentence(entry: AuditEntry) -> str:
    """What happened, in words; the bare code where no sentence is known."""
    text = _SENTENCES.get(f"{entry.code}:{entry.data.get('what')}") or _SENTENCES.get(entry.code)
    return str(text) % _Known(_data(entry)) if text else entry.code


def headline(entry: AuditEntry) -> str:
    """The same without what changed, and without reasons, which may be long."""
    if entry.code == "inquiries.exported":
        return kind(entry.code)
    if entry.code != "settings.changed":
        return sentence(entry)
    return gettext("Changed in the settings: %(table)s “%(name)s”") % _Known(_data(entry))


def kind(code: str) -> str:
    """What the acts of a code are called where none in particular is meant: the sentence without its data."""
    text = sentence(AuditEntry(code=code, data={})).replace("–", "…")
    return _ASIDE.sub("", text)


# Of a value as much as a line of the log bears; the entry's own page has more.
_SHOWN = 40
# Data that is said in words; the rest are numbers and names.
_WORDED = ("type", "reason", "scope", "status", "role", "personal", "note")


def _data(entry: AuditEntry) -> dict[str, object]:
    data = {**entry.data}
    for key in set(_WORDED) & set(data):
        data[key] = facts.word(entry, key, longest=_SHOWN)
    if entry.code.startswith("settings.") or entry.code == "staff.hours":
        told = [
            gettext("%(field)s: %(before)s → %(after)s") % one._asdict() for one in facts.changes(entry, longest=_SHOWN)
        ]
        data |= {"table": facts.table(entry), "changes": gettext(", ").join(told)}
    return data
