"""S1: exports of two platforms are imported in the browser; the figures are those worked out by hand; a second import
changes nothing."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from shopdesk.shop.models import Customer, Order, OrderLine, Shipment
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)

FILES = Path(__file__).resolve().parent.parent / "shop" / "data"
TOKYO = ZoneInfo("Asia/Tokyo")


def bring_in(page, file):
    page.goto("/admin/shop/imports/")
    page.set_input_files("input[type=file]", str(FILES / file))
    page.get_by_role("button", name="内容を確認する").click()
    page.wait_for_selector("#discard", state="attached")
    return page


def counts(page):
    page.wait_for_load_state()
    return " ".join(page.locator(".stats").first.inner_text().split())


def test_two_exports_are_imported_and_a_second_time_nothing_changes(open_page, sign_in, story_clock, queue):
    make.make_store()
    make.make_product("LTH-001", name="手縫い二つ折り財布", price=14300)
    make.make_product("TBL-002", name="粉引の飯碗", price=3300, category="tableware")
    owner = make.make_user("owner@shop.example", name="大野 誠", role="owner")
    page = open_page(1280)
    sign_in(page, owner)

    bring_in(page, "eccube4_order.csv")
    assert not Order.objects.exists()  # looking writes nothing
    page.locator("button[form=confirm]").click()
    page.wait_for_selector("#discard", state="detached")
    page.wait_for_load_state()
    eccube = Order.objects.get()
    assert eccube.number == "101"
    assert (eccube.total, eccube.goods_paid, eccube.shipping_fee, eccube.other_fee) == (14960, 14300, 660, 0)
    assert eccube.ordered_at == datetime(2026, 11, 2, 10, 15, 28, tzinfo=TOKYO)
    assert eccube.shipped_at == datetime(2026, 11, 5, 14, 20, tzinfo=TOKYO)
    assert (eccube.status, eccube.delivered_at) == ("shipped", None)
    line = eccube.lines.get()  # the line for 送料 is a fee, not goods
    assert (line.sku, line.variant, line.quantity, line.qty_shipped) == ("LTH-001-CM", "キャメル", 1, 1)
    assert (line.unit_price, line.paid_total, line.unit_amounts) == (14300, 14300, [14300])
    assert line.product.sku == "LTH-001"
    parcel = eccube.shipments.get()
    # The export says 宅配便, which any carrier may be.
    assert (parcel.carrier, parcel.tracking_number) == ("other", "123456789013")
    assert not parcel.number_looks_wrong

    bring_in(page, "shopify_orders_export.csv")
    page.locator("button[form=confirm]").click()
    page.wait_for_selector("#discard", state="detached")
    page.wait_for_load_state()
    first, second = Order.objects.exclude(pk=eccube.pk).order_by("ordered_at")
    assert (first.number.lstrip("#"), second.number.lstrip("#")) == ("1001", "1002")
    assert (first.total, first.goods_paid, first.shipping_fee) == (17050, 17050, 0)
    assert [(row.sku, row.quantity, row.paid_total, row.qty_shipped) for row in first.lines.all()] == [
        ("LTH-001-CM", 1, 14300, 1),
        ("LTH-009", 1, 2750, 1),
    ]
    assert (second.total, second.goods_paid, second.shipping_fee, second.refunded) == (7260, 6600, 660, 3300)
    assert [(row.sku, row.quantity, row.unit_amounts, row.qty_shipped) for row in second.lines.all()] == [
        ("TBL-002-M", 2, [3300, 3300], 0)
    ]
    # One person bought on both platforms under one address.
    assert first.customer == eccube.customer
    assert Customer.objects.count() == 2
    assert first.postal_code.replace("-", "") == "1000000"  # the export's apostrophe is gone

    before = (Order.objects.count(), OrderLine.objects.count(), Shipment.objects.count())
    hashes = list(Order.objects.order_by("pk").values_list("content_hash", "updated_at"))
    for file, unchanged in (("eccube4_order.csv", 1), ("shopify_orders_export.csv", 2)):
        bring_in(page, file)
        assert f"変更なし {unchanged}" in counts(page).replace("件", "")
        assert page.locator("button[form=confirm]").count() == 0  # nothing to import
    assert (Order.objects.count(), OrderLine.objects.count(), Shipment.objects.count()) == before
    assert list(Order.objects.order_by("pk").values_list("content_hash", "updated_at")) == hashes

    # Weeks-old orders bring no step mail unless somebody asks for it.
    assert not Order.objects.filter(plan_followups=True).exists()
