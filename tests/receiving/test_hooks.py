"""Mail that providers post: kept byte by byte, once, and only from who knows the address."""

import base64
import hashlib
import hmac
import json
import logging
from urllib.parse import urlencode

import pytest
from django.db import OperationalError
from django.test import Client

from shopdesk import clock
from shopdesk.mail.models import IncomingMail, Mailbox
from shopdesk.mail.receiving import hooks, store
from tests.receiving.make import letter, make_mailbox

State = IncomingMail.State
pytestmark = pytest.mark.django_db

RAW = letter(1).replace("本文です。".encode(), "本文です。".encode("shift_jis")) + b"\x00\xff end"


@pytest.fixture(autouse=True)
def still_clock(monkeypatch, now):
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.fixture
def post():
    """``post(provider, data, content_type)`` to the address of a mailbox of that provider."""
    secret, digest = hooks.new_address()
    client = Client(enforce_csrf_checks=True)

    def send(provider, data, content_type, *, path="", **headers):
        Mailbox.objects.filter(kind="webhook").exists() or make_mailbox(
            kind="webhook", provider=provider, hook_digest=digest, host=""
        )
        return client.post(f"/hooks/mail/{secret}/{path}", data, content_type=content_type, **headers)

    send.secret = secret
    return send


def form(**fields):
    """multipart/form-data as providers make it: (body, content type)."""
    lines = []
    for name, value in fields.items():
        value = value if isinstance(value, bytes) else value.encode()
        lines.append(b'--xYz\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value))
    return b"".join(lines) + b"--xYz--\r\n", "multipart/form-data; boundary=xYz"


ASCII = letter(2, body="plain")
WRAPPED = {
    "plain": ("", RAW, "message/rfc822", RAW),
    "field": ("", *form(email=RAW), RAW),
    "sendgrid": ("sendgrid", *form(to="a@shop.example", email=RAW, charsets='{"to":"UTF-8"}'), RAW),
    "mailgun": ("mailgun", *form(**{"recipient": "a@shop.example", "body-mime": RAW}), RAW),
    "mailgun by lines": ("mailgun", urlencode({"body-mime": RAW}).encode(), "application/x-www-form-urlencoded", RAW),
    "postmark": ("postmark", json.dumps({"MessageID": "1", "RawEmail": ASCII.decode()}), "application/json", ASCII),
    "mailersend": ("mailersend", json.dumps({"data": {"raw": ASCII.decode()}}), "application/json", ASCII),
    "postal": (
        "postal", json.dumps({"message": base64.b64encode(RAW).decode(), "base64": True}), "application/json", RAW
    ),
    "sparkpost": (
        "sparkpost",
        json.dumps(
            [{"msys": {"relay_message": {"content": {
                "email_rfc822": base64.b64encode(RAW).decode(), "email_rfc822_is_base64": True}}}}]
        ),
        "application/json",
        RAW,
    ),
    "mandrill": (
        "mandrill",
        urlencode({"mandrill_events": json.dumps([{"event": "inbound", "msg": {"raw_msg": ASCII.decode()}}])}),
        "application/x-www-form-urlencoded",
        ASCII,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRAPPED)
def test_the_mail_is_kept_byte_by_byte_and_once_whatever_is_posted_again(post, case):
    provider, data, content_type, raw = WRAPPED[case]
    for _ in range(3):
        assert post(provider, data, content_type).status_code == 200
    row = IncomingMail.objects.get()
    assert bytes(row.raw) == raw
    assert (row.state, row.source_key) == (State.STORED, f"hook:{hashlib.sha256(raw).hexdigest()}")


def test_mailguns_address_for_original_bytes(post):
    body, content_type = form(**{"body-mime": RAW})
    assert post("mailgun", body, content_type, path="mime/").status_code == 200
    assert bytes(IncomingMail.objects.get().raw) == RAW


def test_a_mail_of_many_megabytes_in_a_field_is_kept(post):
    raw = RAW + b"\r\n" + b"A" * 76 + b"\r\n" * 1 + b"B" * 6_000_000
    body, content_type = form(email=raw)
    assert post("sendgrid", body, content_type).status_code == 200
    assert IncomingMail.objects.get().size == len(raw)


def test_two_different_mails_are_two(post):
    post("", letter(1), "message/rfc822")
    post("", letter(2), "message/rfc822")
    assert IncomingMail.objects.count() == 2


def test_parts_without_the_original_bytes_are_put_together(post):
    data = {
        "From": "hanako@mail.example", "FromFull": {"Email": "hanako@mail.example", "Name": "花子"},
        "ToFull": [], "CcFull": [], "BccFull": [], "Subject": "返品について", "TextBody": "お願いします。", "HtmlBody": "",
        "Headers": [{"Name": "Message-ID", "Value": "<p1@mail.example>"}], "Attachments": [], "MessageID": "event-1",
    }  # fmt: skip
    assert post("postmark", json.dumps(data), "application/json").status_code == 200
    assert post("postmark", json.dumps(data), "application/json").status_code == 200
    row = IncomingMail.objects.get()
    assert row.state == State.STORED
    assert b"<p1@mail.example>" in bytes(row.raw)


@pytest.mark.parametrize(
    ("provider", "data", "content_type"),
    [
        ("postmark", b"{not json", "application/json"),
        ("postmark", b"[]", "application/json"),
        ("sparkpost", b'[{"msys": 3}]', "application/json"),
        ("mandrill", b"mandrill_events=%5B1%5D", "application/x-www-form-urlencoded"),
        ("postal", b'{"message": "?", "base64": true}', "application/json"),
        ("", b"{}", "application/json"),
        ("postmark", b"[" * 100_000, "application/json"),
    ],
)
def test_what_nobody_understands_is_kept_and_shown_as_an_error(post, provider, data, content_type):
    assert post(provider, data, content_type).status_code == 200
    row = IncomingMail.objects.get()
    assert (row.state, row.reason, bytes(row.raw)) == (State.ERROR, "wrapping", data)


@pytest.mark.parametrize("secret", ["x", "a" * 32, "%00" * 30, "a" * 500, "..", "%E3%81%82" * 10])
def test_an_unknown_address_is_404_and_stores_nothing(post, secret, caplog):
    post("", letter(1), "message/rfc822")
    IncomingMail.objects.all().delete()
    response = Client().post(f"/hooks/mail/{secret}/", letter(1), content_type="message/rfc822")
    assert response.status_code == 404
    assert not IncomingMail.objects.exists()


def test_a_mailbox_without_an_address_is_not_found_by_an_empty_one(db):
    make_mailbox(kind="webhook")
    assert hooks.mailbox_of("") is None
    assert Client().post("/hooks/mail//", b"x", content_type="message/rfc822").status_code == 404


def test_a_look_is_not_a_post(post):
    post("", letter(1), "message/rfc822")
    assert Client().head(f"/hooks/mail/{post.secret}/").status_code == 200
    assert Client().get(f"/hooks/mail/{post.secret}/").status_code == 405


def test_no_refusal_is_logged_with_the_address(post, caplog):
    caplog.set_level(logging.DEBUG)
    post("", letter(1), "message/rfc822")
    client = Client()
    for path in (f"/hooks/mail/{post.secret}/", f"/hooks/mail/{post.secret}", f"/hooks/mail/{post.secret}/mime"):
        assert client.get(path).status_code == 405
        assert client.put(path).status_code == 405
        assert client.post(path, letter(1), content_type="message/rfc822").status_code == 200
    Mailbox.objects.update(kind="imap")
    assert client.post(f"/hooks/mail/{post.secret}/", letter(1), content_type="message/rfc822").status_code == 404
    assert post.secret not in caplog.text
    assert IncomingMail.objects.count() == 1


def test_too_much_is_refused(post, monkeypatch):
    monkeypatch.setattr(hooks, "MAX_BODY", 1000)
    assert post("", b"x" * 1001, "message/rfc822").status_code == 413
    assert not IncomingMail.objects.exists()


def test_a_mail_beyond_the_size_stands_in_the_errors(post, monkeypatch):
    monkeypatch.setattr(hooks, "MAX_SIZE", 1000)
    assert post("", b"Subject: x\r\n\r\n" + b"x" * 1001, "message/rfc822").status_code == 200
    row = IncomingMail.objects.get()
    assert (row.state, row.reason) == (State.ERROR, "too_large")


def _signed(key):
    token, timestamp = "t1", "1763600000"
    signature = hmac.new(key, f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"token": token, "timestamp": timestamp, "signature": signature}


def test_a_provider_that_signs_has_to_sign_rightly(post, settings):
    settings.ANYMAIL = {"MAILGUN_WEBHOOK_SIGNING_KEY": "signing-key"}
    unsigned = form(**{"body-mime": RAW})
    wrong = form(**{"body-mime": RAW}, **_signed(b"another shop's key"))
    right = form(**{"body-mime": RAW}, **_signed(b"signing-key"))
    assert post("mailgun", *unsigned).status_code == 403
    assert post("mailgun", *wrong).status_code == 403
    assert not IncomingMail.objects.exists()
    assert post("mailgun", *right).status_code == 200
    assert post("mailgun", *right).status_code == 200  # replayed
    assert bytes(IncomingMail.objects.get().raw) == RAW


@pytest.mark.parametrize(("error", "status"), [(OperationalError("away"), 503), (RuntimeError("bug"), 500)])
def test_failures_are_told_to_the_provider_and_the_address_is_in_no_log(post, monkeypatch, caplog, error, status):
    caplog.set_level(logging.DEBUG)
    post("", letter(1), "message/rfc822")

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(hooks, "store", fail)
    response = post("", letter(2), "message/rfc822")
    assert response.status_code == status
    monkeypatch.setattr(hooks, "MAX_BODY", 10)
    assert post("", letter(2), "message/rfc822").status_code == 413
    assert post.secret not in caplog.text
    assert IncomingMail.objects.count() == 1


def test_only_a_digest_of_the_address_is_stored(post):
    post("", letter(1), "message/rfc822")
    assert post.secret not in str(list(Mailbox.objects.values_list()))
    assert store.MAX_SIZE == 40 * 1024 * 1024


def test_every_provider_that_anymail_receives_for_is_known():
    from anymail import urls

    names = {pattern.name.partition("_inbound")[0] for pattern in urls.urlpatterns if "inbound" in pattern.name}
    assert hooks.PROVIDERS.keys() == (names - {"sendinblue"}) | {"mandrill"}
    assert hooks._RAW.keys() == hooks.PROVIDERS.keys() | {""}
