"""Links that are forged, too old, used before, or made for something else: one page that tells nothing, and no effect."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core import mail, signing
from django.test import Client
from django.urls import reverse

from inquiries.models import Inquiry
from returns import proving
from returns.models import LookUp
from shopdesk import clock, tokens
from shopdesk.mail.models import OutgoingMail, Suppression
from tests import make
from tests.inquiries.make import contact_data
from tests.returns.make import bags

FORGED = ["x", "a" * 4000, "%00", "eyJhIjoxfQ:1abc:xyz", "%ED%A0%80", "..%2f..%2fetc", "' OR 1=1", "🧑", "null"]
START = {
    "enter": "/returns/enter/",
    "unsubscribe": "/preferences/u/",
    "preferences": "/preferences/",
    "thanks": "/contact/thanks/",
}


@pytest.fixture
def at(monkeypatch):
    """``at(moment)`` moves the clock of the views."""
    return lambda moment: monkeypatch.setattr(clock, "now", lambda: moment)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", START)
@pytest.mark.parametrize("token", FORGED)
def test_forged(kind, token):
    client, address = Client(), START[kind] + token + "/"
    for answer in (client.get(address), client.post(address, {"scope": "all", "List-Unsubscribe": "One-Click"})):
        assert answer.status_code in {404, 405}
        assert "Traceback" not in answer.content.decode()
    assert not Suppression.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "token"),
    [
        ("unsubscribe", lambda: tokens.sign("preferences", {"address": "hanako@mail.example"})),
        ("preferences", lambda: tokens.sign("unsubscribe", {"address": "hanako@mail.example", "class": "service"})),
        ("thanks", lambda: tokens.sign("unsubscribe", "Q-TEST01")),
        ("unsubscribe", lambda: tokens.sign("unsubscribe", ["hanako@mail.example"])),
        ("unsubscribe", lambda: tokens.sign("unsubscribe", {"address": "a@mail.example\r\nBcc: x@evil.example"})),
        ("preferences", lambda: tokens.sign("preferences", {"address": ""})),
        ("preferences", lambda: tokens.sign("preferences", {})),
        (
            "unsubscribe",
            lambda: signing.dumps({"address": "hanako@mail.example"}, key="another key", salt="shopdesk.unsubscribe"),
        ),
    ],
)
def test_made_for_something_else(kind, token):
    address = START[kind] + token() + "/"
    assert Client().get(address).status_code == 404
    assert Client().post(address, {"scope": "all"}).status_code in {404, 405}
    assert not Suppression.objects.exists()


def _key_of_a_letter(now):
    bags(2)
    client = Client()
    assert client.post(reverse("returns:start"), {"number": "1001", "email": "hanako@mail.example"}).status_code == 302
    proving.sweep(now)
    return client, re.search(r"http://testserver(/returns/enter/\S+)", OutgoingMail.objects.get().text)[1]


@pytest.mark.django_db
def test_a_key_to_an_order_opens_once(now):
    _, link = _key_of_a_letter(now)
    scanner, customer, thief = Client(), Client(), Client()
    assert scanner.get(link).status_code == 200  # looking uses nothing up
    assert customer.post(link).status_code == 302
    for answer in (thief.get(link), thief.post(link), customer.post(link)):
        assert answer.status_code == 404
    assert LookUp.objects.get().used_at == now


@pytest.mark.django_db
def test_a_key_to_an_order_dies_after_ten_minutes(now, at):
    client, link = _key_of_a_letter(now)
    code = re.search(r"\b\d{6}\b", OutgoingMail.objects.get().text)[0]
    at(now + timedelta(minutes=10, seconds=1))
    assert Client().get(link).status_code == 404
    assert Client().post(link).status_code == 404
    assert client.post(reverse("returns:code"), {"code": code}).status_code == 422
    assert LookUp.objects.get().used_at is None


@pytest.mark.django_db
def test_a_proven_order_is_forgotten_after_two_hours(now, at):
    _, link = _key_of_a_letter(now)
    customer = Client()
    page = customer.post(link)["Location"]
    assert customer.get(page).status_code == 200
    assert Client().get(page).status_code == 404  # another visitor
    at(now + timedelta(hours=2))
    assert customer.get(page).status_code == 404


@pytest.mark.django_db
def test_the_thanks_page_lives_a_week(now, monkeypatch):
    make.make_store()
    page = Client().post(reverse("inquiries:contact"), contact_data())["Location"]
    assert Inquiry.objects.get().number in Client().get(page).content.decode()
    later = signing.time.time() + 7 * 24 * 3600 + 1
    monkeypatch.setattr(signing.time, "time", lambda: later)
    assert Client().get(page).status_code == 404


@pytest.mark.django_db
def test_unsubscribing_again_and_years_later_is_no_mistake(now, at):
    link = (
        START["unsubscribe"]
        + tokens.sign("unsubscribe", {"address": "hanako@mail.example", "class": "service", "planned": 1})
        + "/"
    )
    assert Client().get(link).status_code == 200
    assert not Suppression.objects.exists()
    for moment in (now, now + timedelta(seconds=1), now + timedelta(days=3 * 365)):
        at(moment)
        assert Client().post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Suppression.objects.count() == 1


@pytest.mark.django_db
def test_a_password_link_works_once_and_only_for_its_person(owner, password, client):
    client.post(reverse("account_reset_password"), {"email": owner.email})
    link = urlsplit(re.search(r"http://testserver/\S+", mail.outbox[0].body)[0]).path
    forged = [re.sub(r"key/\w+-", "key/zz-", link), link[:-3] + "xx/", "/account/password/reset/key/%00-%00/"]
    for address in forged:
        assert "password1" not in client.get(address, follow=True).content.decode()
    form = client.get(link, follow=True)
    assert link.rpartition("-")[2] not in form.redirect_chain[-1][0]  # the secret leaves the address at once
    new = {"password1": "nami-no-oto-ga-kikoeru", "password2": "nami-no-oto-ga-kikoeru"}
    client.post(form.redirect_chain[-1][0], new)
    owner.refresh_from_db()
    assert owner.check_password(new["password1"])
    assert "password1" not in Client().get(link, follow=True).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "\r\nX: y",
        "https:evil.example",
        "///evil.example",
    ],
)
def test_no_way_leads_outside(target, owner, password):
    language = Client().post(reverse("set_language"), {"language": "en", "next": target})
    signed = Client().post(reverse("account_login"), {"login": owner.email, "password": password, "next": target})
    admin = Client().get(reverse("admin:login"), {"next": target})
    for answer in (language, signed):
        assert answer.status_code in {302, 303}
        assert "evil" not in answer["Location"]
        assert "javascript" not in answer["Location"]
    assert urlsplit(admin["Location"]).path == "/account/login/"
