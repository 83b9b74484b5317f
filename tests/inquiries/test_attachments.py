"""Names and types of files, and how they are handed out."""

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from inquiries import attachments
from inquiries.models import Attachment
from tests.inquiries.make import make_inquiry
from tests.make import make_customer


@pytest.mark.parametrize(
    ("given", "media_type", "shown"),
    [
        ("../../x.png", "image/png", "x.png"),
        ("..\\..\\x.png", "image/png", "x.png"),
        ("C:\\temp\\x.png", "image/png", "x.png"),
        ("a\u202egnp.exe", "image/png", "agnp.png"),
        ("a\u200b.p\u200bng", "image/png", "a.png"),
        (".htaccess", "text/plain", "htaccess.txt"),
        ("x\x00.png", "image/png", "x.png"),
        ("a\r\nSet-Cookie: x.png", "image/png", "aSet-Cookie x.png"),
        ("", "image/jpeg", "file.jpg"),
        ("...", "image/jpeg", "file.jpg"),
        ("写真.JPG", "image/jpeg", "写真.jpg"),
        ("か\u3099.png", "image/png", "が.png"),
    ],
)
def test_shown_names(given, media_type, shown):
    assert attachments.clean_name(given, media_type) == shown


def test_a_long_name_is_cut_before_its_ending():
    shown = attachments.clean_name("あ" * 300 + ".png", "image/png")
    assert shown.endswith("あ.png")
    assert len(shown.encode()) <= 180


@pytest.mark.parametrize(
    ("head", "ending", "media_type"),
    [
        (b"\xff\xd8\xff\xe0", ".png", "image/jpeg"),
        (b"GIF89a", ".gif", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBP", ".webp", "image/webp"),
        (b"\x00\x00\x00\x18ftypheic", ".heic", "image/heic"),
        (b"%PDF-1.4", ".pdf", "application/pdf"),
        ("こんにちは".encode("cp932"), ".txt", "text/plain"),
        (b"a,b\n1,2", ".csv", "text/csv"),
        (b"PK\x03\x04", ".zip", "application/zip"),
        (b"PK\x03\x04", ".jar", ""),
        (b"<html>", ".html", ""),
        (b"MZ", ".txt", "program"),
        (b"\x7fELF", ".pdf", "program"),
    ],
)
def test_types_come_from_the_bytes(head, ending, media_type):
    assert attachments.sniff(head, ending) == media_type


@pytest.fixture
def kept(db, now):
    """An inquiry with one file."""
    inquiry = make_inquiry()
    files = attachments.check([SimpleUploadedFile("説明.txt", b"<script>alert(1)</script>")])
    (row,) = attachments.store(inquiry.messages.get(), files, now=now)
    return row


def test_a_file_is_a_download_that_cannot_run(kept, agent, signed_in):
    answer = signed_in(agent).get(f"/admin/inquiries/attachments/{kept.pk}/")
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment; filename*=utf-8''")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Content-Type"].startswith("text/plain")
    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
    answer.close()


def test_a_file_is_not_for_visitors_nor_for_whoever_does_not_see_the_inquiry(kept, client, outsourced, signed_in):
    url = f"/admin/inquiries/attachments/{kept.pk}/"
    assert client.get(url).status_code == 302
    assert signed_in(outsourced).get(url).status_code == 404
    inquiry = kept.message.inquiry
    Attachment.objects.update(media_type="application/pdf")  # what may be anything is kept from them: test_rows.py
    inquiry.assignee = outsourced
    inquiry.save(update_fields=["assignee"])
    answer = signed_in(outsourced).get(url)
    assert answer.status_code == 200
    answer.close()


def test_a_file_that_is_gone_is_not_found(kept, agent, signed_in):
    default_storage.delete(kept.storage_key)
    assert signed_in(agent).get(f"/admin/inquiries/attachments/{kept.pk}/").status_code == 404


def test_when_one_file_fails_none_is_left_behind(db, now, monkeypatch):
    inquiry = make_inquiry(customer=make_customer(address="x@mail.example"))
    files = attachments.check([SimpleUploadedFile("a.txt", b"a"), SimpleUploadedFile("b.txt", b"b")])
    saved = []
    original = default_storage.save

    def save(name, content):
        if saved:
            raise OSError("disk full")
        saved.append(original(name, content))
        return saved[0]

    monkeypatch.setattr(default_storage, "save", save)
    with pytest.raises(OSError, match="disk full"):
        attachments.store(inquiry.messages.get(), files, now=now)
    assert not default_storage.exists(saved[0])
