"""The staff's screens."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from returns import demo
from returns.models import Reason, ReturnCase
from returns.timeline import timeline
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.models import OrderLine
from tests import make
from tests.returns.make import ask, bags, bring_to, counters

LIST = reverse("desk-returns:list")


def page(name, case):
    return reverse(f"desk-returns:{name}", args=[case.pk])


@pytest.fixture
def case(db):
    return ask(bags(3, paid=(100,)), 2)


@pytest.fixture
def desk(agent, signed_in):
    return signed_in(agent)


@pytest.mark.parametrize("name", ["detail", "approve", "decline", "receive", "complete"])
def test_visitors_are_sent_to_the_door(case, name):
    for method in ("get", "post"):
        answer = getattr(Client(), method)(page(name, case))
        assert answer.status_code == 302
        assert "/login/" in answer.url
    case.refresh_from_db()
    assert case.status == "submitted"


@pytest.mark.parametrize(
    ("role", "sees", "decides", "receives"),
    [
        ("owner", True, True, True),
        ("manager", True, True, True),
        ("agent", True, True, False),
        ("assistant", True, False, False),
        ("outsourced", False, False, False),
        ("warehouse", True, False, True),
        ("finance", True, False, False),
    ],
)
def test_who_may_do_what(case, signed_in, role, sees, decides, receives):
    client = signed_in(make.make_user(f"{role}@shop.example", role=role))
    assert client.get(LIST).status_code == (200 if sees else 403)
    shown = client.get(page("detail", case))
    assert shown.status_code == (200 if sees else 403)
    assert ("承認する" in shown.content.decode()) is decides
    # Without any field: 422 or 409 mean that the door was open.
    assert client.post(page("approve", case)).status_code == (422 if decides else 403)
    assert client.post(page("decline", case)).status_code == (422 if decides else 403)
    assert client.post(page("receive", case)).status_code == (409 if receives else 403)
    assert client.post(page("complete", case)).status_code == (409 if receives else 403)
    case.refresh_from_db()
    assert case.status == "submitted"


def test_the_way_of_a_case(case, desk, agent, signed_in):
    line = case.lines.get()
    shown = desk.get(page("detail", case)).content.decode()
    assert "¥66" in shown  # the last two of 34 + 33 + 33
    answer = desk.post(page("approve", case), {f"quantity-{line.pk}": "1", "text": "どうぞ", "version": "0"})
    assert answer.url == page("detail", case)
    shown = desk.get(page("detail", case)).content.decode()
    assert "佐藤 彩さんが2点中1点を承認しました" in shown
    assert "¥33" in shown
    assert "到着を記録する" not in shown
    store = signed_in(make.make_user("soko@shop.example", role="warehouse"))
    assert "到着を記録する" in store.get(page("detail", case)).content.decode()
    store.post(page("receive", case), {"version": "1"})
    store.post(page("complete", case), {"version": "2"})
    case.refresh_from_db()
    assert case.status == "completed"
    assert counters(case.order) == [(0, 1)]
    assert OutgoingMail.objects.count() == 4


@pytest.mark.parametrize("typed", ["", "-1", "3", "1.5", "1000000000", "x", "1\x00"])
def test_quantities_that_are_none(case, desk, typed):
    name = f"quantity-{case.lines.get().pk}"
    answer = desk.post(page("approve", case), {name: typed, "text": "書きかけ", "version": "0"})
    assert answer.status_code == 422
    assert "書きかけ" in answer.content.decode()
    case.refresh_from_db()
    assert case.status == "submitted"


def test_approving_nothing_is_declining(case, desk):
    answer = desk.post(page("approve", case), {f"quantity-{case.lines.get().pk}": "0", "version": "0"})
    assert answer.status_code == 422
    assert "1点以上承認するか" in answer.content.decode()


def test_the_second_to_decide_reads_who_was_first_and_keeps_his_words(case, desk, signed_in):
    name = f"quantity-{case.lines.get().pk}"
    ken = signed_in(make.make_user())
    assert desk.post(page("approve", case), {name: "2", "version": "0"}).status_code == 302
    late = ken.post(page("decline", case), {"text": "期限を過ぎているため", "version": "0"})
    assert late.status_code == 409
    words = late.content.decode()
    assert "佐藤 彩さんが返品を承認しました" in words
    assert "期限を過ぎているため" in words
    assert case.events.count() == 2
    assert not OutgoingMail.objects.filter(key__contains="declined").exists()


@pytest.mark.parametrize("version", ["", "7", "-1", "x"])
def test_a_button_of_no_page_of_ours(case, signed_in, owner, version):
    bring_to(case, "approved", by=owner)
    assert signed_in(owner).post(page("receive", case), {"version": version}).status_code == 409
    case.refresh_from_db()
    assert case.status == "approved"


def test_declining_a_defect_asks_for_the_legal_duty(desk):
    case = ask(bags(3), 1, code="DEFECT_INITIAL")
    answer = desk.post(page("decline", case), {"text": "期限切れのため", "version": "0"})
    assert answer.status_code == 422
    assert "お断りする前に、法律上の責任を確認してください。" in answer.content.decode()
    assert "期限切れのため" in answer.content.decode()
    answer = desk.post(page("decline", case), {"text": "期限切れのため", "version": "0", "duty_checked": "on"})
    assert answer.status_code == 302
    assert "期限切れのため" in OutgoingMail.objects.get(key__contains=":declined:").text
    assert "法律上の責任を確認のうえ" in desk.get(page("detail", case)).content.decode()


def test_tabs_count_and_the_oldest_waits_first(desk, agent):
    order = bags(9)
    cases = [ask(order, 1, now=make.NOW + timedelta(minutes=n)) for n in range(4)]
    bring_to(cases[3], "approved", by=agent)
    shown = desk.get(LIST)
    assert [(tab.key, tab.count) for tab in shown.context["tabs"]] == [
        ("decide", 3), ("approved", 1), ("received", 0), ("completed", 0), ("all", 4),
    ]  # fmt: skip
    assert [case.pk for case in shown.context["page"]] == [case.pk for case in cases[:3]]
    assert [case.pk for case in desk.get(LIST, {"tab": "all"}).context["page"]] == [case.pk for case in cases[::-1]]


@pytest.mark.parametrize("tab", ["nonsense", "", "\x00"])
def test_tabs_there_are_none_of(desk, tab):
    assert desk.get(LIST, {"tab": tab, "page": "-7", "q": "\x00%_"}).context["tab"] == "decide"


def test_search(desk):
    mine = ask(bags(3), 1)
    other = ask(bags(3, number="2002", customer=make.make_customer("鈴木 一", "suzuki@mail.example")), 1)
    for words, found in [
        (mine.number.lower(), [mine]), ("#２００２", [other]), ("鈴木", [other]), ("nobody", []), ("%", []), ("2026-", []),
    ]:  # fmt: skip
        assert [case.pk for case in desk.get(LIST, {"q": words}).context["page"]] == [case.pk for case in found], words


def test_pages_are_bounded(desk, django_assert_num_queries):
    order = bags(40)
    for _one in range(30):
        ask(order, 1)
    assert len(desk.get(LIST).context["page"].object_list) == 25
    assert desk.get(LIST, {"page": "99999999999999999999"}).context["page"].number == 2
    with django_assert_num_queries(7):
        desk.get(LIST)


def test_queries_of_a_case_do_not_grow_with_its_lines(desk, django_assert_num_queries):
    order = make.make_order(lines=[(make.make_product(f"P{place}"), 3) for place in range(8)])
    case = ask(order, *[1] * 8)
    with django_assert_num_queries(4):
        desk.get(page("detail", case))


def test_reasons_and_rules_are_for_those_who_may(signed_in, owner, agent):
    for model in ("reason", "policy"):
        url = reverse(f"admin:returns_{model}_changelist")
        assert signed_in(owner).get(url).status_code == 200
        assert signed_in(agent).get(url).status_code == 403
    reason = Reason.objects.get(code="OTHER")
    assert signed_in(owner).get(reverse("admin:returns_reason_delete", args=[reason.pk])).status_code == 403


def test_a_retired_reason_stays_on_old_cases(desk, case):
    Reason.objects.update(is_active=False)
    assert "不要になった・気が変わった" in desk.get(page("detail", case)).content.decode()


def test_what_other_rooms_show(case, agent):
    closed = bring_to(ask(case.order, 1), "completed", by=agent)
    rows = timeline(case.customer)
    assert [(row.title, row.status_label, row.tone) for row in rows] == [
        (f"返品 {closed.number}（注文 1001）", "完了", "ok"),
        (f"返品 {case.number}（注文 1001）", "要判断", "warn"),
    ]
    assert rows[1].url == page("detail", case)


def test_the_demo_writes_history_and_no_letter(owner, signed_in):
    for number in range(6):
        bags(2, number=f"D{number}", customer=make.make_customer(address=f"d{number}@mail.example"))
    demo.load(make.NOW)
    demo.load(make.NOW)
    assert sorted(ReturnCase.objects.values_list("status", flat=True)) == [
        "approved", "completed", "received", "submitted", "submitted", "submitted",
    ]  # fmt: skip
    assert not OutgoingMail.objects.exists()
    assert sorted(OrderLine.objects.values_list("qty_open", "qty_done")) == [(0, 1)] + [(1, 0)] * 5
    for case in ReturnCase.objects.all():
        assert case.created_at <= case.events.last().at <= make.NOW
        assert signed_in(owner).get(page("detail", case)).status_code == 200
