"""Several workers, a worker that dies, and what is written by others meanwhile."""

from datetime import timedelta
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, connections, transaction

from followups import sending
from followups.models import PlannedMail
from shopdesk.mail.models import OutgoingMail
from tests.followups.make import complain, make_planned, make_sequence, make_step, state_of
from tests.make import NOW, make_customer, make_order

State = PlannedMail.State
TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.django_db
def test_the_database_ties_a_letter_to_its_row(due):
    with pytest.raises(IntegrityError), transaction.atomic():
        PlannedMail.objects.update(state=State.QUEUED)


@pytest.mark.django_db(transaction=True)
def test_four_workers_write_one_letter_for_each_row():
    step = make_step(make_sequence())
    for number in range(40):
        customer = make_customer(f"客{number}", f"c{number % 40}@mail.example")
        make_planned(step, make_order(str(number), customer=customer))
    start = Barrier(4)
    counts, failures = [], []

    def work():
        try:
            start.wait()
            counts.append(sending.sweep(NOW))
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(counts) == 40
    assert OutgoingMail.objects.count() == 40
    assert PlannedMail.objects.filter(state=State.QUEUED).count() == 40


@pytest.mark.django_db(transaction=True)
def test_while_a_complaint_is_being_filed_nothing_is_decided():
    """Its commit has begun (foreign keys are checked then, and lock the customer's row) and is not over."""
    planned = make_planned(make_step(make_sequence()), make_order())
    ended = []

    def work():
        try:
            ended.append(sending.sweep(NOW))
        finally:
            connections.close_all()

    with transaction.atomic():
        complain(planned.customer)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit does first
        worker = Thread(target=work)
        worker.start()
        worker.join(5)
        assert ended == [0]
    worker.join()
    assert state_of(planned) == (State.PLANNED, "")
    sending.sweep(NOW)
    assert state_of(planned) == (State.HELD, "open_complaint")
    assert not OutgoingMail.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_complaint_between_claim_and_gate_is_seen(monkeypatch):
    planned = make_planned(make_step(make_sequence()), make_order())
    customer = planned.customer
    original = sending._end

    def late(row, now):
        def file_it():
            complain(customer)
            connections.close_all()

        thread = Thread(target=file_it)
        thread.start()
        thread.join()
        original(row, now)

    monkeypatch.setattr(sending, "_end", late)
    sending.sweep(NOW)
    assert state_of(planned) == (State.HELD, "open_complaint")


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_leaves_the_row_as_it_was(monkeypatch):
    planned = make_planned(make_step(make_sequence()), make_order())

    class Killed(BaseException):
        pass

    def die(*args, **kwargs):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(sending, "_record", die)  # after the letter was queued, before the row says so
        with pytest.raises(Killed):
            sending.sweep(NOW)
    assert state_of(planned) == (State.PLANNED, "")
    assert not OutgoingMail.objects.exists()
    sending.sweep(NOW)
    assert OutgoingMail.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_customer_who_is_locked_for_long_does_not_stop_the_others():
    from shopdesk.shop.models import Customer

    step = make_step(make_sequence())
    stuck = make_planned(step, make_order("1"), due_at=NOW - timedelta(hours=1))
    free = make_planned(step, make_order("2", customer=make_customer("別の人", "b@mail.example")))
    with transaction.atomic():
        Customer.objects.select_for_update().get(pk=stuck.customer_id)

        def work():
            sending.sweep(NOW)
            connections.close_all()

        worker = Thread(target=work)
        worker.start()
        worker.join()
    assert state_of(free) == (State.QUEUED, "")
    assert state_of(stuck) == (State.PLANNED, "")
    sending.sweep(NOW)
    assert state_of(stuck) == (State.QUEUED, "")
