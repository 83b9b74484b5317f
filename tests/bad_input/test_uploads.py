"""Files that are not what they say, through real requests to the contact form and the import form."""

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from inquiries.models import Attachment, Inquiry
from shopdesk.shop.models import ImportJob, Order
from tests import make
from tests.inquiries.make import contact_data
from tests.shop.files import shopify

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 100
FORMULA = "=cmd|' /C calc'!A0"
HTML = b"<html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def _send(*files):
    make.make_store()
    return Client().post(reverse("inquiries:contact"), contact_data(files=list(files)))


def _multipart(name, content, field="files"):
    """A body whose file name is written as it is, also where a client library would refuse to."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in contact_data().items()
    ]
    head = (
        b'--x\r\nContent-Disposition: form-data; name="'
        + field.encode()
        + b'"; filename="'
        + name
        + b'"\r\nContent-Type: image/png\r\n\r\n'
    )
    return b"".join(parts) + head + content + b"\r\n--x--\r\n"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("big.png", PNG + b"\x00" * 12 * 1024 * 1024),
        ("game.exe", b"MZ\x90\x00"),
        ("game.png", b"MZ\x90\x00"),
        ("page.png", HTML),
        ("picture.svg", SVG),
        ("picture.png", SVG),
        ("page.html", HTML),
        ("script.sh", b"#!/bin/sh\n"),
        ("empty.png", b""),
        ("x.jar", b"PK\x03\x04"),
    ],
)
def test_refused_with_the_words_kept(name, content):
    response = _send(SimpleUploadedFile(name, content))
    page = response.content.decode()
    assert response.status_code == 422
    assert "財布の色は何色がありますか。" in page
    assert name in page
    assert (Inquiry.objects.count(), Attachment.objects.count()) == (0, 0)


@pytest.mark.django_db
def test_six_files_are_one_too_many():
    assert _send(*[SimpleUploadedFile(f"{n}.png", PNG) for n in range(6)]).status_code == 422
    assert not Inquiry.objects.exists()
    assert _send(*[SimpleUploadedFile(f"{n}.png", PNG) for n in range(5)]).status_code == 303
    assert Attachment.objects.count() == 5


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"../../../etc/passwd.png", "passwd.png"),
        (rb"..\\..\\windows\\x.png", "x.png"),
        (b"x\x00.exe.png", "x.exe.png"),
        ("a\u202egnp.exe".encode(), "agnp.png"),
        (b"a%0d%0aSet-Cookie: x.png", None),
        ("長" * 300 + ".png", None),
        (b".htaccess", "htaccess.png"),
    ],
)
def test_names_never_leave_our_folder(name, shown, owner):
    make.make_store()
    raw = _multipart(name if isinstance(name, bytes) else name.encode(), PNG)
    response = Client().post(reverse("inquiries:contact"), raw, content_type="multipart/form-data; boundary=x")
    assert response.status_code == 303
    kept = Attachment.objects.get()
    assert shown is None or kept.name == shown
    assert not set("/\\\r\n\x00") & set(kept.name)
    assert kept.storage_key.startswith("inquiries/2026/11/")
    assert ".." not in kept.storage_key
    assert default_storage.exists(kept.storage_key)
    staff = Client()
    staff.force_login(owner)
    download = staff.get(reverse("desk-inquiries:attachment", args=[kept.pk]))
    assert download["Content-Disposition"].startswith("attachment")
    assert download["Content-Type"] == "image/png"
    assert download["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in download["Content-Security-Policy"]
    assert b"".join(download) == PNG


@pytest.mark.django_db
def test_a_body_that_is_cut_off():
    make.make_store()
    raw = _multipart(b"x.png", PNG)
    for end in (50, 400, len(raw) - 30):
        response = Client().post(
            reverse("inquiries:contact"), raw[:end], content_type="multipart/form-data; boundary=x"
        )
        assert response.status_code in {303, 400, 422}
    for kind in ("multipart/form-data", "multipart/form-data; boundary=" + "y" * 500, "application/json"):
        assert Client().post(reverse("inquiries:contact"), raw, content_type=kind).status_code in {400, 422}


# --- files of orders ------------------------------------------------------------------------------------------------


@pytest.fixture
def upload(owner):
    make.make_store()
    client = Client()
    client.force_login(owner)

    def send(content, name="orders.csv"):
        data = {"file": SimpleUploadedFile(name, content), "store": make.make_store().pk}
        return client, client.post(reverse("desk-shop:imports"), data)

    return send


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("blank.csv", b"\n\n  \n"),
        ("header.csv", shopify()),
        ("book.csv", b"PK\x03\x04" + b"\x00" * 200),
        ("old.xls", b"\xd0\xcf\x11\xe0" + b"\x00" * 200),
        ("picture.csv", PNG),
        ("program.csv", b"MZ\x90\x00"),
        ("nul.csv", b"\x00" * 500),
        ("wide.csv", ",".join(f"c{n}" for n in range(600)).encode() + b"\n" + b",".join([b"1"] * 600)),
        ("hundred.csv", ",".join(f"c{n}" for n in range(100)).encode() + b"\n" + b",".join([b"1"] * 100)),
        ("unknown.csv", "これ,は,注文\n1,2,3\n".encode()),
        ("mixed.csv", shopify() + "山田".encode("cp932") + b"\xff\xfe," + "髙".encode() + b"\n"),
        ("quote.csv", shopify() + b'#1,"never closed' + b"x" * 200_000),
        ("../../x.csv", b"\x00"),
        ("x\r\nSet-Cookie: a.csv", b""),
        ("huge.csv", b"a,b\n" + b"1,2\n" * 6_000_000),
    ],
)
def test_files_that_are_no_orders(name, content, upload):
    _, response = upload(content, name)
    assert response.status_code in {422, 302}
    if response.status_code == 422:
        assert "alert" in response.content.decode() or "error" in response.content.decode()
    assert not Order.objects.exists()
    assert not any(set("\r\n/\\") & set(job.file_name) for job in ImportJob.objects.all())


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp932", "euc_jp"])
def test_encodings(codec, upload):
    client, response = upload(shopify({"Lineitem name": "革のかばん"}).decode().encode(codec))
    if codec == "utf-16-le":  # without its mark it is no text that anybody can be sure of
        assert response.status_code == 422
        return
    assert response.status_code == 302
    client.post(reverse("desk-shop:import-confirm", args=[ImportJob.objects.get().pk]))
    assert Order.objects.get().lines.get().name == "革のかばん"


def test_the_wrong_encoding_is_said(upload):
    client, _ = upload(shopify({"Lineitem name": "革のかばん"}).decode().encode("euc_jp"))
    job = ImportJob.objects.get()
    answer = client.post(
        reverse("desk-shop:import-look", args=[job.pk]), {"profile": "auto", "encoding": "utf-8", "store": job.store_id}
    )
    assert answer.status_code == 422
    assert not Order.objects.exists()


def test_formula_cells_are_text_here_and_harmless_in_the_error_file(upload):
    client, _ = upload(shopify({"Lineitem name": FORMULA}, {"Name": "=1+1", "Lineitem quantity": "@x"}))
    job = ImportJob.objects.get()
    client.post(reverse("desk-shop:import-confirm", args=[job.pk]))
    assert [line.name for order in Order.objects.filter(number__contains="1001") for line in order.lines.all()] == [
        FORMULA
    ]
    cells = client.get(reverse("desk-shop:import-errors", args=[job.pk])).content.decode()
    assert "'=1+1" in cells
    assert ",=" not in cells
    assert "\n=" not in cells


def test_a_file_cut_off_inside_a_quote(upload):
    """The order just before the cut may have lost lines: it is told, not imported. Those before it are."""
    client, _ = upload(shopify({}, {"Name": "#1002", "Id": "2"}) + b'#1003,"never')
    job = ImportJob.objects.get()
    client.post(reverse("desk-shop:import-confirm", args=[job.pk]))
    assert [order.number for order in Order.objects.all()] == ["#1001"]
    job.refresh_from_db()
    assert [(error["line"], error["code"]) for error in job.errors] == [(3, "after_unreadable"), (4, "unreadable")]


# --- too much at once -------------------------------------------------------------------------------------------------


class _Endless:
    """What a visitor sends on and on; how much of it was read."""

    def __init__(self, head):
        self.head, self.taken = head, 0

    def read(self, size=-1):
        part, self.head = self.head[:size], self.head[size:]
        part = part or b"\x00" * min(size, 65536)
        self.taken += len(part)
        return part

    readline = read


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/contact/", "/returns/", "/account/login/", "/search/"])
def test_more_than_any_form_takes_is_refused_before_it_lies_on_the_disk(address, tmp_path, settings):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    body = _Endless(_multipart(b"big.png", PNG))
    sent = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": str(65 * 1024 * 1024)}
    answer = Client().generic("POST", address, **sent, **{"wsgi.input": body})
    assert answer.status_code in {400, 404, 405}
    assert body.taken < 1024 * 1024
    assert list(tmp_path.iterdir()) == []
    assert not Inquiry.objects.exists()


@pytest.mark.django_db
def test_as_much_as_a_form_takes_is_taken():
    answer = _send(*(SimpleUploadedFile(f"{n}.png", PNG + b"\x00" * (10 * 1024 * 1024 - len(PNG))) for n in range(5)))
    assert answer.status_code == 303
    assert Attachment.objects.count() == 5
