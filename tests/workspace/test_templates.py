"""Templates: kept by who may, filled in and inserted with their files, and articles beside them."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse

from inquiries.models import Draft, DraftFile, Inquiry, Message, Template, TemplateFile
from tests import make
from tests.faq.make import make_article
from tests.inquiries.make import make_inquiry
from tests.make import NOW

PDF = b"%PDF-1.4 care"


@pytest.fixture
def client(agent, signed_in):
    return signed_in(agent)


@pytest.fixture
def assistant_client(assistant, signed_in):
    return signed_in(assistant)


def address(name, *arguments):
    return reverse(f"desk-inquiries:{name}", args=arguments)


def make_template(name="発送", body="{{ order.number }} を発送しました。", **fields):
    return Template.objects.create(name=name, body_ja=body, **fields)


def posted(**changes):
    return {"name": "発送のご案内", "folder": "配送", "body_ja": "{{ order.number }}", "shared": "on", **changes}


# --- keeping ----------------------------------------------------------------------------------------------------------


def test_a_shared_template_with_a_file(client, agent, assistant):
    response = client.post(address("template-add"), {**posted(), "files": ContentFile(PDF, name="手入れ.pdf")})
    assert response.status_code == 302
    template = Template.objects.get()
    assert (template.owner, template.folder, template.files.get().name) == (None, "配送", "手入れ.pdf")
    assert Template.objects.offered_to(assistant).count() == 1
    download = client.get(address("template-file", template.files.get().pk))
    assert b"".join(download.streaming_content) == PDF
    key = template.files.get().storage_key
    client.post(address("template", template.pk), {**posted(), "drop": template.files.get().pk})
    assert TemplateFile.objects.count() == 0
    assert default_storage.exists(key) is True  # until the transaction of the test would be committed


def test_the_same_form_twice_is_one_template(client):
    for _click in range(2):
        assert client.post(address("template-add"), posted()).status_code == 302
    template = Template.objects.get()
    for _click in range(2):
        client.post(address("template-copy", template.pk))
    assert Template.objects.count() == 2


def test_who_may_not_write_for_everybody_writes_for_themselves(assistant_client, assistant, agent):
    assistant_client.post(address("template-add"), posted(needs_approval="on"))
    own = Template.objects.get()
    assert (own.owner, own.needs_approval) == (assistant, False)
    assert not Template.objects.offered_to(agent).exists()
    shared = make_template()
    assert assistant_client.get(address("template", shared.pk)).status_code == 403
    assert assistant_client.post(address("template", shared.pk), posted(name="x")).status_code == 403
    assert assistant_client.post(address("template-delete", shared.pk)).status_code == 403
    shared.refresh_from_db()
    assert (shared.name, shared.is_active) == ("発送", True)


def test_somebody_elses_own_template_does_not_exist(client, assistant):
    theirs = make_template(owner=assistant)
    assert client.get(address("template", theirs.pk)).status_code == 404
    assert client.post(address("template-copy", theirs.pk)).status_code == 404
    inquiry = make_inquiry()
    assert client.post(address("template-use", inquiry.pk, theirs.pk)).status_code == 404
    assert theirs.name not in client.get(address("templates")).content.decode()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"body_ja": "{{ order.numbr }}"}, "order.numbr"),
        ({"body_ja": "{% if order.number %}"}, "endif"),
        ({"body_ja": "", "body_en": ""}, "本文を入力"),
    ],
)
def test_a_text_that_cannot_be_filled_in_is_refused_and_kept(client, changes, sentence):
    response = client.post(address("template-add"), posted(**changes))
    assert response.status_code == 422
    words = response.content.decode()
    assert sentence in words
    assert "発送のご案内" in words
    assert Template.objects.count() == 0


def test_deleting_can_be_undone(client):
    template = make_template()
    response = client.post(address("template-delete", template.pk), follow=True)
    template.refresh_from_db()
    assert template.is_active is False
    assert "元に戻す" in response.content.decode()
    assert "発送" not in client.get(address("template-picker", make_inquiry().pk)).content.decode()
    client.post(address("template-delete", template.pk), {"back": "1"})
    template.refresh_from_db()
    assert template.is_active is True


def test_copying_and_order(client, agent):
    one = make_template("一", folder="配送", position=0)
    two = make_template("二", folder="配送", position=1)
    three = make_template("三", folder="配送", position=2)
    html = client.get(address("templates")).content.decode()
    assert f'name="before" value="{two.pk}"' in html  # the third goes before the second
    up = {"before": two.pk}
    client.post(address("template-move", three.pk), up)
    client.post(address("template-move", three.pk), up)  # two clicks move it once
    assert [*Template.objects.values_list("name", flat=True)] == ["一", "三", "二"]
    down = {"after": three.pk}
    client.post(address("template-move", one.pk), down)
    client.post(address("template-move", one.pk), down)
    assert [*Template.objects.values_list("name", flat=True)] == ["三", "一", "二"]
    for gone in ({"before": 0}, {"before": make_template("外", folder="返品").pk}, {"after": "\x00"}, {}):
        response = client.post(address("template-move", two.pk), gone, follow=True)
        assert "並び順が変わって" in response.content.decode()
    in_folder = Template.objects.filter(folder="配送")
    assert [*in_folder.values_list("name", flat=True)] == ["三", "一", "二"]
    response = client.post(address("template-copy", one.pk))
    twin = Template.objects.get(name="一（コピー）")
    assert response.url == address("template", twin.pk)
    assert (twin.body_ja, twin.owner, twin.uses) == (one.body_ja, None, 0)


def test_the_list_finds_by_words_and_folder(client, django_assert_max_num_queries):
    make_template("発送のご案内", folder="配送")
    make_template("返品のご案内", folder="返品", body="カードでご返金します。")
    with django_assert_max_num_queries(8):
        words = client.get(address("templates"), {"q": "ｶｰﾄﾞ"}).content.decode()
    assert "返品のご案内" in words
    assert "発送のご案内" not in words
    words = client.get(address("templates"), {"folder": "配送"}).content.decode()
    assert ("発送のご案内" in words, "返品のご案内" in words) == (True, False)


def test_the_preview_shows_a_chosen_inquiry_and_saves_nothing(client):
    order = make.make_order()
    make_inquiry(customer=order.customer, order=order)
    make_inquiry("Q-NEWEST", customer=order.customer)
    body = {"body_ja": "{{ order.number }} 【いつ】"}
    words = client.post(address("template-preview"), {**body, "on": "Q-TEST01"}).content.decode()
    assert "1001 【いつ】" in words
    words = client.post(address("template-preview"), body).content.decode()
    assert "{{ order.number }}" in words
    assert "注文番号" in words
    words = client.post(address("template-add"), {**posted(), "preview": "1"}).content.decode()  # without a script
    assert "Q-NEWEST" in words
    assert Template.objects.count() == 0


# --- inserting --------------------------------------------------------------------------------------------------------


def test_the_picker_offers_filled_texts(client, django_assert_max_num_queries):
    order = make.make_order()
    inquiry = make_inquiry(customer=order.customer, order=order)
    for n in range(10):
        make_template(f"発送{n}", folder="配送", shortcut=f"h{n}")
    make_template("楽天だけ", store=make.make_store("rakuten"))
    with django_assert_max_num_queries(10):
        words = client.get(address("template-picker", inquiry.pk), headers={"HX-Request": "true"}).content.decode()
    assert words.count('data-insert="1001 を発送しました。"') == 10
    assert "楽天だけ" not in words
    assert "<html" not in words
    words = client.get(address("template-picker", inquiry.pk), {"q": "/h3"}).content.decode()
    assert ("発送3" in words, "発送4" in words, "<html" in words) == (True, False, True)


def test_a_click_counts_and_brings_the_files(client, agent):
    inquiry, template = make_inquiry(), make_template()
    key = default_storage.save("inquiries/test/care", ContentFile(PDF))
    TemplateFile.objects.create(
        template=template, storage_key=key, name="手入れ.pdf", media_type="application/pdf", size=13, sha256="0" * 64
    )
    for _again in range(2):  # inserted twice: the file goes once
        response = client.post(address("template-use", inquiry.pk, template.pk), headers={"HX-Request": "true"})
        assert response.status_code == 200
        assert "手入れ.pdf" in response.content.decode()
    file = DraftFile.objects.get()
    assert (file.inquiry, file.author, file.name) == (inquiry, agent, "手入れ.pdf")
    assert file.storage_key != key  # a copy: deleting the draft leaves the template's file
    template.refresh_from_db()
    assert template.uses == 2
    assert Draft.objects.count() == 0


def test_two_templates_are_both_kept_without_a_script(client, agent):
    order = make.make_order()
    inquiry = make_inquiry(customer=order.customer, order=order)
    one, two = make_template(), make_template("結び", body="よろしくお願いいたします。")
    for template in (one, two):
        assert client.post(address("template-use", inquiry.pk, template.pk)).url == address("detail", inquiry.pk)
    draft = Draft.objects.get()
    assert draft.body.endswith("1001 を発送しました。\n\nよろしくお願いいたします。")
    assert draft.body.startswith("山田 花子")
    assert draft.templates == [one.pk, two.pk]


def test_masked_staff_get_no_contacts_by_any_picker(outsourced, signed_in):
    customer = make.make_customer(phone="09012345678")
    inquiry = make_inquiry(customer=customer, assignee=outsourced, phone="09012345678", subject="090-1234-5678 へ")
    make_template(body="{{ customer.email }} {{ customer.phone }} {{ inquiry.subject }}")
    client = signed_in(outsourced)
    for name in ("template-picker", "faq-picker"):
        words = client.get(address(name, inquiry.pk)).content.decode()
        assert "hanako@mail.example" not in words
        assert "1234" not in words
    body = {"body_ja": "{{ customer.phone }} {{ inquiry.subject }}", "on": inquiry.number}
    assert "1234" not in client.post(address("template-preview"), body).content.decode()
    foreign = make_inquiry("Q-OTHER1", customer=customer)
    assert client.get(address("template-picker", foreign.pk)).status_code == 404
    assert "Q-OTHER1" not in client.post(address("template-preview"), {"on": "Q-OTHER1"}).content.decode().replace(
        'value="Q-OTHER1"', ""
    )


def test_articles_that_fit_this_question(client, agent):
    article = make_article(title="返品はできますか", body="商品の到着後7日以内に**ご連絡**ください。")
    make_article(title="ラッピングはできますか", body="承ります。")
    english = make_article(title="Can I return a bag?", body="Within seven days.", language="en")
    inquiry = make_inquiry(subject="返品について", body="届いた鞄の返品はできますか。")
    words = client.get(address("faq-picker", inquiry.pk), headers={"HX-Request": "true"}).content.decode()
    assert "返品はできますか" in words
    assert "ラッピング" not in words
    assert f"/faq/{article.pk}/" in words
    assert "ご連絡ください。" in words
    client.post(address("faq-use", inquiry.pk, article.pk), {"what": "link"})
    *_before, title, link = Draft.objects.get().body.splitlines()
    assert title == "返品はできますか"
    assert link.startswith("http")
    assert link.endswith(f"/faq/{article.pk}/")
    Inquiry.objects.update(language="en", subject="return", email="x@mail.example")
    Message.objects.update(body="Can I return the bag?", at=NOW)
    words = client.get(address("faq-picker", inquiry.pk), headers={"HX-Request": "true"}).content.decode()
    assert f"/faq/{english.pk}/" in words
    assert f"/faq/{article.pk}/" not in words
