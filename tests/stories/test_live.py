"""The list while others work: it changes by itself, and nothing that one holds is taken away."""

from itertools import pairwise

import pytest
from playwright.sync_api import expect

from inquiries import opening, replying, triage
from inquiries.models import Category, Inquiry, Presence
from tests import make
from tests.inquiries.make import make_inquiry

pytestmark = pytest.mark.django_db(transaction=True)


def ask(subject, now, **fields):
    return opening.open_inquiry(
        store=make.make_store(), name="山田 花子", email="", body=f"{subject}。", subject=subject, channel="phone",
        category=Category.objects.get(slug="spec"), now=now, **fields,
    )  # fmt: skip


def held(page):
    """What somebody holds: the focus, the marks, how far they scrolled, and where the rows stand."""
    return page.evaluate(
        """() => ({
          focus: document.activeElement.closest("li")?.id,
          marks: [...document.querySelectorAll("#rows input:checked")].map((box) => box.value),
          scroll: document.querySelector("#list").scrollTop,
          places: [...document.querySelectorAll("#rows li")].map((row) => `${row.id} ${row.getBoundingClientRect().top}`),
        })"""
    )


def test_the_list_follows_the_others_and_holds_still_under_the_pointer(open_page, sign_in, site, story_clock):
    now = story_clock.moment
    agent, ken = make.make_user("aya@shop.example", name="佐藤 彩"), make.make_user("ken@shop.example", name="鈴木 健")
    rows = [ask(f"質問{place:02}", now) for place in range(20)]
    page = open_page()
    sign_in(page, agent)
    page.goto("/admin/inquiries/?view=open")
    page.locator(f"#row-{rows[3].pk} input").check()
    page.evaluate("document.querySelector('#list').scrollTop = 90")
    page.locator(f"#row-{rows[4].pk} a").focus()
    before = held(page)
    asked = []
    page.on("response", lambda answer: asked.append(answer.request.timing) if "/poll/" in answer.url else None)

    # A colleague takes one, answers another by phone, and a new one arrives.
    triage.take(rows[5], by=ken, now=now)
    replying.note(rows[6], body="工房に確認中。", by=ken, now=now)
    triage.set_status(rows[7], status="pending", by=ken, now=now)
    story_clock.at("2026-11-20 10:01")
    now = story_clock.moment
    Presence.objects.create(inquiry=rows[8], user=ken, doing="replying", since=now, seen_at=now)
    fresh = ask("新しい質問", now)

    # The newest is told of in one answer with everything before it.
    page.wait_for_selector("[data-news]:not([hidden])")
    assert page.locator(f"#row-{rows[5].pk} .avatar").count() == 1
    assert "工房に確認中。" in page.inner_text(f"#row-{rows[6].pk}")
    assert "is-gone" in page.get_attribute(f"#row-{rows[7].pk}", "class")
    assert page.get_attribute(f"#row-{rows[8].pk} .dot", "title") == "鈴木 健 が返信中"
    assert page.inner_text("#views [data-count=open]") == "20"
    assert page.inner_text("#views [data-count=pending]") == "1"
    assert page.inner_text("[data-news]") == "新着 1件"
    assert page.locator(f"#row-{fresh.pk}").count() == 0
    assert held(page) == before

    page.click("[data-news]")
    page.wait_for_selector(f"#row-{fresh.pk}")
    assert page.locator(f"#row-{rows[7].pk}").count() == 0
    assert page.locator("#rows li").count() == 20
    assert held(page)["marks"] == before["marks"]
    assert page.is_hidden("[data-news]")
    # Some five seconds after an answer, by the browser's clock, the page asks again.
    page.wait_for_event("response", lambda answer: "/poll/" in answer.url)
    assert len(asked) > 1
    for earlier, later in pairwise(asked):
        assert later["startTime"] - earlier["startTime"] - earlier["responseStart"] < 6_000


def test_the_keys_walk_the_list_and_stay_quiet_while_somebody_types(open_page, sign_in, site, story_clock):
    agent = make.make_user("aya@shop.example", name="佐藤 彩")
    rows = [ask(f"質問{place}", story_clock.moment) for place in range(3)]
    page = open_page()
    sign_in(page, agent)
    page.goto("/admin/inquiries/?view=open")
    for key in "jjk":
        page.keyboard.press(key)
    assert held(page)["focus"] == f"row-{rows[0].pk}"
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector(f'#conversation[data-inquiry="{rows[1].pk}"]')
    page.wait_for_selector(f'#row-{rows[1].pk} a[aria-current="true"]')
    page.wait_for_url(f"**/admin/inquiries/{rows[1].pk}/?view=open")
    # Shown again, the address brings both panes back.
    page.reload()
    page.wait_for_selector(f'#row-{rows[1].pk} a[aria-current="true"]')
    expect(page.locator("#views [data-count=open]")).to_have_text("3")
    page.keyboard.press("/")
    page.keyboard.type("jk/")
    assert page.input_value("#list input[name=q]") == "jk/"


def test_ctrl_k_goes_anywhere(open_page, sign_in, site, story_clock):
    agent = make.make_user("aya@shop.example", name="佐藤 彩")
    inquiry = make_inquiry("Q-7K3F9M")
    page = open_page()
    sign_in(page, agent)
    page.goto("/admin/inquiries/")
    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette[open] a")
    # While kana are converted, Enter belongs to the conversion.
    page.evaluate(
        """() => document.querySelector("#palette input").dispatchEvent(
             new KeyboardEvent("keydown", {key: "Enter", isComposing: true, bubbles: true}))"""
    )
    assert page.is_visible("#palette")
    page.fill("#palette input", "お客様待ち")
    page.wait_for_selector('#palette-results[data-words="お客様待ち"]')
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/inquiries/?view=pending")
    page.keyboard.press("Control+k")
    page.fill("#palette input", "q 7k3f9m")
    page.wait_for_selector('#palette-results[data-words="q 7k3f9m"]')
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/inquiries/{inquiry.pk}/")


def test_on_a_phone_one_pane_is_shown_and_back_leads_to_the_row(open_page, sign_in, site, settled, story_clock):
    agent = make.make_user("aya@shop.example", name="佐藤 彩")
    rows = [ask(f"質問{place:02}", story_clock.moment) for place in range(20)]
    page = open_page(375)
    sign_in(page, agent)
    page.goto("/admin/inquiries/?view=open")
    assert page.is_hidden("#conversation")
    page.locator(f"#row-{rows[15].pk} a").click()
    page.wait_for_selector("#conversation[data-inquiry]")
    settled(page)
    assert page.is_hidden("#list")
    assert page.evaluate("scrollY") == 0
    page.click("a.back")
    page.wait_for_url("**/admin/inquiries/?view=open#row-*")
    assert page.is_hidden("#conversation")
    assert page.locator(f"#row-{rows[15].pk}").bounding_box()["y"] > 0
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    page.goto(f"/admin/inquiries/{rows[0].pk}/")
    assert page.is_hidden("#list")
    assert Inquiry.objects.count() == 20


def test_who_comes_back_finds_the_whole_page_and_not_the_part_that_was_fetched_last(
    open_page, sign_in, story_clock, settled
):
    inquiry = ask("質問", story_clock.moment)
    page = open_page()
    sign_in(page, make.make_user("aya@shop.example", name="佐藤 彩"))
    address = f"/admin/inquiries/{inquiry.pk}/"
    page.goto(address)
    page.keyboard.press("c")
    page.locator("#note-body").fill("工房に確認中。")
    page.locator("#note-form [data-primary]").click()
    expect(page.locator(".message-note")).to_contain_text("工房に確認中。")
    for opened in (address, f"{address}?view=open"):
        if opened != address:
            page.goto("/admin/inquiries/?view=open")
            page.locator(f"#row-{inquiry.pk} a").first.click()
            page.wait_for_url(f"**{opened}")
        settled(page)
        page.goto("/admin/")
        page.go_back()
        expect(page.locator("#conversation")).to_contain_text("工房に確認中。")
        assert page.url.endswith(opened)
        assert page.locator("#views").count() == 1
        assert page.evaluate("typeof htmx") == "object"
