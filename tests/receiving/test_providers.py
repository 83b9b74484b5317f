"""Providers that hand over parts, or only tell where the mail lies: each as it describes its posts, none lost or twice."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
import requests
from django.test import Client
from django.urls import reverse

from shopdesk import clock
from shopdesk.mail import parsing
from shopdesk.mail.models import IncomingMail, Mailbox
from shopdesk.mail.receiving import hooks
from tests.receiving.make import letter, make_mailbox

State = IncomingMail.State
pytestmark = pytest.mark.django_db
RAW = letter(1).replace("本文です。".encode(), "本文です。".encode("shift_jis")) + b"\x00\xff end"


@pytest.fixture(autouse=True)
def still_clock(monkeypatch, now):
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.fixture(autouse=True)
def keys(settings):
    settings.ANYMAIL = {
        "BREVO_API_KEY": "brevo-key-1234", "MAILTRAP_API_TOKEN": "trap-token-1234", "RESEND_API_KEY": "re-key-12345678",
    }  # fmt: skip


@pytest.fixture
def post():
    """``post(provider, body)`` to the address of a mailbox of that provider."""
    secret, digest = hooks.new_address()
    client = Client(enforce_csrf_checks=True)
    made = []

    def send(provider, body, **headers):
        made or made.append(make_mailbox(kind="webhook", provider=provider, hook_digest=digest, host=""))
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(f"/hooks/mail/{secret}/", data, content_type="application/json", headers=headers).status_code

    return send


class Answer:
    def __init__(self, content, status=200):
        self.content, self.status_code = content, status
        self.headers = {"Content-Type": "application/pdf"}

    def json(self):
        return json.loads(self.content)

    def raise_for_status(self):
        if self.status_code >= 400:
            raise requests.HTTPError(response=self)

    def iter_content(self, chunk_size=None):
        yield from (self.content[start : start + 1000] for start in range(0, len(self.content), 1000))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Web(dict):
    def __init__(self):
        super().__init__()
        self.asked = []


@pytest.fixture
def web(monkeypatch):
    """The provider's own interface: address -> bytes, status or exception; ``asked`` keeps (address, headers)."""

    web = Web()

    def get(url, headers=None, timeout=None, stream=False, **more):
        assert timeout, "a provider that hangs must not hold a web worker"
        web.asked.append((url, headers or {}))
        found = web.get(url, 404)
        if isinstance(found, Exception):
            raise found
        return Answer(b"{}", found) if isinstance(found, int) else Answer(found)

    monkeypatch.setattr(requests, "get", get)
    return web


def only():
    row = IncomingMail.objects.get()
    return row, bytes(row.raw)


# --- Amazon SES ---------------------------------------------------------------------------------------------------


def ses(content=None, encoding="BASE64", **event):
    message = {
        "notificationType": "Received",
        "mail": {"messageId": "fqef5sop459utgdf4o9lqsv7jeo73pejig34301", "destination": ["support@shop.example"]},
        "receipt": {"recipients": ["support@shop.example"], "action": {"type": "SNS", "encoding": encoding}},
        **({} if content is None else {"content": content}),
        **event,
    }
    return {
        "Type": "Notification", "MessageId": "19ba9823", "TopicArn": "arn:aws:sns:us-east-1:1:in",
        "Timestamp": "2026-11-20T01:00:00.000Z", "Message": json.dumps(message),
    }  # fmt: skip


def test_amazon_ses_hands_over_the_bytes(post):
    for _ in range(3):
        assert post("amazon_ses", ses(base64.b64encode(RAW).decode())) == 200
    row, raw = only()
    assert (row.state, raw) == (State.STORED, RAW)


def test_amazon_ses_as_text_and_delivered_bare(post):
    plain = letter(2, body="plain")
    assert post("amazon_ses", ses(plain.decode(), encoding="UTF-8")) == 200
    bare = json.loads(ses(plain.decode(), encoding="UTF-8")["Message"])
    assert post("amazon_ses", bare) == 200  # "raw message delivery": without the envelope of the topic
    assert only()[1] == plain


def test_amazon_ses_asks_for_its_subscription_and_a_person_finds_it(post):
    body = {
        "Type": "SubscriptionConfirmation", "MessageId": "165545c9", "Token": "2336412f37",
        "TopicArn": "arn:aws:sns:us-east-1:1:in", "SubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Confirm",
    }  # fmt: skip
    assert post("amazon_ses", body) == 200
    row, raw = only()
    assert (row.state, row.reason) == (State.ERROR, "wrapping")
    assert b"SubscribeURL" in raw


def test_amazon_ses_that_put_the_mail_in_a_bucket_is_kept_as_it_came(post):
    action = {"recipients": [], "action": {"type": "S3", "bucketName": "b", "objectKey": "k"}}
    assert post("amazon_ses", ses(receipt=action)) == 200
    assert only()[0].state == State.ERROR


# --- Brevo --------------------------------------------------------------------------------------------------------


def brevo(**fields):
    item = {
        "Uuid": ["9d2d0d0e-6f24-4b11-a0a5-6a4c1f0c3c3a"], "Subject": "返品について",
        "Headers": {
            "From": "=?utf-8?b?5bGx55Sw?= <hanako@mail.example>", "To": "support@shop.example", "Subject": "返品について",
            "Message-ID": "<b1@mail.example>", "Received": ["from a", "from b"],
        },
        "RawTextBody": "お願いします。\n", "RawHtmlBody": "<p>お願いします。</p>", "Attachments": [], **fields,
    }  # fmt: skip
    return {"items": [item]}


FILE = {"Name": "領収書.pdf", "ContentType": "application/pdf", "ContentLength": 4, "DownloadToken": "tok/en"}
FILE_ADDRESS = "https://api.brevo.com/v3/inbound/attachments/tok%2Fen"


def test_brevo_hands_over_parts_and_files(post, web):
    web[FILE_ADDRESS] = b"%PDF"
    for _ in range(2):
        assert post("brevo", brevo(Attachments=[FILE])) == 200
    row, raw = only()
    read = parsing.parse(raw)
    assert row.state == State.STORED
    assert (read.subject, read.message_id, read.sender.address) == (
        "返品について", "<b1@mail.example>", "hanako@mail.example",
    )  # fmt: skip
    assert "お願いします。" in read.text
    assert [(one.name, one.size) for one in read.attachments] == [("領収書.pdf", 4)]
    assert web.asked[0] == (FILE_ADDRESS, {"api-key": "brevo-key-1234"})


@pytest.mark.parametrize("trouble", [requests.ConnectTimeout("slow"), 500, 429, 401])
def test_a_file_that_cannot_be_had_now_is_asked_for_again_by_the_provider(post, web, trouble):
    web[FILE_ADDRESS] = trouble
    assert post("brevo", brevo(Attachments=[FILE])) == 503
    assert not IncomingMail.objects.exists()
    web[FILE_ADDRESS] = b"%PDF"
    assert post("brevo", brevo(Attachments=[FILE])) == 200
    assert only()[0].state == State.STORED


def test_a_file_that_is_gone_for_good_loses_not_the_mail(post, web):
    assert post("brevo", brevo(Attachments=[FILE])) == 200
    row, raw = only()
    assert (row.state, row.reason) == (State.ERROR, "wrapping")
    assert "お願いします。".encode() in raw or b"\\u304a" in raw


# --- Mailjet ------------------------------------------------------------------------------------------------------


def mailjet(**fields):
    return {
        "Sender": "hanako@mail.example", "Recipient": "support@shop.example", "Date": "20261120T010000",
        "From": "花子 <hanako@mail.example>", "Subject": "返品について",
        "Headers": {
            "Return-Path": ["<hanako@mail.example>"], "From": "花子 <hanako@mail.example>", "Subject": "返品について",
            "Message-ID": "<j1@mail.example>", "Received": ["a", "b"],
        },
        "Parts": [
            {"Headers": {"Content-Type": "text/plain; charset=utf-8"}, "ContentRef": "Text-part"},
            {
                "Headers": {
                    "Content-Type": 'application/pdf; name="a.pdf"',
                    "Content-Disposition": 'attachment; filename="a.pdf"',
                },
                "ContentRef": "Attachment1",
            },
        ],
        "Text-part": "お願いします。", "Html-part": "<p>x</p>", "Attachment1": base64.b64encode(b"%PDF").decode(),
        "SpamAssassinScore": "0.5", **fields,
    }  # fmt: skip


def test_mailjet_hands_over_parts(post):
    for _ in range(2):
        assert post("mailjet", mailjet()) == 200
    row, raw = only()
    read = parsing.parse(raw)
    assert (row.state, read.subject, read.message_id) == (State.STORED, "返品について", "<j1@mail.example>")
    assert [(one.name, one.size) for one in read.attachments] == [("a.pdf", 4)]


@pytest.mark.parametrize(
    "fields",
    [
        {"Text-part": "\ud800 half a character"},
        {"Headers": {"Subject": "a\r\nBcc: eve@mail.example", "From": "x"}},
        {"Headers": {"From": ["a"] * 3, "Subject": "\ud83d"}},
        {"Parts": [{"ContentRef": "Attachment7", "Headers": {}}]},
        {"Attachment1": "not base64 !!"},
        {"Headers": 7},
    ],
)
def test_parts_that_make_no_mail_are_kept_in_some_form(post, fields):
    assert post("mailjet", mailjet(**fields)) == 200
    assert IncomingMail.objects.count() == 1
    read = parsing.parse(only()[1])
    assert "eve@mail.example" not in str(read.headers.get("bcc", ""))


# --- Mailtrap -----------------------------------------------------------------------------------------------------

TRAP = {
    "event": "inbound.message_received", "event_id": "e1", "timestamp": 1763600000000, "inbox_id": 77,
    "message_id": "m-1", "from": "hanako@mail.example",
}  # fmt: skip
TRAP_ADDRESS = "https://mailtrap.io/api/inbound/inboxes/77/messages/m-1"
STORE = "https://bucket.example/raw?sig=1"


def test_mailtrap_tells_where_the_bytes_lie(post, web):
    web[TRAP_ADDRESS] = json.dumps({"id": "m-1", "raw_message_url": STORE}).encode()
    web[STORE] = RAW
    for number in range(3):
        assert post("mailtrap", {"events": [{**TRAP, "event_id": f"e{number}"}]}) == 200
    row, raw = only()
    assert (row.state, raw) == (State.STORED, RAW)
    # The key of the interface is not shown to the store.
    assert web.asked[:2] == [(TRAP_ADDRESS, {"Authorization": "Bearer trap-token-1234"}), (STORE, {})]


@pytest.mark.parametrize("where", [TRAP_ADDRESS, STORE])
@pytest.mark.parametrize("trouble", [requests.ReadTimeout("slow"), requests.ConnectionError("no"), 502, 403])
def test_mailtrap_posts_again_what_could_not_be_fetched(post, web, where, trouble):
    web[TRAP_ADDRESS] = json.dumps({"id": "m-1", "raw_message_url": STORE}).encode()
    web[STORE] = RAW
    right = web[where]
    web[where] = trouble
    assert post("mailtrap", {"events": [TRAP]}) == 503
    assert not IncomingMail.objects.exists()
    web[where] = right
    assert post("mailtrap", {"events": [TRAP]}) == 200
    assert only()[1] == RAW


def test_mailtraps_example_is_no_mail_and_a_mail_that_is_gone_is_kept_as_it_was_told(post, web):
    assert post("mailtrap", {"events": [{**TRAP, "inbox_id": 1}]}) == 200
    assert not IncomingMail.objects.exists()
    assert post("mailtrap", {"events": [TRAP]}) == 200
    assert only()[0].reason == "wrapping"


def test_mailtrap_that_signs_has_to_sign_rightly(post, web, settings):
    settings.ANYMAIL = {**settings.ANYMAIL, "MAILTRAP_INBOUND_SECRET": "sign-me-please"}
    web[TRAP_ADDRESS] = json.dumps({"id": "m-1", "raw_message_url": STORE}).encode()
    web[STORE] = RAW
    body = json.dumps({"events": [TRAP]}).encode()
    assert post("mailtrap", body) == 403
    assert post("mailtrap", body, **{"mailtrap-signature": "0" * 64}) == 403
    assert (web.asked, IncomingMail.objects.count()) == ([], 0)
    right = hmac.new(b"sign-me-please", body, hashlib.sha256).hexdigest()
    assert post("mailtrap", body, **{"mailtrap-signature": right}) == 200
    assert only()[1] == RAW


# --- Resend -------------------------------------------------------------------------------------------------------

SENT = {
    "type": "email.received", "created_at": "2026-11-20T01:00:00.000Z",
    "data": {"email_id": "56761188-7520", "from": "hanako@mail.example", "to": ["support@shop.example"]},
}  # fmt: skip
RESEND_ADDRESS = "https://api.resend.com/emails/receiving/56761188-7520"


def test_resend_tells_where_the_bytes_lie(post, web):
    web[RESEND_ADDRESS] = json.dumps({"id": "1", "raw": {"download_url": STORE}}).encode()
    web[STORE] = RAW
    for _ in range(2):
        assert post("resend", SENT) == 200
    assert (only()[0].state, only()[1]) == (State.STORED, RAW)
    assert web.asked[0] == (RESEND_ADDRESS, {"Authorization": "Bearer re-key-12345678"})


def test_resend_without_the_original_is_put_together(post, web):
    data = {
        "from": "hanako@mail.example", "to": ["support@shop.example"], "subject": "返品について", "text": "お願いします。",
        "headers": {"x-mailer": "phone"}, "message_id": "<r1@mail.example>", "attachments": [],
    }  # fmt: skip
    web[RESEND_ADDRESS] = json.dumps(data).encode()
    assert post("resend", SENT) == 200
    assert post("resend", SENT) == 200
    read = parsing.parse(only()[1])
    assert (read.subject, read.message_id) == ("返品について", "<r1@mail.example>")


def test_resend_that_does_not_answer_posts_again(post, web):
    web[RESEND_ADDRESS] = requests.ConnectionError("no")
    assert post("resend", SENT) == 503
    assert not IncomingMail.objects.exists()


def test_a_wrong_key_is_shown_on_the_mailbox_until_it_is_right(post, web, now, signed_in, owner, monkeypatch):
    web[RESEND_ADDRESS] = 401
    assert post("resend", SENT) == 503
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=1))
    assert post("resend", SENT) == 503
    mailbox = Mailbox.objects.get()
    assert (mailbox.problem, mailbox.problem_detail, mailbox.problem_since) == ("not_handed_over", "HTTPError 401", now)
    page = signed_in(owner).get(reverse("desk-mail:mailbox", args=[mailbox.pk])).content.decode()
    assert "APIキー" in page
    assert "re-key" not in page
    web[RESEND_ADDRESS] = json.dumps({"raw": {"download_url": STORE}}).encode()
    web[STORE] = RAW
    assert post("resend", SENT) == 200
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.problem_detail, mailbox.problem_since) == ("", "", None)


@pytest.mark.parametrize("body", [{**SENT, "data": {}}, {"type": "email.delivered", "data": {"email_id": "1"}}, {}])
def test_a_post_without_a_mail_is_kept_as_it_came(post, web, body):
    assert post("resend", body) == 200
    assert (only()[0].state, only()[0].reason) == (State.ERROR, "wrapping")


# --- all of them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "setting"),
    [("resend", "RESEND_INBOUND_SECRET"), ("mailtrap", "MAILTRAP_INBOUND_SECRET")],
)
def test_a_signature_that_was_asked_for_and_cannot_be_checked_is_a_refusal(post, web, settings, provider, setting):
    # The key of the interface is missing, or the library for the signature: what cannot be checked is not believed.
    settings.ANYMAIL = {setting: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    assert post(provider, SENT) == 403
    assert not IncomingMail.objects.exists()


@pytest.mark.parametrize("provider", ["amazon_ses", "brevo", "mailjet", "mailtrap", "resend"])
def test_without_the_address_nothing_is_stored_or_fetched(provider, web):
    make_mailbox(kind="webhook", provider=provider, hook_digest=hooks.new_address()[1], host="")
    for secret in ("x" * 32, hooks.new_address()[0]):
        response = Client().post(f"/hooks/mail/{secret}/", json.dumps(SENT), content_type="application/json")
        assert response.status_code == 404
    assert (web.asked, IncomingMail.objects.count()) == ([], 0)


@pytest.mark.parametrize("provider", ["brevo", "mailtrap", "resend"])
def test_without_the_key_of_the_interface_the_post_is_kept(post, web, settings, provider):
    settings.ANYMAIL = {}
    assert post(provider, {"items": [], "events": [TRAP], **SENT}) == 200
    assert only()[0].reason == "wrapping"
    assert web.asked == []


def test_more_than_a_mail_may_have_is_cut_and_shown(post, web, monkeypatch):
    monkeypatch.setattr(hooks, "MAX_SIZE", 1500)
    web[RESEND_ADDRESS] = json.dumps({"raw": {"download_url": STORE}}).encode()
    web[STORE] = RAW + b"x" * 5_000_000
    assert post("resend", SENT) == 200
    row, raw = only()
    assert (row.state, row.reason) == (State.ERROR, "too_large")
    assert len(raw) == 1500


def test_an_address_that_is_no_web_address_is_not_fetched(post, web):
    web[RESEND_ADDRESS] = json.dumps({"raw": {"download_url": "file:///etc/passwd"}}).encode()
    assert post("resend", SENT) == 200
    assert only()[0].reason == "wrapping"
    assert [address for address, _ in web.asked] == [RESEND_ADDRESS]
