"""The source itself: lint, format, types, layers, migrations, templates, and what must not stand in any file."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.house.words import tracked

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = Path(sys.executable).parent


def run(*command):
    done = subprocess.run(
        [TOOLS / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]


def test_lint():
    run("ruff", "check", "--no-cache", ".")


def test_format():
    run("ruff", "format", "--no-cache", "--check", ".")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_types():
    run("mypy")


def test_layers():
    run("lint-imports", "--no-cache")


def test_templates_are_clean():
    run("djlint", "templates", "--lint", "--quiet")


def test_migrations_are_complete(db):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


# What the content security policy would refuse, and what would let a stranger's words through as markup.
FORBIDDEN = {
    "inline script": re.compile(
        r"<script(?![^>]*\ssrc=)(?![^>]*type=\"application/(ld\+)?json\")[^>]*>", re.IGNORECASE
    ),
    "inline style": re.compile(r"<style|\sstyle\s*=\s*[\"']", re.IGNORECASE),
    "event attribute": re.compile(r"<[^>]*\son[a-z]+\s*=\s*[\"']", re.IGNORECASE),
    "safe filter": re.compile(r"\|\s*safe(seq)?\b"),
    "autoescape off": re.compile(r"{%\s*autoescape\s+off"),
    "htmx evaluation": re.compile(r"hx-on|hx-vars|[\"']js:"),
}


def test_templates_hold_no_inline_code():
    found = []
    for name in tracked(ROOT):
        # Text bodies of mails have no markup to escape.
        if "templates/" in name and name.endswith(".html"):
            text = re.sub(
                r"{% comment %}.*?{% endcomment %}", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL
            )
            mail = name.startswith("templates/mail/") or "/templates/mail/" in name
            for what, pattern in FORBIDDEN.items():
                if mail and what == "inline style":
                    continue  # mail programs know no stylesheets
                found += [f"{name}: {what}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []


def test_only_one_module_makes_safe_html():
    made = re.compile(r"\b(mark_safe|SafeString\(|format_html_join|__html__)")
    allowed = {"shopdesk/html.py"}
    found = [
        name
        for name in tracked(ROOT)
        if name.endswith(".py") and not name.startswith("tests/") and name not in allowed
        if made.search((ROOT / name).read_text(encoding="utf-8"))
    ]
    assert found == []


# Written in pieces, so that this file does not hold what it looks for.
FOREIGN = {
    "a registry's address": re.compile("|".join(("pypi" + r"\.org", "files.python" + "hosted", "simple" + "/index"))),
    "a path of one machine": re.compile(
        "|".join(("/wo" + "rk/", "/ro" + r"ot/[a-z.]", "/ho" + r"me/[a-z]+/", "/Us" + "ers/"))
    ),
    "a private address": re.compile(r"\b(10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+)\b"),
}
BINARY = {".mo", ".png", ".jpg", ".ico", ".woff2", ".zip", ".gif", ".pdf", ".webp"}


def test_no_file_names_a_registry_or_a_machine():
    found = []
    for name in tracked(ROOT):
        path = ROOT / name
        if path.suffix in BINARY:
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        for what, pattern in FOREIGN.items():
            if what == "a private address" and name.startswith("tests/"):
                continue
            found += [f"{name}: {what}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []


@pytest.mark.parametrize("name", ["base", "demo", "dev"])
def test_requirements_are_locked_with_hashes(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^[a-z0-9][^\s=]*==\S+", text, re.MULTILINE)
    assert len(pins) > 20
    assert "--index-url" not in text
    for block in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE):
        assert not block.strip() or block.startswith("#") or "--hash=sha256:" in block, block[:80]
