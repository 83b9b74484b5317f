"""Two workers, and workers that die: each mail becomes exactly one message."""

import threading
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import connection

from inquiries import filing, received
from inquiries.models import Attachment, Inquiry, Message
from shopdesk.mail import parse_child
from shopdesk.mail.models import IncomingMail, OutgoingMail
from tests.filing.make import PNG, make_mailbox, raw_mail, receive, store_raw
from tests.make import make_store

pytestmark = pytest.mark.django_db(transaction=True)
State = IncomingMail.State


@pytest.fixture(autouse=True)
def _shop(db):
    make_store()
    make_mailbox()


def together(*works):
    """Run each in a thread of its own; what they raised is given back."""
    raised = []

    def run(work):
        try:
            work()
        except BaseException as error:  # handed to the test
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_two_sweeps_over_forty_mails_make_forty_messages(now):
    for number in range(40):
        receive(f"質問 {number}", sender=f"c{number % 20}@mail.example")
    assert together(*[lambda: filing.sweep(now, limit=100)] * 2) == []
    assert IncomingMail.objects.filter(state=State.FILED).count() == 40
    assert Message.objects.filter(kind="received").count() == 40
    assert Message.objects.filter(kind="received").values("body").distinct().count() == 40
    assert Inquiry.objects.count() == 40
    assert OutgoingMail.objects.count() == 20


def test_two_copies_at_once_make_one_message(now):
    raw = raw_mail("一通だけ")
    for place in range(6):
        store_raw(raw, mailbox=make_mailbox(f"m{place}@shop.example"))
    assert together(*[lambda: filing.sweep(now)] * 3) == []
    assert Message.objects.filter(kind="received").count() == 1
    assert IncomingMail.objects.filter(state=State.DUPLICATE).count() == 5


class Killed(BaseException):
    """What a SIGKILL looks like from within: nothing is cleaned up."""


@pytest.mark.parametrize("point", ["read", "written", "files"])
def test_a_worker_that_dies_leaves_a_mail_that_is_filed_once(now, monkeypatch, point):
    mail = receive("一通", files=[("a.png", "image", "png", PNG, "")])

    def die(*args, **kwargs):
        if point == "files":
            real(*args, **kwargs)
        raise Killed

    target, name = {
        "read": (parse_child, "parse_safely"),
        "written": (received, "write"),
        "files": (received, "keep_files"),
    }[point]
    real = getattr(target, name)
    with monkeypatch.context() as patch:
        patch.setattr(target, name, die)
        with pytest.raises(Killed):
            filing.sweep(now)
    assert not Message.objects.exists()
    assert filing.sweep(now + timedelta(minutes=1)) == 0  # the lease of the dead
    assert filing.sweep(now + timedelta(minutes=4)) == 1
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (State.FILED, 2)
    assert Message.objects.filter(kind="received").count() == 1
    file = Attachment.objects.get()
    folder = file.storage_key.rpartition("/")[0]
    assert default_storage.listdir(folder)[1] == [file.storage_key.rpartition("/")[2]]  # and no orphan beside it


def _files():
    """Every stored file of the month."""
    try:
        return default_storage.listdir("inquiries/2026/11")[1]
    except FileNotFoundError:
        return []


def _die_with_files_kept(now, monkeypatch):
    real = received.keep_files

    def die(*args, **kwargs):
        real(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(received, "keep_files", die)
        with pytest.raises(Killed):
            filing.sweep(now)
    assert len(_files()) == 2


FILES = [("a.png", "image", "png", PNG, ""), ("b.png", "image", "png", PNG + b"b", "")]


def test_files_of_a_try_that_died_go_when_the_mail_turns_out_to_be_a_copy(now, monkeypatch):
    first = receive("一通", files=FILES)
    _die_with_files_kept(now, monkeypatch)
    store_raw(bytes(first.raw), mailbox=make_mailbox("second@shop.example"))
    assert filing.sweep(now + timedelta(minutes=1)) == 1  # the second copy, while the first one waits for its lease
    assert len(_files()) == 4
    assert filing.sweep(now + timedelta(minutes=4)) == 1
    first.refresh_from_db()
    assert first.state == State.DUPLICATE
    kept = set(Attachment.objects.values_list("storage_key", flat=True))
    assert {f"inquiries/2026/11/{name}" for name in _files()} == kept
    assert len(kept) == 2


def test_files_of_a_try_that_died_go_when_the_mail_is_put_aside(now, monkeypatch):
    mail = receive("一通", files=FILES)
    _die_with_files_kept(now, monkeypatch)

    def fail(*args, **kwargs):
        raise ValueError

    monkeypatch.setattr(filing, "_decide", fail)
    for minutes in (4, 30):
        filing.sweep(now + timedelta(minutes=minutes))
    mail.refresh_from_db()
    assert mail.state == State.ERROR
    assert _files() == []


def test_who_comes_back_late_and_fails_deletes_no_file_of_who_took_over(now, monkeypatch):
    receive("一通", files=FILES)
    slow = filing._claim(now)
    faster = filing._claim(now + timedelta(minutes=4))
    mail = parse_child.parse_safely(bytes(slow.raw))
    real = received.keep_files

    def kept_while_the_other_fails(*args, **kwargs):
        rows = real(*args, **kwargs)
        assert together(lambda: filing._failed(slow, "ValueError", now)) == []
        return rows

    monkeypatch.setattr(received, "keep_files", kept_while_the_other_fails)
    filing.file(faster, mail, now=now)
    assert Attachment.objects.count() == len(_files()) == 2


def test_files_that_cannot_be_deleted_stop_no_other_mail(now, monkeypatch):
    bad, good = receive("悪い", subject="bad", files=FILES), receive("良い")
    real = filing._decide

    def decide(incoming, *args):
        if incoming.pk == bad.pk:
            raise ValueError
        return real(incoming, *args)

    def refuse(*args):
        raise PermissionError

    monkeypatch.setattr(filing, "_decide", decide)
    monkeypatch.setattr(received, "forget_files", refuse)
    for minutes in (0, 30):
        filing.sweep(now + timedelta(minutes=minutes))
    for mail in (bad, good):
        mail.refresh_from_db()
    assert (bad.state, good.state) == (State.ERROR, State.FILED)


def test_a_worker_that_comes_back_late_changes_nothing(now):
    mail = receive("一通")
    slow = filing._claim(now)
    assert filing.sweep(now + timedelta(minutes=4)) == 1
    with pytest.raises(filing._NotOurs):
        filing.file(slow, parse_child.parse_safely(bytes(slow.raw)), now=now)
    assert Message.objects.filter(kind="received").count() == 1
    mail.refresh_from_db()
    assert mail.state == State.FILED


def test_a_mail_that_always_kills_its_worker_is_put_aside(now, monkeypatch):
    mail, next_one = receive("毒"), receive("次")

    def die(raw, **kwargs):
        if raw == bytes(mail.raw):
            raise Killed
        return real(raw, **kwargs)

    real = parse_child.parse_safely
    monkeypatch.setattr(parse_child, "parse_safely", die)
    for turn in range(8):
        try:
            filing.sweep(now + turn * timedelta(minutes=4))
        except Killed:
            continue
    mail.refresh_from_db()
    next_one.refresh_from_db()
    assert (mail.state, mail.reason, next_one.state) == (State.ERROR, "interrupted", State.FILED)
