"""Every state against every deed, and what each step tells the customer."""

import pytest
from django.db import transaction

from inquiries.models import Message
from returns import deciding, letters, receiving, requesting
from returns.models import ReturnCase, ReturnEvent
from returns.transitions import IllegalTransition
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.returns.make import ask, bags, bring_to, counters

STATES = ["submitted", "approved", "received", "completed", "declined", "withdrawn"]
ALLOWED = {
    ("submitted", "approve"): "approved",
    ("submitted", "decline"): "declined",
    ("submitted", "withdraw"): "withdrawn",
    ("approved", "withdraw"): "withdrawn",
    ("approved", "receive"): "received",
    ("received", "complete"): "completed",
}
# (open, done) of a line of three of which two were asked, after each state
BOOKS = {
    "submitted": (2, 0),
    "approved": (2, 0),
    "received": (2, 0),
    "completed": (0, 2),
    "declined": (0, 0),
    "withdrawn": (0, 0),
}


def do(deed, case, by, **extra):
    if deed == "approve":
        return deciding.approve(case, quantities=None, text="どうぞ", by=by, now=make.NOW, **extra)
    if deed == "decline":
        return deciding.decline(case, text="使用済みのため", by=by, now=make.NOW, **extra)
    if deed == "withdraw":
        return requesting.withdraw(case, now=make.NOW, **extra)
    return getattr(receiving, deed)(case, by=by, now=make.NOW, **extra)


@pytest.mark.django_db
@pytest.mark.parametrize("deed", ["approve", "decline", "withdraw", "receive", "complete"])
@pytest.mark.parametrize("state", STATES)
def test_matrix(agent, state, deed):
    order = bags(3)
    case = bring_to(ask(order, 2), state, by=agent)
    assert case.status == state
    before = (case.version, ReturnEvent.objects.count(), OutgoingMail.objects.count())
    after = ALLOWED.get((state, deed))
    if after:
        do(deed, case, agent)
        case.refresh_from_db()
        assert case.status == after
        assert counters(order) == [BOOKS[after]]
        assert (case.version, ReturnEvent.objects.count(), OutgoingMail.objects.count()) == tuple(n + 1 for n in before)
        return
    with pytest.raises(IllegalTransition) as refusal:
        do(deed, case, agent)
    assert refusal.value.status == state
    assert refusal.value.last.code.startswith("return.")
    case.refresh_from_db()
    assert case.status == state
    assert counters(order) == [BOOKS[state]]
    assert (case.version, ReturnEvent.objects.count(), OutgoingMail.objects.count()) == before


@pytest.mark.django_db
def test_a_page_that_is_older_than_the_case_decides_nothing(agent):
    case = bring_to(ask(bags(3), 2), "approved", by=agent)
    with pytest.raises(IllegalTransition):
        receiving.receive(case, by=agent, now=make.NOW, expected_version=0)
    receiving.receive(case, by=agent, now=make.NOW, expected_version=1)
    assert case.status == "received"


@pytest.mark.django_db
def test_each_step_tells_once_in_the_customers_language(agent):
    store = make.make_store(postal_code="100-0001", address="東京都千代田区1-1", phone="03-0000-0000")
    case = ask(bags(3, store=store), 2, language="en")
    bring_to(case, "completed", by=agent)
    assert list(OutgoingMail.objects.order_by("pk").values_list("key", "subject")) == [
        (
            f"returns.case:{case.pk}:requested:0",
            f"[Kurashi Tools] We have received your return request ({case.number})",
        ),
        (f"returns.case:{case.pk}:approved:1", f"[Kurashi Tools] Your return is approved ({case.number})"),
        (f"returns.case:{case.pk}:received:2", f"[Kurashi Tools] Your returned goods have arrived ({case.number})"),
        (f"returns.case:{case.pk}:completed:3", f"[Kurashi Tools] Your return is completed ({case.number})"),
    ]
    approved = OutgoingMail.objects.get(key__contains=":approved:")
    assert approved.to_address == "hanako@mail.example"
    assert approved.from_address == "honten@shop.example"
    assert "東京都千代田区1-1 100-0001" in approved.text
    assert "Please pay the postage in advance." in approved.text
    assert "× 2" in approved.text
    assert "Kurashi Tools customer desk" in approved.text


@pytest.mark.django_db
def test_japanese_letters_say_who_pays_and_that_fewer_were_approved(agent):
    store = make.make_store(postal_code="100-0001", address="東京都千代田区1-1")
    case = ask(bags(3, store=store), 2, code="WRONG_ITEM")
    deciding.approve(
        case, quantities={case.lines.get().pk: 1}, text="1点のみ承ります & <よろしく>", by=agent, now=make.NOW
    )
    mail = OutgoingMail.objects.get(key__contains=":approved:")
    assert mail.subject == f"【くらしの道具店】返品をお受けします（受付番号：{case.number}）"
    assert "・革のトートバッグ × 1\n※お申し込みの数量から変更しています。" in mail.text
    assert "着払いでお送りください" in mail.text
    assert "1点のみ承ります & <よろしく>" in mail.text
    assert "〒100-0001 東京都千代田区1-1" in mail.text


@pytest.mark.django_db
def test_a_step_that_is_rolled_back_tells_nobody(agent):
    case = ask(bags(3), 2)
    with transaction.atomic():
        deciding.approve(case, quantities=None, text="", by=agent, now=make.NOW)
        transaction.set_rollback(True)
    assert list(OutgoingMail.objects.values_list("key", flat=True)) == [f"returns.case:{case.pk}:requested:0"]
    assert ReturnCase.objects.get().status == "submitted"


@pytest.mark.django_db
def test_a_reason_that_is_the_shops_duty_is_not_declined_in_passing(agent):
    case = ask(bags(3), 2, code="DEFECT_INITIAL")
    with pytest.raises(deciding.LegalDuty):
        do("decline", case, agent)
    assert ReturnCase.objects.get().status == "submitted"
    do("decline", case, agent, duty_checked=True)
    assert case.events.get(code="return.declined").data == {"duty_checked": True}


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["", "  \n", "\x00"])
def test_no_refusal_without_a_word(agent, text):
    case = ask(bags(3), 2)
    with pytest.raises(deciding.TextMissing):
        deciding.decline(case, text=text, by=agent, now=make.NOW)
    assert ReturnCase.objects.get().status == "submitted"


@pytest.mark.django_db
def test_a_customer_without_an_address_is_not_written_to(agent):
    order = bags(3, customer=make.make_customer(address=""))
    bring_to(ask(order, 1), "approved", by=agent)
    assert not OutgoingMail.objects.exists()


@pytest.mark.django_db
def test_a_case_of_an_inquiry_speaks_in_its_thread(agent, now):
    from inquiries import opening
    from inquiries.models import Category

    case = ask(bags(3), 1)
    case.inquiry = opening.open_inquiry(
        store=case.order.store, name="山田 花子", email="hanako@mail.example", category=Category.objects.first(),
        body="返品したいです", now=now,
    )  # fmt: skip
    case.save(update_fields=["inquiry"])
    deciding.approve(case, quantities=None, text="", by=agent, now=now)
    message = Message.objects.get(mail_key=f"returns.case:{case.pk}:approved:1")
    assert message.kind == "automatic"
    assert case.number in message.body


@pytest.mark.django_db
def test_postage_is_told_only_where_all_rules_agree():
    order = make.make_order(lines=[(make.make_product(), 2), (make.make_product("LB-02"), 2)])
    first, second = order.lines.order_by("position")
    from tests.returns.make import want

    case = requesting.request_return(
        order, wanted=[want(first, 1), want(second, 1, "WRONG_ITEM")], comment="", language="ja", form_token=None,
        now=make.NOW,
    )  # fmt: skip
    assert [rule["slug"] for rule in case.policy_shown] == ["change_of_mind", "wrong_item"]
    assert letters.postage_of(case) == ""
