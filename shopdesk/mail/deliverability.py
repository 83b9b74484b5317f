"""What DNS says about a sender's domain: SPF, DKIM, DMARC. And whether a route lets us in."""

from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.resolver

from shopdesk.mail import routes, smtp
from shopdesk.mail.models import MailRoute

TIMEOUT_SECONDS = 3.0
# Selectors of common mail providers; the true one is known only to who signs.
DKIM_SELECTORS = ("default", "mail", "google", "selector1", "s1", "k1", "dkim")
_INVENTED = (".example", ".test", ".invalid", ".localhost", "localhost")

# Words of a refusal -> the same code that a mailbox has for it (shopdesk.mail.receiving.problems); the first counts.
_CAUSES = (
    (f"{routes.NO_ACCESS}: token".lower(), "token"),
    (f"{routes.NO_ACCESS}: settings".lower(), "token"),
    (routes.NO_ACCESS.lower(), "busy"),
    ("certificate has expired", "certificate_expired"),
    ("certificate is not yet valid", "certificate_expired"),
    ("mismatch, certificate is not valid for", "certificate_name"),
    ("issuer certificate", "certificate_unknown"),
    ("self-signed certificate", "certificate_unknown"),
    ("certificate verify failed", "certificate"),
    ("starttls extension not supported", "encryption"),
    ("sslerror", "encryption"),
    ("must issue a starttls", "encryption_needed"),
    ("535 ", "sign_in"),
    ("534 ", "sign_in"),
    ("connectionrefusederror", "unreachable"),
    ("gaierror", "unreachable"),
    ("timeouterror", "unreachable"),
)


class Silent(Exception):
    """DNS does not answer: nothing is known."""


@dataclass(frozen=True)
class Records:
    """How many SPF records there are (one is right), whether there is DMARC, and a DKIM key under a usual name."""

    spf: int
    dmarc: bool
    dkim: bool


def is_invented(domain: str) -> bool:
    """A name that cannot have records: of an example, or without a dot."""
    return domain.endswith(_INVENTED) or "." not in domain


def records(domain: str) -> Records:
    """Ask DNS. Raises Silent when nobody answers in time."""
    try:
        return Records(
            spf=sum(text.lower().startswith("v=spf1") for text in _texts(domain)),
            dmarc=any(text.lower().startswith("v=dmarc1") for text in _texts(f"_dmarc.{domain}")),
            dkim=any(_texts(f"{selector}._domainkey.{domain}") for selector in DKIM_SELECTORS),
        )
    except dns.exception.DNSException:
        raise Silent from None


def examine(route: MailRoute, senders: list[str]) -> dict[str, Any]:
    """Sign in and look up the senders' domains; nothing is sent.

    Gives {"connection": "" or the server's words, "domains": {domain: [code, …]}} with the codes of HINTS in
    views_routes.py; no code means that all is well.
    """
    connection = ""
    try:
        with routes.open_way(route) as way:
            way.open()
    except smtp.NotAccepted as error:
        connection = f"{error.code} {error.words}" if error.code else error.words
    domains: dict[str, list[str]] = {}
    for domain in sorted({sender.rpartition("@")[2].rstrip(">").strip().lower() for sender in senders})[:5]:
        domains[domain] = _hints(domain)
    return {"connection": connection, "domains": domains}


def cause(refusal: str, *, by_token: bool = False) -> str:
    """Why a server does not let us in, by the words of ``examine``: a code of receiving.problems, or "".

    ``by_token`` where the route has no password that could be wrong.
    """
    lower = refusal.lower()
    code = next((code for sign, code in _CAUSES if sign in lower), "")
    return "token" if by_token and code == "sign_in" else code


def _hints(domain: str) -> list[str]:
    if is_invented(domain):
        return ["invented"]
    try:
        found = records(domain)
    except Silent:
        return ["silent"]
    hints = []
    if found.spf != 1:
        hints.append("no_spf" if not found.spf else "many_spf")
    if not found.dkim:
        hints.append("no_dkim")
    if not found.dmarc:
        hints.append("no_dmarc")
    return hints


def _texts(name: str) -> list[str]:
    """TXT records of a name; none where the name does not exist. Raises DNSException when nobody answers in time."""
    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=TIMEOUT_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
