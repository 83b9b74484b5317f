"""Signing in: by mail address, under limits that a race cannot outrun, with a second factor where it is asked."""

import threading
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from anymail.exceptions import AnymailRecipientsRefused
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse

from shopdesk.accounts import ratelimit
from shopdesk.accounts.models import AuditEntry, Role, User
from tests import make

LOGIN = "/account/login/"


def sign_in(client, email, password, **extra):
    return client.post(LOGIN, {"login": email, "password": password}, **extra)


def test_staff_sign_in_with_their_mail_address(client, agent, password):
    response = sign_in(client, "AYA@shop.example", password)
    assert response.status_code == 302
    assert response["Location"] == "/admin/"
    assert AuditEntry.objects.filter(code="sign_in.done", actor=agent).count() == 1


def test_a_wrong_password_and_an_unknown_address_look_the_same(client, agent):
    wrong = sign_in(client, "aya@shop.example", "wrong-password-1")
    unknown = sign_in(client, "nobody@shop.example", "wrong-password-1")
    assert wrong.status_code == unknown.status_code
    assert wrong.context["form"].errors == unknown.context["form"].errors


def test_the_sixth_try_in_five_minutes_is_refused_even_with_the_right_password(client, agent, password):
    for _ in range(5):
        sign_in(client, "aya@shop.example", "wrong-password-1")
    response = sign_in(client, "aya@shop.example", password)
    assert response.status_code != 302
    assert not AuditEntry.objects.filter(code="sign_in.done").exists()


def test_the_limit_is_over_after_five_minutes(client, agent, password):
    with time_machine.travel("2026-11-20 10:00:00+09:00", tick=False) as clock:
        for _ in range(6):
            sign_in(client, "aya@shop.example", "wrong-password-1")
        clock.shift(301)
        assert sign_in(client, "aya@shop.example", password).status_code == 302


def test_somebody_switched_off_cannot_sign_in(client, agent, password):
    User.objects.filter(pk=agent.pk).update(is_active=False)
    assert sign_in(client, "aya@shop.example", password).get("Location") != "/admin/"
    assert client.get("/admin/").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_twenty_tries_at_once_count_as_twenty(now):
    allowed = []

    def attempt():
        from datetime import timedelta

        allowed.append(ratelimit.allow("race", limit=5, window=timedelta(minutes=5), now=now))
        connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed.count(True) == 5


def test_nobody_signs_up_and_nobody_changes_the_login_address(client, agent, signed_in):
    assert client.get("/account/signup/").status_code == 404
    assert signed_in(agent).get("/account/email/").status_code == 404


def test_an_open_redirect_is_refused(client, agent, password):
    for target in ("https://evil.example/", "//evil.example/", "/\\evil.example", "https:evil.example"):
        response = client.post(f"{LOGIN}?next={target}", {"login": agent.email, "password": password, "next": target})
        assert "evil" not in response.get("Location", "")
        client.logout()


def test_a_forged_host_does_not_reach_the_reset_link(client, agent):
    response = client.post(
        reverse("account_reset_password"), {"email": agent.email}, headers={"x-forwarded-host": "evil.example"}
    )
    assert response.status_code == 302
    body = mail.outbox[0].body
    assert "evil.example" not in body
    assert "http://testserver/account/password/reset/key/" in body


def test_a_reset_of_an_unknown_address_answers_alike_and_writes_nothing(client, agent):
    known = client.post(reverse("account_reset_password"), {"email": agent.email})
    unknown = client.post(reverse("account_reset_password"), {"email": "nobody@shop.example"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [message.to for message in mail.outbox] == [[agent.email]]


@pytest.mark.parametrize("failure", [OSError("down"), AnymailRecipientsRefused()])
def test_a_mail_server_that_fails_does_not_tell_that_the_address_is_known(client, agent, monkeypatch, failure):
    def fail(*args, **kwargs):
        raise failure

    monkeypatch.setattr(mail.EmailMultiAlternatives, "send", fail)
    monkeypatch.setattr(mail.EmailMessage, "send", fail)
    known = client.post(reverse("account_reset_password"), {"email": agent.email})
    unknown = client.post(reverse("account_reset_password"), {"email": "nobody@shop.example"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


def test_the_reset_link_is_handed_over_to_the_session(client, agent):
    client.post(reverse("account_reset_password"), {"email": agent.email})
    link = next(word for word in mail.outbox[0].body.split() if "/key/" in word)
    response = client.get(link.removeprefix("http://testserver"))
    assert response.status_code == 302
    assert response["Location"].endswith("-set-password/")


# --- the second factor --------------------------------------------------------------------------------------------


@pytest.fixture
def with_totp(agent):
    """The agent with an authenticator app; gives the secret."""
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(agent, secret)
    return secret


def code_of(secret):
    return totp.format_hotp_value(totp.hotp_value(secret, sorted(totp.yield_hotp_counters_from_time())[1]))


def test_a_password_alone_does_not_open_an_account_with_a_second_factor(client, agent, password, with_totp):
    response = sign_in(client, agent.email, password)
    assert response["Location"] == reverse("mfa_authenticate")
    assert client.get("/admin/").status_code == 302
    assert client.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    assert client.get("/admin/").status_code == 302
    assert client.post(reverse("mfa_authenticate"), {"code": code_of(with_totp)})["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_the_sixth_code_in_five_minutes_is_refused_even_when_it_is_right(client, agent, password, with_totp):
    sign_in(client, agent.email, password)
    for _ in range(5):
        client.post(reverse("mfa_authenticate"), {"code": "000000"})
    response = client.post(reverse("mfa_authenticate"), {"code": code_of(with_totp)})
    assert response.status_code != 302
    assert client.get("/admin/").status_code == 302


def test_signing_in_again_does_not_give_five_more_codes(client, agent, password, with_totp):
    sign_in(client, agent.email, password)
    for _ in range(5):
        client.post(reverse("mfa_authenticate"), {"code": "000000"})
    elsewhere = Client()
    sign_in(elsewhere, agent.email, password)
    assert elsewhere.post(reverse("mfa_authenticate"), {"code": code_of(with_totp)}).status_code != 302


def test_the_secret_of_the_second_factor_is_not_stored_in_the_clear(agent, with_totp):
    stored = Authenticator.objects.get(user=agent).data["secret"]
    assert with_totp not in stored
    assert stored.startswith("gAAAA")  # a Fernet token


def test_a_role_may_demand_a_second_factor(agent, signed_in):
    Role.objects.filter(code="agent").update(require_two_factor=True)
    client = signed_in(agent)
    assert client.get("/admin/")["Location"] == reverse("mfa_activate_totp")
    assert client.get("/admin/inquiries/")["Location"] == reverse("mfa_activate_totp")


def test_with_a_second_factor_the_demand_is_met(agent, signed_in, with_totp):
    Role.objects.filter(code="agent").update(require_two_factor=True)
    assert signed_in(agent).get("/admin/").status_code == 200


# --- language -----------------------------------------------------------------------------------------------------


def test_staff_keep_their_language_with_their_account(agent, signed_in):
    client = signed_in(agent)
    assert "ホーム" in client.get("/admin/").content.decode()
    client.post(reverse("set_language"), {"language": "en", "next": "/admin/"})
    assert User.objects.get(pk=agent.pk).language == "en"
    elsewhere = signed_in(User.objects.get(pk=agent.pk))
    assert "ホーム" not in elsewhere.get("/admin/").content.decode()


def test_an_address_differing_in_case_is_the_same_person(db):
    make.make_user("same@shop.example")
    with pytest.raises(Exception, match="one_user_per_mail_address|unique"):
        User.objects.create(email="SAME@shop.example", name="x", role=Role.objects.get(code="agent"))


def test_the_session_is_new_after_signing_in(agent, password):
    client = Client()
    client.get(LOGIN)
    before = client.session.session_key
    sign_in(client, agent.email, password)
    assert client.session.session_key != before


@pytest.mark.parametrize("key", ['"abcdefghij\\000"', '"\\000"', "%s%%abcdefghij", "x" * 200])
def test_a_cookie_of_odd_letters_is_nobodys_session(db, key):
    response = Client().get("/admin/", headers={"cookie": f"{settings.SESSION_COOKIE_NAME}={key}"})
    assert response.status_code == 302
    assert response["Location"] == "/admin/login/?next=/admin/"


@pytest.mark.parametrize(
    ("came", "then"),
    [
        ("http://testserver/admin/inquiries/?view=mine#row-1", "/admin/inquiries/?view=mine"),
        ("https://evil.example/admin/", "/admin/"),
        ("http://testserver@evil.example/", "/admin/"),
        ("", "/admin/"),
    ],
)
def test_who_posts_after_the_session_ended_comes_back_to_the_form_and_reads_why(client, db, came, then):
    """The address of a post answers nobody who comes back to it by a link."""
    response = client.post("/admin/inquiries/next/", headers={"referer": came} if came else {}, follow=True)
    ((address, status),) = response.redirect_chain
    assert (status, parse_qs(urlsplit(address).query)["next"]) == (302, [then])
    assert "操作は行われていません" in response.content.decode()
    assert "操作は行われていません" not in client.get("/admin/", follow=True).content.decode()
