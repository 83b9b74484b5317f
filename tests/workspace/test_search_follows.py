"""What the shop changes about customers and products is found by its new name, though nothing was said anew."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse

from inquiries import indexing, searching
from inquiries.models import Inquiry, SearchEntry
from shopdesk.shop import changes, customers
from shopdesk.shop.models import Customer, Product
from tests import make
from tests.inquiries.make import make_inquiry


def found(query, user):
    indexing.sweep(None)
    return [hit.inquiry.number for hit in searching.search(query, user=user).hits]


def known(customer, store, now, **more):
    return customers.find_or_create(name=customer.name, address="hanako@mail.example", store=store, now=now, **more)


@pytest.fixture
def inquiry(db, store):
    return make_inquiry(customer=make.make_customer(), product=Product.objects.create(sku="BAG-1", name="革の鞄"))


def test_a_customer_is_found_by_what_an_order_told_later(inquiry, agent, store, now):
    assert found("ヤマダハナコ", agent) == []
    known(inquiry.customer, store, now, name_kana="ヤマダ ハナコ", phone="09012345678")
    assert found("ヤマダハナコ", agent) == ["Q-TEST01"]
    assert found("090-1234-5678", agent) == ["Q-TEST01"]
    assert Customer.objects.get().untold == 0


def test_a_product_is_found_by_its_new_name(inquiry, owner, agent, signed_in):
    assert found("革の鞄", agent) == ["Q-TEST01"]
    product = inquiry.product
    address = reverse("admin:shop_product_change", args=[product.pk])
    fields = {"sku": "BAG-1", "name": "帆布のトート", "price": "0", "warranty_months": "0", "is_active": "on"}
    assert signed_in(owner).post(address, fields).status_code == 302
    assert found("帆布のトート", agent) == ["Q-TEST01"]
    assert found("革の鞄", agent) == []
    assert signed_in(owner).post(address, fields | {"price": "9000"}).status_code == 302
    assert Product.objects.get().untold == 0


def test_nothing_is_read_again_for_what_the_search_does_not_hold(inquiry, store, now, django_assert_max_num_queries):
    known(inquiry.customer, store, now, name_kana="ヤマダ ハナコ")
    indexing.sweep(now)
    before = Inquiry.objects.values_list("indexed_version", flat=True).get()
    known(inquiry.customer, store, now, name_kana="ベツ", prefecture="東京都")  # nothing is overwritten
    assert Customer.objects.get().untold == 0
    with django_assert_max_num_queries(5):
        assert indexing.sweep(now) == 0
    assert Inquiry.objects.values_list("indexed_version", flat=True).get() == before


def test_only_their_own_inquiries_are_read_again(inquiry, store, now):
    other = make_inquiry("Q-OTHER1", customer=make.make_customer("鈴木 次郎", "jiro@mail.example"))
    indexing.sweep(now)
    SearchEntry.objects.update(grams=[])
    known(inquiry.customer, store, now, phone="09012345678")
    assert indexing.sweep(now) == 1
    assert SearchEntry.objects.get(pk=inquiry.pk).grams
    assert SearchEntry.objects.get(pk=other.pk).grams == []


def test_many_are_followed_in_portions(inquiry, store, now, monkeypatch):
    monkeypatch.setattr(indexing, "_FORGOTTEN", 2)
    monkeypatch.setattr(indexing, "_FOLLOWED", 2)
    for number in range(5):
        customer = make.make_customer(f"客 {number}", f"k{number}@mail.example")
        make_inquiry(f"Q-MANY{number}A", customer=customer)
        make_inquiry(f"Q-MANY{number}B", customer=customer)
    indexing.sweep(now)
    changes.note(Customer.objects.all())
    assert indexing.sweep(now) == 11
    assert not Customer.objects.filter(untold__gt=0).exists()


def test_a_change_while_the_last_one_is_followed_is_not_lost(inquiry, monkeypatch, now):
    indexing.sweep(now)
    changes.note(Customer.objects.all())
    forget = indexing.forget

    def meanwhile(pks):
        forget(pks)
        monkeypatch.setattr(indexing, "forget", forget)
        changes.note(Customer.objects.all())

    monkeypatch.setattr(indexing, "forget", meanwhile)
    indexing.sweep(now)
    assert Customer.objects.get().untold == 2
    indexing.sweep(now)
    assert Customer.objects.get().untold == 0


@pytest.mark.django_db(transaction=True)
def test_an_inquiry_that_somebody_holds_is_followed_when_it_is_free(store, agent, now):
    inquiry = make_inquiry(customer=make.make_customer())
    indexing.sweep(now)
    Customer.objects.update(name_kana="ヤマダ ハナコ", untold=1)
    held, free = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Inquiry.objects.select_for_update().get(pk=inquiry.pk)
            held.set()
            free.wait(10)
        connection.close()

    def sweep():
        indexing.sweep(now + timedelta(minutes=1))
        connection.close()

    holder, sweeper = threading.Thread(target=hold), threading.Thread(target=sweep)
    holder.start()
    assert held.wait(10)
    sweeper.start()
    sweeper.join(0.5)
    assert sweeper.is_alive()
    assert Customer.objects.get().untold == 1
    free.set()
    sweeper.join(10)
    holder.join(10)
    assert Customer.objects.get().untold == 0
    assert found("ヤマダハナコ", agent) == ["Q-TEST01"]
