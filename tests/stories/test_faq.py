"""S3: a customer types as people type, finds the article, and says that it helped."""

import pytest

from faq.models import Article, Category, Feedback
from faq.publishing import create, publish
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def articles():
    category = Category.objects.create(slug="orders", name_ja="ご注文", name_en="Orders")
    texts = [
        ("領収書を発行できますか", "マイページの注文履歴から領収書をダウンロードできます。"),
        ("引越しで住所が変わりました", "ご登録の住所は会員情報の編集から変更できます。"),
        ("返品の送料はだれが負担しますか", "不良品の場合は当店が、お客様のご都合の場合はお客様にご負担いただきます。"),
    ]
    made = []
    for title, body in texts:
        article = create(
            category=category, language="ja", title=title, body=body, customer_words="", by=None, now=make.NOW
        )
        publish(article, by=None, now=make.NOW)
        made.append(article)
    return made


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("りょうしゅうしょ", "領収書を発行できますか"),  # ひらがな
        ("引っ越し", "引越しで住所が変わりました"),  # a spelling variant
        ("返品したいときの送料を教えてください", "返品の送料はだれが負担しますか"),  # in a sentence
    ],
)
def test_a_customer_finds_the_article(open_page, articles, story_clock, typed, wanted):
    make.make_store()
    page = open_page(375)
    page.goto("/")
    page.fill("input[name=q]", typed)
    page.press("input[name=q]", "Enter")
    page.wait_for_url("**/faq/search/**")
    assert page.locator("ol.list li a.list-title").first.inner_text() == wanted
    page.locator("ol.list li a.list-title").first.click()
    page.wait_for_selector("#vote")
    page.locator("#vote button[value=yes]").click()
    page.wait_for_selector("#vote button[value=yes][aria-pressed=true]")
    article = Article.objects.get(title=wanted)
    assert [vote.helpful for vote in Feedback.objects.filter(article=article)] == [True]
    # Changing one's mind replaces the vote.
    page.locator("#vote button[value=no]").click()
    page.wait_for_selector("#vote button[value=no][aria-pressed=true]")
    assert [vote.helpful for vote in Feedback.objects.filter(article=article)] == [False]


def test_a_draft_is_not_found(open_page, articles, story_clock):
    make.make_store()
    create(
        category=Category.objects.get(), language="ja", title="ひみつの下書き", body="公開前です。", customer_words="",
        by=None, now=make.NOW,
    )  # fmt: skip
    page = open_page(375)
    page.goto("/faq/search/?q=ひみつの下書き")
    assert page.locator("ol.list li").count() == 0
    draft = Article.objects.get(title="ひみつの下書き")
    assert page.goto(f"/faq/{draft.pk}/").status == 404
