"""From where somebody comes: what limits count, behind proxies and with more addresses than anybody can count."""

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from inquiries.models import Inquiry
from shopdesk.accounts import ratelimit
from shopdesk.accounts.models import AuditEntry
from tests import make
from tests.inquiries.make import contact_data


def asked(remote="192.0.2.1", forwarded=None):
    more = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return RequestFactory().get("/", REMOTE_ADDR=remote, **more)


@pytest.mark.parametrize(
    ("count", "remote", "forwarded", "is_from"),
    [
        (0, "192.0.2.1", "203.0.113.7", "192.0.2.1"),
        (1, "192.0.2.1", "203.0.113.7", "203.0.113.7"),
        (1, "192.0.2.1", "198.51.100.9, 203.0.113.7", "203.0.113.7"),
        (2, "192.0.2.1", "198.51.100.9, 203.0.113.7, 192.0.2.2", "203.0.113.7"),
        (2, "192.0.2.1", "203.0.113.7", "192.0.2.1"),
        (1, "192.0.2.1", None, "192.0.2.1"),
        (1, "192.0.2.1", "203.0.113.7:50123", "203.0.113.7"),
        (1, "192.0.2.1", "[2001:db8:0:1::7]:50123", "2001:db8:0:1::7"),
        (1, "192.0.2.1", "2001:DB8:0:1:0::7", "2001:db8:0:1::7"),
        (1, "192.0.2.1", "::ffff:203.0.113.7", "203.0.113.7"),
        (1, "192.0.2.1", "unknown", "192.0.2.1"),
        (1, "192.0.2.1", "<b>203.0.113.7</b>", "192.0.2.1"),
        (0, "", None, ""),
    ],
)
def test_the_address(settings, count, remote, forwarded, is_from):
    settings.TRUSTED_PROXY_COUNT = count
    assert ratelimit.client_ip(asked(remote, forwarded)) == is_from


def test_a_network_is_one_place():
    places = {ratelimit.client_place(asked(f"2001:db8:0:1::{n:x}")) for n in range(50)}
    assert places == {"2001:db8:0:1::/64"}
    assert ratelimit.client_place(asked("2001:db8:0:2::1")) == "2001:db8:0:2::/64"
    assert ratelimit.client_place(asked("203.0.113.7")) == "203.0.113.7"


def test_who_has_a_whole_network_asks_no_more_than_others(db):
    make.make_store()
    statuses = []
    for n in range(8):
        data = contact_data(email=f"a{n}@mail.example", form_token="", body=f"色は何色ですか {n}")
        answer = Client(REMOTE_ADDR=f"2001:db8:0:1::{n:x}").post(reverse("inquiries:contact"), data)
        statuses.append(answer.status_code)
    assert statuses == [303] * 5 + [429] * 3
    assert Inquiry.objects.count() == 5


def test_wrong_passwords_are_counted_for_the_network_and_written_down_with_the_address(owner):
    for n in range(7):
        Client(REMOTE_ADDR=f"2001:db8:0:1::{n:x}").post(
            reverse("account_login"), {"login": owner.email, "password": "wrong"}
        )
    failed = AuditEntry.objects.filter(code="sign_in.failed")
    assert {entry.data["ip"] for entry in failed} == {f"2001:db8:0:1::{n:x}" for n in range(5)}
    assert failed.count() == 5
