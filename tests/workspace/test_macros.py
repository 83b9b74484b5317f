"""Macros: kept by who may, run at once with a clear result, and in bulk after a count."""

import uuid

import pytest
from django.urls import reverse

from inquiries import bulk, macros
from inquiries.models import Cause, Inquiry, Macro, Message, Presence, Tag, Template
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.inquiries.make import make_inquiry
from tests.make import NOW


@pytest.fixture
def client(agent, signed_in):
    return signed_in(agent)


@pytest.fixture
def tag(db):
    return Tag.objects.create(name="急ぎ")


@pytest.fixture
def macro(tag):
    """Text, status, tag and person in one click."""
    text = Template.objects.create(name="お礼", body_ja="ありがとうございます。")
    wanted = [
        {"do": "tag", "tag": tag.pk},
        {"do": "assign", "to": "me"},
        {"do": "reply", "template": text.pk},
        {"do": "status", "status": "solved"},
    ]
    return Macro.objects.create(name="お礼して完了", acts=wanted)


def address(name, *arguments):
    return reverse(f"desk-inquiries:{name}", args=arguments)


def test_one_click_does_all_of_it_and_says_so(client, agent, macro, tag):
    inquiry = make_inquiry()
    response = client.post(address("macro-run", inquiry.pk, macro.pk), {"version": "1"}, follow=True)
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.assignee, [*inquiry.tags.all()]) == ("solved", agent, [tag])
    assert OutgoingMail.objects.count() == 1
    assert "「お礼して完了」を実行しました。" in response.content.decode()


def test_the_second_click_does_nothing(client, macro):
    inquiry = make_inquiry()
    for _click in range(2):
        client.post(address("macro-run", inquiry.pk, macro.pk), {"version": "1"})
    assert OutgoingMail.objects.count() == 1
    assert Message.objects.filter(kind="reply").count() == 1


def test_what_could_not_be_done_is_named(client, macro):
    store = make.make_store(requires_cause=True)
    inquiry = make_inquiry(store=store)
    words = client.get(address("macro-menu", inquiry.pk), headers={"HX-Request": "true"}).content.decode()
    assert "原因または商品の入力が必要" in words  # known before the click
    # The key that opens the menu leads into it, past what cannot be done here.
    first = words.split(" autofocus")[0].rpartition("<")[2]
    assert (first[:6], "disabled" in first) == ("a clas", False)
    words = client.post(address("macro-run", inquiry.pk, macro.pk), {"version": "1"}, follow=True).content.decode()
    assert "2件を実行しました" in words
    assert "完了するには原因または商品の入力が必要です" in words
    inquiry.refresh_from_db()
    assert (inquiry.status, OutgoingMail.objects.count()) == ("open", 0)


def test_a_foreign_inquiry_or_macro_does_not_exist(client, assistant, signed_in, macro):
    theirs = Macro.objects.create(name="私用", acts=macro.acts, owner=assistant)
    inquiry = make_inquiry()
    assert client.post(address("macro-run", inquiry.pk, theirs.pk)).status_code == 404
    assert client.get(address("macro", theirs.pk)).status_code == 404
    assert signed_in(assistant).post(address("macro", macro.pk), {"name": "x"}).status_code == 403
    helper = make.make_user("nami@shop.example", role="outsourced")
    assert signed_in(helper).post(address("macro-run", inquiry.pk, macro.pk)).status_code == 403
    assert Inquiry.objects.get().status == "open"


def test_an_assistants_macro_cannot_send(assistant, signed_in, macro):
    """Who writes drafts only runs a shared macro: everything is done but the reply and what goes with it."""
    inquiry = make_inquiry()
    signed_in(assistant).post(address("macro-run", inquiry.pk, macro.pk), {"version": "1"})
    inquiry.refresh_from_db()
    assert (inquiry.assignee, inquiry.status, OutgoingMail.objects.count()) == (assistant, "open", 0)


def test_kept_with_the_editor(client, agent, tag):
    form = {"name": "急ぎにする", "shared": "on", "a-0-do": "tag", "a-0-value": str(tag.pk), "a-1-do": ""}
    # Without a script: one more row, and nothing is saved.
    words = client.post(address("macro-add"), {**form, "more": "acts"}).content.decode()
    assert words.count('id="a-') == 3
    assert Macro.objects.count() == 0
    for _click in range(2):
        assert client.post(address("macro-add"), form).status_code == 302
    kept = Macro.objects.get()
    assert (kept.acts, kept.owner) == ([{"do": "tag", "tag": tag.pk}], None)
    assert client.post(address("macro", kept.pk), {**form, "a-0-value": ""}).status_code == 422
    assert client.post(address("macro", kept.pk), {"name": "空"}).status_code == 422
    kept.refresh_from_db()
    assert kept.name == "急ぎにする"
    client.post(address("macro-delete", kept.pk))
    assert not macros.offered_to(agent).exists()


def test_a_row_is_drawn_for_its_act(client, tag):
    words = client.get(address("act-row"), {"place": "3", "a-3-do": "tag"}).content.decode()
    assert f'<option value="{tag.pk}"' in words
    assert 'name="a-3-value"' in words
    assert 'id="a-4"' in client.get(address("act-row"), {"a-3-do": "tag"}).content.decode()
    words = client.get(address("condition-row"), {"place": "0", "c-0-field": "waiting_since"}).content.decode()
    assert 'name="c-0-n"' in words
    rule = client.get(address("act-row"), {"rule": "1"}).content.decode()
    assert 'value="reply"' not in rule


def test_in_bulk_twenty_with_one_locked(client, agent, tag, macro):
    """19 are done, 1 is reported; the count beforehand knows what can be known."""
    hana = make.make_customer()
    rows = [make_inquiry(f"Q-{n:06}", customer=hana) for n in range(20)]
    Inquiry.objects.filter(pk=rows[0].pk).update(email="")
    ids = [row.pk for row in rows]
    words = client.post(
        address("bulk-start"), {"kind": "macro", "value": macro.pk, "ids": ",".join(map(str, ids)), "try": "1"}
    ).content.decode()
    assert "19" in words
    ken = make.make_user()
    Presence.objects.create(inquiry=rows[1], user=ken, doing="replying", since=NOW, seen_at=NOW)
    Inquiry.objects.filter(pk=rows[0].pk).update(email="hanako@mail.example")
    started = bulk.start(ids=ids, acts=macro.acts, by=agent, now=NOW, form_token=uuid.uuid4())
    while bulk.sweep(NOW, limit=10):
        pass
    started.refresh_from_db()
    assert (started.changed, [one["why"] for one in started.refused]) == (19, ["locked"])
    assert Inquiry.objects.filter(status="solved").count() == 19
    assert OutgoingMail.objects.count() == 19


def test_the_menu_costs_a_fixed_number_of_queries(client, macro, django_assert_max_num_queries):
    cause = Cause.objects.first()
    inquiry = make_inquiry()
    for n in range(15):
        Macro.objects.create(name=f"原因{n}", acts=[{"do": "cause", "cause": cause.pk}, *macro.acts])
    with django_assert_max_num_queries(22):
        html = client.get(address("macro-menu", inquiry.pk), headers={"HX-Request": "true"}).content.decode()
    assert html.count("macros/") >= 16
