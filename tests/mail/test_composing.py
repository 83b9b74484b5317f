"""The words of letters: ours and the shops'."""

import pytest
from django.template import TemplateDoesNotExist
from django.utils import translation

from shopdesk.mail import composing
from shopdesk.mail.composing import BadTemplate, UnknownVariable, check_shop_text, render_shop_text

CONTEXT = {
    "customer": {"name": "山田 花子"},
    "order": {"number": "1001", "items": [{"name": "鞄", "care_tip": "乾拭き"}, {"name": "鍋", "care_tip": ""}]},
    "empty": [],
    "vip": False,
    "points": 0,
    "nothing": None,
}


class Danger:
    secret = "geheim"

    def __str__(self):
        return "told"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ customer.name }} 様", "山田 花子 様"),
        ("{{customer.name}}/{{ points }}/{{ nothing }}.", "山田 花子/0/."),
        ("{% for item in order.items %}・{{ item.name }}{% if item.care_tip %}({{ item.care_tip }}){% endif %}\n{% endfor %}",
         "・鞄(乾拭き)\n・鍋\n"),
        ("{% for x in empty %}{{ x }}{% empty %}なし{% endfor %}", "なし"),
        ("{% if vip %}A{% elif points %}B{% else %}C{% endif %}", "C"),
        ("{% if not vip and customer.name %}A{% endif %}", "A"),
        ("{% if vip or order.number == '1001' %}A{% endif %}{% if order.number != \"1001\" %}B{% endif %}", "A"),
        ("{# a remark #}100% { } }} %} {", "100% { } }} %} {"),
        ("{% for a in order.items %}{% for b in order.items %}{{ a.name }}{{ b.name }} {% endfor %}{% endfor %}",
         "鞄鞄 鞄鍋 鍋鞄 鍋鍋 "),
    ],
)  # fmt: skip
def test_what_a_shop_may_write(source, expected):
    assert render_shop_text(source, CONTEXT) == expected


@pytest.mark.parametrize(
    "source",
    [
        "{{ customer.name.upper }}", "{{ order.items.0 }}", "{{ order.keys }}", "{{ danger.secret }}", "{{ danger.__class__ }}",
        "{{ customer.__class__.__mro__ }}", "{{ forloop.counter }}", "{{ order.items.append }}", "{{ unknown }}",
        "{% if vip.real %}{% endif %}", "{% if customer.name == geheim %}{% endif %}", "{{ _private }}", "{{ 0 }}",
        "{% for x in order.items.copy %}{% endfor %}", "{% if vip %}{{ not_taken }}{% endif %}",
    ],
)  # fmt: skip
def test_nothing_but_the_given_names_is_reached(source):
    with pytest.raises((UnknownVariable, BadTemplate)):
        render_shop_text(source, {**CONTEXT, "danger": Danger()})


@pytest.mark.parametrize(
    "source",
    [
        "{% load i18n %}", "{% include 'x' %}", "{% extends 'x' %}", "{% debug %}", "{% now 'Y' %}", "{{ a|safe }}",
        "{{ customer['name'] }}", "{{ customer.name() }}", "{% if %}{% endif %}", "{% if vip %}", "{% endif %}",
        "{% for x in %}{% endfor %}", "{% for x in empty %}{% endif %}", "{% if vip %}{% else %}{% else %}{% endif %}",
        "{% if vip and %}{% endif %}", "{% if (vip) %}{% endif %}", "{% if vip == %}{% endif %}", "{%%}", "{{}}",
        "{% if vip %}" * 30 + "{% endif %}" * 30, "x" * 60_000, "{% if points > 1 %}{% endif %}", "{% empty %}",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(source):
    with pytest.raises(BadTemplate) as caught:
        render_shop_text(source, CONTEXT)
    assert str(caught.value)


def test_a_text_cannot_grow_without_end():
    rows = [{"x": "y" * 100}] * 100
    source = "{% for a in rows %}{% for b in rows %}{% for c in rows %}{{ c.x }}{% endfor %}{% endfor %}{% endfor %}"
    with pytest.raises(BadTemplate):
        render_shop_text(source, {"rows": rows})


def test_every_unknown_name_is_listed_once():
    with pytest.raises(UnknownVariable) as caught:
        render_shop_text("{{ shop.name }}{{ custmer.name }}{{ shop.name }}{% if x %}{% endif %}", CONTEXT)
    assert caught.value.names == ["shop.name", "custmer.name", "x"]


def test_checking_before_there_is_a_customer():
    known = {"customer.name", "order.number", "order.items.name", "vip"}
    check_shop_text(
        "{{ customer.name }}{% if vip %}{% for i in order.items %}{{ i.name }}{% endfor %}{% endif %}", known
    )
    with pytest.raises(UnknownVariable) as caught:
        check_shop_text("{% for i in order.items %}{{ i.price }}{% endfor %}{{ customer.age }}", known)
    assert caught.value.names == ["i.price", "customer.age"]


def test_values_are_words_and_never_read_as_a_template():
    assert render_shop_text("{{ customer.name }}", {"customer": {"name": "{{ order.number }}{% if %}<b>"}}) == (
        "{{ order.number }}{% if %}<b>"
    )


@pytest.fixture
def folder(settings, tmp_path):
    letter = tmp_path / "mail" / "greeting"
    letter.mkdir(parents=True)
    (letter / "subject.txt").write_text("{% if language == 'en' %}Hello{% else %}ご挨拶{% endif %}\n {{ name }}\n")
    (letter / "body.txt").write_text("{% load i18n %}{{ name }}\n{% translate 'Sent mail' %}\n\n\n")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}]
    return letter


def test_a_letter_speaks_the_customers_language(folder):
    with translation.override("en"):
        letter = composing.render("greeting", {"name": "A&B <x>\r\nBcc: y"}, "ja")
        assert translation.get_language() == "en"
    assert letter.subject == "ご挨拶  A&B <x> Bcc: y"
    assert letter.text == "A&B <x>\nBcc: y\n送信メール\n"
    assert letter.html == ""
    assert composing.render("greeting", {"name": ""}, "en").subject == "Hello"


def test_html_is_escaped_and_stands_in_its_frame(folder):
    (folder / "body.html").write_text(
        "{% extends 'mail/_base.html' %}{% block content %}<p>{{ name }}</p>{% endblock %}"
    )
    html = composing.render("greeting", {"name": "<script>x</script>", "store": {"name": "店"}}, "en").html
    assert "<p>&lt;script&gt;x&lt;/script&gt;</p>" in html
    assert '<html lang="en">' in html
    assert "<script" not in html


def test_a_letter_that_does_not_exist():
    with pytest.raises(TemplateDoesNotExist):
        composing.render("nowhere", {}, "ja")
