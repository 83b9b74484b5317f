"""A list taken away as a file: by whom, why, which rows exactly, and what stands in its cells."""

import csv
import io
from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from django.utils.html import strip_tags
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inquiries import exporting, indexing, searching
from inquiries.listpage import ListPage
from inquiries.models import Category, Cause, Inquiry, SavedView, StatusLabel, Tag
from shopdesk.accounts import facts, sentences
from shopdesk.accounts.models import AuditEntry, Role
from shopdesk.accounts.permissions import P
from tests import make
from tests.inquiries.make import make_inquiry
from tests.make import NOW, PASSWORD

EXPORT = reverse("desk-inquiries:export")
LIST = reverse("desk-inquiries:list")
REASON = "税理士へ渡す月次の資料"
PHONE = "09012345678"


@pytest.fixture
def manager(db):
    return make.make_user("sekinin@shop.example", name="責任 者子", role="manager")


@pytest.fixture
def client(manager, signed_in):
    """The manager, who has just said who they are."""
    return confirmed(signed_in(manager))


def confirmed(client):
    done = client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": LIST})
    assert done.status_code == 302
    return client


def forget(client):
    """As after five minutes."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()


def post(client, query="view=all", **data):
    return client.post(f"{EXPORT}?{query}", {"reason": REASON, **data})


def rows(response):
    """What a reader of the file gets: a dictionary for each line."""
    assert response.status_code == 200, response.content.decode()[:400]
    return list(csv.DictReader(io.StringIO(b"".join(response).decode("utf-8-sig"), newline="")))


def numbers(response):
    return [row["受付番号"] for row in rows(response)]


def exported():
    return AuditEntry.objects.filter(code="inquiries.exported")


# --- who ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["agent", "assistant", "outsourced", "warehouse", "finance"])
def test_others_may_not_and_see_no_link(role, signed_in, store):
    user = make.make_user(f"{role}@desk.example", role=role)
    make_inquiry(assignee=user)
    client = confirmed(signed_in(user))
    assert client.get(f"{EXPORT}?view=all").status_code == 403
    assert post(client).status_code == 403
    assert EXPORT not in client.get(LIST).text
    assert not exported().exists()


def test_who_sees_assigned_work_only_may_not_even_with_the_permission(outsourced, signed_in):
    Role.objects.filter(code="outsourced").update(permissions=[*outsourced.role.permissions, P.INQUIRIES_EXPORT])
    make_inquiry(assignee=outsourced)
    client = confirmed(signed_in(outsourced))
    assert client.get(f"{EXPORT}?view=all").status_code == 403
    assert post(client).status_code == 403
    assert EXPORT not in client.get(LIST).text
    assert not exported().exists()


def test_the_list_leads_to_its_own_export(client):
    make_inquiry()
    page = client.get(f"{LIST}?view=pending&category=spec").text
    assert f'href="{EXPORT}?view=pending&amp;category=spec"' in page
    assert "CSVに書き出す…" in page


def test_the_table_is_covered_for_who_may_not_read_contacts(outsourced, agent):
    """Nobody without "everybody's" comes here; should a door be left open one day, no address passes through it."""
    customer = make.make_customer(phone=PHONE)
    own = make_inquiry(
        customer=customer, assignee=outsourced, phone=PHONE, name="hanako", order_number="090-1234-5678",
        subject=f"{PHONE} hanako@mail.example へ", product_text="０９０－１２３４－５６７８",
    )  # fmt: skip
    other = make_inquiry("Q-TEST02", customer=customer, assignee=agent, subject="極秘")
    for personal in (True, False):
        text = b"".join(exporting.table([own.pk, other.pk], user=outsourced, personal=personal)).decode()
        assert "Q-TEST01" in text
        assert "Q-TEST02" not in text
        for secret in (PHONE, "1234", "hanako", "極秘", "１２３４"):
            assert secret not in text.replace("h•••@mail.example", "")


def test_somebody_who_signed_in_long_ago_is_asked_again(manager, signed_in):
    make_inquiry()
    client = signed_in(manager)
    asked = client.get(f"{EXPORT}?view=all&category=spec")
    assert asked.status_code == 302
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    back = client.post(asked["Location"], {"password": PASSWORD})
    assert back["Location"] == f"{EXPORT}?view=all&category=spec"
    assert client.get(back["Location"]).status_code == 200


def test_who_took_long_is_asked_again_and_keeps_the_words(client):
    make_inquiry()
    client.get(f"{EXPORT}?view=all")
    forget(client)
    late = post(client, personal="1")
    assert late.status_code == 302
    assert not exported().exists()
    asked = client.get(late["Location"])
    back = client.post(asked["Location"], {"password": PASSWORD})
    page = client.get(back["Location"])
    assert f'value="{REASON}"' in page.text
    assert '<input type="radio" name="personal" value="1" checked>' in page.text
    assert "checked" in page.text.split('name="personal" value="1"')[1][:10]
    assert REASON not in client.get(back["Location"]).text  # kept for once


# --- why, and what is on record -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reason", ["", "   ", "。。。。。。", "ああああああ", "abc", "test", "Test", "- - - -", "x" * 201]
)
def test_a_reason_that_says_nothing_is_refused_and_kept(reason, client):
    make_inquiry()
    response = post(client, "view=all&category=spec", reason=reason, personal="1")
    assert response.status_code == 422
    assert "field-error" in response.text
    assert '<input type="radio" name="personal" value="1" checked>' in response.text
    if reason.strip():
        assert f'value="{reason.strip()}"' in response.text
    assert not exported().exists()


def test_it_is_written_down_before_the_first_byte_leaves(client, manager):
    make_inquiry()
    indexing.sweep(NOW)
    response = post(client, "view=open&category=spec&q=色", personal="1", reason=f" {REASON}\r\n ")
    entry = exported().get()
    assert (entry.actor, entry.at) == (manager, NOW)
    assert entry.data == {
        "count": 1,
        "note": REASON,
        "personal": ["name", "email", "phone"],
        "list": {
            "view": "open",
            "q": "色",
            "filters": {"all": [{"field": "category", "op": "is", "value": ["spec"]}], "any": []},
        },
    }
    next(iter(response))  # the browser goes away after a piece; the line stays
    del response
    assert exported().count() == 1


def test_twice_is_two_lines_of_the_log(client):
    make_inquiry()
    assert numbers(post(client)) == numbers(post(client)) == ["Q-TEST01"]
    assert [entry.data["personal"] for entry in exported()] == [["none"], ["none"]]


def test_an_empty_list_writes_nothing(client):
    make_inquiry()
    page = client.get(f"{EXPORT}?view=solved")
    assert "書き出すものがありません" in page.text
    assert 'name="reason"' not in page.text
    response = post(client, "view=solved")
    assert response.status_code == 422
    assert "書き出すものがありません" in response.text
    assert not exported().exists()


def test_a_view_that_is_gone_is_not_replaced_by_another(client, manager):
    make_inquiry()
    view = SavedView.objects.create(owner=manager, name="急ぎ", conditions={"all": [], "any": []})
    assert numbers(post(client, f"view=v{view.pk}")) == ["Q-TEST01"]
    view.delete()
    response = post(client, f"view=v{view.pk}")
    assert response.status_code == 422
    assert "このビューはなくなりました" in response.text
    assert exported().count() == 1


@pytest.mark.parametrize(
    ("language", "sentence", "told"),
    [
        ("ja", f"問い合わせをCSVに書き出しました（1件、お客様の情報なし）：{REASON}", "お客様の情報なし"),
        ("en", f"Wrote inquiries to a file (1, without customers' data): {REASON}", "without customers' data"),
    ],
)
def test_the_log_says_it_in_words(language, sentence, told, client, manager):
    make_inquiry()
    indexing.sweep(NOW)
    tag = Tag.objects.create(name="見本送付")
    view = SavedView.objects.create(
        owner=manager, name="色の質問", conditions={"all": [{"field": "tags", "op": "none", "value": [tag.pk]}]}
    )
    assert numbers(post(client, f"view=v{view.pk}&status=open&q=色")) == ["Q-TEST01"]
    entry = exported().get()
    with translation.override(language):
        assert sentences.sentence(entry) == sentence
        others = dict(facts.others(entry))
        status = str(Inquiry.Status.OPEN.label)
    assert told in others.values()
    [which] = [value for value in others.values() if value.startswith("色の質問 · ")]
    for part in (status, "見本送付", "色"):
        assert part in which
    assert REASON not in sentences.headline(entry)
    assert sentences.kind("inquiries.exported") == "問い合わせをCSVに書き出しました"
    manager.language = language
    manager.save()
    page = client.get(reverse("admin:accounts_auditentry_change", args=[entry.pk]))
    assert which in " ".join(strip_tags(page.text).split()).replace("&quot;", '"')
    assert sentence.split("：")[0].split(" (")[0] in client.get(
        reverse("admin:accounts_auditentry_changelist") + "?code=inquiries.exported"
    ).text  # fmt: skip


def test_names_of_what_is_taken_stand_in_the_log(client):
    make_inquiry()
    rows(post(client, personal="1"))
    assert "（1件、名前、メールアドレス、電話番号）" in sentences.sentence(exported().get())


def test_an_entry_of_another_version_can_be_read():
    for odd in (None, [], "view=all", {"view": 7}, {"view": "v9", "conditions": ["x"], "filters": 3}):
        entry = AuditEntry(code="inquiries.exported", data={"count": 1, "list": odd, "personal": ["gone"]})
        assert facts.others(entry)
        assert sentences.sentence(entry)


# --- which rows -----------------------------------------------------------------------------------------------------


@pytest.fixture
def many(store, manager, agent):
    """Sixty inquiries of every kind, in more pages than one."""
    tag, label = Tag.objects.create(name="見本送付"), StatusLabel.objects.filter(status="open").first()
    categories = list(Category.objects.all()[:3])
    for place in range(60):
        status = ("open", "open", "pending", "solved", "spam")[place % 5]
        made = make_inquiry(
            f"Q-{place:06}", customer=Inquiry.objects.first().customer if place else None, status=status,
            category=categories[place % 3].slug, assignee=(None, manager, agent)[place % 3],
            subject=f"返品の相談{place}" if place % 2 else "色について",
            body="取り消したい" if place % 4 else "色は何色ですか。", label=label if status == "open" else None,
            # Some at the same moment: their order is still one order.
            opened_at=NOW - timedelta(hours=place // 3 + 1),
        )  # fmt: skip
        if place % 7 == 0:
            made.tags.add(tag)
    indexing.sweep(NOW, 1000)
    return tag


def listed(user, query):
    """The numbers that all pages of a list show."""
    found, number = [], 0
    while True:
        number += 1
        page = ListPage(user, QueryDict(f"{query}&page={number}"), NOW)
        found += [line["number"] for line in page.lines]
        if not page.older:
            return found


QUERIES = st.builds(
    "&".join,
    st.tuples(
        st.sampled_from(
            ["view=all", "view=open", "view=mine", "view=unassigned", "view=SAVED", "view=BROKEN", "view=x"]
        ),
        st.sampled_from(["", "status=open", "status=pending", "status=merged"]),
        st.sampled_from(["", "category=spec", "category=stock", "category=none"]),
        st.sampled_from(["", "assignee=none", "assignee=AGENT", "assignee=-1"]),
        st.sampled_from(["", "", "tag=TAG"]),
        st.sampled_from(["", "", "q=返品", "q=色は", "q=Q-000007", "q=取消", "q=・", "q=山田", "page=2"]),
    ),
)


@pytest.fixture
def filters(many, manager, agent):
    conditions = {"all": [{"field": "status", "op": "is", "value": ["open", "solved"]}]}
    conditions["any"] = [
        {"field": "subject", "op": "contains", "value": "返品"},
        {"field": "tags", "op": "any", "value": [many.pk]},
    ]
    saved = SavedView.objects.create(owner=agent, shared=True, name="返品など", conditions=conditions, order="oldest")
    broken = SavedView.objects.create(owner=manager, name="古い", conditions={"all": [{"field": "gone"}]})
    names = {"SAVED": f"v{saved.pk}", "BROKEN": f"v{broken.pk}", "AGENT": str(agent.pk), "TAG": str(many.pk)}

    def fill(query):
        for name, value in names.items():
            query = query.replace(name, value)
        return query

    return fill


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=QUERIES)
def test_the_file_holds_what_the_pages_of_the_list_show_in_their_order(query, filters, manager):
    query = filters(query)
    page = ListPage(manager, QueryDict(query), NOW)
    found = exporting.chosen(page)
    text = b"".join(exporting.table(found.keys, user=manager, personal=False)).decode("utf-8-sig")
    [_first, *lines] = csv.reader(io.StringIO(text, newline=""))
    assert [line[0] for line in lines] == listed(manager, query)
    assert exporting.count(page)[0] == len(lines)


def test_a_search_is_whole_over_its_pages(client, many, manager, monkeypatch):
    monkeypatch.setattr(searching, "PER_PAGE", 5)
    expected = listed(manager, "view=all&q=取り消したい")
    assert len(expected) == 36
    assert numbers(post(client, "view=all&q=取り消したい")) == expected
    monkeypatch.setattr(searching, "MOST_PAGES", 2)
    assert (
        numbers(post(client, "view=all&q=取り消したい")) == listed(manager, "view=all&q=取り消したい") == expected[:10]
    )
    assert exported().first().data["count"] == 10
    assert "新しい順に1,000件までです" in client.get(f"{EXPORT}?view=all&q=取り消したい").text


def test_the_page_says_what_will_be_written(client, filters):
    page = " ".join(strip_tags(client.get(f"{EXPORT}?{filters('view=SAVED&assignee=AGENT')}").text).split())
    for words in ("返品など", "担当者：佐藤 彩", "受信が古い順", "受付番号", "Asia/Tokyo"):
        assert words in page
    count = len(listed(Inquiry.objects.get(number="Q-000001").assignee, filters("view=SAVED&assignee=AGENT")))
    assert f"{count}件を書き出す" in page


def test_what_comes_in_while_it_is_read_changes_no_line(client, many):
    response = post(client)
    expected = list(
        Inquiry.objects.exclude(status="spam").order_by("-last_activity_at", "-pk").values_list("number", flat=True)
    )
    stream = iter(response)
    first = next(stream)
    make_inquiry("Q-NEW001", customer=Inquiry.objects.first().customer)
    Inquiry.objects.filter(number="Q-000000").update(last_activity_at=NOW - timedelta(days=9))
    rest = b"".join(stream)
    lines = list(csv.reader(io.StringIO((first + rest).decode("utf-8-sig"), newline="")))
    assert [line[0] for line in lines[1:]] == expected


def test_what_may_not_be_seen_any_more_is_left_out(client, many, manager):
    response = post(client)
    manager.role = Role.objects.get(code="warehouse")
    manager.save()
    assert len(exporting.Inquiry.objects.visible_to(manager)) == 0
    rows(response)  # of who asked, as they were then
    assert (
        b"".join(exporting.table([*Inquiry.objects.values_list("pk", flat=True)], user=manager, personal=True)).count(
            b"\r\n"
        )
        == 1
    )


# --- what stands in it ----------------------------------------------------------------------------------------------


@pytest.fixture
def full(store, manager):
    cause = Cause.objects.create(
        name_ja="破損", name_en="broken", parent=Cause.objects.create(name_ja="輸送", name_en="transport")
    )
    customer = make.make_customer(phone=PHONE)
    order = make.make_order("0012", customer=customer, lines=[(make.make_product(), 1)])
    made = make_inquiry(
        customer=customer, status="solved", phone=PHONE, channel="phone", phase="delivered", assignee=manager, cause=cause,
        order=order, product=make.make_product(), first_replied_at=NOW, first_diff=-30, solve_diff=0,
        subject="＝SUM(1)の山田 花子（090-1234-5678、hanako@mail.example）\"A\", B", label=StatusLabel.objects.filter(status="solved").first(),
    )  # fmt: skip
    made.tags.add(Tag.objects.create(name="見本送付"), Tag.objects.create(name="@至急"))
    return made


def test_every_column(client, full):
    [row] = rows(post(client, personal="1"))
    label = StatusLabel.objects.filter(status="solved").first().name_ja
    assert row == {
        "受付番号": "Q-TEST01",
        "件名": '\'＝SUM(1)の山田 花子（090-1234-5678、hanako@mail.example）"A", B',
        "ステータス": label,
        "ステータスの区分": "完了",
        "段階": str(Inquiry.Phase.DELIVERED.label),
        "カテゴリー": full.category.name_ja,
        "受付方法": "電話",
        "店舗": "くらしの道具店",
        "タグ": "'@至急、見本送付",
        "原因": "輸送 › 破損",
        "商品": "LB-01 革のトートバッグ",
        "担当者": "責任 者子",
        "受付日時": "2026-11-20 09:00:00",
        "初回返信日時": "2026-11-20 10:00:00",
        "完了日時": "2026-11-20 09:00:00",
        "初回返信の期限": "期限超過",
        "初回返信：期限までの残り（営業分）": "-30",
        "完了の期限": "期限内",
        "完了：期限までの残り（営業分）": "0",
        "注文番号": "'0012",
        "名前": "山田 花子",
        "メールアドレス": "hanako@mail.example",
        "電話番号": f"'{PHONE}",
    }


def test_left_out_is_left_out_of_free_text_too(client, full):
    Inquiry.objects.update(product=None, product_text="山田花子様の財布 090 1234 5678", order=None, order_number=PHONE)
    [row] = rows(post(client))
    assert set(row) & {"名前", "メールアドレス", "電話番号"} == set()
    for secret in ("山田", "花子", "1234", "hanako"):
        assert secret not in "".join(row.values())
    assert row["商品"] == "•••様の財布 •••"
    assert row["件名"].startswith("'＝SUM(1)の•••（")
    assert exported().get().data["personal"] == ["none"]


@pytest.mark.parametrize("answer", ["", "0", "yes", "1 "])
def test_only_a_clear_yes_takes_what_customers_are_known_by(answer, client, full):
    response = post(client, personal=answer)
    if response.status_code == 200:
        assert "名前" not in rows(response)[0]
    else:
        assert response.status_code == 422
        assert not exported().exists()


def test_no_cell_begins_with_a_formula(client, store):
    for place, sign in enumerate(
        ["=1", "+1", "-1", "@A", "\t1", "＝1", "＋1", "－1", "＠A", " =1", "　=1", '"=1', "'=1"]
    ):
        make_inquiry(
            f"Q-{place:06}", customer=make.make_customer(f"{sign}名", f"{place}@mail.example"), subject=f"{sign}件",
            product_text=f"{sign}品", order_number=f"{sign}番",
        )  # fmt: skip
    found = rows(post(client, personal="1"))
    assert len(found) == 13
    for row in found:
        for column in ("件名", "商品", "注文番号", "名前"):
            assert row[column][0] == "'"
            assert row[column][1:-1] in {
                "=1",
                "+1",
                "-1",
                "@A",
                "\t1",
                "＝1",
                "＋1",
                "－1",
                "＠A",
                " =1",
                "　=1",
                '"=1',
                "'=1",
            }


def test_the_file_is_one_that_excel_opens(client, full):
    response = post(client)
    assert response.streaming
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Cache-Control"] == "no-store"
    plain, _, name = response["Content-Disposition"].partition("; filename*=UTF-8''")
    assert plain == 'attachment; filename="inquiries_2026-11-20_1000.csv"'
    assert unquote(name) == "問い合わせ_2026-11-20_1000.csv"
    assert name.isascii()
    data = b"".join(response)
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\xef\xbb\xbf") == 1
    assert data.endswith(b"\r\n")
    assert data.count(b"\n") == data.count(b"\r\n") == 2


def test_in_english(client, manager, full):
    manager.language = "en"
    manager.save()
    response = post(client, "view=all", personal="1")
    assert unquote(response["Content-Disposition"]).endswith("''inquiries_2026-11-20_1000.csv")
    translation.activate("ja")  # somebody else's page in the same process, before this one is read
    [row] = rows(response)
    assert (row["Reference number"], row["First answer in time"], row["Status counts as"]) == (
        "Q-TEST01",
        "missed",
        "Solved".lower(),
    )
    assert row["Cause"] == "transport › broken"
    assert row["Tags"] == "'@至急, 見本送付"
    assert row["Received"] == "2026-11-20 09:00:00"
    assert translation.get_language() == "ja"


def test_the_zone_is_the_shops_whoever_asks(client, manager, full):
    manager.time_zone = "America/New_York"
    manager.save()
    assert rows(post(client))[0]["受付日時"] == "2026-11-20 09:00:00"


# --- what it costs --------------------------------------------------------------------------------------------------


def test_a_longer_list_asks_no_more(client, many, monkeypatch):
    def asked(query):
        with CaptureQueriesContext(connection) as queries:
            count = len(rows(post(client, query)))
        return count, len(queries)

    few, least = asked("view=all&category=spec")
    most, same = asked("view=all")
    assert few < 20 < most
    assert same == least
    monkeypatch.setattr(exporting, "_BATCH", 10)
    longer, more = asked("view=all")
    assert longer == most
    assert more == same + -(-most // 10) - 1  # one for each batch


def test_the_list_asks_no_more_than_before(client, many, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        client.get(f"{LIST}?view=all")
