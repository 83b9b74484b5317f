"""The database goes away while somebody sends a form: an honest page, and the words are still there."""

import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path

from shopdesk.middleware import server_error

LETTER = "かばんの持ち手が取れました。\n<script>alert(1)</script>"


def away(request):
    raise OperationalError("server closed the connection unexpectedly")


def broken(request):
    raise ValueError("our own mistake")


urlpatterns = [
    path("contact/", away),
    path("account/login/", away),
    path("api/v1/orders", away),
    path("broken/", broken),
    path("admin/inquiries/1/reply/", away),
    path("fine/", lambda request: HttpResponse("fine")),
]
handler500 = server_error
pytestmark = pytest.mark.urls(__name__)


def test_what_was_typed_comes_back():
    posted = {"body": LETTER, "form_token": "c0ffee", "new_password": "geheim-1", "csrfmiddlewaretoken": "old-token"}
    response = Client().post("/contact/?from=faq", posted)
    page = response.content.decode()
    assert response.status_code == 503
    assert response["Retry-After"] == "30"
    assert "かばんの持ち手が取れました。" in page
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert '<input type="hidden" name="form_token" value="c0ffee">' in page
    assert 'action="/contact/?from=faq"' in page
    assert "二重に送信されることはありません" in page
    assert "geheim-1" not in page
    assert "old-token" not in page


def test_no_promise_without_a_once_only_token():
    page = Client().post("/contact/", {"body": LETTER}).content.decode()
    assert "かばんの持ち手" in page
    assert "二重に" not in page


def test_the_page_can_be_sent_again_past_the_csrf_check():
    browser = Client(enforce_csrf_checks=True)
    first = browser.get("/fine/")
    assert first.status_code == 200
    token = "x" * 32
    browser.cookies["csrftoken"] = token
    response = browser.post("/contact/", {"body": LETTER, "csrfmiddlewaretoken": token})
    page = response.content.decode()
    assert response.status_code == 503
    again = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    assert browser.post("/contact/", {"body": LETTER, "csrfmiddlewaretoken": again}).status_code == 503


def test_sign_in_shows_nothing_again():
    response = Client().post("/account/login/", {"login": "aya@shop.example", "password": "geheim-1"})
    assert response.status_code == 503
    assert "aya@shop.example" not in response.content.decode()


def test_a_program_gets_json():
    response = Client().post("/api/v1/orders", {"a": "b"})
    assert response.status_code == 503
    assert response.json()["error"] == "unavailable"


def test_a_visitor_who_only_reads():
    response = Client().get("/contact/")
    assert response.status_code == 503
    assert "<form" not in response.content.decode()


def test_away_before_the_view():
    """Sessions and the signed-in person are read by middleware: those failures come by handler500."""

    def lost(self):
        raise OperationalError("no route to host")

    browser = Client(raise_request_exception=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "django.contrib.sessions.middleware.SessionMiddleware.process_request", lambda self, r: lost(self)
        )
        response = browser.post("/contact/", {"body": LETTER})
    assert response.status_code == 503
    assert "かばんの持ち手" in response.content.decode()


@override_settings(DEBUG_PROPAGATE_EXCEPTIONS=False)
def test_our_own_mistakes_stay_500():
    response = Client(raise_request_exception=False).get("/broken/")
    assert response.status_code == 500


def test_staff_are_told_about_their_files_and_that_a_reply_goes_once():
    posted = {"body": LETTER, "version": "3", "files": ContentFile(b"x", name="a.txt")}
    page = Client().post("/admin/inquiries/1/reply/", posted).content.decode()
    assert "かばんの持ち手" in page
    assert "もう一度添付してください" in page
    assert "当店からのメール" not in page
    assert "二重に送信されることはありません" in page


@pytest.mark.parametrize(("where", "shown"), [("same-origin", True), ("cross-site", False), ("", False)])
def test_after_another_sign_in_the_words_can_be_copied(where, shown):
    browser = Client(enforce_csrf_checks=True, headers={"sec-fetch-site": where})
    browser.cookies["csrftoken"] = "x" * 32
    response = browser.post("/admin/inquiries/1/reply/", {"body": LETTER, "csrfmiddlewaretoken": "y" * 32})
    page = response.content.decode()
    assert response.status_code == 403
    assert ("かばんの持ち手が取れました。" in page) is shown
    assert "<script>alert" not in page
    assert "<form" not in page  # never sent again from here
