"""Small pictures of what customers sent."""

import io
import struct
import zlib

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, PngImagePlugin

from inquiries import thumbnails
from inquiries.models import Attachment, Message
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


# --- whole pictures, for who must not know where they were taken ------------------------------------------------------


def at_home(form="JPEG", **options):
    """A photograph that says where it was taken, in each way that cameras and programs have."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "HOME-35.6895-139.6917"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (35.0, 41.0, 22.2)
    if form == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", "HOME-35.6895-139.6917")
    return picture(form=form, exif=exif, **options) + b"HOME-35.6895-139.6917"


@pytest.mark.parametrize("view", ["picture", "file"])
@pytest.mark.parametrize(("form", "kind"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_outsourced_staff_see_the_picture_and_not_the_place(outsourced, agent, signed_in, view, form, kind):
    content = at_home(form)
    file = attached(make_inquiry(assignee=outsourced), content, kind)
    way = f"/admin/inquiries/attachments/{file.pk}/" + ("picture/" if view == "picture" else "")
    answer = signed_in(outsourced).get(way)
    seen = b"".join(answer)
    assert answer.status_code == 200
    assert b"HOME" not in seen
    shown = Image.open(io.BytesIO(seen))
    assert shown.size == (900, 1600)
    assert not shown.getexif()
    assert Image.MIME[shown.format] == answer["Content-Type"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    # Who may read addresses gets the file as it came.
    assert b"".join(signed_in(agent).get(way)) == content


def test_a_picture_that_cannot_be_drawn_anew_is_not_handed_out(outsourced, agent, signed_in):
    file = attached(make_inquiry(assignee=outsourced), b"\xff\xd8\xffHOME-35.6895-139.6917")
    for way in ("picture/", ""):
        address = f"/admin/inquiries/attachments/{file.pk}/{way}"
        assert signed_in(outsourced).get(address).status_code == 404
        assert b"HOME" in b"".join(signed_in(agent).get(address))


def test_a_kind_that_we_cannot_draw_stays_closed_to_them(outsourced, agent, signed_in):
    file = attached(make_inquiry(assignee=outsourced), b"\x00\x00\x00\x18ftypheic HOME", "image/heic")
    address = f"/admin/inquiries/attachments/{file.pk}/"
    assert signed_in(outsourced).get(address).status_code == 404
    assert b"HOME" in b"".join(signed_in(agent).get(address))


def test_a_colleagues_picture_is_theirs_as_it_is(outsourced, agent, signed_in):
    content = at_home()
    file = attached(make_inquiry(assignee=outsourced), content)
    note = Message.objects.create(
        inquiry=file.message.inquiry, kind="reply", body="図です。", author=agent, at=make.NOW
    )
    Attachment.objects.filter(pk=file.pk).update(message=note)
    assert b"".join(signed_in(outsourced).get(f"/admin/inquiries/attachments/{file.pk}/")) == content
