"""S5: time moves. The follow-ups of imported orders leave at the right local minute to the right people with the right
words; complaints hold them, unsubscribing stops them, and neither repeated sweeps nor a killed worker send one twice."""

import urllib.request
from collections import Counter
from datetime import time

import pytest
from django.core.management import call_command

from followups.models import PlannedMail
from followups.tasks import sweep_planning, sweep_sending
from inquiries import opening, triage
from inquiries.models import Category
from shopdesk.desk.models import Heartbeat
from shopdesk.desk.tasks import heartbeat
from shopdesk.mail import consents
from shopdesk.mail.models import OutgoingMail
from shopdesk.mail.tasks import sweep_outgoing
from tests import make
from tests.followups.make import make_sequence, make_step
from tests.stories.test_orders import FILES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def turn(story_clock, worker, wait):
    """``turn("2027-02-08 10:00", times=2)`` sets the clock and rings every sweep so often, then waits until all is done."""

    def until_quiet():
        # One worker, one queue: when the heartbeat rung last is noted, everything rung before it is done.
        Heartbeat.objects.all().delete()
        heartbeat.delay()
        wait(Heartbeat.objects.exists, seconds=40, what="the worker's heartbeat")

    def one(text, times=1):
        story_clock.at(text)
        for _ in range(times):
            sweep_planning.delay()
            sweep_sending.delay()
            sweep_outgoing.delay()
        until_quiet()  # what the sweeps rang themselves was queued behind
        until_quiet()

    return one


@pytest.fixture
def sequences():
    """What the shop has set up: (slug, trigger, class, delay, unit, local time, subject)."""
    table = [
        ("thanks", "ordered", "transactional", 0, "minutes", None, "ご注文ありがとうございます（{{ order.number }}）"),
        ("arrival", "delivered", "service", 2, "days", time(10), "無事に届きましたでしょうか（{{ order.number }}）"),
        (
            "review",
            "delivered",
            "advertising",
            10,
            "days",
            time(11),
            "使い心地をお聞かせください（{{ order.number }}）",
        ),
        ("leather", "delivered", "service", 3, "months", time(10), "革製品のお手入れの時期です（{{ order.number }}）"),
        ("year", "delivered", "service", 12, "months", time(10), "一年がたちました（{{ order.number }}）"),
    ]
    for slug, trigger, mail_class, delay, unit, at, subject in table:
        sequence = make_sequence(slug, trigger=trigger, mail_class=mail_class)
        make_step(
            sequence,
            delay=delay,
            unit=unit,
            local_time=at,
            subject_ja=subject,
            categories=["leather"] if slug == "leather" else (),
            max_late_hours=7 * 24 if slug == "review" else 72,
        )


def subjects(sink):
    return [(message.recipients[0], message.subject) for message in sink.messages]


@pytest.mark.long
def test_a_year_of_follow_ups(
    turn, worker, sequences, smtp_sink, story_clock, open_page, sign_in, site, wait, tmp_path
):
    store = make.make_store()
    make.make_product("LTH-001", name="手縫い二つ折り財布", price=14300)
    make.make_product("TBL-002", name="粉引の飯碗", price=3300, category="tableware")
    agent = make.make_user("aya@shop.example", name="佐藤 彩", role="agent")
    midori, haruka = "midori@example.com", "haruka@example.com"
    for address in (midori, haruka):
        consents.give(address, source="story", now=make.NOW)

    # Two orders of the Shopify shop, imported the day after; thank-you letters leave at once, once.
    story_clock.at("2026-11-04 16:00")
    call_command("import_orders", str(FILES / "shopify_orders_export.csv"), "--plan-followups", verbosity=0)
    turn("2026-11-04 16:00", times=2)
    assert sorted(subjects(smtp_sink)) == [
        (haruka, "ご注文ありがとうございます（#1002）"),
        (midori, "ご注文ありがとうございます（#1001）"),
    ]
    assert "若草 はるか 様" in next(m.text for m in smtp_sink.messages if m.recipients == [haruka])
    smtp_sink.reset()

    # An order of the other shop, imported too late to say thanks for it: dropped, and the row says why.
    story_clock.at("2026-11-05 18:00")
    call_command("import_orders", str(FILES / "eccube4_order.csv"), "--plan-followups", verbosity=0)
    turn("2026-11-05 18:00")
    assert smtp_sink.messages == []
    dropped = PlannedMail.objects.get(order__number="101", sequence__slug="thanks")
    assert dropped.state == PlannedMail.State.EXPIRED

    # Haruka's bowls leave on the 6th: the export of that day says so.
    shipped = tmp_path / "shopify.csv"
    text = (FILES / "shopify_orders_export.csv").read_text(encoding="utf-8")
    head, tail = text.split("#1002,", 1)
    tail = tail.replace("unfulfilled,,", "fulfilled,2026-11-06 12:00:00 +0900,", 1).replace(
        ",pending,", ",fulfilled,", 1
    )
    shipped.write_text(f"{head}#1002,{tail}", encoding="utf-8")
    story_clock.at("2026-11-06 18:00")
    call_command("import_orders", str(shipped), "--plan-followups", verbosity=0)

    # No delivery is reported: three days after shipping stand in for it. #1001 "arrives" on the 7th, so the letter of
    # two days later at ten o'clock leaves on the 9th.
    turn("2026-11-09 09:59")
    assert smtp_sink.messages == []
    turn("2026-11-09 10:00", times=2)
    assert subjects(smtp_sink) == [(midori, "無事に届きましたでしょうか（#1001）")]
    smtp_sink.reset()

    # Killed in the middle of the next wave and started again: rings are lost, a lease may hang; nothing leaves twice.
    story_clock.at("2026-11-11 10:00")
    for _ in range(3):
        sweep_planning.delay()
        sweep_sending.delay()
        sweep_outgoing.delay()
    wait(lambda: PlannedMail.objects.filter(state=PlannedMail.State.QUEUED, sequence__slug="arrival").count() > 1)
    worker.kill()
    worker.start()
    turn("2026-11-11 10:01", times=2)
    turn("2026-11-11 10:40", times=2)  # after the lease
    left = Counter(subjects(smtp_sink))
    assert set(left) <= {
        (midori, "無事に届きましたでしょうか（101）"),
        (haruka, "無事に届きましたでしょうか（#1002）"),
    }
    assert set(left.values()) == {1}
    for letter in OutgoingMail.objects.all():
        assert letter.state in {OutgoingMail.State.SENT, OutgoingMail.State.UNCERTAIN}
        if letter.state == OutgoingMail.State.UNCERTAIN:
            assert left[(letter.to_address, letter.subject)] <= 1
    assert OutgoingMail.objects.filter(state=OutgoingMail.State.UNCERTAIN).count() <= 1
    smtp_sink.reset()

    # Haruka complains; her review request (due on the 19th at 11:00) is held, Midori's leaves.
    story_clock.at("2026-11-13 09:00")
    complaint = opening.open_inquiry(
        store=store, name="若草 はるか", email=haruka, category=Category.objects.get(slug="defect"),
        body="飯碗が欠けていました。", order_number="#1002", now=story_clock.moment,
    )  # fmt: skip
    assert complaint.customer.orders.get().number == "#1002"
    turn("2026-11-13 09:00")
    smtp_sink.reset()  # the acknowledgement
    turn("2026-11-17 10:59")
    assert smtp_sink.messages == []
    turn("2026-11-17 11:00")
    assert subjects(smtp_sink) == [(midori, "使い心地をお聞かせください（#1001）")]
    turn("2026-11-19 11:00", times=2)
    assert haruka not in [to for to, _ in subjects(smtp_sink)]
    held = PlannedMail.objects.get(order__number="#1002", sequence__slug="review")
    assert (held.state, held.reason) == (PlannedMail.State.HELD, "open_complaint")

    desk = open_page(1280)
    sign_in(desk, agent)
    desk.goto(f"/admin/followups/{held.pk}/")
    assert complaint.number in desk.inner_text("main")
    desk.goto(f"/admin/inquiries/{complaint.pk}/")
    assert "止めています" in desk.inner_text("#inquiry-panels")

    # Solved: what was held leaves once, while it is not too late.
    triage.set_status(complaint, status="solved", by=agent, now=story_clock.moment)
    turn("2026-11-20 15:00", times=2)
    assert [row for row in subjects(smtp_sink) if row[0] == haruka] == [(haruka, "使い心地をお聞かせください（#1002）")]
    smtp_sink.reset()

    # Three months later: leather care for the two leather orders, at their own minutes, and not for the bowls.
    turn("2027-02-07 09:59")
    assert smtp_sink.messages == []
    turn("2027-02-07 10:00", times=2)
    assert subjects(smtp_sink) == [(midori, "革製品のお手入れの時期です（#1001）")]
    turn("2027-02-08 10:00")
    turn("2027-02-09 10:00")
    assert Counter(subjects(smtp_sink)) == {
        (midori, "革製品のお手入れの時期です（#1001）"): 1,
        (midori, "革製品のお手入れの時期です（101）"): 1,
    }

    # Midori unsubscribes as her mail program does it: one POST, no cookie, no redirect (RFC 8058).
    letter = smtp_sink.messages[-1].message
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = "".join(letter["List-Unsubscribe"].split()).strip("<>")
    assert link.startswith(f"{site}/preferences/u/")
    with urllib.request.urlopen(urllib.request.Request(link, b"List-Unsubscribe=One-Click"), timeout=10) as answer:
        assert (answer.status, answer.url) == (200, link)
    smtp_sink.reset()

    # A year on: Haruka hears from us, Midori does not, and her rows say why.
    for day in range(6, 14):
        turn(f"2027-11-{day:02d} 10:00")
    assert subjects(smtp_sink) == [(haruka, "一年がたちました（#1002）")]
    stopped = PlannedMail.objects.filter(sequence__slug="year", customer__addresses__address=midori)
    assert {(row.state, row.reason, row.decision["why"]) for row in stopped} == {
        (PlannedMail.State.SKIPPED, "suppressed", "unsubscribed")
    }

    # Nothing is under way, and no letter of the year was sent twice.
    assert not PlannedMail.objects.filter(state=PlannedMail.State.PLANNED).exists()
    sent = OutgoingMail.objects.filter(state=OutgoingMail.State.SENT)
    assert len({letter.key for letter in sent}) == sent.count()
    assert all(letter.attempts.count() == 1 for letter in sent)
