"""What every parsed mail must be, whatever the bytes were: nothing in it that PostgreSQL or a header refuses."""

import hashlib
import re
from datetime import UTC

from shopdesk.mail.parsing import PROBLEMS, Kind

_SURROGATE = re.compile("[\ud800-\udfff]")
_BREAK = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def faults(mail) -> list[str]:
    """Names of the fields that would be refused; empty for a fit mail."""
    found = []
    lines = {
        "subject": mail.subject,
        "message_id": mail.message_id,
        "in_reply_to": mail.in_reply_to,
        "original": mail.bounce.original_message_id,
    }
    for index, person in enumerate((mail.sender, *mail.reply_to, *mail.to, *mail.cc)):
        lines[f"name {index}"], lines[f"address {index}"] = person.name, person.address
        fit = person.address.count("@") == 1 and len(person.address) <= 254 and " " not in person.address
        if person.address and not fit and not person.address.startswith('"'):
            found.append(f"address {person.address!r}")
    for index, reference in enumerate(mail.references):
        lines[f"reference {index}"] = reference
    for index, file in enumerate(mail.attachments):
        lines |= {f"file {index}": file.name, f"type {index}": file.type, f"cid {index}": file.content_id}
        if file.size != len(file.content) or file.sha256 != hashlib.sha256(file.content).hexdigest():
            found.append(f"content {index}")
        if "/" in file.name or "\\" in file.name:
            found.append(f"folder {file.name!r}")
    for index, one in enumerate(mail.bounce.recipients):
        lines |= {f"bounced {index}": one.address, f"status {index}": one.status, f"reason {index}": one.reason}
    lines |= {f"header {name}": value for name, value in mail.headers.items()}
    for name, value in lines.items():
        if _SURROGATE.search(value) or _BREAK.search(value):
            found.append(name)
    for name in ("text", "reply_text", "html"):
        value = getattr(mail, name)
        if "\x00" in value or _SURROGATE.search(value) or "\r" in value:
            found.append(name)
    if mail.date is not None and mail.date.tzinfo is not UTC:
        found.append("date")
    if set(mail.problems) - set(PROBLEMS) or "parser_error" in mail.problems:
        found.append(f"problems {mail.problems}")
    if bool(mail.bounce.recipients) and mail.kind not in (Kind.BOUNCE, Kind.COMPLAINT):
        found.append("kind")
    return found
