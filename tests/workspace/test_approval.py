"""A second person reads a reply before the customer does, and no way leads around them."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from inquiries import (
    acts,
    approval_rules,
    approving,
    preparing,
    replying,
    scheduling,
    undoing,
)
from inquiries.answers import Answer
from inquiries.models import (
    ApprovalRule,
    Category,
    Draft,
    Inquiry,
    InquiryEvent,
    Message,
    PreparedReply,
    StatusLabel,
    Template,
)
from shopdesk.accounts.models import AuditEntry, Role
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.inquiries.make import make_inquiry

BODY = "返金いたします。"
pytestmark = pytest.mark.django_db


@pytest.fixture
def inquiry(store):
    return make_inquiry()


@pytest.fixture
def manager(db):
    return make.make_user("manager@shop.example", name="責任 者子", role="manager")


def ask(inquiry, author, now, body=BODY, **given):
    return approving.ask(inquiry, Answer(body, **given), by=author, now=now)


def letters():
    return OutgoingMail.objects.filter(key__startswith="inquiries.message:")


def state(row):
    row.refresh_from_db()
    return row.state


def post(client, name, pk, **words):
    return client.post(reverse(f"desk-inquiries:{name}", args=[pk]), words)


# --- when it is needed --------------------------------------------------------------------------------------------------


def test_each_field_of_a_rule_must_fit(store, agent, now):
    customer = make.make_customer()
    order = make.make_order(customer=customer, lines=[(make.make_product(), 1, 50_000)])
    inquiry = make_inquiry(customer=customer, order=order)
    template = Template.objects.create(name="返金", body_ja="返金します")
    gift = Template.objects.create(name="贈り物", body_ja="贈ります", needs_approval=True)
    other = Category.objects.exclude(pk=inquiry.category_id).first()
    cases = [
        ({}, [], True),
        ({"is_active": False}, [], False),
        ({"author": agent}, [], True),
        ({"author": make.make_user()}, [], False),
        ({"role": agent.role}, [], True),
        ({"role": Role.objects.get(code="outsourced")}, [], False),
        ({"template": template}, [], False),
        ({"template": template}, [gift.pk + 1, template.pk], True),
        ({"category": inquiry.category}, [], True),
        ({"category": other}, [], False),
        ({"min_amount": 50_000}, [], True),
        ({"min_amount": 50_001}, [], False),
        ({"author": agent, "category": other}, [], False),
        ({"author": agent, "min_amount": 1}, [], True),
    ]
    for fields, templates, expected in cases:
        rule = ApprovalRule.objects.create(name="規則", **fields)
        assert bool(approving.needed(inquiry, by=agent, templates=templates)) is expected, fields
        rule.delete()
    assert approving.needed(inquiry, by=agent, templates=[gift.pk]) == "贈り物"
    Inquiry.objects.update(order=None)
    ApprovalRule.objects.create(name="高額", min_amount=1)
    assert approving.needed(Inquiry.objects.get(), by=agent, templates=[]) == ""


def test_asking_costs_one_query(inquiry, agent, django_assert_num_queries):
    ApprovalRule.objects.create(name="高額", min_amount=1)
    with django_assert_num_queries(1):
        approval_rules.needed(inquiry, by=agent, templates=[])


# --- no way around ------------------------------------------------------------------------------------------------------


def test_reply_itself_refuses(inquiry, agent, assistant, now):
    ApprovalRule.objects.create(name="全員")
    with pytest.raises(replying.NeedsApproval, match="全員"):
        replying.reply(inquiry, Answer(BODY), by=agent, now=now)
    with pytest.raises(replying.MayNotSend):
        replying.reply(inquiry, Answer(BODY), by=assistant, now=now)
    assert not letters().exists()
    assert not Message.objects.filter(kind="reply").exists()
    assert Inquiry.objects.get().version == 1


def test_what_is_passed_as_approved_is_read_again(inquiry, agent, manager, now):
    """A made-up row, another text, a copy more, an old state: nothing of that is approval."""
    ApprovalRule.objects.create(name="全員")
    row = ask(inquiry, agent, now)
    made_up = PreparedReply(pk=row.pk, inquiry=inquiry, author=agent, decided_by=manager, state="approved")
    for given in (made_up, row):
        with pytest.raises(replying.NeedsApproval):
            replying.reply(inquiry, Answer(BODY), by=agent, now=now, approved=given)
    approved = approving.approve(row, by=manager, now=now)
    changes = [
        (Answer("全額返金いたします。"), agent),
        (Answer(BODY, cc=["eve@mail.example"]), agent),
        (Answer(BODY), make.make_user()),
    ]
    for answer, by in changes:
        with pytest.raises(replying.NeedsApproval):
            replying.reply(inquiry, answer, by=by, now=now, approved=approved)
    other = make_inquiry("Q-TEST02", customer=inquiry.customer)
    with pytest.raises(replying.NeedsApproval):
        replying.reply(other, Answer(BODY), by=agent, now=now, approved=approved)
    assert not letters().exists()


def test_not_by_the_screen_nor_by_its_hour(inquiry, agent, now, signed_in):
    ApprovalRule.objects.create(name="全員")
    client = signed_in(agent)
    for words in ({"action": "send"}, {}, {"action": "schedule", "send_at": "2026-11-24T09:00"}):
        response = post(client, "reply", inquiry.pk, body=BODY, version=1, then="pending", **words)
        assert response.status_code == 422
        assert "承認が必要です" in response.text
        assert BODY in response.text
    assert PreparedReply.objects.count() == 0
    assert not letters().exists()


def test_not_by_leaving_the_template_out_of_the_form(inquiry, agent, now, signed_in):
    """The server noted with the draft that it was inserted."""
    template = Template.objects.create(name="返金", body_ja=BODY, needs_approval=True)
    Draft.objects.create(inquiry=inquiry, author=agent, body=BODY, templates=[template.pk], saved_at=now)
    response = post(signed_in(agent), "reply", inquiry.pk, body=BODY, version=1, then="pending", templates="")
    assert response.status_code == 422
    assert "返金" in response.text
    assert not letters().exists()


def test_not_by_a_macro(inquiry, agent, now):
    template = Template.objects.create(name="返金", body_ja=BODY, needs_approval=True)
    outcomes = acts.perform(inquiry, [{"do": "reply", "template": template.pk}], by=agent, now=now)
    assert [one.ok for one in outcomes] == [False]
    assert not letters().exists()


def test_who_may_not_send_gets_403_and_a_row(inquiry, assistant, manager, now, signed_in):
    client = signed_in(assistant)
    assert post(client, "reply", inquiry.pk, body=BODY, version=1, then="pending").status_code == 403
    row = ask(inquiry, assistant, now)
    approving.approve(row, by=manager, now=now)
    assert post(client, "prepared-send", row.pk).status_code == 403
    paths = AuditEntry.objects.filter(code="inquiries.send_refused", actor=assistant).values_list("data", flat=True)
    assert [one["path"].split("/")[-2] for one in paths.order_by("pk")] == ["reply", "send"]
    assert not letters().exists()
    with pytest.raises(replying.MayNotSend):
        approving.send(row, by=assistant, now=now)


def test_nobody_approves_their_own(inquiry, manager, owner, now, signed_in):
    row = ask(inquiry, manager, now)
    with pytest.raises(approving.OwnReply):
        approving.approve(row, by=manager, now=now)
    response = post(signed_in(manager), "prepared-decide", row.pk, action="send", body=BODY)
    assert response.status_code == 422
    assert "自分が書いた返信は承認できません" in response.text
    with pytest.raises(IntegrityError, match="nobody_approves_their_own"), transaction.atomic():
        PreparedReply.objects.update(decided_by=manager)
    assert state(row) == "awaiting"
    assert not letters().exists()


def test_who_may_not_approve_decides_nothing(inquiry, assistant, agent, now, signed_in):
    row = ask(inquiry, assistant, now)
    for deed in (
        lambda: approving.approve(row, by=agent, now=now),
        lambda: approving.edit(row, body="x", by=agent, now=now),
        lambda: approving.give_back(row, comment="x", by=agent, now=now),
    ):
        with pytest.raises(preparing.NotTheirs):
            deed()
    assert post(signed_in(agent), "prepared-decide", row.pk, action="approve").status_code == 403
    with pytest.raises(preparing.Gone):
        approving.send(row, by=agent, now=now)  # not approved yet
    assert state(row) == "awaiting"


# --- the round trip -----------------------------------------------------------------------------------------------------


def test_ask_edit_approve_send(inquiry, assistant, agent, manager, now):
    Draft.objects.create(inquiry=inquiry, author=assistant, body=BODY, saved_at=now)
    row = ask(inquiry, assistant, now, then="solved")
    assert Draft.objects.count() == 0
    assert (row.state, row.reason, row.original_body) == ("awaiting", "", BODY)
    assert Inquiry.objects.get().status == "open"
    approving.edit(row, body="確認のうえ返金いたします。", by=manager, now=now)
    approving.approve(row, by=manager, now=now)
    assert (state(row), row.decided_by, row.decided_at) == ("approved", manager, now)
    assert not letters().exists()  # approving is not sending
    message = approving.send(row, by=agent, now=now)
    assert (state(row), row.message) == ("sent", message)
    assert message.author == assistant
    (letter,) = letters()
    assert letter.text.startswith("確認のうえ返金いたします。")
    assert "担当：補助 さくら" in letter.text
    fresh = Inquiry.objects.get()
    assert (fresh.status, fresh.assignee) == ("solved", assistant)
    codes = list(InquiryEvent.objects.order_by("pk").values_list("code", flat=True))
    assert codes == ["approval_asked", "prepared_edited", "approved", "taken", "status", "approved_sent"]
    with pytest.raises(preparing.Gone):
        approving.send(row, by=agent, now=now)


def test_approve_and_send_is_one_step(inquiry, assistant, manager, now, store):
    row = ask(inquiry, assistant, now)
    store.signature_ja = "{{ agent.salary }}"
    store.save()
    with pytest.raises(Exception, match=r"agent\.salary"):
        approving.approve_and_send(row, by=manager, now=now)
    assert state(row) == "awaiting"
    store.signature_ja = ""
    store.save()
    approving.approve_and_send(row, by=manager, now=now, body="返金します。")
    assert state(row) == "sent"
    assert letters().get().text.startswith("返金します。")


def test_returned_with_a_comment(inquiry, assistant, manager, now, signed_in):
    row = ask(inquiry, assistant, now, templates=[7])
    with pytest.raises(approving.SaysNothing):
        approving.give_back(row, comment=" \n", by=manager, now=now)
    approving.give_back(row, comment="<b>金額</b>を書いてください", by=manager, now=now, body="返金いたします。（円）")
    assert (state(row), row.comment, row.decided_by) == ("returned", "<b>金額</b>を書いてください", manager)
    draft = Draft.objects.get()
    assert (draft.author, draft.body, draft.templates) == (assistant, "返金いたします。（円）", [7])
    page = signed_in(assistant).get(reverse("desk-inquiries:detail", args=[inquiry.pk])).text
    assert "&lt;b&gt;金額&lt;/b&gt;を書いてください" in page
    assert "<ins" in page
    assert "（円）</ins>" in page
    again = ask(inquiry, assistant, now, body="5,000円を返金いたします。")
    assert (state(row), again.state) == ("cancelled", "awaiting")


def test_the_author_withdraws(inquiry, assistant, manager, agent, now):
    row = ask(inquiry, assistant, now)
    approving.approve(row, by=manager, now=now)
    with pytest.raises(preparing.NotTheirs):
        approving.withdraw(row, by=agent, now=now)
    approving.withdraw(row, by=assistant, now=now)
    assert state(row) == "cancelled"
    assert Draft.objects.get().body == BODY
    with pytest.raises(preparing.Gone):
        approving.send(row, by=agent, now=now)


def test_an_approved_reply_is_stale_when_the_customer_wrote(inquiry, assistant, agent, manager, now, signed_in):
    row = ask(inquiry, assistant, now)
    approving.approve(row, by=manager, now=now)
    Message.objects.create(inquiry=inquiry, kind="received", body="もう届きました。", at=now)
    Inquiry.objects.update(version=2)
    response = post(signed_in(agent), "prepared-send", row.pk, version=1)
    assert response.status_code == 409
    assert "もう届きました。" in response.text
    assert not letters().exists()
    assert post(signed_in(agent), "prepared-send", row.pk, version=2).status_code == 302  # read, and pressed again
    assert letters().count() == 1


def test_an_approved_reply_may_get_an_hour(inquiry, agent, manager, now):
    ApprovalRule.objects.create(name="全員")
    row = ask(inquiry, agent, now)
    approving.approve(row, by=manager, now=now)
    scheduling.move(row, send_at=now + timedelta(hours=1), by=agent, now=now)
    scheduling.sweep(now + timedelta(hours=1))
    assert state(row) == "sent"
    assert letters().count() == 1


def test_when_a_colleague_answers_it_is_a_draft_again(inquiry, assistant, agent, now):
    row = ask(inquiry, assistant, now)
    replying.reply(inquiry, Answer("お待たせしました。"), by=agent, now=now)
    row.refresh_from_db()
    assert (row.state, row.returned_why) == ("returned", "colleague")
    assert Draft.objects.get().author == assistant


def test_blanks_are_not_approved(inquiry, assistant, manager, now):
    template = Template.objects.create(name="納期", body_ja="お届けは【お届け予定日】です。")
    row = ask(inquiry, assistant, now, body="お届けは【お届け予定日】です。", templates=[template.pk])
    with pytest.raises(approving.Unfilled, match="お届け予定日"):
        approving.approve(row, by=manager, now=now)
    approving.approve(row, by=manager, now=now, body="お届けは11月24日です。")
    assert state(row) == "approved"


def test_outsourced_staff_ask_and_stay_masked(store, outsourced, manager, now, signed_in):
    inquiry = make_inquiry(assignee=outsourced, phone="09012345678")
    ApprovalRule.objects.create(name="外注", role=outsourced.role)
    client = signed_in(outsourced)
    assert post(client, "reply", inquiry.pk, body=BODY, version=1, then="pending").status_code == 422
    words = {"body": f"{BODY} hanako@mail.example 090-1234-5678", "version": 1, "action": "approve"}
    assert post(client, "ask", inquiry.pk, **words).status_code == 302
    row = PreparedReply.objects.get()
    approving.edit(row, body=row.body + "（確認済）", by=manager, now=now)
    page = client.get(reverse("desk-inquiries:detail", args=[inquiry.pk])).text
    assert "承認待ち" in page
    for secret in ("hanako@mail.example", "090-1234-5678", "09012345678"):
        assert secret not in page
    other = make_inquiry("Q-TEST02", customer=inquiry.customer)
    hidden = ask(other, manager, now)
    assert post(client, "prepared-withdraw", hidden.pk).status_code == 404


def test_an_approved_reply_taken_back_needs_approval_again(store, assistant, agent, manager, now):
    store.undo_seconds = 10
    store.save()
    inquiry = make_inquiry()
    row = ask(inquiry, assistant, now)
    message = approving.approve_and_send(row, by=manager, now=now)
    draft = undoing.take_back(message, by=manager, now=now)
    assert (draft.author, draft.body) == (assistant, BODY)
    assert (state(row), row.message) == ("cancelled", None)
    assert letters().get().state == OutgoingMail.State.CANCELLED
    fresh = Inquiry.objects.get()
    assert (fresh.status, fresh.assignee, fresh.first_replied_at) == ("open", None, None)
    with pytest.raises(preparing.Gone):
        approving.send(row, by=agent, now=now)
    assert ask(inquiry, assistant, now).state == "awaiting"


def test_who_answers_otherwise_keeps_the_words_that_waited(inquiry, agent, now):
    row = ask(inquiry, agent, now)
    replying.reply(inquiry, Answer("先にお返事いたします。"), by=agent, now=now)
    assert state(row) == "cancelled"
    assert Draft.objects.get().body == BODY


# --- the difference -----------------------------------------------------------------------------------------------------


def test_the_difference_by_lines_and_letters():
    before = "山田 花子 様\n\n返金いたします。\n失礼いたします。"
    after = "山田 花子 様\n\n全額返金いたします。\n失礼いたします。\n追伸"
    rows = approving.diff(before, after)
    told = [[(piece.how, piece.text) for piece in row] for row in rows]
    assert told == [
        [("same", "山田 花子 様")], [("same", "")], [("added", "全額"), ("same", "返金いたします。")],
        [("same", "失礼いたします。")], [("added", "追伸")],
    ]  # fmt: skip
    assert approving.diff("同じ", "同じ") == []
    assert "".join(
        piece.text for row in approving.diff("a" * 3000, "b" * 3000) for piece in row if piece.how != "added"
    )
    long = approving.diff("あ" * 40_000, "い" * 40_000)  # returns soon
    assert [piece.how for piece in long[0]] == ["removed", "added"]


# --- the page -----------------------------------------------------------------------------------------------------------


def test_the_page_of_what_waits(store, assistant, manager, agent, now, signed_in, django_assert_max_num_queries):
    customer = make.make_customer()
    for turn in range(30):
        ask(make_inquiry(f"Q-WAIT{turn:02}", customer=customer), assistant, now, body=f"<i>{turn}</i>番の返信")
    client = signed_in(manager)
    with django_assert_max_num_queries(10):
        page = client.get(reverse("desk-inquiries:approvals"))
    assert page.text.count('class="list-title"') == 25
    assert "&lt;i&gt;0&lt;/i&gt;番の返信" in page.text
    assert '<span class="nav-count">30</span>' in page.text
    assert client.get(reverse("desk-inquiries:approvals"), {"page": 2}).text.count('class="list-title"') == 5
    assert signed_in(agent).get(reverse("desk-inquiries:approvals")).status_code == 403
    PreparedReply.objects.all().delete()
    assert "承認待ちの返信はありません" in client.get(reverse("desk-inquiries:approvals")).text


def test_the_approvers_form(inquiry, assistant, manager, now, signed_in):
    row = ask(inquiry, assistant, now)
    client, page = signed_in(manager), reverse("desk-inquiries:detail", args=[inquiry.pk])
    assert reverse("desk-inquiries:prepared-decide", args=[row.pk]) in client.get(page).text
    assert post(client, "prepared-decide", row.pk, action="return", body=BODY, comment="").status_code == 422
    response = post(
        client, "prepared-decide", row.pk, action="send", body="写真を添付して返金します。", comment="", version=1
    )
    assert response.status_code == 422  # the check looks at what the approver wrote, too
    assert "写真を添付して返金します。" in response.text
    checked = response.text.partition('name="checked" value="')[2].partition('"')[0]
    words = {"action": "send", "body": "写真を添付して返金します。", "version": 1, "checked": checked}
    for expected in (302, 302):  # the second of two clicks
        assert post(client, "prepared-decide", row.pk, **words).status_code == expected
    assert letters().count() == 1
    assert post(client, "prepared-decide", row.pk, action="nonsense").status_code == 422


def test_asking_by_the_screen(inquiry, assistant, now, signed_in):
    client = signed_in(assistant)
    label = StatusLabel.objects.get(name_ja="仕入先・運送会社に確認中")
    for _ in range(2):  # a double click
        response = post(
            client,
            "ask",
            inquiry.pk,
            body=BODY,
            version=1,
            cc="ken@shop.example, 花 <mika@shop.example>",
            after=f"label:{label.pk}",
        )
        assert response.status_code == 302
    row = PreparedReply.objects.get()
    assert (row.cc, row.label, row.then) == (["ken@shop.example", "mika@shop.example"], label, "pending")
    response = post(client, "ask", inquiry.pk, body="別の返信", version=1)
    assert response.status_code == 422
    assert "待機中の返信" in response.text
    assert "別の返信" in response.text
