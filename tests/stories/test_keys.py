"""Keys and the reply box in a real browser."""

import pytest

from inquiries.models import Draft, DraftFile, Inquiry, Message
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.inquiries.make import make_inquiry

pytestmark = pytest.mark.django_db(transaction=True)

BOX = "#composer-body"


@pytest.fixture
def desk(transactional_db, story_clock, site, open_page, sign_in):
    """An inquiry opened by somebody who may do everything: (page, user, inquiry)."""
    user = make.make_user("aya@shop.example", name="佐藤 彩", role="manager")
    make.make_user("ken@shop.example", name="田中 健")
    inquiry = make_inquiry(customer=make.make_customer())
    page = open_page()
    sign_in(page, user)
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    page.wait_for_selector("#customer")  # the last part has come
    return page, user, inquiry


def press(page, key, **options):
    """A key event as an input method sends it."""
    page.evaluate(
        """([key, options]) => (document.activeElement || document.body).dispatchEvent(
            new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options }))""",
        [key, options],
    )


def focused(page):
    return page.evaluate("document.activeElement.id")


def opened(page):
    return page.evaluate("[...document.querySelectorAll('details.popover[open], dialog[open]')].length")


def test_keys_lead_and_never_while_typing_or_converting(desk):
    page, _, inquiry = desk
    for key in ("r", "c", "a", "s", "t", "/", "?", "n", "i"):
        press(page, key, isComposing=True)
        press(page, key, keyCode=229)
        press(page, key, ctrlKey=True)
    assert (focused(page), opened(page)) == ("", 0)

    page.keyboard.press("r")
    assert focused(page) == "composer-body"
    page.keyboard.type("asrc?/")
    assert page.input_value(BOX).endswith("asrc?/")
    assert opened(page) == 0
    assert Inquiry.objects.get().assignee is None
    press(page, "Escape", isComposing=True)
    assert focused(page) == "composer-body"
    page.keyboard.press("Escape")
    assert focused(page) != "composer-body"

    page.keyboard.press("c")
    assert focused(page) == "note-body"
    assert page.is_visible("#note-form")
    assert not page.is_visible("#reply-form")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    assert page.is_visible("#reply-form")
    page.keyboard.press("Escape")

    page.keyboard.press("s")
    page.wait_for_selector("details.popover[open]")
    page.keyboard.press("Escape")

    page.keyboard.press("t")
    page.locator("#menu-tags input[name=name]").focus()
    press(page, "Escape", isComposing=True)  # gives a conversion up, and not the menu
    assert opened(page) == 1
    page.keyboard.press("Escape")
    assert opened(page) == 0

    page.keyboard.press("?")
    page.wait_for_selector("#keys[open]")
    text = page.inner_text("#keys")
    assert "返信" in text
    assert "社内メモ" in text
    page.keyboard.press("r")  # behind a dialog nothing happens
    assert page.evaluate("document.querySelector('#keys').open")
    page.keyboard.press("Escape")
    assert not page.evaluate("document.querySelector('#keys').open")


def test_ctrl_enter_sends_once_and_never_while_converting(desk, wait):
    page, _, inquiry = desk
    page.keyboard.press("r")
    page.keyboard.type("三色ございます。")
    for options in ({"isComposing": True}, {"keyCode": 229}):
        press(page, "Enter", ctrlKey=True, **options)
    page.wait_for_timeout(300)
    assert OutgoingMail.objects.count() == 0
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".message-reply")
    wait(lambda: OutgoingMail.objects.count() == 1)
    assert "三色ございます。" in page.inner_text("#thread")
    assert "三色ございます。" not in page.input_value(BOX)
    assert focused(page) == "conversation-title"
    page.wait_for_timeout(2500)  # no late save makes a draft of what was sent
    assert Draft.objects.count() == 0


def test_two_templates_at_the_cursor_and_blanks_by_tab(desk):
    page, _, _ = desk
    insert = "(text) => document.dispatchEvent(new CustomEvent('shopdesk:insert', { detail: { text, template: 7 } }))"
    page.evaluate(insert, "【お届け日】に届きます。")
    assert page.evaluate("document.getSelection().toString()") == "【お届け日】"
    page.evaluate(insert, "番号は{{ order.number }}です。")
    text = page.input_value(BOX)
    assert text.startswith("山田 花子 様")
    assert "【お届け日】" in text
    assert "{{ order.number }}" in text
    assert page.is_visible("#next-blank")
    page.click("#next-blank")
    page.keyboard.type("20日")
    page.keyboard.press("Tab")
    selected = "(() => { const b = document.activeElement; return b.value.slice(b.selectionStart, b.selectionEnd) })()"
    marks = [page.evaluate(selected)]
    page.keyboard.type("1001")
    page.click("#next-blank") if page.is_visible("#next-blank") else None
    marks.append(page.evaluate(selected))
    page.keyboard.type("明日")
    assert {"【お届け日】", "{{ order.number }}"} >= {mark for mark in marks if mark}
    assert "【" not in page.input_value(BOX)
    assert "{{" not in page.input_value(BOX)
    assert not page.is_visible("#next-blank")
    page.focus(BOX)
    page.keyboard.press("Tab")  # nothing is blank: Tab leaves
    assert focused(page) != "composer-body"
    assert page.input_value("[name=templates]").count("7") == 2


def test_what_is_typed_outlives_swaps_and_leaving(desk, settled, wait):
    page, user, inquiry = desk
    page.keyboard.press("r")
    page.keyboard.type("まだ保存されていない文")
    # Somebody else's act swaps the conversation before the draft was saved.
    page.evaluate("htmx.ajax('GET', location.pathname, { target: '#conversation', swap: 'outerHTML' })")
    settled(page)
    assert page.input_value(BOX).endswith("まだ保存されていない文")
    assert focused(page) == "composer-body"
    page.keyboard.type("。続き")
    assert page.input_value(BOX).endswith("まだ保存されていない文。続き")
    page.goto("/admin/")  # at once, before the delay of the save is over
    wait(lambda: Draft.objects.filter(author=user, body__endswith="まだ保存されていない文。続き").exists())
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    assert page.input_value(BOX).endswith("まだ保存されていない文。続き")


def test_files_by_paste_and_by_drop(desk, settled, wait):
    page, _, _ = desk
    give = """([name, kind]) => {
        const data = new DataTransfer();
        data.items.add(new File(["%PDF-1.7 " + name], name, { type: "application/pdf" }));
        const box = document.getElementById("composer-body");
        const event = kind === "paste"
            ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
            : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
        return box.dispatchEvent(event);
    }"""
    assert page.evaluate(give, ["a.pdf", "paste"]) is False
    page.wait_for_selector("#draft-files >> text=a.pdf")
    settled(page)
    assert page.evaluate(give, ["b.pdf", "drop"]) is False
    page.wait_for_selector("#draft-files >> text=b.pdf")
    settled(page)
    assert sorted(DraftFile.objects.values_list("name", flat=True)) == ["a.pdf", "b.pdf"]
    page.click("#draft-files [aria-label='a.pdfを外す']")
    wait(lambda: DraftFile.objects.count() == 1)
    text = """() => {
        const data = new DataTransfer();
        data.setData("text/plain", "words");
        data.items.add(new File(["x"], "picture.png", { type: "image/png" }));
        return document.getElementById("composer-body").dispatchEvent(
            new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }"""
    assert page.evaluate(text) is True  # words from a text program stay words


def test_a_colleague_is_named_by_an_at(desk, wait):
    page, _, _ = desk
    page.keyboard.press("c")
    page.keyboard.type("工房に確認 @")
    page.click("#colleagues >> text=田中 健")
    page.keyboard.type("お願いします")
    assert page.input_value("#note-body") == "工房に確認 @田中 健 お願いします"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".message-note")
    note = wait(lambda: Message.objects.filter(kind="note").first())
    assert [mention.user.name for mention in note.mentions.all()] == ["田中 健"]


def test_on_a_phone_nothing_overflows_and_thumbs_fit(transactional_db, story_clock, site, open_page, sign_in):
    user = make.make_user("aya@shop.example", name="佐藤 彩", role="manager")
    inquiry = make_inquiry(customer=make.make_customer(), body="長い" * 300 + " https://shop.example/" + "a" * 200)
    page = open_page(375)
    sign_in(page, user)
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    page.wait_for_selector("#customer")
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert page.is_visible("[data-back]")
    assert not page.is_visible("#list")
    assert page.is_visible(".to-composer")
    small = page.evaluate(
        """[...document.querySelectorAll(".talk :is(button, .btn, summary.btn, .composer-tabs label)")]
            .filter((one) => one.getClientRects().length && one.getBoundingClientRect().height < 43.5)
            .map((one) => one.outerHTML.slice(0, 120))"""
    )
    assert small == []
    page.click(".to-composer")
    page.wait_for_function("document.getElementById('composer').getBoundingClientRect().top < 800")
    # Nothing moves under the thumb that puts the focus into the box.
    where = "document.getElementById('copies').getBoundingClientRect().top + scrollY"
    page.evaluate("document.activeElement.blur()")
    assert page.is_visible(".to-composer")
    before = page.evaluate(where)
    page.focus("#copies > summary")
    assert not page.is_visible(".to-composer")
    assert page.evaluate(where) == before


def test_what_comes_while_one_writes_is_told_and_read_without_losing_a_word(desk, now, wait):
    page, _, inquiry = desk
    page.keyboard.press("r")
    page.keyboard.type("青をお送りします。")
    Message.objects.create(inquiry=inquiry, kind="received", body="やはり赤がよいです。", at=now)
    Inquiry.objects.update(version=2)
    page.wait_for_selector("#presence button")  # nothing else has moved
    assert focused(page) == "composer-body"
    assert "やはり赤" not in page.inner_text("#thread")
    page.keyboard.type("すぐに。")
    page.click("#presence button")
    page.wait_for_selector("#thread >> text=やはり赤がよいです。")
    assert page.input_value(BOX).endswith("青をお送りします。すぐに。")
    assert focused(page) == "conversation-title"
    page.keyboard.press("r")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".message-reply")
    assert OutgoingMail.objects.count() == 1


def test_words_saved_while_the_conversation_is_fetched_stay_in_the_box(desk, now, wait):
    """The answer was made before the draft was saved, and comes after it."""
    page, _, inquiry = desk
    made = []

    def answer_late(route):
        answer = route.fetch()
        page.keyboard.type("すぐに。")
        page.locator(BOX).evaluate(
            """(box) => new Promise((done) => {
                 const look = () => box.value === box.defaultValue ? done() : setTimeout(look, 50);
                 look();
               })"""
        )
        made.append(answer.text())
        route.fulfill(response=answer)

    page.keyboard.press("r")
    page.keyboard.type("青をお送りします。")
    wait(lambda: Draft.objects.filter(body__contains="青を").exists())
    Message.objects.create(inquiry=inquiry, kind="received", body="やはり赤がよいです。", at=now)
    Inquiry.objects.update(version=2)
    page.wait_for_selector("#presence button")
    page.route(f"**/admin/inquiries/{inquiry.pk}/", answer_late)
    page.click("#presence button", no_wait_after=True)
    page.wait_for_selector("#thread >> text=やはり赤がよいです。")
    assert "すぐに。" not in made[0]
    assert page.input_value(BOX).endswith("青をお送りします。すぐに。")


def test_a_stale_reply_comes_back_and_is_sent_when_read(desk, now, wait):
    page, _, inquiry = desk
    page.keyboard.press("r")
    page.keyboard.type("青をお送りします。")
    Message.objects.create(inquiry=inquiry, kind="received", body="やはり赤がよいです。", at=now)
    Inquiry.objects.update(version=2)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#thread >> text=やはり赤がよいです。")
    assert "新着" in page.inner_text("#thread")
    assert page.input_value(BOX).endswith("青をお送りします。")
    assert focused(page) == "composer-body"
    assert OutgoingMail.objects.count() == 0
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".message-reply")
    assert OutgoingMail.objects.count() == 1


def test_another_inquiry_takes_focus_to_its_heading_and_words_to_the_server(desk, wait):
    page, user, inquiry = desk
    other = make_inquiry("Q-THER01", customer=inquiry.customer, subject="もう一つの質問")
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    page.wait_for_selector(f"#row-{other.pk} a")
    page.keyboard.press("r")
    page.keyboard.type("書きかけ")
    page.click(f"#row-{other.pk} a")
    page.wait_for_selector(f"#conversation[data-inquiry='{other.pk}']")
    assert focused(page) == "conversation-title"
    assert page.inner_text("#conversation-title") == "もう一つの質問"
    assert "書きかけ" not in page.input_value(BOX)
    wait(lambda: Draft.objects.filter(inquiry=inquiry, author=user, body__endswith="書きかけ").exists())
    assert Draft.objects.filter(inquiry=other).count() == 0
    page.wait_for_url(f"**/{other.pk}/**")
    page.go_back()
    page.wait_for_selector(f"#conversation[data-inquiry='{inquiry.pk}']")
    assert page.input_value(BOX).endswith("書きかけ")
