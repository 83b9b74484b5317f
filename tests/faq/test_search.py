import pytest

from faq import indexing, publishing, search, suggesting
from faq.models import IndexMeta, Synonym, Token
from tests.faq.make import make_article
from tests.make import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelf():
    """A few articles that must not be mixed up."""
    return {
        "return": make_article("返品はできますか", "未使用であれば、到着後8日以内のご連絡で返品をお受けします。"),
        "receipt": make_article("領収書は発行できますか", "マイページの注文履歴からPDFの領収書を発行できます。"),
        "cancel": make_article("注文をキャンセルしたい", "発送前であれば取り消しを承ります。"),
        "card": make_article("使える支払い方法", "クレジットカードと代金引換をご利用いただけます。"),
        "wrap": make_article("ラッピングはできますか", "ギフト包装を無料で承ります。のしもお付けします。"),
    }


def titles(query, language="ja"):
    return [hit.article.title for hit in search.search(query, language=language)]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("返品", "return"),
        ("先日買った靴を返品したいのですが、どうすればよいですか", "return"),
        ("返したい", "return"),
        ("りょうしゅうしょ", "receipt"),
        ("領集書", "receipt"),
        ("領収書　ほしい", "receipt"),
        ("きゃんせる", "cancel"),
        ("ｷｬﾝｾﾙ", "cancel"),
        ("取消", "cancel"),
        ("クレカ", "card"),
        ("代引き", "card"),
        ("だいびき", "card"),
        ("らっぴんぐ", "wrap"),
        ("熨斗", "wrap"),
        ("gift wrap", "wrap"),
    ],
)
def test_people_find_what_they_mean(shelf, typed, found):
    assert titles(typed)[0] == shelf[found].title


@pytest.mark.parametrize("typed", ["", "   ", "？", "株主優待", "xyzzy", "%", "' OR 1=1 --", "\x00", "（）", "👍"])
def test_nothing_is_found_where_nothing_answers(shelf, typed):
    assert titles(typed) == []


def test_a_very_long_text_is_served(shelf):
    assert titles("返品したい。" * 2_000)[0] == shelf["return"].title


def test_found_words_are_marked(shelf):
    (hit, *_) = search.search("返品", language="ja")
    assert [piece.text for piece in hit.title if piece.hit] == ["返品"]
    assert "".join(piece.text for piece in hit.title) == hit.article.title
    assert [piece.text for piece in hit.snippet if piece.hit] == ["返品"]


def test_an_excerpt_shows_the_place_of_the_word():
    make_article("お手入れ", "はじめに乾拭きします。" * 30 + "そのあとで蜜蝋クリームを塗ります。" + "終わりです。" * 30)
    (hit,) = search.search("蜜蝋", language="ja")
    text = "".join(piece.text for piece in hit.snippet)
    assert "蜜蝋" in text
    assert text.startswith("…")
    assert text.endswith("…")
    assert len(text) < 110


def test_excerpts_are_text_not_markup():
    make_article("**太字**の見出し", "<script>alert(1)</script> 蜜蝋 **クリーム** [規約](/terms)")
    (hit,) = search.search("蜜蝋", language="ja")
    text = "".join(piece.text for piece in hit.snippet)
    assert "**" not in text
    assert "/terms" not in text
    assert "<script>" in text  # as text; the template escapes it


def test_a_new_synonym_counts_with_the_next_search(shelf):
    assert titles("エビデンス") == []
    row = Synonym.objects.create(language="ja", words="エビデンス, 領収書", spelling=True)
    assert titles("エビデンス")[0] == shelf["receipt"].title
    row.delete()
    assert titles("エビデンス") == []


def test_customers_words_lead_to_the_article():
    make_article("靴の選び方", "サイズ表をご覧ください。", customer_words="げたばこ\n下駄箱")
    assert titles("下駄箱") == ["靴の選び方"]


def test_english_articles_are_found_by_english_words():
    make_article("Can I return an item?", "Yes, within 8 days of arrival.", language="en")
    make_article("How long does delivery take?", "Two days.", language="en")
    assert titles("returning items", "en") == ["Can I return an item?"]
    assert titles("send back", "en") == ["Can I return an item?"]
    assert titles("postage", "en") == ["How long does delivery take?"]
    assert titles("return", "ja") == []


def test_a_search_asks_few_questions(shelf, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        search.search("商品を返品したい", language="ja")


def test_suggestions_need_eight_letters_and_confidence(shelf):
    assert suggesting.suggest("返品", "ja") == []
    assert [article.pk for article in suggesting.suggest("返品したいのですが", "ja")] == [shelf["return"].pk]
    assert suggesting.suggest("アルバイトを募集していますか", "ja") == []
    assert suggesting.suggest("今日はとても良い天気ですね", "ja") == []


# --- the index ----------------------------------------------------------------------------------------------------


def test_a_draft_is_not_found_and_publishing_finds_it():
    article = make_article("保証書をなくした", "保証書がなくても修理を承ります。", published=False)
    assert titles("保証書") == []
    publishing.publish(article, by=None, now=NOW)
    assert titles("保証書") == ["保証書をなくした"]
    publishing.unpublish(article, by=None, now=NOW)
    assert titles("保証書") == []
    assert not Token.objects.exists()
    assert IndexMeta.objects.get(language="ja").documents == 0


def test_an_edit_of_a_public_article_is_found_at_once(shelf):
    article = shelf["wrap"]
    publishing.edit(
        article, title="花束を添えられますか", body="承ります。", category=article.category, by=None, now=NOW
    )
    assert titles("花束") == ["花束を添えられますか"]
    assert titles("らっぴんぐ") == []


def test_an_article_that_changes_its_language_changes_its_index(shelf):
    article = shelf["wrap"]
    publishing.edit(
        article, title="Gift wrap", body="Free.", category=article.category, language="en", by=None, now=NOW
    )
    assert set(article.tokens.values_list("language", flat=True)) == {"en"}
    assert titles("wrapping", "en") == ["Gift wrap"]


def test_building_the_index_anew_changes_no_answer(shelf):
    before = titles("返品したい")
    assert indexing.reindex() == 5
    assert titles("返品したい") == before


def test_an_index_of_another_dictionary_is_not_current(shelf):
    assert indexing.index_is_current()
    IndexMeta.objects.update(analyser="0/0.6/20240101")
    assert not indexing.index_is_current()
    indexing.reindex()
    assert indexing.index_is_current()


def test_an_empty_help_centre_is_current():
    assert indexing.index_is_current()


def test_the_command_reports_what_it_did(shelf, capsys):
    from django.core.management import call_command

    call_command("faq_reindex")
    assert capsys.readouterr().out.startswith("5 articles indexed in ")
