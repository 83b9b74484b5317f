"""``make demo`` from its second step on: it comes up, says where, keeps its data, and leaves no process."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from shopdesk import embedded, probe

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def place():
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="demo 店 "))
    folder.chmod(0o755)
    yield folder
    for name in ("postgres", "valkey"):
        embedded.remove(folder / name)
    subprocess.run(["rm", "-rf", str(folder)], check=True)


class Demo:
    """A running demo; what it printed is in ``text``."""

    def __init__(self, place):
        self.place = place
        self.output = place / "output"
        self.started = time.monotonic()
        with self.output.open("wb") as out:
            # A session of its own, as a terminal gives it, so that its signals do not reach the tests.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "shopdesk.demo_run"], cwd=ROOT, env=os.environ | {"SHOPDESK_VAR": str(place)},
                stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def text(self):
        return self.output.read_text(encoding="utf-8")

    def wait_until_ready(self):
        while "Ctrl-C stops everything" not in self.text:
            assert self.process.poll() is None, self.text
            assert time.monotonic() - self.started < 150, self.text
            time.sleep(0.1)
        self.seconds = time.monotonic() - self.started
        self.port = int(re.search(r"http://localhost:(\d+)/\n", self.text)[1])
        self.groups = set((self.place / "demo.groups").read_text(encoding="utf-8").split())
        self.password = re.search(r"Password.*\n +(\S+)\n", self.text)[1]

    def processes(self):
        """Commands of everything in the demo's process groups or with its place among its words; no zombies."""
        listing = subprocess.run(["ps", "-A", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
        rows = [line.split(None, 2) for line in listing.stdout.splitlines()]
        alive = [row for row in rows if len(row) == 3 and not row[1].startswith("Z")]
        return [row[2] for row in alive if row[0] in self.groups or str(self.place) in row[2]]

    def has_left(self):
        """What still runs some seconds after the end."""
        end = time.monotonic() + 20
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.2)
        return left


@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_demo_comes_up_stops_and_comes_up_again(place):
    demo = Demo(place)
    try:
        demo.wait_until_ready()
        host = f"localhost:{demo.port}"
        status, body = probe.ask("readyz", port=demo.port, host=host)
        assert (status, body["status"]) == (200, "ok")
        assert len([line for line in demo.processes() if "gunicorn" in line or "celery" in line]) >= 7
        assert (place / "demo.json").stat().st_mode & 0o777 == 0o600
        assert json.loads((place / "demo.json").read_text(encoding="utf-8"))["password"] == demo.password

        # A second one beside it would share its data.
        second = subprocess.run(
            [sys.executable, "-m", "shopdesk.demo_run"], cwd=ROOT, env=os.environ | {"SHOPDESK_VAR": str(place)},
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        assert second.returncode == 1
        assert "already running" in second.stderr

        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(40) == 0
        assert "nothing is left running" in demo.text
        assert demo.has_left() == []

        again = Demo(place)
        again.wait_until_ready()
        assert again.password == demo.password
        busy = max(1, os.getloadavg()[0] / os.cpu_count())  # with other tests beside it everything takes longer
        assert again.seconds < 20 * busy
        again.process.kill()
        again.process.wait()
        assert again.has_left() == []
    finally:
        demo.process.kill()
