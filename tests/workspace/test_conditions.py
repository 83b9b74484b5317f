"""One language of conditions: what it finds, what it refuses, and what nobody learns by asking."""

import contextlib
from datetime import timedelta

import pytest
from django.http import QueryDict
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inquiries import conditions, indexing
from inquiries.condition_fields import FIELDS
from inquiries.models import Attachment, Cause, Inquiry, Message, StatusLabel, Tag
from tests import make
from tests.inquiries.make import make_inquiry
from tests.make import NOW


def found(wanted, user=None, now=NOW):
    rows = Inquiry.objects.filter(conditions.compile(wanted, user=user, now=now))
    return sorted(rows.values_list("number", flat=True))


def all_of(*rows):
    return {"all": [dict(zip(("field", "op", "value"), row, strict=False)) for row in rows]}


@pytest.fixture
def three(agent):
    """A, open and late, of the agent; B, solved, with two tags; C, waiting, somebody's phone in its subject."""
    hana = make.make_customer()
    a = make_inquiry("A", customer=hana, assignee=agent, order_number="1001", body="届かないのですが")
    b = make_inquiry("B", customer=hana, status="solved", category="return", thanked_at=NOW, language="en")
    c = make_inquiry("C", customer=hana, status="pending", subject="090-1234-5678 です", channel="email", priority=2)
    Inquiry.objects.filter(pk=a.pk).update(escalation_at=NOW - timedelta(minutes=5))
    Inquiry.objects.filter(pk=c.pk).update(escalation_at=NOW + timedelta(minutes=50))
    tags = [Tag.objects.create(name=name) for name in ("急ぎ", "サンプル発送")]
    b.tags.add(*tags)
    a.tags.add(tags[0])
    Attachment.objects.create(
        message=c.messages.get(), storage_key="x", name="x.png", media_type="image/png", size=1, sha256="0" * 64
    )
    return tags


@pytest.mark.parametrize(
    ("row", "numbers"),
    [
        (("status", "is", ["open", "solved"]), "AB"),
        (("status", "is_not", ["open"]), "BC"),
        (("category", "is", ["return"]), "B"),
        (("category", "is_not", ["return"]), "AC"),
        (("channel", "is", ["email"]), "C"),
        (("priority", "is", [2]), "C"),
        (("language", "is", ["en"]), "B"),
        (("assignee", "is", ["none"]), "BC"),
        (("assignee", "is_not", ["none"]), "A"),
        (("cause", "is_not", [1]), "ABC"),
        (("escalation", "overdue"), "A"),
        (("escalation", "within", {"n": 1, "unit": "hours"}), "C"),
        (("opened_at", "within", {"n": 2, "unit": "hours"}), "ABC"),
        (("opened_at", "older_than", {"n": 2, "unit": "hours"}), ""),
        (("waiting_since", "within", {"n": 1, "unit": "days"}), "A"),
        (("last_activity_at", "older_than", {"n": 1, "unit": "hours"}), ""),
        (("subject", "contains", "色に"), "AB"),
        (("body", "contains", "届かない"), "A"),
        (("body", "not_contains", "届かない"), "BC"),
        (("from", "contains", "山田"), "ABC"),
        (("order_number", "yes"), "A"),
        (("order_number", "no"), "BC"),
        (("has_attachment", "yes"), "C"),
        (("has_attachment", "no"), "AB"),
        (("thanked", "yes"), "B"),
        (("product", "is", ["NO-1"]), ""),
        (("product", "is_not", ["NO-1"]), "ABC"),
        (("phase", "is", ["before"]), "ABC"),
        (("mood", "is", ["upset"]), ""),
    ],
)
def test_each_field_finds_its_rows(three, row, numbers):
    assert found(all_of(row)) == list(numbers)


def test_tags_any_all_none(three):
    urgent, sample = (tag.pk for tag in three)
    assert found(all_of(("tags", "any", [urgent, sample]))) == ["A", "B"]  # B has both and is there once
    assert found(all_of(("tags", "all", [urgent, sample]))) == ["B"]
    assert found(all_of(("tags", "none", [sample]))) == ["A", "C"]


def test_label_and_cause(three):
    label, cause = StatusLabel.objects.filter(status="pending").first(), Cause.objects.first()
    Inquiry.objects.filter(number="C").update(label=label, cause=cause)
    assert found(all_of(("label", "is", [label.pk]))) == ["C"]
    assert found(all_of(("label", "is_not", [label.pk]))) == ["A", "B"]  # without a label, too
    assert found(all_of(("cause", "is", [cause.pk]))) == ["C"]


def test_me_is_who_asks_and_nobody_in_a_rule(three, agent, owner):
    mine = all_of(("assignee", "is", ["me"]))
    assert found(mine, user=agent) == ["A"]
    assert found(mine, user=owner) == []
    with pytest.raises(conditions.BadConditions):
        found(mine, user=None)


def test_all_and_any_together(three):
    wanted = {
        "all": [{"field": "status", "op": "is", "value": ["open", "pending"]}],
        "any": [
            {"field": "order_number", "op": "yes"},
            {"field": "category", "op": "is", "value": ["return"]},
        ],
    }
    assert found(wanted) == ["A"]
    assert found({}) == ["A", "B", "C"]


def test_who_may_not_read_a_phone_does_not_guess_it(three, agent):
    masked = make.make_user("nami@shop.example", role="outsourced")
    indexing.sweep(NOW, limit=10)
    for row in (("subject", "contains", "5678"), ("from", "contains", "hanako"), ("from", "contains", "@mail")):
        assert found(all_of(row), user=agent) != []
        assert found(all_of(row), user=masked) == []
    assert found(all_of(("subject", "contains", "です")), user=masked) == ["C"]  # words are no secret


def test_a_list_asks_the_index_of_the_search(three, agent):
    """Only what the search holds is read; a rule looks at the words themselves, the moment they came."""
    wanted = all_of(("body", "contains", "届かない"))
    assert found(wanted, user=agent) == []
    indexing.sweep(NOW, limit=10)
    assert found(wanted, user=agent) == found(wanted) == ["A"]
    assert found(all_of(("subject", "contains", "色に")), user=agent) == ["A", "B"]
    assert found(all_of(("body", "not_contains", "届かない")), user=agent) == ["B", "C"]
    assert "search" in str(Inquiry.objects.filter(conditions.compile(wanted, user=agent, now=NOW)).query)


def test_notes_are_not_searched_for_words(three, agent):
    inquiry = Inquiry.objects.get(number="A")
    Message.objects.create(inquiry=inquiry, kind=Message.Kind.NOTE, body="社内だけ", author=agent, at=NOW)
    assert found(all_of(("body", "contains", "社内だけ"))) == []


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"all": [{"field": "color", "op": "is", "value": ["red"]}]}, "color"),
        (all_of(("status", "is", ["asleep"])), "status"),
        (all_of(("status", "like", ["open"])), "status"),
        (all_of(("status", "is", [])), "status"),
        (all_of(("waiting_since", "older_than", {"n": 0, "unit": "hours"})), "waiting since"),
        (all_of(("waiting_since", "older_than", {"n": 3, "unit": "years"})), "waiting since"),
        (all_of(("subject", "contains", "  ")), "subject"),
        (all_of(("subject", "contains", "あ" * 201)), "subject"),
        (all_of(("label", "is", [True])), "status label"),
        (all_of(("tags", "any", [2**70])), "tags"),
        (all_of(*[("order_number", "yes")] * 21), "20"),
        ([], "read"),
        ("x", "read"),
    ],
)
def test_bad_input_is_refused_with_the_name_of_the_field(wanted, named):
    with translation.override("en"), pytest.raises(conditions.BadConditions) as refusal:
        conditions.compile(wanted, user=None, now=NOW)
    assert named in str(refusal.value)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["open", "me", "hours"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["n", "unit", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_OPS = sorted({op for field in FIELDS.values() for op in field.operators})
_ROWS = st.fixed_dictionaries(
    {},
    optional={
        "field": st.sampled_from([*FIELDS, "x", None]) | _VALUES,
        "op": st.sampled_from(_OPS) | _VALUES,
        "value": _VALUES,
    },
)


@pytest.mark.django_db
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.dictionaries(st.sampled_from(["all", "any", "x"]), st.lists(_ROWS | _VALUES, max_size=3)) | _VALUES)
def test_whatever_is_stored_is_refused_or_runs(wanted):
    with contextlib.suppress(conditions.BadConditions):
        list(Inquiry.objects.filter(conditions.compile(wanted, user=None, now=NOW))[:1])
    assert all(isinstance(line, str) for line in conditions.describe(wanted))


def test_said_in_words(three, agent):
    with translation.override("en"):
        assert conditions.describe(
            {
                "all": [
                    {"field": "status", "op": "is", "value": ["open", "pending"]},
                    {"field": "waiting_since", "op": "older_than", "value": {"n": 24, "unit": "hours"}},
                    {"field": "tags", "op": "any", "value": [three[0].pk, 999_999]},
                ],
                "any": [{"field": "order_number", "op": "yes"}, {"field": "thanked", "op": "yes"}],
            }
        ) == [
            "status is one of: to answer, waiting for the customer",
            "waiting since is longer ago than: 24 hours",
            "tags has one of: 急ぎ, (deleted)",
            "has an order number: yes or said thanks after it was solved: yes",
        ]


def test_read_from_the_builder():
    post = QueryDict(
        "c-0-field=status&c-0-op=is&c-0-value=open&c-0-value=hold"
        "&c-1-field=waiting_since&c-1-op=older_than&c-1-n=24&c-1-unit=hours"
        "&c-2-field=&c-7-field=tags&c-7-op=all&c-7-value=3&c-7-group=any"
        "&c-8-field=product&c-8-op=is&c-8-value=A-1,B-2&c-9-field=order_number&c-9-op=no"
        "&c-10-field=subject&c-10-op=is&c-10-value=x"
    )
    assert conditions.read(post) == {
        "all": [
            {"field": "status", "op": "is", "value": ["open", "hold"]},
            {"field": "waiting_since", "op": "older_than", "value": {"n": 24, "unit": "hours"}},
            {"field": "product", "op": "is", "value": ["A-1", "B-2"]},
            {"field": "order_number", "op": "no"},
            {"field": "subject", "op": "contains", "value": "x"},
        ],
        "any": [{"field": "tags", "op": "all", "value": [3]}],
    }
