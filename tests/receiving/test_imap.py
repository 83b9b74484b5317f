"""Nothing that stands in a mailbox is lost or doubled, and nothing there is touched."""

import hashlib
import imaplib
import logging
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from shopdesk.mail import receiving
from shopdesk.mail.models import IncomingMail, Mailbox, MailboxFolder
from shopdesk.mail.receiving import imap as reading
from shopdesk.mail.receiving import oauth, problems, store
from tests.imap_server import Folder
from tests.receiving.make import PASSWORD, letter, make_mailbox
from tests.tls_front import TlsFront, certificate

State = IncomingMail.State
pytestmark = pytest.mark.django_db


def keys():
    return list(IncomingMail.objects.order_by("pk").values_list("source_key", flat=True))


def due_again(mailbox, now):
    mailbox.refresh_from_db()
    return max(now, mailbox.next_check_at or now)


def test_mails_are_stored_as_they_came_and_the_server_is_left_as_it_was(imap, now):
    mailbox = make_mailbox(imap.port)
    raws = [letter(1), b"\xff\xfe not a mail at all \x00", letter(3, body="あ" * 5000)]
    for raw in raws:
        imap.deliver(raw)
    assert receiving.sweep(now) == 3
    rows = list(IncomingMail.objects.order_by("pk"))
    assert [bytes(row.raw) for row in rows] == raws
    assert [row.source_key for row in rows] == ["imap:INBOX:1000:1", "imap:INBOX:1000:2", "imap:INBOX:1000:3"]
    assert [row.sha256 for row in rows] == [hashlib.sha256(raw).hexdigest() for raw in raws]
    assert {row.state for row in rows} == {State.STORED}
    assert imap.changes == []
    mailbox.refresh_from_db()
    assert (mailbox.lease_until, mailbox.problem, mailbox.failures) == (None, "", 0)
    assert mailbox.next_check_at >= now + receiving.INTERVAL


def test_a_second_look_takes_only_what_is_new(imap, now):
    mailbox = make_mailbox(imap.port)
    imap.deliver(letter(1))
    receiving.sweep(now)
    assert receiving.sweep(now) == 0  # not due yet
    later = due_again(mailbox, now)
    assert receiving.sweep(later) == 0
    imap.deliver(letter(2))
    assert receiving.sweep(due_again(mailbox, later)) == 1
    assert keys() == ["imap:INBOX:1000:1", "imap:INBOX:1000:2"]


def test_a_cut_in_the_middle_of_a_body_loses_and_doubles_nothing(imap, now):
    mailbox = make_mailbox(imap.port)
    for number in range(1, 6):
        imap.deliver(letter(number))
    imap.cut_once, imap.cut_uid = 40, 3
    receiving.sweep(now)
    assert keys() == ["imap:INBOX:1000:1", "imap:INBOX:1000:2"]
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.failures) == ("broken_off", 1)
    assert MailboxFolder.objects.get().last_uid == 2
    assert receiving.sweep(due_again(mailbox, now)) == 3
    assert keys() == [f"imap:INBOX:1000:{uid}" for uid in range(1, 6)]
    assert [bytes(row.raw) for row in IncomingMail.objects.order_by("pk")] == [letter(n) for n in range(1, 6)]
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.problem_since, mailbox.failures) == ("", None, 0)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("boundary", ["fetched", "stored"])
@pytest.mark.parametrize("mail", [1, 2, 3])
def test_a_death_at_each_boundary_loses_and_doubles_nothing(imap, now, boundary, mail):
    mailbox = make_mailbox(imap.port)
    for number in range(1, 4):
        imap.deliver(letter(number))
    met = []

    def crash(name):
        met.append(name)
        if met.count(boundary) == mail:
            raise Killed

    with pytest.raises(Killed):
        reading.read(mailbox, PASSWORD, now=now, go_on=lambda: True, crash=crash)
    assert IncomingMail.objects.count() == (mail if boundary == "stored" else mail - 1)
    receiving.sweep(now)
    assert keys() == [f"imap:INBOX:1000:{uid}" for uid in range(1, 4)]
    assert imap.changes == []


def test_a_cursor_that_was_lost_doubles_nothing(imap, now):
    mailbox = make_mailbox(imap.port)
    imap.deliver(letter(1))
    receiving.sweep(now)
    MailboxFolder.objects.update(last_uid=0)
    assert receiving.sweep(due_again(mailbox, now)) == 0
    assert keys() == ["imap:INBOX:1000:1"]


def test_under_a_new_uidvalidity_the_folder_is_read_again_and_known_mail_is_a_duplicate(imap, now):
    mailbox = make_mailbox(imap.port)
    imap.deliver(letter(1))
    imap.deliver(letter(2))
    receiving.sweep(now)
    imap.new_validity()
    imap.deliver(letter(3))
    receiving.sweep(due_again(mailbox, now))
    rows = IncomingMail.objects.order_by("pk").values_list("source_key", "state", "reason")
    assert list(rows) == [
        ("imap:INBOX:1000:1", "stored", ""),
        ("imap:INBOX:1000:2", "stored", ""),
        ("imap:INBOX:1001:1", "duplicate", "uidvalidity"),
        ("imap:INBOX:1001:2", "duplicate", "uidvalidity"),
        ("imap:INBOX:1001:3", "stored", ""),
    ]


def test_equal_bytes_that_came_twice_are_both_kept_for_the_room_above(imap, now):
    make_mailbox(imap.port)
    imap.deliver(letter(1))
    imap.deliver(letter(1))
    assert receiving.sweep(now) == 2
    assert {row.state for row in IncomingMail.objects.all()} == {State.STORED}


@pytest.mark.parametrize(
    ("told", "announced"), [(store.MAX_SIZE + 1, None), (10, 500 * 1024 * 1024)], ids=["told", "hidden"]
)
def test_a_mail_beyond_the_size_stands_in_the_errors_and_the_next_one_is_read(imap, now, told, announced):
    mailbox = make_mailbox(imap.port)
    imap.deliver(letter(1, subject="huge"))
    imap.deliver(letter(2))
    imap.lie[1] = told
    if announced:
        imap.literal[1] = announced
    receiving.sweep(now)
    receiving.sweep(due_again(mailbox, now))
    huge, plain = IncomingMail.objects.order_by("pk")
    assert (huge.state, huge.reason, huge.problems) == (State.ERROR, "too_large", ["too_large"])
    assert huge.size == (announced or told)
    if not announced:
        assert b"Subject: huge" in bytes(huge.raw)
        assert "本文".encode() not in bytes(huge.raw)
    assert plain.state == State.STORED
    mailbox.refresh_from_db()
    assert mailbox.problem == ""


def test_a_mail_that_the_server_never_hands_over_does_not_hold_up_the_next(imap, now):
    mailbox = make_mailbox(imap.port)
    for number in range(1, 4):
        imap.deliver(letter(number))
    imap.refuse.add(2)
    for _ in range(5):
        now = due_again(mailbox, now)
        receiving.sweep(now)
    rows = IncomingMail.objects.order_by("pk").values_list("source_key", "state", "reason")
    assert list(rows) == [
        ("imap:INBOX:1000:1", "stored", ""),
        ("imap:INBOX:1000:2", "error", "unfetchable"),
        ("imap:INBOX:1000:3", "stored", ""),
    ]


def test_a_wrong_password_is_one_alarm_and_waits_longer_each_time(imap, now, caplog):
    mailbox = make_mailbox(imap.port, secret="mukashi-no-aikotoba")
    imap.echo_password = True
    caplog.set_level(logging.INFO)
    first, waits = now, []
    for _ in range(9):
        receiving.sweep(now)
        mailbox.refresh_from_db()
        waits.append((mailbox.next_check_at - now).total_seconds())
        now = mailbox.next_check_at
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert imap.logins == 9
    assert (mailbox.problem, mailbox.problem_since, mailbox.failures) == ("sign_in", first, 9)
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1
    assert "mukashi" not in caplog.text
    assert "mukashi" not in mailbox.problem_detail
    assert "wrong password •••" in mailbox.problem_detail
    # Entered rightly, it reads at once and the alarm is over.
    imap.password = "mukashi-no-aikotoba"
    imap.deliver(letter(1))
    assert receiving.sweep(now) == 1
    mailbox.refresh_from_db()
    assert (mailbox.problem, mailbox.problem_since) == ("", None)


def test_a_folder_that_vanished_is_told_and_the_others_are_read(imap, now):
    mailbox = make_mailbox(imap.port, folders="INBOX, 注文, INBOX")
    imap.deliver(letter(1))
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert mailbox.problem == "folder"
    assert keys() == ["imap:INBOX:1000:1"]
    for _ in range(12):  # told for hours, and yet what comes into the others never waits for longer
        moment = due_again(mailbox, now)
        receiving.sweep(moment)
        mailbox.refresh_from_db()
        assert mailbox.next_check_at == moment + receiving.INTERVAL
    assert (mailbox.problem, mailbox.problem_since, mailbox.failures) == ("folder", now, 13)
    imap.folders["&bOhlhw-"] = Folder()  # 注文 in IMAP's own letters
    imap.deliver(letter(2), folder="&bOhlhw-")
    receiving.sweep(due_again(mailbox, now))
    assert keys() == ["imap:INBOX:1000:1", "imap:注文:1000:1"]


def test_mail_from_before_the_beginning_stays_where_it_is(imap, now):
    make_mailbox(imap.port, read_since=date(2026, 11, 20))
    imap.deliver(letter(1), at=datetime(2026, 10, 1, tzinfo=UTC))
    imap.deliver(letter(2), at=datetime(2026, 11, 19, 20, tzinfo=UTC))  # 05:00 on the 20th in Tokyo
    imap.deliver(letter(3))
    receiving.sweep(now)
    assert keys() == ["imap:INBOX:1000:2", "imap:INBOX:1000:3"]


def test_a_paused_mailbox_is_not_looked_at(imap, now):
    make_mailbox(imap.port, status="paused")
    imap.deliver(letter(1))
    receiving.sweep(now)
    assert imap.commands == []
    assert keys() == []


def test_line_breaks_in_names_never_reach_the_server(imap, now):
    mailbox = make_mailbox(imap.port, folders='INBOX"\r\nA1 DELETE INBOX')
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert mailbox.problem == "settings"
    assert imap.commands == []


def test_a_password_of_any_letters_signs_in(imap, now):
    imap.password = 'パス"ワ\\ード'
    mailbox = make_mailbox(imap.port, secret=imap.password)
    receiving.sweep(now)
    imap.password = 'quo"te\\d'
    other = make_mailbox(imap.port, secret=imap.password)
    receiving.sweep(now)
    for box in (mailbox, other):
        box.refresh_from_db()
        assert box.problem == ""


def test_an_access_token_signs_in_and_a_refused_one_is_asked_for_again(imap, now, monkeypatch):
    asked = []

    def ask(mailbox, secret):
        asked.append(secret)
        return {"access_token": f"access-token-{len(asked)}", "expires_in": 3600}

    monkeypatch.setattr(oauth, "_ask", ask)
    mailbox = make_mailbox(imap.port, auth="xoauth2", provider="google", secret='{"refresh_token": "r"}')
    imap.deliver(letter(1))
    assert receiving.sweep(now) == 1
    assert receiving.sweep(due_again(mailbox, now)) == 0
    assert len(asked) == 1  # kept while it lasts
    imap.token = "access-token-2"
    receiving.sweep(due_again(mailbox, now))
    mailbox.refresh_from_db()
    assert (mailbox.problem, len(asked)) == ("", 2)  # a kept one that is refused is asked for anew at once
    imap.token = "access-token-9"
    receiving.sweep(due_again(mailbox, now))
    mailbox.refresh_from_db()
    assert (mailbox.problem, len(asked)) == ("token", 3)  # a new one that is refused is not


def test_a_changed_secret_key_is_told_in_words(imap, now, settings):
    mailbox = make_mailbox(imap.port)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-key-" * 5
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert mailbox.problem == "secret"
    settings.SECRET_KEY_FALLBACKS = [old]
    receiving.sweep(due_again(mailbox, now))
    mailbox.refresh_from_db()
    assert mailbox.problem == ""


def test_the_last_three_subjects_are_read_and_nothing_else(imap, now):
    mailbox = make_mailbox(imap.port, status="paused")
    for number in range(1, 6):
        imap.deliver(letter(number))
    seen = receiving.look(mailbox)
    assert seen.count == 5
    assert [b"letter %d" % number in head for number, head in zip([3, 4, 5], seen.headers, strict=True)] == [True] * 3
    assert imap.changes == []
    assert not any("BODY[" in command or "SELECT" in command for command in imap.commands)
    assert not IncomingMail.objects.exists()
    assert not MailboxFolder.objects.exists()
    before = Mailbox.objects.values().get(pk=mailbox.pk)
    assert (before["last_ok_at"], before["next_check_at"]) == (None, None)


def test_a_failed_connection_test_never_repeats_the_password(imap):
    mailbox = make_mailbox(imap.port, secret="mukashi-no-aikotoba")
    imap.echo_password = True
    with pytest.raises(receiving.MailboxProblem) as caught:
        receiving.look(mailbox)
    assert caught.value.code == "sign_in"
    assert "mukashi" not in caught.value.detail
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_encryption_that_the_server_does_not_speak_is_told(imap, now, security):
    mailbox = make_mailbox(imap.port, security=security)
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert mailbox.problem == "encryption"
    assert not any("LOGIN" in command for command in imap.commands)


def test_a_server_that_is_not_there_is_told(now):
    mailbox = make_mailbox(1)
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert mailbox.problem in {"unreachable", "broken_off"}


@pytest.mark.django_db(transaction=True)
def test_two_fetchers_at_once_store_each_mail_once(imap, now):
    mailbox = make_mailbox(imap.port)
    for number in range(1, 31):
        imap.deliver(letter(number))
    imap.latency = 0.002
    barrier = threading.Barrier(3)
    results, errors = [], []

    def fetch():
        try:
            barrier.wait()
            # Past the lease on purpose: as when a worker was frozen and its lease ran out.
            results.append(reading.read(mailbox, PASSWORD, now=now, go_on=lambda: True)[0])
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert errors == []
    assert sorted(keys()) == sorted(f"imap:INBOX:1000:{uid}" for uid in range(1, 31))
    assert MailboxFolder.objects.get().last_uid == 30


@pytest.mark.django_db(transaction=True)
def test_one_claim_wins(imap, now):
    mailbox = make_mailbox(imap.port)
    barrier = threading.Barrier(4)
    won = []

    def claim():
        try:
            barrier.wait()
            won.append(receiving.claim(mailbox.pk, now) is not None)
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(won) == [False, False, False, True]
    # A worker that died gives the mailbox back when its lease is over.
    assert receiving.claim(mailbox.pk, now + receiving.LEASE) is None
    assert receiving.claim(mailbox.pk, now + receiving.LEASE + timedelta(seconds=1)) is not None


@pytest.mark.django_db(transaction=True)
def test_a_mailbox_that_hangs_keeps_no_other_waiting(imap, now, monkeypatch):
    from tests.imap_server import ImapServer

    monkeypatch.setattr(reading, "TIMEOUT", 2.0)
    with ImapServer() as silent:
        silent.hang.set()
        stuck = make_mailbox(silent.port, name="stuck")
        make_mailbox(imap.port)
        imap.deliver(letter(1))
        done = []
        stored_at = []

        def watch():
            started = time.monotonic()
            while not stored_at and time.monotonic() - started < 5:
                if IncomingMail.objects.exists():
                    stored_at.append(time.monotonic() - started)
                time.sleep(0.02)
            connection.close()

        watcher = threading.Thread(target=watch)
        watcher.start()
        done.append(receiving.sweep(now))
        watcher.join()
    assert done == [1]
    assert stored_at[0] < 1.5
    stuck.refresh_from_db()
    assert stuck.problem == "unreachable"


def test_a_look_stops_in_time_and_the_rest_is_due_at_once(imap, now, monkeypatch):
    mailbox = make_mailbox(imap.port)
    for number in range(1, 4):
        imap.deliver(letter(number))
    monkeypatch.setattr(receiving, "LOOK_SECONDS", 0.0)
    receiving.sweep(now)
    mailbox.refresh_from_db()
    assert keys() == []
    assert mailbox.problem == ""
    assert mailbox.next_check_at - now < timedelta(seconds=5)
    monkeypatch.undo()
    assert receiving.sweep(mailbox.next_check_at) == 3


def test_a_server_that_drips_is_cut_off(imap, now, monkeypatch):
    mailbox = make_mailbox(imap.port)
    for number in range(1, 30):
        imap.deliver(letter(number))
    imap.latency = 0.1  # each answer is in time, all of them together are not
    monkeypatch.setattr(reading, "PATIENCE", 1.0)
    started = time.monotonic()
    receiving.sweep(now)
    assert time.monotonic() - started < 3
    mailbox.refresh_from_db()
    assert mailbox.problem in {"broken_off", "unreachable"}
    assert 0 < IncomingMail.objects.count() < 29


@pytest.mark.parametrize("encrypted", [False, True])
def test_who_reads_while_the_line_is_cut_reads_an_end(imap, tmp_path, encrypted):
    """Not what Python trips over when a buffer is closed under a reader."""
    with TlsFront(imap.port, certificate(tmp_path / "one.pem")) as front:
        context = ssl.create_default_context(cafile=str(tmp_path / "one.pem"))
        for _ in range(20):
            client = (
                imaplib.IMAP4_SSL("127.0.0.1", front.port, ssl_context=context)
                if encrypted
                else imaplib.IMAP4("127.0.0.1", imap.port)
            )
            with ThreadPoolExecutor(1) as reader:
                heard = reader.submit(client._get_line)  # nobody says anything
                threading.Timer(0.01, reading.cut, [client]).start()
                with pytest.raises(imaplib.IMAP4.abort) as raised:
                    heard.result(5)
            assert problems.of(raised.value).code == "broken_off"
            client.shutdown()
