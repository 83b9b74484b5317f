"""Related articles beside an inquiry: found by themselves, put into the reply by one click."""

import pytest
from django.urls import reverse

from inquiries import citing
from inquiries.models import Inquiry, Message
from shopdesk import clock
from shopdesk.accounts.models import Role
from shopdesk.accounts.permissions import P
from tests import make
from tests.faq.make import make_article
from tests.inquiries.make import NOW, make_inquiry

HTMX = {"headers": {"HX-Request": "true"}}


@pytest.fixture(autouse=True)
def _frozen(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def inquiry(db, store):
    return make_inquiry(customer=make.make_customer(), subject="返品について", body="届いた鞄の返品はできますか。")


def address(inquiry, name="faq-panel"):
    return reverse(f"desk-inquiries:{name}", args=[inquiry.pk])


def shown(client, inquiry):
    answer = client.get(address(inquiry), **HTMX)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_side_column_asks_for_articles_by_a_request_of_its_own(inquiry, agent, signed_in):
    make_article(title="返品はできますか")
    column = signed_in(agent).get(address(inquiry, "panels")).content.decode()
    assert f'hx-get="{address(inquiry)}"' in column
    assert f'<a href="{address(inquiry)}">' in column  # without a script
    assert "返品はできますか" not in column


def test_articles_that_fit_stand_beside_the_inquiry(inquiry, agent, signed_in):
    article = make_article(title="返品はできますか", body="商品の到着後7日以内に**ご連絡**ください。")
    make_article(title="返品の秘密", body="返品はできますか。まだ書きかけです。", published=False)
    make_article(title="ラッピングはできますか", body="承ります。")
    text = shown(signed_in(agent), inquiry)
    assert f'/faq/{article.pk}/" target="_blank" rel="noopener">返品はできますか</a>' in text
    assert f'data-insert="返品はできますか\n{citing.Offer(article).url}"' in text
    assert 'data-insert="商品の到着後7日以内にご連絡ください。"' in text
    assert text.count("data-insert") == 2
    assert "よく合っています" not in text  # it does not say 鞄
    assert "返品の秘密" not in text
    assert "ラッピング" not in text
    make_article(title="届いた鞄の返品はできますか", body="できます。")
    assert shown(signed_in(agent), inquiry).count("よく合っています") == 1


def test_three_at_most_in_the_language_of_the_customer(inquiry, agent, signed_in):
    for number in range(5):
        make_article(title=f"鞄の返品はできますか {number}", body="できます。")
    english = make_article(title="Can I return a bag?", body="Within seven days.", language="en")
    client = signed_in(agent)
    assert shown(client, inquiry).count("<li") == 3
    Inquiry.objects.update(language="en", subject="return")
    Message.objects.update(body="Can I return the bag?")
    text = shown(client, inquiry)
    assert text.count("<li") == 1
    assert f"/faq/{english.pk}/" in text


def test_where_nothing_fits_an_article_may_be_written(inquiry, agent, assistant, signed_in):
    text = shown(signed_in(agent), inquiry)
    assert f"{reverse('desk-faq:new')}?words=%E8%BF%94%E5%93%81" in text
    assert "language=ja" in text
    assert address(inquiry, "faq-picker") in text
    text = shown(signed_in(assistant), inquiry)
    assert reverse("desk-faq:new") not in text
    assert address(inquiry, "faq-picker") in text


def test_who_may_not_write_reads_and_inserts_nothing(inquiry, signed_in):
    make_article(title="返品はできますか")
    Role.objects.create(
        code="reader", name_ja="閲覧", name_en="Reader", permissions=[P.INQUIRIES_VIEW, P.INQUIRIES_VIEW_ALL]
    )
    client = signed_in(make.make_user("yomi@shop.example", name="閲覧 者", role="reader"))
    answer = client.get(address(inquiry))
    assert "返品はできますか" in answer.content.decode()
    assert "data-insert" not in answer.content.decode()
    assert address(inquiry, "faq-picker") not in answer.content.decode()


def test_without_a_script_the_page_that_inserts_answers(inquiry, agent, signed_in):
    answer = signed_in(agent).get(address(inquiry))
    assert (answer.status_code, answer.url) == (302, address(inquiry, "faq-picker"))


def test_nothing_is_inserted_where_nobody_can_be_written_to(inquiry, agent, signed_in):
    make_article(title="返品はできますか")
    Inquiry.objects.update(email="")
    text = shown(signed_in(agent), inquiry)
    assert "返品はできますか" in text
    assert "data-insert" not in text


def test_outsourced_staff_see_articles_of_their_own_work_and_no_contact(inquiry, outsourced, signed_in):
    make_article(title="返品はできますか")
    client = signed_in(outsourced)
    assert client.get(address(inquiry), **HTMX).status_code == 404
    Inquiry.objects.update(assignee=outsourced, phone="09012345678", subject="返品 090-1234-5678 hanako@mail.example")
    text = shown(client, inquiry)
    assert "返品はできますか" in text
    Message.objects.update(body="090-1234-5678 hanako@mail.example")
    Inquiry.objects.update(subject="090-1234-5678 hanako@mail.example")
    for words in (text, shown(client, inquiry)):
        assert "hanako" not in words
        assert "5678" not in words


def test_the_panel_asks_little(inquiry, agent, signed_in, django_assert_max_num_queries):
    for number in range(3):
        make_article(title=f"鞄の返品はできますか {number}", body="できます。")
    client = signed_in(agent)
    shown(client, inquiry)
    with django_assert_max_num_queries(9):
        shown(client, inquiry)
    Inquiry.objects.update(subject="梱包")
    Message.objects.update(body="箱はどれくらいの大きさですか。")
    with django_assert_max_num_queries(12):  # the subject is asked, too
        shown(client, inquiry)
