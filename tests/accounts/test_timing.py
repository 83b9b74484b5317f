"""How long an answer takes tells nothing about who has an account."""

import statistics
import time

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.test import Client
from django.urls import reverse

from shopdesk.accounts import adapter
from tests import make

TRIES = 12
# A mail server that takes a fifth of a second would be felt at once; the bound leaves room for a busy machine.
SERVER_SECONDS = 0.2
BOUND_SECONDS = 0.05


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def answer_time(address):
    """Seconds of a whole answer to somebody without a session."""
    client = Client()
    started = time.perf_counter()
    response = client.post(reverse("account_reset_password"), {"email": address})
    assert response.status_code == 302
    return time.perf_counter() - started


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("account_mail_later")
def test_a_known_address_is_answered_as_fast_as_an_unknown_one(settings, monkeypatch, record_property):
    settings.ACCOUNT_RATE_LIMITS = False
    sent = []

    def slowly(message, *args, **kwargs):
        time.sleep(SERVER_SECONDS)
        sent.append(message.to[0])
        return 1

    monkeypatch.setattr(EmailMultiAlternatives, "send", slowly)
    people = [make.make_user(f"p{number}@shop.example") for number in range(TRIES)]
    answer_time("warm@shop.example")
    known, unknown = [], []
    for number, person in enumerate(people):
        # One after the other, so that a busy machine slows both alike.
        known.append(answer_time(person.email))
        unknown.append(answer_time(f"nobody{number}@shop.example"))
    figures = statistics.median(known), statistics.median(unknown)
    record_property("medians_ms", [round(1000 * figure, 2) for figure in figures])
    print(f"\nmedian known {1000 * figures[0]:.2f} ms, unknown {1000 * figures[1]:.2f} ms")
    assert abs(figures[0] - figures[1]) < BOUND_SECONDS
    assert until(lambda: len(sent) == TRIES)
    assert sorted(sent) == sorted(person.email for person in people)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("account_mail_later")
def test_the_letter_comes_after_the_answer_in_the_readers_language(agent):
    for language, words in (("ja", "パスワード"), ("en", "password")):
        mail.outbox.clear()
        Client().post(reverse("account_reset_password"), {"email": agent.email}, headers={"accept-language": language})
        assert mail.outbox == []
        assert until(lambda: mail.outbox)
        (letter,) = mail.outbox
        assert words in letter.subject + letter.body
        assert "http://testserver/account/password/reset/key/" in letter.body
        assert letter.extra_headers["Auto-Submitted"] == "auto-generated"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("account_mail_later")
def test_what_goes_wrong_later_is_logged_without_the_address_or_the_link(agent, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise RuntimeError(f"{agent.email} is away")

    monkeypatch.setattr(EmailMultiAlternatives, "send", fail)
    assert Client().post(reverse("account_reset_password"), {"email": agent.email}).status_code == 302
    assert until(lambda: "could not be sent" in caplog.text)
    assert "RuntimeError" in caplog.text
    assert agent.email not in caplog.text
    assert "/key/" not in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("account_mail_later")
def test_many_at_once_wait_for_each_other_and_for_no_request():
    done = []
    with transaction.atomic():
        for number in range(10):
            adapter.later(lambda number=number: done.append(number))
    assert done == []
    assert until(lambda: len(done) == 10)
