"""One business calendar: promises, the automatic answer, the form and follow-ups read it, and nothing else knows days."""

import re
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from followups import planning, sending
from followups.models import PlannedMail
from inquiries import merging, opening, triage
from inquiries.models import Category, Inquiry
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.models import BusinessHours, Closure
from tests import make
from tests.followups.make import make_planned, make_sequence, make_step
from tests.inquiries.make import make_inquiry

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parent.parent.parent
TOKYO = ZoneInfo("Asia/Tokyo")


def at(month, day, hour, minute=0):
    return datetime(2026 if month == 12 else 2027, month, day, hour, minute, tzinfo=TOKYO)


@pytest.fixture
def hours():
    for weekday in range(5):
        BusinessHours.objects.create(weekday=weekday, opens=time(10), closes=time(17))


def all_outputs(client, monkeypatch, number):
    """Everything that tells a time: a question on 12/29 at 16:00, a look at the form on 12/30, a follow-up on 12/31."""
    address = f"c{number}@mail.example"
    inquiry = opening.open_inquiry(
        store=make.make_store(), name="山田 花子", email=address, category=Category.objects.get(slug="delay"),
        body=f"まだ届きません。{number}", now=at(12, 29, 16),
    )  # fmt: skip
    letter = OutgoingMail.objects.get(key=f"inquiries.ack:{inquiry.pk}")
    monkeypatch.setattr("shopdesk.clock.now", lambda: at(12, 30, 12))
    banner = re.search(r"ただいま営業時間外です。(.+?) より", client.get(reverse("inquiries:contact")).content.decode())
    step = make_step(make_sequence(f"care{number}"), delay=3, local_time=time(10), business_days=True)
    return {
        "promise": inquiry.escalation_at,
        "letter": re.search(r"\d+月\d+日\(.\) \d+:\d+", letter.text).group(0),
        "banner": banner and banner.group(1),
        "followup": planning.due_of(step, at(12, 28, 9)),
    }


def test_one_closure_changes_every_output(hours, client, monkeypatch):
    assert all_outputs(client, monkeypatch, 1) == {
        "promise": at(12, 30, 11), "letter": "12月30日(水) 11:00", "banner": None, "followup": at(12, 31, 10),
    }  # fmt: skip
    Closure.objects.create(first_day="2026-12-30", last_day="2027-01-03", name="年末年始休業")
    assert all_outputs(client, monkeypatch, 2) == {
        "promise": at(1, 4, 11), "letter": "1月4日(月) 11:00", "banner": "1月4日(月) 10:00", "followup": at(1, 4, 10),
    }  # fmt: skip


def test_a_follow_up_that_was_planned_before_waits_too(hours):
    order = make.make_order(ordered_at=at(12, 20, 9))
    step = make_step(make_sequence(), business_days=True)
    planned = make_planned(step, order, due_at=at(12, 31, 10))
    Closure.objects.create(first_day="2026-12-30", last_day="2027-01-03", name="年末年始休業")
    sending.sweep(at(12, 31, 10, 1))
    planned.refresh_from_db()
    assert (planned.state, planned.due_at) == (PlannedMail.State.PLANNED, at(1, 4, 10))
    assert not OutgoingMail.objects.exists()
    sending.sweep(at(1, 4, 10, 1))
    planned.refresh_from_db()
    assert planned.state == PlannedMail.State.QUEUED


def test_a_follow_up_for_every_day_leaves_on_a_closing_day(hours):
    Closure.objects.create(first_day="2026-12-30", last_day="2027-01-03", name="年末年始休業")
    order = make.make_order(ordered_at=at(12, 20, 9))
    planned = make_planned(make_step(make_sequence()), order, due_at=at(12, 31, 10))
    sending.sweep(at(12, 31, 10, 1))
    planned.refresh_from_db()
    assert planned.state == PlannedMail.State.QUEUED


def test_there_is_no_second_source_of_holidays():
    """Only the shop's calendar asks the library, and nobody else counts with opening hours or closing days."""
    own = [path for path in ROOT.rglob("*.py") if not {".venv", "tests", "migrations", "var"} & set(path.parts)]
    assert len(own) > 100
    library = re.compile(r"^\s*(?:import|from) (?:jpholiday|holidays|workalendar)", re.MULTILINE)
    asking = [path.relative_to(ROOT).as_posix() for path in own if library.search(path.read_text())]
    assert asking == ["shopdesk/shop/calendar.py"]
    tables = re.compile(r"\b(?:BusinessHours|Closure)\.objects\b")
    reading = sorted(path.relative_to(ROOT).as_posix() for path in own if tables.search(path.read_text()))
    assert {path.rpartition("/")[0] for path in reading} == {"shopdesk/shop"}, reading


# --- follow-ups and what is open --------------------------------------------------------------------------------------


def due_letter():
    order = make.make_order()
    return make_planned(make_step(make_sequence()), order)


def complain(customer, **fields):
    return make_inquiry("Q-1", customer=customer, category="defect", **fields)


def state_of(planned):
    planned.refresh_from_db()
    return planned.state.label if hasattr(planned.state, "label") else PlannedMail.State(
        planned.state
    ).name, planned.reason


@pytest.mark.parametrize(
    ("status", "held"),
    [("open", True), ("pending", True), ("hold", True), ("solved", False), ("spam", False), ("merged", False)],
)
def test_what_holds_a_step_mail(status, held, now):
    """An open complaint holds; spam is none, and a merged one goes on in another, which holds or not by itself."""
    planned = due_letter()
    into = make_inquiry("Q-2", customer=planned.customer, status="solved") if status == "merged" else None
    complain(
        planned.customer, status=status, snoozed_until=now + timedelta(days=1) if status == "hold" else None,
        merged_into=into,
    )  # fmt: skip
    assert Category.objects.get(slug="defect").is_complaint
    sending.sweep(now)
    assert state_of(planned) == (("HELD", "open_complaint") if held else ("QUEUED", ""))


def test_merged_into_a_complaint_it_is_held_by_that(now):
    planned = due_letter()
    complaint = complain(planned.customer)
    make_inquiry("Q-2", customer=planned.customer, status="merged", merged_into=complaint)
    sending.sweep(now)
    assert state_of(planned) == ("HELD", "open_complaint")


def test_a_complaint_that_goes_on_in_another_inquiry_holds(now, agent):
    """Merged into a plain question of the same customer; that one merged on; held until the last one is solved."""
    planned = due_letter()
    question, last = (make_inquiry(number, customer=planned.customer) for number in ("Q-2", "Q-3"))
    complaint = complain(planned.customer)
    merging.merge(complaint, into=question, by=agent, now=now)
    sending.sweep(now)
    assert state_of(planned) == ("HELD", "open_complaint")
    merging.merge(question, into=last, by=agent, now=now)
    sending.sweep(now)
    assert state_of(planned) == ("HELD", "open_complaint")
    triage.set_status(Inquiry.objects.get(pk=last.pk), status="solved", by=agent, now=now)
    sending.sweep(now)
    assert state_of(planned)[0] == "QUEUED"


def test_open_at_ten_held_at_five_past_and_not_in_a_burst_afterwards(now, agent):
    order = make.make_order()
    sequence = make_sequence()
    letters = [
        make_planned(make_step(sequence, delay=delay), order, due_at=now + timedelta(minutes=5)) for delay in (1, 2, 3)
    ]
    complaint = complain(order.customer)
    sending.sweep(now + timedelta(minutes=5))
    assert {state_of(letter) for letter in letters} == {("HELD", "open_complaint")}
    later = now + timedelta(hours=2)
    triage.set_status(complaint, status="solved", by=agent, now=later)
    sending.sweep(later)
    assert [state_of(letter)[0] for letter in letters] == ["QUEUED", "PLANNED", "PLANNED"]
    assert [letter.due_at - later for letter in letters[1:]] == [timedelta(days=1), timedelta(days=2)]
    assert OutgoingMail.objects.count() == 1
    assert Inquiry.objects.get(pk=complaint.pk).status == "solved"
