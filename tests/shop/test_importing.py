"""What an import does to the database."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from io import StringIO
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from shopdesk import clock
from shopdesk.shop import demo, products
from shopdesk.shop.importing import applying, run
from shopdesk.shop.importing.problems import FileProblem
from shopdesk.shop.models import Customer, ImportJob, Order, OrderLine, Product, Shipment
from tests.make import NOW, make_order, make_product, make_store
from tests.shop.files import DATA, ECCUBE, SHOPIFY, eccube, shopify

TOKYO = ZoneInfo("Asia/Tokyo")


def bring(content, *, now=NOW, **options):
    """Import a file into the main store: (new, updated, unchanged, codes of the problems)."""
    outcome = run.run(content, store=make_store(), now=now, **options)
    return outcome.new, outcome.updated, outcome.unchanged, [problem.code for problem in outcome.problems]


def shipped(**more):
    return {"対応状況(ID)": "5", "発送日": "2026-11-19 14:00:00", "出荷伝票番号": "396002375705", **more}


@pytest.mark.django_db
def test_the_eccube_sample_arrives_and_a_second_import_changes_nothing():
    product = make_product("LTH-001", name="手縫い二つ折り財布")
    assert bring(ECCUBE) == (1, 0, 0, [])
    order = Order.objects.get()
    line = order.lines.get()
    assert (order.number, order.status, order.total, order.goods_paid) == ("101", "shipped", 14_960, 14_300)
    assert (line.product, line.quantity, line.paid_total, line.unit_amounts) == (product, 1, 14_300, [14_300])
    assert (line.qty_shipped, line.returnable) == (1, 1)
    parcel = order.shipments.get()
    assert (parcel.tracking_number, parcel.shipped_at) == ("123456789013", datetime(2026, 11, 5, 14, 20, tzinfo=TOKYO))
    assert order.customer.identities.get().platform_id == "12"
    assert order.customer.email == "midori@example.com"
    before = (Order.objects.values().get(), OrderLine.objects.values().get(), Shipment.objects.values().get())
    assert bring(ECCUBE, now=NOW + timedelta(days=1)) == (0, 0, 1, [])
    assert (Order.objects.values().get(), OrderLine.objects.values().get(), Shipment.objects.values().get()) == before


@pytest.mark.django_db
def test_the_shopify_sample_arrives_and_a_second_import_changes_nothing():
    assert bring(SHOPIFY) == (2, 0, 0, [])
    first, second = Order.objects.order_by("number")
    assert (first.number, first.total, first.goods_paid, first.shipping_fee) == ("#1001", 17_050, 17_050, 0)
    assert [line.unit_amounts for line in first.lines.all()] == [[14_300], [2_750]]
    assert (second.number, second.total, second.goods_paid, second.shipping_fee) == ("#1002", 7_260, 6_600, 660)
    assert (second.status, second.refunded, second.lines.get().unit_amounts) == ("paid", 3_300, [3_300, 3_300])
    assert not Shipment.objects.exists()
    assert bring(SHOPIFY) == (0, 0, 2, [])


@pytest.mark.django_db
def test_one_buyer_on_both_platforms_is_one_customer():
    bring(ECCUBE)
    bring(SHOPIFY)
    assert Customer.objects.filter(addresses__address="midori@example.com").count() == 1
    assert Customer.objects.count() == 2


@pytest.mark.django_db
def test_one_new_buyer_of_two_orders_in_a_file_is_one_customer():
    assert (
        bring(eccube({"会員ID": "9"}, {"会員ID": "9", "注文番号": "102", "メールアドレス": "second@example.com"}))[0]
        == 2
    )
    assert Customer.objects.count() == 1
    assert Customer.objects.get().addresses.count() == 2


@pytest.mark.django_db
def test_a_dry_run_writes_nothing():
    bring(eccube({}))
    tables = (Order, OrderLine, Customer, Shipment, ImportJob)
    before = [model.objects.count() for model in tables]
    told = bring(eccube({"個数": "2"}, {"注文番号": "102"}, {"注文番号": "103", "個数": "x"}), dry_run=True)
    assert told == (1, 1, 0, ["not_a_quantity"])
    assert [model.objects.count() for model in tables] == before
    assert OrderLine.objects.get().quantity == 1


@pytest.mark.django_db
def test_an_update_takes_what_the_platform_says_and_keeps_what_only_we_know():
    bring(eccube({}))
    order = Order.objects.get()
    Order.objects.filter(pk=order.pk).update(plan_followups=False)
    assert bring(eccube(shipped(支払合計="13000", TEL="0312345678")), now=NOW + timedelta(hours=1)) == (0, 1, 0, [])
    order.refresh_from_db()
    assert (order.status, order.total, order.goods_paid) == ("shipped", 13_000, 13_000)
    assert (order.imported_at, order.updated_at) == (NOW, NOW + timedelta(hours=1))
    assert order.plan_followups is False
    line = order.lines.get()
    assert (line.qty_shipped, line.unit_amounts) == (1, [13_000])
    # The delivery comes from elsewhere; later exports that do not know of it do not take it away.
    arrived = NOW + timedelta(days=1)
    Order.objects.update(status="delivered", delivered_at=arrived)
    Shipment.objects.update(delivered_at=arrived)
    assert bring(eccube(shipped(支払合計="13000", TEL="0398765432"))) == (0, 1, 0, [])
    order.refresh_from_db()
    assert (order.status, order.delivered_at, order.shipments.get().delivered_at) == ("delivered", arrived, arrived)


@pytest.mark.django_db
def test_a_cancellation_is_dated_once():
    bring(eccube({}))
    bring(eccube({"対応状況(ID)": "3"}), now=NOW + timedelta(hours=2))
    assert Order.objects.get().cancelled_at == NOW + timedelta(hours=2)
    bring(eccube({"対応状況(ID)": "3", "TEL": "0312345678"}), now=NOW + timedelta(days=2))
    assert Order.objects.get().cancelled_at == NOW + timedelta(hours=2)
    bring(eccube({}), now=NOW + timedelta(days=3))
    assert (Order.objects.get().status, Order.objects.get().cancelled_at) == ("new", None)


@pytest.mark.django_db
def test_lines_are_known_again_when_they_change_places():
    two = {"注文詳細ID": "1002", "商品コード": "TBL-001", "商品名": "平皿"}
    bring(eccube({}, two))
    wallet, plate = OrderLine.objects.order_by("position")
    three = {"注文詳細ID": "1003", "商品コード": "TBL-002", "商品名": "飯碗"}
    assert bring(eccube(three, two, {})) == (0, 1, 0, [])
    assert [(line.pk, line.sku) for line in OrderLine.objects.order_by("position")][1:] == [
        (plate.pk, "TBL-001"),
        (wallet.pk, "LTH-001-CM"),
    ]
    assert bring(eccube(two)) == (0, 1, 0, [])
    assert OrderLine.objects.get().pk == plate.pk


@pytest.mark.django_db
def test_shopify_lines_without_ids_are_known_by_what_they_are():
    plate = {"more": True, "Lineitem name": "平皿", "Lineitem sku": "TBL-001"}
    bring(shopify({}, dict(plate)))
    pks = {line.sku: line.pk for line in OrderLine.objects.all()}
    assert bring(shopify({"Lineitem name": "平皿", "Lineitem sku": "TBL-001"}, {"more": True}))[1] == 1
    assert {line.sku: line.pk for line in OrderLine.objects.all()} == pks


@pytest.mark.django_db
def test_units_that_are_returned_are_never_imported_away():
    bring(eccube(shipped(個数="3")))
    OrderLine.objects.update(qty_open=1, qty_done=1)
    assert bring(eccube({"個数": "3", "対応状況(ID)": "4"})) == (0, 0, 0, ["fewer_than_returned"])
    assert bring(eccube(shipped(個数="1"))) == (0, 0, 0, ["fewer_than_returned"])
    other = shipped(注文詳細ID="7", 商品コード="TBL-001", 商品名="平皿")
    assert bring(eccube(other)) == (0, 0, 0, ["line_with_return_is_gone"])
    line = OrderLine.objects.get()
    assert (line.quantity, line.qty_shipped, line.qty_open, line.qty_done) == (3, 3, 1, 1)
    assert Order.objects.get().status == "shipped"
    # Two of three are still fine, and the return's own numbers stay.
    assert bring(eccube(shipped(個数="2"))) == (0, 1, 0, [])
    line.refresh_from_db()
    assert (line.qty_shipped, line.qty_open, line.qty_done, len(line.unit_amounts)) == (2, 1, 1, 2)


@pytest.mark.django_db
def test_a_dry_run_tells_the_same_refusal():
    bring(eccube(shipped(個数="3")))
    OrderLine.objects.update(qty_open=2)
    outcome = run.run(eccube(shipped(個数="1")), store=make_store(), now=NOW, dry_run=True)
    [problem] = outcome.problems
    assert (problem.line, problem.column, problem.value, problem.code) == (2, "個数", "1", "fewer_than_returned")


# --- follow-ups ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_only_fresh_orders_plan_mail_unless_asked():
    content = eccube(
        {"注文番号": "1", "受注日": "2026-11-17 10:00:00"}, {"注文番号": "2", "受注日": "2026-11-17 09:59:59"}
    )
    bring(content)
    assert dict(Order.objects.values_list("number", "plan_followups")) == {"1": True, "2": False}
    # Asking later does not reach orders that are already here.
    bring(content, plan_followups=True)
    bring(eccube({"注文番号": "2", "受注日": "2026-11-17 09:59:59", "個数": "2"}), plan_followups=True)
    assert Order.objects.get(number="2").plan_followups is False
    bring(eccube({"注文番号": "3", "受注日": "2020-01-01 00:00:00"}), plan_followups=True)
    assert Order.objects.get(number="3").plan_followups is True


# --- the database ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"qty_shipped": 3}, "shipped_at_most_what_was_bought"),
        ({"qty_open": 2, "qty_done": 1}, "returned_at_most_what_was_shipped"),
        ({"qty_open": 3}, "returned_at_most_what_was_shipped"),
        ({"paid_total": 101}, "unit_amounts_sum_up"),
        ({"unit_amounts": [50, 49]}, "unit_amounts_sum_up"),
        ({"unit_amounts": [100]}, "one_amount_per_unit"),
    ],
)
def test_the_database_refuses_what_cannot_be(values, constraint):
    make_order(lines=[(make_product(), 2, 100)])
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        OrderLine.objects.update(**values)


@pytest.mark.django_db
def test_what_the_database_refuses_is_told_and_the_others_are_written(monkeypatch):
    real = applying._new_order
    monkeypatch.setattr(applying, "_new_order", lambda *args, **options: _broken(real(*args, **options)))
    told = bring(eccube({"注文番号": "1"}, {"注文番号": "2"}, {"注文番号": "3"}))
    assert told == (2, 0, 0, ["refused"])
    assert set(Order.objects.values_list("number", flat=True)) == {"1", "3"}


def _broken(row):
    if row.number == "2":
        row.total = -1
    return row


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_file_at_once_make_each_order_once():
    store, barrier = make_store(), Barrier(4)
    content = eccube(*({"注文番号": str(n), "メールアドレス": f"c{n % 7}@example.com"} for n in range(1, 251)))

    def go(_):
        barrier.wait()
        try:
            outcome = run.run(content, store=store, now=NOW)
            return outcome.new, outcome.unchanged, len(outcome.problems)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(go, range(4)))
    assert sum(new for new, _unchanged, _problems in results) == 250
    assert sum(unchanged for _new, unchanged, _problems in results) == 750
    assert all(problems == 0 for _new, _unchanged, problems in results)
    assert (Order.objects.count(), OrderLine.objects.count(), Customer.objects.count()) == (250, 250, 7)


@pytest.mark.django_db(transaction=True)
def test_an_order_that_another_door_writes_first_is_found(monkeypatch):
    """The lock only keeps imports apart; the unique constraint decides between an import and anything else."""
    store = make_store()
    known, calls = applying._known, []

    def blind_once(*args):
        calls.append(1)
        return {} if len(calls) == 1 else known(*args)

    run.run(eccube({}), store=store, now=NOW)
    monkeypatch.setattr(applying, "_known", blind_once)
    outcome = run.run(eccube({}), store=store, now=NOW)
    assert (outcome.new, outcome.unchanged, outcome.problems) == (0, 1, [])
    assert Order.objects.count() == 1


@pytest.mark.django_db
def test_the_statements_of_a_chunk_do_not_grow_with_its_orders(django_assert_max_num_queries):
    make_product()
    store = make_store()
    content = eccube(*({"注文番号": str(n), "メールアドレス": f"c{n}@example.com"} for n in range(100)))
    with django_assert_max_num_queries(16):
        run.run(content, store=store, now=NOW)
    with django_assert_max_num_queries(6):
        run.run(content, store=store, now=NOW)


# --- products -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_sku_means_its_longest_beginning(django_assert_num_queries):
    short, long = make_product("LTH-001"), make_product("LTH-001-CM", name="キャメル")
    make_product("LTH-0", name="別の商品")
    with django_assert_num_queries(1):
        assert products.for_sku("LTH-001-CM-S") == long
    assert products.for_sku("LTH-001-NV") == short
    assert products.for_sku("LTH-0011") is None
    assert products.for_sku("") is None
    assert Product.objects.count() == 3


# --- jobs ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_job_runs_once(owner):
    store = make_store()
    job = run.store_file(eccube({}), file_name="a\r\nb\x00.csv", store=store, by=owner, now=NOW)
    assert job.file_name == "a  b .csv"
    with pytest.raises(run.AlreadyRunning):
        run.import_job(job, NOW)  # nobody confirmed it
    run.look(job, encoding="auto", profile="auto", store=store, now=NOW)
    assert (job.new, job.encoding, job.profile) == (1, "cp932", "eccube4")
    assert not Order.objects.exists()
    assert run.confirm(job, plan_followups=False, now=NOW) is True
    assert run.confirm(job, plan_followups=True, now=NOW) is False
    run.import_job(job, NOW)
    assert (job.status, job.new, job.orders_total) == ("done", 1, 1)
    with pytest.raises(run.AlreadyRunning):
        run.import_job(job, NOW)


@pytest.mark.django_db
def test_a_job_whose_worker_was_lost_may_be_run_again():
    job = run.store_file(eccube({}), file_name="a.csv", store=make_store(), by=None, now=NOW)
    ImportJob.objects.update(dry_run=False, status="running", progress_at=NOW)
    with pytest.raises(run.AlreadyRunning):
        run.import_job(job, NOW + timedelta(minutes=4))
    run.import_job(job, NOW + timedelta(minutes=6))
    assert job.status == "done"


@pytest.mark.django_db
def test_the_sweep_finds_what_a_lost_ring_or_a_lost_worker_left():
    store = make_store()
    job = run.store_file(eccube({}), file_name="a.csv", store=store, by=None, now=NOW)
    run.look(job, encoding="auto", profile="auto", store=store, now=NOW)
    later = NOW + timedelta(minutes=10)
    assert run.sweep(later) == 0  # not confirmed
    run.confirm(job, plan_followups=False, now=NOW)
    assert run.sweep(NOW + timedelta(seconds=20)) == 0  # the ring may still come
    assert run.sweep(NOW + timedelta(seconds=40)) == 1
    assert run.sweep(later) == 0
    assert Order.objects.count() == 1
    ImportJob.objects.update(status="running", progress_at=NOW)
    assert run.sweep(later) == 1
    # One that takes its worker down each time is left to people.
    ImportJob.objects.update(status="running", progress_at=NOW, attempts=3)
    assert run.sweep(later) == 0
    run.import_job(job, later)
    assert job.status == "done"


@pytest.mark.django_db
def test_a_job_that_cannot_be_read_says_why():
    job = run.store_file(b"a,b\n1,2\n", file_name="a.csv", store=make_store(), by=None, now=NOW)
    ImportJob.objects.update(dry_run=False)
    with pytest.raises(FileProblem):
        run.import_job(job, NOW)
    job.refresh_from_db()
    assert job.status == "failed"
    assert job.failure
    assert bytes(job.content) == b"a,b\n1,2\n"


# --- the command --------------------------------------------------------------------------------------------------


def command(*args):
    output = StringIO()
    call_command("import_orders", *args, stdout=output)
    return output.getvalue()


@pytest.mark.django_db
def test_the_command_prints_one_json_object(tmp_path, monkeypatch, now):
    monkeypatch.setattr(clock, "now", lambda: now)
    make_store()
    path = tmp_path / "orders.csv"
    path.write_bytes(eccube({}, {"注文番号": "102", "個数": "x"}, {"注文番号": "103", "対応状況(ID)": "7"}))
    with translation.override("en"):
        told = json.loads(command(str(path), "--json"))
    assert told == {
        "new": 1,
        "updated": 0,
        "unchanged": 0,
        "errors": [{"line": 3, "column": "個数", "value": "x", "message": "This is not a quantity from 1 to 10000."}],
    }
    assert json.loads(command(str(path), "--json"))["unchanged"] == 1
    job = ImportJob.objects.first()
    assert (job.status, job.skipped, job.by, bytes(job.content)) == ("done", 1, None, path.read_bytes())


@pytest.mark.django_db
def test_the_command_speaks_to_people():
    make_store()
    with translation.override("ja"):
        dry = command(str(DATA / "eccube4_order.csv"), "--dry-run")
    assert "新規 1・更新 0・変更なし 0・エラー 0" in dry
    assert not Order.objects.exists()
    assert not ImportJob.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", "名前,住所\n山田,東京\n".encode()])
def test_the_command_fails_when_the_file_as_a_whole_cannot_be_read(tmp_path, content):
    make_store()
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(CommandError):
        command(str(path))
    with pytest.raises(CommandError):
        command(str(tmp_path / "absent.csv"))
    with pytest.raises(CommandError, match="honten"):
        command(str(DATA / "eccube4_order.csv"), "--store", "nowhere")
    assert not Order.objects.exists()


# --- the demo -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_demo_shop_loads_and_loads_again():
    shop = demo.load(NOW)
    assert (len(shop.products), len(shop.customers), len(shop.stores)) == (30, 10, 2)
    assert len(shop.orders) == Order.objects.count() == 28
    assert {order.status for order in shop.orders.values()} == set(Order.Status.values)
    assert all(order.ordered_at < NOW for order in shop.orders.values())
    assert not [parcel for parcel in Shipment.objects.all() if parcel.number_looks_wrong]
    for order in Order.objects.prefetch_related("lines"):
        assert order.total == order.goods_paid + order.shipping_fee + order.other_fee
        assert order.goods_paid == sum(line.paid_total for line in order.lines.all())
    demo.load(NOW)
    assert Order.objects.count() == 28
    assert Customer.objects.count() == 10
