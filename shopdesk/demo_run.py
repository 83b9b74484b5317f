"""``make demo``: the whole desk on one machine, from a bare checkout, in one process that owns all others.

    python -m shopdesk.demo_run          start, print the addresses, stop everything at Ctrl-C
    python -m shopdesk.demo_run reset    forget the demo's data

Everything it writes is below ``var/``. Every other process hangs on a pipe held by this one, and stops when this one
ends, however it ends. Mail goes to a sink on this machine and nowhere else.
"""

import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

from shopdesk import embedded, probe
from shopdesk.install import Progress, tail

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("SHOPDESK_VAR", ROOT / "var"))  # the tests have a place of their own
NOTE = VAR / "demo.json"  # the secret key and the demo's sign-in; readable by its owner alone
GROUPS = VAR / "demo.groups"  # process groups of the present run, for the next start after a kill
WEB_PORT = 8000
MAIL_PORT = 2525
READY_SECONDS = 180.0
STOP_SECONDS = 15.0

# Starts the command, and ends it when the pipe on standard input ends. Lives as long as the command.
GUARD = """
exec 3<&0
"$@" 3<&- & child=$!
{ cat <&3 >/dev/null; kill -s TERM "$child"; } 2>/dev/null &
exec 3<&-
wait "$child"
"""


class DemoFailed(Exception):
    """The demo cannot go on; the message says why."""


class Stopped(Exception):
    """Ctrl-C, or a polite kill."""


class Child:
    """A process of the demo in a group of its own, with its log."""

    def __init__(self, name: str, command: list[str], env: dict[str, str], *, output: IO[bytes] | None = None) -> None:
        self.name = name
        self.log = VAR / "log" / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, f"shopdesk-demo-{name}", *command],
                cwd=ROOT,
                env=env,
                stdin=subprocess.PIPE,
                stdout=output or log,
                stderr=log,
                start_new_session=True,
            )
        with GROUPS.open("a", encoding="utf-8") as groups:
            groups.write(f"{self.process.pid}\n")

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def ask_to_stop(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Wait for the end; then end what is left of the group."""
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        _kill_group(self.process.pid)
        self.process.wait()


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _end_leftovers() -> None:
    """After a kill of the demo and its guards: end what the last run left, and nothing that only has its number."""
    if not GROUPS.exists():
        return
    ours = {int(line) for line in GROUPS.read_text(encoding="utf-8").split()}
    end = time.monotonic() + 5
    while groups := _groups_of_this_folder() & ours:
        for group in groups:
            _kill_group(group)
        if time.monotonic() > end:
            break
        time.sleep(0.1)  # until they, and their ports, are gone
    GROUPS.unlink()


def _groups_of_this_folder() -> set[int]:
    """Process groups in which something of this checkout runs."""
    listing = subprocess.run(["ps", "-A", "-o", "pgid=,args="], check=False, capture_output=True, text=True).stdout
    rows = (line.strip().partition(" ") for line in listing.splitlines())
    return {int(group) for group, _, words in rows if str(ROOT / ".venv") in words}


def _is_free(port: int) -> bool:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe_socket:
                probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe_socket.bind((address, port))
        except OSError:
            if family == socket.AF_INET:
                return False
            # A machine without IPv6 cannot have the port taken there.
            with socket.socket(family, socket.SOCK_STREAM) if socket.has_ipv6 else socket.socket() as other:
                other.settimeout(0.3)
                if other.family == family and other.connect_ex((address, port)) == 0:
                    return False
    return True


def _port(wanted: int, what: str, progress: Progress) -> int:
    """``wanted``, or the next free one, said aloud."""
    for port in range(wanted, wanted + 200):
        if _is_free(port):
            if port != wanted:
                progress.say(f"Port {wanted} is taken; {what} uses {port}.")
            return port
    raise DemoFailed(f"No free port between {wanted} and {wanted + 199} for {what}.")


def _note() -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(NOTE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    return found


def _remember(note: dict[str, str]) -> None:
    unfinished = NOTE.with_suffix(".new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(note, file)
    unfinished.replace(NOTE)


@contextmanager
def _only_one() -> Iterator[None]:
    """Two demos in one folder would share their data. The lock ends with the process, however it ends."""
    VAR.mkdir(exist_ok=True)
    (VAR / "log").mkdir(exist_ok=True)
    with (VAR / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            where = _note().get("address", "")
            raise DemoFailed(f"The demo is already running {where}. Stop it there with Ctrl-C first.") from None
        yield


def _environment(database: str, broker: str, web_port: int, mail_port: int, secret_key: str) -> dict[str, str]:
    """Of the caller's environment only what a process needs to live; of ours everything."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return kept | {
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "shopdesk.settings",
        "READ_DOT_ENV": "false",
        "DEMO": "true",
        "DEBUG": "false",
        "SECRET_KEY": secret_key,
        "SITE_URL": f"http://localhost:{web_port}",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "DATABASE_URL": database,
        "REDIS_URL": broker,
        "MEDIA_ROOT": str(VAR / "media"),
        "STATIC_ROOT": str(VAR / "static"),
        "STATICFILES_MANIFEST": "false",
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
    }


def _manage(progress: Progress, text: str, env: dict[str, str], *words: str) -> str:
    """Run ``manage.py`` with its progress shown; its output."""
    output = VAR / "log" / f"{words[0]}.out"
    with progress.step(text), output.open("wb") as out:
        child = Child(words[0], [sys.executable, "manage.py", *words], env, output=out)
        try:
            status = child.process.wait()
        finally:
            child.stop(1)
    if status:
        raise DemoFailed(f"manage.py {words[0]} failed. The end of {child.log}:\n{tail(child.log)}")
    return output.read_text(encoding="utf-8", errors="replace")


def _load(progress: Progress, env: dict[str, str], note: dict[str, str]) -> None:
    """The demo shop, once; its random password is remembered for the next start."""
    for line in reversed(_manage(progress, "Looking after the demo shop", env, "demo", "--if-empty").splitlines()):
        if line.startswith("{"):
            made: dict[str, str] = json.loads(line)
            if made:
                note |= {"email": made["email"], "password": made["password"]}
                _remember(note)
            return


def _wait_until_ready(progress: Progress, children: list[Child], port: int) -> None:
    with progress.step("Starting web, worker and beat"):
        end = time.monotonic() + READY_SECONDS
        answer: tuple[int, object] = (0, {})
        while answer[0] != 200:
            for child in children:
                if child.has_ended():
                    raise DemoFailed(f"{child.name} ended. The end of {child.log}:\n{tail(child.log, 25)}")
            if time.monotonic() > end:
                raise DemoFailed(f"Not ready after {READY_SECONDS:.0f} s. /readyz says {answer}. Logs: {VAR / 'log'}")
            time.sleep(0.2)
            answer = probe.ask("readyz", port=port, host=f"localhost:{port}")


def _announce(progress: Progress, address: str, note: dict[str, str]) -> None:
    password = note.get("password", "(unknown: `make demo-reset` starts over)")
    progress.say("Ready. / 準備ができました。")
    rows = [
        ("Public pages / お客様ページ", f"{address}/"),
        ("Staff / 管理画面", f"{address}/admin/"),
        ("Mail address / メールアドレス", note.get("email", "")),
        ("Password / パスワード", password),
        ("Outgoing mail / 送信メール", f"{address}/admin/mail/"),
    ]
    lines = "".join(f"  {label}\n      {value}\n" for label, value in rows)
    sys.stdout.write(f"\n{lines}\n  No mail leaves this machine. Ctrl-C stops everything. / Ctrl-C で終了します。\n\n")
    sys.stdout.flush()


def start() -> None:
    """Start everything, then watch until Ctrl-C."""
    progress = Progress()
    with ExitStack() as stack:
        stack.enter_context(_only_one())
        _end_leftovers()
        for folder in ("media", "static", "mail", "beat"):
            (VAR / folder).mkdir(mode=0o700, exist_ok=True)
        note = _note()
        note.setdefault("secret_key", secrets.token_urlsafe(50))
        web_port = _port(WEB_PORT, "the web", progress)
        mail_port = _port(MAIL_PORT, "the mail sink", progress)
        note["address"] = f"http://localhost:{web_port}"
        _remember(note)
        with progress.step("Starting PostgreSQL and Valkey"):
            database = stack.enter_context(embedded.postgres(VAR / "postgres", durable=True))
            broker = stack.enter_context(embedded.valkey(VAR / "valkey"))
        env = _environment(database, broker, web_port, mail_port, note["secret_key"])
        children: list[Child] = []
        stack.callback(_stop_all, children)
        python = sys.executable
        children.append(Child("mail", [python, "-m", "shopdesk.demo_sink", str(VAR / "mail"), str(mail_port)], env))
        _manage(progress, "Preparing the database", env, "migrate", "--verbosity", "0")
        _load(progress, env, note)
        celery = [python, "-m", "celery", "-A", "shopdesk.celery", "--quiet"]
        worker = ["worker", "--concurrency", "2", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
        beat = ["beat", "--schedule", str(VAR / "beat" / "schedule"), "--pidfile", "", "--loglevel", "INFO"]
        web = [python, "-m", "gunicorn", "shopdesk.wsgi", "--preload", "--workers", "2", "--threads", "4"]
        children.append(Child("worker", [*celery, *worker], env))
        children.append(Child("beat", [*celery, *beat], env))
        children.append(Child("web", [*web, "--bind", f"127.0.0.1:{web_port}", "--access-logfile", "-"], env))
        _wait_until_ready(progress, children, web_port)
        _announce(progress, note["address"], note)
        while True:
            time.sleep(0.5)
            for child in children:
                if child.has_ended():
                    raise DemoFailed(f"{child.name} ended. The end of {child.log}:\n{tail(child.log, 25)}")


def _stop_all(children: list[Child]) -> None:
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop()
    GROUPS.unlink(missing_ok=True)


def reset() -> None:
    """Delete the demo's data, mail and sign-in. The installed packages stay."""
    with _only_one():
        _end_leftovers()
        embedded.remove(VAR / "postgres")
        embedded.remove(VAR / "valkey")
        for folder in ("media", "mail", "beat", "static"):
            shutil.rmtree(VAR / folder, ignore_errors=True)
        NOTE.unlink(missing_ok=True)
    sys.stdout.write("The demo starts over with the next `make demo`.\n")


def _stopped(number: int, frame: FrameType | None) -> None:
    # Once is enough: while everything is being stopped, further signals must not interrupt that.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise Stopped


def main() -> int:
    if sys.argv[1:] not in ([], ["reset"]):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stopped)
    try:
        reset() if sys.argv[1:] else start()
    except Stopped:
        sys.stdout.write("\nStopped; nothing is left running. / 終了しました。\n")
    except (DemoFailed, embedded.EmbeddedServerError) as failure:
        sys.stderr.write(f"\n{failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
