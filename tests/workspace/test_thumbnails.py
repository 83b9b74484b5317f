"""Small pictures of what customers sent."""

import io
import struct
import zlib

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from inquiries import thumbnails
from inquiries.models import Attachment
from tests import make
from tests.inquiries.make import make_inquiry


def picture(size=(1600, 900), form="JPEG", *, mode="RGB", **options):
    out = io.BytesIO()
    Image.new(mode, size, (180, 40, 40) if mode == "RGB" else (180, 40, 40, 90)).save(out, form, **options)
    return out.getvalue()


def attached(inquiry, content, media_type="image/jpeg", **fields):
    key = default_storage.save("inquiries/test/picture", ContentFile(content))
    return Attachment.objects.create(
        message=inquiry.messages.get(), storage_key=key, name="写真.jpg", media_type=media_type, size=len(content),
        sha256="0" * 64, **fields,
    )  # fmt: skip


def address(file):
    return f"/admin/inquiries/attachments/{file.pk}/thumbnail/"


def test_a_photograph_is_small_upright_and_without_its_place(db, agent, signed_in):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010F] = "Camera of Hanako"
    exif.get_ifd(0x8825)[1] = "N"
    content = picture(exif=exif, comment=b"secret words")
    file = attached(make_inquiry(), content)
    answer = signed_in(agent).get(address(file))
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "private" in answer["Cache-Control"]
    assert len(answer.content) < len(content)
    assert b"Hanako" not in answer.content
    assert b"secret" not in answer.content
    small = Image.open(io.BytesIO(answer.content))
    assert small.size == (180, 320)
    assert not small.getexif()


def test_it_is_drawn_once(db, agent, signed_in, monkeypatch):
    file = attached(make_inquiry(), picture())
    staff = signed_in(agent)
    first = staff.get(address(file)).content
    monkeypatch.setattr(thumbnails, "draw", lambda content: pytest.fail("drawn again"))
    assert staff.get(address(file)).content == first


@pytest.mark.parametrize(("form", "mode"), [("PNG", "RGBA"), ("GIF", "RGB"), ("WEBP", "RGBA"), ("JPEG", "RGB")])
def test_every_kind_that_browsers_draw(form, mode):
    small = Image.open(io.BytesIO(thumbnails.draw(picture((800, 600), form, mode=mode))))
    assert (small.format, small.size) == ("WEBP", (320, 240))


def test_a_small_one_is_not_made_larger():
    assert Image.open(io.BytesIO(thumbnails.draw(picture((20, 10), "PNG")))).size == (20, 10)


def bomb(width, height):
    """A PNG of some hundred bytes whose header promises this many points."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "content",
    [
        bomb(60_000, 60_000),
        bomb(10_000, 6_000),  # below Pillow's own limit, above ours
        bomb(2**31 - 1, 1),
        b"\x89PNG\r\n\x1a\n",
        picture()[:300],
        b"GIF89a" + b"\xff" * 40,
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run",
        b"",
    ],
)
def test_what_is_no_harmless_picture_is_not_opened(content):
    with pytest.raises(thumbnails.NoThumbnail):
        thumbnails.draw(content)


def test_bombs_and_other_files_are_not_found(db, agent, signed_in):
    inquiry = make_inquiry()
    staff = signed_in(agent)
    assert staff.get(address(attached(inquiry, bomb(60_000, 60_000), "image/png"))).status_code == 404
    assert staff.get(address(attached(inquiry, b"%PDF-1.7", "application/pdf"))).status_code == 404
    assert staff.get(address(attached(inquiry, picture(), suspicious=True))).status_code == 404
    gone = attached(inquiry, picture())
    default_storage.delete(gone.storage_key)
    assert staff.get(address(gone)).status_code == 404
    page = staff.get(f"/admin/inquiries/{inquiry.pk}/").content.decode()
    assert page.count(f'src="{address(gone)}"') == 1


def test_only_who_may_see_the_inquiry_sees_its_pictures(db, agent, signed_in, client):
    nami = make.make_user("nami@shop.example", name="白波 外", role="outsourced")
    inquiry = make_inquiry()
    file = attached(inquiry, picture())
    assert client.get(address(file)).status_code == 302
    assert signed_in(nami).get(address(file)).status_code == 404
    inquiry.assignee = nami
    inquiry.save(update_fields=["assignee"])
    assert signed_in(nami).get(address(file)).status_code == 200
    finance = make.make_user("f@shop.example", role="finance")
    assert signed_in(finance).get(address(file)).status_code == 403
