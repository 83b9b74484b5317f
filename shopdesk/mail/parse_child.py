"""Parsing in a child process with limits of memory and time, so that one bomb costs one child and never the next mail.

A child stays for many mails (starting one costs more than reading a hundred mails) and is replaced after a breach. It
is an own interpreter without the parent's environment: whatever a mail does to the parser, it finds no secrets, no
database and no settings there. Parent and child exchange bytes and JSON, never pickles.
"""

import atexit
import contextlib
import json
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

from shopdesk.mail.parsing import (
    Address,
    Attachment,
    Bounce,
    BouncedRecipient,
    Kind,
    ParsedMail,
    headers_only,
    parse,
)

TIMEOUT = 10.0  # seconds by the wall
MEMORY = 512 * 1024 * 1024  # bytes of address space
MAILS_PER_CHILD = 2000  # memory that fragments is given back by then
LARGE = 8 * 1024 * 1024  # a child that read more than this is replaced afterwards
START_TIMEOUT = 30.0

_SIZE = struct.Struct(">Q")
_SIZES = struct.Struct(">QQ")
_ROOT = str(Path(__file__).resolve().parents[1])
# The package's own __init__ starts Celery and reads the settings; the child needs neither.
_START = (
    "import sys, types; package = types.ModuleType('shopdesk'); package.__path__ = [sys.argv[1]]; "
    "sys.modules['shopdesk'] = package; from shopdesk.mail.parse_child import serve; serve(int(sys.argv[2]))"
)


class Breach(Exception):
    """The child died, hung or answered nonsense."""


# --- the form of the answer -----------------------------------------------------------------------------------------


def pack(mail: ParsedMail) -> tuple[bytes, list[bytes]]:
    """(JSON, contents of the attachments)."""
    data = {
        "subject": mail.subject,
        "people": [
            [[one.name, one.address] for one in some] for some in ((mail.sender,), mail.reply_to, mail.to, mail.cc)
        ],
        "date": mail.date.isoformat() if mail.date else None,
        "ids": [mail.message_id, mail.in_reply_to, *mail.references],
        "bodies": [mail.text, mail.reply_text, mail.html],
        "files": [[a.name, a.type, a.size, a.sha256, a.inline, a.content_id] for a in mail.attachments],
        "kind": mail.kind.value,
        "bounce": [[r.address, r.status, r.reason, r.strength] for r in mail.bounce.recipients],
        "original": mail.bounce.original_message_id,
        "headers": dict(mail.headers),
        "to_answer": mail.to_answer,
        "problems": mail.problems,
    }
    return json.dumps(data, ensure_ascii=False).encode(), [a.content for a in mail.attachments]


def unpack(answer: bytes, contents: bytes) -> ParsedMail:
    """The mail again. Raises Breach for an answer that is none."""
    try:
        data = json.loads(answer)
        sender, reply_to, to, cc = (tuple(Address(*pair) for pair in some) for some in data["people"])
        files: list[Attachment] = []
        at = 0
        for name, kind, size, sha256, inline, content_id in data["files"]:
            files.append(Attachment(name, kind, size, sha256, inline, content_id, contents[at : at + size]))
            at += size
        message_id, in_reply_to, *references = data["ids"]
        text, reply_text, html = data["bodies"]
        return ParsedMail(
            subject=data["subject"],
            sender=sender[0],
            reply_to=reply_to,
            to=to,
            cc=cc,
            date=datetime.fromisoformat(data["date"]) if data["date"] else None,
            message_id=message_id,
            in_reply_to=in_reply_to,
            references=tuple(references),
            text=text,
            reply_text=reply_text,
            html=html,
            attachments=tuple(files),
            kind=Kind(data["kind"]),
            bounce=Bounce(tuple(BouncedRecipient(*row) for row in data["bounce"]), data["original"]),
            headers=data["headers"],
            to_answer=data["to_answer"],
            problems=tuple(data["problems"]),
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise Breach("nonsense") from error


# --- the child ------------------------------------------------------------------------------------------------------


def serve(memory: int) -> None:
    """The child's life: read a mail, parse it, answer; end when the parent is gone."""
    source = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(os.dup(1), "wb")
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(quiet, 1)
    parse(b"From: a@b.example\nContent-Type: text/html\n\n<p>warm</p>\n> up:")
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out.write(b"ready\n")
    out.flush()
    while len(head := source.read(_SIZES.size)) == _SIZES.size:
        size, seconds = _SIZES.unpack(head)
        raw = source.read(size)
        if len(raw) < size:
            return
        # Should the parent be gone, nobody else would end an endless loop.
        signal.alarm(seconds + 2)
        answer, contents = pack(parse(raw))
        signal.alarm(0)
        del raw
        out.write(_SIZES.pack(len(answer), sum(map(len, contents))))
        out.write(answer)
        for content in contents:
            out.write(content)
        out.flush()


class _Child:
    """The parent's end of one child."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.served = 0
        self.largest = 0
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "LANG": "C.UTF-8",
        }
        self._process = subprocess.Popen(  # our own interpreter, our own words
            [sys.executable, "-c", _START, _ROOT, str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            close_fds=True,
            start_new_session=True,  # a worker's Ctrl-C is not the child's
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise Breach("no pipes")
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        try:
            if self._read(6, time.monotonic() + START_TIMEOUT) != b"ready\n":
                raise Breach("did not start")
        except BaseException:
            self.close()
            raise

    def ask(self, raw: bytes, timeout: float) -> ParsedMail:
        """Raises Breach over the limits."""
        until = time.monotonic() + timeout
        self.served += 1
        self.largest = max(self.largest, len(raw))
        self._write(_SIZES.pack(len(raw), max(1, round(timeout))), until)
        self._write(raw, until)
        answer, contents = _SIZES.unpack(self._read(_SIZES.size, until))
        if answer + contents > self.memory:
            raise Breach("nonsense")
        text = self._read(answer, until)
        return unpack(text, self._read(contents, until))

    @property
    def worn(self) -> bool:
        return self.served >= MAILS_PER_CHILD or self.largest > LARGE

    def _left(self, until: float) -> float:
        left = until - time.monotonic()
        if left <= 0:
            raise Breach("too slow")
        return left

    def _write(self, data: bytes, until: float) -> None:
        view = memoryview(data)
        while view:
            ready = select.poll()
            ready.register(self._in, select.POLLOUT)
            if not ready.poll(self._left(until) * 1000):
                raise Breach("too slow")
            try:
                view = view[os.write(self._in, view[:1_048_576]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Breach("gone") from error

    def _read(self, size: int, until: float) -> bytes:
        pieces: list[bytes] = []
        missing = size
        ready = select.poll()
        ready.register(self._out, select.POLLIN)
        while missing:
            if not ready.poll(self._left(until) * 1000):
                raise Breach("too slow")
            piece = os.read(self._out, min(missing, 1_048_576))
            if not piece:
                raise Breach("gone")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Kill and reap."""
        self._process.kill()
        self.let_go()
        self._process.wait()

    def let_go(self) -> None:
        """Close our ends only: after a fork the child belongs to the other process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class _Runner:
    """One child at a time for this process; made when first needed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.child: _Child | None = None

    def run(self, raw: bytes, timeout: float, memory: int) -> ParsedMail:
        with self.lock:
            if self.child is not None and (self.child.worn or self.child.memory != memory):
                self.close()
            for fresh in (False, True):
                known = self.child is not None
                try:
                    if self.child is None:
                        self.child = _Child(memory)
                    mail = self.child.ask(raw, timeout)
                except Breach as breach:
                    self.close()
                    # A child that had died between two mails (killed by an administrator) is not this mail's fault.
                    if str(breach) == "gone" and known and not fresh:
                        continue
                    break
                except BaseException:
                    # Interrupted (a task's time limit): the answer would be taken for the next mail's.
                    self.close()
                    raise
                if "too_complex" in mail.problems:
                    self.close()
                return mail
            return headers_only(raw[: 1024 * 1024], "too_complex")

    def close(self) -> None:
        if self.child is not None:
            child, self.child = self.child, None
            child.close()


_runner = _Runner()


def parse_safely(raw: bytes, *, timeout: float = TIMEOUT, memory: int = MEMORY) -> ParsedMail:
    """Read a stranger's mail in a child: at most ``timeout`` seconds and ``memory`` bytes of address space.

    Never raises for what a mail contains. Over the limits the result has subject, people and ids only and the problem
    "too_complex"; the raw mail is the caller's to keep.
    """
    return _runner.run(raw, timeout, memory)


def close() -> None:
    """End the child, if there is one; the next mail starts another."""
    with _runner.lock:
        _runner.close()


def _after_fork() -> None:
    """In a forked worker (Celery prefork): the child on the other end is the parent's; the lock may have been held."""
    child = _runner.child
    _runner.lock = threading.Lock()
    _runner.child = None
    if child is not None:
        child.let_go()
        # Popen would otherwise warn that a process which is not ours still runs.
        child._process.returncode = 0


os.register_at_fork(after_in_child=_after_fork)
atexit.register(close)
