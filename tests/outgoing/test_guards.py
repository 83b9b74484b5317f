"""What holds letters back until a person has looked."""

from datetime import timedelta

import pytest
from django.db import connection

from shopdesk.accounts.models import AuditEntry
from shopdesk.mail import delivery, guards
from shopdesk.mail.guards import Leave
from shopdesk.mail.models import DispatchGuard, OutgoingMail
from tests.mail.make import fill, queue
from tests.outgoing.make import UNSUBSCRIBE

State = OutgoingMail.State
pytestmark = pytest.mark.django_db


def care(number, **fields):
    return queue(f"care:{number}", to=f"c{number}@mail.example", mail_class="service", headers=UNSUBSCRIBE, **fields)


def sent_hours(now, hours, letters):
    """``letters`` after-care mails in each of the last ``hours`` hours."""
    for hour in range(hours):
        for number in range(letters):
            mail = care(f"{hour}-{number}", due_at=now + timedelta(days=900))
            at = now - timedelta(hours=hour + 2)
            OutgoingMail.objects.filter(pk=mail.pk).update(state=State.SENT, sent_at=at, raw=b"x")


def test_the_first_sweep_adopts_the_installation(now):
    assert guards.check(now) == Leave.ALL
    row = DispatchGuard.objects.get()
    assert (row.state, row.fingerprint, row.last_tick_at) == ("running", guards.fingerprint(), now)
    assert guards.check(now + timedelta(days=200)) == Leave.ALL  # this suite's setting: the clock is believed


def test_from_a_restored_copy_nothing_leaves(smtp_sink, now, settings, owner):
    guards.check(now)
    settings.SECRET_KEY = "the-copy-s-own-secret-key-of-more-than-forty-letters"
    queue("reply", automatic=False)
    queue("receipt", to="taro@mail.example")
    assert delivery.sweep(now) == 0
    assert delivery.sweep(now + timedelta(minutes=1)) == 0
    assert smtp_sink.messages == []
    assert set(OutgoingMail.objects.values_list("state", "attempt")) == {(State.PLANNED, 0)}
    assert guards.held().reason == guards.RESTORED
    with pytest.raises(guards.NotHeld):
        guards.resume(reason=guards.BLAST, by=owner, now=now)
    guards.resume(reason=guards.RESTORED, by=owner, now=now)
    assert delivery.sweep(now) == 2
    assert AuditEntry.objects.filter(code="mail.resumed", actor=owner, data={"reason": "restored_copy"}).count() == 1


def test_a_copy_in_another_database_has_another_fingerprint(now):
    first = guards.fingerprint()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname = current_database()")
    assert first == guards.fingerprint()
    assert len(first) == 64


@pytest.mark.parametrize("jump", [timedelta(hours=7), -timedelta(seconds=6), -timedelta(days=400)])
def test_after_a_jump_of_the_clock_only_answers_leave(smtp_sink, now, settings, jump):
    settings.CLOCK_JUMP_HOURS = 6
    guards.check(now)
    earlier = now + min(jump, timedelta())
    care(1, due_at=earlier)
    queue("reply", to="reply@mail.example", automatic=False, due_at=earlier)
    queue("receipt", to="receipt@mail.example", due_at=earlier)
    delivery.sweep(now + jump)
    assert sorted(smtp_sink.recipients) == ["receipt@mail.example", "reply@mail.example"]
    assert guards.held().reason == guards.CLOCK
    delivery.sweep(now + jump + timedelta(seconds=5))
    assert len(smtp_sink.messages) == 2


def test_an_ordinary_pause_or_two_clocks_that_differ_a_little_hold_nothing(now, settings):
    settings.CLOCK_JUMP_HOURS = 6
    for seconds in (0, -5, 30, 27, 27 + 6 * 3600):
        assert guards.check(now + timedelta(seconds=seconds)) == Leave.ALL


def test_a_wave_that_was_never_seen_is_held_and_goes_on_after_a_look(smtp_sink, now, owner):
    for number in range(51):
        care(number, due_at=now + timedelta(minutes=number))
    queue("reply", to="reply@mail.example", automatic=False)
    delivery.sweep(now)
    assert smtp_sink.recipients == ["reply@mail.example"]
    held = guards.held()
    assert (held.reason, held.data) == (guards.BLAST, {"due": 51, "usual": 0})
    guards.resume(reason=guards.BLAST, by=owner, now=now)
    delivery.sweep(now + timedelta(hours=1), 100)
    assert len(smtp_sink.messages) == 52
    assert guards.held() is None


def test_fifty_letters_and_what_was_usual_are_no_wave(now):
    sent_hours(now, 3, 12)  # the median of the hours: 12; five times that may go
    for number in range(60):
        care(number)
    assert guards.check(now) == Leave.ALL
    care(61)
    assert guards.check(now) == Leave.PERSONAL


def test_transactional_mail_is_never_a_wave(now):
    for number in range(120):
        queue(f"{number}", to=f"c{number}@mail.example")
    assert guards.check(now) == Leave.ALL


def test_a_queue_of_receipts_is_not_read_through_at_each_claim(now):
    fill(3000, now=now, state=State.PLANNED)
    assert guards.check(now) == Leave.ALL
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + guards._LOOK, {"until": now + guards.BLAST_WINDOW})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "using mail_due_automatic" in plan
    assert "Sort" not in plan
