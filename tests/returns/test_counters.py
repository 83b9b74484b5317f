"""What may never happen to units: returned twice, or more than was shipped."""

import threading
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from returns import deciding, receiving, requesting, units
from returns.models import ReturnCase, ReturnEvent, ReturnLine
from returns.requesting import Wanted
from returns.transitions import IllegalTransition
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.models import OrderLine
from tests import make
from tests.returns.make import ask, bags, bring_to, counters, reason, want


def in_threads(*deeds):
    """Run the deeds at the same moment, each with its own connection; gives what each returned or raised."""
    gate = threading.Barrier(len(deeds))
    results = [None] * len(deeds)

    def run(place, deed):
        try:
            gate.wait(10)
            results[place] = deed()
        except Exception as error:  # the test looks at it
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.mark.django_db(transaction=True)
def test_two_tabs_ask_two_of_three():
    order = bags(3)
    results = in_threads(lambda: ask(order, 2), lambda: ask(order, 2))
    assert sorted(type(result).__name__ for result in results) == ["ReturnCase", "TooMany"]
    refused = next(result for result in results if isinstance(result, requesting.TooMany))
    assert refused.free == 1
    assert ReturnCase.objects.count() == 1
    assert OutgoingMail.objects.filter(key__startswith="returns.case:").count() == 1
    assert counters(order) == [(2, 0)]


@pytest.mark.django_db(transaction=True)
def test_two_lines_in_opposite_order_do_not_wait_for_each_other_for_ever():
    order = make.make_order(lines=[(make.make_product(), 9), (make.make_product("LB-02"), 9)])
    first, second = order.lines.order_by("position")

    def asking(*lines):
        wanted = [want(line, 1) for line in lines]
        return lambda: requesting.request_return(
            order, wanted=wanted, comment="", language="ja", form_token=None, now=make.NOW
        )

    results = in_threads(*[asking(first, second), asking(second, first)] * 4)
    assert [type(result).__name__ for result in results] == ["ReturnCase"] * 8
    assert counters(order) == [(8, 0), (8, 0)]


@pytest.mark.django_db(transaction=True)
def test_the_same_form_sent_twice_is_one_case():
    order, token = bags(3), uuid4()
    results = in_threads(*[lambda: ask(order, 1, form_token=token)] * 3)
    assert len({result.pk for result in results}) == 1
    assert counters(order) == [(1, 0)]
    assert OutgoingMail.objects.count() == 1
    assert ReturnEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_members_of_staff_approve_at_once(agent):
    order = bags(3)
    case = ask(order, 2)
    ken = make.make_user()

    def approving(user):
        mine = ReturnCase.objects.get(pk=case.pk)
        return lambda: deciding.approve(mine, quantities=None, text="", by=user, now=make.NOW, expected_version=0)

    results = in_threads(approving(agent), approving(ken))
    assert sorted(type(result).__name__ for result in results) == ["IllegalTransition", "ReturnCase"]
    assert case.events.filter(code="return.approved").count() == 1
    assert OutgoingMail.objects.filter(key=f"returns.case:{case.pk}:approved:1").count() == 1
    assert counters(order) == [(2, 0)]


@pytest.mark.django_db(transaction=True)
def test_customer_withdraws_while_staff_approve(agent):
    order = bags(3)
    case = ask(order, 2)
    mine, theirs = ReturnCase.objects.get(pk=case.pk), ReturnCase.objects.get(pk=case.pk)
    results = in_threads(
        lambda: deciding.approve(mine, quantities=None, text="", by=agent, now=make.NOW, expected_version=0),
        lambda: requesting.withdraw(theirs, now=make.NOW),
    )
    # The withdrawal is allowed before and after the approval; the approval only before.
    case.refresh_from_db()
    assert case.status == "withdrawn"
    assert isinstance(results[1], ReturnCase)
    assert counters(order) == [(0, 0)]


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["qty_open = 4", "qty_open = 2, qty_done = 2", "qty_done = 4", "qty_open = -1"])
def test_raw_sql_beyond_what_was_shipped_is_refused(change):
    line = bags(3).lines.get()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE shop_orderline SET {change} WHERE id = %s", [line.pk])  # noqa: S608  # four words of ours
    line.refresh_from_db()
    assert (line.qty_open, line.qty_done) == (0, 0)


@pytest.mark.django_db
def test_more_than_shipped_is_refused_and_leaves_nothing():
    order = bags(3)
    ask(order, 2)
    with pytest.raises(requesting.TooMany) as refusal:
        ask(order, 2)
    assert refusal.value.free == 1
    assert counters(order) == [(2, 0)]
    assert ReturnCase.objects.count() == 1
    assert OutgoingMail.objects.count() == 1


@pytest.mark.django_db
def test_a_line_listed_twice_is_not_a_way_around():
    order = bags(3)
    line = order.lines.get()
    with pytest.raises(requesting.DuplicateLine):
        requesting.request_return(
            order, wanted=[want(line, 2), want(line, 2)], comment="", language="ja", form_token=None, now=make.NOW
        )
    assert counters(order) == [(0, 0)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (lambda mine, other: [], requesting.NothingWanted),
        (lambda mine, other: [want(other, 1)], requesting.UnknownLine),
        (lambda mine, other: [want(mine, 0)], requesting.BadQuantity),
        (lambda mine, other: [want(mine, -1)], requesting.BadQuantity),
        (lambda mine, other: [want(mine, 10**9)], requesting.TooMany),
        (lambda mine, other: [want(mine, 10**30)], requesting.TooMany),
        (lambda mine, other: [Wanted(mine.pk, 1, 999_999)], requesting.UnknownReason),
        (lambda mine, other: [want(mine, 1, "NOT_ARRIVED")], requesting.UnknownReason),
        (lambda mine, other: [want(mine, 1, "IMAGE_DIFF", " \x00\n ")], requesting.AnswerMissing),
        (lambda mine, other: [want(mine, 1), want(other, 1)], requesting.UnknownLine),
    ],
)
def test_a_request_no_honest_form_makes(wanted, error):
    customer = make.make_customer()
    order, stranger = bags(3, customer=customer), bags(3, number="1002", customer=customer)
    with pytest.raises(error):
        requesting.request_return(
            order, wanted=wanted(order.lines.get(), stranger.lines.get()), comment="", language="ja",
            form_token=None, now=make.NOW,
        )  # fmt: skip
    assert not ReturnCase.objects.exists()
    assert not OutgoingMail.objects.exists()
    assert counters(order) == counters(stranger) == [(0, 0)]


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["new", "paid", "cancelled"])
def test_nothing_of_an_order_that_was_not_shipped(status):
    order = bags(3, status=status)
    with pytest.raises(requesting.TooMany) as refusal:
        ask(order, 1)
    assert refusal.value.free == 0


@pytest.mark.django_db
def test_fewer_units_approved_are_free_at_once(agent):
    order = bags(3)
    case = ask(order, 3)
    line = case.lines.get()
    deciding.approve(case, quantities={line.pk: 2}, text="", by=agent, now=make.NOW)
    assert counters(order) == [(2, 0)]
    second = ask(order, 1)
    assert counters(order) == [(3, 0)]
    bring_to(second, "completed", by=agent)
    receiving.receive(case, by=agent, now=make.NOW)
    receiving.complete(case, by=agent, now=make.NOW)
    assert counters(order) == [(0, 3)]
    with pytest.raises(requesting.TooMany):
        ask(order, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("given", [{}, {0: 1}, {"own": 4}, {"own": -1}, {"own": 0}, {"own": 1, 0: 1}])
def test_approving_other_quantities_than_asked(agent, given):
    order = bags(5)
    case = ask(order, 3)
    quantities = {case.lines.get().pk if key == "own" else key: value for key, value in given.items()}
    with pytest.raises(deciding.BadQuantities):
        deciding.approve(case, quantities=quantities, text="", by=agent, now=make.NOW)
    case.refresh_from_db()
    assert case.status == "submitted"
    assert counters(order) == [(3, 0)]


@pytest.mark.django_db
def test_unit_by_unit_the_refunds_sum_up_to_what_was_paid(agent):
    # 100 yen for three: 34, 33, 33. The last units come back first.
    order = bags(3, paid=(100,))
    sums = []
    for expected in (33, 33, 34):
        case = bring_to(ask(order, 1), "completed", by=agent)
        sums.append(units.refundable_total(case.lines.select_related("order_line")))
        assert case.events.get(code="return.completed").data == {"units": 1, "amount": expected}
    assert sums == [33, 33, 34]


@pytest.mark.django_db
def test_a_withdrawn_case_gives_its_very_units_free(agent):
    order = bags(3, paid=(100,))
    first, second = ask(order, 1), ask(order, 1)
    bring_to(second, "completed", by=agent)
    requesting.withdraw(first, now=make.NOW)
    third = ask(order, 2)
    assert units.refundable_total(third.lines.select_related("order_line")) == 34 + 33
    assert second.lines.get().units == [1]
    assert third.lines.get().units == [0, 2]


DEEDS = ["ask", "approve", "approve_fewer", "decline", "withdraw", "receive", "complete"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walk=st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 3), st.integers(1, 4)), min_size=5, max_size=20))
@pytest.mark.django_db
def test_random_walks_keep_the_books(agent, walk):
    with transaction.atomic():
        customer = make.make_customer(address="")
        order = make.make_order(
            "walk", customer=customer, lines=[(make.make_product(), 3, 1000), (make.make_product("LB-02"), 5, 1001)]
        )
        cases = []
        for deed, which, amount in walk:
            try:
                with transaction.atomic():
                    _step(deed, which, amount, order, cases, agent)
            except (requesting.TooMany, requesting.BadRequest, deciding.BadQuantities, IllegalTransition):
                pass
            _check_books(order)
        transaction.set_rollback(True)


def _step(deed, which, amount, order, cases, agent):
    if deed == "ask":
        lines = list(order.lines.order_by("position"))
        wanted = [Wanted(lines[which % 2].pk, amount, reason().pk)]
        if which > 1:
            wanted.append(Wanted(lines[1 - which % 2].pk, 1, reason().pk))
        cases.append(
            requesting.request_return(order, wanted=wanted, comment="", language="ja", form_token=None, now=make.NOW)
        )
        return
    if not cases:
        return
    case = cases[(which * 4 + amount) % len(cases)]
    if deed == "approve":
        deciding.approve(case, quantities=None, text="", by=agent, now=make.NOW)
    elif deed == "approve_fewer":
        quantities = {line.pk: max(line.quantity - amount, 0) for line in case.lines.all()}
        deciding.approve(case, quantities=quantities, text="", by=agent, now=make.NOW)
    elif deed == "decline":
        deciding.decline(case, text="できません", by=agent, now=make.NOW)
    elif deed == "withdraw":
        requesting.withdraw(case, now=make.NOW)
    elif deed == "receive":
        receiving.receive(case, by=agent, now=make.NOW)
    else:
        receiving.complete(case, by=agent, now=make.NOW)


def _check_books(order):
    for line in OrderLine.objects.filter(order=order):
        assert line.qty_open >= 0
        assert line.qty_done >= 0
        assert line.qty_open + line.qty_done <= line.qty_shipped
        rows = ReturnLine.objects.filter(order_line=line)
        asked = rows.filter(case__status="submitted").aggregate(n=Sum("quantity"))["n"] or 0
        promised = rows.filter(case__status__in=["approved", "received"]).aggregate(n=Sum("approved"))["n"] or 0
        done = rows.filter(case__status="completed").aggregate(n=Sum("approved"))["n"] or 0
        assert (line.qty_open, line.qty_done) == (asked + promised, done)
        alive = [unit for row in rows.exclude(case__status__in=["declined", "withdrawn"]) for unit in row.units]
        assert len(alive) == len(set(alive)) == asked + promised + done
