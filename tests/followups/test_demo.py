"""The demo's follow-ups: their texts can be written, their history is not live, and loading twice adds nothing."""

from datetime import timedelta

import pytest
import yaml

from followups import demo, sending, writing
from followups.models import PlannedMail, RestockRequest, Sequence, Step
from shopdesk.mail import composing
from shopdesk.mail.models import OutgoingMail
from tests.make import NOW, make_customer, make_order, make_product

CONTENT = yaml.safe_load(demo._FILE.read_text(encoding="utf-8"))
STEPS = [(row, step) for row in CONTENT["sequences"] for step in row["steps"]]
State = PlannedMail.State


def test_the_eight_mails_are_there():
    names = [row["slug"] for row in CONTENT["sequences"]]
    assert names == [
        "thank_you", "arrival", "leather_care_3m", "electronics_check_6m", "review_request", "coupon", "restock",
    ]  # fmt: skip
    assert [row["slug"].partition("_")[0] for row in CONTENT["campaigns"]] == ["newsletter"] * 3


@pytest.mark.parametrize(("sequence", "step"), STEPS, ids=[row["slug"] for row, _ in STEPS])
@pytest.mark.parametrize("part", ["subject_ja", "body_ja", "subject_en", "body_en"])
def test_every_text_names_only_what_exists(sequence, step, part):
    known = writing.known_names(trigger=sequence["trigger"], coupon=bool(step.get("coupon_days")))
    composing.check_shop_text(step[part], known)


def load():
    customer = make_customer()
    kettle = make_product("EK-01", name="電気ケトル", category="electronics", warranty_months=12)
    bag = make_product(care_tip="乾拭きしてください。", warranty_months=12)
    for number, days in enumerate((400, 200, 95, 40, 12, 3, 0)):
        make_order(str(number), customer=customer, lines=[(kettle, 1), (bag, 1)], ordered_at=NOW - timedelta(days=days))
    make_order("en", customer=make_customer("Ann", "ann@mail.example", language="en"), lines=[(kettle, 1), (bag, 2)])
    demo.load(NOW)


@pytest.mark.django_db
def test_history_is_written_and_nothing_of_the_past_leaves():
    load()
    assert OutgoingMail.objects.exists()
    assert set(OutgoingMail.objects.values_list("state", flat=True)) == {OutgoingMail.State.SENT}
    assert not PlannedMail.objects.filter(state=State.PLANNED, due_at__lte=NOW).exists()
    assert PlannedMail.objects.filter(state=State.PLANNED, due_at__gt=NOW).exists()
    before = OutgoingMail.objects.count()
    sending.sweep(NOW)
    assert OutgoingMail.objects.count() == before


@pytest.mark.django_db
def test_loading_twice_adds_nothing():
    load()
    counts = [model.objects.count() for model in (Sequence, Step, PlannedMail, OutgoingMail, RestockRequest)]
    demo.load(NOW)
    assert counts == [model.objects.count() for model in (Sequence, Step, PlannedMail, OutgoingMail, RestockRequest)]


@pytest.mark.django_db
def test_every_letter_of_the_coming_years_can_be_written():
    load()
    for days in range(0, 1300, 1):
        if PlannedMail.objects.due(NOW + timedelta(days=days)).exists():
            sending.sweep(NOW + timedelta(days=days))
    assert not PlannedMail.objects.filter(state=State.FAILED).exists()
    english = OutgoingMail.objects.filter(to_address="ann@mail.example")
    assert english.exists()
    assert not any("様" in letter.text or "{{" in letter.text for letter in english)
    # Six checks of the appliance for each order, or the row says why not.
    checks = PlannedMail.objects.filter(sequence__slug="electronics_check_6m", order__number="en")
    assert [check.occurrence for check in checks.order_by("occurrence")] == [1, 2, 3, 4, 5, 6]
