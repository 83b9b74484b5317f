"""Asking a provider once more after silence: only where it knows the letter by its key, and never as a second letter."""

import json

import pytest
import requests

from shopdesk.mail import backend, delivery, settling
from shopdesk.mail.models import OutgoingMail
from tests.mail.make import queue

State = OutgoingMail.State
pytestmark = pytest.mark.django_db
TAKEN = {
    "resend": {"id": "49a3999c-0ce1-4ea6"}, "brevo": {"messageId": "<2026@smtp-relay>"},
    "postmark": {"ErrorCode": 0, "Message": "OK", "MessageID": "b7bc2f4a", "To": "hanako@mail.example"},
}  # fmt: skip


class Provider:
    """Answers in the order of ``say``, then well. ``asked``: (key, body) of each request."""

    def __init__(self, name):
        self.name, self.says, self.asked = name, [], []

    def say(self, *answers):
        self.says.extend(answers)

    def answer(self):
        """What takes the place of requests.Session.request."""

        def request(session, **params):
            return self.request(session, **params)

        return request

    def request(self, session, **params):
        body = params["data"] if isinstance(params["data"], str) else params["data"].decode()
        headers = {**session.headers, **(params.get("headers") or {})}
        key = json.loads(body).get("headers", {}).get("idempotencyKey") or headers.get("Idempotency-Key")
        self.asked.append((key, body))
        answer = self.says.pop(0) if self.says else 200
        if isinstance(answer, Exception):
            raise answer
        response = requests.Response()
        response.status_code = answer
        content = TAKEN[self.name] if answer < 300 else {"message": "no", "code": "no", "ErrorCode": 300}
        response._content = json.dumps(content).encode()
        return response


@pytest.fixture
def provider(settings, monkeypatch):
    monkeypatch.setattr(backend, "AGAIN_AFTER", (0.0, 0.0))
    settings.ANYMAIL = {
        "RESEND_API_KEY": "re_12345678", "BREVO_API_KEY": "xkeysib-123456", "POSTMARK_SERVER_TOKEN": "token-123456",
    }  # fmt: skip

    def use(name):
        settings.EMAIL_BACKEND = f"anymail.backends.{name}.EmailBackend"
        found = Provider(name)
        monkeypatch.setattr(requests.Session, "request", found.answer())
        return found

    return use


def sweep(mail, now):
    delivery.sweep(now)
    mail.refresh_from_db()
    return mail


KNOWING = ["resend", "brevo"]
SILENCE = [requests.ReadTimeout("slow"), requests.ConnectionError("reset"), 500, 503]


@pytest.mark.parametrize("name", KNOWING)
@pytest.mark.parametrize("silence", SILENCE)
def test_silence_is_asked_about_with_the_same_key_and_the_same_words(provider, now, name, silence):
    web = provider(name)
    web.say(silence, silence)
    mail = sweep(queue(html="<p>x</p>", cc=["ken@mail.example"]), now)
    assert mail.state == State.SENT
    assert len(web.asked) == 3
    ((key, _),) = set(web.asked)  # all three alike
    assert len(key) == 36
    assert mail.attempts.count() == 1


@pytest.mark.parametrize("name", KNOWING)
def test_silence_to_the_end_stays_uncertain_and_is_never_repeated_later(provider, now, name):
    web = provider(name)
    web.say(*[requests.ReadTimeout("slow")] * 3)
    mail = sweep(queue(), now)
    assert (mail.state, mail.reason, len(web.asked)) == (State.UNCERTAIN, "no_answer", 3)
    delivery.sweep(now.replace(year=now.year + 1))
    assert len(web.asked) == 3


@pytest.mark.parametrize("name", KNOWING)
@pytest.mark.parametrize("answer", [400, 409, 422, 429])
def test_a_refusal_after_silence_proves_nothing(provider, now, name, answer):
    # It may be of the repetition: "this key was used already".
    web = provider(name)
    web.say(requests.ReadTimeout("slow"), answer)
    mail = sweep(queue(), now)
    assert (mail.state, mail.reason) == (State.UNCERTAIN, "no_answer")


@pytest.mark.parametrize("name", KNOWING)
@pytest.mark.parametrize(("answer", "state"), [(400, State.FAILED), (422, State.FAILED), (429, State.PLANNED)])
def test_a_plain_refusal_is_one(provider, now, name, answer, state):
    web = provider(name)
    web.say(answer)
    assert sweep(queue(), now).state == state
    assert len(web.asked) == 1


@pytest.mark.parametrize("name", KNOWING)
def test_no_connection_at_first_is_tried_again_as_ever(provider, now, name):
    web = provider(name)
    web.say(requests.ConnectTimeout("no"))
    mail = sweep(queue(), now)
    assert (mail.state, mail.reason, len(web.asked)) == (State.PLANNED, "try_again", 1)
    sweep(mail, mail.due_at)
    assert mail.state == State.SENT
    assert web.asked[0][0] != web.asked[1][0]  # another try, with its own key


@pytest.mark.parametrize("name", KNOWING)
def test_no_connection_after_silence_is_no_proof_either(provider, now, name):
    web = provider(name)
    web.say(requests.ReadTimeout("slow"), requests.ConnectTimeout("no"), requests.ConnectTimeout("no"))
    assert sweep(queue(), now).state == State.UNCERTAIN


@pytest.mark.parametrize("name", KNOWING)
def test_each_letter_has_its_own_key_and_nobody_can_guess_it(provider, now, name, settings):
    web = provider(name)
    for number in range(3):
        queue(f"test:{number}", to=f"c{number}@mail.example")
    delivery.sweep(now)
    assert len({key for key, _ in web.asked}) == 3


def test_a_person_who_sends_it_again_sends_a_second_letter(provider, now, owner):
    web = provider("resend")
    mail = sweep(queue(), now)
    settling.send_again(mail, by=owner, now=now, note="not arrived")
    sweep(mail, now)
    first, second = web.asked
    assert first[0] != second[0]


@pytest.mark.parametrize("silence", SILENCE)
def test_a_provider_without_keys_is_never_asked_twice(provider, now, silence):
    web = provider("postmark")
    web.say(silence)
    mail = sweep(queue(), now)
    assert (mail.state, len(web.asked)) == (State.UNCERTAIN, 1)
    assert web.asked[0][0] is None
