"""Whether a mail that asks something may be acknowledged by a machine. When in doubt it is not: people answer anyway.

RFC 3834, and what loops and relay bombs taught: never to machines, lists, bulk mail, "noreply" or suppressed addresses,
never before the owner said that this mailbox answers, never where the receiving server says that the sender is forged.
How often is opening.py's matter, the same for the form.
"""

import re

from shopdesk.mail import suppressions
from shopdesk.mail.models import Mailbox, MailClass
from shopdesk.mail.parsing import Kind, ParsedMail

_NOBODY = re.compile(
    r"^(?:no[-_.]?reply|do[-_.]?not[-_.]?reply|mailer-daemon|postmaster|bounces?|abuse|listserv|majordomo|nobody|root"
    r"|auto(?:mated|mail|reply|-?confirm)?|notifications?|alerts?|news(?:letter)?|owner-.*|.*-(?:request|owner|bounces?))"
    r"(?:[+=].*)?@",
)
_VERDICT = re.compile(r"\b(spf|dkim|dmarc)\s*=\s*(\w+)", re.IGNORECASE)


def refusal(mail: ParsedMail, sender: str, mailbox: Mailbox) -> str:
    """Why no acknowledgement goes to ``sender``: a code of inquiries.sentences, or "" when one may."""
    if mailbox.status != Mailbox.Status.ACTIVE:
        return "not_started"
    if not mail.to_answer or mail.kind != Kind.MAIL or _NOBODY.match(sender):
        return "machine"
    if is_unverified(mail):
        return "unverified"
    if suppressions.blocked(sender, MailClass.TRANSACTIONAL):
        return "suppressed"
    return ""


def is_unverified(mail: ParsedMail) -> bool:
    """Whether the receiving server wrote that the sender is not who the mail claims.

    Only the topmost Authentication-Results counts: those below it may have come with the mail. No such header says
    nothing, since many servers write none; a forged "pass" therefore gains nothing over silence.
    """
    verdicts: dict[str, set[str]] = {}
    for method, verdict in _VERDICT.findall(mail.headers.get("authentication-results", "")):
        verdicts.setdefault(method.lower(), set()).add(verdict.lower())
    if "dmarc" in verdicts and not verdicts["dmarc"] & {"none", "temperror", "permerror", "bestguesspass"}:
        return "pass" not in verdicts["dmarc"]
    if "pass" in verdicts.get("dkim", set()):
        return False
    return bool(verdicts.get("spf", set()) & {"fail", "softfail"}) or "fail" in verdicts.get("dkim", set())
