"""Three fixed seeds, and the checker itself: one that never finds anything would prove nothing."""

import hashlib
from datetime import timedelta

import pytest
from django.db import connection

from inquiries import filing
from inquiries.models import Attachment, Message
from shopdesk.mail import delivery
from shopdesk.mail.models import IncomingMail, OutgoingMail
from shopdesk.mail.receiving.store import store
from tests.faults import checking, run
from tests.faults.mailbox import Writer
from tests.faults.stage import ROOT, Stage
from tests.mail.make import queue
from tests.make import make_store
from tests.receiving.make import make_mailbox

# Chosen because together they draw every kind of fault but the bomb, which tests/mail_in has in all its forms.
SEEDS = (169, 493, 2301)


@pytest.fixture(scope="module")
def stage():
    with Stage() as running:
        yield running


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_promised_holds(stage, seed):
    result = run.Run(stage, seed, 150).go()
    assert result.violations == [], stage.log("worker0") + stage.log("worker1")
    assert (result.duplicates, result.lost) == (0, 0)
    assert result.mails >= 150
    # Received mail is acknowledged, so that there are more letters than were queued.
    assert result.mails <= sum(result.states.values()) <= result.mails + result.incoming
    assert len(result.faults) == 9


# --- the checker --------------------------------------------------------------------------------------------------


@pytest.fixture
def judge(smtp_sink, now, monkeypatch):
    """Three letters sent to the sink; ``judge()`` gives the checker's result about them, without its number."""
    monkeypatch.setattr("shopdesk.mail.outbox.ring", lambda: None)
    keys = [f"s:{number}" for number in range(3)]
    for number, key in enumerate(keys):
        queue(key, to=f"c{number}@mail.example")
    assert delivery.sweep(now + timedelta(seconds=1)) == 3

    def look(*, told=keys, arrived=None, kills=0, refusals=0):
        result = run.Result(seed=0, allowed_reasons={"worker_lost": kills, "no_answer": 0})
        found = [[m.message_id, m.recipients, hashlib.sha256(m.raw).hexdigest()] for m in smtp_sink.messages]
        checking.outgoing(
            connection.connection,
            found if arrived is None else arrived(found),
            told=told,
            refused=[],
            refusals=refusals,
            result=result,
        )
        return result

    return look


@pytest.mark.django_db(transaction=True)
def test_the_checker_finds_nothing_wrong_in_order(judge):
    result = judge()
    assert (result.violations, result.duplicates, result.lost, result.states) == ([], 0, 0, {"sent": 3})


@pytest.mark.django_db(transaction=True)
def test_the_checker_sees_a_letter_twice(judge):
    result = judge(arrived=lambda found: [*found, found[1]])
    assert result.duplicates == 1
    assert result.violations == ["I3 s:1: sent (), and arrived 2 times"]


@pytest.mark.django_db(transaction=True)
def test_the_checker_sees_a_letter_that_never_came(judge):
    result = judge(arrived=lambda found: found[1:])
    assert result.lost == 1
    assert result.violations == ["I3 s:0: sent (), and arrived 0 times"]


@pytest.mark.django_db(transaction=True)
def test_the_checker_sees_a_promise_without_a_row(judge):
    result = judge(told=["s:0", "s:1", "s:2", "s:3"])
    assert result.lost == 1
    assert "I3 s:3: its commit was confirmed, there is no row" in result.violations


@pytest.mark.django_db(transaction=True)
def test_the_checker_sees_too_many_uncertain(judge):
    letter = OutgoingMail.objects.filter(key="s:0")
    letter.update(state=OutgoingMail.State.UNCERTAIN, sent_at=None)
    letter.get().attempts.update(outcome="unknown")
    letter.update(reason="worker_lost")
    assert judge().violations == ["I3 1 are uncertain (worker_lost), only 0 may be"]
    assert judge(kills=1).violations == []
    letter.update(reason="no_answer")
    assert judge(kills=1).violations == ["I3 1 are uncertain (no_answer), only 0 may be"]


@pytest.mark.django_db(transaction=True)
def test_the_checker_sees_a_failure_that_arrived(judge):
    letter = OutgoingMail.objects.filter(key="s:0")
    letter.update(state=OutgoingMail.State.FAILED, sent_at=None)
    letter.get().attempts.update(outcome="refused")
    assert judge(refusals=1).violations == ["I3 s:0: failed (), and arrived 1 times"]


@pytest.mark.django_db(transaction=True)
def test_the_checker_sees_one_that_is_still_in_work(judge, now):
    OutgoingMail.objects.filter(key="s:0").update(
        state=OutgoingMail.State.SENDING, sent_at=None, lease_until=now + timedelta(minutes=20)
    )
    assert "I3 s:0: sending is not final" in judge().violations


@pytest.mark.django_db(transaction=True)
def test_the_checker_sees_other_bytes_and_another_recipient(judge):
    result = judge(arrived=lambda found: [[found[0][0], ["eve@mail.example"], "0" * 64], *found[1:]])
    assert [violation[:2] for violation in result.violations] == ["I4", "I2"]


@pytest.fixture
def inspect(db, now, settings, tmp_path):
    """Three mails in a mailbox, the third a copy of the second, read and filed; ``inspect()`` gives the result."""
    settings.MEDIA_ROOT = tmp_path
    make_store()
    mailbox = make_mailbox()
    writer = Writer()
    raws = [writer.letter("plain", 0), writer.letter("file", 1), writer.letter("copy", 2)]
    for number, raw in enumerate(raws):
        assert store(mailbox, f"imap:INBOX:1:{number}", raw, now=now)
    assert filing.sweep(now) == 3

    def look(*, delivered=writer.mails, changes=()):
        result = run.Result(seed=0)
        checking.incoming(connection.connection, delivered, changes, media=tmp_path, result=result)
        return result

    look.mails = writer.mails
    return look


def test_the_checker_finds_nothing_wrong_with_filed_mail(inspect):
    result = inspect()
    assert (result.violations, result.duplicates, result.lost) == ([], 0, 0)
    assert result.incoming_states == {"filed": 2, "duplicate": 1}


def test_the_checker_sees_a_mail_that_is_not_here(inspect):
    result = inspect(delivered=[*inspect.mails, ["0" * 64, "s.9", "plain"]])
    assert result.lost == 1
    assert result.violations == ["I1 s.9: delivered, and not here"]


def test_the_checker_sees_a_mail_that_was_filed_twice(inspect):
    # Had the copy been a mail of its own, two messages would stand for one.
    one = [[sha256, "s.same", kind] for sha256, _, kind in inspect.mails]
    result = inspect(delivered=one)
    assert result.duplicates == 1
    assert "I1 s.same: taken 2 times for a new mail" in result.violations[0]


def test_the_checker_sees_a_message_that_is_gone(inspect):
    message = Message.objects.filter(incoming__isnull=False, attachments=None).get()
    key = f"inquiries.message:{message.pk}"
    message.delete()
    assert inspect().violations[0].endswith(f"filed as {key}, and its messages are None")


def test_the_checker_sees_other_bytes(inspect):
    IncomingMail.objects.filter(state="duplicate").update(raw=b"other")
    assert [violation[:2] for violation in inspect().violations] == ["I2"]


def test_the_checker_sees_orphans_and_other_files(inspect, tmp_path):
    [attachment] = Attachment.objects.all()
    (tmp_path / "orphan").write_bytes(b"x")
    assert inspect().violations == ["I6 orphan: a file without its row"]
    (tmp_path / "orphan").unlink()
    (tmp_path / attachment.storage_key).chmod(0o600)
    (tmp_path / attachment.storage_key).write_bytes(b"x")
    assert inspect().violations == [f"I2 {attachment.storage_key}: the file is not what was received"]
    (tmp_path / attachment.storage_key).unlink()
    assert inspect().violations == [f"I6 {attachment.storage_key}: a row without its file"]


def test_the_checker_sees_that_the_mailbox_was_touched(inspect):
    assert inspect(changes=["STORE 1 +FLAGS (\\Seen)"]).violations[0].startswith("the mailbox was changed")


def test_a_seed_draws_the_same_plan_again():
    plans = [run.Run(None, seed, 200).plan() for seed in (7, 7, 8)]
    assert plans[0] == plans[1] != plans[2]
    assert all(name in run.FAULTS for name, _ in plans[0][0])


def test_the_fixed_seeds_draw_every_kind_of_fault():
    drawn = {name for seed in SEEDS for name, _ in run.Run(None, seed, 150).plan()[0]}
    assert set(run.FAULTS) - drawn == {"bomb"}


def test_the_points_are_those_of_the_worker():
    source = (ROOT / "tests" / "faults" / "worker.py").read_text(encoding="utf-8")
    assert [point for point in checking.POINTS if f'"{point}"' not in source] == []
