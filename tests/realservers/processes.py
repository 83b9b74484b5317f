"""Starting a private server, waiting for its doors, and ending it and nothing else."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

# Ends the server when the pipe from the tests closes, also when they were killed. (Asking the kernel for a signal at the
# parent's death does not do: Postfix changes its user, which takes that back.)
GUARD = '"$@" & server=$!; read -r _; kill "$server"; wait "$server"'


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as door:
        return door.getsockname()[1]


class Program:
    """A server in a process group of its own, with its files in a folder that other users may enter."""

    name = ""
    ports = ()

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix=f"shopdesk-{self.name}-"))
        self.folder.chmod(0o755)
        self.log = self.folder / "log"
        self._process = None

    def command(self):
        raise NotImplementedError

    def start(self):
        with (self.folder / "output").open("wb") as out:
            self._process = subprocess.Popen(
                ["sh", "-c", GUARD, "guard", *self.command()],
                stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + 15
        for port in self.ports:
            while True:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if time.monotonic() > end or self._process.poll() is not None:
                    words = self.words()
                    self.stop()
                    raise RuntimeError(f"{self.name} does not start: {words}")
                time.sleep(0.05)
        return self

    def words(self):
        """What it wrote, for a test that fails."""
        return "\n".join(
            path.read_text(errors="replace")[-3000:] for path in (self.folder / "output", self.log) if path.exists()
        )

    def logged(self):
        """Its log so far; there is none before its first line."""
        return self.log.read_text() if self.log.exists() else ""

    def stop(self):
        process, self._process = self._process, None
        if process is not None:
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)
        shutil.rmtree(self.folder, ignore_errors=True)


class Cut:
    """A wire to a server that breaks once ``after`` bytes have come back over it, as often as ``times`` says."""

    far, said = "127.0.0.1", None

    def __init__(self, behind, *, after, times=1):
        self.behind, self.after, self.times = behind, after, times
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def changed(self, data):
        """What the client gets to hear instead."""
        return data

    def _serve(self):
        with suppress(OSError):
            while True:
                near = self._door.accept()[0]
                threading.Thread(target=self._one, args=[near], daemon=True).start()

    def _one(self, near):
        with near, suppress(OSError), socket.create_connection((self.far, self.behind)) as far:
            back = threading.Thread(target=self._pump, args=[far, near, True], daemon=True)
            back.start()
            self._pump(near, far, False)
            back.join()

    def _pump(self, source, target, counted):
        passed = 0
        with suppress(OSError):
            while data := source.recv(65536):
                if counted and self.times and passed + len(data) > self.after:
                    self.times -= 1
                    target.sendall(data[: self.after - passed])
                    break
                passed += len(data)
                if self.said is not None and not counted:
                    self.said.append(data)
                target.sendall(self.changed(data) if counted else data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
