"""What a writer is asked to look at once more before a reply leaves."""

import pytest
from django.urls import reverse

from inquiries import checking, naming
from inquiries.models import Inquiry, Message, PreparedReply, Template, WarningWord
from shopdesk.mail import suppressions
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.models import CustomerAddress
from tests import make
from tests.filing.make import make_mailbox
from tests.inquiries.make import make_inquiry

pytestmark = pytest.mark.django_db


@pytest.fixture
def inquiry(store):
    customer = make.make_customer()
    order = make.make_order("10023", customer=customer)
    return make_inquiry(customer=customer, order=order)


@pytest.fixture
def codes(inquiry, agent):
    """What is found in a text: ``codes("…") == ["no_file"]``."""

    def look(body, *, cc=(), bcc=(), file_count=0, templates=()):
        found = checking.findings(
            inquiry, body=body, cc=cc, bcc=bcc, file_count=file_count, by=agent, templates=templates
        )
        return [one.code for one in found]

    return look


def test_an_ordinary_reply_is_let_through(codes):
    assert (
        codes(
            "山田 花子 様\n\nお問い合わせありがとうございます。注文番号10023は11月24日にお届けします。送料は1234円です。"
        )
        == []
    )
    assert codes("Dear 山田 花子,\n\nYour order 10023 will arrive on 24 November.") == []


# --- copies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("ken@rival.example", ["outside_copy"]),
        ("hanako@mail.example", []),  # the customer
        ("HANAKO.2@mail.example", []),  # their other address
        ("warehouse@shop.example", []),  # a colleague
        ("help@desk.example", []),  # our own mailbox
        ("x@desk.example", []),  # its domain
        ("x@sub.shop.example", ["outside_copy"]),
        ("x@shop.example.evil.example", ["outside_copy"]),
    ],
)
def test_copies_to_strangers(codes, inquiry, address, expected):
    make_mailbox("help@desk.example")
    CustomerAddress.objects.create(customer=inquiry.customer, address="hanako.2@mail.example")
    assert codes("はい。", cc=[address]) == expected
    assert codes("はい。", bcc=[address]) == expected


def test_a_shop_at_a_public_provider_does_not_know_everybody_there(codes, store):
    store.sender_address = "kurashi@gmail.com"
    store.save()
    assert codes("はい。", cc=["kurashi@gmail.com"]) == []
    assert codes("はい。", cc=["somebody@gmail.com"]) == ["outside_copy"]


def test_addresses_that_take_no_mail(codes, now):
    suppressions.suppress("ken@shop.example", scope="all", reason="bounced", now=now)
    suppressions.suppress("mika@shop.example", scope="all", reason="unsubscribed", now=now)
    assert codes("はい。", cc=["ken@shop.example"]) == ["stopped"]
    assert codes("はい。", cc=["mika@shop.example"]) == []  # an answer is no advertising


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "写真を添付いたします。", "添付ファイルをご覧ください。", "取扱説明書を同封しました。", "Please see the attached photo.",
        "I attach the manual.", "The form is in the attachment.", "Enclosed you will find the invoice.", "ＡＴＴＡＣＨＥＤ",
    ],
)  # fmt: skip
def test_a_file_that_is_spoken_of_and_not_there(codes, body):
    assert codes(body) == ["no_file"]
    assert codes(body, file_count=1) == []


@pytest.mark.parametrize(
    "body",
    ["ご確認ください。\n> 写真を添付します", "＞ 添付の件\nはい。", "  > attached\nYes.", "We are quite detached."],
)
def test_quoted_lines_are_not_our_words(codes, body):
    assert codes(body) == []


# --- words ------------------------------------------------------------------------------------------------------------


def test_warning_words(codes, inquiry, agent):
    WarningWord.objects.create(word="絶対", note="断定を避ける")
    WarningWord.objects.create(word="Guarantee")
    assert codes("絶対に届きます。") == ["warning_word"]
    assert codes("We GUARANTEE it.") == ["warning_word"]
    assert codes("We ｇｕａｒａｎｔｅｅ it. 絶対") == ["warning_word", "warning_word"]
    assert codes("> 絶対に届きますか？\nお調べします。") == []
    (found,) = checking.findings(inquiry, body="絶対", file_count=0, by=agent)
    assert found.text == "注意語句：「絶対」 (断定を避ける)"
    assert found.blocks is False


# --- somebody else ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("注文番号 20077 を発送しました。", ["other_order"]),
        ("ご注文#20077の件です。", ["other_order"]),
        ("Your order 20077 was shipped.", ["other_order"]),
        ("ご注文（２００７７）を発送しました。", ["other_order"]),
        ("注文番号 10023 を発送しました。", []),  # their own
        ("注文番号 99999 を発送しました。", []),  # nobody's
        ("合計は20077円です。", []),  # money
        ("部屋は20077です。", []),  # no word says that it is an order
        ("RK-2026-555", ["other_order"]),
        ("rk-2026-555の件", ["other_order"]),
        ("> 注文番号 20077\n確認します。", []),
    ],
)
def test_the_order_of_another_customer(codes, body, expected):
    other = make.make_customer("佐藤 一郎", "ichiro@mail.example")
    make.make_order("20077", customer=other)
    make.make_order("RK-2026-555", customer=other)
    assert codes(body) == expected


def test_a_number_that_two_stores_gave_is_the_customers_too(codes, inquiry):
    other = make.make_customer("佐藤 一郎", "ichiro@mail.example")
    make.make_order("10023", customer=other, store=make.make_store("rakuten"))
    assert codes("注文番号 10023 の件です。") == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("佐藤様\n\nお世話になっております。", ["other_name"]),
        ("佐藤 一郎 様", ["other_name"]),
        ("本日佐藤様にお届けしました。", ["other_name"]),
        ("サトウ様", ["other_name"]),
        ("さくら様\n", ["other_name"]),
        ("山田様", []),
        ("花子様", []),
        ("山田花子様", []),
        ("山田　花子　様", []),
        ("ﾔﾏﾀﾞ様", []),
        ("本日山田様にお届けしました。", []),
        ("山田 一郎 様", ["other_name"]),
        ("鈴木様", []),  # who the parcel goes to
        ("お客様、皆様、ご担当者様、お子様、奥様、ご主人様、お連れ様、配送業者様", []),
        ("同様の仕様です。様々な模様で、そのような様子でした。お世話様です。この様に", []),
        ("> 佐藤様\n山田様", []),
        ("Dear Mr. Smith,", ["other_name"]),
        ("Dear Ms Yamada Hanako,", ["other_name"]),
        ("Hello John Smith,\nThank you.", ["other_name"]),
        ("Dear Customer,", []),
        ("Dear Sir or Madam,", []),
        ("Hello there,", []),
    ],
)
def test_the_name_of_another_person(codes, inquiry, body, expected):
    inquiry.customer.name_kana = "ヤマダ ハナコ"
    inquiry.order.name = "鈴木 次郎"
    assert codes(body) == expected


def test_names_of_whoever_takes_part_are_known(codes, inquiry, now):
    Message.objects.create(
        inquiry=inquiry,
        kind="received",
        body="夫です",
        at=now,
        sender_name="佐藤 一郎",
        sender_address="i@mail.example",
    )
    assert codes("佐藤様") == []


@pytest.mark.parametrize("name", ["John Smith", "john smith"])
def test_names_in_latin_letters(name):
    (found,) = naming.addressed("Dear Mr. Smith,")
    assert naming.is_known(found, [name])
    assert not naming.is_known(found, ["Jane Doe"])
    assert [one.shown for one in naming.addressed("村上様、服部様、緒方様、神様、王様、上様")] == [
        "村上様",
        "服部様",
        "緒方様",
    ]


# --- blanks ------------------------------------------------------------------------------------------------------------


def test_blanks_stop_it_and_say_which(inquiry, agent):
    template = Template.objects.create(name="納期", body_ja="【お届け予定日】にお届けします。")
    (found,) = checking.findings(
        inquiry, body="【お届け予定日】にお届けします。", file_count=0, by=agent, templates=[template.pk]
    )
    assert (found.code, found.blocks) == ("unfilled", True)
    assert "お届け予定日" in found.text
    (found,) = checking.findings(inquiry, body="番号は{{ order.number }}です。", file_count=0, by=agent)
    assert found.blocks is True
    assert "注文番号" in found.text
    assert checking.findings(inquiry, body="【重要】ご確認ください。", file_count=0, by=agent) == []


# --- the second press ---------------------------------------------------------------------------------------------------


def post(client, inquiry, **words):
    data = {"body": "写真を添付します。", "version": 1, "then": "solved", **words}
    return client.post(reverse("desk-inquiries:reply", args=[inquiry.pk]), data)


def confirmed(response):
    return response.text.partition('name="checked" value="')[2].partition('"')[0]


def test_a_second_press_sends_and_another_text_is_checked_anew(inquiry, agent, signed_in):
    WarningWord.objects.create(word="絶対")
    client = signed_in(agent)
    first = post(client, inquiry)
    assert first.status_code == 422
    assert "確認して送信" in first.text
    assert "ファイルが添付されていません" in first.text
    assert "写真を添付します。" in first.text
    assert 'name="then" value="solved"' in first.text
    checked = confirmed(first)
    second = post(client, inquiry, checked=checked, body="絶対に、写真を添付します。")
    assert second.status_code == 422  # a new finding: looked at anew
    assert confirmed(second) not in {"", checked}
    assert not OutgoingMail.objects.exists()
    assert post(client, inquiry, checked=checked, body="別の写真を添付します。").status_code == 302
    assert OutgoingMail.objects.count() == 1
    assert Inquiry.objects.get(pk=inquiry.pk).status == "solved"


@pytest.mark.parametrize("checked", ["1", "true", "0" * 32])
def test_a_confirmation_cannot_be_made_up(inquiry, agent, signed_in, checked):
    assert post(signed_in(agent), inquiry, checked=checked).status_code == 422
    assert not OutgoingMail.objects.exists()


def test_what_blocks_cannot_be_confirmed(inquiry, agent, signed_in):
    client = signed_in(agent)
    for action in ("send", "schedule", "approve"):
        words = {"body": "{{ order.number }}", "action": action, "send_at": "2026-11-24T09:00"}
        response = post(client, inquiry, **words)
        assert response.status_code == 422
        assert "未入力の項目があります：注文番号" in response.text
        assert confirmed(response) == ""
    assert not OutgoingMail.objects.exists()
    assert not PreparedReply.objects.exists()


def test_a_check_before_scheduling_goes_on_with_scheduling(inquiry, agent, signed_in):
    client = signed_in(agent)
    words = {"action": "schedule", "send_at": "2026-11-24T09:00", "cc": "ken@rival.example"}
    response = post(client, inquiry, **words)
    assert response.status_code == 422
    for kept in ('value="2026-11-24T09:00"', "ken@rival.example", 'name="action" value="schedule"'):
        assert kept in response.text
    assert post(client, inquiry, **words, checked=confirmed(response)).status_code == 302
    assert PreparedReply.objects.get().cc == ["ken@rival.example"]


def test_findings_show_nothing_as_html(inquiry, agent, signed_in):
    WarningWord.objects.create(word="<script>", note="<img src=x>")
    response = post(signed_in(agent), inquiry, body="<script>alert(1)</script> {{ <b>x</b> }}")
    assert "<script>alert" not in response.text
    assert "<img src=x>" not in response.text
    assert "<b>x</b>" not in response.text


def test_the_check_costs_a_bounded_number_of_queries(inquiry, agent, django_assert_max_num_queries):
    body = "添付 佐藤様 鈴木様 " + " ".join(f"RK-{number}" for number in range(300))
    for number in range(20):
        WarningWord.objects.create(word=f"語{number}")
    with django_assert_max_num_queries(8):
        checking.findings(inquiry, body=body, cc=["a@b.example"], file_count=0, by=agent, templates=[1, 2])


def test_a_long_text_is_read_quickly(inquiry, agent):
    """No pattern here takes more than linear time: 50,000 letters of what each likes best."""
    for piece in ("様", "あ様", "山田 ", "a-1", "1", "> ", "Dear Mr. A", "注文", "【", "{{", "アア・"):
        checking.findings(inquiry, body=(piece * 50_000)[:50_000], file_count=0, by=agent)


def test_who_sees_assigned_work_only_cannot_try_out_which_orders_there_are(inquiry, outsourced):
    make.make_order("20077", customer=make.make_customer(name="次郎", address="jiro@mail.example"))

    def told(body):
        return [one.text for one in checking.findings(inquiry, body=body, file_count=0, by=outsourced)]

    # One that is a stranger's and one that nobody has are told alike, or not at all.
    for words in (
        "注文番号 {}",
        "ご注文（{}）を発送しました。",
        "Your order {} was shipped.",
        "受注番号:{}",
        "オーダーNo.{}",
    ):
        assert told(words.format("20077")) == ["20077 は、このお客様の注文ではありません。"], words
        assert told(words.format("20078")) == ["20078 は、このお客様の注文ではありません。"], words
        assert told(words.format("10023")) == [], words
    for words in (
        "追跡番号 {}",
        "{} の件です。",
        "ご注文の商品 {} は",
        "お問い合わせ番号 {}",
        "伝票番号: {}",
        "ご注文（{}円）",
    ):
        assert told(words.format("20077")) == told(words.format("20078")) == [], words
