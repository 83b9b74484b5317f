"""Views and their counters: built-in ones, and those that people keep."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inquiries import (
    conditions,
    counting,
    indexing,
    listing,
    merging,
    opening,
    replying,
    saving_views,
    snoozing,
    triage,
    undoing,
)
from inquiries.answers import Answer
from inquiries.counting import Counter
from inquiries.listpage import ListPage
from inquiries.models import AgentSetting, Category, Inquiry, SavedView, StatusLabel
from shopdesk import clock
from tests import make
from tests.inquiries.make import make_inquiry
from tests.make import NOW

LIST = "/admin/inquiries/"
DELAYS = {"all": [{"field": "category", "op": "is", "value": ["delay"]}], "any": []}


@pytest.fixture(autouse=True)
def _frozen(monkeypatch, now):
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.fixture
def outsourced(db):
    return make.make_user("nami@shop.example", name="白波 外", role="outsourced")


@pytest.fixture
def ken(db):
    return make.make_user()


def keep(owner, name="遅延", *, shared=False, wanted=DELAYS, order="newest"):
    return saving_views.save(None, name=name, shared=shared, order=order, position=0, wanted=wanted, by=owner, now=NOW)


# --- counters -----------------------------------------------------------------------------------------------------------

ACTS = st.lists(
    st.tuples(
        st.sampled_from([
            "open", "take", "assign", "unassign", "pending", "solved", "spam", "reopen", "snooze", "wake", "reply", "take back", "note",
            "delay", "label", "merge", "unmerge", "split",
        ]),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    max_size=20,
)  # fmt: skip


# Whatever is refused changes nothing, and the counters tell of that, too.
REFUSALS = (
    triage.CannotSet, triage.CannotAnswer, triage.IsMerged, merging.CannotMerge, undoing.CannotTakeBack,
    replying.CannotReply, Inquiry.DoesNotExist,
)  # fmt: skip


def perform(deed, inquiry, other, person, now):
    match deed:
        case "take":
            triage.take(inquiry, by=person, now=now)
        case "assign":
            triage.assign(inquiry, to=person, by=person, now=now)
        case "unassign":
            triage.assign(inquiry, to=None, by=person, now=now)
        case "pending" | "solved" | "spam":
            triage.set_status(inquiry, status=deed, by=person, now=now)
        case "reopen":
            triage.set_status(inquiry, status="open", by=person, now=now)
        case "snooze":
            snoozing.snooze(inquiry, until=now + timedelta(days=1), reason="stock", comment="", by=person, now=now)
        case "wake":
            snoozing.wake(inquiry, now=now, why="person", by=person)
        case "reply":
            replying.reply(inquiry, Answer(f"ご返信 {now}"), by=person, now=now)
        case "take back":
            for message in inquiry.messages.filter(kind="reply").order_by("-pk")[:1]:
                undoing.take_back(message, by=message.author, now=now - timedelta(seconds=50))
        case "label":
            label = StatusLabel.objects.filter(status="pending").last()
            triage.set_status(inquiry, status="pending", label=label, by=person, now=now)
        case "merge":
            merging.merge(inquiry, into=other, by=person, now=now)
        case "unmerge":
            merging.unmerge(Inquiry.objects.exclude(merged_into=None).latest("last_activity_at"), by=person, now=now)
        case "split":
            merging.split(inquiry.messages.filter(kind="received").latest("pk"), by=person, now=now)
        case "note":
            replying.note(inquiry, body=f"メモ {now}", by=person, now=now)
        case "delay":
            triage.set_category(inquiry, category=Category.objects.get(slug="delay"), by=person, now=now)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_every_counter_equals_its_list_after_whatever_happened(db, agent, owner, outsourced, acts):
    """Whatever people do, each view's counter is the number of rows that its query gives, for everybody."""
    people, store, now = [agent, owner, outsourced], make.make_store(), NOW
    keep(agent, f"遅延 {Inquiry.objects.count()}", shared=True)
    mine = {"all": [{"field": "assignee", "op": "is", "value": ["me"]}], "any": []}
    keep(owner, f"私の {Inquiry.objects.count()}", shared=True, wanted=mine)
    with transaction.atomic():
        inquiries = []
        for deed, place, who in acts:
            now += timedelta(minutes=1)
            if deed == "open" or not inquiries:
                inquiries.append(
                    opening.open_inquiry(
                        store=store, name="山田 花子", email="hanako@mail.example", body=f"質問 {now}", now=now,
                        category=Category.objects.get(slug="spec"),
                    )
                )  # fmt: skip
                continue
            one, other = (inquiries[number % len(inquiries)] for number in (place, place + 1))
            with suppress(*REFUSALS), transaction.atomic():
                perform(deed, one, other, people[who], now)
        for user in people:
            listing_page = ListPage(user, {}, now)
            for view in listing_page.views:
                page = ListPage(user, {"view": view.key}, now)
                assert page.wanted.view == view.key
                assert view.count == counting.shown(len(page.rows)) == page.total
                assert {line["pk"] for line in page.lines} == {row.pk for row in page.rows[:25]} or len(page.rows) > 25
                assert set(page.rows) <= set(Inquiry.objects.visible_to(user))
        transaction.set_rollback(True)
    SavedView.objects.all().delete()


def test_a_counter_stops_at_a_thousand(db, agent, django_assert_num_queries):
    first = make_inquiry("Q-F1RST0")
    skipped = {"id", "number"}
    values = {
        field.attname: getattr(first, field.attname) for field in Inquiry._meta.fields if field.attname not in skipped
    }
    Inquiry.objects.bulk_create(Inquiry(**values, number=f"Q-{place:06}") for place in range(999))
    everything = Inquiry.objects.all()
    assert counting.bounded({"all": Counter.of(everything)})[0] == {"all": 1000}
    Inquiry.objects.bulk_create(Inquiry(**values, number=f"Q-N{place:05}") for place in range(20))
    with django_assert_num_queries(1):
        counts, stamp = counting.bounded(
            {
                "all": Counter.of(everything),
                "none": Counter.of(everything.none()),
                "never": Counter.of(everything.filter(pk__in=[])),
            },
            also="%s::text",
            params=["x"],
        )
    assert (counts, stamp) == ({"all": 1001, "none": 0, "never": 0}, "x")
    assert [counting.shown(count) for count in (0, 999, 1000, 1001)] == ["0", "999", "1,000", "1,000+"]
    page = ListPage(agent, {"view": "open"}, NOW)
    assert page.total == "1,000+"
    assert ListPage(agent, {"view": "open", "page": "41"}, NOW).older == ""
    assert len(ListPage(agent, {"view": "open", "page": "41"}, NOW).lines) == 20


@pytest.mark.parametrize("page", ["0", "-1", "x", "²", "99999999", "201", ""])
def test_a_page_that_is_none_is_answered(db, agent, page):
    make_inquiry()
    assert ListPage(agent, {"page": page}, NOW).number in {1, listing.MOST_PAGES}


# --- views that people keep -----------------------------------------------------------------------------------------


def test_b_sees_what_a_shares_and_not_what_is_as_own(db, agent, ken, signed_in):
    shared, own = keep(agent, "遅延 共有", shared=True), keep(agent, "遅延 個人")
    late = make_inquiry("Q-LATE00", category="delay")
    make_inquiry("Q-0THER0", customer=make.make_customer(address=""))
    text = signed_in(ken).get(f"{LIST}?view=v{shared.pk}").content.decode()
    assert "遅延 共有" in text
    assert "遅延 個人" not in text
    assert late.number in text
    assert "Q-0THER0" not in text
    assert ListPage(ken, {"view": f"v{shared.pk}"}, NOW).total == "1"
    # A view that is none of theirs: the default, as for one that does not exist.
    assert ListPage(ken, {"view": f"v{own.pk}"}, NOW).wanted.view == "open"
    assert "遅延 個人" not in signed_in(ken).get(f"{LIST}views/").content.decode()
    assert "遅延 個人" not in signed_in(ken).get(f"{LIST}palette/?q=遅延").content.decode()
    assert "遅延 共有" in signed_in(ken).get(f"{LIST}palette/?q=遅延").content.decode()


def test_b_may_not_change_or_delete_what_is_as(db, agent, ken, signed_in):
    views = [keep(agent, "遅延 共有", shared=True), keep(agent, "遅延 個人")]
    for view in views:
        for answer in (
            signed_in(ken).get(f"{LIST}views/{view.pk}/"),
            signed_in(ken).post(f"{LIST}views/{view.pk}/", {"name": "取った", "order": "newest", "position": "0"}),
        ):
            assert answer.status_code == 404
        answer = signed_in(ken).post(f"{LIST}views/{view.pk}/delete/")
        assert answer.status_code == 404
        with pytest.raises(saving_views.NotYours):
            saving_views.delete(view, by=ken)
        with pytest.raises(saving_views.NotYours):
            saving_views.save(view, name="取った", shared=True, order="newest", position=0, wanted={}, by=ken, now=NOW)
    assert sorted(SavedView.objects.values_list("name", flat=True)) == ["遅延 個人", "遅延 共有"]
    assert f"views/{views[0].pk}/" not in signed_in(ken).get(f"{LIST}views/").content.decode()


def test_who_looks_after_the_desk_tidies_up_what_is_shared_only(db, agent, owner, signed_in):
    shared, own = keep(agent, "遅延 共有", shared=True), keep(agent, "遅延 個人")
    assert signed_in(owner).post(f"{LIST}views/{shared.pk}/delete/").status_code == 302
    assert signed_in(owner).post(f"{LIST}views/{shared.pk}/delete/").status_code == 404  # the second click
    assert signed_in(owner).post(f"{LIST}views/{own.pk}/delete/").status_code == 404
    assert list(SavedView.objects.all()) == [own]


def test_a_list_becomes_a_view(db, agent, signed_in):
    client = signed_in(agent)
    form = client.get(f"{LIST}views/new/?view=mine&category=delay").content.decode()
    assert 'value="delay" checked' in form
    assert 'value="me" checked' in form
    posted = {
        "name": "遅延", "order": "due", "position": "3", "shared": "on",
        "c-0-field": "category", "c-0-op": "is", "c-0-value": "delay", "c-0-group": "all",
    }  # fmt: skip
    for _click in range(2):
        answer = client.post(f"{LIST}views/new/", posted)
    assert answer.status_code == 422  # the second click: the name is there already, and what was typed stays
    assert "同じ名前のビュー" in answer.content.decode()
    assert 'value="遅延"' in answer.content.decode()
    view = SavedView.objects.get()
    assert (view.owner, view.shared, view.order, view.position, view.conditions) == (
        agent,
        True,
        "due",
        3,
        {"all": DELAYS["all"]},
    )
    changed = client.post(f"{LIST}views/{view.pk}/", posted | {"name": "遅延だけ", "shared": ""})
    assert changed.url == f"{LIST}?view=v{view.pk}"
    view.refresh_from_db()
    assert (view.name, view.shared) == ("遅延だけ", False)


@pytest.mark.parametrize(
    "changes",
    [{"name": ""}, {"name": "x" * 61}, {"order": "random"}, {"position": "-1"}, {"c-0-value": ""}],
)
def test_a_view_that_cannot_be_kept_is_refused_in_words(db, agent, signed_in, changes):
    posted = {
        "name": "遅延", "order": "due", "position": "3",
        "c-0-field": "category", "c-0-op": "is", "c-0-value": "delay", "c-0-group": "all",
    }  # fmt: skip
    answer = signed_in(agent).post(f"{LIST}views/new/", posted | changes)
    assert answer.status_code == 422
    assert not SavedView.objects.exists()


def test_nobody_keeps_more_views_than_they_can_read(db, agent, monkeypatch):
    monkeypatch.setattr(saving_views, "MOST", 1)
    keep(agent)
    with pytest.raises(saving_views.TooMany):
        keep(agent, "もうひとつ")


def test_what_somebody_sees_first(db, agent, ken, signed_in):
    shared, own = keep(agent, "遅延 共有", shared=True), keep(agent, "遅延 個人")
    client = signed_in(ken)
    assert client.post(f"{LIST}views/default/", {"view": f"v{shared.pk}"}).status_code == 302
    assert ListPage(ken, {}, NOW).wanted.view == f"v{shared.pk}"
    for nonsense in (f"v{own.pk}", "v99999", "gone", ""):
        assert client.post(f"{LIST}views/default/", {"view": nonsense}).status_code == 422
    assert ListPage(ken, {}, NOW).wanted.view == f"v{shared.pk}"
    assert client.post(f"{LIST}views/default/", {"view": "mine"}).status_code == 302
    assert ListPage(ken, {}, NOW).wanted.view == "mine"
    client.post(f"{LIST}views/default/", {"view": f"v{shared.pk}"})
    saving_views.delete(shared, by=agent)
    assert ListPage(ken, {}, NOW).wanted.view == "open"
    assert AgentSetting.objects.count() == 1


def test_outsourced_staff_keep_no_views_and_see_their_own_rows_in_shared_ones(db, agent, outsourced, signed_in):
    shared = keep(agent, "遅延 共有", shared=True)
    make_inquiry("Q-0THER0", category="delay")
    make_inquiry("Q-M1NE00", category="delay", customer=make.make_customer(address=""), assignee=outsourced)
    text = signed_in(outsourced).get(f"{LIST}?view=v{shared.pk}").content.decode()
    assert "Q-M1NE00" in text
    assert "Q-0THER0" not in text
    assert ListPage(outsourced, {"view": f"v{shared.pk}"}, NOW).total == "1"
    assert signed_in(outsourced).get(f"{LIST}views/new/").status_code == 403
    assert signed_in(outsourced).post(f"{LIST}views/{shared.pk}/delete/").status_code == 403


def test_conditions_that_nobody_understands_any_more_show_nothing_and_break_nothing(db, agent, signed_in):
    make_inquiry()
    view = SavedView.objects.create(owner=agent, name="古い", conditions={"all": [{"field": "gone"}]})
    odd = SavedView.objects.create(owner=agent, name="変", conditions=["x"])
    for one in (view, odd):
        page = signed_in(agent).get(f"{LIST}?view=v{one.pk}")
        assert page.status_code == 200
        assert "Q-TEST01" not in page.content.decode()
    assert signed_in(agent).get(f"{LIST}views/").status_code == 200


def test_views_that_read_every_text_are_not_counted_on_every_page(db, agent):
    make_inquiry(body="返品したい")
    indexing.sweep(NOW)
    words = {"field": "body", "op": "contains", "value": "返品"}
    dear = keep(agent, "返品", wanted={"all": [words], "any": []})
    unsolved = {"field": "status", "op": "is", "value": ["open", "hold"]}
    cheap = keep(agent, "返品 未対応", wanted={"all": [words, unsolved], "any": []})
    counts = {view.key: view.count for view in ListPage(agent, {}, NOW).views}
    assert (counts[f"v{dear.pk}"], counts[f"v{cheap.pk}"]) == ("", "1")
    assert len(ListPage(agent, {"view": f"v{dear.pk}"}, NOW).lines) == 1


def test_a_view_leaves_out_spam_and_what_was_merged_unless_it_asks(db, agent):
    make_inquiry("Q-SPAM00", status="spam", category="delay")
    keep(agent, "遅延")
    asked = {"all": [{"field": "status", "op": "is", "value": ["spam"]}], "any": []}
    keep(agent, "迷惑", wanted=asked)
    counts = {view.label: view.count for view in ListPage(agent, {}, NOW).views}
    assert (counts["遅延"], counts["迷惑"]) == ("0", "1")
    assert conditions.describe(asked)


# --- Ctrl-K ---------------------------------------------------------------------------------------------------------


def test_the_palette_offers_what_a_person_may_open(db, agent, outsourced, signed_in):
    finance = make.make_user("keiri@shop.example", role="finance")
    everything = signed_in(agent).get(f"{LIST}palette/").content.decode()
    for words in ("未対応", "定型文", "電話などを登録", "返品"):
        assert words in everything
    assert f'href="{LIST}rules/"' not in everything
    theirs = signed_in(outsourced).get(f"{LIST}palette/").content.decode()
    assert f'href="{LIST}new/"' not in theirs
    assert f'href="{LIST}next/"' in theirs
    other = signed_in(finance).get(f"{LIST}palette/").content.decode()
    assert f'href="{LIST}' not in other
    assert "返品" in other


@pytest.mark.parametrize("typed", ["q-7k3f9m", "山田", "名入れ", "Ｑ７Ｋ３Ｆ９Ｍ"])
def test_the_palette_finds_inquiries(db, now, agent, signed_in, typed):
    inquiry = make_inquiry("Q-7K3F9M", subject="名入れについて")
    indexing.sweep(now)
    found = signed_in(agent).get(f"{LIST}palette/", {"q": typed}).content.decode()
    assert f'href="{LIST}{inquiry.pk}/"' in found
    assert f'data-words="{typed}"' in found
    assert "<dialog" not in found


def test_the_palette_finds_nothing_for_one_letter_or_an_attack(db, agent, signed_in):
    make_inquiry()
    for typed in ("山", '"><script>', "%00", "\x00"):
        page = signed_in(agent).get(f"{LIST}palette/", {"q": typed})
        assert page.status_code == 200
        assert "<script>" not in page.content.decode()
        assert f'href="{LIST}1' not in page.content.decode()
