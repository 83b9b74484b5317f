"""Whatever bytes come, the answer is orders, problems, or one sentence about the file; never a crash."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shopdesk.shop.importing import detect, encodings, reading
from shopdesk.shop.importing.error_file import error_file
from shopdesk.shop.importing.normal import Report
from shopdesk.shop.importing.problems import FileProblem
from tests.shop.files import ECCUBE, ECCUBE_HEADER, SHOPIFY, SHOPIFY_HEADER, eccube, shopify


def swallow(content):
    """What a person would be told, once everything about the answer was checked."""
    try:
        table = reading.read(encodings.decode(content))
        report = Report()
        orders = list(detect.choose(table.header).orders(table, report))
    except FileProblem as problem:
        return str(problem)
    for order in orders:
        assert order.goods_paid == sum(line.paid_total for line in order.lines)
        assert all(sum(line.unit_amounts) == line.paid_total for line in order.lines)
        assert all(len(line.unit_amounts) == line.quantity for line in order.lines)
        assert order.total == order.goods_paid + order.shipping_fee + order.other_fee
        assert order.total >= 0
        assert order.goods_paid >= 0
        assert order.shipping_fee >= 0
        assert all(0 <= line.qty_shipped <= line.quantity for line in order.lines)
        assert len(order.number) <= 60
        assert len(order.name) <= 100
        assert "\x00" not in str(order)
        assert order.content_hash()
    assert all(problem.message for problem in report.problems)
    return error_file(content, "", report.problems)


@given(st.binary(max_size=400))
@example(b"\xff\xfe")
@example(b"\xff\xfe\x00\xd8,")
@example(b'"')
def test_any_bytes(content):
    assert swallow(content)


@settings(max_examples=150)
@given(st.sampled_from([ECCUBE, SHOPIFY]), st.data())
def test_an_export_cut_anywhere(content, data):
    assert swallow(content[: data.draw(st.integers(0, len(content)))])


@settings(max_examples=150)
@given(st.sampled_from([ECCUBE, SHOPIFY]), st.data())
def test_an_export_with_damaged_bytes(content, data):
    place = data.draw(st.integers(0, len(content) - 1))
    assert swallow(content[:place] + data.draw(st.binary(max_size=6)) + content[place + 1 :])


cells = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["-1", "1e9", "NaN", "Infinity", "9" * 30, "０", "1,000", "1.5", "2026-02-30", "9999-12-31", "\t=1", "'"]
    ),
    st.integers(-(10**10), 10**10).map(str),
)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(ECCUBE_HEADER), cells, max_size=8))
def test_eccube_cells_of_any_kind(row):
    assert swallow(eccube(row, {"注文番号": "102"}, encoding="utf-8"))


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(SHOPIFY_HEADER), cells, max_size=8))
def test_shopify_cells_of_any_kind(row):
    assert swallow(shopify(dict(row), {"Name": "#1002"}))
