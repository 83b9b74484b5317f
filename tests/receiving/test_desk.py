"""What staff see of mailboxes and of mail that could not be read, and what they may do."""

import json
import logging

import pytest
from django.urls import reverse

from shopdesk import clock
from shopdesk.accounts import secretbox
from shopdesk.accounts.models import AuditEntry
from shopdesk.mail import receiving
from shopdesk.mail.models import IncomingMail, Mailbox, OutgoingMail
from shopdesk.mail.receiving import hooks
from tests.mail.make import queue
from tests.make import make_user
from tests.receiving.make import PASSWORD, letter, make_mailbox

State = IncomingMail.State
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def still_clock(monkeypatch, now):
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.fixture
def client(owner, signed_in):
    return signed_in(owner)


def page(client, name, *arguments):
    response = client.get(reverse(f"desk-mail:{name}", args=arguments))
    assert response.status_code == 200
    return response.content.decode()


def make_error(now, mailbox=None, **fields):
    values = {
        "source_key": f"imap:INBOX:1:{IncomingMail.objects.count()}", "sha256": "0" * 64, "raw": letter(1), "size": 300,
        "received_at": now, "next_try_at": now, "state": State.ERROR, "reason": "ValueError", "attempts": 2,
    }  # fmt: skip
    return IncomingMail.objects.create(mailbox=mailbox or make_mailbox(), **{**values, **fields})


IMAP_FORM = {
    "name": "窓口", "address": "Support@shop.example", "store_code": "", "host": "127.0.0.1", "port": "1143",
    "security": "none", "username": "shop", "password": PASSWORD, "folders": "INBOX", "read_since": "2026-11-20",
}  # fmt: skip


def test_a_mailbox_is_added_paused_and_its_password_is_sealed(client, imap, now):
    response = client.post(reverse("desk-mail:mailbox-add", args=["imap"]), {**IMAP_FORM, "port": imap.port})
    box = Mailbox.objects.get()
    assert response.url == reverse("desk-mail:mailbox", args=[box.pk])
    assert (box.status, box.address, box.kind) == ("paused", "support@shop.example", "imap")
    assert PASSWORD not in box.secret
    assert secretbox.open_(box.secret) == PASSWORD
    receiving.sweep(now)
    assert imap.commands == []
    for name in ("mailbox", "mailbox-edit"):
        assert PASSWORD not in page(client, name, box.pk)
    assert PASSWORD not in str(list(AuditEntry.objects.values_list("data", flat=True)))


def test_an_empty_password_keeps_the_stored_one(client):
    box = make_mailbox(1143, read_since=None)
    form = {**IMAP_FORM, "password": "", "name": "新しい名前"}
    client.post(reverse("desk-mail:mailbox-edit", args=[box.pk]), form)
    box.refresh_from_db()
    assert box.name == "新しい名前"
    assert secretbox.open_(box.secret) == PASSWORD


@pytest.mark.parametrize(
    "change", [{"host": "evil.example"}, {"port": "2"}, {"username": "other"}, {"security": "starttls"}]
)
def test_a_stored_password_is_not_taken_to_another_server(client, change):
    box = make_mailbox(1143)
    response = client.post(reverse("desk-mail:mailbox-edit", args=[box.pk]), {**IMAP_FORM, "password": "", **change})
    assert response.status_code == 422
    assert "もう一度入力してください" in response.content.decode()
    box.refresh_from_db()
    assert (box.host, box.port, box.username, box.security) == ("127.0.0.1", 1143, "shop", "none")


def test_a_refused_form_does_not_repeat_the_password(client):
    response = client.post(reverse("desk-mail:mailbox-add", args=["imap"]), {**IMAP_FORM, "address": "not one"})
    assert response.status_code == 422
    assert PASSWORD not in response.content.decode()


NO_SERVERS = ["mail shop.example", "https://mail.shop.example/", "mail.shop.example:993", "-x", "a@b.example", ":"]


@pytest.mark.parametrize("host", NO_SERVERS)
def test_what_names_no_server_is_told_at_the_form(client, host):
    response = client.post(reverse("desk-mail:mailbox-add", args=["imap"]), {**IMAP_FORM, "host": host})
    assert response.status_code == 422
    assert "サーバー名だけを入力してください" in response.text
    assert not Mailbox.objects.exists()


SERVERS = [
    (" ＭＡＩＬ.Shop.example　", "mail.shop.example"), ("mail_in", "mail_in"), ("[::1]", "::1"), ("127.0.0.1",) * 2,
    ("メール.example", "メール.example"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "kept"), SERVERS)
def test_the_name_of_a_server_is_kept_as_it_is_asked_for(client, typed, kept):
    client.post(reverse("desk-mail:mailbox-add", args=["imap"]), {**IMAP_FORM, "host": typed})
    assert Mailbox.objects.get().host == kept


@pytest.mark.parametrize("name", ["name", "host", "username", "folders", "password"])
def test_line_breaks_are_refused(client, name):
    form = {**IMAP_FORM, name: "a\r\nA1 DELETE INBOX"}
    assert client.post(reverse("desk-mail:mailbox-add", args=["imap"]), form).status_code == 422
    assert not Mailbox.objects.exists()


def test_an_oauth_account_is_kept_as_one_sealed_secret(client):
    form = {
        "name": "Gmail", "address": "shop@gmail.example", "provider": "google", "username": "shop@gmail.example",
        "client_id": "id-1", "client_secret": "cs-1", "refresh_token": "rt-1", "folders": "INBOX", "store_code": "",
    }  # fmt: skip
    assert client.post(reverse("desk-mail:mailbox-add", args=["oauth"]), form).status_code == 302
    box = Mailbox.objects.get()
    assert (box.host, box.port, box.security, box.auth) == ("imap.gmail.com", 993, "tls", "xoauth2")
    fields = {"client_id": "id-1", "client_secret": "cs-1", "refresh_token": "rt-1"}
    assert json.loads(secretbox.open_(box.secret)) == fields
    shown = page(client, "mailbox-edit", box.pk)
    assert not any(value in shown for value in fields.values())
    half = {**form, "client_id": "id-2", "client_secret": "", "refresh_token": ""}
    assert client.post(reverse("desk-mail:mailbox-edit", args=[box.pk]), half).status_code == 422


def test_the_connection_test_shows_the_last_three_subjects_and_changes_nothing(client, imap):
    box = make_mailbox(imap.port, status="paused")
    for number in range(1, 5):
        imap.deliver(letter(number, subject="=?utf-8?B?6L+U5ZOB44Gr44Gk44GE44Gm?=" if number == 4 else None))
    shown = client.post(reverse("desk-mail:mailbox-test", args=[box.pk])).content.decode()
    assert "4通" in shown
    assert "返品について" in shown
    assert "letter 2" in shown
    assert "letter 1" not in shown
    assert imap.changes == []
    assert not IncomingMail.objects.exists()


def test_a_failed_test_says_what_to_do_and_not_the_password(client, imap, caplog):
    caplog.set_level(logging.DEBUG)
    box = make_mailbox(imap.port, secret="mukashi-no-aikotoba")
    imap.echo_password = True
    shown = client.post(reverse("desk-mail:mailbox-test", args=[box.pk])).content.decode()
    assert "ユーザー名またはパスワードが違います" in shown
    receiving.sweep(clock.now())
    assert "ユーザー名またはパスワードが違います" in page(client, "mailbox", box.pk)
    everywhere = shown + page(client, "mailbox", box.pk) + page(client, "mailboxes") + caplog.text
    assert "mukashi" not in everywhere
    assert "mukashi" not in str(list(Mailbox.objects.values_list()))


def test_read_start_and_pause(client, imap, now):
    box = make_mailbox(imap.port, status="paused")
    imap.deliver(letter(1))
    for status, read in [("reading", 1), ("active", 0), ("paused", 0)]:
        client.post(reverse("desk-mail:mailbox-status", args=[box.pk]), {"status": status})
        assert receiving.sweep(now) == read
        box.refresh_from_db()
        assert box.status == status
    codes = AuditEntry.objects.order_by("pk").values_list("code", flat=True)
    assert list(codes) == ["mailbox.reading", "mailbox.active", "mailbox.paused"]
    assert client.post(reverse("desk-mail:mailbox-status", args=[box.pk]), {"status": "x"}).status_code == 404


def test_a_providers_address_is_shown_once_and_works(client, settings):
    form = {"name": "Postmark", "address": "in@shop.example", "provider": "", "store_code": ""}
    client.post(reverse("desk-mail:mailbox-add", args=["webhook"]), form)
    box = Mailbox.objects.get()
    response = client.post(reverse("desk-mail:mailbox-address", args=[box.pk]))
    shown = response.content.decode()
    start = shown.index(f"{settings.SITE_URL}/hooks/mail/")
    path = shown[start + len(settings.SITE_URL) : shown.index("<", start)]
    assert response["Cache-Control"] == "no-store"
    assert client.post(path, letter(1), content_type="message/rfc822").status_code == 200
    assert IncomingMail.objects.count() == 1
    assert path not in page(client, "mailbox", box.pk)
    client.post(reverse("desk-mail:mailbox-address", args=[box.pk]))
    assert client.post(path, letter(2), content_type="message/rfc822").status_code == 404


def test_the_errors_stand_in_front_in_words(client, now):
    make_error(now, subject="壊れたメール", from_address="hanako@mail.example")
    make_error(now, reason="too_large", state=State.ERROR, mailbox=Mailbox.objects.get(), subject="大きなメール")
    make_error(now, state=State.IGNORED, reason="own_address", mailbox=Mailbox.objects.get(), subject="自社")
    shown = page(client, "incoming-list")
    assert "壊れたメール" in shown
    assert "40MBを超えるため" in shown
    assert "自社</a>" not in shown
    assert "自社</a>" in client.get(reverse("desk-mail:incoming-list"), {"show": "all"}).content.decode()
    assert client.get(reverse("desk-mail:incoming-list"), {"show": "\x00", "before": "９"}).status_code == 200


def test_a_mail_is_read_again_with_a_chosen_charset(client, now):
    mail = make_error(now)
    address = reverse("desk-mail:incoming-read-again", args=[mail.pk])
    client.post(address, {"seen": "error:2", "charset": "cp932"})
    mail.refresh_from_db()
    assert (mail.state, mail.charset, mail.attempts, mail.reason) == (State.STORED, "cp932", 0, "")
    assert AuditEntry.objects.get().data == {"mail": mail.pk, "charset": "cp932"}
    # Again from an older page: nothing more happens.
    IncomingMail.objects.update(state=State.FILED, filed_at=now)
    client.post(address, {"seen": "error:2", "charset": ""})
    mail.refresh_from_db()
    assert (mail.state, mail.charset) == (State.FILED, "cp932")


@pytest.mark.parametrize(("state", "reason"), [("ignored", "auto_reply"), ("bounce", "not_ours")])
def test_what_was_taken_for_a_machines_mail_can_be_filed_as_a_letter(client, now, state, reason):
    mail = make_error(now, state=state, reason=reason, filed_at=now)
    assert "問い合わせに登録する" in page(client, "incoming", mail.pk)
    address = reverse("desk-mail:incoming-read-again", args=[mail.pk])
    client.post(address, {"seen": f"{state}:1", "letter": "1"})  # from an older page
    mail.refresh_from_db()
    assert mail.state == state
    for _twice in range(2):
        client.post(address, {"seen": f"{state}:2", "letter": "1"})
    mail.refresh_from_db()
    assert (mail.state, mail.reason, mail.attempts) == (State.STORED, "as_letter", 0)
    entry = AuditEntry.objects.get()
    assert (entry.code, entry.data) == ("incoming.as_letter", {"mail": mail.pk, "was": reason})


@pytest.mark.parametrize(
    ("state", "fields"),
    [("error", {}), ("filed", {}), ("duplicate", {}), ("ignored", {"reason": "own_address"}), ("bounce", {"raw": b""})],
)
def test_nothing_else_can_be_filed_as_a_letter(client, now, state, fields):
    mail = make_error(now, state=state, **({"reason": "x", "filed_at": now} | fields))
    assert "問い合わせに登録する" not in page(client, "incoming", mail.pk)
    client.post(reverse("desk-mail:incoming-read-again", args=[mail.pk]), {"seen": f"{state}:2", "letter": "1"})
    mail.refresh_from_db()
    assert mail.state == state
    assert not AuditEntry.objects.exists()


def test_a_mail_without_bytes_cannot_be_read_again(client, now):
    mail = make_error(now, raw=b"", reason="unfetchable")
    assert "もう一度読み取る" not in page(client, "incoming", mail.pk)
    client.post(reverse("desk-mail:incoming-read-again", args=[mail.pk]), {"seen": "error:2", "charset": ""})
    mail.refresh_from_db()
    assert mail.state == State.ERROR


def test_no_answer_needed_asks_for_the_reason(client, now):
    mail = make_error(now)
    address = reverse("desk-mail:incoming-ignore", args=[mail.pk])
    assert client.post(address, {"seen": "error:2", "note": ""}).status_code == 422
    client.post(address, {"seen": "error:2", "note": "広告メール"})
    mail.refresh_from_db()
    assert (mail.state, mail.reason, bytes(mail.raw)) == (State.IGNORED, "by_staff", letter(1))
    assert AuditEntry.objects.get().data["note"] == "広告メール"


def test_the_bytes_are_a_download_that_runs_nothing(client, now):
    raw = b"Subject: x\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>"
    mail = make_error(now, raw=raw, subject="<script>alert(2)</script>")
    response = client.get(reverse("desk-mail:incoming-eml", args=[mail.pk]))
    assert response.content == raw
    assert response["Content-Disposition"] == f'attachment; filename="received-{mail.pk}.eml"'
    assert "sandbox" in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "<script>alert" not in page(client, "incoming", mail.pk)


def test_who_may_look_may_not_settle(signed_in, now):
    mail = make_error(now)
    client = signed_in(make_user(role="agent"))
    shown = page(client, "incoming", mail.pk)
    assert "もう一度読み取る" not in shown
    for name in ("incoming-read-again", "incoming-ignore"):
        assert client.post(reverse(f"desk-mail:{name}", args=[mail.pk]), {"seen": "error:2"}).status_code == 403
    assert client.get(reverse("desk-mail:mailboxes")).status_code == 403
    assert reverse("desk-mail:mailboxes") not in shown


def test_the_home_page_tells_of_errors_and_of_broken_mailboxes(client, now):
    quiet = '{}</span> <span class="stat-value muted">0</span>'
    shown = client.get(reverse("admin:index")).content.decode()
    assert quiet.format("取込エラー") in shown
    assert quiet.format("受信障害") in shown
    make_error(now)
    Mailbox.objects.update(problem="sign_in", problem_since=now)
    shown = client.get(reverse("admin:index")).content.decode()
    assert quiet.format("取込エラー") not in shown
    assert quiet.format("受信障害") not in shown


def test_a_letter_that_came_back_says_so(client, now):
    mail = queue()
    OutgoingMail.objects.update(
        bounced_at=now, bounce_code="user_unknown", bounce_detail="5.1.1", state=3, sent_at=now, raw=b"x"
    )
    for shown in (page(client, "detail", mail.pk), page(client, "list")):
        assert "戻ってきました：宛先のアドレスが存在しません。" in shown


def test_secrets_of_addresses_are_long():
    secret, digest = hooks.new_address()
    assert len(secret) >= 32
    assert secret not in digest


def test_each_field_of_the_form_has_its_own_name(client):
    for word, labels in {
        "imap": ["サーバー", "ポート", "パスワード・アプリパスワード"],
        "pop3": ["取り込み後にサーバーから削除する"],
        "oauth": ["クライアントID"],
        "webhook": ["配信サービス"],
    }.items():
        shown = page(client, "mailbox-add", word)
        assert all(f"{label}" in shown.replace("\n", "") for label in labels)
        assert shown.count("メールアドレス") >= 1
    assert client.get(reverse("desk-mail:mailbox-add", args=["other"])).status_code == 404
