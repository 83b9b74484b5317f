"""S8b: the session ends while somebody writes. The words stay, nothing is lost, and after signing in in another tab the
same page sends them, once."""

from functools import partial

import pytest
from django.conf import settings

from inquiries.models import Draft, Message
from tests import make
from tests.inquiries.make import make_inquiry

pytestmark = pytest.mark.django_db(transaction=True)

BODY = "#composer-body"


def _answer(route, *, status):
    if status:
        route.fulfill(status=status, body="x")
    else:
        route.abort()


def test_words_outlive_the_session(story_clock, queue, smtp_sink, open_page, sign_in, wait):
    make.make_store()
    aya = make.make_user("aya@shop.example", name="佐藤 彩")
    inquiry = make_inquiry()
    page = open_page()
    sign_in(page, aya)
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    page.fill(BODY, "三色ございます。")
    wait(Draft.objects.exists, what="the first draft")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.fill(BODY, "三色ございます。青、赤、白です。")
    page.wait_for_selector("#session-ended:not([hidden])")
    assert "ログインの有効期限が切れました" in page.inner_text("#notices")
    assert page.input_value(BODY) == "三色ございます。青、赤、白です。"
    page.click("#reply-form button[name=then][value=pending]")
    wait(lambda: not page.is_disabled("#reply-form button[name=then][value=pending]"), what="the button")
    assert page.input_value(BODY) == "三色ございます。青、赤、白です。"
    assert not Message.objects.filter(kind="reply").exists()

    with page.context.expect_page() as opened:
        page.click("#session-ended a")
    other = opened.value
    other.fill("input[name=login]", aya.email)
    other.fill("input[name=password]", make.PASSWORD)
    other.press("input[name=password]", "Enter")
    other.wait_for_selector(".user-menu")
    other.close()
    page.bring_to_front()
    page.evaluate("window.dispatchEvent(new Event('focus'))")  # a browser without a window gets none
    page.click("#reply-form button[name=then][value=pending]")
    wait(lambda: Message.objects.filter(kind="reply").exists(), what="the reply")
    assert Message.objects.get(kind="reply").body == "三色ございます。青、赤、白です。"
    assert not Draft.objects.exists()


def test_what_a_person_reads_when_something_is_away(story_clock, queue, smtp_sink, open_page, sign_in, wait):
    """Saving and sending fail in every way that they can: it is said in plain words, and what is written stays."""
    make.make_store()
    aya = make.make_user("aya@shop.example", name="佐藤 彩")
    inquiry = make_inquiry()
    page = open_page()
    sign_in(page, aya)
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    for status, words in {
        503: "サービスの一部が一時的に応答していません",
        403: "この操作は受け付けられませんでした",
        413: "大きすぎて送信できませんでした",
        500: "処理できませんでした",
        0: "接続できませんでした",
    }.items():
        fail = partial(_answer, status=status)
        page.route("**/draft/", fail)
        page.route("**/reply/", fail)
        page.fill(BODY, f"三色ございます。{status}")
        page.click("#reply-form button[name=then][value=pending]")
        page.wait_for_selector(f"#notices >> text={words}")
        assert page.input_value(BODY) == f"三色ございます。{status}"
        page.unroute("**/draft/")
        page.unroute("**/reply/")
        if status:
            page.evaluate(
                "for (const button of document.querySelectorAll('#notices div:not([id]) button')) button.click()"
            )
    page.type(BODY, "。")
    wait(lambda: Draft.objects.filter(body__endswith="0。").exists(), what="the draft")
    assert "接続できませんでした" in page.inner_text("#notices")  # a draft that is saved by itself sends nothing
    assert not Message.objects.filter(kind="reply").exists()
    page.click("#reply-form button[name=then][value=pending]")
    wait(Message.objects.filter(kind="reply").exists, what="the reply")
    page.wait_for_selector("#notices div:not([id])", state="detached")
    assert Message.objects.get(kind="reply").body == "三色ございます。0。"
