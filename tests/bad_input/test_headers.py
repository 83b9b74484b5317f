"""What the Host header cannot do, and what every answer carries."""

import re

import pytest
from django.core import mail
from django.test import Client, override_settings
from django.urls import reverse

from faq.models import Article
from returns.models import ReturnCase
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.access.rows import one_of_everything
from tests.bad_input.pages import public_pages, staff_pages
from tests.inquiries.make import contact_data

SITE = "https://help.shop.example"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "user:pw@testserver", "testserver@evil.example", "testserver.evil.example", "evil.example#testserver",
     "testserver\r\nX: y", "", "[::1", "127.0.0.1@evil.example", "TESTSERVER/evil"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/contact/", "/account/login/", "/admin/", "/returns/", "/preferences/x/"])
def test_another_host_is_refused(host, path):
    for method in ("GET", "POST"):
        assert Client(raise_request_exception=False).generic(method, path, HTTP_HOST=host).status_code == 400


@pytest.mark.django_db
@override_settings(SITE_URL=SITE)
@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_X_FORWARDED_HOST": "evil.example"},
        {"HTTP_FORWARDED": "host=evil.example"},
        {"HTTP_X_ORIGINAL_URL": "http://evil.example/"},
        {"HTTP_X_FORWARDED_PROTO": "gopher", "HTTP_X_FORWARDED_PORT": "1"},
        {"HTTP_HOST": "localhost"},  # allowed, and still not the address of this site
    ],
)
def test_links_in_mail_begin_with_the_sites_address(headers, owner):
    make.make_order()
    client = Client(**headers)
    assert client.post(reverse("inquiries:contact"), contact_data()).status_code == 303
    client.post(reverse("account_reset_password"), {"email": owner.email})
    client.post(reverse("returns:start"), {"number": "1001", "email": "hanako@mail.example"})
    from returns import proving

    proving.sweep(make.NOW)
    letters = [
        *OutgoingMail.objects.values_list("text", flat=True),
        *OutgoingMail.objects.values_list("html", flat=True),
        mail.outbox[0].body,
    ]
    assert len(letters) == 5
    links = [link for text in letters for link in re.findall(r"https?://[^\s\"<>]+", text)]
    assert links
    assert {link for link in links if not link.startswith(SITE + "/")} <= {SITE}
    assert "evil" not in "".join(letters)
    page = client.get("/").content.decode()
    assert "evil.example" not in page


@pytest.mark.django_db
def test_an_absolute_address_in_the_request_line_changes_nothing():
    answer = Client().get("/account/login/", REQUEST_URI="http://evil.example/account/login/", SCRIPT_NAME="")
    assert "evil" not in answer.content.decode()


NEEDED = {"default-src", "script-src", "style-src", "object-src", "base-uri", "form-action", "frame-ancestors"}


def _bad_headers(answer, page):
    policy = answer.get("Content-Security-Policy", "")
    if re.fullmatch(r"/faq/\d+/", page):
        # An article may show pictures of the shop's own site.
        policy = policy.replace("img-src 'self' data: https:", "img-src 'self' data:")
    wrong = [name for name in NEEDED if name not in policy and "sandbox" not in policy]
    wrong += [word for word in ("unsafe-eval", "*", "http:", "https:") if word in policy]
    if "unsafe-inline" in policy and "sandbox" not in policy:
        wrong.append("unsafe-inline")
    if answer.get("X-Content-Type-Options") != "nosniff":
        wrong.append("nosniff")
    if answer.get("Referrer-Policy") not in {"same-origin", "no-referrer", "strict-origin"}:
        wrong.append("Referrer-Policy")
    if answer.get("X-Frame-Options") != "DENY" and "sandbox" not in policy:
        wrong.append("X-Frame-Options")
    return wrong


def test_every_page_carries_its_defences(owner):
    staff, visitor, wrong, seen = Client(), Client(), [], 0
    staff.force_login(owner)
    pages = [(staff, page) for page in staff_pages(owner)]
    pages += [(visitor, page) for page in public_pages(visitor, ReturnCase.objects.get(), Article.objects.get())]
    pages += [(visitor, page) for page in ("/no-such-page", "/faq/999999/", "/returns/enter/x/", "/admin/")]
    for client, page in pages:
        answer = client.get(page)
        body = b"".join(answer).decode("utf-8", "replace")
        seen += answer.status_code == 200
        if bad := _bad_headers(answer, page):
            wrong.append((page, answer.status_code, bad))
        # A letter's own page is a sandbox, where its style may stay and no script runs.
        is_letter = "sandbox" in answer.get("Content-Security-Policy", "")
        if (
            "html" in answer.get("Content-Type", "")
            and not is_letter
            and (found := re.findall(r"<[^>]+\s(?:on\w+|style)=|<style|<script(?![^>]*(?:src|nonce))[^>]*>", body))
        ):
            wrong.append((page, found[:3]))
    assert wrong == []
    assert seen > 100


def test_the_html_of_a_letter_runs_nothing(owner):
    one_of_everything(owner)
    staff = Client()
    staff.force_login(owner)
    for name in ("html", "eml"):
        answer = staff.get(reverse(f"desk-mail:{name}", args=[OutgoingMail.objects.first().pk]))
        policy = answer["Content-Security-Policy"]
        assert policy.startswith("sandbox;")
        assert "default-src 'none'" in policy
        assert "allow-scripts" not in policy
        assert "script-src" not in policy
    assert answer["Content-Disposition"].startswith("attachment")
