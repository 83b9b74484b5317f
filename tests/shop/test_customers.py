from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from shopdesk.shop import customers, orders
from shopdesk.shop.models import Customer, CustomerAddress
from tests.make import NOW, make_customer, make_order, make_store


def find(store=None, **facts):
    facts = {"name": "山田 花子", "address": "", "now": NOW, **facts}
    return customers.find_or_create(store=store or make_store(), **facts)


@pytest.mark.django_db
def test_an_address_names_one_person_however_it_is_typed():
    hanako = find(address="hanako@mail.example")
    assert find(address="Ｈanako@Mail.example ", name="ヤマダ") == hanako
    assert hanako.addresses.get().address == "hanako@mail.example"


@pytest.mark.django_db
def test_a_carrier_address_with_dots_is_an_address():
    assert find(address="da.me..@docomo.ne.jp").email == "da.me..@docomo.ne.jp"


@pytest.mark.django_db
def test_a_relay_never_makes_two_people_one():
    first = find(address="x1@fw.rakuten.ne.jp", name="山田 花子")
    second = find(address="x1@fw.rakuten.ne.jp", name="鈴木 一郎")
    assert first != second
    assert CustomerAddress.objects.filter(address="x1@fw.rakuten.ne.jp", masked=True).count() == 2


@pytest.mark.django_db
def test_the_platform_knows_a_person_under_a_new_address():
    hanako = find(address="old@mail.example", platform_id="12")
    assert find(address="new@mail.example", platform_id="12") == hanako
    assert hanako.email == "new@mail.example"
    other_store = make_store("mall")
    assert find(other_store, address="third@mail.example", platform_id="12") != hanako


@pytest.mark.django_db
def test_phone_and_kana_name_a_person_who_has_only_a_relay():
    hanako = find(address="x1@fw.rakuten.ne.jp", phone="090-1234-5678", name_kana="ヤマダ ハナコ")
    assert find(address="x2@fw.rakuten.ne.jp", phone="+81 90 1234 5678", name_kana="やまだはなこ") == hanako
    assert find(phone="09012345678", name_kana="ヤマダ タロウ") != hanako
    assert find(phone="0000000000", name_kana="ヤマダ ハナコ") != find(phone="0000000000", name_kana="ヤマダ ハナコ")


@pytest.mark.django_db
def test_nobody_becomes_another_by_typing_their_phone():
    hanako = find(address="hanako@mail.example", phone="09012345678", name_kana="ヤマダ ハナコ")
    thief = find(address="thief@mail.example", phone="09012345678", name_kana="ヤマダ ハナコ")
    assert thief != hanako
    assert hanako.addresses.count() == 1


@pytest.mark.django_db
def test_empty_fields_are_filled_and_known_ones_stay():
    hanako = make_customer(phone="")
    find(address="hanako@mail.example", phone="09012345678", name="別の名前", prefecture="東京都")
    hanako.refresh_from_db()
    assert (hanako.name, hanako.phone, hanako.prefecture) == ("山田 花子", "09012345678", "東京都")


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_customer():
    store, barrier = make_store(), Barrier(6)

    def come(_):
        barrier.wait()
        try:
            return find(store, address="new@mail.example", platform_id="77").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(come, range(6)))
    assert len(found) == 1
    assert Customer.objects.count() == 1


@pytest.mark.django_db
def test_an_order_belongs_to_its_addresses_only():
    order = make_order(customer=make_customer(), email="gift@mail.example")
    assert orders.belongs_to(order, "GIFT@mail.example")
    assert orders.belongs_to(order, "hanako@mail.example")
    assert not orders.belongs_to(order, "other@mail.example")
    assert not orders.belongs_to(order, "")


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["#1001", "1001", " ＃１００１ ", "# 1001"])
def test_a_number_is_found_however_it_is_typed(typed):
    order = make_order("#1001")
    assert orders.find(typed) == [order]
    assert orders.find("100") == []
    assert orders.find("#") == []
    assert orders.find("1" * 500) == []


@pytest.mark.django_db
def test_stores_may_number_alike():
    hanako = make_customer()
    here, there = make_store(), make_store("mall")
    first = make_order("1001", customer=hanako, store=here)
    second = make_order("#1001", customer=hanako, store=there)
    assert {order.pk for order in orders.find("1001")} == {first.pk, second.pk}
    assert orders.find("1001", store=there) == [second]
