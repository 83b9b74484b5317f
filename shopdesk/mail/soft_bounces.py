"""Addresses from which mail keeps coming back without being dead: a full mailbox, a host that does not answer.

Three letters within two weeks rest the address for a month; then it is written to again, with nobody's help. A letter
counts once for an address, whatever tells of it and how often. What the other side has against us or against the letter
(our IP address, its content, its size) says nothing of the address and does not count: else one bad day of our own
would stop every customer.
"""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from shopdesk import addresses
from shopdesk.mail import suppressions
from shopdesk.mail.models import OutgoingMail, SoftBounce
from shopdesk.text import one_line

LETTERS = 3
WINDOW = timedelta(days=14)
REST = timedelta(days=30)

# Codes of bounce_reasons.REASONS that are about the address or what stands behind it, and may pass. "filtered" is not
# among them: the recipient's own rules may let the next letter through.
ABOUT_THE_ADDRESS = frozenset(
    {
        "mailbox_full", "suspended", "user_unknown", "host_unknown", "moved", "no_mail", "mailer", "system_full",
        "system", "network", "expired", "on_hold", "undefined", "other",
    }
)  # fmt: skip
_POLICY = ".7."  # security or policy (RFC 3463): about us, whatever the words sound like ("address is blocked")
# A delay is mostly none of these: greylisting asks every sender to come back, and the letter arrives minutes later.
TELLING_DELAYS = frozenset({"mailbox_full", "suspended", "host_unknown"})


@transaction.atomic
def note(
    letter: OutgoingMail,
    address: str,
    *,
    code: str,
    at: datetime,
    now: datetime,
    status: str = "",
    delayed: bool = False,
) -> bool:
    """A letter of ours came back from an address, or is ``delayed`` on its way there. True when the address rests now.

    ``code`` is one of bounce_reasons.REASONS, ``status`` the enhanced one ("5.2.2") where it is known. A delay no
    longer counts once the letter is told to be delivered.
    """
    if code not in (TELLING_DELAYS if delayed else ABOUT_THE_ADDRESS) or status[1:].startswith(_POLICY):
        return False
    address = addresses.normalise(one_line(address))
    with connection.cursor() as cursor:
        # Two reports at once would each miss the other's: they take turns by the address.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"mail.soft:{address}"])
    row = SoftBounce(mail=letter, address=address, code=code[:40], at=min(at, now), is_final=not delayed)
    if delayed:
        SoftBounce.objects.bulk_create([row], ignore_conflicts=True)
    else:
        # The end of a letter overwrites the delay before it; its repetition changes nothing, not even the moment.
        SoftBounce.objects.bulk_create([row], ignore_conflicts=True)
        SoftBounce.objects.filter(mail=letter, address=address, is_final=False).update(is_final=True, code=row.code)
    counted = SoftBounce.objects.filter(
        Q(is_final=True) | ~Q(mail__to_address=address) | Q(mail__delivered_at=None),
        address=address,
        at__gt=now - WINDOW,
    )
    if counted.count() < LETTERS:
        return False
    codes = ", ".join(sorted(set(counted.values_list("code", flat=True))))
    return suppressions.rest(address, until=now + REST, now=now, evidence=f"{codes}, mail {letter.pk}")


def sweep(now: datetime) -> int:
    """Let addresses be written to again whose rest is over, and forget what counts no more. Returns how many ended."""
    SoftBounce.objects.filter(at__lte=now - WINDOW).delete()
    return suppressions.end(now)
