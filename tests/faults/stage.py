"""Where the faults are thrown: the servers and processes of ours, ready to be stopped, killed and started again."""

import contextlib
import json
import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg

from shopdesk import embedded
from tests import migrated
from tests.faults import checking

ROOT = Path(__file__).resolve().parent.parent.parent
# A worker for each: the second one's clock is ahead by this much; 0.3 of a lease of 4 s is 90 s of one of 20 min.
SKEWS = ("0", "0.3")


class _Postgres(embedded.Postgres):
    """Stops at once and forgets nothing that was committed; it need not survive the loss of power."""

    def command(self):
        return [*super().command(), "--synchronous_commit=on"]


class _Valkey(embedded.Valkey):
    stop_signal = "KILL"


class Child:
    """A process of ours with its log; it ends when its standard input does."""

    def __init__(self, stage, name, module, *words, env=()):
        self.stage, self.name, self.command = stage, name, [sys.executable, "-m", module, *words]
        self.env = dict(env)
        self.process = None
        self.answers = queue.Queue()

    def start(self):
        with (self.stage.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env={**self.stage.env, **self.env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        threading.Thread(target=self._listen, args=[self.process.stdout], daemon=True).start()
        return self

    def _listen(self, pipe):
        with pipe:
            for line in pipe:
                with contextlib.suppress(ValueError):
                    self.answers.put(json.loads(line))

    def say(self, **words):
        self.process.stdin.write(json.dumps(words).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, **words):
        """Say it and wait until it is done. What the process told meanwhile is left out."""
        self.say(**words)
        while True:
            answer = self.answers.get(timeout=60)
            if answer.get("done") == words["do"]:
                return answer

    def kill(self):
        process, self.process = self.process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
            with contextlib.suppress(OSError):
                process.stdin.close()

    def revive(self):
        """Start it again if it ended by itself, as the machine's supervisor would."""
        process = self.process
        if process is not None and process.poll() is not None and process is self.process:
            self.kill()
            self.start()

    def children(self):
        process = self.process
        return _children(process.pid) if process is not None else []


def _children(pid):
    """The process numbers of a process's own children."""
    found = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in found.splitlines() if line.split()[1] == str(pid)]


class Stage:
    """All servers and processes, ready for any number of seeds, one after another."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="shopdesk-faults-"))
        self.places = []
        self.closers = []

    def __enter__(self):
        try:
            return self._start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *failure):
        self.close()

    def _start(self):
        self.postgres = self._server(_Postgres)
        self.valkey = self._server(_Valkey)
        for name in ("media", "static", "control"):
            (self.folder / name).mkdir()
        self.control = self.folder / "control"
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("EMAIL_", "ANYMAIL_", "DJANGO_", "PYTEST_")) and not name.endswith("_FILE")
        }
        self.env = {
            **inherited,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "DJANGO_SETTINGS_MODULE": "shopdesk.settings",
            "READ_DOT_ENV": "false",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DEBUG": "false",
            "DEMO": "false",
            "STATICFILES_MANIFEST": "false",
            "SITE_URL": "http://testserver",
            "ALLOWED_HOSTS": "testserver,localhost",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "MEDIA_ROOT": str(self.folder / "media"),
            "STATIC_ROOT": str(self.folder / "static"),
            "DEFAULT_FROM_EMAIL": "support@shop.example",
            "LOG_LEVEL": "WARNING",
            "FAULTS_FOLDER": str(self.control),
        }
        self.sink = self._child("sink", "tests.faults.mail_server").start()
        self.env["EMAIL_URL"] = f"smtp://127.0.0.1:{self.sink.answers.get(timeout=30)['port']}"
        self.mailbox = self._child("mailbox", "tests.faults.mailbox").start()
        self.imap_port = self.mailbox.answers.get(timeout=30)["port"]
        self.client = self._child("client", "tests.faults.client").start()
        migrated.fill(self.postgres)
        self.client.ask(do="migrate")
        self.workers = [
            self._child(
                f"worker{number}", "tests.faults.worker", env={"FAULTS_SKEW": skew, "PGAPPNAME": f"worker{number}"}
            ).start()
            for number, skew in enumerate(SKEWS)
        ]
        for worker in self.workers:
            try:
                worker.answers.get(timeout=60)
            except queue.Empty:
                raise RuntimeError(f"{worker.name} did not start:\n{self.log(worker.name)}") from None
        self.ringers = [self._child(f"ringer{number}", "tests.faults.ringer") for number in range(2)]
        self.ringers[0].start()
        self.closing = threading.Event()
        self.watch = threading.Lock()
        supervisor = threading.Thread(target=self._supervise, daemon=True)
        supervisor.start()
        self.closers.append(lambda: (self.closing.set(), supervisor.join()))
        return self

    def _supervise(self):
        # A pool whose child is killed before it is up makes Celery give up and leave.
        while not self.closing.wait(0.3):
            for worker in self.workers:
                with self.watch:
                    worker.revive()

    def _server(self, kind):
        place = embedded.short_folder()
        self.places.append(place)
        server = kind(place, durable=False)
        self.closers.append(server.stop)
        return server.start()

    def _child(self, *words, **more):
        child = Child(self, *words, **more)
        self.closers.append(child.kill)
        return child

    def close(self):
        """Stop everything that was started here, in the opposite order."""
        while self.closers:
            with contextlib.suppress(Exception):
                self.closers.pop()()
        for place in [*self.places, self.folder]:
            embedded.remove(place)
            shutil.rmtree(place, ignore_errors=True)

    # --- small deeds ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def database(self):
        """A fresh connection, committed at once; waits while the server is starting."""
        end = time.monotonic() + 20
        while True:
            try:
                connection = psycopg.connect(self.dsn, autocommit=True)
                break
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        with connection:
            yield connection

    @property
    def dsn(self):
        return f"host={self.postgres.sockets} port=5432 user=postgres dbname={embedded.DATABASE}"

    def jump(self, seconds):
        spare = self.control / "clock.new"
        spare.write_text(str(seconds), encoding="ascii")
        spare.rename(self.control / "clock")

    def traps(self):
        return list(self.control.glob("die-*"))

    def reset(self):
        """Empty tables, broker and sink; everything is quiet before and after."""
        self.jump(0)
        for trap in self.traps():
            trap.unlink(missing_ok=True)
        self.ringers[1].kill()
        self.sink.ask(do="reset")
        self.mailbox.ask(do="reset")
        with self.database() as database:
            wanted = [*checking.TABLES]
            there = database.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename = ANY(%s)", [wanted]
            ).fetchall()
            database.execute("TRUNCATE " + ", ".join(name for (name,) in there) + " CASCADE")
        shutil.rmtree(self.folder / "media")
        (self.folder / "media").mkdir()
        self.client.ask(do="mailbox", port=self.imap_port)

    def readers_of(self, worker):
        """The processes that read mail for a worker's child."""
        return [pid for child in worker.children() for pid in _children(child)] if worker.process else []

    def log(self, name, lines=20):
        path = self.folder / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""
