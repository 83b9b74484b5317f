import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from faq import publishing, search
from faq.models import Article, IndexMeta, Token
from tests.faq.make import make_article, make_category
from tests.make import NOW


@pytest.mark.django_db
def test_a_colleague_who_was_faster_is_not_overwritten(agent, owner):
    article = make_article(published=False)
    seen = article.updated_at
    publishing.edit(
        article,
        title="彩の題",
        body="彩の文",
        category=article.category,
        by=agent,
        now=NOW + timedelta(minutes=1),
        expected=seen,
    )
    with pytest.raises(publishing.ArticleChanged):
        publishing.edit(
            article,
            title="誠の題",
            body="誠の文",
            category=article.category,
            by=owner,
            now=NOW + timedelta(minutes=2),
            expected=seen,
        )
    article.refresh_from_db()
    assert article.title == "彩の題"
    assert article.updated_by == agent


@pytest.mark.django_db
def test_publishing_twice_is_once(agent):
    article = make_article(published=False)
    assert publishing.publish(article, by=agent, now=NOW) is True
    assert publishing.publish(article, by=agent, now=NOW + timedelta(days=1)) is False
    article.refresh_from_db()
    assert article.published_at == NOW
    assert publishing.unpublish(article, by=agent, now=NOW) is True
    assert publishing.unpublish(article, by=agent, now=NOW) is False


@pytest.mark.django_db
def test_the_database_refuses_a_public_article_without_its_day():
    article = make_article(published=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        Article.objects.filter(pk=article.pk).update(status="published")


@pytest.mark.django_db
def test_the_database_refuses_two_english_versions_of_one_article():
    original = make_article()
    make_article("Returns", "Yes.", language="en", original=original)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_article("Returns again", "Yes.", language="en", original=original)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_article("訳", "日本語の訳", language="ja", original=original)


@pytest.mark.django_db
def test_control_characters_do_not_reach_the_database():
    article = make_article("題\r\n二行目\x00", "一\r\n二\x00三", published=False)
    assert article.title == "題 二行目"
    assert article.body == "一\n二三"


@pytest.mark.django_db
def test_what_fails_in_the_index_is_not_published(monkeypatch):
    article = make_article(published=False)
    monkeypatch.setattr("faq.indexing._tokens", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        publishing.publish(article, by=None, now=NOW)
    article.refresh_from_db()
    assert article.status == "draft"


@pytest.mark.django_db(transaction=True)
def test_many_publish_at_once():
    category = make_category()
    articles = [make_article(f"質問その{n}", f"答え{n}と返品", published=False, category=category) for n in range(6)]
    failures = []

    def work(article):
        try:
            publishing.publish(article, by=None, now=NOW)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[article]) for article in articles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert IndexMeta.objects.get(language="ja").documents == 6
    assert Token.objects.filter(term="返品").count() == 6
    assert len(search.search("返品", language="ja")) == 6


@pytest.mark.django_db(transaction=True)
def test_two_publish_one_article():
    article = make_article(published=False)
    done, failures = [], []

    def work():
        try:
            done.append(publishing.publish(Article.objects.get(pk=article.pk), by=None, now=NOW))
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(done) == [False, False, False, True]
