"""Export files made for a test: only what the test is about is said, the rest is fixed. No random data."""

import csv
import io
from pathlib import Path

DATA = Path(__file__).parent / "data"
ECCUBE = (DATA / "eccube4_order.csv").read_bytes()
SHOPIFY = (DATA / "shopify_orders_export.csv").read_bytes()

ECCUBE_HEADER = next(csv.reader(io.StringIO(ECCUBE.decode("cp932"))))
SHOPIFY_HEADER = next(csv.reader(io.StringIO(SHOPIFY.decode())))

_ECCUBE_ROW = {
    "注文ID": "101", "注文番号": "101", "会員ID": "", "お名前(姓)": "青葉", "お名前(名)": "みどり", "お名前(セイ)": "アオバ",
    "お名前(メイ)": "ミドリ", "郵便番号": "1000000", "都道府県(名称)": "東京都", "住所1": "架空市架空町", "住所2": "1-2-3",
    "メールアドレス": "midori@example.com", "TEL": "09012345678", "小計": "14300", "値引き": "0", "合計": "14300",
    "支払合計": "14300", "対応状況(ID)": "1", "受注日": "2026-11-19 10:15:28", "入金日": "", "注文詳細ID": "1001",
    "商品名": "手縫い二つ折り財布", "商品コード": "LTH-001-CM", "価格": "13000", "個数": "1", "税率": "10", "明細区分(ID)": "1",
    "出荷ID": "101",
}  # fmt: skip

_SHOPIFY_ROW = {
    "Name": "#1001", "Email": "midori@example.com", "Financial Status": "paid", "Paid at": "2026-11-19 10:15:30 +0900",
    "Fulfillment Status": "unfulfilled", "Currency": "JPY", "Subtotal": "14300", "Shipping": "0", "Taxes": "1300",
    "Total": "14300", "Discount Amount": "0", "Created at": "2026-11-19 10:15:28 +0900", "Lineitem quantity": "1",
    "Lineitem name": "手縫い二つ折り財布 - キャメル", "Lineitem price": "14300", "Lineitem sku": "LTH-001-CM",
    "Lineitem fulfillment status": "pending", "Billing Name": "青葉 みどり", "Id": "5900000001001",
    "Lineitem discount": "0", "Tax 1 Name": "消費税 10%",
}  # fmt: skip


def csv_text(header, rows):
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow(header)
    writer.writerows(rows)
    return output.getvalue()


def eccube(*rows, encoding="cp932", header=None):
    """An EC-CUBE export; each row is a dict of what differs. ``送料`` sets both columns of that name."""
    header = header or ECCUBE_HEADER
    full = [{**_ECCUBE_ROW, **row} for row in rows]
    return csv_text(header, [[row.get(name, "") for name in header] for row in full]).encode(encoding)


def shopify(*rows, header=None):
    """A Shopify export; each row is a dict of what differs; with ``more=True`` it is a continuation row."""
    header = header or SHOPIFY_HEADER
    kept = [name for name in _SHOPIFY_ROW if name in {"Name", "Email", "Created at"} or name.startswith("Lineitem")]
    full = []
    for row in rows:
        first = {name: _SHOPIFY_ROW[name] for name in kept} if row.pop("more", False) else _SHOPIFY_ROW
        full.append({**first, **row})
    return csv_text(header, [[row.get(name, "") for name in header] for row in full]).encode()
