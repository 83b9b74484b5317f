"""What can be wrong with a mailbox: one code each, and a sentence that says what to do about it."""

import imaplib
import logging
import poplib
import ssl

from django.db import DatabaseError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from imap_tools import errors

from shopdesk.text import one_line

logger = logging.getLogger(__name__)

SENTENCES: dict[str, Promise] = {
    "unreachable": _("The mail server does not answer. Check the server name and the port."),
    "encryption": _("The encrypted connection failed. Check the kind of encryption and the server name."),
    "encryption_needed": _(
        "The mail server takes passwords over an encrypted connection only, so none was sent. Choose TLS or STARTTLS."
    ),
    "certificate": _(
        "The mail server's certificate is not valid. The password was not sent. Ask the provider, and check the server"
        " name."
    ),
    "certificate_expired": _(
        "The mail server's certificate has expired. The password was not sent. The provider has to renew it; check the"
        " clock of this machine as well."
    ),
    "certificate_name": _(
        "The mail server's certificate is for another name. The password was not sent. Enter the server name that the"
        " provider gives."
    ),
    "certificate_unknown": _(
        "The mail server's certificate comes from an authority that this machine does not know. The password was not"
        " sent. Check the server name and the port. For a server of your own, let this machine trust its authority."
    ),
    "busy": _(
        "The mail server takes no sign-in at the moment. It is tried again by itself; if it stays so, ask the provider"
        " how many programs may be signed in at once."
    ),
    "sign_in": _("The mail server refuses the user name or the password. Enter the password again."),
    "token": _("The provider gives no access any more. Connect the account again."),
    "folder": _("A folder is not there any more. Check the folder names."),
    "broken_off": _("The mail server broke the connection off. It is tried again by itself."),
    "answer": _("The mail server answered something that we do not understand."),
    "secret": _("The stored password cannot be read any more because SECRET_KEY was changed. Enter it again."),
    "settings": _("The settings of this mailbox are incomplete."),
    "not_handed_over": _(
        "The provider does not hand over mail that it has announced. Check its API key in the settings; the provider"
        " announces the mail again by itself."
    ),
    "our_fault": _(
        "What was read could not be stored. The log says why; nothing is lost, it is tried again by itself."
    ),
}

# OpenSSL's reasons for refusing a certificate -> our code.
_CERTIFICATES = {
    9: "certificate_expired",  # not valid yet
    10: "certificate_expired",
    18: "certificate_unknown",  # signed by itself
    19: "certificate_unknown",
    20: "certificate_unknown",
    21: "certificate_unknown",
    62: "certificate_name",
    64: "certificate_name",  # an IP address
}
# What servers say in brackets when a sign-in fails for another reason than the password (RFC 5530, RFC 3206, RFC 2449).
_SIGN_IN_CODES = {
    "[PRIVACYREQUIRED]": "encryption_needed",
    "PLAINTEXT AUTHENTICATION DISALLOWED": "encryption_needed",  # Dovecot's POP3, which has no code for it
    "[UNAVAILABLE]": "busy",
    "[LIMIT]": "busy",
    "[INUSE]": "busy",
    "[IN-USE]": "busy",
    "[LOGIN-DELAY]": "busy",
    "[SYS/TEMP]": "busy",
    "[SERVERBUG]": "busy",
}


class MailboxProblem(Exception):
    """A mailbox cannot be read now. ``code`` is a key of SENTENCES; ``detail`` the server's words."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


def of(error: BaseException) -> MailboxProblem:
    """The problem behind an exception of the libraries."""
    detail = f"{type(error).__name__}: {error}"
    match error:
        case MailboxProblem():
            return error
        case errors.MailboxLoginError():
            return refused_sign_in(_words(error))
        case errors.MailboxFolderSelectError():
            return MailboxProblem("folder", _words(error))
        case DatabaseError():
            # Not an outage, which receiving.check handles: we tried to write what the database refuses.
            logger.error("What was read of a mailbox could not be stored.", exc_info=error)
            return MailboxProblem("our_fault", type(error).__name__)
        case ssl.SSLCertVerificationError():
            return MailboxProblem(_CERTIFICATES.get(error.verify_code, "certificate"), detail)
        case ssl.SSLError():
            return MailboxProblem("encryption", detail)
        case poplib.error_proto() if "EOF" in str(error):  # how that library says that the line went dead
            return MailboxProblem("broken_off", detail)
        case ConnectionRefusedError():
            return MailboxProblem("unreachable", detail)
        case imaplib.IMAP4.abort() | EOFError() | ConnectionError():
            return MailboxProblem("broken_off", detail)
        case OSError():  # no such host, refused, timed out
            return MailboxProblem("unreachable", detail)
        case imaplib.IMAP4.error() | errors.ImapToolsError() | poplib.error_proto():
            return MailboxProblem("answer", detail)
        case _:
            # A server can say anything; whatever our reading of it trips over concerns this mailbox alone.
            return MailboxProblem("answer", detail)


def refused_sign_in(words: str) -> MailboxProblem:
    """Why a sign-in failed, by the server's words: not every refusal is about the password."""
    upper = words.upper()
    code = next((code for sign, code in _SIGN_IN_CODES.items() if sign in upper), "sign_in")
    return MailboxProblem(code, words)


def without_secrets(text: str, secrets: list[str]) -> str:
    """The server's words for the row: one line of 300 characters, with whatever it repeated of a secret blotted out."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "•••")
    return one_line(text)[:300]


def _words(error: errors.UnexpectedCommandStatusError) -> str:
    data = error.command_result[1]
    words = [part.decode("utf-8", "replace") for part in data if isinstance(part, bytes)]
    return " ".join(words) or str(error.command_result[0])
