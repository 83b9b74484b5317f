"""Somebody takes a list away as a file: from the list, with the password once more, a reason, and twice if need be."""

import csv

import pytest

from shopdesk.accounts.models import AuditEntry
from tests import make
from tests.inquiries.make import make_inquiry
from tests.stories.test_everyone import AXE, DESK, PHONE, tab_to

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("width", "dark"), [(DESK, True), (PHONE, False)])
def test_a_list_is_taken_away_by_keyboard_alone(width, dark, open_page, sign_in, story_clock, queue, tmp_path):
    make.make_store()
    manager = make.make_user("sekinin@shop.example", name="責任 者子", role="manager")
    make_inquiry(subject="=1+1")
    make_inquiry("Q-TEST02", customer=make.make_customer("鈴木 一", "ichi@mail.example"), status="solved")
    page = open_page(width, dark=dark)
    page.context.add_init_script(AXE)
    sign_in(page, manager)
    page.goto("/admin/inquiries/?view=open")
    tab_to(page, "#list header summary")
    page.keyboard.press("Enter")
    tab_to(page, "#list header details[open] a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reauthenticate/**")
    page.fill("input[name=password]", make.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/export/?view=open")
    page.evaluate("bringAxe()")
    assert page.evaluate("look()") == []

    page.click("form.form button.btn-primary")
    page.wait_for_selector(".field-error")
    tab_to(page, "input[name=personal]")
    page.keyboard.press("ArrowDown")
    tab_to(page, "input[name=reason]")
    page.keyboard.insert_text("税理士へ渡す月次の資料")
    with page.expect_download() as first:
        page.keyboard.press("Enter")
    first.value.save_as(tmp_path / "first.csv")
    with (tmp_path / "first.csv").open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["受付番号"], row["件名"], row["名前"]) == ("Q-TEST01", "'=1+1", "山田 花子")
    assert first.value.suggested_filename == "問い合わせ_2026-11-20_1000.csv"

    # The page is still there, and so is its button.
    page.check("input[name=personal][value='']")
    with page.expect_download():
        page.click("form.form button.btn-primary")
    told = AuditEntry.objects.filter(code="inquiries.exported").order_by("pk")
    assert [entry.data["personal"] for entry in told] == [["name", "email", "phone"], ["none"]]
