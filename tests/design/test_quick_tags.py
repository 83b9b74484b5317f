"""Words and addresses that are looked up once say what Django's own tags say."""

import pytest
from django.template import Context, Template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import translation
from django.utils.html import escape

from shopdesk.desk.templatetags import quick_i18n, quick_static, quick_url


def drawn(text, **values):
    return Template("{% load i18n %}" + text).render(Context(values))


def test_fixed_words_follow_the_language():
    fixed = Template('{% load i18n %}{% translate "Save" %}|{% translate "To" context "mail" as to %}{{ to }}')
    for language, words in (("ja", "保存|宛先"), ("en", "Save|To"), ("ja", "保存|宛先")):
        with translation.override(language):
            assert fixed.render(Context()) == words


def test_fixed_words_are_asked_for_once(monkeypatch):
    fixed = Template('{% load i18n %}{% translate "Save" %}')
    asked = []
    plain = quick_i18n.i18n.TranslateNode.render
    monkeypatch.setattr(
        quick_i18n.i18n.TranslateNode, "render", lambda node, context: asked.append(1) or plain(node, context)
    )
    for _ in range(3):
        fixed.render(Context())
    assert asked == [1]


def test_words_that_change_are_never_kept():
    said = Template('{% load i18n %}{% translate word %}|{% translate "Save"|upper %}|{% translate "Save" noop %}')
    with translation.override("ja"):
        assert said.render(Context({"word": "Save"})) == "保存|保存|Save"
        assert said.render(Context({"word": "<b>"})) == "&lt;b&gt;|保存|Save"


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("desk-inquiries:list", []),
        ("desk-inquiries:detail", [7]),
        ("desk-inquiries:detail", [0]),
        ("desk-inquiries:take-draft", [7_310_000_000_000, 3]),
        ("desk-inquiries:take-draft", [3, 7_310_000_000_001]),
        ("admin:index", []),
    ],
)
def test_addresses_are_those_of_django(name, args):
    names = " ".join(f"a{place}" for place in range(len(args)))
    page = Template(f'{{% url "{name}" {names} %}}|{{% url "{name}" {names} as kept %}}{{{{ kept }}}}')
    for _ in range(2):
        address = reverse(name, args=args)
        assert page.render(Context({f"a{place}": one for place, one in enumerate(args)})) == f"{address}|{address}"


def test_what_is_no_address_is_refused_as_ever():
    assert drawn('{% url "desk-inquiries:detail" pk as address %}{{ address }}|', pk=-1) == "|"
    assert drawn('{% url "desk-inquiries:nothing" as address %}{{ address }}|') == "|"
    for name, pk in (("desk-inquiries:detail", -1), ("desk-inquiries:detail", "x"), ("desk-inquiries:nothing", 1)):
        with pytest.raises(NoReverseMatch):
            drawn("{% url name pk %}", name=name, pk=pk)
    with pytest.raises(quick_url.LookupFailed):
        quick_url._parts(None, "/", "desk-inquiries:nothing", (None,))


def test_words_of_the_template_belong_to_the_address():
    page = Template(
        '{% url "desk-inquiries:menu" pk "status" %}|{% url "desk-inquiries:menu" pk "tags" as kept %}{{ kept }}'
    )
    for pk in (7, 8):
        kinds = [reverse("desk-inquiries:menu", args=[pk, kind]) for kind in ("status", "tags")]
        assert page.render(Context({"pk": pk})) == "|".join(kinds)
    # A word that somebody typed is looked up each time, and escaped in the address.
    typed = drawn('{% url "desk-inquiries:menu" pk kind as kept %}{{ kept }}', pk=7, kind="status")
    assert typed == reverse("desk-inquiries:menu", args=[7, "status"])


def test_true_is_no_number():
    """It equals 1 and would be drawn as True."""
    with pytest.raises(NoReverseMatch):
        drawn('{% url "desk-inquiries:detail" pk %}', pk=True)


def test_files_have_the_addresses_of_django(monkeypatch):
    page = Template(
        '{% load static %}{% static "js/once.js" %}|{% static path %}|{% static "js/"|add:"nav.js" %}'
        '|{% static "img/mark.svg" as mark %}{{ mark }}'
    )
    asked = []
    plain = quick_static.plain_static.StaticNode.url
    monkeypatch.setattr(
        quick_static.plain_static.StaticNode, "url", lambda node, context: asked.append(1) or plain(node, context)
    )
    for path in ("js/live.js", "a&b.js"):
        shown = page.render(Context({"path": path}))
        addresses = [static("js/once.js"), escape(static(path)), static("js/nav.js"), static("img/mark.svg")]
        assert shown == "|".join(addresses)
    assert len(asked) == 1 + 2 * 3
