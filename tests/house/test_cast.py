"""The tests' own tools: makers that satisfy the database, and seeds that survive a transactional test."""

import threading
import time

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

from inquiries.models import Template
from shopdesk.accounts.models import Role, User
from tests import make
from tests.emptying import Tables


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


def counted():
    return ContentType.objects.count(), Permission.objects.count(), Role.objects.count(), User.objects.count()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_a_transactional_test_finds_what_the_migrations_left(turn):
    # The second turn finds what the first one changed, removed and wrote as it was before.
    assert counted() == (len(apps.get_models()), 4 * len(apps.get_models()), 7, 0)
    owner = Role.objects.get(code="owner")
    assert owner.permissions
    assert Permission.objects.exclude(name="Changed").count() > 100
    make.make_user()
    Role.objects.filter(code="owner").update(permissions=[])
    Role.objects.exclude(code="owner").filter(users=None).delete()
    Permission.objects.all().update(name="Changed")


@pytest.mark.django_db(transaction=True)
def test_tables_are_brought_back_when_the_last_writer_is_done():
    before, tables = counted(), Tables()
    written, done = threading.Event(), []

    def write():
        with transaction.atomic():
            make.make_user()
            written.set()
            time.sleep(0.3)
        done.append(time.monotonic())
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert written.wait(10)
    tables.restore()
    restored = time.monotonic()
    writer.join()
    assert done[0] < restored + 0.1
    assert counted() == before


@pytest.mark.django_db(transaction=True)
def test_a_table_that_grew_is_small_again(monkeypatch):
    monkeypatch.setattr("tests.emptying.ROOMY_BYTES", 1 << 14)
    tables = Tables()
    Template.objects.bulk_create(Template(name="定型文", body_ja="長い文" * 200) for _ in range(200))
    tables.restore()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(%s)", [Template._meta.db_table])
        assert cursor.fetchone()[0] <= 1 << 14


def test_the_database_is_private_and_real(db):
    with connection.cursor() as cursor:
        cursor.execute("select version()")
        assert cursor.fetchone()[0].startswith("PostgreSQL 18")
    assert connection.settings_dict["HOST"].startswith("/")
