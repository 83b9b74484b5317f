"""What came back: returned mail and complaints. Pure.

Returned mail is read from its machine part (RFC 3464), from ``X-Failed-Recipients``, from the words of the server, and
last from the returned mail itself. The status code alone says too little (most servers call a full mailbox
permanent), so the reason comes from the words first. Whether the mail was ever ours is the caller's question: only
a mail whose ``original_message_id`` we made may change what we think of an address.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shopdesk.mail import bounce_json
from shopdesk.mail.bounce_reasons import HARD, reason_of
from shopdesk.mail.bounce_words import (
    AFTER_DATA,
    COPY,
    EXPANDED,
    FINAL,
    FIND,
    FOREIGN,
    GATEWAY,
    GIVEN_UP,
    LISTED,
    LISTED_NAME,
    OF_MAIL,
    PASSED_ON,
    STILL,
    SUBJECT,
    WAYS,
    WORDS,
)
from shopdesk.mail.machines import MACHINE, MACHINE_NAME, Fields, is_auto, may_be_answered
from shopdesk.mail.parsing import charsets, cleaning
from shopdesk.mail.parsing.headers import MAX_ADDRESS, decode_words, message_ids
from shopdesk.mail.parsing.model import Address, Bounce, BouncedRecipient, Kind

_CARRIERS = re.compile(
    r"(?:.+\.)?(?:docomo\.ne\.jp|ezweb\.ne\.jp|au\.com|softbank\.ne\.jp|i\.softbank\.jp|vodafone\.ne\.jp"
    r"|ymobile\.ne\.jp|uqmobile\.jp)"
)


def is_carrier(address: str) -> bool:
    """Whether it is a phone company's address."""
    return _CARRIERS.fullmatch(address.lower().rpartition("@")[2]) is not None


MAX_TEXT = 60_000
MAX_RECIPIENTS = 200


@dataclass(frozen=True, slots=True)
class Piece:
    """A text or message part of the mail, transfer-decoded. ``type`` as in Content-Type, lower case."""

    type: str
    data: bytes


def _decode(data: bytes) -> str:
    return cleaning.text(charsets.decode(data[:MAX_TEXT], None)[0])


def _header_of(text: str, name: str) -> str:
    """One header of a returned mail, unfolded."""
    match = re.search(rf"^{re.escape(name)}:[ \t]*((?:[^\n]*)(?:\n[ \t]+[^\n]*)*)", text, re.IGNORECASE | re.MULTILINE)
    return decode_words(re.sub(r"\n[ \t]+", " ", match[1])).strip() if match else ""


def _one(value: str) -> str:
    """The first address in a value, or ""."""
    match = FIND.search(value)
    if match is None or len(match[0]) > MAX_ADDRESS:
        return ""
    local, _at, domain = match[0].rpartition("@")
    return f"{local.strip(chr(34)).lstrip(chr(39))}@{domain}"


def _blocks(text: str) -> Iterator[dict[str, str]]:
    for block in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        last = ""
        for line in block.split("\n"):
            if line[:1] in " \t" and last:
                fields[last] += " " + line.strip()
                continue
            name, colon, value = line.partition(":")
            if colon and re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{1,60}", name.strip()):
                last = name.strip().lower()
                fields.setdefault(last, value.strip())
        if fields:
            yield fields


_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")


_PASSED = {"delivered", "deliverable", "relayed", "expanded"}


@dataclass(frozen=True, slots=True)
class _Found:
    address: str
    status: str = ""
    action: str = ""
    words: str = ""


def _as_written(fields: dict[str, str]) -> str:
    """The recipient of a report whose address is none that we could write to ("a@#b.example"): it did fail."""
    value = fields.get("final-recipient", "") or fields.get("original-recipient", "")
    spec = cleaning.line(value.rpartition(";")[2]).strip(" <>")
    local, _at, domain = spec.rpartition("@")
    return spec if local and domain and not re.search(r"[\s<>]", spec) and len(spec) <= MAX_ADDRESS else ""


def _from_report(text: str) -> list[_Found]:
    found: list[_Found] = []
    for fields in _blocks(text):
        named = [
            _one(fields.get(name, "").rpartition(";")[2] or fields.get(name, ""))
            for name in ("original-recipient", "final-recipient", "x-actual-recipient", "original-rcpt-to")
        ]
        if "final-recipient" not in fields and "original-recipient" not in fields:
            continue
        address = next((name for name in named if name), "") or _as_written(fields)
        status = _STATUS.search(fields.get("status", ""))
        words = " ".join(
            filter(
                None,
                (
                    fields.get("diagnostic-code", ""),
                    _STATUS.sub("", fields.get("status", "")),
                    fields.get("x-display-name", ""),
                ),
            )
        )
        if not address:
            address = _one(fields.get("diagnostic-code", ""))
        found.append(
            _Found(
                address,
                status[1] if status else "",
                fields.get("action", "").split(" ")[0].strip("();,").lower(),
                words,
            )
        )
    return found


def _own_words(text: str) -> str:
    """What the server wrote, without the copy of our mail below it."""
    copy = COPY.search(text)
    if copy and copy.start() > 20:
        return text[: copy.start()]
    return text


def _from_words(text: str, *, own: set[str], domain: str) -> list[_Found]:
    """``domain`` is the sender's: an address there may be the help line of whoever reports, unless words say more."""
    expanded = {_one(match[1]).lower(): match[2] for match in EXPANDED.finditer(text)}
    for way in (*WAYS, FOREIGN):
        found: list[_Found] = []
        for match in way.finditer(text):
            address = _one(match[1])
            address = _one(expanded.get(address.lower(), address))
            low = address.lower()
            if not address or low in own or MACHINE.match(address):
                continue
            if way is FOREIGN and low.endswith(domain):
                continue
            if re.search(
                r"(?:message-?id|reply-to|\bfrom|sender)[:\s<]*$",
                text[max(0, match.start(1) - 20) : match.start(1)],
                re.IGNORECASE,
            ):
                continue
            begin = text.rfind("\n", 0, match.start(1)) + 1
            words = re.split(r"\n[ \t]*\n", text[begin : begin + 1200].lstrip())[0]
            if len(words) < len(match[1]) + 12:
                words = text[begin : begin + 700]
            found.append(_Found(address, words=words))
        if found:
            return found
    return []


def _from_local_names(text: str, domain: str) -> list[_Found]:
    """A provider that lists its own people without the domain, which is the reporter's."""
    found: list[_Found] = []
    for listed in LISTED.finditer(text):
        for line in text[listed.end() : listed.end() + 2000].split("\n")[: MAX_RECIPIENTS + 2]:
            if not line.strip():
                continue
            name = LISTED_NAME.fullmatch(line)
            if name is None:
                break
            found.append(_Found(f"{name[1]}@{domain}", words=text[max(0, listed.start() - 300) : listed.end() + 300]))
        if found:
            break
    return found


_SAYS_WHY = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])|(?<!\d)[45]\d\d(?!\d)")


def _unique(found: list[_Found]) -> list[_Found]:
    seen: dict[str, _Found] = {}
    for one in found:
        known = seen.setdefault(one.address.lower(), one)
        if not _SAYS_WHY.search(known.words) and _SAYS_WHY.search(one.words):
            seen[one.address.lower()] = one
    return list(seen.values())[:MAX_RECIPIENTS]


def _doubtful(address: str, status: str, words: str) -> bool:
    """Whether "user unknown" may mean "refused by their filter": au and docomo answer so to what a customer's
    receiving list refuses, after they have seen the letter. A status of another class says the same."""
    if status.startswith(("5.2.", "5.7.")):
        return True
    return AFTER_DATA.search(words) is not None and not (status == "5.1.1" and not is_carrier(address))


def _recipient(found: _Found, text: str, subject: str) -> BouncedRecipient:
    words = found.words
    status = found.status
    near = ""
    if found.address:
        at = text.lower().find(found.address.lower())
        near = text[max(0, at) : at + 900] if at >= 0 else ""
    said = _STATUS.search(words) or _STATUS.search(near)
    if said and (not status or status.endswith(".0.0")):
        status = said[1]
    if found.action in _PASSED:
        return BouncedRecipient(found.address, status, "delivered", "transient")
    reason = reason_of(words, status, near, f"{subject}\n{text[:4000]}")
    delayed = found.action == "delayed"
    if not found.action and not status.startswith("5."):
        whole = f"{subject}\n{text[:4000]}"
        waiting = bool(STILL.search(whole)) and not GIVEN_UP.search(whole)
        delayed = waiting or (status.startswith("4.") and not FINAL.search(whole))
    if delayed:
        return BouncedRecipient(found.address, status, reason, "transient")
    if reason == "user_unknown" and _doubtful(found.address, status, f"{words}\n{text[:6000]}"):
        reason = "filtered"
    hard = reason in HARD and not status.startswith("4.")
    return BouncedRecipient(found.address, status, reason, "hard" if hard else "soft")


def _returned(parts: list[Piece], text: str) -> str:
    """The headers of the mail that came back, as text; "" when it did not come back."""
    for part in parts:
        if part.type in (
            "message/rfc822",
            "text/rfc822-headers",
            "message/rfc822-headers",
            "message/global",
            ("message/global-headers"),
        ):
            return _decode(part.data.lstrip())
    copy = COPY.search(text)
    return text[copy.start() :] if copy else ""


def _original_id(returned: str, reports: str) -> str:
    value = (
        _header_of(returned, "message-id")
        or _header_of(reports, "original-message-id")
        or _header_of(reports, ("x-original-message-id"))
    )
    found = message_ids(value) if value else ()
    return found[0] if found else ""


def _complaint(parts: list[Piece], text: str) -> Bounce:
    report = "\n".join(_decode(part.data) for part in parts if part.type == "message/feedback-report")
    returned = _returned(parts, text)
    kind = _header_of(report, "feedback-type").lower()
    names = re.findall(
        r"^(?:original-rcpt-to|removal-recipient|final-recipient|redacted-address)[ \t]*:[ \t]*([^\n]+)",
        report,
        re.IGNORECASE | re.MULTILINE,
    )
    addresses = [one for name in names if (one := _one(name))]
    if not addresses:
        for name in ("x-hmxmroriginalrecipient", "x-original-to", "x-delivered-to", "delivered-to", "to"):
            addresses = FIND.findall(_header_of(returned, name))
            if addresses:
                break
    return Bounce(_complained(addresses, kind), _original_id(returned, report))


def _complained(addresses: list[str], kind: str) -> tuple[BouncedRecipient, ...]:
    reason = {"not-spam": "not_spam", "auth-failure": "auth_report", "dmarc": "auth_report"}.get(kind, "complaint")
    unique = list(dict.fromkeys(address.lower() for address in addresses))
    return tuple(BouncedRecipient(address, "", reason, "soft") for address in unique[:MAX_RECIPIENTS])


def _of_service(told: bounce_json.Told, subject: str) -> tuple[Kind, Bounce] | None:
    """A provider's news in JSON; None when they name nobody."""
    named = [(_one(address), *rest) for address, *rest in told.recipients if _one(address)]
    ids = message_ids(told.message_id) if told.message_id else ()
    if not named:
        return None
    if told.about == "complaint":
        return Kind.COMPLAINT, Bounce(
            _complained([one[0] for one in named], told.feedback.lower()), ids[0] if ids else ""
        )
    found = [_Found(address, status, action, cleaning.line(words)) for address, status, action, words in named]
    return Kind.BOUNCE, Bounce(tuple(_recipient(one, "", subject) for one in _unique(found)), ids[0] if ids else "")


def _bounce(fields: Fields, sender: Address, subject: str, text: str, parts: list[Piece]) -> Bounce:
    statuses = [
        _decode(part.data)
        for part in parts
        if part.type
        in ("message/delivery-status", ("message/global-delivery-status"), ("message/disposition-notification"))
    ]
    if not statuses:
        # The machine part under a wrong type.
        statuses = [
            decoded
            for part in parts
            if part.type.startswith("text/") and b"inal-Recipient:" in part.data and (decoded := _decode(part.data))
        ]
    if not statuses and MACHINE.match(sender.address):
        # A gateway that wrapped somebody's report into a letter of its own.
        wrapped = [
            _decode(part.data) for part in parts if part.type == "message/rfc822" and b"inal-Recipient:" in part.data
        ]
        statuses = [text for text in wrapped if "delivery-status" in text]
    report = "\n\n".join(statuses)
    words = _own_words(text[:MAX_TEXT])
    returned = _returned(parts, text[:MAX_TEXT])
    domain = sender.address.rpartition("@")[2].lower() or "@"
    own = {
        address.lower()
        for address in (sender.address, _one(fields.get("to")), _one(fields.get("return-path")))
        if address
    }
    found = _from_report(report)
    failed = [one for one in found if one.action not in _PASSED]
    found = [one for one in (failed or found) if one.address]
    if not found and fields.get("x-failed-recipients"):
        found = [_Found(_one(address)) for address in fields.get("x-failed-recipients").split(",") if _one(address)]
    if not found and MACHINE.match(sender.address):
        found = _from_local_names(words, domain)
    if not found:
        found = _from_words(words, own=own, domain=domain)
    if not found:
        # Whoever sent the mail is not who did not get it, though a copy went to them.
        wrote = {address.lower() for name in ("from", "sender") for address in FIND.findall(_header_of(returned, name))}
        found = [
            _Found(address)
            for name in ("x-failed-recipients", "to", "cc")
            for address in FIND.findall(_header_of(returned, name))
            if address.lower() not in wrote
        ][:1]
    if not found and words is not text:
        found = _from_words(text[:MAX_TEXT], own=own, domain=domain)
    recipients = tuple(_recipient(one, words, subject) for one in _unique(found))
    return Bounce(recipients, _original_id(returned, report))


def _names_somebody(words: str, sender: Address) -> bool:
    domain = sender.address.rpartition("@")[2].lower() or "@"
    found = _from_words(words, own={sender.address.lower()}, domain=domain)
    return bool(found)


def _is_bounce(fields: Fields, sender: Address, subject: str, text: str, types: set[str], report_type: str) -> bool:
    kind = report_type.strip().lower()
    from_machine = bool(MACHINE.match(sender.address) or MACHINE_NAME.search(sender.name))
    null_sender = "return-path" in fields and fields.get("return-path").strip().upper() in (
        "<>",
        "<MAILER-DAEMON>",
        (""),
    )
    about_failure = bool(SUBJECT.search(subject))
    # People answer such mail, pass it on, and complain about parcels in the same words.
    passed_on = bool(PASSED_ON.match(subject))
    if "x-failed-recipients" in fields:
        return True
    machine = from_machine or null_sender or not sender.address
    automatic = fields.get("auto-submitted").lower().startswith("auto-")
    if types & {"message/delivery-status", "message/global-delivery-status"}:
        return kind == "delivery-status" or machine or automatic or (about_failure and not passed_on)
    words = _own_words(text[:MAX_TEXT])[:6000]
    if kind == "delivery-status" and (machine or about_failure):
        return True
    if "message/disposition-notification" in types or kind == "disposition-notification":
        return about_failure and bool(WORDS.search(words))
    came_back = bool(types & {"message/rfc822", "text/rfc822-headers"})
    returned = came_back or bool(COPY.search(text[:MAX_TEXT]))
    named = any(way.search(words) for way in WAYS[:3])
    failed = bool(WORDS.search(words))
    if from_machine or not sender.address:
        if about_failure:
            return returned or named or failed
        return (failed and (returned or "inal-Recipient:" in text or _names_somebody(words, sender))) or (
            from_machine and named
        )
    # The empty envelope sender of somebody's form or of a holiday note proves less, and "-----Original Message-----"
    # is also how mail programs quote.
    if null_sender and (about_failure or failed):
        said = about_failure and failed
        of_mail = bool(OF_MAIL.search(subject)) and _names_somebody(words, sender)
        return came_back or named or "inal-Recipient:" in text or (said and (returned or of_mail))
    # A gateway that sends under a person's address: subject, a gateway's words and the returned mail must all say so.
    return about_failure and not passed_on and came_back and bool(GATEWAY.search(words))


def classify(
    fields: Fields, sender: Address, subject: str, text: str, parts: list[Piece], *, report_type: str = ""
) -> tuple[Kind, Bounce, bool]:
    """(what it is, the returned recipients, whether a machine of ours may answer).

    ``text`` is the readable text, ``parts`` the text and message parts, ``report_type`` that of a multipart/report.
    """
    told = bounce_json.read(sender.address, text)
    if told is not None and (news := _of_service(told, subject)):
        return *news, False
    types = {part.type for part in parts}
    microsoft = (
        "message/rfc822" in types
        and subject.lower().startswith("complaint about message from")
        and re.match(r"staff@(?:hotmail|outlook|live|msn)\.", sender.address, re.IGNORECASE) is not None
    )
    if microsoft or "message/feedback-report" in types or report_type.strip().lower() == "feedback-report":
        return Kind.COMPLAINT, _complaint(parts, text), False
    if _is_bounce(fields, sender, subject, text, types, report_type):
        bounce = _bounce(fields, sender, subject, text, parts)
        if bounce.recipients:
            return Kind.BOUNCE, bounce, False
        return Kind.AUTO_REPLY, Bounce(), False
    auto = is_auto(fields, subject)
    return (Kind.AUTO_REPLY if auto else Kind.MAIL), Bounce(), may_be_answered(fields, sender, auto=auto)
