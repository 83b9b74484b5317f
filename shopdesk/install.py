"""Makes ``.venv`` and installs a locked requirements file into it, showing how long it takes.

    python3 -I shopdesk/install.py requirements/demo.txt

Standard library only: it runs before anything is installed, with any Python from 3.11 on. ``-I`` keeps this folder out
of the import path. Done again only when the requirements or the Python changed.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
TICK_SECONDS = 1.0
# Without a terminal a line each second would only fill a log.
QUIET_TICK_SECONDS = 15.0


class Progress:
    """Lines like ``[  12 s] Installing …`` on standard output; ticks while a step is under way."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.live = sys.stdout.isatty()

    def say(self, text: str) -> None:
        """One line with the time since the start."""
        clear = "\r\033[K" if self.live else ""
        sys.stdout.write(f"{clear}[{time.monotonic() - self.started:4.0f} s] {text}\n")
        sys.stdout.flush()

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show ``text`` with the running time until the block ends, then how long it took."""
        began = time.monotonic()
        over = threading.Event()

        def tick() -> None:
            while not over.wait(TICK_SECONDS if self.live else QUIET_TICK_SECONDS):
                spent = f"[{time.monotonic() - self.started:4.0f} s] {text} ({time.monotonic() - began:.0f} s)"
                sys.stdout.write(f"\r\033[K{spent}" if self.live else f"{spent}\n")
                sys.stdout.flush()

        if self.live:
            sys.stdout.write(f"[{began - self.started:4.0f} s] {text} ")
            sys.stdout.flush()
        else:
            self.say(text)
        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        if self.live:
            self.say(f"{text} ({time.monotonic() - began:.1f} s)")


def fail(text: str) -> None:
    """End with a sentence that says what to do."""
    sys.stderr.write(f"\n{text}\n")
    sys.exit(1)


def run(command: list[str], log: Path) -> int:
    """Run a command with its output in ``log``; the status."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.run(
            command, check=False, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        ).returncode


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def stamp_of(requirements: Path) -> str:
    """What an installation depends on: the locked file and the Python."""
    content = requirements.read_bytes() + sys.version.encode() + os.fsencode(sys.base_prefix)
    return hashlib.sha256(content).hexdigest()


def make_venv(folder: Path, log: Path) -> list[str]:
    """An empty virtual environment; gives the pip command that installs into it."""
    python = folder / "bin" / "python"
    if importlib.util.find_spec("ensurepip") is None and importlib.util.find_spec("pip") is None:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        if os.geteuid() == 0 and shutil.which("apt-get"):
            run(["apt-get", "update", "-q"], log)
            run(["apt-get", "install", "-q", "-y", "--no-install-recommends", package], log)
            importlib.invalidate_caches()
        if importlib.util.find_spec("ensurepip") is None:
            fail(f"This Python cannot make virtual environments. Run:  sudo apt-get install -y {package}")
    with_pip = importlib.util.find_spec("ensurepip") is not None
    command = [sys.executable, "-I", "-m", "venv", "--clear", str(folder)]
    if run(command if with_pip else [*command, "--without-pip"], log):
        fail(f"The virtual environment {folder} could not be made:\n{tail(log)}")
    if with_pip:
        return [str(python), "-I", "-m", "pip"]
    return [sys.executable, "-I", "-m", "pip", "--python", str(python)]


def install(requirements: Path) -> None:
    """Bring ``.venv`` to what the locked file says."""
    folder = ROOT / ".venv"
    stamp = folder / f"installed-{requirements.stem}"
    wanted = stamp_of(requirements)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    log = ROOT / "var" / "log" / "install.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    progress = Progress()
    pip = [str(folder / "bin" / "python"), "-I", "-m", "pip"]
    usable = folder.exists() and subprocess.run([*pip, "--version"], check=False, capture_output=True).returncode == 0
    if not usable:
        with progress.step("Making .venv"):
            pip = make_venv(folder, log)
    # --no-compile: modules are compiled when they are first used, not all of them now.
    options = ["--disable-pip-version-check", "--no-input", "--no-compile", "--require-hashes", "--only-binary=:all:"]
    with progress.step(f"Installing {requirements.relative_to(ROOT)} (once; a few minutes on a slow line)"):
        status = run([*pip, "install", *options, "-r", str(requirements)], log)
    if status:
        fail(f"The requirements could not be installed. The end of {log}:\n{tail(log)}")
    stamp.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        fail(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; this is {sys.version.split()[0]}.")
    install((ROOT / sys.argv[1]).resolve())
