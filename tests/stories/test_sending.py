"""S8: nothing wrong leaves. A reply is taken back at the last second, an hour is overtaken by the customer, a colleague
reads first, and two who answer at once do not both answer."""

import pytest

from inquiries import filing, scheduling
from inquiries.models import ApprovalRule, Draft, Inquiry, Message, PreparedReply
from shopdesk.mail import delivery
from tests import make
from tests.filing.make import make_mailbox, receive
from tests.inquiries.make import make_inquiry

pytestmark = pytest.mark.django_db(transaction=True)

BODY = "#composer-body"


@pytest.fixture
def desk(story_clock, queue, smtp_sink, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "media")
    return make.make_store(undo_seconds=60)  # in the browser real seconds pass


def write(page, inquiry, text, button="#reply-form button[name=then][value=pending]"):
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    page.fill(BODY, text)
    page.click(button)


def test_a_reply_is_taken_back_at_the_last_second(desk, open_page, sign_in, story_clock, smtp_sink, wait):
    aya = make.make_user("aya@shop.example", name="佐藤 彩")
    inquiry = make_inquiry()
    page = open_page()
    sign_in(page, aya)
    write(page, inquiry, "三色ございます。")
    page.wait_for_selector("[data-held]")
    left = int(page.inner_text("[data-held-seconds]"))
    assert 0 < left <= 60
    wait(lambda: int(page.inner_text("[data-held-seconds]")) < left, what="the counting down")
    story_clock.at("2026-11-20 10:00:59")
    delivery.sweep(story_clock.moment)
    page.click("#held button")
    page.wait_for_selector("[data-held]", state="detached")
    wait(lambda: page.input_value(BODY) == "三色ございます。", what="the draft")
    for moment in ("2026-11-20 10:01", "2026-11-20 11:00", "2026-11-21 10:00"):
        story_clock.at(moment)
        delivery.sweep(story_clock.moment)
    assert smtp_sink.messages == []
    assert Inquiry.objects.get().status == "open"

    # Sent again, and too late this time: the banner is still there, and the answer is honest.
    page.click("#reply-form button[name=then][value=pending]")
    page.wait_for_selector("[data-held]")
    story_clock.at("2026-11-21 10:01")
    delivery.sweep(story_clock.moment)
    page.click("#held button")
    page.wait_for_selector("text=取り消せませんでした")
    assert len(smtp_sink.messages) == 1
    assert Draft.objects.count() == 0


def test_the_customer_is_faster_than_the_hour(desk, open_page, sign_in, story_clock, smtp_sink):
    aya = make.make_user("aya@shop.example", name="佐藤 彩")
    inquiry = make_inquiry()
    Message.objects.update(message_id="<asked@mail.example>")
    page = open_page()
    sign_in(page, aya)
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    page.fill(BODY, "明日の朝に発送いたします。")
    page.click("details.popover-up > summary[aria-label]")
    page.fill("#send-at", "2026-11-21T09:00")
    page.click("#reply-form button[name=action][value=schedule]")
    page.wait_for_selector("#prepared >> text=予約送信")
    story_clock.at("2026-11-20 18:00")
    receive("やはりキャンセルします。", mailbox=make_mailbox(), In_Reply_To="<asked@mail.example>")
    filing.sweep(story_clock.moment)
    story_clock.at("2026-11-21 09:00")
    scheduling.sweep(story_clock.moment)
    delivery.sweep(story_clock.moment)
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    assert "送信前にお客様から連絡がありました" in page.inner_text("#prepared")
    assert "やはりキャンセルします。" in page.inner_text("#thread")
    assert page.input_value(BODY) == "明日の朝に発送いたします。"
    assert smtp_sink.messages == []


def test_a_colleague_reads_first(desk, open_page, sign_in, story_clock, smtp_sink):
    aya = make.make_user("aya@shop.example", name="佐藤 彩")
    boss = make.make_user("boss@shop.example", name="責任 者子", role="manager")
    ApprovalRule.objects.create(name="新人の返信", author=aya)
    inquiry = make_inquiry()
    hers, theirs = open_page(), open_page()
    sign_in(hers, aya)
    sign_in(theirs, boss)
    write(hers, inquiry, "返金いたします。")
    hers.wait_for_selector("text=この返信には承認が必要です（新人の返信）")
    hers.click("#check button[value=approve]")
    hers.wait_for_selector("#prepared >> text=承認待ち")

    theirs.goto("/admin/inquiries/approvals/")
    theirs.click("a.list-title")
    theirs.fill("#decide-comment", "金額を書いてください")
    theirs.click("#decide button[value=return]")
    theirs.wait_for_selector("#decide", state="detached")

    hers.goto(f"/admin/inquiries/{inquiry.pk}/")
    assert "金額を書いてください" in hers.inner_text("#prepared")
    hers.fill(BODY, "5,000円を返金いたします。")
    hers.click("details.popover-up > summary[aria-label]")
    hers.click("#reply-form .menu button[value=approve]")
    hers.wait_for_selector("#prepared >> text=承認待ち")

    theirs.goto(f"/admin/inquiries/{inquiry.pk}/")
    theirs.fill("#decide-body", "5,000円を本日返金いたしました。")
    theirs.click("#decide button[value=send]")
    theirs.wait_for_selector("#decide", state="detached")
    story_clock.at("2026-11-20 10:01")
    delivery.sweep(story_clock.moment)
    (letter,) = smtp_sink.messages
    assert letter.text.startswith("5,000円を本日返金いたしました。")
    assert "担当：佐藤 彩" in letter.text
    assert [row.state for row in PreparedReply.objects.order_by("pk")] == ["cancelled", "sent"]


def test_two_who_answer_at_once(desk, open_page, sign_in, story_clock, smtp_sink):
    aya, ken = make.make_user("aya@shop.example", name="佐藤 彩"), make.make_user()
    inquiry = make_inquiry()
    hers, his = open_page(), open_page()
    for page, user in ((hers, aya), (his, ken)):
        sign_in(page, user)
        page.goto(f"/admin/inquiries/{inquiry.pk}/")
    hers.fill(BODY, "三色ございます。")
    his.fill(BODY, "二色ございます。")
    hers.click("#reply-form button[name=then][value=pending]")
    hers.wait_for_selector("[data-held]")
    his.click("#reply-form button[name=then][value=pending]")
    his.wait_for_selector("text=新しい")
    assert "三色ございます。" in his.inner_text("#thread")
    assert his.input_value(BODY) == "二色ございます。"
    story_clock.at("2026-11-20 10:01")
    delivery.sweep(story_clock.moment)
    assert len(smtp_sink.messages) == 1


def test_from_another_address_to_a_label_of_the_shop(desk, open_page, sign_in, story_clock, smtp_sink, wait):
    aya = make.make_user("aya@shop.example", name="佐藤 彩")
    make_mailbox("repairs@shop.example", store_code=desk.code)
    inquiry = make_inquiry()
    page = open_page()
    sign_in(page, aya)
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    page.click("#copies > summary")
    page.select_option("[name=sender]", "repairs@shop.example")
    wait(lambda: page.inner_text("#leaves-from") == "<repairs@shop.example>", what="the address in its place")
    page.reload()  # it is kept with the draft
    page.wait_for_selector("#leaves-from:has-text('repairs@shop.example')")
    page.fill(BODY, "仕入先に確認いたします。")
    page.click("details.popover-up > summary[aria-label]")
    page.click("text=送信して「仕入先・運送会社に確認中」にする")
    page.wait_for_selector("[data-held]")
    fresh = Inquiry.objects.get()
    assert (fresh.status, str(fresh.label)) == ("pending", "仕入先・運送会社に確認中")
    story_clock.at("2026-11-20 10:01")
    delivery.sweep(story_clock.moment)
    (letter,) = smtp_sink.messages
    assert letter.sender == "repairs@shop.example"  # of the envelope: where a report of its delivery comes back to
    assert "repairs@shop.example" in letter.message["From"]
    assert letter.message["Reply-To"] == "repairs@shop.example"
    assert letter.message_id == Message.objects.get(kind="reply").message_id


def test_the_hour_stays_when_the_labels_come(desk, open_page, sign_in):
    aya = make.make_user("aya@shop.example", name="佐藤 彩")
    inquiry = make_inquiry()
    page = open_page()
    sign_in(page, aya)
    page.route("**/ways/*", lambda route: (page.wait_for_timeout(400), route.continue_()))
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    page.click("details.popover-up > summary[aria-label]")
    page.fill("#send-at", "2026-11-21T09:00")
    page.wait_for_selector("text=送信して「仕入先・運送会社に確認中」にする")
    assert page.input_value("#send-at") == "2026-11-21T09:00"
    page.select_option("#send-after", label="仕入先・運送会社に確認中")
    page.fill(BODY, "明日の朝にご連絡いたします。")
    page.click("#reply-form button[name=action][value=schedule]")
    page.wait_for_selector("text=送信後「仕入先・運送会社に確認中」")
    row = PreparedReply.objects.get()
    assert (row.then, str(row.label)) == ("pending", "仕入先・運送会社に確認中")
