import re
from datetime import timedelta

import pytest
from django.urls import reverse

from faq import publishing
from faq.models import Feedback, SearchMiss
from tests.faq.make import make_article, make_category
from tests.make import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def english(client):
    client.cookies["django_language"] = "en"
    return client


def text(answer):
    return answer.content.decode()


def test_the_first_page_shows_categories_with_their_articles(client, django_assert_num_queries):
    delivery = make_category("delivery", name_ja="配送", name_en="Delivery", position=0)
    returns = make_category("returns", position=1)
    empty = make_category("empty", name_ja="空の棚", name_en="Empty")
    for number in range(6):
        make_article(f"配送の質問{number}", category=delivery, published=number != 0)
    make_article("返品できますか", category=returns)
    with django_assert_num_queries(3):  # categories, articles, the shop's name
        page = text(client.get("/"))
    assert page.index("配送") < page.index("返品・交換")
    assert "配送の質問1" in page
    assert "配送の質問4" in page
    assert "配送の質問5" not in page  # four of five
    assert "5件" in page
    assert "配送の質問0" not in page  # a draft
    assert empty.name_ja not in page


def test_an_empty_help_centre_says_so(client):
    page = text(client.get("/"))
    assert "まだ記事がありません" in page
    assert reverse("inquiries:contact") in page


def test_results_have_an_address_and_stay_out_of_search_engines(client, django_assert_max_num_queries):
    make_article("返品できますか", "八日以内なら返品できます。")
    with django_assert_max_num_queries(7):
        answer = client.get("/faq/search/", {"q": "へんぴん"})
    page = text(answer)
    assert answer.status_code == 200
    assert '<meta name="robots" content="noindex">' in page
    assert "検索結果 1件" in page
    assert "<mark>返品</mark>" in page
    assert 'value="へんぴん"' in page
    assert not SearchMiss.objects.exists()


def test_an_honest_empty_page(client):
    make_article("返品できますか")
    page = text(client.get("/faq/search/", {"q": "株主優待"}))
    assert "合う記事は見つかりませんでした" in page
    assert reverse("faq:category", args=["returns"]) in page
    assert reverse("inquiries:contact") in page
    assert "返品できますか" not in page
    assert SearchMiss.objects.get().query == "株主優待"


def test_a_visitor_cannot_fill_the_list_of_misses(client):
    for number in range(40):
        client.get("/faq/search/", {"q": "あ" * (number + 2) + "ぬ"})
    assert SearchMiss.objects.count() == 30


@pytest.mark.parametrize("typed", ["", " ", "\x00", "<script>alert(1)</script>", "a" * 5000, "%E3%81", "'\"--"])
def test_any_search_is_answered(client, typed):
    answer = client.get("/faq/search/", {"q": typed})
    assert answer.status_code == 200
    assert "<script>alert" not in text(answer)


def test_an_article(client, django_assert_num_queries):
    article = make_article(
        "返品できますか", "**未使用**なら\n\n- [規約](https://shop.example/terms)\n\n<script>alert(1)</script>"
    )
    other = make_article("交換できますか", "できます。")
    make_article("別の棚の質問", category=make_category("x", name_ja="別", name_en="Other"))
    make_article("下書きの質問", published=False)
    with django_assert_num_queries(4):  # article, its other language, related, the shop's name
        page = text(client.get(f"/faq/{article.pk}/"))
    assert "<strong>未使用</strong>" in page
    assert 'rel="noopener nofollow"' in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert re.search(rf'<link rel="canonical" href="http[^"]+/faq/{article.pk}/">', page)
    assert other.title in page
    assert "別の棚の質問" not in page
    assert "下書きの質問" not in page
    assert reverse("faq:category", args=["returns"]) in page


def test_a_draft_is_nowhere_not_even_for_staff(client, agent, signed_in):
    draft = make_article("ひみつの新制度", "ひみつの中身", published=False)
    for visitor in (client, signed_in(agent)):
        assert visitor.get(f"/faq/{draft.pk}/").status_code == 404
        assert visitor.post(f"/faq/{draft.pk}/vote/", {"helpful": "yes"}).status_code == 404
        for page in ("/", "/faq/search/?q=ひみつの新制度", "/faq/c/returns/", "/faq/suggest/?q=ひみつの新制度について"):
            content = text(visitor.get(page))
            assert f"/faq/{draft.pk}/" not in content
            assert "中身" not in content
    assert not Feedback.objects.exists()
    published = make_article("公開の記事")
    publishing.unpublish(published, by=agent, now=NOW)
    assert client.get(f"/faq/{published.pk}/").status_code == 404


def test_english_pages_show_english_first_and_say_what_is_japanese(english):
    original = make_article("返品できますか", "できます。")
    translated = make_article("Can I return an item?", "Yes.", language="en", original=original)
    only = make_article("熨斗は付きますか", "付きます。return")
    page = text(english.get("/"))
    assert translated.title in page
    assert original.title not in page
    assert only.title in page
    assert page.index(translated.title) < page.index(only.title)
    found = text(english.get("/faq/search/", {"q": "return"}))
    assert "In Japanese only" in found
    assert found.index(f"/faq/{translated.pk}/") < found.index("In Japanese only") < found.index(f"/faq/{only.pk}/")
    assert f"/faq/{original.pk}/" not in found
    assert "Read this article in English" in text(english.get(f"/faq/{original.pk}/"))
    assert "available in Japanese only" in text(english.get(f"/faq/{only.pk}/"))


def test_language_versions_know_each_other(client):
    original = make_article("返品できますか", "できます。")
    translated = make_article("Can I return an item?", "Yes.", language="en", original=original)
    for article, other, language in ((original, translated, "en"), (translated, original, "ja")):
        assert re.search(
            rf'<link rel="alternate" hreflang="{language}" href="http[^"]+/faq/{other.pk}/">',
            text(client.get(f"/faq/{article.pk}/")),
        )


def test_a_japanese_page_offers_the_japanese_version(client):
    original = make_article("返品できますか", "できます。")
    translated = make_article("Can I return an item?", "Yes.", language="en", original=original)
    page = text(client.get(f"/faq/{translated.pk}/"))
    assert f'<a href="/faq/{original.pk}/">この記事を日本語で読む</a>' in page


def test_unknown_pages(client):
    assert client.get("/faq/999999/").status_code == 404
    assert client.get("/faq/c/unknown/").status_code == 404


# --- votes --------------------------------------------------------------------------------------------------------


def test_a_second_vote_of_the_same_visitor_replaces_the_first(client):
    article = make_article()
    address = f"/faq/{article.pk}/vote/"
    assert "sessionid" not in client.cookies
    assert client.post(address, {"helpful": "yes"}).headers["Location"] == f"/faq/{article.pk}/#vote"
    assert "sessionid" in client.cookies
    client.post(address, {"helpful": "no"})
    assert list(Feedback.objects.values_list("helpful", flat=True)) == [False]
    assert 'value="no" aria-pressed="true"' in text(client.get(f"/faq/{article.pk}/"))


def test_another_visitor_is_counted_beside(client):
    from django.test import Client

    article = make_article()
    for visitor in (client, Client()):
        visitor.post(f"/faq/{article.pk}/vote/", {"helpful": "yes"})
    assert Feedback.objects.count() == 2


def test_reading_sets_no_session(client):
    client.get(f"/faq/{make_article().pk}/")
    assert "sessionid" not in client.cookies


def test_a_vote_by_htmx_returns_its_part_only(client):
    article = make_article()
    answer = client.post(f"/faq/{article.pk}/vote/", {"helpful": "yes"}, headers={"HX-Request": "true"})
    page = text(answer)
    assert answer.status_code == 200
    assert page.lstrip().startswith("<section")
    assert "<html" not in page
    assert "お役に立ててうれしく思います" in page


@pytest.mark.parametrize("answer", ["", "maybe", "1", "yes\x00"])
def test_nonsense_is_no_vote(client, answer):
    assert client.post(f"/faq/{make_article().pk}/vote/", {"helpful": answer}).status_code == 422
    assert not Feedback.objects.exists()


def test_votes_need_a_post_and_our_form():
    from django.test import Client

    article = make_article()
    strict = Client(enforce_csrf_checks=True)
    assert strict.get(f"/faq/{article.pk}/vote/").status_code == 405
    assert strict.post(f"/faq/{article.pk}/vote/", {"helpful": "yes"}).status_code == 403
    assert not Feedback.objects.exists()


def test_one_address_cannot_vote_for_ever():
    from django.test import Client

    article = make_article()
    codes = [Client().post(f"/faq/{article.pk}/vote/", {"helpful": "no"}).status_code for _ in range(62)]
    assert codes.count(429) == 2
    assert Feedback.objects.count() == 60


def test_a_stored_vote_names_nobody(client):
    client.post(f"/faq/{make_article().pk}/vote/", {"helpful": "yes"})
    stored = Feedback.objects.get().visitor
    assert re.fullmatch(r"[0-9a-f]{64}", stored)
    assert stored not in str(dict(client.session))


# --- suggestions --------------------------------------------------------------------------------------------------


def test_suggestions_while_somebody_writes(client):
    article = make_article("返品できますか", "八日以内なら返品できます。")
    for answer in (
        client.get("/faq/suggest/", {"q": "返品したいのですができますか"}),
        client.post("/faq/suggest/", {"subject": "返品について", "body": "返品したいのですが、可能でしょうか"}),
    ):
        page = text(answer)
        assert f'href="/faq/{article.pk}/" target="_blank" rel="noopener"' in page
        assert page.lstrip().startswith('<div id="faq-suggestions"')
        assert "<html" not in page
    for typed in ("", "返品", "今日はとても良い天気ですね", "\x00" * 20):
        page = text(client.get("/faq/suggest/", {"q": typed}))
        assert "<a " not in page
        assert 'id="faq-suggestions"' in page


def test_the_public_day_follows_the_clock():
    article = make_article(published=False)
    publishing.publish(article, by=None, now=NOW + timedelta(days=3))
    article.refresh_from_db()
    assert article.published_at == NOW + timedelta(days=3)
