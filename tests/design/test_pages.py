"""The design page and the doors, asked from the outside."""

import pytest
from django.test import Client

from shopdesk import clock
from tests.design.test_format import NOW


@pytest.fixture
def still(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def test_the_design_page_is_the_owners(client, owner, agent, still):
    client.force_login(agent)
    assert client.get("/admin/design/").status_code == 403
    client.force_login(owner)
    html = client.get("/admin/design/", headers={"accept-language": "ja"}).content.decode()
    assert "今日 14:05" in html
    assert "このフィールドは必須です。" in html


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ja", "メールアドレスまたはパスワードが違います。"),
        ("en", "The email address and/or password you specified are not correct."),
    ],
)
def test_a_wrong_password_is_answered_in_words_without_telling_which_half_was_wrong(client, owner, language, words):
    answers = []
    for address in (owner.email, "nobody@example.com"):
        response = client.post(
            "/account/login/", {"login": address, "password": "wrong"}, headers={"accept-language": language}
        )
        answers.append(response.content.decode())
    for html in answers:
        assert html.count('role="alert"') == 1
        assert words in html


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/account/login/", "/account/password/reset/", "/account/password/reset/done/"])
def test_the_doors_load_every_script_from_a_file(client, path):
    html = client.get(path).content.decode()
    assert "<script>" not in html
    assert "style=" not in html


def test_the_security_page_offers_all_three_ways(client, owner):
    client.force_login(owner)
    html = client.get("/account/2fa/").content.decode()
    for address in ("/account/2fa/totp/activate/", "/account/2fa/webauthn/add/", "/account/password/change/"):
        assert f'href="{address}"' in html


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused_in_our_words():
    response = Client(enforce_csrf_checks=True).post(
        "/account/login/", {"login": "x"}, headers={"accept-language": "ja"}
    )
    assert response.status_code == 403
    html = response.content.decode()
    assert "フォームの有効期限が切れました" in html
    assert "<style" not in html
