"""Numbers that are none, in addresses, in queries and in quantities."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from returns.models import ReturnCase
from tests.access.rows import address_of, admin_addresses, one_of_everything
from tests.make import NOW
from tests.returns.make import bags

HUGE = str(10**30)
ODD = ["-1", "1.5", "abc", "NaN", "1e3", "", "１", "10000000000", HUGE, "\x00", "' OR 1=1 --", "2147483648"]


@pytest.fixture
def client_of(owner):
    client = Client(raise_request_exception=False)
    client.force_login(owner)
    return client


@pytest.mark.parametrize("number", ["0", HUGE, "9223372036854775808", "2147483648"])
def test_rows_that_cannot_be(number, owner, client_of):
    arguments, wrong = one_of_everything(owner), []
    for name in admin_addresses():
        if arguments[name] and name != "admin:app_list":
            address = address_of(name, [int(number)] * len(arguments[name]))
            for method in (client_of.get, client_of.post):
                with transaction.atomic():
                    status = method(address).status_code
                    transaction.set_rollback(True)
                # Plain tables answer with a sentence on the front page, or that this is not done there at all. What
                # was thrown away before is thrown away.
                plain = name.startswith("admin") and status in {302, 403}
                if status not in {404, 405} and not plain and name != "desk-shop:import-discard":
                    wrong.append((address, method.__name__, status))
    for address in (f"/faq/{number}/", f"/faq/{number}/vote/"):
        if client_of.post(address).status_code not in {404, 405}:
            wrong.append(address)
    assert wrong == []


@pytest.mark.parametrize("number", ["-1", "abc", "1.5", "１", "%00", "1%0d%0a"])
def test_addresses_that_are_none(number, client_of):
    for start in (
        "/admin/inquiries/",
        "/admin/returns/",
        "/admin/followups/",
        "/admin/mail/",
        "/admin/shop/orders/",
        "/faq/",
    ):
        status = client_of.get(f"{start}{number}/").status_code
        # 「１」 is a digit to Python: it leads to row 1, which does not exist either.
        assert status == 404, start


@pytest.mark.parametrize("value", ODD)
def test_queries(value, owner, client_of):
    one_of_everything(owner)
    lists = {
        "desk-inquiries:list": ["tab", "q", "category", "assignee", "page"],
        "desk-returns:list": ["tab", "q", "page"],
        "desk-followups:list": ["tab", "sequence", "page"],
        "desk-faq:list": ["q", "status", "category", "language", "page"],
        "desk-mail:list": ["show", "q", "mail_class", "before"],
        "desk-mail:stopped": ["q", "before", "address"],
        "desk-shop:orders": ["q", "status", "store", "page"],
        "desk-shop:customers": ["q", "page"],
        "desk-shop:imports": ["page"],
        "desk-faq:new": ["words", "language"],
        "faq:home": ["page"],
        "faq:search": ["q", "page"],
        "faq:suggest": ["q"],
        "inquiries:contact": ["category", "order"],
        "account_login": ["next"],
        "admin:accounts_user_changelist": ["q", "p", "role__id__exact", "e", "o", "all"],
        "admin:shop_closure_changelist": ["first_day__year", "p", "active__exact"],
        "admin:accounts_auditentry_changelist": ["at__year", "at__month", "code"],
    }
    wrong = []
    for name, parameters in lists.items():
        address = reverse(name)
        for query in [{one: value} for one in parameters] + [dict.fromkeys(parameters, value)]:
            status = client_of.get(address, query).status_code
            if status >= 500:
                wrong.append((address, query, status))
    assert wrong == []


@pytest.fixture
def customer(db):
    """A visitor who has proven an order of three bags."""
    client = Client(raise_request_exception=False)
    order = bags(3, ordered_at=NOW - timedelta(days=5))
    session = client.session
    session["returns.orders"] = {"ref": [order.pk, NOW.isoformat()]}
    session.save()
    return client


def _ask(client, quantity, step="send", **more):
    posted = {
        "item0-quantity": quantity, "item0-reason": "CHANGED_MIND", "item0-answer": "色違い", "comment": "", "step": step,
        "form_token": "6f6c1c34-5d0e-4f0f-9a3b-0c2b7f2b7d11", **more,
    }  # fmt: skip
    return client.post(reverse("returns:request", args=["ref"]), posted)


@pytest.mark.parametrize("quantity", ["-1", str(10**9), HUGE, "1.5", "", "0", "NaN", "1e3", "4", "\x00", "一"])
@pytest.mark.parametrize("step", ["details", "confirm", "send"])
def test_quantities_that_are_refused(quantity, step, customer):
    response = _ask(customer, quantity, step)
    assert response.status_code == 422
    assert "item0-quantity" in response.content.decode()
    assert not ReturnCase.objects.exists()


def test_quantities_that_are_taken(customer):
    assert _ask(customer, "1").status_code == 302
    assert ReturnCase.objects.get().lines.get().quantity == 1


def test_a_full_width_quantity_is_a_quantity(customer):
    assert _ask(customer, "２").status_code == 302
    assert ReturnCase.objects.get().lines.get().quantity == 2


@pytest.mark.parametrize(
    "more",
    [
        {"item0-quantity": ["1", "2"]},
        {"item1-quantity": "1", "item1-reason": "CHANGED_MIND"},
        {"item0-line": "7"},
        {"item0-reason": "NO_SUCH"},
        {"item0-answer": "長" * 100_000},
        {"comment": "長" * 100_000},
        {"form_token": "not-a-token"},
        {"step": "\x00"},
    ],
)
def test_forms_that_were_tampered_with(more, customer):
    assert _ask(customer, "1", **more).status_code == 422
    assert not ReturnCase.objects.exists()
