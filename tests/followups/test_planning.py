"""From facts to appointments: what is planned, for whom, and that planning twice is planning once."""

from datetime import UTC, datetime, time, timedelta
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, connections, transaction

from followups import planning
from followups.models import PlannedMail, PlanningHint, Step
from shopdesk.shop.models import Order
from tests.followups.make import make_planned, make_sequence, make_step
from tests.make import NOW, make_customer, make_order, make_product, make_store

State = PlannedMail.State
TOKYO = ZoneInfo("Asia/Tokyo")


def rows():
    return list(PlannedMail.objects.order_by("pk").values_list("sequence", "order", "step", "occurrence", "due_at"))


@pytest.mark.django_db
def test_each_trigger_counts_from_its_own_fact():
    for trigger in ("ordered", "shipped", "delivered"):
        make_step(make_sequence(trigger, trigger=trigger), delay=30)
    make_order(ordered_at=datetime(2026, 11, 1, 15, 0, tzinfo=TOKYO))
    assert planning.sweep(NOW) == 3
    days = {planned.sequence.slug: planned.due_at for planned in PlannedMail.objects.select_related("sequence")}
    assert days == {
        "ordered": datetime(2026, 12, 1, 10, 0, tzinfo=TOKYO),
        "shipped": datetime(2026, 12, 2, 10, 0, tzinfo=TOKYO),
        "delivered": datetime(2026, 12, 3, 10, 0, tzinfo=TOKYO),
    }


@pytest.mark.django_db
def test_what_is_not_known_yet_is_not_planned():
    make_step(make_sequence("shipped", trigger="shipped"))
    make_step(make_sequence("delivered", trigger="delivered"))
    make_order(status="paid")
    assert planning.sweep(NOW) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("fields", [{"status": "cancelled"}, {"status": "returned"}, {"plan_followups": False}])
def test_orders_that_get_no_follow_ups(fields):
    make_step(make_sequence(trigger="ordered"), delay=60)
    make_order(**fields)
    assert planning.sweep(NOW) == 0
    assert not PlannedMail.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["draft", "paused"])
def test_only_active_sequences_and_steps_plan(status):
    make_step(make_sequence("one", status=status), delay=60)
    make_step(make_sequence("two"), delay=60, is_active=False)
    make_order()
    assert planning.sweep(NOW) == 0


@pytest.mark.django_db
def test_leather_only():
    make_step(make_sequence(), delay=3, unit="months", categories=["leather"])
    bag, kettle = make_product(), make_product("EK-01", name="電気ケトル", category="electronics")
    customer = make_customer()
    make_order("1", customer=customer, lines=[(kettle, 1)])
    leather = make_order("2", customer=customer, lines=[(kettle, 1), (bag, 1)])
    make_order("3", customer=customer, lines=[(make_product("XX", name="はさみ", category=None), 1)])
    planning.sweep(NOW)
    assert [planned.order for planned in PlannedMail.objects.all()] == [leather]


@pytest.mark.django_db
def test_category_and_tag_are_asked_of_the_same_line():
    make_step(make_sequence(), delay=90, categories=["leather"], tags=["gift"])
    bag = make_product()
    gift_cup = make_product("TB-1", name="湯のみ", category="tableware", tags=["gift"])
    gift_bag = make_product("LB-2", name="革の財布", tags=["gift", "new"])
    customer = make_customer()
    make_order("1", customer=customer, lines=[(bag, 1), (gift_cup, 1)])
    right = make_order("2", customer=customer, lines=[(gift_bag, 1)])
    planning.sweep(NOW)
    assert [planned.order for planned in PlannedMail.objects.all()] == [right]


@pytest.mark.django_db
def test_a_product_that_joins_the_category_later_is_found_by_the_next_full_look():
    make_step(make_sequence(), delay=90, categories=["leather"])
    cup = make_product("TB-1", name="湯のみ", category="tableware")
    make_order(lines=[(cup, 1)])
    assert planning.sweep(NOW) == 0
    cup.category = make_product().category
    cup.save()
    assert planning.sweep(NOW + timedelta(hours=1)) == 1


@pytest.mark.django_db
def test_first_order_only():
    make_step(make_sequence(first_order_only=True), delay=30)
    customer = make_customer()
    make_order("0", customer=customer, status="cancelled", ordered_at=NOW - timedelta(days=20))
    first = make_order("1", customer=customer)
    make_order("2", customer=customer, ordered_at=NOW - timedelta(days=9))
    same_moment = make_order("3", customer=customer)
    planning.sweep(NOW)
    assert [planned.order for planned in PlannedMail.objects.all()] == [first] != [same_moment]


@pytest.mark.django_db
def test_planning_again_changes_nothing():
    sequence = make_sequence()
    for delay in (1, 30, 90):
        make_step(sequence, delay=delay)
    make_order()
    assert planning.sweep(NOW) == 3
    before = rows()
    for minutes in range(0, 200, 20):
        assert planning.sweep(NOW + timedelta(minutes=minutes)) == 0
    PlanningHint.objects.all().delete()  # losing the hint loses nothing
    assert planning.sweep(NOW) == 0
    assert rows() == before


@pytest.mark.django_db
def test_the_database_refuses_a_second_row():
    step = make_step(make_sequence())
    order = make_order()
    make_planned(step, order)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_planned(step, order)


@pytest.mark.django_db(transaction=True)
def test_four_planners_at_once_plan_the_same_rows():
    sequence = make_sequence()
    for delay in (20, 30):
        make_step(sequence, delay=delay)
    customer = make_customer()
    for number in range(60):
        make_order(str(number), customer=customer)
    start = Barrier(4)
    failures = []

    def plan():
        try:
            start.wait()
            while planning.sweep(NOW, limit=25):
                pass
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=plan) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert PlannedMail.objects.count() == 120
    assert PlannedMail.objects.values("order", "step").distinct().count() == 120


@pytest.mark.django_db
def test_a_small_limit_reaches_everything_in_the_end():
    make_step(make_sequence(), delay=30)
    customer = make_customer()
    for number in range(12):
        make_order(str(number), customer=customer)
    assert [planning.sweep(NOW, limit=5) for _ in range(4)] == [5, 5, 2, 0]


@pytest.mark.django_db
def test_an_order_that_was_imported_behind_the_hint_is_not_lost():
    """Its transaction began before the last look and ended after it."""
    make_step(make_sequence(), delay=30)
    planning.sweep(NOW)
    make_order(updated_at=NOW - timedelta(minutes=10))
    assert planning.sweep(NOW + timedelta(minutes=1)) == 1
    make_order("2", customer=make_customer("別の人", "b@mail.example"), updated_at=NOW - timedelta(days=40))
    assert planning.sweep(NOW + timedelta(minutes=2)) == 0  # far behind: the hourly look at all orders finds it
    assert planning.sweep(NOW + timedelta(minutes=62)) == 1


@pytest.mark.django_db
def test_a_new_step_is_planned_at_once_for_known_orders():
    sequence = make_sequence()
    make_step(sequence, delay=30)
    make_order(updated_at=NOW - timedelta(days=40))
    planning.sweep(NOW)
    make_step(sequence, delay=60)
    assert planning.sweep(NOW + timedelta(minutes=1)) == 1


@pytest.mark.django_db
def test_too_late_when_planned_is_kept_as_expired():
    step = make_step(make_sequence(), delay=1, max_late_hours=24)
    make_order(ordered_at=NOW - timedelta(days=40))
    assert planning.sweep(NOW) == 1
    planned = PlannedMail.objects.get(step=step)
    assert (planned.state, planned.reason, planned.decided_at) == (State.EXPIRED, "late_when_planned", NOW)
    assert planning.sweep(NOW) == 0


@pytest.mark.django_db
def test_of_a_repeating_step_one_time_is_ahead_and_the_past_is_recorded():
    make_step(make_sequence(), delay=6, unit="months", repeat_months=6, repeat_times=6)
    make_order(ordered_at=datetime(2025, 1, 29, 12, 0, tzinfo=TOKYO))  # delivered on 31 January 2025
    planning.sweep(NOW)
    assert [
        (planned.occurrence, planned.state, planned.due_at.astimezone(TOKYO).date().isoformat())
        for planned in PlannedMail.objects.order_by("occurrence")
    ] == [
        (1, State.EXPIRED, "2025-07-31"),
        (2, State.EXPIRED, "2026-01-31"),
        (3, State.EXPIRED, "2026-07-31"),
        (4, State.PLANNED, "2027-01-31"),
    ]


@pytest.mark.django_db
def test_a_step_that_repeats_more_often_from_now_on_goes_on():
    step = make_step(make_sequence(), delay=1, unit="months", repeat_months=1, repeat_times=1)
    order = make_order(ordered_at=NOW - timedelta(days=35))
    make_planned(step, order, state=State.SKIPPED, reason="suppressed", decided_at=NOW)
    assert planning.sweep(NOW) == 0
    Step.objects.update(repeat_times=3)
    assert planning.sweep(NOW) == 1
    assert PlannedMail.objects.get(occurrence=2).state == State.PLANNED
    assert planning.sweep(NOW) == 0


@pytest.mark.django_db
def test_the_real_delivery_moves_what_waits():
    step = make_step(make_sequence(delivered_fallback_days=3), delay=10)
    order = make_order(status="shipped", ordered_at=datetime(2026, 11, 15, 12, 0, tzinfo=TOKYO))
    planning.sweep(NOW)
    supposed = PlannedMail.objects.get(step=step)
    assert supposed.due_at == datetime(2026, 11, 29, 10, 0, tzinfo=TOKYO)  # shipped on the 16th, so the 19th
    Order.objects.filter(pk=order.pk).update(
        delivered_at=datetime(2026, 11, 25, 18, 0, tzinfo=TOKYO), status="delivered", updated_at=NOW + timedelta(days=5)
    )
    assert planning.sweep(NOW + timedelta(days=5)) == 1
    known = PlannedMail.objects.get(step=step)
    assert known.pk == supposed.pk
    assert known.due_at == datetime(2026, 12, 5, 10, 0, tzinfo=TOKYO)
    assert known.not_after == known.due_at + timedelta(hours=72)
    assert planning.sweep(NOW + timedelta(days=5)) == 0


@pytest.mark.django_db
def test_what_was_sent_is_not_moved():
    step = make_step(make_sequence(), delay=10)
    order = make_order()
    sent = make_planned(
        step, order, state=State.QUEUED, mail_key="followups:1", anchor_at=NOW - timedelta(days=30), decided_at=NOW
    )
    planning.sweep(NOW)
    assert PlannedMail.objects.get().due_at == sent.due_at


@pytest.mark.django_db
def test_replanning_a_step_moves_what_waits_and_nothing_else():
    step = make_step(make_sequence(), delay=30)
    customer = make_customer()
    waiting = make_planned(step, make_order("1", customer=customer))
    ended = make_planned(step, make_order("2", customer=customer), state=State.SKIPPED, reason="x", decided_at=NOW)
    step.delay, step.local_time = 40, time(9, 30)
    step.save()
    assert planning.replan(step, now=NOW) == 1
    waiting.refresh_from_db()
    assert waiting.due_at == datetime(2026, 12, 22, 9, 30, tzinfo=TOKYO)
    due = ended.due_at
    ended.refresh_from_db()
    assert ended.due_at == due


@pytest.mark.django_db
def test_a_look_for_what_is_missing_costs_few_queries(django_assert_max_num_queries):
    sequence = make_sequence()
    for delay in (20, 30, 60):
        make_step(sequence, delay=delay)
    customer, store = make_customer(), make_store()
    for number in range(30):
        make_order(str(number), customer=customer, store=store)
    # hint, steps, categories, sequences, re-dating, one look a step, one insert a step, the hint again
    with django_assert_max_num_queries(20):
        assert planning.sweep(NOW) == 90


@pytest.mark.django_db
def test_the_due_time_is_kept_in_utc():
    make_step(make_sequence(), delay=30)
    make_order()
    planning.sweep(NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT due_at AT TIME ZONE 'UTC' FROM followups_plannedmail")
        assert cursor.fetchone()[0].replace(tzinfo=UTC).astimezone(TOKYO).time() == time(10)
