"""Work in bulk: locked rows are reported and nobody waits for them; a crash loses a step; a run is taken back whole."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction

from inquiries import acts, bulk, tagging, triage
from inquiries.models import (
    AgentSetting,
    BulkRun,
    Cause,
    Inquiry,
    InquiryEvent,
    Message,
    Presence,
    StatusLabel,
    Tag,
    Template,
)
from tests import make
from tests.inquiries.make import make_inquiry

SOLVE = [{"do": "status", "status": "solved"}]


def several(count, **fields):
    customer = make.make_customer()
    return [make_inquiry(f"Q-B{n:05}", customer=customer, **fields) for n in range(count)]


def run_all(ids, wanted, by, now):
    run = bulk.start(ids=ids, acts=wanted, by=by, now=now, form_token=uuid.uuid4())
    bulk.sweep(now)
    run.refresh_from_db()
    return run


def held_by_another(pk):
    """Hold a row in another connection until the returned function is called."""
    holding, free = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic():
                Inquiry.objects.select_for_update().get(pk=pk)
                holding.set()
                free.wait(60)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(10)

    def release():
        free.set()
        thread.join()

    return release


def swept_by_two(now):
    """Two workers take steps at once, and one looks after them."""
    start = threading.Barrier(2)

    def work():
        start.wait()
        try:
            for _ in range(6):
                bulk.sweep(now, limit=1)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    bulk.sweep(now)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("count", [20, 200])
def test_one_locked_is_reported_and_the_others_are_done(now, count):
    agent = make.make_user()
    rows = several(count)
    locked = rows[7]
    release = held_by_another(locked.pk)
    try:
        run = run_all([row.pk for row in rows], SOLVE, agent, now)
    finally:
        release()
    assert (run.state, run.changed, run.unchanged) == ("done", count - 1, 0)
    assert run.refused == [{"id": locked.pk, "number": locked.number, "why": "locked"}]
    assert list(Inquiry.objects.exclude(status="solved")) == [locked]


def test_one_that_a_colleague_answers_is_left_alone(db, now, agent):
    ken = make.make_user()
    rows = several(3)
    for row, user, doing, age in [
        (rows[0], ken, "replying", 29), (rows[1], ken, "replying", 31), (rows[2], agent, "replying", 1)
    ]:  # fmt: skip
        at = now - timedelta(seconds=age)
        Presence.objects.create(inquiry=row, user=user, doing=doing, since=at, seen_at=at)
    run = run_all([row.pk for row in rows], SOLVE, agent, now)
    assert [one["id"] for one in run.refused] == [rows[0].pk]
    assert run.changed == 2


def test_the_same_form_twice_is_one_run(db, now, agent):
    rows = several(2)
    token = uuid.uuid4()
    first = bulk.start(ids=[row.pk for row in rows], acts=SOLVE, by=agent, now=now, form_token=token)
    bulk.sweep(now)
    assert bulk.start(ids=[row.pk for row in rows], acts=SOLVE, by=agent, now=now, form_token=token) == first
    assert bulk.sweep(now) == 0
    assert BulkRun.objects.count() == 1
    assert InquiryEvent.objects.filter(code="status").count() == 2


def test_what_is_so_already_is_counted_as_unchanged(db, now, agent):
    rows = several(3)
    tag = Tag.objects.create(name="見本送付")
    tagging.add(rows[0], [tag], by=agent, now=now)
    run = run_all([row.pk for row in rows], [{"do": "tag", "tag": tag.pk}], agent, now + timedelta(minutes=1))
    assert (run.changed, run.unchanged, run.refused) == (2, 1, [])


def test_an_inquiry_is_done_wholly_or_not_at_all(db, now, agent):
    store = make.make_store()
    store.requires_cause = True
    store.save()
    rows = several(2)
    tag = Tag.objects.create(name="見本送付")
    run = run_all([row.pk for row in rows], [{"do": "tag", "tag": tag.pk}, *SOLVE], agent, now)
    assert [one["why"] for one in run.refused] == ["cause_missing", "cause_missing"]
    assert tag.inquiries.count() == 0
    assert Inquiry.objects.filter(status="solved").count() == 0


def test_only_rows_that_the_person_sees(db, now, outsourced, agent):
    rows = several(3)
    triage.assign(rows[0], to=outsourced, by=agent, now=now)
    note = [{"do": "note", "text": "確認済み"}]
    run = bulk.start(ids=[row.pk for row in rows], acts=note, by=outsourced, now=now, form_token=uuid.uuid4())
    assert run.ids == [rows[0].pk]
    with pytest.raises(bulk.NothingChosen):
        bulk.start(ids=[rows[1].pk], acts=note, by=outsourced, now=now, form_token=uuid.uuid4())
    with pytest.raises(bulk.TooMany):
        bulk.start(ids=range(1, 1002), acts=SOLVE, by=agent, now=now, form_token=uuid.uuid4())
    with pytest.raises(acts.BadActs):
        bulk.start(ids=[rows[1].pk], acts=[], by=agent, now=now, form_token=uuid.uuid4())


def test_one_that_was_given_away_meanwhile_is_not_touched(db, now, outsourced, agent):
    rows = several(1)
    triage.assign(rows[0], to=outsourced, by=agent, now=now)
    note = [{"do": "note", "text": "確認済み"}]
    run = bulk.start(ids=[rows[0].pk], acts=note, by=outsourced, now=now, form_token=uuid.uuid4())
    triage.assign(rows[0], to=None, by=agent, now=now)
    bulk.sweep(now)
    run.refresh_from_db()
    assert run.refused == [{"id": rows[0].pk, "number": "", "why": "hidden"}]


def test_a_dead_worker_loses_its_step_only(db, now, agent, monkeypatch):
    rows = several(45)
    run = bulk.start(ids=[row.pk for row in rows], acts=SOLVE, by=agent, now=now, form_token=uuid.uuid4())
    assert bulk.sweep(now, limit=1) == 1
    run.refresh_from_db()
    assert (run.position, run.changed, run.state) == (20, 20, "running")

    real, calls = bulk._work, []

    def dies(*args):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(bulk, "_work", dies)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        bulk.step(bulk._claim(now), now=now)
    monkeypatch.setattr(bulk, "_work", real)
    assert Inquiry.objects.filter(status="solved").count() == 20
    claimed = bulk._claim(now)  # the worker that dies with its lease
    assert bulk.sweep(now) == 0
    assert bulk.sweep(now + bulk.LEASE) == 2
    run.refresh_from_db()
    assert claimed.pk == run.pk
    assert (run.position, run.changed, run.state) == (45, 45, "done")
    assert InquiryEvent.objects.filter(code="status").count() == 45


def test_a_step_done_twice_is_done_once(db, now, agent):
    rows = several(3)
    run = bulk.start(ids=[row.pk for row in rows], acts=SOLVE, by=agent, now=now, form_token=uuid.uuid4())
    bulk.step(run, now=now)
    bulk.step(run, now=now)
    run.refresh_from_db()
    assert (run.position, run.changed) == (3, 3)


def test_a_run_is_taken_back_where_nobody_touched_a_row(db, now, agent):
    ken = make.make_user()
    rows = several(3)
    tag, asking = Tag.objects.create(name="見本送付"), StatusLabel.objects.get(name_ja="仕入先・運送会社に確認中")
    since = rows[0].waiting_since
    wanted = [{"do": "tag", "tag": tag.pk}, {"do": "status", "label": asking.pk}, {"do": "assign", "to": "me"}]
    run = run_all([row.pk for row in rows], wanted, agent, now)
    triage.set_priority(rows[1], priority=2, by=ken, now=now + timedelta(minutes=1))
    with pytest.raises(bulk.CannotTakeBack):
        bulk.take_back(run, by=ken)
    bulk.take_back(run, by=agent)
    bulk.sweep(now + timedelta(minutes=2))
    run.refresh_from_db()
    assert (run.state, run.restored, run.undone_at) == ("done", 2, now + timedelta(minutes=2))
    assert run.left == [{"id": rows[1].pk, "number": rows[1].number, "why": "touched"}]
    row, kept = Inquiry.objects.get(pk=rows[0].pk), Inquiry.objects.get(pk=rows[1].pk)
    assert (row.status, row.label, row.waiting_since, row.assignee) == ("open", None, since, None)
    assert row.tags.count() == 0
    assert (kept.status, kept.label, kept.assignee, kept.tags.count()) == ("pending", asking, agent, 1)
    bulk.take_back(run, by=agent)  # a second click says the same and does nothing
    assert bulk.sweep(now + timedelta(minutes=3)) == 0
    assert InquiryEvent.objects.filter(code="bulk_undone").count() == 2


def marked_and_taken_back(count, agent, now):
    rows = several(count)
    tag = Tag.objects.create(name="見本送付")
    run = run_all([row.pk for row in rows], [{"do": "tag", "tag": tag.pk}, *SOLVE], agent, now)
    assert run.changed == count
    return rows, tag, bulk.take_back(run, by=agent)


def test_taking_back_that_dies_goes_on_where_it_was(db, now, agent, monkeypatch):
    rows, tag, run = marked_and_taken_back(45, agent, now)
    assert bulk.sweep(now, limit=1) == 1
    run.refresh_from_db()
    assert (run.state, run.undo_position, run.restored, run.undone_at) == ("undoing", 20, 20, None)
    real, calls = bulk._put_back, []

    def dies(*args):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(bulk, "_put_back", dies)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        bulk.step(bulk._claim(now), now=now)
    monkeypatch.setattr(bulk, "_put_back", real)
    assert tag.inquiries.count() == 25
    bulk._claim(now)  # the worker that dies with its lease
    assert bulk.sweep(now) == 0
    assert bulk.sweep(now + bulk.LEASE) == 2
    run.refresh_from_db()
    assert (run.state, run.undo_position, run.restored, run.left) == ("done", 45, 45, [])
    assert Inquiry.objects.filter(status="open").count() == len(rows)
    assert InquiryEvent.objects.filter(code="bulk_undone").count() == 45


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_put_back_is_named_and_the_others_are(now):
    agent, ken = make.make_user(), make.make_user("jun@shop.example", name="鈴木 純")
    gone = make.make_user("gone@shop.example", name="田村 学")
    rows = several(5, assignee=gone)
    wanted = [{"do": "assign", "to": agent.pk}]
    run = run_all([row.pk for row in rows], wanted, agent, now)
    bulk.take_back(run, by=agent)
    # The colleague whose it was is gone.
    run.before[str(rows[2].pk)]["before"]["state"]["assignee_id"] = 2**31 - 1
    BulkRun.objects.filter(pk=run.pk).update(before=run.before)
    Presence.objects.create(inquiry=rows[1], user=ken, doing="replying", since=now, seen_at=now)
    release = held_by_another(rows[0].pk)
    try:
        bulk.sweep(now)
    finally:
        release()
    run.refresh_from_db()
    assert (run.state, run.restored) == ("done", 2)
    assert [(one["id"], one["why"]) for one in run.left] == [
        (rows[0].pk, "locked"), (rows[1].pk, "locked"), (rows[2].pk, "failed")
    ]  # fmt: skip
    assert list(Inquiry.objects.filter(assignee=gone).order_by("pk")) == rows[3:]


@pytest.mark.django_db(transaction=True)
def test_two_workers_put_nothing_back_twice(now):
    agent = make.make_user()
    _rows, tag, run = marked_and_taken_back(60, agent, now)
    swept_by_two(now)
    run.refresh_from_db()
    assert (run.state, run.restored, run.left, tag.inquiries.count()) == ("done", 60, [], 0)
    assert InquiryEvent.objects.filter(code="bulk_undone").count() == 60


def test_who_may_not_work_any_more_puts_nothing_back(db, now, agent):
    _rows, tag, run = marked_and_taken_back(2, agent, now)
    agent.is_active = False
    agent.save()
    bulk.sweep(now)
    run.refresh_from_db()
    assert (run.state, run.restored, len(run.left), tag.inquiries.count()) == ("done", 0, 2, 2)


# --- what was seen when it was marked ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "skipped"),
    [
        ([{"do": "status", "status": "solved"}], True),
        ([{"do": "spam"}], True),
        ([{"do": "status", "status": "pending"}], True),
        ([{"do": "priority", "priority": 2}, {"do": "snooze", "days": 3, "reason": "carrier"}], True),
        ([{"do": "status", "status": "open"}], False),
        ([{"do": "assign", "to": "me"}], False),
    ],
)
def test_what_the_customer_wrote_after_the_list_was_shown_is_not_closed_unread(db, now, agent, wanted, skipped):
    rows = several(3)
    seen = {row.pk: row.version for row in rows[:2]}
    Inquiry.objects.filter(pk=rows[1].pk).update(version=rows[1].version + 1)
    ids = [row.pk for row in rows]
    told = bulk.forecast(ids=ids, acts=wanted, by=agent, now=now, seen=seen)
    run = bulk.start(ids=ids, acts=wanted, by=agent, now=now, form_token=uuid.uuid4(), seen=seen)
    bulk.sweep(now)
    run.refresh_from_db()
    assert [(one["id"], one["why"]) for one in run.refused] == ([(rows[1].pk, "said")] if skipped else [])
    assert [(row.pk, why) for row, why in told.refused] == ([(rows[1].pk, "said")] if skipped else [])


def test_a_reply_in_bulk_skips_what_came_after_the_list_was_shown(db, now, agent):
    rows = several(3)
    template = Template.objects.create(name="遅れ", body_ja="発送が遅れております。")
    seen = {row.pk: row.version for row in rows}
    Message.objects.create(inquiry=rows[0], kind="received", body="やはり結構です。", at=now - timedelta(minutes=1))
    Inquiry.objects.filter(pk=rows[0].pk).update(version=rows[0].version + 1)
    run = bulk.start(
        ids=list(seen), acts=[{"do": "reply", "template": template.pk}], by=agent, now=now, form_token=uuid.uuid4(),
        seen=seen,
    )  # fmt: skip
    bulk.sweep(now)
    run.refresh_from_db()
    assert (run.changed, [(one["id"], one["why"]) for one in run.refused]) == (2, [(rows[0].pk, "said")])
    assert set(Message.objects.filter(kind="reply").values_list("inquiry_id", flat=True)) == {rows[1].pk, rows[2].pk}


# --- counted beforehand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("acts_of", ["tag", "close", "reply", "turn"])
def test_the_count_is_exact_and_costs_no_more_for_many(db, now, agent, acts_of, django_assert_max_num_queries):
    store = make.make_store()
    store.requires_cause = acts_of == "close"
    store.save()
    ken = make.make_user()
    rows = several(130)
    tag = Tag.objects.create(name="見本送付")
    template = Template.objects.create(name="遅れ", body_ja="{{ customer.name }}様\nお待ちください。")
    wanted = {
        "tag": [{"do": "tag", "tag": tag.pk}],
        "close": SOLVE,
        "reply": [{"do": "reply", "template": template.pk}],
        "turn": [{"do": "assign", "to": "turn"}],
    }[acts_of]
    if acts_of == "tag":  # the last one is full
        rows[129].tags.set([Tag.objects.create(name=f"札{n}") for n in range(tagging.MOST)])
    if acts_of == "close":
        Inquiry.objects.exclude(pk=rows[129].pk).update(cause=Cause.objects.first())
    if acts_of == "reply":
        Inquiry.objects.filter(pk=rows[129].pk).update(email="")
    if acts_of == "turn":
        AgentSetting.objects.create(user=ken, takes_turns=True, is_available=True, cap=129)
    ids = [row.pk for row in rows]
    with django_assert_max_num_queries(14):
        told = bulk.forecast(ids=ids, acts=wanted, by=agent, now=now)
    run = run_all(ids, wanted, agent, now)
    assert told.possible == 129
    assert [(row.pk, why) for row, why in told.refused] == [(one["id"], one["why"]) for one in run.refused]


def test_a_run_that_sent_mail_is_not_taken_back(db, now, agent):
    run = BulkRun.objects.create(
        by=agent, acts=[{"do": "reply", "template": 1}], ids=[1], state="done", before={"1": {}}, created_at=now,
        form_token=uuid.uuid4(),
    )  # fmt: skip
    with pytest.raises(bulk.CannotTakeBack):
        bulk.take_back(run, by=agent)


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_do_a_row_twice(now):
    agent = make.make_user()
    rows = several(60)
    run = bulk.start(ids=[row.pk for row in rows], acts=SOLVE, by=agent, now=now, form_token=uuid.uuid4())
    swept_by_two(now)
    run.refresh_from_db()
    assert (run.state, run.position, run.changed) == ("done", 60, 60)
    assert InquiryEvent.objects.filter(code="status").count() == 60


def test_what_goes_wrong_with_one_does_not_stop_the_others(db, now, agent, monkeypatch):
    rows = several(3)
    perform = acts.perform

    def breaks(inquiry, *args, **kwargs):
        if inquiry.pk == rows[1].pk:
            raise ValueError("odd row")
        return perform(inquiry, *args, **kwargs)

    monkeypatch.setattr(acts, "perform", breaks)
    run = run_all([row.pk for row in rows], SOLVE, agent, now)
    assert (run.state, run.changed) == ("done", 2)
    assert run.refused == [{"id": rows[1].pk, "number": rows[1].number, "why": "failed"}]
