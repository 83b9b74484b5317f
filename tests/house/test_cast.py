"""The tests' own tools: makers that satisfy the database, and seeds that survive a transactional test."""

import pytest
from django.db import connection

from shopdesk.accounts.models import Role, User
from tests import make


def test_an_order_is_whole(db):
    order = make.make_order("1001", lines=[(make.make_product(), 3, 35000)])
    line = order.lines.get()
    assert line.unit_amounts == [11667, 11667, 11666]
    assert line.qty_shipped == 3
    assert order.shipments.get().tracking_number
    assert order.email == "hanako@mail.example"


def test_a_new_order_has_no_parcel(db):
    order = make.make_order("1002", status="new")
    assert order.shipped_at is None
    assert not order.shipments.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_seeds_survive_a_transactional_test(turn):
    # The second turn finds what the first one's flush had emptied, and nothing that the first one wrote.
    assert Role.objects.filter(code="owner").count() == 1
    assert not User.objects.exists()
    make.make_user()


def test_the_database_is_private_and_real(db):
    with connection.cursor() as cursor:
        cursor.execute("select version()")
        assert cursor.fetchone()[0].startswith("PostgreSQL 18")
    assert connection.settings_dict["HOST"].startswith("/")
