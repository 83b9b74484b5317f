"""The home page: its numbers are those of the lists behind them, each person sees their own, and it stays cheap."""

from datetime import timedelta

import pytest
from django.urls import reverse

from followups.models import PlannedMail
from inquiries.models import Inquiry
from shopdesk.desk.home import Home
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.followups.make import make_planned, make_sequence, make_step
from tests.inquiries.make import make_inquiry as make_inquiry_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def make_inquiry(db):
    """Questions of one customer."""
    customer = make.make_customer()

    def one(**fields):
        return make_inquiry_of(customer=customer, **fields)

    return one


def numbers(user, now):
    return {str(stat.label): stat.value for stat in Home(user, now).stats}


def test_an_empty_shop_shows_zeros_and_a_kind_word(owner, signed_in, now):
    assert set(numbers(owner, now).values()) == {0}
    assert "未対応の問い合わせはありません。" in signed_in(owner).get("/admin/").content.decode()


def test_each_number_is_that_of_its_list(owner, make_inquiry, now):
    make_inquiry(number="Q-1", reply_due_at=now - timedelta(hours=1))
    make_inquiry(number="Q-2", reply_due_at=now + timedelta(hours=1), assignee=owner)
    make_inquiry(number="Q-3", status="solved", solved_at=now, waiting_since=None)
    found = numbers(owner, now)
    assert found["期限超過"] == Inquiry.objects.overdue(now).count() == 1
    assert found["未対応"] == Inquiry.objects.unanswered().count() == 2
    assert found["自分の担当"] == 1
    assert found["未割当"] == 1
    assert [inquiry.number for inquiry in Home(owner, now).inquiries] == ["Q-1", "Q-2"]


def test_held_follow_ups_and_letters_to_check_are_counted(owner, now):
    order = make.make_order()
    step = make_step(make_sequence())
    make_planned(step, order, due_at=now)
    other = make_step(step.sequence, delay=2)
    PlannedMail.objects.filter(pk=make_planned(other, order).pk).update(state=PlannedMail.State.HELD)
    OutgoingMail.objects.create(
        key="x", from_name="店", from_address="a@shop.example", to_address="b@mail.example", subject="件名", text="本文",
        message_id="<x@shop.example>", due_at=now, created_at=now, state=OutgoingMail.State.UNCERTAIN,
    )  # fmt: skip
    found = numbers(owner, now)
    assert (found["本日のステップメール"], found["保留中のステップメール"], found["要確認メール"]) == (1, 1, 1)


def test_outsourced_staff_see_their_own_work_only(make_inquiry, now, signed_in):
    sora = make.make_user("sora@shop.example", name="白波 そら", role="outsourced")
    make_inquiry(number="Q-1", subject="ひとのもの")
    make_inquiry(number="Q-2", subject="じぶんのもの", assignee=sora)
    page = signed_in(sora).get("/admin/").content.decode()
    assert "じぶんのもの" in page
    assert "ひとのもの" not in page
    assert set(numbers(sora, now)) == {"期限超過", "未対応", "自分の担当"}


def test_the_number_of_queries_does_not_grow(owner, make_inquiry, signed_in, django_assert_max_num_queries, now):
    for number in range(12):
        make_inquiry(number=f"Q-{number}", subject=f"質問 {number}")
    client = signed_in(owner)
    with django_assert_max_num_queries(16):
        assert client.get("/admin/").status_code == 200


def test_the_settings_page_shows_what_one_may_change(owner, signed_in):
    assert reverse("admin:shop_store_changelist") in signed_in(owner).get(reverse("desk:settings")).content.decode()
    clerk = make.make_user("kei@shop.example", name="経理", role="finance")
    page = signed_in(clerk).get(reverse("desk:settings")).content.decode()
    assert reverse("admin:shop_store_changelist") not in page
    assert "この役割で変更できる項目はありません。" in page
