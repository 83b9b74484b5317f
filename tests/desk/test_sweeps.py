"""Rows that fail every time stand in front of the others, more of them than are read at once: the others have their turn
all the same, in every sweep, and in the same run."""

import logging
from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction

from followups import sending
from followups.models import PlannedMail
from inquiries import pulling, rules, scheduling, sla, snoozing, turns
from inquiries.models import AgentSetting, Happening, Inquiry, PreparedReply, Pull
from returns import proving
from returns.models import LookUp
from shopdesk import sweeps
from shopdesk.accounts.models import User
from shopdesk.desk import merging_customers
from shopdesk.desk.models import CustomerMerge
from shopdesk.mail import events
from shopdesk.mail.models import ProviderEvent
from tests import make
from tests.followups.make import make_planned, make_sequence, make_step
from tests.inquiries.make import make_inquiry
from tests.make import NOW

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
BAD, ALL = 5, 6
log = logging.getLogger("sweeps")


def inquiries(**fields):
    customer = make.make_customer()
    return [make_inquiry(f"Q-{n}", customer=customer, **fields) for n in range(ALL)]


def people():
    return [make.make_user(f"soto{n}@shop.example", role="outsourced") for n in range(ALL)]


# Each makes rows that are due in their order, and gives them with the module, the name of the function that does the
# work of one row, and how to tell from its arguments which row that is.


def snoozed():
    rows = inquiries(status="hold", snoozed_until=NOW, reply_due_at=None)
    return rows, snoozing, "wake", lambda row, *_, **__: row.pk


def promises():
    rows = inquiries(sla_tell_at=NOW - MINUTE, escalation_at=NOW - MINUTE)
    return rows, sla, "_tell", lambda row, *_, **__: row.pk


def claims():
    rows = [
        Pull.objects.create(inquiry=row, user=person, at=NOW - MINUTE, expires_at=NOW)
        for row, person in zip(inquiries(), people(), strict=True)
    ]
    return rows, pulling, "_give_back", lambda pull, *_, **__: pull.pk


def scheduled():
    author = make.make_user("aya@shop.example")
    rows = [
        PreparedReply.objects.create(
            inquiry=row, author=author, body="はい。", state="scheduled", send_at=NOW, seen_version=1, created_at=NOW,
            changed_at=NOW,
        )
        for row in inquiries()
    ]  # fmt: skip
    # Neither to be sent nor to be given back.
    return rows, scheduling.preparing, "held", lambda row, *_, **__: row.pk


def in_turn():
    AgentSetting.objects.create(user=make.make_user("aya@shop.example"), takes_turns=True, cap=50)
    return inquiries(), turns, "give", lambda row, *_, **__: row.pk


def happenings():
    rows = [Happening.objects.create(inquiry=row, event="opened", at=NOW) for row in inquiries()]
    return rows, rules, "_still_holds", lambda row, *_, **__: row.pk


def told():
    rows = [
        ProviderEvent.objects.create(
            provider="postmark", event_key=str(n), message_id=str(n), type="delivered", at=NOW, received_at=NOW
        )
        for n in range(ALL)
    ]
    keys = {row.message_id: row.pk for row in rows}
    return rows, events.bounced, "letter_of", lambda message_id: keys[message_id]


def wishes():
    rows = [
        LookUp.objects.create(
            ticket_hash=f"{n:064}", number=str(n), address="", language="ja", created_at=NOW, expires_at=NOW + MINUTE
        )
        for n in range(ALL)
    ]
    return rows, LookUp, "save", lambda row, **_: row.pk


def appointments():
    step = make_step(make_sequence())
    customers = [make.make_customer(f"客{n}", f"c{n}@mail.example") for n in range(ALL)]
    rows = [make_planned(step, make.make_order(str(n), customer=one)) for n, one in enumerate(customers)]
    return rows, sending.gate, "decide", lambda row, *_, **__: row.pk


KINDS = {
    snoozed: (snoozing.sweep, lambda: Inquiry.objects.filter(status="hold")),
    promises: (sla.sweep, lambda: Inquiry.objects.filter(sla_tell_at__lte=NOW)),
    claims: (pulling.sweep, lambda: Pull.objects.filter(ended_at=None)),
    scheduled: (scheduling.sweep, lambda: PreparedReply.objects.filter(state="scheduled")),
    in_turn: (turns.sweep, lambda: Inquiry.objects.filter(assignee=None)),
    happenings: (rules.sweep, lambda: Happening.objects.filter(done_at=None)),
    told: (events.sweep, lambda: ProviderEvent.objects.filter(applied_at=None)),
    wishes: (proving.sweep, lambda: LookUp.objects.filter(resolved_at=None)),
    appointments: (sending.sweep, lambda: PlannedMail.objects.filter(state=PlannedMail.State.PLANNED)),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_row_behind_them_has_its_turn(kind, monkeypatch, caplog):
    rows, module, name, which = kind()
    bad = {row.pk for row in rows[:BAD]}
    for row in reversed(rows):  # where they lie on the disk says nothing about whose turn it is
        row.save(force_update=True)
    work = getattr(module, name)

    def sometimes(*args, **kwargs):
        if which(*args, **kwargs) in bad:
            raise ValueError("a row that nobody expected")
        return work(*args, **kwargs)

    monkeypatch.setattr(module, name, sometimes)
    monkeypatch.setattr(sweeps, "STEP", 2)
    sweep, left = KINDS[kind]
    assert sweep(NOW, limit=1) == 1
    assert {row.pk for row in left()} == bad
    assert bad <= {record.args[0] for record in caplog.records if record.args}
    assert sweep(NOW, limit=1) == 0  # and the next ring is not stopped by them


def test_what_comes_late_to_a_merge(monkeypatch):
    by = make.make_user("ken@shop.example", role="manager")
    into = make.make_customer("山田 花子", "hanako@mail.example")
    merges = []
    for n in range(ALL):
        gone = make.make_customer(f"山田 花子{n}", f"hanako{n}@mail.example")
        merges.append(merging_customers.merge(gone, into=into, by=by, now=NOW))
        make_inquiry(f"Q-{n}", customer=gone)
    bad = {merge.gone_id for merge in merges[1:]}  # the newest have their turn first
    move = merging_customers._move

    def sometimes(gone, into):
        if gone in bad:
            raise ValueError("a row that nobody expected")
        return move(gone, into)

    monkeypatch.setattr(merging_customers, "_move", sometimes)
    monkeypatch.setattr(sweeps, "STEP", 2)
    assert merging_customers.sweep(NOW + MINUTE, limit=1) == 1
    assert set(Inquiry.objects.exclude(customer=into).values_list("customer", flat=True)) == bad
    assert CustomerMerge.objects.count() == ALL


# --- the walk itself --------------------------------------------------------------------------------------------------


def users():
    people()
    return User.objects.order_by("pk")


def test_each_row_once_and_no_more_than_asked_for(monkeypatch, django_assert_num_queries):
    rows = users()
    pks = list(rows.values_list("pk", flat=True))
    monkeypatch.setattr(sweeps, "STEP", 4)
    with django_assert_num_queries(2):
        assert [row.pk for row in sweeps.each(rows, 100)] == pks
    assert [row.pk for row in sweeps.each(rows, 5)] == pks[:5]
    assert list(sweeps.each(rows.none(), 5)) == []


def test_a_run_ends_when_too_many_were_passed_over_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr(sweeps, "PASSED", 3)
    tried = []
    assert sweeps.work_off(users(), lambda row: tried.append(row.pk) or 0, limit=9, log=log, words="%s") == 0
    assert len(tried) == 3
    assert "3 rows were passed over" in caplog.text


def test_a_row_that_the_database_refuses_is_passed_over(caplog):
    def work(row):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 1")
            cursor.execute("SELECT pg_sleep(%s)", [0 if row.pk % 2 else 5])
        return 1

    rows = users()
    good = sum(row.pk % 2 for row in rows)
    assert 0 < good < ALL
    assert sweeps.work_off(rows, work, limit=9, log=log, words="Row %s.") == good
    assert caplog.text.count("statement timeout") >= ALL - good


@pytest.mark.parametrize("error", [OperationalError("the connection is lost"), InterfaceError("connection closed")])
def test_a_database_that_is_away_ends_the_run(error):
    tried = []

    def work(row):
        tried.append(row.pk)
        raise error

    with pytest.raises(type(error)):
        sweeps.work_off(users(), work, limit=9, log=log, words="Row %s.")
    assert len(tried) == 1


def test_the_guard_keeps_the_trouble_of_a_row_and_not_that_of_the_database(caplog):
    with sweeps.alone(log, "Row %s.", 7) as attempt:
        raise ValueError("bad")
    assert isinstance(attempt.error, ValueError)
    assert "Row 7." in caplog.text
    with pytest.raises(OperationalError), sweeps.alone(log, "Row %s.", 7) as attempt:
        raise OperationalError
    with pytest.raises(KeyboardInterrupt), sweeps.alone(log, "Row %s.", 7):
        raise KeyboardInterrupt
    with sweeps.alone(log, "Row %s.", 8) as attempt:
        pass
    assert attempt.error is None
