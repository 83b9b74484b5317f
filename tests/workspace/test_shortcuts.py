"""What a shortcut puts into a reply: the templates that have one, filled in, as their reader may see them."""

import pytest

from inquiries.models import Template
from tests import make
from tests.inquiries.make import make_inquiry


@pytest.fixture
def inquiry(db):
    order = make.make_order()
    return make_inquiry(customer=order.customer, order=order)


def shortcuts(client, inquiry):
    answer = client.get(f"/admin/inquiries/{inquiry.pk}/shortcuts/")
    assert answer.status_code == 200
    return answer.text


def test_the_text_is_filled_in_as_the_picker_does(inquiry, agent, signed_in):
    template = Template.objects.create(
        name="発送", shortcut="hassou", body_ja="{{ order.number }} を\n【お届け予定日】に"
    )
    Template.objects.create(name="結び", body_ja="よろしくお願いいたします。")
    client = signed_in(agent)
    text = shortcuts(client, inquiry)
    assert text.count("<button") == 1
    assert f'id="/hassou" data-insert="1001 を\n【お届け予定日】に" data-template="{template.pk}"' in text
    picker = client.get(f"/admin/inquiries/{inquiry.pk}/templates/", headers={"HX-Request": "true"}).text
    assert f'data-insert="1001 を\n【お届け予定日】に" data-template="{template.pk}"' in picker


def test_not_what_is_others_or_of_another_store_or_put_away(inquiry, agent, signed_in):
    mall = make.make_store("rakuten", is_default=False)
    Template.objects.create(name="他店", shortcut="mall", body_ja="楽天市場店です。", store=mall)
    Template.objects.create(name="健の", shortcut="ken", body_ja="健です。", owner=make.make_user())
    Template.objects.create(name="旧", shortcut="old", body_ja="古い文です。", is_active=False)
    assert "<button" not in shortcuts(signed_in(agent), inquiry)


def test_of_two_with_the_same_shortcut_the_first_counts_in_any_width(inquiry, agent, signed_in):
    Template.objects.create(name="一", shortcut="ｔｈａｎｋｓ", body_ja="一つめ", position=1)
    Template.objects.create(name="二", shortcut="thanks", body_ja="二つめ", position=2)
    text = shortcuts(signed_in(agent), inquiry)
    assert 'id="/thanks" data-insert="一つめ"' in text
    assert "二つめ" not in text


def test_a_name_that_looks_like_markup_stays_a_name(inquiry, agent, signed_in):
    Template.objects.create(name="x", shortcut='"><b>', body_ja='<i>"&')
    text = shortcuts(signed_in(agent), inquiry)
    assert "<b>" not in text
    assert "<i>" not in text


def test_outsourced_staff_get_no_address_by_it(inquiry, outsourced, signed_in):
    inquiry.assignee = outsourced
    inquiry.save()
    Template.objects.create(name="宛先", shortcut="mail", body_ja="{{ customer.email }} 宛にお送りします。")
    assert inquiry.email not in shortcuts(signed_in(outsourced), inquiry)


def test_many_cost_what_one_costs(inquiry, agent, signed_in, django_assert_max_num_queries):
    for n in range(30):
        Template.objects.create(name=f"文{n}", shortcut=f"t{n}", body_ja="{{ order.number }}", position=n)
    client = signed_in(agent)
    with django_assert_max_num_queries(12):
        assert shortcuts(client, inquiry).count("<button") == 30
