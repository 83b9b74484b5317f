"""Which rule speaks, and until when."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from returns import policies
from returns.models import Policy, Reason
from tests import make
from tests.returns.make import reason

TOKYO = ZoneInfo("Asia/Tokyo")


def judged(code, *, tags=(), category="leather", now=make.NOW, **order):
    product = make.make_product(f"P-{category}-{'-'.join(tags)}", category=category, tags=list(tags))
    made = make.make_order(
        order.pop("number", "1"), lines=[(product, 1)], customer=make.make_customer(address=""), **order
    )
    line = made.lines.select_related("product__category").get()
    return policies.judge(policies.in_force(), reason=reason(code), line=line, order=made, now=now)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "tags", "category", "slug", "shop_pays"),
    [
        ("DEFECT_INITIAL", [], "leather", "defect", True),
        ("DAMAGED_TRANSIT", [], "leather", "defect", True),
        ("WRONG_ITEM", [], "leather", "wrong_item", True),
        ("MISSING_PARTS", [], "leather", "wrong_item", True),
        ("CHANGED_MIND", [], "leather", "change_of_mind", False),
        ("IMAGE_DIFF", [], "leather", "change_of_mind", False),
        ("CHANGED_MIND", ["engraved"], "tableware", "made_to_order", False),
        ("DEFECT_INITIAL", ["engraved"], "tableware", "defect", True),
        ("CHANGED_MIND", ["sale"], "leather", "sale_item", False),
        ("WRONG_ITEM", ["sale"], "leather", "wrong_item", True),
        ("FAULT_IN_WARRANTY", [], "electronics", "electronics_warranty", True),
        ("FAULT_IN_WARRANTY", [], "leather", "defect", True),
    ],
)
def test_the_closest_rule_speaks(code, tags, category, slug, shop_pays):
    verdict = judged(code, tags=tags, category=category)
    assert [rule.slug for rule in verdict.policies] == [slug]
    assert verdict.shop_pays is shop_pays


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days_later", "in_time"), [(0, True), (7, True), (8, False)]  # the day of arrival is day 1 of 8
)  # fmt: skip
def test_the_window_counts_the_day_of_arrival(days_later, in_time):
    arrived = datetime(2026, 11, 10, 23, 30, tzinfo=TOKYO)
    now = datetime(2026, 11, 10, 0, 10, tzinfo=TOKYO) + timedelta(days=days_later)
    verdict = judged("CHANGED_MIND", delivered_at=arrived, now=now)
    assert verdict.last_day == date(2026, 11, 17)
    assert (verdict.in_time, verdict.accepted) == (in_time, in_time)


@pytest.mark.django_db
def test_without_an_arrival_it_is_three_days_after_departure():
    verdict = judged("CHANGED_MIND", status="shipped", shipped_at=datetime(2026, 11, 10, 12, tzinfo=TOKYO))
    assert verdict.last_day == date(2026, 11, 20)  # arrives on the 13th, day 1


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["DEFECT_INITIAL", "DAMAGED_TRANSIT", "WRONG_ITEM", "IMAGE_DIFF", "OTHER", "LATE"])
def test_only_a_wish_of_the_customers_own_is_ever_refused(code):
    verdict = judged(code, delivered_at=make.NOW - timedelta(days=400))
    assert verdict.in_time is False
    assert verdict.accepted is True


@pytest.mark.django_db
def test_engraved_goods_are_not_taken_back_for_a_wish_even_on_the_first_day():
    verdict = judged("CHANGED_MIND", tags=["engraved"], delivered_at=make.NOW)
    assert (verdict.never, verdict.in_time, verdict.accepted) == (True, False, False)
    assert judged("DEFECT_INITIAL", tags=["engraved"], delivered_at=make.NOW, number="2").accepted is True


@pytest.mark.django_db
def test_without_any_rule_everything_may_be_asked():
    Policy.objects.update(is_active=False)
    verdict = judged("CHANGED_MIND")
    assert (verdict.policies, verdict.last_day, verdict.accepted, verdict.shop_pays) == ((), None, True, False)


@pytest.mark.django_db
def test_every_reason_and_rule_has_both_languages():
    for row in Reason.objects.all():
        assert row.name_ja
        assert row.name_en
        assert bool(row.question_ja) == bool(row.question_en)
        assert row.question_ja or not row.answer_required
    assert Reason.objects.count() == 26
    assert Reason.objects.get(code="IMAGE_DIFF").answer_required is True
    for rule in Policy.objects.all():
        assert rule.text_ja
        assert rule.text_en
    assert Policy.objects.count() == 6
