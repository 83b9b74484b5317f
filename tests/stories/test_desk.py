"""The desk, as two colleagues share it all day: in real browsers, with the worker and a mail server behind it."""

from datetime import timedelta

import pytest

from inquiries import filing, indexing, scheduling
from inquiries.models import BulkRun, Draft, Inquiry, Macro, Message, PreparedReply, Presence
from inquiries.tasks import sweep_filing
from shopdesk.desk.models import Heartbeat
from shopdesk.desk.tasks import heartbeat
from shopdesk.mail.models import OutgoingMail
from shopdesk.mail.tasks import sweep_outgoing
from shopdesk.shop.models import Store
from tests import make
from tests.filing.make import make_mailbox, raw_mail, store_raw
from tests.inquiries.make import make_inquiry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_files(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "media")


@pytest.fixture
def colleague(open_page, sign_in):
    """``colleague("aya", "agent", 375)`` gives the page of a signed-in member of staff."""

    def come(name, role="agent", width=1280):
        user = make.make_user(
            f"{name}@shop.example", name={"aya": "佐藤 彩", "ken": "鈴木 健"}.get(name, name), role=role
        )
        page = open_page(width)
        sign_in(page, user)
        page.user = user
        return page

    return come


@pytest.fixture
def ring(worker, wait, story_clock):
    """``ring(sweep)`` lets the worker run a sweep, and waits until it is through."""

    def one(*sweeps):
        for sweep in sweeps:
            Heartbeat.objects.all().delete()
            sweep.delay()
            heartbeat.delay()
            wait(Heartbeat.objects.exists, seconds=30, what="the worker's heartbeat")

    return one


def write(page, text, then="pending"):
    """Type a reply and send it."""
    page.fill("#composer-body", text)
    if then == "pending":
        page.click("#reply-form button[data-primary]")
    else:
        page.click("#reply-form .popover > summary")
        page.click(f"#reply-form button[name=then][value={then}]")


def customer_writes(inquiry, text, now):
    """A mail of the customer to the newest letter of ours, received and not filed yet."""
    letter = OutgoingMail.objects.filter(key__startswith="inquiries.").order_by("-pk").first()
    headers = {"In_Reply_To": letter.message_id} if letter else {}
    subject = f"Re: {inquiry.subject} [{inquiry.number}]"
    return store_raw(raw_mail(text, subject=subject, **headers), mailbox=make_mailbox(), now=now)


@pytest.mark.long
def test_two_agents_meet_on_one_inquiry(colleague, story_clock, queue, transactional_db, wait):
    inquiry = make_inquiry(subject="財布の色")
    aya, ken = colleague("aya"), colleague("ken")
    address = f"/admin/inquiries/{inquiry.pk}/"
    aya.goto(address)
    ken.goto(address)
    # Within a few seconds each learns that the other one is here.
    aya.wait_for_selector("#presence :text('鈴木 健')")
    ken.wait_for_selector("#presence :text('佐藤 彩')")
    ken.fill("#composer-body", "黒がございます。")
    aya.wait_for_selector("#presence :text('鈴木 健さんが返信中')")

    aya.click("button:text('担当する')")
    aya.wait_for_selector("#status-bar :text('佐藤 彩')")
    with ken.expect_response(lambda answer: answer.request.method == "POST" and "/take/" in answer.url):
        ken.click("button:text('担当する')")
    ken.wait_for_selector("#status-bar :text('佐藤 彩')")
    inquiry.refresh_from_db()
    assert inquiry.assignee == aya.user

    ken.goto(address)
    ken.fill("#composer-body", "黒がございます。")
    write(aya, "茶がございます。")
    aya.wait_for_selector(".message-reply")
    ken.click("#reply-form button[data-primary]")
    ken.wait_for_selector(".alert-warn:has-text('送信')")
    assert ken.input_value("#composer-body") == "黒がございます。"
    assert "茶がございます。" in ken.inner_text("#thread")
    assert Message.objects.filter(kind="reply").count() == 1
    assert Draft.objects.get(author=ken.user).body.strip() == "黒がございます。"


def test_what_an_assistant_writes_is_read_by_a_second_person_first(colleague, ring, smtp_sink, story_clock):
    inquiry = make_inquiry(subject="財布の色")
    mio, mari = colleague("mio", "assistant"), colleague("mari", "manager")
    mio.goto(f"/admin/inquiries/{inquiry.pk}/")
    mio.fill("#composer-body", "黒と茶があるよ。")
    mio.click("#reply-form button[data-primary]")
    mio.wait_for_selector("#prepared :text('承認待ち')")
    assert PreparedReply.objects.get().state == "awaiting"

    mari.goto("/admin/")
    mari.click(f"main a[href^='/admin/inquiries/{inquiry.pk}/']")
    mari.wait_for_selector("#decide-body")
    mari.fill("#decide-body", "黒と茶がございます。")
    mari.fill("#decide-comment", "敬語でお願いします")
    mari.click("#decide button[value=return]")
    mari.wait_for_selector("#decide", state="detached")

    mio.goto(f"/admin/inquiries/{inquiry.pk}/")
    assert "敬語でお願いします" in mio.inner_text("#conversation")
    mio.fill("#composer-body", "黒と茶がございます。")
    mio.click("#reply-form button[data-primary]")
    mio.wait_for_selector("#prepared :text('承認待ち')")
    mari.goto(f"/admin/inquiries/{inquiry.pk}/")
    mari.click("#decide button[value=send]")
    mari.wait_for_selector(".message-reply")
    ring(sweep_outgoing)
    assert len(smtp_sink.messages) == 1
    assert Message.objects.get(kind="reply").author == mio.user
    assert PreparedReply.objects.get(state="sent").decided_by == mari.user


def test_a_reply_is_taken_back_at_the_last_second(colleague, ring, smtp_sink, story_clock):
    inquiry = make_inquiry(subject="財布の色")
    Store.objects.update(undo_seconds=60)  # in the browser real seconds pass, and the worker may be slow
    aya = colleague("aya")
    aya.goto(f"/admin/inquiries/{inquiry.pk}/")
    write(aya, "値段は千円です。")
    aya.wait_for_selector("#held [data-held]")
    story_clock.set(story_clock.moment + timedelta(seconds=59))
    ring(sweep_outgoing)
    aya.click("#held button")
    aya.wait_for_selector("#held [data-held]", state="detached")
    assert aya.input_value("#composer-body").strip() == "値段は千円です。"
    story_clock.set(story_clock.moment + timedelta(minutes=5))
    ring(sweep_outgoing)
    assert smtp_sink.messages == []
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.messages.filter(kind="reply").count()) == ("open", 0)

    # Sent again, and the minute is over: it is too late, and the page says so.
    write(aya, "値段は一万円です。")
    aya.wait_for_selector("#held [data-held]")
    story_clock.set(story_clock.moment + timedelta(seconds=61))
    ring(sweep_outgoing)
    with aya.expect_response(lambda answer: answer.request.method == "POST" and "/take-back/" in answer.url):
        aya.click("#held button")
    aya.wait_for_selector("text=取り消せませんでした")
    aya.wait_for_selector(".message-reply")
    assert [mail.message["To"] for mail in smtp_sink.messages] == ["山田 花子 <hanako@mail.example>"] or len(
        smtp_sink.messages
    ) == 1
    assert inquiry.messages.filter(kind="reply").count() == 1


def test_a_scheduled_reply_goes_back_when_the_customer_writes_first(colleague, ring, smtp_sink, story_clock):
    story_clock.at("2026-11-20 10:00")
    inquiry = make_inquiry(subject="財布の色")
    aya = colleague("aya")
    aya.goto(f"/admin/inquiries/{inquiry.pk}/")
    aya.fill("#composer-body", "明日の入荷です。")
    aya.click("#reply-form .popover > summary")
    aya.fill("#send-at", "2026-11-21T09:00")
    aya.click("button[name=action][value=schedule]")
    aya.wait_for_selector("#thread :text('11月21日')")
    assert PreparedReply.objects.get().state == "scheduled"

    story_clock.at("2026-11-20 15:00")
    customer_writes(inquiry, "やはり茶色にします。", story_clock.moment)
    ring(sweep_filing)
    story_clock.at("2026-11-21 09:01")

    assert scheduling.sweep(story_clock.moment) == 0
    ring(sweep_outgoing)
    assert [mail for mail in smtp_sink.messages if "明日の入荷" in str(mail.message)] == []
    assert Draft.objects.get().body.strip() == "明日の入荷です。"
    aya.goto("/admin/")
    aya.click(f"main a[href^='/admin/inquiries/{inquiry.pk}/']")
    aya.wait_for_selector("#composer-body")
    assert aya.input_value("#composer-body").strip() == "明日の入荷です。"
    assert "やはり茶色にします。" in aya.inner_text("#thread")


def test_merged_answered_and_taken_apart_again(colleague, ring, story_clock, wait):
    one = make_inquiry("Q-AAAAAA", subject="財布の色")
    other = make_inquiry("Q-BBBBBB", customer=one.customer, subject="同じ財布です", body="茶もありますか。")
    aya = colleague("aya")
    aya.goto(f"/admin/inquiries/{one.pk}/")
    write(aya, "黒がございます。")
    aya.wait_for_selector(".message-reply")
    aya.goto(f"/admin/inquiries/{one.pk}/menu/merge/")
    aya.click(f"form:has(input[name=into][value='{other.pk}']) button")
    aya.wait_for_url(f"**/admin/inquiries/{other.pk}/")
    assert "黒がございます。" in aya.inner_text("#thread")
    one.refresh_from_db()
    assert (one.status, one.merged_into) == ("merged", other)

    story_clock.set(story_clock.moment + timedelta(minutes=5))
    customer_writes(one, "では黒をください。", story_clock.moment)
    ring(sweep_filing)
    assert other.messages.filter(body__contains="では黒をください").exists()
    aya.goto(f"/admin/inquiries/{one.pk}/")
    aya.wait_for_url(f"**/admin/inquiries/{other.pk}/**")
    assert "では黒をください。" in aya.inner_text("#thread")

    aya.goto(f"/admin/inquiries/{other.pk}/")
    aya.click("summary[aria-label='その他']")
    aya.wait_for_selector("button:text('統合を解除')")
    aya.click("button:text('統合を解除')")
    wait(lambda: Inquiry.objects.filter(pk=one.pk, merged_into=None).exists(), what="the un-merging")
    one.refresh_from_db()
    assert (one.status, one.merged_into) == ("pending", None)
    assert list(one.messages.order_by("at", "pk").values_list("kind", flat=True)) == ["received", "reply"]


def test_two_hundred_at_once_and_one_that_somebody_is_answering(colleague, worker, wait, story_clock):
    first = make_inquiry("Q-000000")
    for number in range(1, 200):
        make_inquiry(f"Q-{number:06d}", customer=first.customer)
    ken = make.make_user("ken@shop.example", name="鈴木 健", role="agent")
    busy = Inquiry.objects.order_by("pk")[7]
    Presence.objects.create(
        inquiry=busy, user=ken, doing="replying", since=story_clock.moment, seen_at=story_clock.moment
    )
    aya = colleague("aya")
    aya.goto("/admin/inquiries/?tab=open")
    aya.check("#rows input[type=checkbox] >> nth=0")
    aya.check("#bulk-bar input[name=all]")
    aya.click("#bulk-bar summary")
    aya.click("#bulk-bar button[value=assign]")
    aya.wait_for_url("**/admin/inquiries/bulk/**")
    aya.select_option("main form select", label="佐藤 彩")
    aya.click("main form button.btn-primary")
    aya.wait_for_load_state()
    if not BulkRun.objects.exists():  # a page that says how many, and asks
        aya.click("main form button.btn-primary")
    run = wait(lambda: BulkRun.objects.filter(state="done").first(), seconds=60, what="the end of the run")
    assert (run.changed, [row["number"] for row in run.refused]) == (199, [busy.number])
    aya.wait_for_selector(f":text('{busy.number}')")
    assert Inquiry.objects.filter(assignee=aya.user).count() == 199


def test_a_day_on_the_phone(colleague, story_clock, queue, settled, transactional_db):
    make_inquiry("Q-AAAAAA", subject="財布の色")
    wallet = Inquiry.objects.get()
    make_inquiry("Q-BBBBBB", customer=wallet.customer, subject="箱が届いた")
    aya = colleague("aya", width=375)
    aya.goto("/admin/inquiries/?tab=open")
    aya.tap = aya.click
    aya.tap("#rows a:has-text('財布の色')")
    aya.wait_for_selector("#composer-body", state="attached")
    settled(aya)
    assert aya.evaluate("document.documentElement.scrollWidth <= 375")
    if aya.is_visible(".to-composer"):
        aya.tap(".to-composer")
    aya.fill("#composer-body", "黒と茶がございます。")
    aya.tap("#reply-form .popover > summary")
    aya.tap("#reply-form button[name=then][value=solved]")
    aya.wait_for_selector(".message-reply")
    wallet.refresh_from_db()
    assert wallet.status == "solved"
    small = aya.evaluate(
        """() => [...document.querySelectorAll('#conversation .btn, #conversation summary, #conversation [role=tab]')]
        .filter((one) => one.getClientRects().length && one.getBoundingClientRect().height < 32)
        .map((one) => one.textContent.trim() + ' ' + one.getBoundingClientRect().height)"""
    )
    assert small == []
    aya.goto("/admin/inquiries/?tab=open")
    assert "箱が届いた" in aya.inner_text("#rows")
    assert "財布の色" not in aya.inner_text("#rows")


def test_a_whole_day_without_a_mouse(colleague, story_clock, queue, settled, transactional_db):
    first = make_inquiry("Q-AAAAAA", subject="財布の色", reply_due_at=make.NOW + timedelta(minutes=10))
    make_inquiry("Q-BBBBBB", customer=first.customer, subject="箱が届いた")
    aya = colleague("aya")
    aya.goto("/admin/inquiries/?tab=open")
    keys = aya.keyboard
    keys.press("j")
    assert "財布の色" in aya.evaluate("document.activeElement.textContent")
    keys.press("Enter")
    aya.wait_for_selector("#composer-body")
    aya.wait_for_url(f"**/admin/inquiries/{first.pk}/**")
    settled(aya)
    keys.press("c")
    assert aya.evaluate("document.activeElement.id") == "note-body"
    keys.insert_text("在庫を見る")
    keys.press("Control+Enter")
    aya.wait_for_selector(".message-note")
    settled(aya)
    keys.press("r")
    assert aya.evaluate("document.activeElement.id") == "composer-body"
    keys.press("Control+End")
    keys.insert_text("黒と茶がございます。asx?")
    assert not aya.is_visible("dialog[open]")
    keys.press("Control+Enter")
    aya.wait_for_selector(".message-reply")
    settled(aya)
    first.refresh_from_db()
    assert (first.status, first.assignee) == ("pending", aya.user)
    keys.press("Escape")
    keys.press("s")
    aya.wait_for_selector("#menu-status button")
    keys.press("Escape")
    keys.press("?")
    aya.wait_for_selector("dialog[open]")
    keys.press("Escape")
    indexing.sweep(story_clock.moment)
    keys.press("Control+k")
    aya.wait_for_selector("dialog[open] input")
    keys.insert_text("箱が")
    aya.wait_for_selector("dialog[open] :text('箱が届いた')")
    keys.press("Escape")
    assert not aya.is_visible("dialog[open]")


def test_new_mail_arrives_while_somebody_looks(colleague, story_clock, queue, transactional_db):
    inquiry = make_inquiry("Q-AAAAAA", subject="財布の色")
    aya = colleague("aya")
    aya.goto(f"/admin/inquiries/{inquiry.pk}/")
    aya.fill("#composer-body", "書きかけ")
    aya.focus("#composer-body")
    customer_writes(inquiry, "追加の質問です。", story_clock.moment)
    filing.sweep(story_clock.moment)
    aya.wait_for_selector("#presence :text('新しい')")
    assert aya.evaluate("document.activeElement.id") == "composer-body"
    assert aya.input_value("#composer-body") == "書きかけ"


def test_nothing_is_closed_that_was_not_read(colleague, story_clock, queue, transactional_db, wait):
    """The menu is opened before the customer's next words are on the page: neither it nor a macro closes over them."""
    Macro.objects.create(name="完了にする", acts=[{"do": "status", "status": "solved"}])
    inquiry = make_inquiry("Q-AAAAAA", subject="財布の色")
    aya = colleague("aya")
    for key, button, words in (
        ("s", "#menu-status button:has-text('完了')", "追加の質問です。"),
        ("m", "#macro-menu button:has-text('完了にする')", "もう一つあります。"),
    ):
        aya.goto(f"/admin/inquiries/{inquiry.pk}/")
        aya.wait_for_selector("#customer")
        customer_writes(inquiry, words, story_clock.moment)
        filing.sweep(story_clock.moment)
        aya.keyboard.press(key)
        aya.click(button)
        aya.wait_for_selector(".messages :text('実行しませんでした')")
        assert words in aya.inner_text("#thread")
        inquiry.refresh_from_db()
        assert inquiry.status == "open"
        aya.keyboard.press(key)  # it has been read
        aya.click(button)
        wait(lambda: Inquiry.objects.get().status == "solved")
