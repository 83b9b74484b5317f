"""What is held, what lets it go, and what a person decides."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from followups import sending, stopping
from followups.models import PlannedMail, Sequence
from inquiries.models import Category, Inquiry
from returns.models import ReturnCase
from shopdesk.mail import suppressions
from shopdesk.mail.models import OutgoingMail
from tests.followups.make import ask_return, complain, make_planned, make_sequence, make_step, solve, state_of
from tests.make import NOW, make_customer, make_order

State = PlannedMail.State
TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.django_db
def test_an_open_complaint_holds_and_its_end_lets_go(due):
    complaint = complain(due.customer)
    sending.sweep(NOW)
    assert state_of(due) == (State.HELD, "open_complaint")
    assert due.decision == {"code": "open_complaint", "inquiry": complaint.pk, "number": "Q-1"}
    sending.sweep(NOW + timedelta(hours=1))
    assert state_of(due) == (State.HELD, "open_complaint")
    assert not OutgoingMail.objects.exists()
    solve(complaint)
    sending.sweep(NOW + timedelta(hours=2))
    assert state_of(due) == (State.QUEUED, "")
    assert OutgoingMail.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["open", "pending"])
def test_every_unsolved_complaint_holds(due, status):
    complain(due.customer, status=status)
    sending.sweep(NOW)
    assert due.__class__.objects.get().state == State.HELD


@pytest.mark.django_db
def test_a_complaint_of_somebody_else_or_a_question_holds_nothing(due):
    complain(make_customer("別の人", "b@mail.example"))
    inquiry = complain(due.customer, number="Q-2")
    Inquiry.objects.filter(pk=inquiry.pk).update(category=Category.objects.filter(is_complaint=False).first())
    sending.sweep(NOW)
    assert state_of(due) == (State.QUEUED, "")


@pytest.mark.django_db
def test_what_was_held_too_long_expires_even_while_the_complaint_is_open(due):
    complain(due.customer)
    sending.sweep(NOW)
    sending.sweep(due.not_after + timedelta(minutes=1))
    assert state_of(due) == (State.EXPIRED, "late")
    assert due.decision["held_for"] == "open_complaint"
    assert not OutgoingMail.objects.exists()


@pytest.mark.django_db
def test_after_a_complaint_letters_leave_one_a_day():
    order = make_order()
    sequence = make_sequence()
    for delay in (1, 2, 3):
        make_planned(make_step(sequence, delay=delay, max_late_hours=24 * 30), order)
    complaint = complain(order.customer)
    sending.sweep(NOW)
    solve(complaint)
    sent = []
    for hours in (1, 2, 24, 26, 48, 50):
        sending.sweep(NOW + timedelta(hours=hours))
        sent.append(OutgoingMail.objects.count())
    assert sent == [1, 1, 1, 2, 2, 3]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("after", "expected"),
    [("withdrawn", (State.QUEUED, "")), ("declined", (State.QUEUED, "")), ("completed", (State.SKIPPED, "returned"))],
)
def test_an_open_return_holds_until_it_is_closed(due, after, expected, agent):
    case = ask_return(due.order)
    sending.sweep(NOW)
    assert state_of(due) == (State.HELD, "open_return")
    ReturnCase.objects.filter(pk=case.pk).update(status=after, closed_at=NOW, decided_by=agent, decided_at=NOW)
    sending.sweep(NOW + timedelta(hours=1))
    assert state_of(due) == expected


@pytest.mark.django_db
def test_a_pause_holds_and_the_clock_runs_on(due, owner):
    sequence = due.sequence
    stopping.set_status(sequence, Sequence.Status.PAUSED, by=owner, now=NOW)
    sending.sweep(NOW)
    assert state_of(due) == (State.HELD, "paused")
    stopping.set_status(sequence, Sequence.Status.ACTIVE, by=owner, now=NOW)
    sending.sweep(NOW + timedelta(hours=1))
    assert state_of(due) == (State.QUEUED, "")
    assert list(owner.audit_entries.order_by("pk").values_list("code", flat=True)) == [
        "followups.sequence_status", "followups.sequence_status",
    ]  # fmt: skip


@pytest.mark.django_db
def test_released_by_a_person_it_leaves_in_spite_of_the_complaint(due, owner):
    complain(due.customer)
    sending.sweep(NOW)
    assert stopping.release(due, by=owner, now=NOW) is True
    assert stopping.release(due, by=owner, now=NOW) is False
    sending.sweep(NOW)
    assert state_of(due) == (State.QUEUED, "")
    assert due.decision["released_by"] == owner.pk


@pytest.mark.django_db
def test_released_by_a_person_it_still_does_not_reach_one_who_unsubscribed(due, owner):
    complain(due.customer)
    sending.sweep(NOW)
    suppressions.suppress("hanako@mail.example", scope="service", reason="unsubscribed", now=NOW)
    stopping.release(due, by=owner, now=NOW)
    sending.sweep(NOW)
    assert state_of(due) == (State.SKIPPED, "suppressed")
    assert not OutgoingMail.objects.exists()


@pytest.mark.django_db
def test_held_or_cancelled_by_a_person_it_stays(due, owner):
    assert stopping.hold(due, by=owner, now=NOW) is True
    sending.sweep(NOW)
    assert state_of(due) == (State.HELD, "held_by_staff")
    assert stopping.cancel(due, by=owner, now=NOW) is True
    assert stopping.release(due, by=owner, now=NOW) is False
    assert stopping.cancel(due, by=owner, now=NOW) is False
    sending.sweep(NOW)
    assert state_of(due) == (State.CANCELLED, "cancelled_by_staff")
    assert not OutgoingMail.objects.exists()


@pytest.mark.django_db
def test_what_a_person_holds_too_long_expires(due, owner):
    stopping.hold(due, by=owner, now=NOW)
    sending.sweep(due.not_after)
    assert state_of(due) == (State.HELD, "held_by_staff")
    sending.sweep(due.not_after + timedelta(seconds=1))
    assert state_of(due) == (State.EXPIRED, "late")
    assert due.decision["held_for"] == "held_by_staff"
