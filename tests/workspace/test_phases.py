"""Phase by orders, mood by words, and names of categories that may change."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from inquiries import moods, opening, phases
from inquiries.models import Category, Inquiry
from shopdesk.shop.models import Order
from tests import make
from tests.inquiries.make import make_inquiry
from tests.receiving.make import make_mailbox

pytestmark = pytest.mark.django_db


def file_mail(sender, body, now):
    """A mail arrives and is filed, as it happens."""
    from inquiries import filing
    from shopdesk.mail.models import IncomingMail

    raw = (
        f"From: {sender}\r\nTo: honten@shop.example\r\nSubject: =?utf-8?B?6LOq5ZWP?=\r\nMessage-ID: <{abs(hash(body))}@m>\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}\r\n"
    ).encode()
    make.make_store()
    IncomingMail.objects.create(
        mailbox=make_mailbox(1, status="paused"), source_key=f"x:{abs(hash(body))}", sha256=str(abs(hash(body)))[:64],
        raw=raw, size=len(raw), received_at=now, next_try_at=now,
    )  # fmt: skip
    assert filing.sweep(now) == 1
    return Inquiry.objects.order_by("-pk").first()


def test_a_mail_about_an_order_on_the_way_needs_no_click(now):
    customer = make.make_customer()
    make.make_order("1001", customer=customer, status="shipped")
    inquiry = file_mail("hanako@mail.example", "まだ届きません。いつになりますか。", now)
    assert inquiry.customer == customer
    assert inquiry.phase == "shipped"
    assert inquiry.get_phase_display() == "受注後・配送中"


@pytest.mark.parametrize(
    ("status", "phase"),
    [("new", "ordered"), ("paid", "ordered"), ("shipped", "shipped"), ("delivered", "delivered"), ("cancelled", "before"),
     ("returned", "before")],
)  # fmt: skip
def test_by_the_newest_live_order(now, status, phase):
    customer = make.make_customer()
    assert phases.of(customer, at=now) == "before"
    make.make_order("1001", customer=customer, status=status)
    assert phases.of(customer, at=now) == phase


def test_as_of_the_moment_asked_about(now):
    customer = make.make_customer()
    order = make.make_order("1001", customer=customer, status="delivered", ordered_at=now - timedelta(days=10))
    for days, phase in [
        (-1, "before"),
        (0, "ordered"),
        (1, "shipped"),
        (2, "delivered"),
        (62, "delivered"),
        (63, "before"),
    ]:
        assert (
            phases.of(customer, at=order.ordered_at + timedelta(days=days, minutes=1 if days < 62 else -1)) == phase
        ), days


def test_a_newer_order_counts_and_an_old_one_is_past(now):
    customer = make.make_customer()
    make.make_order("1001", customer=customer, status="delivered", ordered_at=now - timedelta(days=90))
    assert phases.of(customer, at=now) == "before"
    make.make_order("1002", customer=customer, status="delivered", ordered_at=now - timedelta(days=9))
    make.make_order("1003", customer=customer, status="paid", ordered_at=now - timedelta(days=1))
    assert phases.of(customer, at=now) == "ordered"


def test_the_inquirys_own_order_comes_first(now):
    customer = make.make_customer()
    own = make.make_order("1001", customer=customer, status="shipped")
    make.make_order("1002", customer=customer, status="paid", ordered_at=now - timedelta(days=1))
    assert phases.of(customer, order=own, at=now) == "shipped"
    own.status = "cancelled"
    assert phases.of(customer, order=own, at=now) == "ordered"


def test_the_phase_follows_the_order_while_the_inquiry_is_unsolved(now, django_assert_max_num_queries):
    customer = make.make_customer()
    order = make.make_order("1001", customer=customer, status="paid")
    live = make_inquiry("Q-1", customer=customer, phase="ordered")
    solved = make_inquiry("Q-2", customer=customer, phase="ordered", status="solved")
    other = make_inquiry("Q-3", customer=make.make_customer("別の人", "x@mail.example"), phase="delivered")
    phases.sweep(now)
    Order.objects.filter(pk=order.pk).update(
        status="shipped", shipped_at=now, updated_at=now + timedelta(minutes=1), content_hash="2"
    )
    with django_assert_max_num_queries(8):
        assert phases.sweep(now + timedelta(minutes=2)) == 1
    assert phases.sweep(now + timedelta(minutes=3)) == 0
    assert [Inquiry.objects.get(pk=row.pk).phase for row in (live, solved, other)] == [
        "shipped",
        "ordered",
        "delivered",
    ]


def test_an_order_that_an_import_commits_late_is_followed_too(now):
    customer = make.make_customer()
    make_inquiry("Q-1", customer=customer)
    phases.sweep(now)
    # Begun before the sweep, committed after it.
    make.make_order("1001", customer=customer, status="paid", updated_at=now - timedelta(minutes=20))
    assert phases.sweep(now + timedelta(minutes=1)) == 1


@pytest.mark.django_db(transaction=True)
def test_one_row_that_somebody_holds_stops_nobody_and_is_followed_later(now):
    customer = make.make_customer()
    rows = [make_inquiry(f"Q-{n}", customer=customer) for n in (1, 2, 3)]
    phases.sweep(now)
    make.make_order("1001", customer=customer, status="paid", updated_at=now + timedelta(minutes=1))
    found = []

    def work():
        try:
            found.append(phases.sweep(now + timedelta(minutes=2), limit=1))
        finally:
            connection.close()

    with transaction.atomic():
        Inquiry.objects.select_for_update().get(pk=rows[1].pk)
        worker = threading.Thread(target=work)
        worker.start()
        worker.join(5)
        assert found == [2]  # it waited for nobody
        # What it has written is written, and free.
        assert Inquiry.objects.select_for_update(nowait=True).get(pk=rows[0].pk).phase == "ordered"
    worker.join(10)
    assert Inquiry.objects.get(pk=rows[1].pk).phase == "before"
    # However long the row was held: it is not forgotten.
    assert phases.sweep(now + timedelta(hours=9), limit=1) == 1
    assert {row.phase for row in Inquiry.objects.all()} == {"ordered"}
    assert phases.sweep(now + timedelta(hours=10), limit=1) == 0


@pytest.mark.parametrize(
    ("words", "mood"),
    [
        ("無事に届くか不安です。", "worried"),
        ("プレゼントなので心配しています。", "worried"),
        ("どうすればよいでしょうか。困っています。", "worried"),
        ("至急ご連絡ください。", "worried"),
        ("誕生日に間に合うか心配です。", "worried"),
        ("I am worried about my parcel.", "worried"),
        ("写真と違ってがっかりしました。", "upset"),
        ("もう二度と買いません。", "upset"),
        ("対応がひどいです。", "upset"),
        ("何度も連絡しているのに返信がありません。", "upset"),
        ("さすがに怒っています。", "upset"),
        ("納得できません。", "upset"),
        ("This is unacceptable, I will never order again.", "upset"),
        ("届きました。とても気に入っています。", "happy"),
        ("色は何色がありますか。", ""),
        ("お忙しいところ申し訳ございませんが、領収書をお願いします。", ""),
        ("ご心配はいりません、届きました。", ""),
        ("不満があるわけではありません。サイズを教えてください。", ""),
        ("最低注文数はいくつですか。", ""),
        ("> ご不便とご心配をおかけし申し訳ございません。\nありがとうございます。", ""),
    ],
)
def test_twenty_sentences(words, mood):
    assert moods.guess(words) == mood


def test_the_mood_gets_worse_by_words_and_better_by_staff_only():
    assert moods.after("", "不安です") == "worried"
    assert moods.after("worried", "がっかりです") == "upset"
    assert moods.after("upset", "不安です") == "upset"
    assert moods.after("upset", "嬉しいです") == "upset"
    assert moods.after("happy", "不安です") == "worried"


def test_a_question_brings_its_mood(now):
    inquiry = opening.open_inquiry(
        store=make.make_store(), name="山田", email="a@mail.example", category=Category.objects.get(slug="spec"),
        body="届くか不安です。", now=now,
    )  # fmt: skip
    assert inquiry.mood == "worried"
    assert Inquiry.objects.get().mood == "worried"


def test_thirteen_categories_in_two_languages_and_their_names_are_free(now):
    rows = Category.objects.filter(is_active=True)
    assert rows.filter(phase="before").count() == 5
    assert rows.filter(phase="after").count() == 8
    assert all(row.name_ja and row.name_en for row in rows)
    make_inquiry("Q-1", category="delay")

    def figures():
        return (
            dict(Inquiry.objects.values_list("category__slug").order_by().distinct())
            if False
            else [*Inquiry.objects.values_list("category__slug", flat=True)]
        )

    before = figures()
    Category.objects.filter(slug="delay").update(name_ja="お届けが遅い", name_en="Late")
    assert figures() == before == ["delay"]
    from inquiries import guessing

    assert guessing.category("まだ届きません。", Inquiry.objects.get().customer).slug == "delay"
