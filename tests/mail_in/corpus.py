"""Mail made by others, with the results their own tests expect; read from the folder beside the checkout.

Each source has its own form. Where a source expects nothing, nothing is derived.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

BASE = Path(__file__).resolve().parents[2]
ROOT = BASE.parent / "shared" / "data" / "mail"
VISIBLE = ROOT / "visible"
REASON = "the collected mail is not beside this checkout (../shared/data/mail)"

# Folders with whole mails, and among them those that are all returned mail or reports.
BOUNCES = ("sisimai", "flufl-bounce")
ORDINARY = (
    "cpython", "django-helpdesk", "django-mailbox", "enmime", "imap-tools", "jpmobile-ja", "mail-mime-parser",
    "mail-parser", "mikel-mail", "milter-manager-ja", "php-imap", "stalwart",
)  # fmt: skip
JAPANESE = ("jpmobile-ja", "milter-manager-ja")
NO_MAIL = {".json", ".png", ".doc", ".dat", ".html"}


@dataclass
class Sample:
    source: str
    path: Path
    expected: dict = field(default_factory=dict)

    @property
    def raw(self) -> bytes:
        return self.path.read_bytes()

    @property
    def name(self) -> str:
        return f"{self.source}/{self.path.relative_to(VISIBLE / self.source)}"


def present() -> bool:
    return VISIBLE.is_dir()


def _files(source: str) -> list[Path]:
    folder = VISIBLE / source
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in NO_MAIL)
    return [path for path in found if "files" not in path.relative_to(folder).parts]


@cache
def expected(source: str) -> dict:
    path = VISIBLE / source / "expected.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _stalwart(path: Path) -> dict:
    """That parser writes its whole tree; subject, sender and the number of attachments are taken from it."""
    other = path.with_suffix(".json")
    if not other.exists():
        return {}
    data = json.loads(other.read_text())
    top = data["parts"][0]["headers"] if data.get("parts") else []
    found: dict = {}
    for header in top:
        value = header["value"] if isinstance(header["value"], dict) else {}
        if header["name"] == "subject" and "Text" in value:
            found["subject"] = value["Text"]
        if header["name"] == "from" and isinstance(value.get("Address"), dict) and "List" in value["Address"]:
            first = value["Address"]["List"][0]
            if "@" in (first.get("address") or ""):
                found["from_email"] = first["address"]
    return found


def mails(*sources: str) -> list[Sample]:
    """Every whole mail of the sources (all sources of mail by default), with what is expected of it."""
    samples = []
    for source in sources or (*ORDINARY, *BOUNCES):
        for path in _files(source):
            key = str(path.relative_to(VISIBLE / source))
            found = _stalwart(path) if source == "stalwart" else expected(source).get(key, {})
            samples.append(Sample(source, path, found))
    return samples


def replies() -> list[tuple[str, str, str]]:
    """(name, body, the part that must stay visible) where the source gives both."""
    found = []
    emails, trimmed = VISIBLE / "reply-discourse" / "emails", VISIBLE / "reply-discourse" / "trimmed"
    for path in sorted(emails.glob("*.txt")):
        if (trimmed / path.name).exists():
            found.append((f"discourse/{path.name}", path.read_text(), (trimmed / path.name).read_text()))
    for name, want in sorted(expected("reply-crisp").items()):
        if "visible" in want and (VISIBLE / "reply-crisp" / name).exists():
            found.append((f"crisp/{name}", (VISIBLE / "reply-crisp" / name).read_text(), want["visible"]))
    return found


def quote_headers() -> list[str]:
    return [entry["header"] for entry in json.loads((ROOT / "ja_quote_headers.json").read_text())]


def plain(text: str) -> str:
    """For comparing: one kind of line break, one kind of space."""
    return " ".join(text.replace("\r\n", "\n").split())


def text_of(sample: Sample, name: str) -> str:
    data = (VISIBLE / sample.source / sample.expected[name]).read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252")
