"""The staff's screens: who may do what, what they say, and that a wrong text is refused before anybody gets it."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from followups import listing, sending, sentences
from followups.models import Campaign, PlannedMail, RestockRequest, Sequence, Step
from shopdesk.accounts.models import AuditEntry
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.models import ProductCategory
from tests.followups.make import complain, make_planned, make_sequence, make_step
from tests.make import NOW, make_customer, make_order, make_product, make_user

State = PlannedMail.State


@pytest.fixture
def due(db):
    return make_planned(make_step(make_sequence(), name="3か月目のお手入れ"), make_order())


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr("shopdesk.clock.now", lambda: NOW)


def pages(due):
    campaign = Campaign.objects.create(slug="n", name="秋", subject="秋のお便り", body="新米の季節です。")
    return [
        reverse("desk-followups:list"),
        reverse("desk-followups:planned", args=[due.pk]),
        reverse("desk-followups:sequences"),
        reverse("desk-followups:sequence", args=[due.sequence_id]),
        reverse("desk-followups:campaign", args=[campaign.pk]),
        reverse("desk-followups:restock"),
    ]


def acts(due):
    product = make_product()
    return [
        reverse("desk-followups:release", args=[due.pk]),
        reverse("desk-followups:hold", args=[due.pk]),
        reverse("desk-followups:cancel", args=[due.pk]),
        reverse("desk-followups:sequence-status", args=[due.sequence_id]),
        reverse("desk-followups:restocked", args=[product.pk]),
    ]


@pytest.mark.django_db
def test_agents_read_and_do_not_change(due, agent, owner, signed_in, client):
    seen, owners = signed_in(agent), signed_in(owner)
    for url in pages(due):
        assert seen.get(url).status_code == 200
        assert client.get(url).status_code == 302
    forms = [
        reverse("desk-followups:step", args=[due.step_id]),
        reverse("desk-followups:add-step", args=[due.sequence_id]),
    ]
    for url in acts(due) + forms:
        assert seen.post(url).status_code == 403
    for url in acts(due):
        assert owners.get(url).status_code == 405
        assert client.post(url).status_code == 302
    # The conditions stand on a page that may be read: posting there changes nothing.
    seen.post(reverse("desk-followups:sequence", args=[due.sequence_id]), {"name": "x", "delivered_fallback_days": "1"})
    assert Sequence.objects.get().name == "care"
    assert PlannedMail.objects.get().state == State.PLANNED
    assert not AuditEntry.objects.filter(code__startswith="followups.").exists()


@pytest.mark.django_db
def test_others_see_nothing(due, signed_in):
    outsourced = signed_in(make_user("out@shop.example", role="outsourced"))
    for url in pages(due):
        assert outsourced.get(url).status_code == 403


@pytest.mark.django_db
def test_the_list_says_why_a_letter_is_held_and_lets_it_go(due, owner, signed_in):
    complain(due.customer)
    sending.sweep(NOW)
    desk = signed_in(owner)
    page = desk.get(reverse("desk-followups:list"), {"tab": "held"}).content.decode()
    assert "3か月目のお手入れ" in page
    assert "お客様のクレーム（Q-1）が未解決のため、保留しています。" in page
    back = reverse("desk-followups:list") + "?tab=held"
    answer = desk.post(reverse("desk-followups:release", args=[due.pk]), {"back": back})
    assert (answer.status_code, answer["Location"]) == (302, back)
    sending.sweep(NOW)
    assert OutgoingMail.objects.count() == 1
    assert list(AuditEntry.objects.values_list("code", "actor", "data__was")) == [
        ("followups.released", owner.pk, "open_complaint")
    ]


@pytest.mark.django_db
def test_back_leads_nowhere_else(due, owner, signed_in):
    answer = signed_in(owner).post(reverse("desk-followups:hold", args=[due.pk]), {"back": "https://evil.example/"})
    assert answer["Location"] == reverse("desk-followups:planned", args=[due.pk])


@pytest.mark.django_db
def test_a_second_click_changes_nothing_and_says_so(due, owner, signed_in):
    desk = signed_in(owner)
    for _ in range(2):
        page = desk.post(reverse("desk-followups:cancel", args=[due.pk]), follow=True).content.decode()
    assert "すでに処理されています" in page
    assert AuditEntry.objects.filter(code="followups.cancelled").count() == 1


@pytest.mark.django_db
def test_the_page_shows_the_words_as_they_would_be_and_as_they_were(due, owner, signed_in):
    desk = signed_in(owner)
    url = reverse("desk-followups:planned", args=[due.pk])
    before = desk.get(url).content.decode()
    assert "いま送る場合の文面" in before
    assert "ご注文 1001 のご案内です。" in before
    sending.sweep(NOW)
    Step.objects.update(body_ja="別の文面")
    after = desk.get(url).content.decode()
    assert "送信した文面" in after
    assert "ご注文 1001 のご案内です。" in after
    assert "別の文面" not in after


@pytest.mark.django_db
def test_a_page_about_a_text_that_cannot_be_written_opens(due, owner, signed_in):
    Step.objects.update(body_ja="{{ no.such }}")
    page = signed_in(owner).get(reverse("desk-followups:planned", args=[due.pk])).content.decode()
    assert "文面を作れません：no.such" in page


@pytest.mark.django_db
def test_a_preview_issues_no_coupon(due, owner, signed_in):
    Step.objects.update(coupon_days=30, body_ja="{{ coupon.code }}")
    page = signed_in(owner).get(reverse("desk-followups:planned", args=[due.pk])).content.decode()
    assert "XXXX-XXXX-XXXX-XXXX" in page
    assert not hasattr(PlannedMail.objects.get(), "coupon")


# --- editing --------------------------------------------------------------------------------------------------------


def typed(step, **changes):
    values = {
        "name": step.name, "delay": step.delay, "unit": step.unit, "local_time": "10:00", "repeat_months": 0,
        "repeat_times": 1, "max_late_hours": 72, "coupon_days": 0, "tags": "", "subject_ja": step.subject_ja,
        "body_ja": step.body_ja, "subject_en": "", "body_en": "", "is_active": "on",
    }  # fmt: skip
    return {**values, **changes}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"body_ja": "{{ customer.password }}"}, "使えない差し込み項目があります：customer.password"),
        ({"body_ja": "{{ coupon.code }}"}, "使えない差し込み項目があります：coupon.code"),
        ({"body_ja": "{{ product.name }}"}, "使えない差し込み項目があります：product.name"),
        ({"body_ja": "{% for item in items %}{{ item.price }}{% endfor %}"}, "items.price|item.price"),
        ({"body_ja": "{% if items %}"}, "endif"),
        ({"body_en": "Hello"}, "英語の本文には、英語の件名が必要です。"),
        ({"delay": "-1"}, "0"),
        ({"delay": "1.5"}, "整数"),
        ({"delay": "1000000000"}, "3650以下"),
        ({"max_late_hours": "1000000000"}, "32767"),
        ({"coupon_days": "1000000000"}, "32767"),
        ({"delay": "5000"}, "3650以下"),
        ({"delay": "121", "unit": "months"}, "120以下"),
        ({"repeat_times": "3"}, "繰り返す間隔"),
        ({"repeat_times": "0"}, "1から200まで"),
        ({"repeat_months": "500"}, "120以下"),
        ({"local_time": "25:00"}, "時刻|時間"),
        ({"coupon_days": "30", "body_ja": "★5のレビューでクーポン {{ coupon.code }}"}, "ステルスマーケティング"),
    ],
)
def test_what_is_wrong_is_said_kept_and_not_saved(due, owner, signed_in, changes, words):
    step = due.step
    answer = signed_in(owner).post(reverse("desk-followups:step", args=[step.pk]), typed(step, name="変更", **changes))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(words, page)
    assert 'value="変更"' in page
    step.refresh_from_db()
    assert (step.name, step.body_ja) == ("3か月目のお手入れ", due.step.body_ja)


@pytest.mark.django_db
def test_saving_moves_waiting_letters_only_when_asked(due, owner, signed_in):
    desk, url = signed_in(owner), reverse("desk-followups:step", args=[due.step_id])
    assert desk.post(url, typed(due.step, delay="30")).status_code == 302
    due.refresh_from_db()
    assert due.due_at == NOW
    assert desk.post(url, typed(due.step, delay="30", move_waiting="on")).status_code == 302
    due.refresh_from_db()
    assert due.due_at.isoformat() == "2026-12-12T01:00:00+00:00"  # delivered on 12 November, 30 days, 10:00 in Tokyo
    assert list(AuditEntry.objects.order_by("pk").values_list("code", "data__moved")) == [
        ("followups.step_changed", 0), ("followups.step_changed", 1),
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_preview_shows_the_typed_words_and_saves_nothing(due, owner, signed_in):
    url = reverse("desk-followups:step", args=[due.step_id])
    words = typed(due.step, body_ja="試し {{ order.number }}", body_en="Trial", subject_en="Trial", preview="1")
    page = signed_in(owner).post(url, words).content.decode()
    assert "試し 1001" in page
    assert "Trial" in page
    assert "試し" not in Step.objects.get().body_ja
    page = signed_in(owner).post(url, {**words, "preview_order": "9999"}).content.decode()
    assert "この番号の注文が見つかりません。" in page


@pytest.mark.django_db
def test_a_further_step(due, owner, signed_in):
    url = reverse("desk-followups:add-step", args=[due.sequence_id])
    desk = signed_in(owner)
    assert desk.get(url).status_code == 200
    preview = desk.post(url, typed(due.step, name="二通目", preview="1"))
    assert "ご注文 1001 のご案内です。" in preview.content.decode()
    assert Step.objects.count() == 1
    assert desk.post(url, typed(due.step, name="二通目", delay="5")).status_code == 302
    assert list(Step.objects.values_list("name", "position")) == [("3か月目のお手入れ", 0), ("二通目", 1)]


@pytest.mark.django_db
def test_the_same_words_for_another_category_are_a_step_of_their_own(due, owner, signed_in):
    url = reverse("desk-followups:add-step", args=[due.sequence_id])
    desk = signed_in(owner)
    bowls = ProductCategory.objects.create(slug="bowls", name="うつわ")
    for data in ({"categories": []}, {"categories": [bowls.pk]}, {"categories": [bowls.pk]}):
        desk.post(url, typed(due.step, name="二通目", **data))
    # The third is the second click of the second.
    assert [step.categories.count() for step in Step.objects.filter(name="二通目")] == [0, 1]


@pytest.mark.django_db
def test_pausing_and_starting(due, owner, signed_in):
    url = reverse("desk-followups:sequence-status", args=[due.sequence_id])
    desk = signed_in(owner)
    for status in ("paused", "paused", "active"):
        desk.post(url, {"status": status})
        assert Sequence.objects.get().status == status
    assert AuditEntry.objects.filter(code="followups.sequence_status").count() == 2


@pytest.mark.django_db
def test_conditions_are_saved_and_refused(due, owner, signed_in):
    url = reverse("desk-followups:sequence", args=[due.sequence_id])
    desk = signed_in(owner)
    refused = desk.post(url, {"name": "", "delivered_fallback_days": "61"})
    assert refused.status_code == 422
    assert "60以下" in refused.content.decode()
    desk.post(url, {"name": "お手入れ", "delivered_fallback_days": "5", "stop_on_repurchase": "on"})
    saved = Sequence.objects.get()
    assert (saved.name, saved.delivered_fallback_days, saved.stop_on_repurchase, saved.hold_on_complaint) == (
        "お手入れ", 5, True, False,
    )  # fmt: skip


# --- restock --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_everybody_who_asked_hears_once_that_it_is_back(owner, signed_in):
    step = make_step(
        make_sequence("restock", trigger="restocked"), delay=10, unit="minutes", local_time=None,
        subject_ja="{{ product.name }}", body_ja="{{ customer.name }} 様 {{ product.price }} 円",
    )  # fmt: skip
    make_step(make_sequence("draft", trigger="restocked", status="draft"))
    bag, cup = make_product(), make_product("TB-1", name="湯のみ", category="tableware")
    make_order()  # its store sends
    people = [make_customer(f"客{n}", f"c{n}@mail.example") for n in range(3)]
    for person in people[:2]:
        RestockRequest.objects.create(customer=person, product=bag, created_at=NOW)
    RestockRequest.objects.create(customer=people[2], product=cup, created_at=NOW)
    desk = signed_in(owner)
    url = reverse("desk-followups:restocked", args=[bag.pk])
    for _ in range(2):
        assert desk.post(url).status_code == 302
    assert list(PlannedMail.objects.values_list("customer__name", "step", "due_at").order_by("pk")) == [
        ("客0", step.pk, NOW + timedelta(minutes=10)), ("客1", step.pk, NOW + timedelta(minutes=10)),
    ]  # fmt: skip
    sending.sweep(NOW + timedelta(minutes=10))
    assert set(OutgoingMail.objects.values_list("to_address", "subject")) == {
        ("c0@mail.example", "革のトートバッグ"),
        ("c1@mail.example", "革のトートバッグ"),
    }
    assert "c0 " not in OutgoingMail.objects.first().text
    # Asking again after that is a new wish.
    RestockRequest.objects.create(customer=people[0], product=bag, created_at=NOW)
    desk.post(url)
    assert PlannedMail.objects.filter(customer=people[0]).count() == 2


@pytest.mark.django_db
def test_without_a_sequence_the_requests_stay_open(owner, signed_in):
    make_order()
    RestockRequest.objects.create(
        customer=make_customer("客", "c@mail.example"), product=make_product(), created_at=NOW
    )
    page = signed_in(owner).post(reverse("desk-followups:restocked", args=[make_product().pk]), follow=True)
    assert "再入荷のシーケンスが動いていません" in page.content.decode()
    assert RestockRequest.objects.get().restocked_at is None


# --- sentences and cost ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("code", sorted(sentences._REASONS))
def test_every_reason_has_a_sentence(code, language):
    from django.utils import translation

    with translation.override(language):
        planned = PlannedMail(state=State.SKIPPED, reason=code, decision={"number": "Q-1", "why": "unsubscribed"})
        said = sentences.sentence(planned)
        assert said != code
        assert "%" not in said
        assert sentences.label(planned)
        assert ("送" in said or "保留" in said or "取り消" in said) is (language == "ja")


@pytest.mark.django_db
def test_an_unknown_reason_is_shown_as_it_is(due):
    due.state, due.reason = State.SKIPPED, "from_the_future"
    assert sentences.sentence(due) == "from_the_future"


@pytest.mark.django_db
def test_when_in_words():
    from django.utils import translation

    step = make_step(make_sequence(), delay=6, unit="months", repeat_months=6, repeat_times=6)
    once = make_step(make_sequence("o", trigger="ordered"), delay=0, unit="minutes", local_time=None)
    with translation.override("ja"):
        assert sentences.when(step) == "お届けから6か月後の10:00、以後6か月ごとに合計6回"
        assert sentences.when(once) == "注文後すぐ"
    with translation.override("en"):
        assert sentences.when(step) == "6 months after delivery at 10:00, then every 6 months, 6 times in all"


@pytest.mark.django_db
def test_the_list_costs_the_same_for_one_and_for_thirty(owner, signed_in, django_assert_max_num_queries):
    step = make_step(make_sequence())
    customer = make_customer()
    for number in range(listing.PER_PAGE + 5):
        make_planned(step, make_order(str(number), customer=customer))
    desk = signed_in(owner)
    for tab in listing.TABS:
        with django_assert_max_num_queries(14):
            assert desk.get(reverse("desk-followups:list"), {"tab": tab}).status_code == 200
    page = desk.get(reverse("desk-followups:list"), {"page": "2", "sequence": "care"}).content.decode()
    assert page.count('class="row-link"') == 5


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [{"tab": "x"}, {"sequence": "' OR 1=1"}, {"page": "-1"}, {"page": "9" * 30}, {"tab": "\x00", "sequence": "\x00"}],
)
def test_odd_addresses_of_the_list(due, owner, signed_in, query):
    assert signed_in(owner).get(reverse("desk-followups:list"), query).status_code == 200


@pytest.mark.django_db
def test_history_and_panel(due):
    from followups.panels import for_customer
    from followups.timeline import timeline

    complain(due.customer)
    make_planned(make_step(due.sequence, delay=9), due.order, due_at=NOW + timedelta(days=3))
    sending.sweep(NOW)
    assert [(row.kind, row.tone) for row in timeline(due.customer)] == [("followup", "info"), ("followup", "warn")]
    held, coming = for_customer(due.customer)
    assert (held.held, coming.held) == (True, False)
    assert "Q-1" in held.why
