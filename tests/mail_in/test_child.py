"""Strangers' mail is read in a child: a bomb costs the child, never the next mail."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from shopdesk.mail import parse_child
from shopdesk.mail.parsing import headers_only, parse
from tests.mail_in import eml_source
from tests.mail_in.bombs import all_bombs

SIMPLE = b"From: Taro <taro@example.jp>\r\nSubject: hello\r\n\r\nbody\r\n"


@pytest.fixture(autouse=True)
def _closed():
    yield
    parse_child.close()


def child():
    return parse_child._runner.child


def peak(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmPeak")) * 1024


@pytest.mark.parametrize(("name", "raw"), all_bombs(), ids=[name for name, _raw in all_bombs()])
def test_a_bomb_costs_little_and_the_next_mail_is_read(name, raw):
    parse_child.parse_safely(SIMPLE)
    process = child()._process
    began = time.monotonic()
    mail = parse_child.parse_safely(raw)
    spent = time.monotonic() - began
    assert spent < 10
    assert mail.sender.address or "X-A" in raw[:200].decode("latin-1")
    if child() is not None and child()._process is process:
        assert peak(process) <= 512 * 1024 * 1024
    assert parse_child.parse_safely(SIMPLE).subject == "hello"


def test_the_child_reads_as_the_parser_does():
    for path in sorted(eml_source.FOLDER.glob("*.eml")):
        raw = path.read_bytes()
        assert parse_child.parse_safely(raw) == parse(raw), path.name


def test_one_child_serves_many_mails_and_is_replaced_when_worn(monkeypatch):
    parse_child.parse_safely(SIMPLE)
    first = child()._process.pid
    parse_child.parse_safely(SIMPLE)
    assert child()._process.pid == first
    monkeypatch.setattr(parse_child, "MAILS_PER_CHILD", 2)
    parse_child.parse_safely(SIMPLE)
    assert child()._process.pid != first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_too_slow_is_headers_only():
    parse_child.parse_safely(SIMPLE)
    os.kill(child()._process.pid, signal.SIGSTOP)  # a child that hangs
    began = time.monotonic()
    mail = parse_child.parse_safely(SIMPLE, timeout=0.5)
    assert 0.5 <= time.monotonic() - began < 2
    assert (mail.subject, mail.sender.address, mail.text, mail.problems) == (
        "hello",
        "taro@example.jp",
        "",
        ("too_complex",),
    )
    assert child() is None
    assert parse_child.parse_safely(SIMPLE).text == "body"


def test_too_much_memory_is_headers_only():
    raw = SIMPLE.replace(b"body", b"<p>" + b"x" * 60_000_000).replace(
        b"\r\n\r\n", b"\r\nContent-Type: text/html\r\n\r\n"
    )[: 49 * 1024 * 1024]
    mail = parse_child.parse_safely(raw, memory=120 * 1024 * 1024)
    assert (mail.subject, mail.text, mail.problems) == ("hello", "", ("too_complex",))
    assert parse_child.parse_safely(SIMPLE).text == "body"


def test_a_child_killed_between_two_mails_is_not_the_next_mails_fault():
    parse_child.parse_safely(SIMPLE)
    os.kill(child()._process.pid, signal.SIGKILL)
    child()._process.wait()
    assert parse_child.parse_safely(SIMPLE).text == "body"


def test_an_interrupted_question_never_answers_the_next_mail():
    class TimeUp(BaseException):
        pass

    def ring(signum, frame):
        raise TimeUp

    parse_child.parse_safely(SIMPLE)
    os.kill(child()._process.pid, signal.SIGSTOP)
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(TimeUp):
            parse_child.parse_safely(SIMPLE.replace(b"hello", b"first"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert parse_child.parse_safely(SIMPLE).subject == "hello"


def test_a_forked_worker_has_a_child_of_its_own():
    parse_child.parse_safely(SIMPLE)
    mine = child()._process.pid
    source, sink = os.pipe()
    fork = os.fork()
    if fork == 0:  # pragma: no cover  # counted in the other process
        try:
            ok = parse_child._runner.child is None and parse_child.parse_safely(SIMPLE).text == "body"
            ok = ok and child()._process.pid != mine
            parse_child.close()
            os.write(sink, b"1" if ok else b"0")
        finally:
            os._exit(0)
    os.close(sink)
    assert os.read(source, 1) == b"1"
    os.close(source)
    os.waitpid(fork, 0)
    assert parse_child.parse_safely(SIMPLE).text == "body"
    assert child()._process.pid == mine


def test_threads_get_their_own_answers():
    answers = {}

    def ask(number):
        for turn in range(20):
            subject = f"{number}-{turn}"
            answers[subject] = parse_child.parse_safely(SIMPLE.replace(b"hello", subject.encode())).subject

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 80
    assert all(subject == answer for subject, answer in answers.items())


def test_the_child_knows_no_secrets_and_dies_with_its_parent(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "never to be seen")
    parse_child.parse_safely(SIMPLE)
    process = child()._process
    with open(f"/proc/{process.pid}/environ", "rb") as environment:
        assert b"never to be seen" not in environment.read()
    child().let_go()  # what the end of a parent looks like to its child
    assert process.wait(timeout=5) == 0


def test_headers_only_never_shows_a_body():
    mail = headers_only(SIMPLE, "too_complex")
    assert (mail.subject, mail.text, mail.problems) == ("hello", "", ("too_complex",))
    assert headers_only(b"\x00\xff", "too_complex").problems[0] == "too_complex"


def test_the_command_prints_one_object_a_line(capsys):
    files = [str(eml_source.FOLDER / name) for name in ("decomail.eml", "bounce-docomo.eml")]
    call_command("parse_mail", *files)
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert set(first) == {
        "file", "subject", "from", "reply_to", "to", "cc", "date", "message_id", "in_reply_to", "references", "text",
        "reply_text", "html", "attachments", "kind", "bounce", "problems",
    }  # fmt: skip
    assert first["from"] == {"name": "", "address": "taro@example.jp"}
    assert first["date"] == "2024-04-01T03:34:56+00:00"
    assert first["message_id"] == "<m1@example.jp>"
    assert set(first["attachments"][0]) == {"name", "type", "size", "sha256", "inline", "content_id"}
    assert second["kind"] == "bounce"
    assert second["bounce"]["recipients"][0]["hard"] is True


def test_the_command_says_which_file_is_missing(tmp_path):
    with pytest.raises(CommandError, match="missing.eml"):
        call_command("parse_mail", str(tmp_path / "missing.eml"))


def test_the_command_reads_files_where_no_shop_is_set_up():
    """No key, no database, no .env."""
    command = [sys.executable, settings.BASE_DIR / "manage.py", "parse_mail", eml_source.FOLDER / "decomail.eml"]
    nothing = {"PATH": os.environ["PATH"], "READ_DOT_ENV": "false"}
    done = subprocess.run(command, env=nothing, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout)["from"]["address"] == "taro@example.jp"
    assert done.stderr == ""
    refused = subprocess.run(
        [*command[:2], "check"], env=nothing, capture_output=True, text=True, check=False, timeout=60
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("shopdesk: SECRET_KEY is not set.")
