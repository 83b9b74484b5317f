"""On a phone: what was refused says so where the thumb is, and a menu never hides behind the bar above."""

import pytest

from inquiries.models import Message
from tests import make
from tests.inquiries.make import make_inquiry

pytestmark = pytest.mark.django_db(transaction=True)

BODY = "#composer-body"
BAR = 48  # the bar at the top of a phone's page


def is_in_sight(page, selector):
    box = page.locator(selector).bounding_box()
    return box["y"] >= BAR and box["y"] + box["height"] <= page.viewport_size["height"]


@pytest.fixture
def phone(story_clock, queue, open_page, sign_in):
    make.make_store(undo_seconds=60)
    page = open_page(375)
    sign_in(page, make.make_user("aya@shop.example", name="佐藤 彩"))
    return page


def test_a_reply_that_is_not_sent_says_so_in_sight(phone, story_clock):
    inquiry = make_inquiry(body="色は何色ですか。\n" * 30)
    phone.goto(f"/admin/inquiries/{inquiry.pk}/")
    phone.click(".to-composer")
    phone.fill(BODY, "写真を添付いたします。")
    phone.click("#reply-form button[name=then][value=pending]")
    phone.wait_for_selector("#check [role=alert]")
    phone.wait_for_function("document.activeElement.closest('#check')")
    assert is_in_sight(phone, "#check [role=alert]")
    assert Message.objects.filter(kind="reply").count() == 0


def test_the_other_ways_to_send_open_in_sight(phone):
    phone.set_viewport_size({"width": 375, "height": 667})
    phone.goto(f"/admin/inquiries/{make_inquiry().pk}/")
    phone.click(".to-composer")
    phone.click("#reply-form details.popover-up > summary")
    phone.wait_for_selector("#menu-send button[value=approve]")
    assert is_in_sight(phone, "#menu-send")


def test_the_macros_open_inside_the_window(open_page, sign_in, story_clock, queue):
    make.make_store()
    page = open_page(1280)
    sign_in(page, make.make_user("aya@shop.example", name="佐藤 彩"))
    page.goto(f"/admin/inquiries/{make_inquiry().pk}/")
    page.click("#status-bar summary[data-key=m]")
    page.wait_for_selector("#macro-menu")
    box = page.locator("#macro-menu").bounding_box()
    assert box["x"] + box["width"] <= 1280
