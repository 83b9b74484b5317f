"""A real mail server in the test process that keeps what it is given, and misbehaves when it is told to.

    def test_x(smtp_sink):
        smtp_sink.say("data", "451 4.3.0 try later")   # the next answer to a final dot; then all is well again
        ...
        assert smtp_sink.messages[0].recipients == ["hanako@mail.example"]

The fixture points Django's EMAIL_ settings to it and takes the SMTP backend into use.
"""

import asyncio
import contextlib
import email
import email.policy
import socket
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from email.header import decode_header, make_header

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

DROP = "DROP"  # hang up instead of answering
HANG = "HANG"  # never answer


@dataclass(frozen=True)
class Received:
    """One message that was taken in: its envelope and its bytes."""

    sender: str
    recipients: list
    raw: bytes

    @property
    def message(self):
        """Parsed leniently; headers as they stand on the wire."""
        return email.message_from_bytes(self.raw, policy=email.policy.compat32)

    @property
    def message_id(self):
        return self.message["Message-ID"]

    @property
    def subject(self):
        return str(make_header(decode_header(self.message["Subject"]))).replace("\n", "")

    @property
    def text(self):
        return self._part("text/plain")

    @property
    def html(self):
        return self._part("text/html")

    def _part(self, media_type):
        for part in self.message.walk():
            if part.get_content_type() == media_type and not part.get_filename():
                return part.get_payload(decode=True).decode().replace("\r\n", "\n")
        return ""


class Sink:
    """The server: ``messages`` in the order of arrival, ``connections`` counted, ``say`` for misbehaviour."""

    def __init__(self):
        self.messages = []
        self.connections = 0
        self.commands = []
        self.on_message = None  # called with each Received before it is answered
        self._script = defaultdict(deque)
        self._lock = threading.Lock()
        self.port = _free_port()
        self._controller = self._new_controller()

    def _new_controller(self):
        return _Controller(self, _Handler(self))

    def start(self):
        self._controller.start()
        self.connections = 0  # the controller knocked once to see whether the server answers
        return self

    def stop(self):
        with contextlib.suppress(Exception):
            self._controller.stop(no_assert=True)

    def say(self, stage, *answers):
        """Queue answers for the next times of ``stage``: "mail", "rcpt", "start" (DATA), "data" (the final dot).

        Each is a reply line, DROP, HANG or None for the ordinary answer. A message whose final dot is answered with
        DROP or HANG has been kept: this is the server that delivers and forgets to say so.
        """
        with self._lock:
            self._script[stage].extend(answers)

    def reset(self):
        with self._lock:
            self._script.clear()
        self.messages.clear()

    def next_answer(self, stage):
        with self._lock:
            return self._script[stage].popleft() if self._script[stage] else None

    @property
    def recipients(self):
        return [recipient for message in self.messages for recipient in message.recipients]


class _Handler:
    def __init__(self, sink):
        self.sink = sink

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802  # aiosmtpd's name
        answer = await self._answer("mail", server)
        if answer is None:
            envelope.mail_from = address
            return "250 OK"
        return answer

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  # aiosmtpd's name
        answer = await self._answer("rcpt", server)
        if answer is None:
            envelope.rcpt_tos.append(address)
            return "250 OK"
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  # aiosmtpd's name
        answer = self.sink.next_answer("data")
        if answer is None or answer in {DROP, HANG} or answer.startswith("2"):
            received = Received(envelope.mail_from, list(envelope.rcpt_tos), envelope.content)
            self.sink.messages.append(received)
            if self.sink.on_message is not None:
                await asyncio.get_running_loop().run_in_executor(None, self.sink.on_message, received)
        if answer is None:
            return "250 2.0.0 kept as " + str(len(self.sink.messages))
        return await self._act(answer, server)

    async def _answer(self, stage, server):
        answer = self.sink.next_answer(stage)
        return None if answer is None else await self._act(answer, server)

    async def _act(self, answer, server):
        if answer == DROP:
            server.transport.abort()
            return "421 gone"
        if answer == HANG:
            await asyncio.sleep(60)
        return answer


class _Server(SMTP):
    def connection_made(self, transport):
        self.event_handler.sink.connections += 1
        super().connection_made(transport)

    async def smtp_DATA(self, arg):  # noqa: N802  # aiosmtpd's name
        answer = self.event_handler.sink.next_answer("start")
        if answer == DROP:
            await self.push("354 go on")
            self.transport.abort()
            return
        if answer is not None:
            await self.push(answer)
            return
        await super().smtp_DATA(arg)


class _Controller(Controller):
    def __init__(self, sink, handler):
        self.sink = sink
        super().__init__(handler, hostname="127.0.0.1", port=sink.port)

    def factory(self):
        return _Server(self.handler, hostname="sink.example", ident="sink", enable_SMTPUTF8=False)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def smtp_sink(settings):
    """A running Sink that all mail of the test goes to."""
    sink = Sink().start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 5
    yield sink
    sink.stop()
