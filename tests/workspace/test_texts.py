"""Texts with blanks: filled in from one inquiry, in the customer's language, and never sent with a blank."""

import pytest
from django.utils import translation

from inquiries import texts
from inquiries.models import Template
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.inquiries.make import make_inquiry
from tests.make import NOW


@pytest.fixture
def bag(db):
    """An inquiry about an order of one bag, delivered."""
    customer = make.make_customer(name_kana="ヤマダ ハナコ", phone="09012345678")
    product = make.make_product(name_en="Leather tote", material="牛革", care_tip="乾いた布で拭いてください。")
    order = make.make_order(customer=customer, lines=[(product, 2)])
    return make_inquiry(customer=customer, order=order, order_number="1001", product=product)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ customer.name }} ({{ customer.name_kana }})", "山田 花子 (ヤマダ ハナコ)"),
        ("{{order.number}} {{ order.date }} {{ order.total }}円", "1001 2026年11月10日 24,000円"),
        ("{{ order.items }}", "・革のトートバッグ × 2"),
        ("{% for item in order.items %}{{ item.name }}x{{ item.quantity }}{% endfor %}", "革のトートバッグx2"),
        ("{{ product.name }} {{ product.material }}", "革のトートバッグ 牛革"),
        ("{{ shipment.carrier }} {{ shipment.date }}", "ヤマト運輸 2026年11月11日"),
        ("{{ inquiry.number }} {{ inquiry.subject }}", "Q-TEST01 色について"),
        ("{{ shop.name }} {{ shop.email }}", "くらしの道具店 honten@shop.example"),
        ("{{ agent.name }}", "佐藤 彩"),
        ("{% if order.number %}注文あり{% else %}注文なし{% endif %}", "注文あり"),
    ],
)
def test_each_variable(bag, agent, source, text):
    filled = texts.fill(source, bag, by=agent)
    assert (filled.text, filled.missing, filled.asks) == (text, [], [])


def test_links_are_whole_addresses(bag, agent):
    filled = texts.fill("{{ shipment.tracking_url }} {{ shop.returns_url }} {{ shop.faq_url }}", bag, by=agent)
    tracking, returns, faq = filled.text.split()
    assert tracking.startswith("https://toi.kuronekoyamato.co.jp/")
    assert returns.startswith("http")
    assert returns.endswith("/returns/")
    assert faq.endswith("/")


def test_in_the_customers_language(bag, agent):
    bag.language = "en"
    template = Template(body_ja="日本語", body_en="{{ product.name }}, {{ order.date }}")
    with translation.override("ja"):
        assert texts.fill(template, bag, by=agent).text == "Leather tote, Nov. 10, 2026"
    assert texts.fill(Template(body_ja="{{ product.name }}だけ"), bag, by=agent).text == "Leather toteだけ"


def test_what_is_empty_or_unknown_stays_visible(agent):
    inquiry = make_inquiry()
    source = "{{ order.number }}と{{ 到着目安 }}と{{ shop.nosuch }}、【お届け予定日】【　】{% if order.number %}{{ order.total }}{% endif %}"
    filled = texts.fill(source, inquiry, by=agent)
    assert filled.text == "{{ order.number }}と{{ 到着目安 }}と{{ shop.nosuch }}、【お届け予定日】【　】"
    assert filled.missing == ["order.number", "到着目安", "shop.nosuch"]
    assert filled.asks == ["お届け予定日", "…"]
    assert not filled.is_complete


def test_a_broken_text_is_given_back_as_it_is(agent):
    filled = texts.fill("{% if order.number %}閉じない", make_inquiry(), by=agent)
    assert (filled.text, bool(filled.problem)) == ("{% if order.number %}閉じない", True)
    assert texts.unfilled(filled.text) == ["{% if order.number %}"]


def test_a_customers_name_reaches_nothing(agent):
    inquiry = make_inquiry(name="{{ shop.phone }}{% for a in b %}")
    assert texts.fill("{{ customer.name }} 様", inquiry, by=agent).text == "{{ shop.phone }}{% for a in b %} 様"


def test_left_over_blanks_by_their_human_names(db):
    with translation.override("ja"):
        body = "{{ order.number }} {{order.number}}\n【お届け予定日】\n> 【引用】{{ shop.name }}\n{{ x }}"
        assert texts.unfilled(body) == ["注文番号", "x", "お届け予定日"]
        assert texts.unfilled("ご案内いたします。") == []
    inserted = [Template(body_ja="【お届け予定日】に届きます")]
    # A heading that somebody typed is no blank; what the inserted text asks for is, and an empty one always.
    assert texts.unfilled("【重要】お知らせ", templates=inserted) == []
    assert texts.unfilled("【重要】【お届け予定日】", templates=inserted) == ["お届け予定日"]
    assert texts.unfilled("【　】", templates=[]) == ["…"]


def test_who_may_not_read_contacts_gets_none_filled_in(bag, agent):
    helper = make.make_user("nami@shop.example", role="outsourced")
    source = "{{ customer.email }} {{ customer.phone }} {{ customer.name }}"
    assert texts.fill(source, bag, by=agent).text == "hanako@mail.example 09012345678 山田 花子"
    masked = texts.fill(source, bag, by=helper)
    assert masked.text == "{{ customer.email }} {{ customer.phone }} 山田 花子"
    assert masked.missing == ["customer.email", "customer.phone"]
    assert not [one.name for one in texts.palette(helper) if one.contact]
    bag.subject = "090-1234-5678 に電話を"
    assert "1234" not in texts.fill("{{ inquiry.subject }}", bag, by=helper).text


def test_many_texts_of_one_inquiry_cost_what_one_costs(bag, agent, django_assert_max_num_queries):
    fill = texts.filler(bag, by=agent)
    sources = ["{{ order.items }}{{ shipment.carrier }}{{ customer.email }}"] * 10
    with django_assert_max_num_queries(6):
        assert len({fill(source).text for source in sources}) == 1


def test_names_are_checked_when_a_template_is_written():
    with translation.override("en"):
        assert texts.problems("{{ order.number }}{% for i in order.items %}{{ i.name }}{% endfor %}") == []
        assert texts.problems("{{ 到着目安 }} {{ order.numbr }}") == [
            "These names do not exist here: 到着目安, order.numbr"
        ]
        assert texts.problems("{% if order.number %}") == ["A block is not closed: endif or endfor is missing."]


def test_a_reply_with_an_empty_variable_is_refused_by_the_name_of_the_field(agent, signed_in):
    """The customer's order is not known: the text keeps the blank, and nothing leaves."""
    inquiry = make_inquiry()
    template = Template.objects.create(name="発送", body_ja="{{ order.number }} を発送しました。")
    body = texts.fill(template, inquiry, by=agent).text
    assert body == "{{ order.number }} を発送しました。"
    response = signed_in(agent).post(
        f"/admin/inquiries/{inquiry.pk}/reply/",
        {"body": body, "version": 1, "then": "pending", "templates": str(template.pk)},
    )
    assert response.status_code == 422
    assert "注文番号" in response.content.decode()
    assert body in response.content.decode()  # what was typed is kept
    assert OutgoingMail.objects.count() == 0
    assert not inquiry.messages.filter(kind="reply", at=NOW).exists()
