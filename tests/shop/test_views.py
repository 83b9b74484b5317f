"""The screens of orders, customers and imports, as staff meet them."""

import csv
import io
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import translation
from kombu.exceptions import OperationalError

from shopdesk import clock
from shopdesk.accounts import sentences
from shopdesk.accounts.models import AuditEntry
from shopdesk.shop import pages, tasks
from shopdesk.shop.importing import run
from shopdesk.shop.importing.error_file import safe_cell
from shopdesk.shop.models import Closure, ImportJob, Order, Shipment
from tests.make import NOW, make_customer, make_order, make_product, make_store, make_user
from tests.shop.files import ECCUBE, eccube

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def desk(owner, signed_in):
    return signed_in(owner)


def words(response):
    return response.content.decode()


def upload(client, content, name="orders.csv", store=None):
    file = SimpleUploadedFile(name, content, content_type="text/csv")
    return client.post(reverse("desk-shop:imports"), {"file": file, "store": (store or make_store()).pk})


# --- who may see what ---------------------------------------------------------------------------------------------


PAGES = ["orders", "customers", "imports"]


@pytest.mark.parametrize("name", PAGES)
def test_visitors_are_sent_to_the_sign_in(client, name):
    response = client.get(reverse(f"desk-shop:{name}"))
    assert response.status_code == 302
    assert reverse("account_login") in response.url


@pytest.mark.parametrize(
    ("role", "orders", "imports"),
    [
        ("owner", 200, 200),
        ("agent", 200, 403),
        ("warehouse", 200, 200),
        ("finance", 200, 403),
        ("outsourced", 403, 403),
    ],
)
def test_roles(signed_in, role, orders, imports):
    order = make_order()
    job = run.store_file(ECCUBE, file_name="a.csv", store=make_store(), by=None, now=NOW)
    client = signed_in(make_user(role=role))
    for url in (
        reverse("desk-shop:orders"),
        reverse("desk-shop:order", args=[order.pk]),
        reverse("desk-shop:customers"),
        reverse("desk-shop:customer", args=[order.customer_id]),
    ):
        assert client.get(url).status_code == orders
    for name, args in (("imports", []), ("import", [job.pk])):
        assert client.get(reverse(f"desk-shop:{name}", args=args)).status_code == imports
    if imports == 403:
        for name in ("look", "confirm", "run", "discard"):
            assert client.post(reverse(f"desk-shop:import-{name}", args=[job.pk])).status_code == 403
        assert client.get(reverse("desk-shop:import-errors", args=[job.pk])).status_code == 403
        assert ImportJob.objects.get().dry_run is True


# --- orders and customers -----------------------------------------------------------------------------------------


def test_the_list_costs_the_same_for_one_order_and_for_fifty(desk, django_assert_max_num_queries):
    hanako = make_customer()
    for number in range(60):
        make_order(str(number), customer=hanako)
    with django_assert_max_num_queries(7):  # session, user, role, stores, count, orders, the frame's store
        response = desk.get(reverse("desk-shop:orders"))
    assert len(response.context["page_obj"].object_list) == 50


def test_the_order_page_costs_the_same_for_many_lines(desk, django_assert_max_num_queries):
    products = [make_product(f"SKU-{n}", name=f"品 {n}") for n in range(20)]
    order = make_order(lines=[(product, 2) for product in products])
    with django_assert_max_num_queries(11):
        response = desk.get(reverse("desk-shop:order", args=[order.pk]))
    assert "品 19" in words(response)


@pytest.mark.parametrize(
    "query", ["#1001", "1001", "10", "花子", "山田花子", "山田 花子", "hanako@", "1234-5678", "09012345678"]
)
def test_an_order_is_found_by_what_people_remember(desk, query):
    order = make_order("#1001", customer=make_customer(phone="09012345678"), phone="09012345678")
    other = make_customer("鈴木 一郎", "ichiro@mail.example")
    make_order("#2002", customer=other)
    response = desk.get(reverse("desk-shop:orders"), {"q": query})
    assert list(response.context["page_obj"]) == [order]


def test_filters_and_nonsense_in_the_address(desk):
    shipped, new = make_order("1", status="shipped"), make_order("2", customer=make_customer("乙", ""), status="new")
    url = reverse("desk-shop:orders")
    assert list(desk.get(url, {"status": "new"}).context["page_obj"]) == [new]
    assert list(desk.get(url, {"store": "honten", "status": "shipped"}).context["page_obj"]) == [shipped]
    for nonsense in (
        {"status": "x"},
        {"store": "x"},
        {"page": "-1"},
        {"page": "999999999999"},
        {"q": "\x00"},
        {"q": "%"},
    ):
        assert desk.get(url, nonsense).status_code == 200
    assert "該当する注文はありません" in words(desk.get(url, {"q": "nobody"}))


def test_the_list_ends_somewhere(monkeypatch, desk):
    monkeypatch.setattr(pages.BoundedPaginator, "most", 3)
    monkeypatch.setattr(pages, "PER_PAGE", 2)
    hanako = make_customer()
    for number in range(5):
        make_order(str(number), customer=hanako)
    assert desk.get(reverse("desk-shop:orders")).context["page_obj"].paginator.num_pages == 2


def test_the_order_page_says_what_was_paid_for_each_and_warns_of_a_wrong_number(desk):
    order = make_order(lines=[(make_product(), 3, 100)])
    Shipment.objects.update(tracking_number="396002375700")
    text = words(desk.get(reverse("desk-shop:order", args=[order.pk])))
    assert "¥34 × 1" in text
    assert "¥33 × 2" in text
    assert "https://toi.kuronekoyamato.co.jp/cgi-bin/tneko?number01=396002375700" in text
    assert "伝票番号の桁が合いません" in text
    Shipment.objects.update(tracking_number="396002375705")
    assert "伝票番号の桁が合いません" not in words(desk.get(reverse("desk-shop:order", args=[order.pk])))


def test_what_customers_typed_is_shown_and_never_run(desk):
    evil = "<script>alert(1)</script>"
    order = make_order(customer=make_customer(evil), note=evil, raw=[{evil: evil}])
    assert evil not in words(desk.get(reverse("desk-shop:order", args=[order.pk])))
    assert evil not in words(desk.get(reverse("desk-shop:customer", args=[order.customer_id])))


def test_customers_are_found_by_kana_and_address(desk, django_assert_max_num_queries):
    hanako = make_customer(name_kana="ヤマダ ハナコ")
    ichiro = make_customer("鈴木 一郎", "ichiro@mail.example", phone="09012345678")
    make_order(customer=hanako)
    url = reverse("desk-shop:customers")
    for query in ("はなこ", "hanako@", "山田"):
        assert list(desk.get(url, {"q": query}).context["page_obj"].object_list) == [hanako]
    assert list(desk.get(url, {"q": "090-1234"}).context["page_obj"].object_list) == [ichiro]
    with django_assert_max_num_queries(8):
        page = desk.get(url).context["page_obj"].object_list
    assert [(customer.name, customer.order_count) for customer in page] == [("鈴木 一郎", 0), ("山田 花子", 1)]


def test_the_customers_history_is_newest_first(desk):
    hanako = make_customer()
    make_order("1001", customer=hanako)
    make_order("1002", customer=hanako, ordered_at=NOW - timedelta(days=1), status="paid")
    text = words(desk.get(reverse("desk-shop:customer", args=[hanako.pk])))
    assert text.index("1002") < text.index("1001")


# --- imports ------------------------------------------------------------------------------------------------------


def test_a_file_is_looked_at_confirmed_and_imported(desk, owner):
    response = upload(desk, eccube({}, {"注文番号": "102", "個数": "x"}))
    job = ImportJob.objects.get()
    assert response.status_code == 302
    assert response.url == reverse("desk-shop:import", args=[job.pk])
    assert (job.by, job.new, job.errors_total) == (owner, 1, 1)
    assert not Order.objects.exists()
    text = words(desk.get(response.url))
    assert "EC-CUBE 4" in text
    assert "Shift_JIS (CP932)" in text
    assert "個数" in text
    assert "1 件を取り込む" in text
    confirm = reverse("desk-shop:import-confirm", args=[job.pk])
    assert desk.post(confirm).url == response.url
    desk.post(confirm)  # the second click of a double click
    assert Order.objects.get().plan_followups is True
    text = words(desk.get(response.url))
    assert "完了" in text
    assert "数量は 1～10000" in text


def test_old_orders_plan_mail_only_when_the_box_is_ticked(desk):
    old = {"受注日": "2026-01-05 10:00:00"}
    upload(desk, eccube({**old, "注文番号": "1"}))
    desk.post(reverse("desk-shop:import-confirm", args=[ImportJob.objects.first().pk]))
    upload(desk, eccube({**old, "注文番号": "2"}))
    desk.post(reverse("desk-shop:import-confirm", args=[ImportJob.objects.first().pk]), {"plan_followups": "on"})
    assert dict(Order.objects.values_list("number", "plan_followups")) == {"1": False, "2": True}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("orders.csv", b"", "空です"),
        ("orders.csv", b"PK\x03\x04....", "Excel ブック"),
        ("setup.exe", b"MZ\x90\x00....", "テキストファイルではありません"),
        ("orders.csv", b"a,b\n", "データの行がありません"),
    ],
)
def test_what_is_no_export_is_answered_with_422_and_not_kept(desk, name, content, sentence):
    response = upload(desk, content, name)
    assert response.status_code == 422
    assert sentence in words(response)
    assert not ImportJob.objects.exists()


def test_a_file_that_is_too_large_is_refused(desk, monkeypatch):
    monkeypatch.setattr(run, "MAX_FILE", 100)
    response = upload(desk, b"x" * 101)
    assert response.status_code == 422
    assert not ImportJob.objects.exists()


def test_a_form_without_a_file_or_store_is_answered_with_422(desk):
    make_store()
    assert desk.post(reverse("desk-shop:imports")).status_code == 422


@pytest.mark.parametrize("content", ["名前,住所\n山田,東京\n".encode(), b"abc,\x81\x01\xff\xfd,def\nx,y,z"])
def test_a_file_in_an_unknown_form_is_kept_and_may_be_read_in_another_way(desk, content):
    response = upload(desk, content)
    assert response.status_code == 422
    job = ImportJob.objects.get()
    look = reverse("desk-shop:import-look", args=[job.pk])
    response = desk.post(look, {"profile": "shopify", "encoding": "cp932", "store": job.store_id})
    assert response.status_code == 422
    assert 'value="shopify" selected' in words(response)
    desk.get(reverse("desk-shop:import", args=[job.pk]))
    desk.post(reverse("desk-shop:import-confirm", args=[job.pk]))
    assert ImportJob.objects.get().dry_run is True  # what could not be read is not confirmed
    desk.post(reverse("desk-shop:import-discard", args=[job.pk]))
    assert not ImportJob.objects.exists()


def test_another_store_may_be_chosen_before_confirming(desk):
    mall = make_store("mall")
    upload(desk, eccube({}))
    job = ImportJob.objects.get()
    look = reverse("desk-shop:import-look", args=[job.pk])
    assert desk.post(look, {"profile": "auto", "encoding": "auto", "store": mall.pk}).status_code == 302
    desk.post(reverse("desk-shop:import-confirm", args=[job.pk]))
    assert Order.objects.get().store == mall
    # Afterwards nothing can be chosen or thrown away any more.
    desk.post(look, {"profile": "auto", "encoding": "auto", "store": make_store().pk})
    desk.post(reverse("desk-shop:import-discard", args=[job.pk]))
    assert ImportJob.objects.get().store == mall


def test_a_large_file_goes_to_a_worker(desk, monkeypatch):
    monkeypatch.setattr(run, "IN_REQUEST", 1)
    rung = []
    monkeypatch.setattr(tasks.run_import, "delay", rung.append)
    upload(desk, eccube({"注文番号": "1"}, {"注文番号": "2"}))
    job = ImportJob.objects.get()
    desk.post(reverse("desk-shop:import-confirm", args=[job.pk]))
    assert rung == [job.pk]
    assert not Order.objects.exists()
    progress = reverse("desk-shop:import-progress", args=[job.pk])
    waiting = desk.get(progress)
    assert "開始を待っています" in words(waiting)
    assert "HX-Refresh" not in waiting
    tasks.run_import(job.pk)
    tasks.run_import(job.pk)  # rung twice
    tasks.run_import(0)
    assert Order.objects.count() == 2
    assert desk.get(progress)["HX-Refresh"] == "true"


def test_a_worker_that_cannot_be_reached_is_admitted_and_the_page_helps(desk, monkeypatch):
    monkeypatch.setattr(run, "IN_REQUEST", 0)

    def away(pk):
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.run_import, "delay", away)
    upload(desk, eccube({}))
    job = ImportJob.objects.get()
    response = desk.post(reverse("desk-shop:import-confirm", args=[job.pk]), follow=True)
    assert "接続できませんでした" in words(response)
    assert "ここで実行する" in words(response)
    desk.post(reverse("desk-shop:import-run", args=[job.pk]))
    assert Order.objects.count() == 1
    assert ImportJob.objects.get().status == "done"


def test_bad_rows_can_be_downloaded_and_hold_no_formula(desk):
    upload(desk, eccube({"個数": "x", "お名前(姓)": "=1+1", "TEL": "+81 90", "値引き": "-500"}, {"注文番号": "102"}))
    job = ImportJob.objects.get()
    response = desk.get(reverse("desk-shop:import-errors", args=[job.pk]))
    assert response["Content-Disposition"] == f'attachment; filename="errors-{job.pk}.csv"'
    assert response.content.startswith(b"\xef\xbb\xbf")
    [header, row] = csv.reader(io.StringIO(response.content.decode("utf-8-sig")))
    told = dict(zip(header, row, strict=True))
    assert (told["お名前(姓)"], told["TEL"], told["値引き"]) == ("'=1+1", "'+81 90", "-500")
    assert (told["行番号"], told["注文番号"]) == ("2", "101")
    assert told["エラー"].startswith("個数: ")


@pytest.mark.parametrize("cell", ["=1", "+1+1", "-1+1", "@x", "\tx", "\rx", "＝1", "＋1", "－1", "＠x", "-"])
def test_a_dangerous_cell_gets_an_apostrophe(cell):
    assert safe_cell(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "-500", "-1.5", "100", "山田", "a=1"])
def test_a_harmless_cell_stays(cell):
    assert safe_cell(cell) == cell


# --- settings tables ----------------------------------------------------------------------------------------------


def test_the_holidays_are_added_by_a_button(desk, agent, signed_in):
    url = reverse("admin:shop_closure_seed")
    assert signed_in(agent).post(url).status_code == 403
    assert desk.get(url).status_code == 405
    assert desk.post(url).status_code == 302
    page = words(desk.get(reverse("admin:shop_closure_changelist")))
    assert "元日" in page


def test_added_holidays_are_on_record_once(desk, owner):
    Closure.objects.all().delete()
    url = reverse("admin:shop_closure_seed")
    for _ in range(2):  # the second time there is nothing to add
        assert desk.post(url).status_code == 302
    (entry,) = AuditEntry.objects.filter(code__startswith="settings.")
    count = Closure.objects.count()
    assert count > 40
    assert (entry.code, entry.actor, entry.data) == (
        "settings.seeded", owner, {"table": "shop.closure", "first": 2026, "last": 2028, "count": count},
    )  # fmt: skip
    assert sentences.sentence(entry) == f"設定に2026年から2028年までの祝日を追加しました：休業日（{count}件）"
    with translation.override("en"):
        assert sentences.sentence(entry).startswith("Added the public holidays of 2026 to 2028 to the settings: ")


@pytest.mark.parametrize("model", ["store", "businesshours", "closure", "productcategory", "product"])
def test_settings_tables_open_for_those_who_may_change_them(desk, agent, signed_in, model):
    make_product()
    make_store()
    for name in ("changelist", "add"):
        url = reverse(f"admin:shop_{model}_{name}")
        assert desk.get(url).status_code == 200
        assert signed_in(agent).get(url).status_code == 403
