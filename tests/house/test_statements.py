"""Queries that are put into words once answer as if they had been made anew."""

import gc
import threading
import weakref
from datetime import datetime, timedelta

import pytest
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.models import OuterRef, Value
from django.db.models.functions import JSONObject

from inquiries.models import Inquiry, Message
from shopdesk.accounts.models import User
from shopdesk.statements import Unused, Words, statement
from tests import make
from tests.inquiries.make import make_inquiry

HOUR = timedelta(hours=1)


@statement(keep=10)
def _opened(status, *, since: datetime):
    said = Message.objects.filter(inquiry=OuterRef("pk")).order_by("pk")
    return (
        Inquiry.objects.filter(status=status, opened_at__gt=since - HOUR)
        .select_related("category", "assignee")
        .only("number", "opened_at", "category__name_ja", "assignee__name")
        .annotate(said=ArraySubquery(said.values(found=JSONObject(body="body"))))
        .order_by("pk")
    )


@statement(keep=10)
def _named(*, email: str, anyone: list):
    return User.objects.filter(email=email, pk__any_of=anyone).values_list("name", flat=True)


def test_rows_are_those_of_the_queryset_with_relations_and_annotations(db, now, agent, django_assert_num_queries):
    old = make_inquiry("Q-OLD000", opened_at=now - 5 * HOUR)
    new = make_inquiry(
        "Q-NEW000", customer=old.customer, opened_at=now, assignee=agent, body="100% 陶器の'皿'\\ですか %s"
    )
    for since, numbers in ((now - 10 * HOUR, [old.number, new.number]), (now, [new.number]), (now + 3 * HOUR, [])):
        with django_assert_num_queries(1):
            rows = _opened("open", since=since)
            assert [row.number for row in rows] == numbers
            assert [row.category.name_ja for row in rows] == [old.category.name_ja] * len(rows)
    (row,) = _opened("open", since=now)
    assert row.assignee.name == agent.name
    assert row.opened_at == new.opened_at
    assert row.said == [{"body": "100% 陶器の'皿'\\ですか %s"}]
    assert _opened("solved", since=now) == []


def test_values_are_never_kept(db, agent):
    other = make.make_user("ken@shop.example", name="田中 健")
    assert _named(email=agent.email, anyone=[agent.pk, other.pk]) == [agent.name]
    assert _named(email=other.email, anyone=[agent.pk, other.pk]) == [other.name]
    assert _named(email=other.email, anyone=[agent.pk]) == []
    assert _named(email="' OR 1=1 --", anyone=[agent.pk]) == []
    assert _named(email="%s %%", anyone=[]) == []


def test_a_shape_is_put_into_words_once(db, now):
    made = []

    @statement(keep=2)
    def _counted(status, *, user: int):
        made.append(status)
        return Inquiry.objects.filter(status=status, assignee=user)

    for status in ("open", "open", "solved", "open"):
        _counted(status, user=1)
        _counted(status, user=2)
    assert made == ["open", "solved"]


def test_what_no_row_can_match_asks_nothing(db, django_assert_num_queries):
    @statement(keep=1)
    def _nothing(*, user: int):
        return Inquiry.objects.filter(assignee=user, pk__in=[])

    with django_assert_num_queries(0):
        assert _nothing(user=1) == []
    with pytest.raises(EmptyResultSet):
        Inquiry.objects.none().query.sql_with_params()


def test_a_value_that_gets_lost_on_the_way_is_refused(db):
    @statement(keep=1)
    def _looked_at(*, user: int):
        return Inquiry.objects.filter(assignee=7) if user else Inquiry.objects.all()

    with pytest.raises(Unused, match="user"):
        _looked_at(user=7)
    with pytest.raises(Unused, match="name"):
        Words(lambda name: ("SELECT %s", [1]), name=str)


def test_a_value_that_something_else_is_made_of_is_refused(db):
    """It would stay for ever what it was at first, and find other rows."""

    @statement(keep=1)
    def _alike(*, name: str):
        return User.objects.filter(name=name) | User.objects.filter(email__icontains=name)

    with pytest.raises(Unused, match="made of"):
        _alike(name="ken")
    for asked in (lambda n, m: [n, m, n + 1], lambda n, m: [n, m, m - 1]):
        with pytest.raises(Unused, match="made of"):
            Words(lambda n, m, asked=asked: ("SELECT %s, %s, %s", asked(n, m)), n=int, m=int)


def test_moments_keep_their_distance_and_numbers_their_kind(db, now):
    asked = Words(lambda n, at: ("SELECT %s, %s, %s, '%%', pg_typeof(%s)", [n, at, at - HOUR, n]), n=int, at=datetime)
    assert asked.row(n=3, at=now) == (3, now, now - HOUR, "%", "bigint")
    assert asked.row(n=3_000_000_000, at=now)[0] == 3_000_000_000


def test_plans_are_kept_and_a_broken_transaction_does_no_harm(db):
    asked = Words(lambda n: ("SELECT %s + 1000000", [n]), n=int)
    for place in range(12):
        assert asked.row(n=place) == (place + 1_000_000,)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%+ 1000000'")
        assert cursor.fetchone() == (1,)
    with pytest.raises(Exception, match="division"), transaction.atomic():  # noqa: PT012  # the block must break
        asked.row(n=1)
        connection.cursor().execute("SELECT 1 / 0")
    for place in range(12):
        assert asked.row(n=place) == (place + 1_000_000,)


@pytest.mark.django_db(transaction=True)
def test_every_thread_asks_on_its_own_connection(agent):
    found, failed = [], []

    def ask():
        try:
            found.extend(_named(email=agent.email, anyone=[agent.pk]) for _ in range(8))
        except Exception as error:  # told below
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failed, found) == ([], [[agent.name]] * 24)


@pytest.mark.django_db(transaction=True)
def test_a_thread_that_has_ended_leaves_no_connection_behind(agent):
    @statement(keep=1)
    def _with_role(*, pk: int):
        texts = Message.objects.filter(author=OuterRef("pk")).values(found=JSONObject(body="body"))
        return User.objects.filter(pk=pk).select_related("role").annotate(said=ArraySubquery(texts))

    held = []

    def ask():
        try:
            _with_role(pk=agent.pk)
            held.append(weakref.ref(connections[DEFAULT_DB_ALIAS]))
        finally:
            connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    gc.collect()
    assert [one() for one in held] == [None]
    assert [(user.pk, user.role.pk, user.said) for user in _with_role(pk=agent.pk)] == [(agent.pk, agent.role_id, [])]


def test_fixed_words_stand_in_the_statement(db):
    """The planner must see what never changes: an index of one status serves no other."""

    @statement(keep=1)
    def _fixed(*, user: int):
        return Inquiry.objects.filter(assignee=user, status="open").annotate(text=Value("50% 'a'"))

    seen = []

    def look(execute, sql, params, many, context):
        seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        _fixed(user=1)
    ((sql, params),) = seen
    assert "'open'" in sql
    assert "50%% ''a''" in sql
    assert len(params) == 1
