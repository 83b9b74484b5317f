"""The staff's screens."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inquiries import indexing, timeline
from inquiries.listing import VIEWS, condition
from inquiries.listpage import ListPage
from inquiries.models import Draft, Inquiry, Message, StatusLabel
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.inquiries.make import make_inquiry

LIST = "/admin/inquiries/"


def url(inquiry, deed=""):
    return f"{LIST}{inquiry.pk}/{deed}"


def test_unanswered_come_first_and_the_most_urgent_on_top(db, now, agent, signed_in):
    hanako = make.make_customer()
    late = make_inquiry("Q-LATE01", customer=hanako, reply_due_at=now - timedelta(hours=1))
    soon = make_inquiry("Q-SOON01", customer=hanako, reply_due_at=now + timedelta(minutes=30))
    make_inquiry("Q-DONE01", customer=hanako, status="solved")
    text = signed_in(agent).get(LIST).content.decode()
    assert text.index(late.number) < text.index(soon.number)
    assert "Q-DONE01" not in text
    assert "期限超過" in text
    assert "あと30分（営業時間）" in text
    assert "Q-DONE01" in signed_in(agent).get(f"{LIST}?tab=all").content.decode()


@pytest.mark.parametrize(
    "words", ["Q-F1ND01", "q find01", "花子", "hanako@mail.example", "ＨＡＮＡＫＯ", "1001", "名入れ", "09012345678"]
)
def test_search_finds(db, agent, signed_in, words):
    hanako = make.make_customer(phone="09012345678")
    order = make.make_order("1001", customer=hanako)
    make_inquiry("Q-F1ND01", customer=hanako, order=order, order_number="1001", subject="名入れについて")
    other = make.make_customer("佐藤 一郎", "ichiro@mail.example")
    make_inquiry("Q-THER02", customer=other, subject="送料")
    indexing.sweep(make.NOW)
    text = signed_in(agent).get(LIST, {"q": words, "view": "all"}).content.decode()
    assert "Q-F1ND01" in text
    assert "Q-THER02" not in text


@pytest.mark.parametrize(
    "query",
    [
        "q=a%00b",
        "view=nonsense",
        "view=v99999999",
        "view=v²",
        "tab=mine",
        "status=gone",
        "tag=99999999999",
        "page=-1",
        "page=99999999999",
        "page=x",
        "assignee=99999999999999",
        "category=%00",
        "q=" + "a+" * 300,
        "assignee=²",
    ],
)
def test_odd_addresses_are_answered(db, agent, signed_in, query):
    assert signed_in(agent).get(f"{LIST}?{query}").status_code == 200


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.sampled_from(["open", "pending", "solved"]), st.sampled_from([None, 0, 1])), max_size=8)
)
def test_counters_equal_the_rows(db, now, agent, outsourced, rows):
    Inquiry.objects.all().delete()
    people = [agent, outsourced]
    hanako = make.make_customer(address="")
    for place, (status, person) in enumerate(rows):
        assignee = None if person is None else people[person]
        make_inquiry(f"Q-{place:06}", customer=hanako, status=status, assignee=assignee)
    for user in people:
        listing = ListPage(user, {}, now)
        seen = Inquiry.objects.visible_to(user)
        for view in listing.views:
            page = ListPage(user, {"view": view.key}, now)
            assert int(view.count) == len(page.lines) == seen.filter(condition(view.key, user)).count()
    assert [view.key for view in ListPage(agent, {}, now).views] == list(VIEWS)


def test_the_list_asks_little_of_the_database(db, agent, signed_in, django_assert_max_num_queries):
    for place in range(30):
        customer = make.make_customer(address=f"c{place}@mail.example")
        make_inquiry(
            f"Q-{place:06}", customer=customer, order=make.make_order(f"{place}", customer=customer), assignee=agent
        )
    staff = signed_in(agent)
    with django_assert_max_num_queries(12):
        assert staff.get(LIST).status_code == 200


@pytest.mark.parametrize("linked", [True, False])
def test_the_conversation_asks_little_of_the_database(
    db, now, agent, assistant, linked, signed_in, django_assert_max_num_queries
):
    hanako = make.make_customer()
    newest = [make.make_order(f"{place}", customer=hanako) for place in range(6)]
    inquiry = make_inquiry(customer=hanako, **({"order": newest[0]} if linked else {"order_number": "4711"}))
    Message.objects.create(inquiry=inquiry, kind="automatic", body="x", at=now, mail_key="k", message_id="<k@x>")
    for _ in range(10):
        Message.objects.create(inquiry=inquiry, kind="note", body="メモ", author=agent, at=now)
        inquiry.events.create(code="taken", actor=agent, at=now)
    Draft.objects.create(inquiry=inquiry, author=assistant, body="案", saved_at=now)
    staff = signed_in(agent)
    with django_assert_max_num_queries(20):
        assert staff.get(url(inquiry)).status_code == 200


def test_pages_are_bounded(db, now, agent):
    hanako = make.make_customer()
    for place in range(26):
        make_inquiry(f"Q-{place:06}", customer=hanako)
    first, second = ListPage(agent, {}, now), ListPage(agent, {"page": "2"}, now)
    assert (first.total, len(first.lines), first.newer, first.older) == ("26", 25, "", "view=open&page=2")
    assert (len(second.lines), second.newer, second.older) == (1, "view=open", "")


def test_the_page_shows_customer_orders_and_thread(db, now, agent, signed_in):
    hanako = make.make_customer()
    order = make.make_order("1001", customer=hanako)
    make.make_order("0999", customer=hanako, ordered_at=now - timedelta(days=1))
    inquiry = make_inquiry(customer=hanako, order=order, order_number="1001")
    Message.objects.create(inquiry=inquiry, kind="note", body="要確認", author=agent, at=now)
    text = signed_in(agent).get(url(inquiry)).content.decode()
    assert "message-note" in text
    assert "社内メモ" in text
    beside = signed_in(agent).get(url(inquiry, "panels/")).content.decode()
    assert beside.index(">1001<") < beside.index(">0999<")
    assert "トートバッグ" in beside


def test_the_same_number_with_another_address_is_told(db, agent, signed_in):
    make.make_order("1001", customer=make.make_customer("持ち主", "owner@mail.example"))
    inquiry = make_inquiry(customer=make.make_customer(), order_number="1001")
    assert "注文番号1001は実在しますが" in signed_in(agent).get(url(inquiry, "panels/")).content.decode()


def test_a_reply_from_the_page(db, agent, signed_in):
    inquiry = make_inquiry()
    answer = signed_in(agent).post(
        url(inquiry, "reply/"), {"body": "三色です。", "version": 1, "seen": 1, "then": "solved"}
    )
    assert answer.status_code == 302
    inquiry.refresh_from_db()
    assert inquiry.status == "solved"
    assert OutgoingMail.objects.count() == 1


def test_a_double_click_sends_one_reply(db, agent, signed_in):
    inquiry = make_inquiry()
    data = {"body": "三色です。", "version": 1, "seen": 1, "then": "pending"}
    staff = signed_in(agent)
    assert [staff.post(url(inquiry, "reply/"), data).status_code for _ in range(2)] == [302, 302]
    assert OutgoingMail.objects.count() == 1


def test_a_stale_reply_shows_what_is_new_and_keeps_the_text(db, now, agent, signed_in):
    inquiry = make_inquiry()
    seen = inquiry.messages.get().pk
    Message.objects.create(inquiry=inquiry, kind="received", body="やはり赤がよいです。", at=now)
    Inquiry.objects.update(version=2)
    data = {"body": "青をお送りします。", "version": 1, "seen": seen, "then": "pending"}
    answer = signed_in(agent).post(url(inquiry, "reply/"), data)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "やはり赤がよいです。" in text
    assert "青をお送りします。" in text
    assert 'name="version" value="2"' in text
    assert text.count(">新着<") == 1
    assert OutgoingMail.objects.count() == 0
    assert Draft.objects.get().body == "青をお送りします。"


@pytest.mark.parametrize(
    "data",
    [
        {"body": "", "version": 1, "then": "pending"},
        {"body": "はい", "version": -1, "then": "pending"},
        {"body": "はい", "version": 10**12, "then": "pending"},
        {"body": "はい", "version": "1.5", "then": "pending"},
        {"body": "はい", "version": 1, "then": "open"},
        {"body": "は\x00い", "version": 1, "then": "pending"},
        {"body": "山田 花子 様\n\n", "version": 1, "then": "pending"},
    ],
)
def test_replies_that_are_refused_in_words(db, agent, signed_in, data):
    inquiry = make_inquiry()
    assert signed_in(agent).post(url(inquiry, "reply/"), data).status_code == 422
    assert OutgoingMail.objects.count() == 0


def test_an_assistant_drafts_and_cannot_send(db, agent, assistant, signed_in):
    inquiry = make_inquiry()
    staff = signed_in(assistant)
    page = staff.get(url(inquiry)).content.decode()
    assert "下書き保存" in page
    assert "返信して" not in page
    assert staff.post(url(inquiry, "draft/"), {"body": "三色です。"}).status_code == 302
    assert (
        staff.post(url(inquiry, "reply/"), {"body": "三色です。", "version": 1, "then": "pending"}).status_code == 403
    )
    assert OutgoingMail.objects.count() == 0
    assert Message.objects.filter(kind="reply").count() == 0
    theirs = Draft.objects.get()
    agents = signed_in(agent)
    assert "下書きがあります：補助 さくら" in agents.get(url(inquiry)).content.decode()
    agents.post(url(inquiry, f"draft/{theirs.pk}/take/"))
    assert Draft.objects.get().author == agent


def test_the_draft_is_saved_in_the_background(db, agent, signed_in):
    inquiry = make_inquiry()
    answer = signed_in(agent).post(url(inquiry, "draft/"), {"body": "途中"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer.content.decode().count("<span") == 1
    assert "途中" in signed_in(agent).get(url(inquiry)).content.decode()


def test_a_call_is_written_down(db, store, agent, signed_in):
    data = {
        "channel": "phone",
        "name": "電話の方",
        "phone": "090-1234-5678",
        "category": "delay",
        "subject": "荷物",
        "body": "まだ届かないとのこと。",
    }
    answer = signed_in(agent).post(f"{LIST}new/", data)
    inquiry = Inquiry.objects.get()
    assert answer.url == url(inquiry)
    assert (inquiry.channel, inquiry.email, inquiry.status) == ("phone", "", "open")
    assert OutgoingMail.objects.count() == 0
    page = signed_in(agent).get(url(inquiry)).content.decode()
    assert "返信して" not in page
    assert "佐藤 彩さんが登録しました" in page


def test_buttons_of_the_side_panel(db, agent, outsourced, signed_in):
    inquiry = make_inquiry()
    staff = signed_in(agent)
    staff.post(url(inquiry, "take/"))
    staff.post(url(inquiry, "category/"), {"category": "delay"})
    staff.post(url(inquiry, "status/"), {"status": "pending"})
    inquiry.refresh_from_db()
    assert (inquiry.assignee, inquiry.category.slug, inquiry.status) == (agent, "delay", "pending")
    staff.post(url(inquiry, "assign/"), {"assignee": outsourced.pk})
    inquiry.refresh_from_db()
    assert inquiry.assignee == outsourced
    for deed, data in [
        ("status/", {"status": "gone"}),
        ("category/", {"category": "x"}),
        ("assign/", {"assignee": "0"}),
    ]:
        assert staff.post(url(inquiry, deed), data).status_code == 422


# --- who sees what ------------------------------------------------------------------------------------------------


def test_outsourced_staff_see_only_their_own(db, now, outsourced, signed_in):
    hanako = make.make_customer(phone="09012345678")
    mine = make_inquiry(
        "Q-MINE01",
        customer=hanako,
        assignee=outsourced,
        phone="09012345678",
        subject="HANAKO@mail.example です",
        body="返事は hanako@mail.example か 090-1234-5678 へ。",
    )
    other = make_inquiry("Q-THER01", customer=hanako, subject="別の件")
    staff = signed_in(outsourced)
    for page in (staff.get(LIST), staff.get(f"{LIST}?tab=all"), staff.get(url(mine))):
        text = page.content.decode()
        assert page.status_code == 200
        assert "別の件" not in text
        assert "Q-THER01" not in text
        assert "hanako@mail.example" not in text.lower()
        assert "09012345678" not in text
        assert "5678" not in text
    assert "h•••@mail.example" in staff.get(url(mine)).content.decode()
    assert staff.get(LIST, {"q": "hanako@mail.example", "tab": "all"}).content.decode().count("Q-MINE01") == 0
    assert staff.get(url(other)).status_code == 404
    for deed in ("reply/", "note/", "draft/"):
        assert staff.post(url(other, deed), {"body": "x", "version": 1, "then": "pending"}).status_code == 404
    for deed in ("take/", "assign/", "status/", "category/"):
        assert staff.post(url(mine, deed), {"status": "solved"}).status_code == 403
    theirs = Draft.objects.create(inquiry=other, author=make.make_user(), body="x", saved_at=now)
    assert staff.post(url(mine, f"draft/{theirs.pk}/take/")).status_code == 404
    assert Draft.objects.get().author == theirs.author
    assert staff.get(f"{LIST}new/").status_code == 403
    assert staff.post(url(mine, "reply/"), {"body": "三色です。", "version": 1, "then": "pending"}).status_code == 302


@pytest.mark.parametrize("role", ["warehouse", "finance"])
def test_who_has_no_business_here(db, signed_in, role):
    inquiry = make_inquiry()
    staff = signed_in(make.make_user("x@shop.example", role=role))
    assert staff.get(LIST).status_code == 403
    assert staff.get(url(inquiry)).status_code == 403
    assert list(Inquiry.objects.visible_to(make.make_user("y@shop.example", role=role))) == []


def test_a_visitor_is_sent_to_sign_in(db, client):
    inquiry = make_inquiry()
    for address in (LIST, url(inquiry), f"{LIST}new/"):
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer.url.startswith("/account/login/")


def test_the_history_of_a_customer(db):
    inquiry = make_inquiry()
    (row,) = timeline.timeline(inquiry.customer)
    assert (row.kind, row.title, row.url, row.tone) == ("inquiry", "色について", url(inquiry), "warn")


@pytest.mark.parametrize("status", Inquiry.Status.values)
def test_the_page_of_a_customer_opens_wherever_their_inquiries_stand(db, agent, signed_in, status, now):
    live = make_inquiry("Q-L1VE00", subject="続きの件")
    label = None
    if status != "merged":
        label = StatusLabel.objects.create(status=status, name_ja="工房に確認中", name_en="Asking the workshop")
    inquiry = make_inquiry(
        customer=live.customer, status=status, label=label, merged_into=live if status == "merged" else None,
        snoozed_until=now if status == "hold" else None, subject="色の件",
    )  # fmt: skip
    answer = signed_in(agent).get(f"/admin/shop/customers/{live.customer_id}/")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert f'href="{url(inquiry)}"' in page
    assert ("工房に確認中" if label else "統合") in page


def test_a_get_changes_nothing(db, agent, signed_in):
    inquiry = make_inquiry()
    for deed in ("reply/", "note/", "draft/", "take/", "assign/", "status/", "category/"):
        assert signed_in(agent).get(url(inquiry, deed)).status_code == 405
