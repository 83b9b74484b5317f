"""Files that go with a letter: they arrive with their names and bytes, and a lost one is told before anything is sent."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse

from shopdesk.mail import delivery, parsing
from shopdesk.mail.models import OutgoingMail
from tests.mail.make import queue

State = OutgoingMail.State
PDF = b"%PDF-1.7\r\n.\r\n..\r\n\x00\xff" * 500
PICTURE = bytes(range(256)) * 40
pytestmark = pytest.mark.django_db


def store(name, content):
    return default_storage.save(name, ContentFile(content))


def test_two_files_with_japanese_names_arrive(smtp_sink, now):
    files = [
        {"name": "納品書（控え）2026年11月.pdf", "type": "application/pdf", "storage_key": store("a1", PDF)},
        {"name": "㈱くらし ①写真～表・裏.jpg", "type": "image/jpeg", "storage_key": store("a2", PICTURE)},
    ]
    mail = queue(attachments=files, cc=["ken@mail.example"])
    delivery.sweep(now)
    mail.refresh_from_db()
    assert mail.state == State.SENT
    (received,) = smtp_sink.messages
    parts = [part for part in received.message.walk() if part.get_filename()]
    assert [part.get_content_type() for part in parts] == ["application/pdf", "image/jpeg"]
    assert [part.get_payload(decode=True) for part in parts] == [PDF, PICTURE]
    read = parsing.parse(received.raw)
    assert [one.name for one in read.attachments] == ["納品書（控え）2026年11月.pdf", "㈱くらし ①写真～表・裏.jpg"]
    assert [one.size for one in read.attachments] == [len(PDF), len(PICTURE)]
    assert received.text.startswith("花子様\n")
    assert max(len(line) for line in received.raw.split(b"\r\n")) <= 998


def test_a_file_in_a_letter_with_html(smtp_sink, now):
    files = [{"name": "返品の手順.txt", "type": "text/plain", "storage_key": store("a3", "手順\n".encode())}]
    queue(attachments=files, html="<p>花子様</p>")
    delivery.sweep(now)
    (received,) = smtp_sink.messages
    shape = [part.get_content_type() for part in received.message.walk()]
    assert shape == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/plain"]
    assert received.text.startswith("花子様")


def test_a_file_that_is_gone_fails_the_letter_where_staff_see_it(smtp_sink, now, signed_in, owner):
    key = store("a4", PDF)
    there = {"name": "控え.pdf", "type": "application/pdf", "storage_key": key}
    gone = {"name": "写真.jpg", "type": "image/jpeg", "storage_key": "nowhere/x"}
    mail = queue(attachments=[there, gone], cc=["ken@mail.example"])
    other = queue("test:2", to="taro@mail.example")
    delivery.sweep(now)
    mail.refresh_from_db()
    other.refresh_from_db()
    assert (mail.state, mail.reason, mail.raw) == (State.FAILED, "attachment_missing", None)
    assert other.state == State.SENT
    assert smtp_sink.recipients == ["taro@mail.example"]
    assert mail in OutgoingMail.objects.needs_attention()
    client = signed_in(owner)
    page = client.get(reverse("desk-mail:detail", args=[mail.pk])).content.decode()
    assert "添付ファイルが見つかりません" in page
    assert client.get(reverse("desk-mail:eml", args=[mail.pk])).status_code == 404
    # The file is back: staff send it again, and it arrives whole.
    kept = default_storage.save("nowhere/x", ContentFile(PICTURE))
    assert kept == "nowhere/x"
    client.post(reverse("desk-mail:send-again", args=[mail.pk]), {"seen": mail.lease_token})
    mail.refresh_from_db()
    delivery.sweep(mail.due_at)
    assert smtp_sink.recipients == ["taro@mail.example", "hanako@mail.example", "ken@mail.example"]
    default_storage.delete("nowhere/x")


def test_a_backend_is_given_the_files_too(now, mailoutbox):
    files = [{"name": "控え.pdf", "type": "application/pdf", "storage_key": store("a5", PDF)}]
    queue(attachments=files)
    delivery.sweep(now)
    (sent,) = mailoutbox
    assert [(one.filename, one.content, one.mimetype) for one in sent.attachments] == [
        ("控え.pdf", PDF, "application/pdf")
    ]
