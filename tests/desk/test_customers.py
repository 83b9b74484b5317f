"""Two rows that are one person, and the remarks beside a conversation."""

import threading

import pytest
from django.db import IntegrityError, connection
from django.urls import reverse

from inquiries.models import Inquiry
from shopdesk.accounts.models import AuditEntry
from shopdesk.desk import merging_customers, panels
from shopdesk.desk.models import CustomerMerge
from shopdesk.shop import customers
from shopdesk.shop.models import Customer, CustomerAddress, Order
from tests.inquiries.make import make_inquiry
from tests.make import make_customer, make_order, make_store, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(now):
    """Hanako, once by each of her addresses; each row has an order and a question."""
    one = make_customer(phone="09012345678")
    other = make_customer(address="hanako2@mail.example", phone="09012345678")
    return (one, make_order("1001", customer=one), make_inquiry("Q-1", customer=one)), (
        other,
        make_order("1002", customer=other),
        make_inquiry("Q-2", customer=other),
    )


def test_everything_goes_to_the_kept_one_and_comes_back(two, agent, now):
    (one, _, _), (other, order, inquiry) = two
    assert merging_customers.doubles(one) == [other]
    done = merging_customers.merge(other, into=one, by=agent, now=now)
    assert set(one.orders.values_list("number", flat=True)) == {"1001", "1002"}
    assert set(one.inquiries.values_list("number", flat=True)) == {"Q-1", "Q-2"}
    assert one.addresses.count() == 2
    assert merging_customers.doubles(one) == []
    new = make_order("1003", customer=one)
    assert merging_customers.unmerge(done, by=agent, now=now) is True
    assert merging_customers.unmerge(done, by=agent, now=now) is False
    assert list(Order.objects.filter(customer=other)) == [order]
    assert list(Inquiry.objects.filter(customer=other)) == [inquiry]
    assert CustomerAddress.objects.get(customer=other).address == "hanako2@mail.example"
    assert new.customer == one  # what came since stays
    assert list(AuditEntry.objects.order_by("pk").values_list("code", flat=True)) == [
        "customer.merged",
        "customer.unmerged",
    ]


def test_neither_twice_nor_into_oneself_nor_into_one_that_is_gone(two, agent, now):
    (one, _, _), (other, _, _) = two
    with pytest.raises(merging_customers.CannotMerge, match="same"):
        merging_customers.merge(one, into=one, by=agent, now=now)
    merging_customers.merge(other, into=one, by=agent, now=now)
    for gone, kept in ((other, one), (one, other)):
        with pytest.raises(merging_customers.CannotMerge, match="gone_already"):
            merging_customers.merge(gone, into=kept, by=agent, now=now)
    with pytest.raises(IntegrityError):
        CustomerMerge.objects.create(gone=other, kept=one, by=agent, at=now)


@pytest.mark.django_db(transaction=True)
def test_two_merges_crosswise_at_once_make_one(two, agent, now):
    (one, _, _), (other, _, _) = two
    outcomes, start = [], threading.Barrier(2)

    def go(gone, kept):
        try:
            start.wait(5)
            merging_customers.merge(gone, into=kept, by=agent, now=now)
            outcomes.append("done")
        except merging_customers.CannotMerge as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=pair) for pair in ((one, other), (other, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(outcomes) == ["done", "gone_already"]
    assert Customer.objects.exclude(merged_into=None).count() == 1


def test_the_page_compares_and_merges_once(two, client, agent):
    (one, _, _), (other, _, _) = two
    client.force_login(agent)
    address = reverse("desk:customer-merge", args=[other.pk, one.pk])
    assert "hanako2@mail.example" in client.get(address).text
    assert client.post(address).status_code == 302
    assert client.post(address).status_code == 422
    assert CustomerMerge.objects.count() == 1
    page = client.get(reverse("desk-shop:customer", args=[one.pk])).text
    assert reverse("desk:customer-unmerge", args=[CustomerMerge.objects.get().pk]) in page
    assert (
        reverse("desk-shop:customer", args=[one.pk]) in client.get(reverse("desk-shop:customer", args=[other.pk])).text
    )


def test_outsourced_staff_neither_merge_nor_read_remarks(two, client):
    (one, _, inquiry), (other, _, _) = two
    outsider = make_user("soto@shop.example", role="outsourced")
    Inquiry.objects.filter(pk=inquiry.pk).update(assignee=outsider)
    Customer.objects.filter(pk=one.pk).update(note="電話は夜だけ 09012345678")
    client.force_login(outsider)
    assert client.post(reverse("desk:customer-merge", args=[other.pk, one.pk])).status_code == 403
    assert client.post(reverse("desk:customer-note", args=[one.pk]), {"note": "x"}).status_code == 403
    beside = client.get(reverse("desk-inquiries:panels", args=[inquiry.pk])).text
    assert "夜だけ" not in beside
    assert "09012345678" not in beside
    assert "hanako" not in beside


def test_remarks_are_saved_and_lead_back(two, client, agent):
    (one, _, inquiry), _ = two
    client.force_login(agent)
    back = reverse("desk-inquiries:detail", args=[inquiry.pk])
    answer = client.post(reverse("desk:customer-note", args=[one.pk]), {"note": " 丁寧な方 ", "next": back})
    assert (answer.status_code, answer["Location"]) == (302, back)
    one.refresh_from_db()
    assert one.note == "丁寧な方"
    elsewhere = client.post(
        reverse("desk:customer-note", args=[one.pk]), {"note": "a", "next": "https://evil.example/"}
    )
    assert elsewhere["Location"] == reverse("desk-shop:customer", args=[one.pk])


def test_the_moods_of_earlier_contacts_stand_beside(two, agent, now):
    (one, _, inquiry), _ = two
    make_inquiry("Q-3", customer=one, mood="upset")
    assert panels.for_inquiry(inquiry, agent).moods == [str(Inquiry.Mood.UPSET.label)]


def test_a_caller_known_by_phone_is_never_the_row_that_is_gone(agent, now):
    gone = make_customer(phone="09012345678", name_kana="ヤマダ ハナコ")
    kept = make_customer(address="hanako2@mail.example", phone="09012345678", name_kana="ヤマダ ハナコ")
    merging_customers.merge(gone, into=kept, by=agent, now=now)
    found = customers.find_or_create(
        name="山田 花子", address="", phone="09012345678", name_kana="ヤマダ ハナコ", store=make_store(), now=now
    )
    assert found == kept


def test_one_in_the_middle_of_a_chain_gets_its_own_back(two, agent, now):
    (one, order, inquiry), (other, _, _) = two
    third = make_customer(address="hanako3@mail.example")
    first_merge = merging_customers.merge(one, into=other, by=agent, now=now)
    second_merge = merging_customers.merge(other, into=third, by=agent, now=now)
    assert merging_customers.unmerge(first_merge, by=agent, now=now) is True
    assert list(Order.objects.filter(customer=one)) == [order]
    assert list(Inquiry.objects.filter(customer=one)) == [inquiry]
    assert Order.objects.filter(customer=third).count() == 1
    assert merging_customers.unmerge(second_merge, by=agent, now=now) is True
    assert Order.objects.filter(customer=other).count() == 1
    assert list(Order.objects.filter(customer=one)) == [order]
