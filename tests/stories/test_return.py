"""S4: a guest proves an order, asks for one of two units, staff approve; more than was shipped is refused."""

import re
from datetime import timedelta

import pytest

from returns.models import ReturnCase
from shopdesk.shop.models import OrderLine
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)


def prove(page, smtp_sink, wait, number="1001", address="hanako@mail.example"):
    before = len(smtp_sink.messages)
    page.goto("/returns/")
    page.fill("input[name=number]", number)
    page.fill("input[name=email]", address)
    page.locator(".form-actions button.btn-primary").click()
    page.wait_for_url("**/returns/code/")
    wait(lambda: len(smtp_sink.messages) > before, what="the letter with the code")
    code = re.search(r"\b(\d{6})\b", smtp_sink.messages[-1].text)[1]
    page.fill("input[name=code]", code)
    page.locator(".form-actions button.btn-primary").click()
    page.wait_for_url("**/returns/order/**")


def choose(page, quantity):
    page.locator("input[name$=quantity]").fill(str(quantity))
    page.locator("select[name$=reason]").select_option(label="不要になった・気が変わった")
    page.locator("button[name=step][value=details]").click()


def send(page):
    page.locator("button[name=step][value=confirm]").click()
    page.locator("button[name=step][value=send]").click()


def test_one_of_two_units_comes_back(open_page, sign_in, worker, smtp_sink, wait, story_clock):
    bag = make.make_product(price=12000)
    order = make.make_order(lines=[(bag, 2)], ordered_at=make.NOW - timedelta(days=5))
    agent = make.make_user("aya@shop.example", name="佐藤 彩", role="agent")
    phone = open_page(375)
    prove(phone, smtp_sink, wait)
    choose(phone, 1)
    send(phone)
    phone.wait_for_url("**/returns/case/**")
    case = ReturnCase.objects.get()
    assert case.number in phone.inner_text("main")
    line = order.lines.get()
    assert (line.qty_open, line.qty_done, line.returnable) == (1, 0, 1)
    wait(lambda: len(smtp_sink.messages) == 2, what="the receipt")
    assert case.number in smtp_sink.messages[1].subject + smtp_sink.messages[1].text

    desk = open_page(1280)
    sign_in(desk, agent)
    desk.goto("/admin/returns/")
    desk.get_by_role("link", name=case.number).click()
    desk.wait_for_selector("#decide")
    assert "12,000" in desk.inner_text("main")
    desk.locator("#decide button.btn-primary").click()
    wait(ReturnCase.objects.exclude(status=case.status).exists, what="the decision")
    case.refresh_from_db()
    assert (case.status, case.decided_by) == ("approved", agent)
    wait(lambda: len(smtp_sink.messages) == 3, what="the approval")
    assert smtp_sink.messages[2].recipients == ["hanako@mail.example"]

    # One unit is left; two are refused, and nothing is reserved for the refused request.
    prove(phone, smtp_sink, wait)
    phone.eval_on_selector("input[name$=quantity]", "tick => { tick.value = '2'; tick.checked = true; }")
    phone.locator("select[name$=reason]").select_option(label="不要になった・気が変わった")
    phone.locator("button[name=step][value=details]").click()
    phone.wait_for_selector(".field-error, [role=alert]")
    assert ReturnCase.objects.count() == 1
    line.refresh_from_db()
    assert (line.qty_open, line.returnable) == (1, 1)


def test_two_tabs_cannot_ask_for_more_than_was_shipped(open_page, worker, smtp_sink, wait, story_clock):
    bag = make.make_product(price=12000)
    make.make_order(lines=[(bag, 3)], ordered_at=make.NOW - timedelta(days=5))
    first = open_page(375)
    prove(first, smtp_sink, wait)
    second = first.context.new_page()
    second.goto(first.url)
    for tab in (first, second):
        choose(tab, 2)
        tab.locator("button[name=step][value=confirm]").click()
        tab.wait_for_selector("button[name=step][value=send]")
    first.locator("button[name=step][value=send]").click()
    first.wait_for_url("**/returns/case/**")
    second.locator("button[name=step][value=send]").click()
    second.wait_for_selector(".field-error, [role=alert]")
    assert ReturnCase.objects.count() == 1
    line = OrderLine.objects.get()
    assert (line.qty_open, line.returnable) == (2, 1)


def test_an_unknown_order_gets_the_same_page_and_no_mail(open_page, worker, smtp_sink, wait, story_clock):
    make.make_order()
    pages = []
    for number, address in (("1001", "hanako@mail.example"), ("9999", "nobody@mail.example")):
        page = open_page(375)
        page.goto("/returns/")
        page.fill("input[name=number]", number)
        page.fill("input[name=email]", address)
        page.locator(".form-actions button.btn-primary").click()
        page.wait_for_url("**/returns/code/")
        pages.append(page.inner_text("main"))
    assert pages[0] == pages[1]
    wait(lambda: smtp_sink.messages, what="the letter for the known order")
    assert smtp_sink.recipients == ["hanako@mail.example"]
