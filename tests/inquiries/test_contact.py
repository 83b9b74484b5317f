"""A visitor asks something."""

import re
import threading

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils.html import escape

from inquiries import opening
from inquiries.models import Attachment, Category, Inquiry, InquiryEvent, Message
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.inquiries.make import contact_data

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 100
URL = "/contact/"


def file(name, content=PNG, kind="image/png"):
    return SimpleUploadedFile(name, content, content_type=kind)


def test_the_form_shows_thirteen_categories_in_two_groups(client, store):
    page = client.get(URL)
    assert page.status_code == 200
    text = page.content.decode()
    assert text.count("<optgroup") == 2
    assert "商品の仕様" in text
    assert Category.objects.filter(phase="before").count() == 5
    assert Category.objects.filter(phase="after").count() == 8
    assert set(Category.objects.filter(is_complaint=True).values_list("slug", flat=True)) == {
        "delay", "return", "defect", "wrong_item", "image_gap",
    }  # fmt: skip
    assert Category.objects.get(slug="defect").reply_minutes == 120


def test_before_the_shop_has_a_store_the_visitor_keeps_the_text(client, db):
    answer = client.post(URL, contact_data())
    assert answer.status_code == 503
    assert escape(contact_data()["body"]) in answer.content.decode()
    assert "送信されていません" in answer.content.decode()
    assert not Inquiry.objects.exists()


def test_a_question_is_stored_acknowledged_and_has_a_due_time(client, store, now):
    answer = client.post(URL, contact_data())
    assert answer.status_code == 303
    inquiry = Inquiry.objects.get()
    assert re.fullmatch(r"Q-[0-9A-HJKMNP-TV-Z]{6}", inquiry.number)
    assert (inquiry.status, inquiry.waiting_since, inquiry.channel) == ("open", now, "form")
    # 10:00 + 4 business hours; without hours told, the shop is there 10-17 on weekdays.
    assert f"{inquiry.reply_due_at:%m-%d %H:%M}" == "11-20 05:00"
    assert inquiry.subject == "財布の色は何色がありますか"
    assert inquiry.customer.email == "hanako@mail.example"
    letter = OutgoingMail.objects.get()
    assert letter.key == f"inquiries.ack:{inquiry.pk}"
    assert letter.to_address == "hanako@mail.example"
    assert letter.subject == f"【くらしの道具店】お問い合わせを受け付けました（受付番号：{inquiry.number}）"
    assert letter.automatic is True
    assert "11月20日(金) 14:00まで" in letter.text
    assert f"受付番号：<strong>{inquiry.number}</strong>" in letter.html
    assert "11月20日(金) 14:00まで" in letter.html
    kinds = list(inquiry.messages.values_list("kind", "mail_key", "message_id"))
    assert kinds == [("received", None, ""), ("automatic", letter.key, letter.message_id)]
    page = client.get(answer.url)
    assert inquiry.number in page.content.decode()
    assert "11月20日(金) 14:00" in page.content.decode()


def test_an_english_visitor_gets_an_english_letter(client, store):
    client.cookies["django_language"] = "en"
    client.post(URL, contact_data())
    letter = OutgoingMail.objects.get()
    assert letter.subject.startswith("[Kurashi Tools] We have received your inquiry")
    assert "お" not in letter.text
    assert Inquiry.objects.get().language == "en"


def test_the_acknowledgement_holds_none_of_the_senders_words(client, store):
    evil = "BUY-NOW https://evil.example"
    client.post(
        URL,
        contact_data(name=f"{evil} name", body=f"{evil} body\nsecond", product=f"{evil} goods", order_number="EVIL-77"),
    )
    letter = OutgoingMail.objects.get()
    sent = letter.subject + letter.text + letter.html + letter.to_name + str(letter.headers)
    assert "evil" not in sent.lower()
    assert "BUY-NOW" not in sent
    assert letter.to_name == ""


def test_one_acknowledgement_a_day_to_an_address(client, store):
    for place in range(3):
        client.post(URL, contact_data(body=f"質問 {place} です。", form_token=""))
    assert Inquiry.objects.count() == 3
    assert OutgoingMail.objects.count() == 1
    assert InquiryEvent.objects.filter(code="acknowledgement_withheld", data={"reason": "address"}).count() == 2


def test_a_flood_of_strangers_addresses_sends_at_most_the_cap(store, now):
    category = Category.objects.get(slug="spec")
    for place in range(opening.ACKNOWLEDGEMENTS_A_MINUTE + 5):
        opening.open_inquiry(
            store=store, name="x", email=f"s{place}@mail.example", category=category, body="質問です。", now=now
        )
    assert OutgoingMail.objects.count() == opening.ACKNOWLEDGEMENTS_A_MINUTE


def test_the_same_form_twice_opens_one_inquiry(client, store):
    first = client.post(URL, contact_data())
    second = client.post(URL, contact_data())
    assert (first.status_code, second.status_code) == (303, 303)
    assert Inquiry.objects.count() == 1
    assert OutgoingMail.objects.count() == 1
    number = Inquiry.objects.get().number
    assert number in client.get(second.url).content.decode()


def test_going_back_and_writing_something_else_is_not_swallowed(client, store):
    client.post(URL, contact_data())
    client.post(URL, contact_data(body="別の質問です。送料はいくらですか。"))
    client.post(URL, contact_data(body="別の質問です。送料はいくらですか。"))
    bodies = Message.objects.filter(kind="received").order_by("pk").values_list("body", flat=True)
    assert list(bodies) == ["財布の色は何色がありますか。", "別の質問です。送料はいくらですか。"]


def test_the_same_words_from_a_fresh_form_are_the_same_question(client, store):
    first = client.post(URL, contact_data(form_token=""))
    again = client.post(URL, contact_data(form_token=""))
    assert (first.status_code, again.status_code) == (303, 303)
    assert Inquiry.objects.count() == 1
    client.post(URL, contact_data(form_token="", files=file("忘れた写真.png")))
    client.post(URL, contact_data(form_token="", email="else@mail.example"))
    assert Inquiry.objects.count() == 3


def test_going_back_may_show_the_form_again(client, store):
    assert "no-store" not in client.get(URL)["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_two_posts_at_once_open_one_inquiry():
    make.make_store()
    start = threading.Barrier(4)
    answers = []

    def post():
        start.wait()
        try:
            answers.append(Client().post(URL, contact_data(files=file("a.png"))).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [303] * 4
    assert Inquiry.objects.count() == 1
    assert OutgoingMail.objects.count() == 1
    assert Attachment.objects.count() == 1


def test_a_taken_number_is_drawn_again(store, now, monkeypatch):
    numbers = iter(["Q-AAAAAA", "Q-AAAAAA", "Q-BBBBBB"])
    monkeypatch.setattr(opening, "new_number", lambda: next(numbers))
    category = Category.objects.get(slug="spec")
    given = {"store": store, "name": "x", "email": "", "category": category, "body": "質問です。", "now": now}
    assert opening.open_inquiry(**given).number == "Q-AAAAAA"
    assert opening.open_inquiry(**given).number == "Q-BBBBBB"


def test_the_honeypot_thanks_and_stores_nothing(client, store):
    answer = client.post(URL, contact_data(website="https://spam.example"))
    assert answer.status_code == 303
    page = client.get(answer.url)
    assert page.status_code == 200
    assert Inquiry.objects.count() == 0
    assert OutgoingMail.objects.count() == 0


def test_the_sixth_question_in_an_hour_waits_and_keeps_its_text(client, store):
    for place in range(5):
        data = contact_data(email=f"v{place}@mail.example", body=f"質問 {place} です。", form_token="")
        assert client.post(URL, data).status_code == 303
    answer = client.post(URL, contact_data(email="v6@mail.example", body="六つ目の質問です。", form_token=""))
    assert answer.status_code == 429
    assert "六つ目の質問です。" in answer.content.decode()
    assert Inquiry.objects.count() == 5


def test_an_address_is_counted_wherever_it_comes_from(store):
    for place in range(6):
        answer = Client(REMOTE_ADDR=f"192.0.2.{place}").post(URL, contact_data(body=f"質問 {place}。", form_token=""))
    assert answer.status_code == 429
    assert Inquiry.objects.count() == 5


def test_errors_keep_what_was_typed(client, store):
    answer = client.post(URL, contact_data(email="not an address", body="長い質問です。"))
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "長い質問です。" in text
    assert "not an address" in text
    assert 'aria-invalid="true"' in text
    assert Inquiry.objects.count() == 0


@pytest.mark.parametrize(
    "field", ["name", "email", "phone", "category", "order_number", "product", "body", "form_token"]
)
def test_nul_in_a_field_is_refused_in_words(client, store, field):
    answer = client.post(URL, contact_data(**{field: "a\x00b@mail.example"}))
    assert answer.status_code == 422
    assert Inquiry.objects.count() == 0


def test_line_breaks_in_one_line_fields_become_spaces(client, store):
    evil = "\r\nBcc: victim@mail.example\u2028x"
    data = contact_data(name=f"花子{evil}", phone="03-1\r\n2", order_number=f"1001{evil}", product=f"皿{evil}")
    assert client.post(URL, data).status_code == 303
    inquiry = Inquiry.objects.get()
    for value in (inquiry.name, inquiry.phone, inquiry.order_number, inquiry.product_text, inquiry.subject):
        assert not re.search(r"[\r\n\u2028]", value)
    assert inquiry.name == "花子 Bcc: victim@mail.example x"
    assert client.post(URL, contact_data(email="a@mail.example\r\nBcc: b@mail.example")).status_code == 422


@pytest.mark.parametrize("address", ["da.me..@docomo.ne.jp", ".x@ezweb.ne.jp", "ｈａｎａ＠ｍａｉｌ．ｅｘａｍｐｌｅ"])
def test_addresses_as_people_have_them_in_japan(client, store, address):
    assert client.post(URL, contact_data(email=address)).status_code == 303
    assert OutgoingMail.objects.get().state == OutgoingMail.State.PLANNED


def test_markup_in_every_field_stays_text(client, store, agent, signed_in):
    evil = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    client.post(URL, contact_data(name=evil, body=evil, product=evil, order_number="<b>1</b>"))
    inquiry = Inquiry.objects.get()
    staff = signed_in(agent)
    for url in ("/admin/inquiries/", f"/admin/inquiries/{inquiry.pk}/"):
        text = staff.get(url).content.decode()
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert escape("<script>alert(1)") in text


def test_an_order_is_linked_only_when_the_address_belongs_to_it(client, store):
    order = make.make_order("1001", customer=make.make_customer())
    client.post(URL, contact_data(order_number="＃1001"))
    stranger = contact_data(email="else@mail.example", order_number="1001", form_token="", body="荷物はどこですか。")
    client.post(URL, stranger)
    mine, theirs = Inquiry.objects.order_by("pk")
    assert (mine.order, mine.customer) == (order, order.customer)
    assert (theirs.order, theirs.order_number) == (None, "1001")
    assert theirs.customer != order.customer


def test_a_forged_thanks_link_is_not_found(client, store):
    assert client.get("/contact/thanks/Q-7K3F9M/").status_code == 404
    url = client.post(URL, contact_data()).url
    assert client.get(url).status_code == 200
    assert client.get(url[:-3] + "xx/").status_code == 404


# --- files --------------------------------------------------------------------------------------------------------


def test_files_are_kept_under_random_names(client, store):
    client.post(
        URL, contact_data(files=[file("皿の写真.png"), file("../../etc/x.png"), file("領収書.pdf", b"%PDF-1.7 x")])
    )
    rows = list(Attachment.objects.order_by("pk"))
    assert [row.name for row in rows] == ["皿の写真.png", "x.png", "領収書.pdf"]
    assert [row.media_type for row in rows] == ["image/png", "image/png", "application/pdf"]
    for row in rows:
        assert re.fullmatch(r"inquiries/2026/11/[0-9a-f]{32}", row.storage_key)


def test_twelve_megabytes_are_refused_and_the_text_kept(client, store):
    answer = client.post(URL, contact_data(files=file("big.png", PNG + b"\x00" * 12 * 1024 * 1024)))
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "10 MB" in text
    assert "財布の色は何色がありますか。" in text
    assert Inquiry.objects.count() == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("photo.png", b"MZ\x90\x00" + b"\x00" * 50),
        ("photo\u202egnp.exe", b"MZ\x90\x00"),
        ("tool.exe", b"MZ\x90\x00"),
        ("page.html", b"<html><script>alert(1)</script>"),
        ("picture.png", b"<html><script>alert(1)</script>"),
        ("picture.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("run.sh", b"#!/bin/sh\nrm -rf /"),
        ("notes.txt", b"\x00\x01\x02\x00"),
        ("empty.png", b""),
    ],
)
def test_files_that_are_not_let_in(client, store, name, content):
    answer = client.post(URL, contact_data(files=file(name, content)))
    assert answer.status_code == 422
    assert Inquiry.objects.count() == 0
    assert Attachment.objects.count() == 0


def test_six_files_are_one_too_many(client, store):
    answer = client.post(URL, contact_data(files=[file(f"{n}.png") for n in range(6)]))
    assert answer.status_code == 422
    assert Inquiry.objects.count() == 0


@pytest.mark.parametrize("typed", ["own@shop.example", "ＯＷＮ@shop.example", "own+abc@shop.example"])
def test_the_shops_own_address_is_not_the_customers(client, store, agent, signed_in, typed):
    store.sender_address = "own@shop.example"
    store.save(update_fields=["sender_address"])
    answer = client.post(URL, contact_data(email=typed))
    assert answer.status_code == 422
    assert "ショップのメールアドレスです。" in answer.content.decode()
    assert "財布の色は何色がありますか。" in answer.content.decode()
    posted = contact_data(email=typed, channel="phone", subject="色")
    assert signed_in(agent).post("/admin/inquiries/new/", posted).status_code == 422
    assert not Inquiry.objects.exists()
    assert not OutgoingMail.objects.exists()
