"""Whatever is wrong with one row, a sweep does the others, and the next ring is not stopped by it either."""

from datetime import timedelta

import pytest

from inquiries import indexing, pulling, searching, sla, snoozing, triage
from inquiries.models import Inquiry, InquiryEvent, Pull, SearchEntry
from tests import make
from tests.inquiries.make import make_inquiry

MINUTE = timedelta(minutes=1)


@pytest.fixture
def three(db, store, now):
    customer = make.make_customer()
    return [make_inquiry(f"Q-{n}", customer=customer, subject=f"件名{n}") for n in range(3)]


@pytest.fixture
def broken(monkeypatch, three):
    """Make a function of a module fail for the first inquiry."""

    def fail(module, name, which=lambda row: row.pk):
        work = getattr(module, name)

        def sometimes(row, *args, **kwargs):
            if which(row) == three[0].pk:
                raise ValueError("a row that nobody expected")
            return work(row, *args, **kwargs)

        monkeypatch.setattr(module, name, sometimes)

    return fail


def test_waking(three, broken, now):
    Inquiry.objects.update(status="hold", waiting_since=None, snoozed_until=now)
    broken(snoozing, "wake")
    assert snoozing.sweep(now) == 2
    assert list(Inquiry.objects.filter(status="hold")) == [three[0]]
    assert snoozing.sweep(now) == 0


def test_telling_of_promises(three, broken, now):
    for place, row in enumerate(three):
        Inquiry.objects.filter(pk=row.pk).update(sla_tell_at=now - MINUTE * (9 - place), escalation_at=now - MINUTE)
    broken(sla, "_tell")
    assert sla.sweep(now) == 2
    told = InquiryEvent.objects.filter(code="overdue").values_list("inquiry", flat=True)
    assert sorted(told) == sorted(row.pk for row in three[1:])


def test_ending_claims(three, broken, now):
    people = [make.make_user(f"soto{n}@shop.example", role="outsourced") for n in range(3)]
    for place, (row, person) in enumerate(zip(three, people, strict=True)):
        Inquiry.objects.filter(pk=row.pk).update(assignee=person)
        Pull.objects.create(inquiry=row, user=person, at=now, expires_at=now + MINUTE * place)
    broken(pulling, "_give_back", which=lambda pull: pull.inquiry_id)
    assert pulling.sweep(now + timedelta(hours=1)) == 2
    assert Pull.objects.get(ended_at=None).inquiry == three[0]
    assert Inquiry.objects.filter(assignee=None).count() == 2


def test_reading_for_the_search(three, broken, monkeypatch, now):
    work = indexing.fields

    def sometimes(row):
        if row.pk == three[0].pk:
            raise ValueError("a row that nobody expected")
        return work(row)

    monkeypatch.setattr(indexing, "fields", sometimes)
    assert indexing.sweep(now) == 3
    assert sorted(SearchEntry.objects.values_list("pk", flat=True)) == [row.pk for row in three[1:]]
    assert indexing.sweep(now) == 0  # not again and again
    monkeypatch.setattr(indexing, "fields", work)
    Inquiry.objects.filter(pk=three[0].pk).update(version=2)  # something was said there
    assert indexing.sweep(now) == 1
    assert SearchEntry.objects.count() == 3


def test_the_name_of_a_product_that_is_set_is_found(three, agent, now):
    product = make.make_product("MUG-1", name="青磁のマグカップ")
    indexing.sweep(now)
    triage.set_product(three[1], product=product, by=agent, now=now)
    assert indexing.sweep(now) == 1
    assert [hit.inquiry for hit in searching.search("青磁", user=agent).hits] == [three[1]]
