"""Fills an empty database with 200,000 inquiries as a shop of some years has them, by COPY."""

import json
from datetime import UTC, datetime, timedelta

from tests.bench.desk import words

BEGIN = datetime(2024, 1, 1, 0, 0, tzinfo=UTC)
# Of the newest tenth: so that 5 % of all are open, 2 % wait for the customer, 1 % are on hold or spam each.
STATUSES = ["open"] * 10 + ["pending"] * 4 + ["hold"] + ["spam"] * 2 + ["solved"] * 3


def copy(cursor, table, columns, rows):
    """Write rows by COPY; how many."""
    count = 0
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as pipe:
        for row in rows:
            pipe.write_row(row)
            count += 1
    return count


class Filling:
    """The numbers of a filling: ``inquiries`` and everything in proportion (customers 1/4, orders 3/2, messages × 4)."""

    def __init__(self, inquiries):
        self.inquiries = inquiries
        self.customers = max(10, inquiries // 4)
        self.orders = inquiries * 3 // 2
        self.step = timedelta(days=700) / inquiries
        self.now = BEGIN + timedelta(days=700)

    def opened(self, number):
        return BEGIN + self.step * number

    def status(self, number):
        # What is not solved is recent, as in life: the newest tenth holds all of it, half of that tenth open.
        if number <= self.inquiries * 9 // 10:
            return "solved"
        return STATUSES[number * 7919 % len(STATUSES)]


def fill(connection, inquiries, *, say=print):
    """Fill the database behind a Django connection. The tables are those of a fresh migration."""
    plan = Filling(inquiries)
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        store, categories, agents = _people(connection)
        say(
            f"{copy(cursor, 'shop_customer', ['id', 'name', 'name_kana', 'phone', 'prefecture', 'language', 'note', 'created_at'], _customers(plan))} customers"
        )
        copy(cursor, "shop_customeraddress", ["customer_id", "address", "masked"], _addresses(plan))
        say(f"{_orders(cursor, plan, store)} orders")
        say(f"{_inquiries(cursor, plan, store, categories, agents)} inquiries")
        say(f"{_messages(cursor, plan, agents)} messages")
        copy(cursor, "inquiries_inquiryevent", ["inquiry_id", "code", "data", "at"], _events(plan))
        for table in ("shop_customer", "shop_order", "inquiries_inquiry"):
            newest = cursor.execute(f"SELECT max(id) FROM {table}").fetchone()  # noqa: S608  # names of ours
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, newest[0]])
    return plan


def index(connection, inquiries, *, say=print):
    """The rows of the search, as the sweep would write them; sentences are cut once each."""
    from inquiries import indexing

    known = {}

    def numbers(text):
        if text not in known:
            known[text] = frozenset(indexing.numbers(text))
        return known[text]

    def rows():
        for number in range(1, inquiries + 1):
            subject, texts = words.conversation(number)
            name, kana, address, phone = words.person(number % max(10, inquiries // 4))
            found = set(numbers(subject)) | set(numbers(name)) | set(numbers(kana))
            for sentences in texts:
                for sentence in sentences:
                    found |= numbers(sentence)
            found |= set(indexing.numbers(f"Q-{number:06d}\n{address}\n{phone}\n{_order_number(number)}"))
            yield number, sorted(found)

    with connection.connection.cursor() as cursor:
        say(f"{copy(cursor, 'inquiries_searchentry', ['inquiry_id', 'grams'], rows())} rows of the search")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE inquiries_inquiry SET indexed_version = version WHERE indexed_version IS NULL")


def finish(connection):
    """Statistics and the visibility map, as after a night."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _people(connection):
    from inquiries.models import Category
    from shopdesk.accounts.models import Role, User
    from shopdesk.shop.models import Store

    store = Store.objects.create(
        code="honten", name="くらしの道具店", sender_name="くらしの道具店", sender_address="honten@shop.example",
        is_default=True, requires_cause=False, undo_seconds=0,
    )  # fmt: skip
    agents = [
        User.objects.create_user(
            f"agent{n}@shop.example", "bench-pass-12345", name=f"担当{n}", role=Role.objects.get(code="agent")
        )
        for n in range(8)
    ]
    categories = list(Category.objects.order_by("pk").values_list("pk", flat=True))
    return store.pk, categories, [agent.pk for agent in agents]


def _customers(plan):
    for number in range(plan.customers):
        name, kana, _, phone = words.person(number)
        yield number + 1, name, kana, phone, "東京都", "ja", "", BEGIN


def _addresses(plan):
    for number in range(plan.customers):
        yield number + 1, words.person(number)[2], False


def _order_number(number):
    return f"EC-{2024 + number % 3}-{number:06d}"


def _orders(cursor, plan, store):
    def rows():
        for number in range(1, plan.orders + 1):
            buyer = number % plan.customers
            name, _, address, phone = words.person(buyer)
            at = BEGIN + timedelta(days=700) * (number / plan.orders)
            yield (
                number, store, _order_number(number), "", buyer + 1, address, name, phone, "100-0001", "東京都",
                "千代田区1-1", "delivered", at, at, at + timedelta(days=1), at + timedelta(days=3), 5500, 5000, 500, 0,
                0, 0, "card", "", "0" * 64, "[]", at, at + timedelta(days=3), False,
            )  # fmt: skip

    columns = [
        "id",
        "store_id",
        "number",
        "platform_id",
        "customer_id",
        "email",
        "name",
        "phone",
        "postal_code",
        "prefecture",
        "address",
        "status",
        "ordered_at",
        "paid_at",
        "shipped_at",
        "delivered_at",
        "total",
        "goods_paid",
        "shipping_fee",
        "other_fee",
        "discount",
        "refunded",
        "payment_method",
        "note",
        "content_hash",
        "raw",
        "imported_at",
        "updated_at",
        "plan_followups",
    ]
    count = copy(cursor, "shop_order", columns, rows())
    lines = (
        (number, 0, "", "LTH-001", words.GOODS[number % 10], "", 1, 5000, 10, 5000, [5000], 1, 0, 0)
        for number in range(1, plan.orders + 1)
    )
    names = [
        "order_id",
        "position",
        "platform_id",
        "sku",
        "name",
        "variant",
        "quantity",
        "unit_price",
        "tax_rate",
        "paid_total",
        "unit_amounts",
        "qty_shipped",
        "qty_open",
        "qty_done",
    ]
    copy(cursor, "shop_orderline", names, lines)
    return count


def _inquiries(cursor, plan, store, categories, agents):
    def rows():
        for number in range(1, plan.inquiries + 1):
            subject, texts = words.conversation(number)
            buyer = number % plan.customers
            name, _, address, phone = words.person(buyer)
            at, status = plan.opened(number), plan.status(number)
            last = at + timedelta(hours=30)
            open_ = status == "open"
            due = last + timedelta(hours=8) if open_ else None
            yield (
                number, f"Q-{number:06d}", store, buyer + 1, name, address, phone, "ja",
                categories[number % len(categories)], "email" if number % 2 else "form", subject, number,
                _order_number(number), "", status, agents[number % 9] if number % 9 < 8 else None, at,
                last if open_ else None, due, at + timedelta(hours=3), last,
                last if status == "solved" else None, 4, number % 3 if number % 11 == 0 else 0, "", "delivered",
                "".join(texts[3])[:160], plan.now + timedelta(days=3) if status == "hold" else None, "", "", 60, 0, due,
            )  # fmt: skip

    columns = [
        "id",
        "number",
        "store_id",
        "customer_id",
        "name",
        "email",
        "phone",
        "language",
        "category_id",
        "channel",
        "subject",
        "order_id",
        "order_number",
        "product_text",
        "status",
        "assignee_id",
        "opened_at",
        "waiting_since",
        "reply_due_at",
        "first_replied_at",
        "last_activity_at",
        "solved_at",
        "version",
        "priority",
        "mood",
        "phase",
        "preview",
        "snoozed_until",
        "snooze_reason",
        "snooze_comment",
        "sla_warn",
        "paused_minutes",
        "escalation_at",
    ]
    return copy(cursor, "inquiries_inquiry", columns, rows())


def _messages(cursor, plan, agents):
    def rows():
        for number in range(1, plan.inquiries + 1):
            _, texts = words.conversation(number)
            at = plan.opened(number)
            for turn, sentences in enumerate(texts):
                received = turn % 2 == 0
                yield (
                    number, "received" if received else "reply", "\n".join(filter(None, sentences)),
                    None if received else agents[number % 8], at + timedelta(hours=10 * turn), None, "", "", "", "", "",
                    False, False, [], [],
                )  # fmt: skip

    columns = [
        "inquiry_id",
        "kind",
        "body",
        "author_id",
        "at",
        "mail_key",
        "message_id",
        "html",
        "folded",
        "sender_name",
        "sender_address",
        "automatic",
        "unverified",
        "cc",
        "bcc",
    ]
    return copy(cursor, "inquiries_message", columns, rows())


def _events(plan):
    for number in range(1, plan.inquiries + 1):
        at = plan.opened(number)
        yield number, "opened", json.dumps({"channel": "email"}), at
        yield number, "status", json.dumps({"from": "open", "to": "pending"}), at + timedelta(hours=3)
