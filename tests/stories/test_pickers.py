"""Templates, articles and macros by keyboard in a real browser, and the editor of rules."""

import pytest
from playwright.sync_api import expect

from inquiries.models import Draft, Inquiry, Macro, Rule, Tag, Template
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.inquiries.make import make_inquiry

pytestmark = pytest.mark.django_db(transaction=True)

BOX = "#composer-body"


@pytest.fixture
def desk(transactional_db, story_clock, site, open_page, sign_in):
    """An inquiry about an order, opened by somebody who may do everything: (page, user, inquiry)."""
    user = make.make_user("aya@shop.example", name="佐藤 彩", role="manager")
    order = make.make_order()
    inquiry = make_inquiry(customer=order.customer, order=order)
    Template.objects.create(
        name="発送のご案内", body_ja="{{ order.number }} は\n【お届け予定日】に届きます。", position=1
    )
    Template.objects.create(name="結び", body_ja="よろしく\nお願いいたします。", position=2)
    page = open_page()
    sign_in(page, user)
    return page, user, inquiry


def test_two_templates_by_keyboard_and_enter_sends_nothing(desk, settled, wait):
    page, user, inquiry = desk
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    page.wait_for_selector("#customer")
    page.keyboard.press("i")
    expect(page.locator("#template-q")).to_be_focused()
    settled(page)
    page.keyboard.type("発送")
    expect(page.locator(".picker-list button")).to_have_count(1)
    settled(page)
    page.keyboard.press("Enter")
    expect(page.locator(BOX)).to_be_focused()
    assert page.evaluate("getSelection().toString()") == "【お届け予定日】"
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    expect(page.locator("#template-q")).to_be_focused()
    settled(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(BOX)).to_be_focused()
    written = page.input_value(BOX)
    assert written.startswith("山田 花子")
    assert "1001 は\n【お届け予定日】に届きます。" in written
    assert "よろしく\nお願いいたします。" in written
    wait(lambda: Template.objects.filter(uses=1).count() == 2)
    wait(lambda: Draft.objects.filter(templates__len=2).exists())
    # The blank that is left keeps it here, by its name.
    page.click("[data-primary] >> visible=true")
    expect(page.locator("#conversation")).to_contain_text("お届け予定日")
    assert OutgoingMail.objects.count() == 0
    assert page.input_value(BOX) == written


def press(page, key, **options):
    """A key event as an input method sends it; whether the box lets the key do what it always does."""
    return page.evaluate(
        """([key, options]) => document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options }))""",
        [key, options],
    )


def test_a_shortcut_becomes_its_template(desk, settled, wait):
    page, _user, inquiry = desk
    template = Template.objects.get(name="発送のご案内")
    template.shortcut = "hassou"
    template.save()
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    page.wait_for_selector("#customer")
    page.keyboard.press("r")
    opening = page.input_value(BOX)
    # In the middle of a line it is no shortcut, and an unknown one is none either: the key does what it always does.
    page.keyboard.type("税込 /hassou")
    page.keyboard.press("Enter")
    page.keyboard.type("/hass")
    page.wait_for_selector("#shortcuts button", state="attached")
    page.keyboard.press("Enter")
    assert page.input_value(BOX) == f"{opening}税込 /hassou\n/hass\n"
    # Neither is it one while kana are being converted.
    page.keyboard.type("/hassou")
    settled(page)
    written = page.input_value(BOX)
    for key in ("Enter", "Tab"):
        for options in ({"isComposing": True}, {"keyCode": 229}):
            assert press(page, key, **options)
        assert press(page, key, shiftKey=True)
    assert page.input_value(BOX) == written
    page.keyboard.press("Tab")
    assert page.input_value(BOX) == f"{opening}税込 /hassou\n/hass\n1001 は\n【お届け予定日】に届きます。"
    assert page.evaluate("getSelection().toString()") == "【お届け予定日】"
    assert page.input_value("[name=templates]") == f",{template.pk}"
    wait(lambda: Template.objects.get(pk=template.pk).uses == 1)
    # In full width, as it comes from an input method, and by Enter.
    page.keyboard.type("11月24日")
    page.keyboard.press("Control+End")
    page.keyboard.press("Enter")
    page.keyboard.insert_text("／ｈａｓｓｏｕ")
    page.keyboard.press("Enter")
    assert page.input_value(BOX).endswith("\n11月24日に届きます。\n1001 は\n【お届け予定日】に届きます。")
    wait(lambda: Template.objects.get(pk=template.pk).uses == 2)
    assert OutgoingMail.objects.count() == 0
    # What is no shortcut leaves Tab alone, too: it leads out of the box.
    page.fill(BOX, "/hass")
    page.keyboard.press("Tab")
    expect(page.locator(BOX)).not_to_be_focused()
    assert page.input_value(BOX) == "/hass"


def test_a_macro_by_its_key(desk, wait):
    page, user, inquiry = desk
    tag = Tag.objects.create(name="急ぎ")
    Macro.objects.create(name="急ぎで私が", acts=[{"do": "tag", "tag": tag.pk}, {"do": "assign", "to": "me"}])
    page.goto(f"/admin/inquiries/{inquiry.pk}/")
    page.wait_for_selector("#customer")
    page.keyboard.press("m")
    page.click("#macro-menu button:has-text('急ぎで私が')")
    expect(page.locator("body")).to_contain_text("「急ぎで私が」を実行しました。")
    inquiry = Inquiry.objects.get()
    assert (inquiry.assignee, [*inquiry.tags.all()]) == (user, [tag])


def test_a_rule_is_written_row_by_row(desk, settled):
    page, _user, _inquiry = desk
    page.goto("/admin/inquiries/rules/new/")
    page.fill("[name=name]", "未対応は順番に")
    page.select_option("[name=event]", "overdue")
    settled(page)
    page.select_option("[name=c-0-field]", "status")
    page.check("[name=c-0-value][value=open]")
    page.click("[name=more][value=conditions]")
    page.wait_for_selector("#c-1")
    settled(page)
    page.select_option("[name=c-1-field]", "waiting_since")
    page.fill("[name=c-1-n]", "2")
    page.select_option("[name=a-0-do]", "assign")
    page.select_option("[name=a-0-value]", "turn")
    page.click("[name=try]")
    expect(page.locator("#trial")).to_contain_text("直近1件の問い合わせのうち、0件")
    page.click(".form-actions .btn-primary")
    expect(page.locator("body")).to_contain_text("保存しました。")
    rule = Rule.objects.get()
    assert rule.conditions == {
        "all": [
            {"field": "status", "op": "is", "value": ["open"]},
            {"field": "waiting_since", "op": "older_than", "value": {"n": 2, "unit": "hours"}},
        ]
    }
    assert rule.acts == [{"do": "assign", "to": "turn"}]
