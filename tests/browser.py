"""The browser of the tests: which one, and ``python -m tests.browser`` to bring it here.

As root on Debian chromium and a Japanese font come by apt; elsewhere ``playwright install chromium``. Standard library
until a browser is to be tried.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome")
# Chromium refuses its sandbox to root; nothing of Google's is asked while tests run.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic",
]  # fmt: skip
CURE = (
    "No browser for the tests. Run:  sudo apt-get install -y chromium fonts-ipaexfont  (Debian), or "
    ".venv/bin/playwright install --with-deps chromium  (Ubuntu, macOS), or leave those tests out with BROWSER=skip."
)


def program():
    """Path of a browser of this machine; None for the one that Playwright brings."""
    if given := os.environ.get("BROWSER_PATH"):
        return given
    return next((found for name in NAMES if (found := shutil.which(name)) and not _is_snap(found)), None)


def _is_snap(path):
    # Ubuntu's package is a door to a snap, which neither root nor a container can open.
    return "snap" in str(Path(path).resolve()) or b"snap" in Path(path).read_bytes()[:4000]


def launch(playwright):
    """A running Chromium."""
    return playwright.chromium.launch(executable_path=program(), args=ARGUMENTS)


def has_japanese_font():
    """Whether Japanese pages will show letters; other systems than Linux bring them."""
    if not sys.platform.startswith("linux"):
        return True
    if not shutil.which("fc-list"):
        return False
    return bool(subprocess.run(["fc-list", ":lang=ja"], capture_output=True, check=False).stdout.strip())


def works():
    """Whether a page opens."""
    from playwright.sync_api import Error, sync_playwright

    try:
        with sync_playwright() as playwright:
            browser = launch(playwright)
            browser.new_page().goto("about:blank")
            browser.close()
    except Error as error:
        print(str(error).splitlines()[0], file=sys.stderr)
        return False
    return True


def _is_debian():
    release = Path("/etc/os-release")
    return release.exists() and "\nID=debian" in "\n" + release.read_text(encoding="utf-8")


def _say(text):
    print(text, flush=True)


def ensure():
    """Bring what is missing; False where that is not possible."""
    packages = []
    if os.geteuid() == 0 and shutil.which("apt-get"):
        if program() is None and _is_debian():
            packages.append("chromium")
        if not has_japanese_font():
            packages += ["fonts-ipaexfont", "fontconfig"]
    if packages:
        _say(f"Installing {' '.join(packages)} …")
        log = ROOT / "var" / "log" / "browser.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        with log.open("wb") as out:
            for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *packages]):
                subprocess.run(["apt-get", *command], env=env, stdout=out, stderr=out, check=False)
    if program() is None and not works():
        _say("Installing Playwright's Chromium …")
        extra = ["--with-deps"] if os.geteuid() == 0 and shutil.which("apt-get") else []
        subprocess.run([sys.executable, "-m", "playwright", "install", *extra, "chromium"], check=False)
    return works()


if __name__ == "__main__":
    if not ensure():
        sys.exit(CURE)
    if not has_japanese_font():
        sys.exit("No Japanese font for the tests. Run:  sudo apt-get install -y fonts-ipaexfont  or use BROWSER=skip.")
