"""How fast a large first import is, and how much memory it takes. Not run by the tests.

    DATABASE_URL=postgres://… SECRET_KEY=… REDIS_URL=redis://… python tests/bench/import_orders.py [ORDERS]

Writes into the database that the settings name (use an empty one), prints orders a second and the peak memory.
"""

import os
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shopdesk.settings")

import django

django.setup()

from shopdesk.shop.importing import run  # noqa: E402  # after setup
from shopdesk.shop.models import Order, Product, Store  # noqa: E402  # after setup
from tests.shop.files import eccube  # noqa: E402  # after setup

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rows(orders):
    """Two goods and a shipping line for each order; a third of the buyers come again."""
    line = 0
    for number in range(1, orders + 1):
        buyer = number * 2 // 3
        common = {
            "注文ID": str(number), "注文番号": f"B{number}", "会員ID": str(buyer), "お名前(名)": f"花子{buyer}",
            "メールアドレス": f"buyer{buyer}@example.com", "対応状況(ID)": "5", "発送日": "2026-11-19 14:00:00",
            "出荷伝票番号": f"{39_600_000_000 + number:011d}{(39_600_000_000 + number) % 7}", "送料": "660",
            "小計": "20350", "合計": "21010", "支払合計": "21010",
        }  # fmt: skip
        for kind, sku, price in (
            ("1", f"LTH-{number % 10:03d}-CM", "13000"),
            ("1", "LTH-009", "5500"),
            ("2", "", "600"),
        ):
            line += 1
            yield {**common, "注文詳細ID": str(line), "明細区分(ID)": kind, "商品コード": sku, "価格": price}


def generated(count):
    """The file, made in a child so that making it does not count as the import's memory."""
    reader, writer = os.pipe()
    if not os.fork():
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(eccube(*rows(count)))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        content = pipe.read()
    os.wait()
    return content


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    content = generated(count)  # before the first connection, which must not be shared with the child
    store = Store.objects.get_or_create(
        code="bench", defaults={"name": "bench", "sender_name": "bench", "sender_address": "bench@shop.example"}
    )[0]
    for number in range(10):
        Product.objects.get_or_create(sku=f"LTH-{number:03d}", defaults={"name": f"革 {number}", "price": 14300})
    before = megabytes()
    sys.stdout.write(f"{count} orders, {len(content) / 1e6:.1f} MB, {Order.objects.count()} orders known\n")
    for name in ("look", "first", "again", "changed"):
        if name == "changed":
            content = content.replace(b",660,", b",550,")  # every order's shipping
        started = time.perf_counter()
        outcome = run.run(content, store=store, now=NOW, dry_run=name == "look")
        seconds = time.perf_counter() - started
        sys.stdout.write(
            f"{name:7}: {seconds:.1f} s, {count / seconds:.0f} orders/s, new {outcome.new}, updated "
            f"{outcome.updated}, unchanged {outcome.unchanged}, errors {len(outcome.problems)}; peak {megabytes():.0f} MB ({before:.0f} before)\n"
        )


if __name__ == "__main__":
    main()
