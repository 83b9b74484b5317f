import pytest

from faq import misses
from faq.models import Article
from shopdesk import clock
from tests.faq.make import make_article, make_category
from tests.make import NOW, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _frozen(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def desk(agent, signed_in):
    return signed_in(agent)


def filled(**changes):
    fields = {
        "title": "新しい質問", "category": make_category().pk, "language": "ja", "original": "",
        "body": "新しい答え", "customer_words": "", "seen": "", "action": "save",
    }  # fmt: skip
    return fields | changes


def text(answer):
    return answer.content.decode()


PAGES = ["/admin/faq/", "/admin/faq/new/", "/admin/faq/searches/"]


def test_visitors_are_sent_to_sign_in(client):
    article = make_article()
    for page in [*PAGES, f"/admin/faq/{article.pk}/"]:
        answer = client.get(page)
        assert answer.status_code == 302
        assert "login" in answer.headers["Location"]
    assert client.post("/admin/faq/preview/", {"body": "x"}).status_code == 302
    assert client.post("/admin/faq/new/", filled()).status_code == 302
    assert Article.objects.count() == 1


@pytest.mark.parametrize("role", ["assistant", "outsourced"])
def test_who_may_only_look_changes_nothing(signed_in, role):
    desk = signed_in(make_user("look@shop.example", name="見学", role=role))
    article = make_article()
    page = text(desk.get(f"/admin/faq/{article.pk}/"))
    assert article.title in page
    assert 'name="body"' not in page
    assert desk.post(f"/admin/faq/{article.pk}/", filled()).status_code == 403
    assert desk.get("/admin/faq/new/").status_code == 403
    assert desk.post("/admin/faq/preview/", {"body": "x"}).status_code == 403
    assert desk.post("/admin/faq/searches/done/", {"query": "x", "language": "ja"}).status_code == 403
    assert desk.get("/admin/faq/synonym/").status_code == 403
    assert "/admin/faq/new/" not in text(desk.get("/admin/faq/"))
    assert Article.objects.get().title == article.title


@pytest.mark.parametrize("role", ["warehouse", "finance"])
def test_who_has_no_business_here_sees_nothing(signed_in, role):
    desk = signed_in(make_user("other@shop.example", name="他部署", role=role))
    article = make_article()
    for page in [*PAGES, f"/admin/faq/{article.pk}/"]:
        assert desk.get(page).status_code == 403


def test_a_draft_is_written_then_published(desk, agent, client):
    answer = desk.post("/admin/faq/new/", filled(title="配達は土曜もできますか"))
    article = Article.objects.get()
    assert answer.headers["Location"] == f"/admin/faq/{article.pk}/"
    assert (article.status, article.updated_by) == ("draft", agent)
    assert client.get(f"/faq/{article.pk}/").status_code == 404
    seen = article.updated_at.isoformat()
    desk.post(f"/admin/faq/{article.pk}/", filled(title="配達は土曜もできますか", action="publish", seen=seen))
    article.refresh_from_db()
    assert (article.status, article.published_at) == ("published", NOW)
    assert f'href="/faq/{article.pk}/"' in text(client.get("/faq/search/?q=土曜 配達"))
    desk.post(f"/admin/faq/{article.pk}/", filled(action="unpublish", seen=article.updated_at.isoformat()))
    article.refresh_from_db()
    assert (article.status, article.title) == ("draft", "新しい質問")


def test_what_was_typed_stays_when_something_is_missing(desk):
    answer = desk.post("/admin/faq/new/", filled(title="", body="途中まで書いた文"))
    assert answer.status_code == 422
    assert "途中まで書いた文" in text(answer)
    assert not Article.objects.exists()
    article = make_article()
    answer = desk.post(f"/admin/faq/{article.pk}/", filled(title="あ" * 201, body="途中まで書いた文"))
    assert answer.status_code == 422
    assert "途中まで書いた文" in text(answer)
    article.refresh_from_db()
    assert article.body == "到着後8日以内にご連絡ください。"


@pytest.mark.parametrize(
    "bad", [{"title": "題\x00"}, {"body": "文\x00"}, {"category": "999999"}, {"language": "fr"}, {"seen": "昨日"}]
)
def test_bad_input_is_refused(desk, bad):
    assert desk.post("/admin/faq/new/", filled(**bad)).status_code == 422
    assert not Article.objects.exists()


def test_a_text_that_is_too_long_is_refused(desk):
    assert desk.post("/admin/faq/new/", filled(body="あ" * 20_001)).status_code == 422


def test_a_colleague_who_saved_meanwhile_is_named(desk, owner):
    article = make_article(published=False, by=owner)
    answer = desk.post(f"/admin/faq/{article.pk}/", filled(seen="2026-11-01T00:00:00+00:00", body="私の変更"))
    assert answer.status_code == 422
    assert "大野 誠" in text(answer)
    assert "私の変更" in text(answer)
    article.refresh_from_db()
    assert article.title == "返品できますか"


def test_a_japanese_article_has_no_original(desk):
    original = make_article()
    desk.post("/admin/faq/new/", filled(original=original.pk))
    assert Article.objects.get(title="新しい質問").original is None
    desk.post("/admin/faq/new/", filled(title="New", language="en", original=original.pk))
    assert Article.objects.get(title="New").original == original
    answer = desk.post("/admin/faq/new/", filled(title="Newer", language="en", original=original.pk))
    assert answer.status_code == 422


def test_the_preview_is_what_the_customer_reads(desk):
    page = text(desk.post("/admin/faq/preview/", {"title": "題", "body": "**太字**<script>alert(1)</script>"}))
    assert page.lstrip().startswith('<div id="preview"')
    assert "<strong>太字</strong>" in page
    assert "<script>" not in page
    assert desk.get("/admin/faq/preview/").status_code == 405


def test_the_list_narrows_down(desk):
    make_article("返品できますか")
    make_article("配送の質問", category=make_category("delivery", name_ja="配送", name_en="Delivery"))
    make_article("下書き中の質問", published=False)
    make_article("Returns", "Yes.", language="en")

    def titles(query):
        return {article.title for article in desk.get(f"/admin/faq/?{query}").context["page_obj"]}

    assert titles("") == {"返品できますか", "配送の質問", "下書き中の質問", "Returns"}
    assert titles("status=draft") == {"下書き中の質問"}
    assert titles("language=en") == {"Returns"}
    assert titles("q=返品") == {"返品できますか"}
    assert titles("q=zzz") == set()
    assert titles(f"category={make_category('delivery').pk}") == {"配送の質問"}
    assert len(titles("category=999&status=nonsense")) == 4


def test_the_list_counts_votes_without_a_query_for_each(desk, django_assert_max_num_queries):
    from faq import voting

    article = make_article()
    for number in range(3):
        voting.vote(article, visitor=f"{number:064d}", helpful=number != 0, now=NOW)
    for number in range(20):
        make_article(f"質問{number}")
    with django_assert_max_num_queries(8):
        page = desk.get("/admin/faq/")
    (row,) = [row for row in page.context["page_obj"] if row.pk == article.pk]
    assert (row.helped, row.helped_not) == (2, 1)


def test_from_a_search_without_result_to_a_draft(desk):
    for _ in range(3):
        misses.record("店頭受け取り", language="ja", now=NOW)
    page = text(desk.get("/admin/faq/searches/"))
    assert "店頭受け取り" in page
    assert "?words=" in page
    draft = desk.get("/admin/faq/new/", {"words": "店頭受け取り", "language": "ja"})
    assert draft.context["form"]["customer_words"].value() == "店頭受け取り"
    odd = desk.post("/admin/faq/searches/done/", {"query": "店頭\x00受け取り", "language": "ja\x00"})
    assert odd.status_code == 302
    assert "店頭受け取り" in text(desk.get("/admin/faq/searches/"))
    desk.post("/admin/faq/searches/done/", {"query": "店頭受け取り", "language": "ja"})
    assert "店頭受け取り" not in text(desk.get("/admin/faq/searches/"))


def test_tables_of_synonyms_and_categories_open(desk):
    for page in ("/admin/faq/synonym/", "/admin/faq/category/", "/admin/faq/synonym/add/"):
        assert desk.get(page).status_code == 200


def test_the_demo_loads_once():
    from faq import demo, search

    demo.load(NOW)
    count = Article.objects.count()
    demo.load(NOW)
    assert Article.objects.count() == count == 59
    assert Article.objects.published().filter(language="en", original__isnull=False).count() == 18
    assert search.search("りょうしゅうしょ", language="ja")[0].article.title == "領収書は発行できますか。"
    assert search.search("refund", language="en")[0].article.title == "When will I get my refund?"
