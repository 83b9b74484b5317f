"""Files with a message: what is let in, under which name it is shown, and where it lies.

Nothing that the sender says about a file is believed: the type is read from its first bytes, the shown name is cleaned,
the stored name is random. Archives are stored, never unpacked.
"""

import hashlib
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from inquiries.models import Attachment, Message
from shopdesk import tokens

MAX_FILES = 5
MAX_BYTES = 10 * 1024 * 1024
_NAME_BYTES = 180
_HEAD = 8192

# media type -> endings that may be shown for it, the usual one first
ENDINGS: dict[str, tuple[str, ...]] = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg", ".jfif"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "image/heic": (".heic", ".heif"),
    "video/mp4": (".mp4", ".m4v"),
    "video/quicktime": (".mov",),
    "application/pdf": (".pdf",),
    "text/plain": (".txt",),
    "text/csv": (".csv",),
    "application/zip": (".zip",),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (".docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (".xlsx",),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": (".pptx",),
}
# What a browser may draw in the frame of a mail. All others are downloads.
INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
UNKNOWN_TYPE = "application/octet-stream"
_BY_ENDING = {ending: media_type for media_type, endings in ENDINGS.items() for ending in endings}
_PROGRAMS = (b"MZ", b"\x7fELF", b"#!", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa")
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"mif1", b"msf1"}

# For the file picker; what is really let in is decided by the bytes.
ACCEPT = ",".join(sorted(_BY_ENDING))


class Refused(Exception):
    """A file that is not let in. ``code``: too_large, too_many, too_large_together, empty, program or kind; ``name``:
    the shown name."""

    def __init__(self, code: str, name: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.name = name

    @property
    def sentence(self) -> str:
        """What to tell the person, in the language of the moment."""
        words = {"name": self.name, "files": MAX_FILES, "size": MAX_BYTES // 1024 // 1024}
        sentences = {
            "too_large": _("“%(name)s” is larger than %(size)s MB."),
            "too_many": _("Please attach at most %(files)s files."),
            "too_large_together": _("Together the files are too large for one mail."),
            "empty": _("“%(name)s” is empty."),
            "program": _("“%(name)s” is a program and cannot be attached."),
        }
        other = _("“%(name)s” cannot be attached. Pictures, PDF, text, CSV, ZIP and Office files can.")
        return sentences.get(self.code, other) % words


@dataclass(frozen=True)
class Checked:
    """A file that was let in: its shown name, the type that its bytes say, its size."""

    file: File  # type: ignore[type-arg]  # bytes or text is mypy-only
    name: str
    media_type: str


def sniff(head: bytes, ending: str) -> str:
    """The media type that the first bytes say, "" for what is not let in, "program" for programs.

    ``ending`` decides only where bytes cannot: among text files and among zip containers.
    """
    if head.startswith(_PROGRAMS):
        return "program"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in _HEIC_BRANDS:
            return "image/heic"
        return "video/quicktime" if brand == b"qt  " else "video/mp4"
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    claimed = _BY_ENDING.get(ending, "")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return claimed if claimed == "application/zip" or "openxmlformats" in claimed else ""
    return claimed if claimed in {"text/plain", "text/csv"} and _is_text(head) else ""


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16: what Excel calls Unicode text
        return True
    if b"\x00" in head:
        return False
    for encoding in ("utf-8", "cp932", "euc_jp"):
        try:
            # The last character may be cut by the end of what was read.
            head[: len(head) - 4 if len(head) == _HEAD else None].decode(encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False


def clean_name(given: str, media_type: str = "") -> str:
    """A file name that may be shown and offered for saving.

    Folders, control characters, direction overrides and zero-width characters are dropped; at most 180 bytes and never
    beginning with a dot; the ending fits the media type, where one is given.
    """
    name = unicodedata.normalize("NFC", given).replace("\\", "/").rpartition("/")[2]
    name = "".join(
        " " if unicodedata.category(letter) in {"Zs", "Zl", "Zp"} else letter
        for letter in name
        if unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Cn"} and letter not in '<>:"|?*;'
    )
    name = " ".join(name.split()).lstrip(". ").rstrip(". ")
    path = PurePosixPath(name) if name else PurePosixPath("file")
    stem, ending = path.stem, path.suffix.lower()
    endings = ENDINGS.get(media_type, ())
    if endings and ending not in endings:
        # A program's ending must not survive in the middle either: picture.exe becomes picture.png.
        ending = endings[0]
    while len((stem + ending).encode()) > _NAME_BYTES or len(stem + ending) > 150:
        stem = stem[:-1]
    return (stem or "file") + ending


def check(files: Sequence[File]) -> list[Checked]:  # type: ignore[type-arg]  # bytes or text is mypy-only
    """Look at each file. Raises Refused for the first that is not let in, or when there are more than five."""
    if len(files) > MAX_FILES:
        raise Refused("too_many")
    checked = []
    for file in files:
        given = file.name or ""
        shown = clean_name(given)
        if not file.size:
            raise Refused("empty", shown)
        if file.size > MAX_BYTES:
            raise Refused("too_large", shown)
        file.seek(0)
        media_type = sniff(file.read(_HEAD), PurePosixPath(shown).suffix.lower())
        file.seek(0)
        if media_type in {"", "program"}:
            raise Refused(media_type or "kind", shown)
        checked.append(Checked(file, clean_name(given, media_type), media_type))
    return checked


@dataclass(frozen=True)
class Stored:
    """Where a file lies: its storage key, its size in bytes and the hash of its content."""

    storage_key: str
    size: int
    sha256: str


def stored(file: Checked, *, now: datetime) -> Stored:
    """Store a checked file under a random name. Undo with :func:`discard`."""
    digest = _digest(file.file)
    key = default_storage.save(f"inquiries/{now:%Y/%m}/{uuid.uuid4().hex}", file.file)
    return Stored(key, file.file.size, digest)


def store(message: Message, files: Iterable[Checked], *, now: datetime) -> list[Attachment]:
    """Keep checked files with a message, in the caller's transaction.

    When one cannot be stored, the ones before it are deleted again. When the caller's transaction fails later, it must
    call :func:`discard` with the keys.
    """
    kept: list[Attachment] = []
    try:
        for file in files:
            there = stored(file, now=now)
            attachment = Attachment(
                message=message,
                storage_key=there.storage_key,
                name=file.name,
                media_type=file.media_type,
                size=there.size,
                sha256=there.sha256,
            )
            kept.append(attachment)
            attachment.save()
    except BaseException:
        discard(attachment.storage_key for attachment in kept)
        raise
    return kept


@dataclass(frozen=True)
class Received:
    """A file that came by mail: the name that the sender gave, the bytes, and whether the HTML shows it."""

    name: str
    content: bytes
    inline: bool = False
    content_id: str = ""


def keep(message: Message, files: Sequence[Received], *, source: str, now: datetime) -> list[Attachment]:
    """Keep the files of a received mail, in the caller's transaction. Nothing is refused: what our own form would not
    let in is kept as plain bytes and marked, so that it is offered with a warning.

    ``source`` names the mail. The storage keys follow from it and from SECRET_KEY, so that they cannot be guessed and a
    second try writes the same files. Undo with :func:`discard_unless_kept`.
    """
    rows = []
    for place, file in enumerate(files):
        given = clean_name(file.name)
        media_type = sniff(file.content[:_HEAD], PurePosixPath(given).suffix.lower())
        suspicious = media_type in {"", "program"}
        shown = given if suspicious else clean_name(file.name, media_type)
        rows.append(
            Attachment(
                message=message,
                storage_key=_write(received_key(source, place, now), file.content),
                name=shown,
                media_type=UNKNOWN_TYPE if suspicious else media_type,
                size=len(file.content),
                sha256=hashlib.sha256(file.content).hexdigest(),
                inline=file.inline and media_type in INLINE_TYPES,
                content_id="".join(file.content_id.split())[:250],
                suspicious=suspicious,
            )
        )
    return Attachment.objects.bulk_create(rows)


def received_key(source: str, place: int, now: datetime) -> str:
    """Where a file of a received mail lies."""
    return f"inquiries/{now:%Y/%m}/{tokens.digest(f'inquiries.attachment:{source}:{place}')[:32]}"


def _write(key: str, content: bytes) -> str:
    """Store the bytes under just this key; what a try that died left there is replaced."""
    if default_storage.exists(key):
        with default_storage.open(key) as there:
            if there.read() == content:
                return key
        default_storage.delete(key)
    return default_storage.save(key, ContentFile(content))


def discard_unless_kept(source: str, now: datetime) -> None:
    """Delete the files of a mail that no row leads to: of a try that was rolled back, or that died and read the mail
    otherwise. Another worker may have been faster: what it kept stays."""
    keys: list[str] = []
    while default_storage.exists(key := received_key(source, len(keys), now)):
        keys.append(key)
    kept = set(Attachment.objects.filter(storage_key__in=keys).values_list("storage_key", flat=True))
    discard(key for key in keys if key not in kept)


def discard(keys: Iterable[str]) -> None:
    """Delete stored files that no row leads to, each with the small picture that was made of it."""
    for key in keys:
        default_storage.delete(key)
        default_storage.delete(thumbnail_key(key))


def thumbnail_key(key: str) -> str:
    """Where the small picture of a stored file lies (inquiries.thumbnails): found again by the name of the file."""
    return f"inquiries/thumbnails/{hashlib.sha256(key.encode()).hexdigest()[:40]}.webp"


def _digest(file: IO[bytes] | File) -> str:  # type: ignore[type-arg]  # bytes or text is mypy-only
    digest = hashlib.sha256()
    file.seek(0)
    while part := file.read(65536):
        digest.update(part)
    file.seek(0)
    return digest.hexdigest()
