"""What leaves, what does not, and why: decided at the moment of sending."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction

from followups import gate, planning, sending
from followups.models import CouponIssue, PlannedMail, Step
from shopdesk.mail import suppressions
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.models import CustomerAddress, Order
from tests.followups.make import (
    ask_return,
    complain,
    give_consent,
    make_planned,
    make_sequence,
    make_step,
    solve,
    state_of,
)
from tests.make import NOW, make_customer, make_order, make_product

State = PlannedMail.State
TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.django_db
def test_a_letter_leaves_with_the_right_words(due):
    assert sending.sweep(NOW) == 1
    assert state_of(due) == (State.QUEUED, "")
    letter = OutgoingMail.objects.get()
    assert letter.key == due.mail_key == f"followups:{due.pk}"
    assert (letter.to_address, letter.to_name) == ("hanako@mail.example", "山田 花子")
    assert (letter.from_address, letter.from_name) == ("honten@shop.example", "くらしの道具店")
    assert letter.subject == "ご案内（1001）"
    assert letter.text.startswith("山田 花子 様\n\nご注文 1001 のご案内です。\n")
    assert "お買い上げの商品に関するご案内としてお送りしています。" in letter.text
    assert (letter.mail_class, letter.language) == ("service", "ja")
    assert letter.not_after == NOW + timedelta(hours=24)
    assert sending.sweep(NOW) == 0
    assert OutgoingMail.objects.count() == 1


@pytest.mark.django_db
def test_nothing_leaves_before_its_minute(due):
    assert sending.sweep(NOW - timedelta(seconds=1)) == 0
    assert state_of(due) == (State.PLANNED, "")


@pytest.mark.django_db
def test_a_letter_with_little_time_left_expires_with_its_appointment(due):
    PlannedMail.objects.update(not_after=NOW + timedelta(hours=2))
    sending.sweep(NOW)
    assert OutgoingMail.objects.get().not_after == NOW + timedelta(hours=2)


@pytest.mark.django_db
def test_unsubscribe_header_stands_in_after_care_and_advertising_only():
    give_consent()
    order = make_order()
    for kind in ("transactional", "service", "advertising"):
        make_planned(make_step(make_sequence(kind, mail_class=kind)), order)
    sending.sweep(NOW)
    headers = {letter.mail_class: letter.headers for letter in OutgoingMail.objects.all()}
    assert "List-Unsubscribe" not in headers["transactional"]
    for kind in ("service", "advertising"):
        assert re.fullmatch(r"<http://testserver/preferences/u/[^/<>\s]+/>", headers[kind]["List-Unsubscribe"])


@pytest.mark.django_db
def test_advertising_names_the_sender_and_the_way_out():
    give_consent()
    order = make_order()
    Order.objects.get().store.__class__.objects.update(
        address="東京都架空区1-2-3", postal_code="100-0000", phone="03-0000-0000"
    )
    make_planned(make_step(make_sequence(mail_class="advertising")), order)
    sending.sweep(NOW)
    text = OutgoingMail.objects.get().text
    for needed in (
        "配信者：株式会社くらしの道具",
        "〒100-0000 東京都架空区1-2-3",
        "配信の停止・変更はこちらから（ログインは不要です）：\nhttp://testserver/preferences/u/",
        "お問い合わせ・苦情の受付：honten@shop.example / 03-0000-0000",
    ):
        assert needed in text


@pytest.mark.django_db
def test_the_customers_language_is_used_with_japanese_where_english_is_missing():
    english = make_customer("Ann Lee", "ann@mail.example", language="en")
    order = make_order(customer=english)
    both = make_step(make_sequence("a"), subject_en="About {{ order.number }}", body_en="Dear {{ customer.name }}")
    only_japanese = make_step(make_sequence("b"))
    make_planned(both, order)
    make_planned(only_japanese, order)
    sending.sweep(NOW)
    first, second = OutgoingMail.objects.order_by("pk")
    assert (first.subject, first.language) == ("About 1001", "en")
    assert first.text.startswith("Dear Ann Lee\n")
    assert "We send this about something you bought from us." in first.text
    assert second.subject == "ご案内（1001）"


# --- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["cancelled", "returned"])
def test_an_order_that_is_off_gets_no_letter(due, status):
    Order.objects.update(status=status, cancelled_at=NOW if status == "cancelled" else None)
    sending.sweep(NOW)
    assert state_of(due) == (State.SKIPPED, f"order_{status}")
    assert not OutgoingMail.objects.exists()


@pytest.mark.django_db
def test_too_late_is_not_sent(due):
    sending.sweep(due.not_after + timedelta(seconds=1))
    assert state_of(due) == (State.EXPIRED, "late")
    assert not OutgoingMail.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scope", "reason", "mail_class", "state"),
    [
        ("service", "unsubscribed", "service", State.SKIPPED),
        ("advertising", "unsubscribed", "service", State.QUEUED),
        ("all", "unsubscribed", "service", State.SKIPPED),
        ("all", "unsubscribed", "transactional", State.QUEUED),
        ("all", "bounced", "transactional", State.SKIPPED),
        ("advertising", "unsubscribed", "advertising", State.SKIPPED),
        ("service", "unsubscribed", "advertising", State.QUEUED),
    ],
)
def test_suppression_by_kind(scope, reason, mail_class, state):
    give_consent()
    planned = make_planned(make_step(make_sequence(mail_class=mail_class)), make_order())
    suppressions.suppress("hanako@mail.example", scope=scope, reason=reason, now=NOW)
    sending.sweep(NOW)
    planned.refresh_from_db()
    assert planned.state == state
    assert OutgoingMail.objects.exists() is (state == State.QUEUED)
    if state == State.SKIPPED:
        assert (planned.reason, planned.decision["why"]) == ("suppressed", reason)


@pytest.mark.django_db
def test_advertising_needs_consent():
    planned = make_planned(make_step(make_sequence(mail_class="advertising")), make_order())
    sending.sweep(NOW)
    assert state_of(planned) == (State.SKIPPED, "no_consent")
    assert not OutgoingMail.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("mail_class", "leaves"), [("advertising", False), ("service", True)])
def test_a_marketplace_relay_gets_no_advertising(mail_class, leaves):
    relay = "abc@fw.rakuten.ne.jp"
    give_consent(relay)
    customer = make_customer("楽天の人", relay, masked=True)
    planned = make_planned(make_step(make_sequence(mail_class=mail_class)), make_order(customer=customer))
    sending.sweep(NOW)
    assert state_of(planned) == ((State.QUEUED, "") if leaves else (State.SKIPPED, "marketplace_address"))


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["", "not an address", "a@b@c.example"])
def test_nobody_to_write_to(address):
    customer = make_customer("住所なし", "")
    planned = make_planned(make_step(make_sequence()), make_order(customer=customer, email=address))
    sending.sweep(NOW)
    assert state_of(planned) == (State.SKIPPED, "no_address")


@pytest.mark.django_db
def test_a_carriers_address_with_dots_is_written_to(due):
    Order.objects.update(email="da.me..@docomo.ne.jp")
    sending.sweep(NOW)
    assert OutgoingMail.objects.get().to_address == "da.me..@docomo.ne.jp"


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "state"), [("paid", State.SKIPPED), ("cancelled", State.QUEUED)])
def test_bought_again(status, state):
    planned = make_planned(make_step(make_sequence(stop_on_repurchase=True)), make_order())
    make_order("1002", customer=planned.customer, status=status, ordered_at=NOW - timedelta(days=1))
    sending.sweep(NOW)
    planned.refresh_from_db()
    assert planned.state == state
    if state == State.SKIPPED:
        assert (planned.reason, planned.decision["number"]) == ("repurchased", "1002")


@pytest.mark.django_db
def test_after_a_finished_return_nothing_more_is_said_about_the_order(due):
    ask_return(due.order, "completed")
    sending.sweep(NOW)
    assert state_of(due) == (State.SKIPPED, "returned")


# --- repeating, coupons, poison, expiry in the outbox ---------------------------------------------------------------


@pytest.mark.django_db
def test_every_six_months_for_three_years_six_letters_at_the_right_local_minute():
    """Virtual time: the sweeps ring around the chosen minute on some days of each month, for more than four years."""
    kettle = make_product("EK-01", name="電気ケトル", category="electronics")
    step = make_step(
        make_sequence(), delay=6, unit="months", repeat_months=6, repeat_times=6, categories=["electronics"]
    )
    delivered = datetime(2026, 8, 31, 16, 40, tzinfo=TOKYO)
    order = make_order(lines=[(kettle, 1)], ordered_at=delivered - timedelta(days=2))
    day = datetime(2026, 9, 1, 9, 59, tzinfo=TOKYO)
    sent_at = []
    while day.year < 2031:
        day += timedelta(days=1)
        if day.month not in {2, 8, 11} or day.day not in {28, 29, 31}:
            continue
        planning.sweep(day)
        for moment in (day, day + timedelta(minutes=1), day + timedelta(minutes=1)):
            if sending.sweep(moment):
                sent_at.append(moment.isoformat(timespec="minutes"))
    assert sent_at == [
        f"{date}T10:00+09:00"
        for date in ("2027-02-28", "2027-08-31", "2028-02-29", "2028-08-31", "2029-02-28", "2029-08-31")
    ]
    assert OutgoingMail.objects.count() == 6
    assert PlannedMail.objects.filter(order=order, step=step).count() == 6


@pytest.mark.django_db
def test_a_skipped_time_does_not_end_a_series_but_a_cancelled_order_does(due):
    Step.objects.update(repeat_months=6, repeat_times=3)
    suppressions.suppress("hanako@mail.example", scope="service", reason="unsubscribed", now=NOW)
    sending.sweep(NOW)
    second = PlannedMail.objects.get(occurrence=2)
    assert second.state == State.PLANNED
    Order.objects.update(status="cancelled", cancelled_at=NOW)
    sending.sweep(second.due_at)
    assert state_of(second) == (State.SKIPPED, "order_cancelled")
    planning.sweep(second.due_at)
    assert PlannedMail.objects.count() == 2


@pytest.mark.django_db
def test_a_coupon_is_issued_once_for_a_letter():
    give_consent()
    step = make_step(
        make_sequence(mail_class="advertising"), coupon_days=30, body_ja="{{ coupon.code }} {{ coupon.expires_on }}"
    )
    planned = make_planned(step, make_order())
    complaint = complain(planned.customer)
    sending.sweep(NOW)
    assert not CouponIssue.objects.exists()  # not while it is held
    solve(complaint)
    sending.sweep(NOW)
    issue = CouponIssue.objects.get()
    assert re.fullmatch(r"([2-9A-HJKMNP-TV-Z]{4}-){3}[2-9A-HJKMNP-TV-Z]{4}", issue.code)
    assert f"{issue.code} 2026年12月20日" in OutgoingMail.objects.get().text
    # The letter expires in the outbox; the second one carries the same coupon.
    OutgoingMail.objects.update(state=OutgoingMail.State.EXPIRED)
    sending.sweep(NOW + timedelta(hours=25))
    assert [issue.code in letter.text for letter in OutgoingMail.objects.all()] == [True, True]
    assert CouponIssue.objects.count() == 1


@pytest.mark.django_db
def test_a_letter_that_expired_unsent_is_decided_anew(due):
    sending.sweep(NOW)
    OutgoingMail.objects.update(state=OutgoingMail.State.EXPIRED)
    complain(due.customer)  # the facts are those of the new moment
    sending.sweep(NOW + timedelta(hours=25))
    assert state_of(due) == (State.HELD, "open_complaint")
    assert OutgoingMail.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("left", ["SENT", "UNCERTAIN", "PLANNED", "LEASED"])
def test_a_letter_that_may_have_left_is_never_written_twice(due, left):
    sending.sweep(NOW)
    assert sending.decide_anew(NOW + timedelta(hours=25)) == 0 or left == "EXPIRED"
    fields = {"SENT": {"sent_at": NOW, "raw": b"x"}, "LEASED": {"lease_until": NOW}}.get(left, {})
    OutgoingMail.objects.update(state=OutgoingMail.State[left], **fields)
    sending.sweep(NOW + timedelta(hours=25))
    assert OutgoingMail.objects.count() == 1
    assert state_of(due) == (State.QUEUED, "")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "poison", ["{{ no.such.name }}", "{% if %}", "{% load x %}", "{{ customer.__class__ }}", "{% for a in b %}"]
)
def test_a_text_that_cannot_be_written_ends_its_own_row_only(poison):
    order = make_order()
    bad = make_planned(make_step(make_sequence("bad"), body_ja=poison), order, due_at=NOW - timedelta(minutes=1))
    good = make_planned(make_step(make_sequence("good")), order)
    assert sending.sweep(NOW) == 2
    assert state_of(bad) == (State.FAILED, "text")
    assert bad.decision["error"]
    assert state_of(good) == (State.QUEUED, "")
    assert OutgoingMail.objects.count() == 1


@pytest.mark.django_db
def test_a_line_break_in_a_name_does_not_reach_the_subject():
    customer = make_customer("悪い\r\nBcc: x@evil.example\r\n人")
    step = make_step(make_sequence(), subject_ja="{{ customer.name }} 様へ")
    make_planned(step, make_order(customer=customer))
    sending.sweep(NOW)
    letter = OutgoingMail.objects.get()
    assert "\n" not in letter.subject
    assert "\r" not in letter.subject


@pytest.mark.django_db
def test_shop_words_in_a_customers_name_stay_words():
    customer = make_customer("{{ shop.name }}{% if %}<b>")
    make_planned(make_step(make_sequence()), make_order(customer=customer))
    sending.sweep(NOW)
    assert OutgoingMail.objects.get().text.startswith("{{ shop.name }}{% if %}<b> 様\n")


@pytest.mark.django_db
def test_late_days_tell_the_truth():
    step = make_step(make_sequence(), body_ja="{% if late_days %}{{ late_days }}日遅れ{% else %}本日{% endif %}")
    make_planned(step, make_order(), due_at=NOW - timedelta(days=2))
    sending.sweep(NOW)
    assert OutgoingMail.objects.get().text.startswith("2日遅れ\n")


# --- cost -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_claim_reads_the_index_in_its_order():
    step = make_step(make_sequence())
    order = make_order()
    PlannedMail.objects.bulk_create(
        PlannedMail(
            sequence=step.sequence, step=step, order=order, customer=order.customer, occurrence=number,
            anchor_at=NOW, due_at=NOW, not_after=NOW + timedelta(days=1), created_at=NOW,
        )
        for number in range(1, 5001)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE followups_plannedmail")
    with transaction.atomic():
        plan = sending.in_turn(NOW).only("pk")[:100].explain(analyze=True)
    assert "planned_due" in plan
    assert "Sort" not in plan
    assert "Seq Scan" not in plan


@pytest.mark.django_db
def test_queries_for_each_letter(django_assert_max_num_queries):
    step = make_step(make_sequence(), categories=["leather"])
    for number in range(10):
        make_planned(step, make_order(str(number), customer=make_customer(f"客{number}", f"c{number}@mail.example")))
    sending.sweep(NOW - timedelta(days=1))
    with django_assert_max_num_queries(10 * 19 + 6):
        assert sending.sweep(NOW) == 10


@pytest.mark.django_db
def test_the_gate_prefers_the_orders_own_address():
    customer = make_customer()
    order = make_order(customer=customer, email="other@mail.example")
    CustomerAddress.objects.create(customer=customer, address="newest@mail.example")
    planned = make_planned(make_step(make_sequence()), order)
    assert gate.address_of(planned, customer) == "other@mail.example"
