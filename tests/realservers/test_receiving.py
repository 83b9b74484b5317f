"""Dovecot: what is read is what stands there, and what the owner is told when it cannot be read is true."""

import hashlib
import re
import time

import pytest
from django.core.cache import cache
from django.urls import reverse

from shopdesk.accounts.models import User
from shopdesk.mail import receiving
from shopdesk.mail.models import IncomingMail, Mailbox, MailboxFolder
from shopdesk.mail.receiving import oauth
from tests.realservers.authority import ADDRESSES, EXPIRED, OTHER_NAME, UNKNOWN
from tests.realservers.dovecot import PASSWORD
from tests.realservers.processes import Cut
from tests.receiving.make import letter, make_mailbox

State = IncomingMail.State
pytestmark = [pytest.mark.django_db, pytest.mark.allow_hosts(list(ADDRESSES))]

WAYS = {
    "imap-starttls": ("imap", "starttls", "imap"),
    "imap-tls": ("imap", "tls", "imaps"),
    "pop3-starttls": ("pop3", "starttls", "pop3"),
    "pop3-tls": ("pop3", "tls", "pop3s"),
}
EIGHT_BIT = (
    "From: =?iso-2022-jp?B?GyRCMjsbKEI=?= <hanako@mail.example>\r\nTo: support@shop.example\r\n"
    "Subject: 件名も生のまま\r\nMessage-ID: <raw@mail.example>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=shift_jis\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
).encode("cp932") + "①②㈱ｶﾅ 髙橋です。\r\n.点で始まる行\r\n..\r\nend\r\n".encode("cp932")


def box(dovecot, user, way="imap-tls", **fields):
    kind, security, port = WAYS[way]
    return make_mailbox(getattr(dovecot, port), kind=kind, security=security, username=user, **fields)


def rows():
    return list(IncomingMail.objects.order_by("pk"))


def again(mailbox, now):
    """Another look, when it is due."""
    mailbox.refresh_from_db()
    stored = receiving.sweep(max(now, mailbox.next_check_at))
    mailbox.refresh_from_db()
    return stored


@pytest.mark.parametrize("way", WAYS)
def test_what_is_read_is_what_stands_there(dovecot, user, now, way):
    raws = [letter(1), EIGHT_BIT, b"no header at all\r\n", letter(4, body="あ" * 5000)]
    dovecot.deliver(user, *raws)
    before = dovecot.state(user)
    mailbox = box(dovecot, user, way)
    assert receiving.sweep(now) == 4
    assert [bytes(row.raw) for row in rows()] == raws
    assert {row.state for row in rows()} == {State.STORED}
    if mailbox.kind == "imap":
        assert dovecot.state(user) == before
    dovecot.deliver(user, letter(5))
    assert again(mailbox, now) == 1
    assert [bytes(row.raw) for row in rows()] == [*raws, letter(5)]
    assert mailbox.problem == ""


@pytest.mark.parametrize("way", WAYS)
def test_the_connection_test_changes_nothing_on_the_server(dovecot, user, client, owner, way):
    dovecot.deliver(user, *(letter(number) for number in range(1, 6)))
    before = dovecot.state(user)
    mailbox = box(dovecot, user, way, status="paused")
    client.force_login(owner)
    page = client.post(reverse("desk-mail:mailbox-test", args=[mailbox.pk])).content.decode()
    assert [f"letter {number}" in page for number in range(1, 6)] == [False, False, True, True, True]
    after = dovecot.state(user)
    if mailbox.kind == "pop3":
        # To sign in by POP3 is to have seen that there is new mail, whatever one does then; nothing else has changed.
        before, after = without_recent(before), without_recent(after)
    assert after == before
    assert not IncomingMail.objects.exists()


def without_recent(state):
    files, counts, flags = state
    return (
        {path.partition("/")[2].partition(":")[0] for path in files},
        [re.sub(rb" HIGHESTMODSEQ \d+", b"", count) for count in counts],
        [flag.replace(b"\\Recent", b"") for flag in flags],
    )


def test_pop3_deletes_only_what_is_stored_and_only_when_asked_to(dovecot, user, now):
    dovecot.deliver(user, letter(1), letter(2))
    mailbox = box(dovecot, user, "pop3-tls")
    assert receiving.sweep(now) == 2
    assert len(dovecot.state(user)[0]) == 2
    Mailbox.objects.update(delete_after=True, next_check_at=None)
    assert again_from_start(mailbox, now) == 0
    assert dovecot.state(user)[0] == set()
    assert len(rows()) == 2


def again_from_start(mailbox, now):
    Mailbox.objects.filter(pk=mailbox.pk).update(next_check_at=None)
    return receiving.sweep(now)


def test_folders_with_japanese_names(dovecot, user, now):
    names = ["お問い合わせ", "返品＆交換", 'A&B "特別" \\ ～']
    for number, name in enumerate(names, 1):
        client = dovecot.program(user)
        encoded = name_on_the_wire(name)
        client.create(encoded)
        assert client.append(encoded, "", None, letter(number))[0] == "OK"
        client.logout()
    mailbox = box(dovecot, user, folders=", ".join(["INBOX", *names, "ありません"]))
    receiving.sweep(now)
    assert [row.source_key.split(":")[1] for row in rows()] == names
    mailbox.refresh_from_db()
    assert (mailbox.problem, "ありません" in mailbox.problem_detail) == ("folder", True)
    assert again(mailbox, now) == 0


def name_on_the_wire(name):
    """Modified UTF-7, quoted: written here by hand, not by the library that is being tested."""
    import base64

    out, run = "", ""

    def flushed(run):
        return (
            "&" + base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-" if run else ""
        )

    for letter_ in name:
        if " " <= letter_ <= "~":
            out, run = out + flushed(run) + ("&-" if letter_ == "&" else letter_), ""
        else:
            run += letter_
    return '"' + (out + flushed(run)).replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize("way", ["imap-tls", "pop3-tls"])
def test_twenty_megabytes(dovecot, user, now, way):
    big = letter(1, body=("0123456789" * 7 + "\r\n.\r\n") * 270_000)
    assert len(big) > 20_000_000
    dovecot.deliver(user, letter(0), big, letter(2))
    mailbox = box(dovecot, user, way)
    started = time.monotonic()
    assert receiving.sweep(now) == 3
    assert time.monotonic() - started < receiving.LOOK_SECONDS
    assert rows()[1].sha256 == hashlib.sha256(big).hexdigest()
    mailbox.refresh_from_db()
    assert mailbox.problem == ""


@pytest.mark.parametrize("way", WAYS)
def test_a_line_that_breaks_in_the_middle_of_a_mail(dovecot, user, now, way):
    raws = [letter(1), letter(2, body="0123456789" * 30_000), letter(3)]
    dovecot.deliver(user, *raws)
    mailbox = box(dovecot, user, way)
    with Cut(mailbox.port, after=100_000) as wire:
        Mailbox.objects.update(port=wire.port)
        assert receiving.sweep(now) in {0, 1}  # its own mails of before the break are on disk
        mailbox.refresh_from_db()
        assert (mailbox.problem, mailbox.failures) == ("broken_off", 1)
        again(mailbox, now)
    assert [bytes(row.raw) for row in rows()] == raws
    assert (mailbox.problem, mailbox.failures) == ("", 0)


def test_a_server_that_numbers_its_mails_anew(dovecot, user, now):
    dovecot.deliver(user, letter(1), letter(2))
    mailbox = box(dovecot, user)
    receiving.sweep(now)
    old = MailboxFolder.objects.get().uid_validity
    dovecot.number_anew(user)
    dovecot.deliver(user, letter(3))
    assert again(mailbox, now) == 3
    assert MailboxFolder.objects.get().uid_validity > old
    assert sorted((row.state, row.reason) for row in rows()) == [
        ("duplicate", "uidvalidity"), ("duplicate", "uidvalidity"), ("stored", ""), ("stored", ""), ("stored", ""),
    ]  # fmt: skip
    assert again(mailbox, now) == 0


# --- what the owner reads -------------------------------------------------------------------------------------------

BAD_CERTIFICATES = {
    EXPIRED: ("certificate_expired", "有効期限", "expired"),
    OTHER_NAME: ("certificate_name", "別の名前", "another name"),
    UNKNOWN: ("certificate_unknown", "認証局", "authority"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("address", BAD_CERTIFICATES, ids=["expired", "other-name", "unknown"])
def test_nobody_without_the_right_certificate_gets_the_password(dovecot, user, now, client, owner, way, address):
    code, japanese, english = BAD_CERTIFICATES[address]
    mark = len(dovecot.logged())
    mailbox = box(dovecot, user, way, host=address)
    assert receiving.sweep(now) == 0
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.failures) == (code, 1)
    assert shown(client, owner, mailbox, "ja").count(japanese) >= 2  # the state of the mailbox, and the test now made
    assert shown(client, owner, mailbox, "en").count(english) >= 2
    time.sleep(0.1)
    said = dovecot.logged()[mark:]
    assert user not in said


def shown(client, owner, mailbox, language):
    """The page after a connection test in the person's language."""
    User.objects.filter(pk=owner.pk).update(language=language)
    owner.refresh_from_db()
    client.force_login(owner)
    client.cookies["django_language"] = language
    page = client.post(reverse("desk-mail:mailbox-test", args=[mailbox.pk])).content.decode()
    assert PASSWORD not in page
    return page


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_password(dovecot, user, now, way):
    mailbox = box(dovecot, user, way, secret="chigau-aikotoba")
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.failures) == ("sign_in", 1)
    assert "chigau" not in mailbox.problem_detail


@pytest.mark.parametrize("way", ["imap", "pop3"])
def test_a_server_that_takes_no_password_in_the_clear_is_not_given_one(dovecot, user, now, way, client, owner):
    # For Dovecot a client at the same address is at home; another address of this machine is abroad.
    mailbox = make_mailbox(getattr(dovecot, way), kind=way, security="none", username=user)
    with Listening(EXPIRED, getattr(dovecot, way)) as wire:
        Mailbox.objects.update(port=wire.port)
        receiving.sweep(now)
        mailbox.refresh_from_db()
        assert mailbox.problem == "encryption_needed"
        assert not any(PASSWORD.encode() in said for said in wire.said)
        assert "暗号化" in shown(client, owner, mailbox, "ja")


class Listening(Cut):
    """A wire that hears what the client says."""

    def __init__(self, address, port):
        super().__init__(port, after=0, times=0)
        self.far, self.said = address, []


def test_too_many_programs_at_once_is_no_wrong_password(dovecot, user, now):
    others = [dovecot.program(user) for _ in range(3)]
    mailbox = box(dovecot, user)
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.failures) == ("busy", 1)
    for other in others:
        other.logout()
    again(mailbox, now)
    assert mailbox.problem == ""


# --- OAuth 2 --------------------------------------------------------------------------------------------------------


@pytest.fixture
def google(provider, monkeypatch, user):
    monkeypatch.setitem(oauth.TOKEN_URLS, "google", f"{provider.url}/token")
    provider.asked.clear()
    provider.valid.clear()
    provider.refresh = {"refresh-1": [f"access-{user}-1", f"access-{user}-2", f"access-{user}-3"]}
    cache.clear()
    return provider


def oauth_box(dovecot, user):
    secret = '{"client_id": "shop", "client_secret": "geheim", "refresh_token": "refresh-1"}'
    return box(dovecot, user, auth="xoauth2", provider="google", secret=secret)


def test_a_token_opens_the_mailbox_and_is_kept_for_the_next_look(dovecot, google, user, now):
    google.valid[f"access-{user}-1"] = user
    dovecot.deliver(user, letter(1))
    mailbox = oauth_box(dovecot, user)
    assert receiving.sweep(now) == 1
    assert again(mailbox, now) == 0
    assert (google.asked, mailbox.problem) == (["refresh-1"], "")


def test_a_token_that_has_expired_is_fetched_anew_in_the_same_look(dovecot, google, user, now):
    google.valid[f"access-{user}-1"] = user
    mailbox = oauth_box(dovecot, user)
    receiving.sweep(now)
    google.valid = {f"access-{user}-2": user}
    dovecot.deliver(user, letter(1))
    assert again(mailbox, now) == 1
    assert (mailbox.problem, mailbox.failures, google.asked) == ("", 0, ["refresh-1", "refresh-1"])
    google.valid = {f"access-{user}-3": user}
    assert receiving.look(mailbox).count == 1


def test_a_token_that_is_refused_asks_for_the_account_to_be_connected_again(dovecot, google, user, now):
    mailbox = oauth_box(dovecot, user)
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.failures) == ("token", 1)
    assert google.asked == ["refresh-1"]  # a fresh one that is refused is not asked for again
    assert f"access-{user}" not in mailbox.problem_detail
    google.valid[f"access-{user}-2"] = user
    again(mailbox, now)
    assert mailbox.problem == ""


def test_another_persons_token_does_not_open_the_mailbox(dovecot, google, user, now):
    google.valid[f"access-{user}-1"] = "stranger@shop.example"
    mailbox = oauth_box(dovecot, user)
    dovecot.deliver(user, letter(1))
    assert receiving.sweep(now) == 0
    mailbox.refresh_from_db()
    assert mailbox.problem == "token"


def test_access_that_was_withdrawn_at_the_provider(dovecot, google, user, now):
    google.refresh.clear()
    mailbox = oauth_box(dovecot, user)
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.problem_detail) == ("token", "HTTP 400")
