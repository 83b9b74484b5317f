"""S2: a customer asks on a phone; staff find it first, answer, and the answer arrives in the customer's thread."""

import pytest
from allauth.mfa.totp.internal import auth as totp

from inquiries.models import Inquiry, Message
from shopdesk.mail.models import OutgoingMail
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = "二つ折り財布に名入れをお願いしたいのですが、①書体は選べますか。\n髙橋より"


def ask(page, **changes):
    page.goto("/contact/")
    page.select_option("select[name=category]", changes.get("category", "spec"))
    page.fill("textarea[name=body]", changes.get("body", QUESTION))
    page.fill("input[name=name]", "髙橋 花子")
    page.fill("input[name=email]", changes.get("email", "da.me..@docomo.ne.jp"))
    page.locator("form .form-actions button.btn-primary").click()
    page.wait_for_url("**/contact/thanks/**")


def code_of(secret):
    return lambda: totp.format_hotp_value(totp.hotp_value(secret, sorted(totp.yield_hotp_counters_from_time())[1]))


def test_a_question_from_a_phone_is_answered(open_page, sign_in, worker, smtp_sink, wait, story_clock):
    make.make_store()
    agent = make.make_user("aya@shop.example", name="佐藤 彩", alias="佐藤", role="agent")
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(agent, secret)
    phone = open_page(375)
    ask(phone)

    inquiry = Inquiry.objects.get()
    assert inquiry.number in phone.inner_text("main")
    assert inquiry.messages.first().body == QUESTION

    # The acknowledgement: a reference number, and none of what a stranger typed.
    wait(lambda: len(smtp_sink.messages) == 1, what="the acknowledgement")
    ack = smtp_sink.messages[0]
    assert ack.recipients == ["da.me..@docomo.ne.jp"]
    assert inquiry.number in ack.subject
    assert "髙橋" not in ack.text + ack.subject
    assert "名入れ" not in ack.text + ack.subject
    assert ack.message["Auto-Submitted"] == "auto-generated"

    # An older question that was answered already must not stand before it.
    desk = open_page(1280)
    sign_in(desk, agent, code=code_of(secret))
    desk.goto("/admin/inquiries/")
    assert desk.locator("#rows li").first.inner_text().count(inquiry.number) == 1
    desk.locator("#rows a").first.click()
    desk.wait_for_selector("#thread")
    assert "書体は選べますか" in desk.inner_text("#thread")
    desk.fill("#composer-body", "お問い合わせありがとうございます。書体は３種類からお選びいただけます。")
    desk.click("#reply-form button[data-primary]")
    desk.wait_for_load_state()

    wait(lambda: len(smtp_sink.messages) == 2, what="the reply")
    reply = smtp_sink.messages[1]
    assert reply.recipients == ["da.me..@docomo.ne.jp"]
    assert reply.message["In-Reply-To"].strip() == ack.message_id.strip()
    assert ack.message_id.strip() in reply.message["References"]
    assert reply.message_id != ack.message_id
    assert reply.subject.startswith("Re: ")
    assert "honten@shop.example" in reply.message["From"]
    assert "書体は３種類からお選びいただけます。" in reply.text
    assert "くらしの道具店 お客様窓口" in reply.text
    assert reply.message["Auto-Submitted"] is None

    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.assignee) == ("pending", agent)
    assert inquiry.reply_due_at is None
    wait(lambda: not OutgoingMail.objects.exclude(state=OutgoingMail.State.SENT).exists(), what="both letters sent")
    assert len(smtp_sink.messages) == 2


def test_a_double_click_opens_one_inquiry(open_page, worker, smtp_sink, wait, story_clock):
    make.make_store()
    page = open_page(375)
    page.goto("/contact/")
    page.select_option("select[name=category]", "delay")
    page.fill("textarea[name=body]", "まだ届きません。")
    page.fill("input[name=name]", "山田")
    page.fill("input[name=email]", "yamada@mail.example")
    # Two clicks in one go, as a nervous thumb does; and once more by the script, past the guard of the button.
    page.evaluate(
        "() => { const b = document.querySelector('.form-actions button.btn-primary'); b.click(); b.click(); }"
    )
    page.wait_for_url("**/contact/thanks/**")
    page.go_back()
    page.locator(".form-actions button.btn-primary").click()
    page.wait_for_url("**/contact/thanks/**")
    assert Inquiry.objects.count() == 1
    assert Message.objects.filter(kind="received").count() == 1
    wait(lambda: len(smtp_sink.messages) == 1, what="the acknowledgement")


def test_an_error_keeps_what_was_typed(open_page, site, story_clock):
    make.make_store()
    page = open_page(375)
    page.goto("/contact/")
    page.fill("textarea[name=body]", "長い文章です。")
    page.fill("input[name=name]", "山田")
    page.fill("input[name=email]", "yamada at example")
    page.locator(".form-actions button.btn-primary").click()
    page.wait_for_selector("[role=alert]")
    assert page.input_value("textarea[name=body]") == "長い文章です。"
    assert page.input_value("input[name=email]") == "yamada at example"
    assert "メールアドレスは name@example.com のように入力してください。" in page.inner_text("main")
    assert not Inquiry.objects.exists()
