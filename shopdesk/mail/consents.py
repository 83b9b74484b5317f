"""Whether an address agreed to advertising mail. The newest act counts; every act is kept as evidence."""

from datetime import datetime

from shopdesk import addresses
from shopdesk.mail.models import Consent
from shopdesk.text import clean, one_line


def give(address: str, *, source: str, now: datetime, wording: str = "") -> Consent:
    """Keep that an address agreed: where (``source``), when, and to which words."""
    return _record(address, Consent.Act.GIVEN, source, wording, now)


def withdraw(address: str, *, source: str, now: datetime, wording: str = "") -> Consent:
    """Keep that an address took its consent back."""
    return _record(address, Consent.Act.WITHDRAWN, source, wording, now)


def has_consent(address: str) -> bool:
    """Whether the newest act of this address is a consent. An address that never said anything has not agreed."""
    acts = Consent.objects.filter(address=addresses.normalise(address)).order_by("-at", "-pk")
    return acts.values_list("act", flat=True).first() == Consent.Act.GIVEN


def _record(address: str, act: Consent.Act, source: str, wording: str, now: datetime) -> Consent:
    return Consent.objects.create(
        address=addresses.normalise(one_line(address)),
        act=act,
        source=one_line(source)[:200],
        wording=clean(wording),
        at=now,
    )
