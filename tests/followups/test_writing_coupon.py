"""A coupon code that the shop's platform knows is the one that is written."""

import pytest

from followups import writing
from followups.models import CouponIssue
from tests import make
from tests.followups.make import make_planned, make_sequence, make_step

pytestmark = pytest.mark.django_db


def test_the_shops_own_code_is_written_and_none_is_made_up(now):
    step = make_step(make_sequence(), coupon_days=30, coupon_code="THANKS500", body_ja="コード：{{ coupon.code }}")
    planned = make_planned(step, make.make_order())
    words = writing.compose(planned, planned.customer, now=now)
    assert "コード：THANKS500" in words.text
    assert not CouponIssue.objects.exists()
