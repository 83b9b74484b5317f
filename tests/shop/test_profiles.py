"""What the two platforms' files say, against values computed by hand. Nothing here needs a database."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from shopdesk.shop.importing import detect, encodings, reading
from shopdesk.shop.importing.normal import Report
from shopdesk.shop.importing.problems import FileProblem
from tests.shop.files import ECCUBE, ECCUBE_HEADER, SHOPIFY, csv_text, eccube, shopify

TOKYO = ZoneInfo("Asia/Tokyo")


def parse(content, encoding="auto"):
    """(orders, report) of a file whose profile is recognised."""
    table = reading.read(encodings.decode(content, encoding))
    profile = detect.choose(table.header)
    report = Report()
    return list(profile.orders(table, report)), report


def told(report):
    return [(problem.line, problem.column, problem.value, problem.code) for problem in report.problems]


def test_the_eccube_sample():
    [order], report = parse(ECCUBE)
    assert told(report) == []
    assert (order.number, order.platform_id, order.customer_id) == ("101", "101", "12")
    assert (order.name, order.name_kana, order.email) == ("青葉 みどり", "アオバ ミドリ", "midori@example.com")
    assert (order.postal_code, order.prefecture, order.address) == ("100-0000", "東京都", "架空市架空町1-2-3")
    assert order.status == "shipped"
    assert order.ordered_at == datetime(2026, 11, 2, 10, 15, 28, tzinfo=TOKYO)
    assert order.paid_at == datetime(2026, 11, 3, 9, 0, tzinfo=TOKYO)
    assert order.shipped_at == datetime(2026, 11, 5, 14, 20, tzinfo=TOKYO)
    assert order.wish_date == date(2026, 11, 7)
    assert (order.total, order.shipping_fee, order.other_fee, order.goods_paid) == (14_960, 660, 0, 14_300)
    [line] = order.lines  # the shipping is a line in the file, not goods
    assert (line.sku, line.name, line.variant) == ("LTH-001-CM", "手縫い二つ折り財布", "キャメル")
    assert (line.quantity, line.unit_price, line.tax_rate, line.qty_shipped) == (1, 14_300, 10, 1)
    assert (line.paid_total, line.unit_amounts) == (14_300, (14_300,))
    [parcel] = order.shipments
    assert (parcel.tracking_number, parcel.shipped_at) == ("123456789013", order.shipped_at)
    assert len(order.raw) == 2
    assert order.raw[0]["送料__2"] == "660"


def test_the_shopify_sample():
    [first, second], report = parse(SHOPIFY)
    assert told(report) == []
    assert (first.number, first.status, first.email) == ("#1001", "shipped", "midori@example.com")
    assert first.ordered_at == datetime(2026, 11, 2, 1, 15, 28, tzinfo=UTC)
    assert first.shipped_at == datetime(2026, 11, 4, 15, 2, 11, tzinfo=TOKYO)
    assert (first.total, first.shipping_fee, first.goods_paid) == (17_050, 0, 17_050)
    assert [(line.name, line.variant, line.sku) for line in first.lines] == [
        ("手縫い二つ折り財布", "キャメル", "LTH-001-CM"),
        ("革用お手入れクリーム", "", "LTH-009"),
    ]
    assert [(line.quantity, line.paid_total, line.qty_shipped) for line in first.lines] == [
        (1, 14_300, 1),
        (1, 2_750, 1),
    ]
    assert (first.postal_code, first.prefecture, first.phone) == ("100-0000", "東京都", "0000000000")
    assert first.shipments is None
    assert (second.number, second.status) == ("#1002", "paid")
    assert (second.total, second.shipping_fee, second.goods_paid) == (7_260, 660, 6_600)
    assert (second.discount, second.refunded) == (500, 3_300)
    [bowls] = second.lines
    assert (bowls.quantity, bowls.unit_amounts, bowls.qty_shipped) == (2, (3_300, 3_300), 0)


def test_an_eccube_order_with_fee_discount_and_points():
    # goods 13,000 + 2 x 2,500 (with tax 14,300 + 2 x 2,750 = 19,800), shipping 660, fee 330, discount 500, points 290
    common = {"小計": "19800", "値引き": "790", "送料": "660", "合計": "20000", "支払合計": "20000"}
    content = eccube(
        {**common},
        {
            **common,
            "注文詳細ID": "1002",
            "商品名": "お手入れクリーム",
            "商品コード": "LTH-009",
            "価格": "2500",
            "個数": "2",
        },
        {**common, "注文詳細ID": "1003", "商品名": "送料", "商品コード": "", "価格": "600", "明細区分(ID)": "2"},
        {**common, "注文詳細ID": "1004", "商品名": "手数料", "商品コード": "", "価格": "330", "明細区分(ID)": "3"},
        {**common, "注文詳細ID": "1005", "商品名": "割引", "商品コード": "", "価格": "-500", "明細区分(ID)": "4"},
        {**common, "注文詳細ID": "1006", "商品名": "ポイント", "商品コード": "", "価格": "-290", "明細区分(ID)": "6"},
    )
    [order], report = parse(content)
    assert told(report) == []
    assert (order.total, order.shipping_fee, order.other_fee, order.discount) == (20_000, 660, 330, 790)
    assert order.goods_paid == 19_010  # 20,000 - 660 - 330
    # 19,010 x 14,300 / 19,800 = 13,729.4… and 19,010 x 5,500 / 19,800 = 5,280.5…: the larger rest gets the odd yen
    assert [line.paid_total for line in order.lines] == [13_729, 5_281]
    assert [line.unit_amounts for line in order.lines] == [(13_729,), (2_641, 2_640)]


def test_points_may_pay_for_shipping_too():
    [order], _report = parse(eccube({"送料": "660", "値引き": "14960", "合計": "0", "支払合計": "0"}))
    assert (order.total, order.shipping_fee, order.goods_paid) == (0, 0, 0)
    assert order.lines[0].unit_amounts == (0,)


@pytest.mark.parametrize(
    ("price", "rate", "with_tax"),
    [("13000", "10", 14_300), ("1005", "10", 1_106), ("1004", "10", 1_104), ("125", "8", 135), ("131", "8", 141)],
)
def test_tax_is_rounded_half_up(price, rate, with_tax):
    [order], _report = parse(eccube({"価格": price, "税率": rate}))
    assert order.lines[0].unit_price == with_tax


@pytest.mark.parametrize(
    ("code", "paid_at", "status", "shipped"),
    [
        ("1", "", "new", 0),
        ("4", "", "new", 0),
        ("4", "2026-11-19 12:00:00", "paid", 0),
        ("6", "2026-11-19 12:00:00", "paid", 0),
        ("5", "2026-11-19 12:00:00", "shipped", 1),
        ("3", "", "cancelled", 0),
        ("9", "2026-11-19 12:00:00", "returned", 1),
    ],
)
def test_eccube_statuses(code, paid_at, status, shipped):
    [order], _report = parse(eccube({"対応状況(ID)": code, "入金日": paid_at}))
    assert (order.status, order.lines[0].qty_shipped) == (status, shipped)


@pytest.mark.parametrize("code", ["7", "8"])
def test_a_cart_whose_payment_is_not_finished_is_no_order(code):
    orders, report = parse(eccube({"対応状況(ID)": code}, {"注文番号": "102"}))
    assert [order.number for order in orders] == ["102"]
    assert (report.skipped, told(report)) == (1, [])


@pytest.mark.parametrize(
    ("fields", "status", "shipped"),
    [
        ({"Financial Status": "pending"}, "new", 0),
        ({}, "paid", 0),
        ({"Fulfillment Status": "fulfilled", "Lineitem fulfillment status": "fulfilled"}, "shipped", 2),
        ({"Fulfillment Status": "partial", "Lineitem fulfillment status": "partial"}, "paid", 1),
        ({"Fulfillment Status": "fulfilled", "Lineitem fulfillment status": ""}, "shipped", 2),
        ({"Financial Status": "refunded", "Fulfillment Status": "fulfilled"}, "returned", 0),
        ({"Cancelled at": "2026-11-19 11:00:00 +0900"}, "cancelled", 0),
    ],
)
def test_shopify_statuses(fields, status, shipped):
    [order], report = parse(shopify({"Lineitem quantity": "2", **fields}))
    assert told(report) == []
    assert (order.status, order.lines[0].qty_shipped) == (status, shipped)


def test_shopify_divides_by_the_discounted_prices():
    content = shopify(
        {"Total": "9000", "Shipping": "500", "Lineitem price": "6000.00", "Lineitem discount": "1500"},
        {
            "more": True,
            "Lineitem name": "はし",
            "Lineitem sku": "TBL-009",
            "Lineitem price": "1000",
            "Lineitem quantity": "4",
        },
    )
    [order], report = parse(content)
    assert told(report) == []
    assert [line.paid_total for line in order.lines] == [4_500, 4_000]
    assert order.lines[1].unit_amounts == (1_000, 1_000, 1_000, 1_000)


def test_another_currency_is_refused_by_name():
    orders, report = parse(shopify({"Currency": "USD"}, {"Name": "#1002"}))
    assert [order.number for order in orders] == ["#1002"]
    assert told(report) == [(2, "Currency", "USD", "currency")]


def test_bad_cells_are_told_with_line_column_and_value_and_stop_nobody_else():
    orders, report = parse(
        eccube(
            {"価格": "=1+1", "個数": "0"},
            {"注文番号": "102", "受注日": "昨日"},
            {"注文番号": "103", "支払合計": "12.5"},
            {"注文番号": "104", "個数": "1.5"},
            {"注文番号": "105", "個数": "1000000000"},
            {"注文番号": "106", "個数": "-1"},
            {"注文番号": "107", "対応状況(ID)": "99"},
            {"注文番号": "", "価格": "1"},
            {"注文番号": "109", "支払合計": "99999999999"},
            {"注文番号": "110"},
        )
    )
    assert [order.number for order in orders] == ["110"]
    assert sorted(told(report)) == sorted(
        [
            (2, "個数", "0", "not_a_quantity"),
            (2, "価格", "=1+1", "not_money"),
            (3, "受注日", "昨日", "not_a_date"),
            (4, "支払合計", "12.5", "not_money"),
            (5, "個数", "1.5", "not_a_quantity"),
            (6, "個数", "1000000000", "not_a_quantity"),
            (7, "個数", "-1", "not_a_quantity"),
            (8, "対応状況(ID)", "99", "unknown_status"),
            (9, "注文番号", "", "no_number"),
            (10, "支払合計", "99999999999", "too_big"),
        ]
    )


def test_a_formula_in_a_name_is_only_text():
    [order], report = parse(eccube({"商品名": '=HYPERLINK("http://x.example","無料")'}))
    assert told(report) == []
    assert order.lines[0].name == '=HYPERLINK("http://x.example","無料")'


def test_numbers_are_read_as_spreadsheets_and_people_write_them():
    row = {"支払合計": "¥14,300", "価格": "１３０００", "受注日": "2026/11/19 9:05", "郵便番号": "600001"}
    [order], report = parse(eccube(row, encoding="utf-8"))
    assert told(report) == []
    assert (order.total, order.lines[0].unit_price, order.postal_code) == (14_300, 14_300, "060-0001")
    assert order.ordered_at == datetime(2026, 11, 19, 9, 5, tzinfo=TOKYO)


def test_two_exports_pasted_together_count_once():
    rows = ({}, {"注文詳細ID": "1002", "商品コード": "LTH-009"})
    [order], report = parse(eccube(*rows, *rows))
    assert (len(order.lines), told(report)) == (2, [])
    orders, report = parse(eccube({}, {"個数": "2"}))
    assert orders == []
    assert told(report) == [(3, "注文詳細ID", "1001", "repeated_line")]
    [order], report = parse(shopify({}, {"more": True}, {}, {"more": True, "Lineitem quantity": "9"}))
    assert len(order.lines) == 2
    assert told(report) == [(4, "Name", "#1001", "repeated_order")]


def test_a_sorted_file_keeps_its_orders_together():
    orders, _report = parse(eccube({}, {"注文番号": "102", "注文詳細ID": "7"}, {"注文詳細ID": "1002"}))
    assert [(order.number, len(order.lines)) for order in orders] == [("101", 2), ("102", 1)]


# --- encodings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig", "euc_jp", "utf-16"])
def test_every_encoding_of_the_chain_is_known(encoding):
    content = eccube({"商品名": "髙﨑さんの財布ｷｬﾒﾙ" if encoding != "euc_jp" else "財布"}, encoding=encoding)
    [order], _report = parse(content)
    assert order.name == "青葉 みどり"
    named = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    assert encodings.decode(content).encoding == named


def test_the_wrong_choice_of_encoding_is_told():
    with pytest.raises(FileProblem) as caught:
        encodings.decode(eccube({}), "utf-8")
    assert caught.value.code == "wrong_encoding"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \r\n", "empty"),
        (b"PK\x03\x04 a workbook", "workbook"),
        (b"MZ\x90\x00", "not_text"),
        (b"\x00\x01\x02" * 50, "not_text"),
        (b"\x93\xfa\xff\xff\x96\x7b,\x81", "undecodable"),
    ],
)
def test_what_is_no_csv_is_refused(content, code):
    with pytest.raises(FileProblem) as caught:
        reading.read(encodings.decode(content))
    assert caught.value.code == code
    assert str(caught.value)


def test_a_file_without_rows_or_with_other_columns_is_refused():
    with pytest.raises(FileProblem) as caught:
        parse(csv_text(ECCUBE_HEADER, []).encode())
    assert caught.value.code == "no_rows"
    with pytest.raises(FileProblem) as caught:
        parse("名前,住所\n山田,東京\n".encode())
    assert caught.value.code == "unknown_format"


def test_a_column_that_must_be_there_is_named():
    header = [name for name in ECCUBE_HEADER if name != "価格"]
    with pytest.raises(FileProblem, match="価格"):
        parse(eccube({}, header=header))


def test_switched_off_and_additional_columns_do_no_harm():
    header = [name for name in ECCUBE_HEADER if name not in {"送料", "会員ID"}] + [f"追加{n}" for n in range(100)]
    [order], report = parse(eccube({"追加7": "x"}, header=header))
    assert told(report) == []
    assert order.goods_paid == 14_300


def test_too_many_columns_are_refused():
    with pytest.raises(FileProblem) as caught:
        parse(eccube({}, header=[*ECCUBE_HEADER, *(f"c{n}" for n in range(500))]))
    assert caught.value.code == "too_many_columns"


def test_tabs_are_read_too():
    text = "\n".join(line.replace(",", "\t") for line in eccube({}).decode("cp932").splitlines())
    [order], _report = parse(text.encode())
    assert order.number == "101"


# --- files that were cut ------------------------------------------------------------------------------------------


def test_a_cut_row_takes_its_order_with_it_and_no_other():
    content = eccube({}, {"注文番号": "102"}, {"注文番号": "102", "注文詳細ID": "1003"})
    cut = content[: content.rindex(b"LTH-001")]
    orders, report = parse(cut)
    assert [order.number for order in orders] == ["101"]
    assert [(line, code) for line, _column, _value, code in told(report)] == [(4, "ragged")]


def test_where_nobody_can_say_whose_row_was_cut_the_order_before_waits():
    content = eccube({}, {"注文番号": "102"}, {"注文番号": "103"})
    last = content.rindex(b"101,103")
    orders, report = parse(content[: last + 5])  # "101,1": the number is cut too
    assert [order.number for order in orders] == ["101"]
    assert [(line, code) for line, _column, _value, code in told(report)] == [(4, "ragged"), (3, "after_unreadable")]


def test_a_quotation_mark_that_is_never_closed():
    content = eccube({}, {"注文番号": "102"}) + '1,103,"never closed\n'.encode("cp932")
    orders, report = parse(content)
    assert [order.number for order in orders] == ["101"]
    assert [(line, code) for line, _column, _value, code in told(report)] == [
        (4, "unreadable"),
        (3, "after_unreadable"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_a_file_cut_inside_a_letter_keeps_its_encoding(encoding):
    content = eccube({}, {"注文番号": "102"}, encoding=encoding)
    cut = content[: content.rindex("青葉".encode(encoding)) + 1]
    decoded = encodings.decode(cut)
    assert (decoded.encoding, decoded.cut_off) == (encoding, True)
    orders, report = parse(cut)
    assert [order.number for order in orders] == ["101"]
    assert [code for _line, _column, _value, code in told(report)] == ["ragged"]


def test_control_characters_are_left_out():
    [order], report = parse(eccube({"お名前(姓)": "青\x00葉\x07", "ショップ用メモ欄": "一行目\n二行目"}))
    assert told(report) == []
    assert (order.name, order.note) == ("青葉 みどり", "一行目\n二行目")


def test_a_line_number_is_the_line_in_the_file():
    _orders, report = parse(eccube({"ショップ用メモ欄": "一\n二\n三"}, {"注文番号": "102", "個数": "x"}))
    assert told(report) == [(5, "個数", "x", "not_a_quantity")]


# --- the hash -----------------------------------------------------------------------------------------------------


def test_the_same_order_has_the_same_hash_in_another_file():
    [here], _report = parse(eccube({}))
    [_other, there], _report = parse(
        eccube({"注文番号": "7"}, {}, encoding="utf-8", header=list(reversed(ECCUBE_HEADER)))
    )
    assert here.content_hash() == there.content_hash()
    [changed], _report = parse(eccube({"個数": "2"}))
    assert changed.content_hash() != here.content_hash()
