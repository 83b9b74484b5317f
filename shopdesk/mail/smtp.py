"""SMTP that knows how far it came.

The stock client raises the same exception whether the connection broke before or after the final dot. That is the
difference between "certainly not sent, try again" and "nobody knows": so the words of the transaction are said here one
by one, over smtplib's connection.
"""

import base64
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from django.conf import settings

from shopdesk.mail.models import OutgoingMail

CONNECT_TIMEOUT = 10.0  # seconds
# RFC 5321 §4.5.3.2.6: the server may take ten minutes to store a message. Hanging up sooner makes mail uncertain.
FINAL_DOT_TIMEOUT = 600.0
# What servers say to an access token that has ended.
_REFUSED_TOKEN = (534, 535)


class NotAccepted(Exception):
    """Certainly not sent, and worth another try: no connection, a broken one before the final dot, or a 4xx.

    ``code`` is the server's or None; ``words`` are what it said, without secrets.
    """

    def __init__(self, code: int | None, words: str) -> None:
        self.code, self.words = code, words
        super().__init__(words)


class NoRoute(NotAccepted):
    """The server could not be reached or did not let us in: no letter's own fault."""


class NoAccess(NoRoute):
    """The provider of the account gives no access token any more: somebody has to connect it again."""


class Refused(NotAccepted):
    """Certainly not sent and not worth another try: a 5xx."""


class Unknown(NotAccepted):
    """The final dot was written and no answer came. The letter may have gone out."""


class Refusal(NamedTuple):
    """A copy that the server did not take, while it took the letter."""

    address: str
    words: str  # with the code in front: "550 5.1.1 no such user"


@dataclass(frozen=True)
class Accepted:
    """The server took the letter over: 250 after the final dot. ``refused`` are copies that it did not take."""

    code: int
    words: str
    refused: tuple[Refusal, ...] = ()


class Tokens(Protocol):
    """Access tokens for signing in by XOAUTH2, as Google and Microsoft ask for it in place of a password."""

    def get(self) -> str:
        """One that should do. Raises NoRoute, and NoAccess where the provider refuses."""

    def refused(self) -> bool:
        """The server did not take it; whether another one may do, because that one was kept from before."""


@dataclass(frozen=True)
class Server:
    """A mail server and how to sign in there: with ``tokens`` where there are some, else with the password. Neither is
    shown by repr()."""

    host: str
    port: int
    tls: bool = False
    starttls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    tokens: Tokens | None = field(default=None, repr=False)

    @classmethod
    def of_settings(cls) -> Self:
        return cls(
            host=settings.EMAIL_HOST,
            port=settings.EMAIL_PORT,
            tls=settings.EMAIL_USE_SSL,
            starttls=settings.EMAIL_USE_TLS,
            username=settings.EMAIL_HOST_USER,
            password=settings.EMAIL_HOST_PASSWORD,
        )


class SmtpRoute:
    """One connection to a mail server, opened at the first letter and used again for the next.

    Without ``server`` it is the one of the settings.
    """

    def __init__(self, server: Server | None = None) -> None:
        self._server = server or Server.of_settings()
        self._smtp: smtplib.SMTP | None = None
        self._used = False
        self._pipelining = False
        self._token = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Connect, start TLS and sign in, unless that is done. Raises NoRoute."""
        if self._smtp is not None:
            return
        try:
            self._sign_in()
        except NoRoute as error:
            tokens = self._server.tokens
            if tokens is None or error.code not in _REFUSED_TOKEN or not tokens.refused():
                raise
            self._sign_in()

    def _sign_in(self) -> None:
        self._token = self._server.tokens.get() if self._server.tokens else ""
        smtp: smtplib.SMTP | None = None
        try:
            smtp = _connect(self._server)
            smtp.ehlo_or_helo_if_needed()
            if self._server.starttls:
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo_or_helo_if_needed()
            if self._token:
                _xoauth2(smtp, self._server.username, self._token)
            elif self._server.username and self._server.password:
                smtp.login(self._server.username, self._server.password)
        except smtplib.SMTPResponseException as error:
            _hang_up(smtp)
            raise NoRoute(error.smtp_code, self._words(error.smtp_error)) from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            _hang_up(smtp)
            raise NoRoute(None, self._words(f"{type(error).__name__}: {error}")) from None
        assert smtp.sock is not None  # noqa: S101  # for the type checker: it is connected
        smtp.sock.settimeout(settings.EMAIL_TIMEOUT)
        # The final dot is a write of its own: without this it waits 40 ms for the body's acknowledgement, each letter.
        smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._smtp, self._used = smtp, False
        self._pipelining = smtp.has_extn("pipelining")

    def send(self, mail: OutgoingMail, raw: bytes) -> Accepted:
        """Hand over one letter as ``raw`` (CRLF line ends). Raises NotAccepted, NoRoute, Refused or Unknown.

        When the recipient is refused nobody gets it: it ends before DATA, also where copies were taken, so that no
        conversation goes on behind the customer's back. Copies that are refused are told, and stop nothing: a copy
        that comes late is not worth a late answer, and a second try would be a second letter to all the others.
        """
        people = [mail.to_address, *mail.copies()]
        self.open()
        reused = self._used
        try:
            return self._transaction(mail.from_address, people, raw)
        except _ClosedAtStart as error:
            # The server had hung up between two letters (its idle time, or so many letters a connection): nothing of
            # this letter was said, so a fresh connection may begin it at once.
            if not reused:
                raise NotAccepted(error.code, error.words) from None
        self.open()
        try:
            return self._transaction(mail.from_address, people, raw)
        except _ClosedAtStart as error:
            raise NotAccepted(error.code, error.words) from None

    def close(self) -> None:
        """Say goodbye; whatever goes wrong with that is of no interest."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        try:
            smtp.quit()
        except (OSError, smtplib.SMTPException):
            _hang_up(smtp)

    def _transaction(self, sender: str, people: list[str], raw: bytes) -> Accepted:
        assert self._smtp is not None  # noqa: S101  # for the type checker: open() came before
        smtp, self._used = self._smtp, True
        size = f" SIZE={len(raw)}" if smtp.has_extn("size") else ""
        mail, rcpts = f"MAIL FROM:<{sender}>{size}", [f"RCPT TO:<{person}>" for person in people]
        refused: list[Refusal] = []
        try:
            if self._pipelining:
                # RFC 2920: the three words of the envelope in one write; one wait instead of three.
                # With copies DATA waits: whether it is said depends on what becomes of the recipient.
                words = [mail, *rcpts] if len(rcpts) > 1 else [mail, *rcpts, "DATA"]
                smtp.send("".join(f"{word}\r\n" for word in words).encode("ascii"))
                code, answer = smtp.getreply()
            else:
                code, answer = smtp.docmd(mail)
        except (OSError, smtplib.SMTPException, UnicodeEncodeError) as error:
            self._drop()
            raise _ClosedAtStart(None, self._words(f"{type(error).__name__}: {error}")) from None
        if code == 421:
            self._drop()
            raise _ClosedAtStart(code, self._words(answer))
        try:
            if len(rcpts) > 1:
                refused = self._envelope(smtp, (code, answer), rcpts)
                self._expect(*smtp.docmd("DATA"), 354)
            elif self._pipelining:
                said, data = smtp.getreply(), smtp.getreply()
                if data[0] == 354 and (code != 250 or said[0] not in {250, 251}):
                    # It waits for a message to nobody. Only hanging up ends that without a final dot.
                    self._drop()
                self._expect(code, answer, 250)
                self._expect(*said, 250, 251)
                self._expect(*data, 354)
            else:
                self._expect(code, answer, 250)
                self._expect(*smtp.docmd(rcpts[0]), 250, 251)
                self._expect(*smtp.docmd("DATA"), 354)
            assert smtp.sock is not None  # noqa: S101  # for the type checker: it has answered
            # The final dot follows at once: held back until then, the message's end goes in one packet with it.
            if isinstance(smtp.sock, ssl.SSLSocket):
                smtp.send(_stuffed(raw))
            else:
                smtp.sock.sendall(_stuffed(raw), getattr(socket, "MSG_MORE", 0))
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise NotAccepted(None, self._words(f"{type(error).__name__}: {error}")) from None
        # From the next byte on the letter may have been delivered, whatever we hear of it.
        try:
            assert smtp.sock is not None  # noqa: S101  # for the type checker: it was written to a line ago
            smtp.sock.settimeout(FINAL_DOT_TIMEOUT)
            smtp.send(b".\r\n")
            code, answer = smtp.getreply()
            smtp.sock.settimeout(settings.EMAIL_TIMEOUT)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise Unknown(None, self._words(f"{type(error).__name__}: {error}")) from None
        if not 200 <= code < 600 or 300 <= code < 400:
            self._drop()
            raise Unknown(code if code > 0 else None, self._words(answer))
        self._expect(code, answer, *range(200, 300))
        return Accepted(code, self._words(answer), tuple(refused))

    def _envelope(self, smtp: smtplib.SMTP, first: tuple[int, bytes], rcpts: list[str]) -> list[Refusal]:
        """The recipient and the copies, after MAIL was answered with ``first``: the copies that were refused."""
        if self._pipelining:
            # All are read, whatever the first ones say: what is left unread would be taken for the next answers.
            said = [smtp.getreply() for _ in rcpts]
            self._expect(*first, 250)
        else:
            self._expect(*first, 250)
            said = []
            for rcpt in rcpts:
                said.append(smtp.docmd(rcpt))
                if said[0][0] not in {250, 251} or said[-1][0] == 421:
                    break
        self._expect(*said[0], 250, 251)
        refused = []
        for rcpt, (code, answer) in zip(rcpts[1:], said[1:], strict=True):
            if code == 421 or not 200 <= code < 600:
                self._expect(code, answer)
            if code not in {250, 251}:
                address = rcpt.removeprefix("RCPT TO:<").removesuffix(">")
                refused.append(Refusal(address, f"{code} {self._words(answer)}"[:300]))
        return refused

    def _expect(self, code: int, answer: bytes, *wanted: int) -> None:
        """Go on, or leave this transaction with the connection fit for the next one."""
        if code in wanted:
            return
        if code == 421 or not 400 <= code < 600:
            self._drop()
        elif self._smtp is not None:
            try:
                self._smtp.rset()
            except (OSError, smtplib.SMTPException):
                self._drop()
        if 500 <= code < 600:
            raise Refused(code, self._words(answer))
        raise NotAccepted(code if code > 0 else None, self._words(answer))

    def _drop(self) -> None:
        _hang_up(self._smtp)
        self._smtp = None

    def _words(self, answer: bytes | str) -> str:
        """What the server said."""
        text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
        said = _bearer(self._server.username, self._token) if self._token else ""
        return without_secrets(text, said, self._token, self._server.password, self._server.username)


class _ClosedAtStart(Exception):
    """The server hung up before it had heard anything of this letter."""

    def __init__(self, code: int | None, words: str) -> None:
        self.code, self.words = code, words
        super().__init__(words)


def _connect(server: Server) -> smtplib.SMTP:
    name = settings.MESSAGE_ID_DOMAIN if "." in settings.MESSAGE_ID_DOMAIN else None
    timeout = min(CONNECT_TIMEOUT, settings.EMAIL_TIMEOUT or CONNECT_TIMEOUT)
    if server.tls:
        return smtplib.SMTP_SSL(
            server.host,
            server.port,
            local_hostname=name,
            timeout=timeout,
            context=ssl.create_default_context(),
        )
    return smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=timeout)


def _xoauth2(smtp: smtplib.SMTP, username: str, token: str) -> None:
    """Sign in with an access token. Raises smtplib.SMTPAuthenticationError.

    A server that refuses it says why in a challenge (334 and some JSON), waits for an empty line, and only then says
    535: who sends anything else there, or hangs up, never learns that it was the token.
    """

    def answer(challenge: bytes | None = None) -> str:
        return "" if challenge is not None else _bearer(username, token)

    smtp.auth("XOAUTH2", answer)


def _bearer(username: str, token: str) -> str:
    return f"user={username}\x01auth=Bearer {token}\x01\x01"


def _hang_up(smtp: smtplib.SMTP | None) -> None:
    if smtp is not None:
        smtp.close()


def _stuffed(raw: bytes) -> bytes:
    """The message as it stands between DATA and the final dot: leading dots doubled, ended by a line end."""
    body = raw.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        body = b"." + body
    return body if body.endswith(b"\r\n") else body + b"\r\n"


def without_secrets(text: str, *secrets: str) -> str:
    """One line for the log and the screen in which neither ``secrets`` nor a password or key of the settings stands.

    Up to 500 characters.
    """
    keys = [value for value in settings.ANYMAIL.values() if isinstance(value, str) and len(value) >= 8]
    for secret in (*secrets, settings.EMAIL_HOST_PASSWORD, settings.EMAIL_HOST_USER, *keys):
        if secret:
            for form in (secret, base64.b64encode(secret.encode()).decode()):
                text = text.replace(form, "•••")
    return " ".join(text.replace("\x00", " ").split())[:500]
