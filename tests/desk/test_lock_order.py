"""Everybody takes rows in one order (shopdesk/desk/merging_customers.py): nobody waits in a circle, or is killed in it."""

import logging
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from followups import sending
from followups.models import PlannedMail
from inquiries.models import Category, Inquiry
from returns import deciding, letters, requesting
from returns.models import ReturnCase
from shopdesk.desk import merging_customers
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.importing import applying
from shopdesk.shop.models import Customer, Order, OrderLine
from tests.followups.make import make_planned, make_sequence, make_step
from tests.inquiries.make import make_inquiry
from tests.make import NOW, make_customer, make_order
from tests.returns.make import ask, bags

pytestmark = pytest.mark.django_db(transaction=True)
# PostgreSQL looks for circles after one second.
LONG = 8


class Beside:
    """Deeds in threads with connections of their own; what they gave or raised by name."""

    def __init__(self):
        self.results, self._threads = {}, []

    def run(self, name, deed):
        def work():
            try:
                self.results[name] = deed()
            except Exception as error:
                self.results[name] = error
            finally:
                connection.close()

        self._threads.append(threading.Thread(target=work, daemon=True))
        self._threads[-1].start()

    def join(self):
        for thread in self._threads:
            thread.join(LONG)
            assert not thread.is_alive()
        for result in self.results.values():
            if isinstance(result, Exception):
                raise result


@pytest.fixture
def beside():
    return Beside()


def somebody_waits(deadline=LONG):
    """Until a connection waits for a lock that another one holds."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return True
        time.sleep(0.02)
    return False


@pytest.fixture
def two():
    """One person twice."""
    return make_customer(), make_customer(address="hanako2@mail.example")


def test_a_letter_that_is_decided_and_a_merge_of_its_customer(two, agent, beside, monkeypatch, caplog):
    kept, gone = two
    planned = make_planned(make_step(make_sequence()), make_order(customer=gone))
    claimed, held = threading.Event(), threading.Event()
    decide, conflicts = sending._end, merging_customers._refuse_conflicts

    def late(row, now):
        claimed.set()
        assert held.wait(LONG)
        somebody_waits(2)  # the merge wants the letter; now the letter wants its customer
        decide(row, now)

    def after_the_customers(*args):
        held.set()
        conflicts(*args)

    monkeypatch.setattr(sending, "_end", late)
    monkeypatch.setattr(merging_customers, "_refuse_conflicts", after_the_customers)
    with caplog.at_level(logging.WARNING):
        beside.run("sweep", lambda: sending.sweep(NOW))
        assert claimed.wait(LONG)
        beside.run("merge", lambda: merging_customers.merge(gone, into=kept, by=agent, now=NOW))
        beside.join()
    assert beside.results["sweep"] == 0
    assert "was put back" not in caplog.text  # it went on at once; nobody was killed
    planned.refresh_from_db()
    assert (planned.customer, planned.state) == (kept, PlannedMail.State.PLANNED)
    monkeypatch.setattr(sending, "_end", decide)
    assert sending.sweep(NOW) == 1
    assert OutgoingMail.objects.count() == 1


def test_a_return_that_writes_in_its_inquiry_and_a_merge_of_its_customer(two, agent, beside, monkeypatch):
    kept, gone = two
    case = ask(bags(2, customer=gone), 1)
    inquiry = make_inquiry("Q-1", customer=gone)
    ReturnCase.objects.filter(pk=case.pk).update(inquiry=inquiry)
    case.refresh_from_db()
    moved = threading.Event()
    tell = letters.about_case

    def late(*args, **kwargs):
        moved.set()
        assert somebody_waits()  # the merge has come as far as the case
        tell(*args, **kwargs)

    monkeypatch.setattr(letters, "about_case", late)
    beside.run("approve", lambda: deciding.approve(case, quantities=None, text="", by=agent, now=NOW))
    assert moved.wait(LONG)
    beside.run("merge", lambda: merging_customers.merge(gone, into=kept, by=agent, now=NOW))
    beside.join()
    case.refresh_from_db()
    inquiry.refresh_from_db()
    assert (case.status, case.customer, inquiry.customer) == ("approved", kept, kept)
    assert inquiry.messages.filter(kind="automatic").count() == 1


def test_a_merge_and_a_merge_of_the_kept_one_that_was_not_seen(two, agent, beside, monkeypatch):
    kept, gone = two
    third = make_customer(address="hanako3@mail.example")
    order, inquiry = make_order(customer=gone), make_inquiry("Q-1", customer=gone)
    done = merging_customers.merge(gone, into=kept, by=agent, now=NOW)
    moved, go = threading.Event(), threading.Event()
    forget = merging_customers.indexing.forget

    def late(pks):
        forget(pks)
        if not moved.is_set():
            moved.set()
            assert go.wait(LONG)

    monkeypatch.setattr(merging_customers.indexing, "forget", late)
    beside.run("further", lambda: merging_customers.merge(kept, into=third, by=agent, now=NOW))
    assert moved.wait(LONG)
    beside.run("back", lambda: merging_customers.unmerge(done, by=agent, now=NOW))
    assert somebody_waits()
    go.set()
    beside.join()
    assert Order.objects.get(pk=order.pk).customer == gone
    assert Inquiry.objects.get(pk=inquiry.pk).customer == gone
    assert Customer.objects.get(pk=gone.pk).merged_into is None


def test_a_return_that_is_asked_for_and_an_import_of_its_order(beside, monkeypatch):
    order = bags(2)
    held = threading.Event()
    tell = requesting.letters.about_case

    def late(*args, **kwargs):
        held.set()
        assert somebody_waits()  # the import holds the order and wants the line
        tell(*args, **kwargs)

    monkeypatch.setattr(requesting.letters, "about_case", late)

    def bring():
        with transaction.atomic():
            told = type("Told", (), {"number": order.number})
            return [row.pk for _order, row, _lines, _parcels in applying._locked([told], {order.number: order})]

    beside.run("ask", lambda: ask(order, 1))
    assert held.wait(LONG)
    beside.run("import", bring)
    beside.join()
    assert beside.results["import"] == [order.pk]
    assert ReturnCase.objects.count() == 1
    assert OrderLine.objects.get(order=order).qty_open == 1


def test_the_phase_follows_orders_that_came_by_a_merge(two, agent):
    kept, gone = two
    inquiry = make_inquiry("Q-1", customer=kept)
    make_order(customer=gone, status="shipped", ordered_at=NOW - timedelta(days=2))
    done = merging_customers.merge(gone, into=kept, by=agent, now=NOW)
    assert Inquiry.objects.get(pk=inquiry.pk).phase == "shipped"
    merging_customers.unmerge(done, by=agent, now=NOW)
    assert Inquiry.objects.get(pk=inquiry.pk).phase == "before"


def test_what_is_committed_for_one_who_was_merged_meanwhile_is_brought_along(two, agent, beside):
    """A mail is being filed for the one that goes: looked up before the merge, committed after it."""
    kept, gone = two
    planned = make_planned(make_step(make_sequence()), make_order(customer=kept))
    begun, merged = threading.Event(), threading.Event()

    def file():
        with transaction.atomic():
            inquiry = make_inquiry("Q-1", customer=gone, category="defect")
            begun.set()
            assert merged.wait(LONG)
        return inquiry

    Category.objects.update_or_create(
        slug="defect", defaults={"phase": "after", "name_ja": "不良", "name_en": "Defect", "is_complaint": True}
    )
    beside.run("file", file)
    assert begun.wait(LONG)
    done = merging_customers.merge(gone, into=kept, by=agent, now=NOW)
    merged.set()
    beside.join()
    inquiry = Inquiry.objects.get()
    assert inquiry.customer == gone
    assert merging_customers.sweep(NOW + timedelta(minutes=1)) == 1
    assert merging_customers.sweep(NOW + timedelta(minutes=2)) == 0
    inquiry.refresh_from_db()
    assert inquiry.customer == kept
    # The complaint holds what its customer would have been sent.
    sending.sweep(NOW + timedelta(minutes=2))
    planned.refresh_from_db()
    assert (planned.state, planned.reason) == (PlannedMail.State.HELD, "open_complaint")
    # Taken apart again, it goes where it came from.
    done.refresh_from_db()
    merging_customers.unmerge(done, by=agent, now=NOW + timedelta(hours=1))
    assert Inquiry.objects.get().customer == gone
    assert merging_customers.sweep(NOW + timedelta(hours=2)) == 0
