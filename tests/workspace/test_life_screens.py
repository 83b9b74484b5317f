"""The screens of an inquiry's life: menus, posts with and without a script, refusals that keep what was typed."""

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inquiries import bulk, merging, triage
from inquiries.models import BulkRun, Cause, Inquiry, InquiryEvent, Macro, Message, StatusLabel, Tag
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.inquiries.make import make_inquiry

KINDS = ["status", "assign", "tags", "classify", "snooze", "more", "merge"]
HTMX = {"headers": {"HX-Request": "true", "HX-Target": "conversation"}}


def url(name, *args):
    return reverse(f"desk-inquiries:{name}", args=args)


@pytest.fixture
def aya(agent, signed_in):
    return signed_in(agent)


def strict():
    store = make.make_store()
    store.requires_cause = store.requires_product = True
    store.save()


@pytest.mark.parametrize("kind", KINDS)
def test_each_menu_is_a_part_and_a_page(db, aya, kind, django_assert_max_num_queries):
    inquiry = make_inquiry(subject="<script>alert(1)</script>")
    page = aya.get(url("menu", inquiry.pk, kind))
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()
    assert "hx-boost" not in page.content.decode().split('id="menu-')[1].split(">")[0]
    with django_assert_max_num_queries(12):
        part = aya.get(url("menu", inquiry.pk, kind), **HTMX)
    assert part.content.decode().startswith('<div class="menu')
    assert "<html" not in part.content.decode()


def test_there_is_no_other_menu(db, aya):
    assert aya.get(url("menu", make_inquiry().pk, "secrets")).status_code == 404


def test_the_status_is_set_by_a_label_and_undone_by_one_click(db, aya):
    inquiry = make_inquiry()
    label = StatusLabel.objects.get(name_ja="仕入先・運送会社に確認中")
    response = aya.post(url("status", inquiry.pk), {"label": label.pk}, follow=True)
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.label) == ("pending", label)
    undo = url("undo-status", inquiry.pk, inquiry.events.get().pk)
    assert f'action="{undo}"' in response.content.decode()
    aya.post(undo)
    aya.post(undo)  # twice is once
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.label) == ("open", None)
    assert [event.code for event in inquiry.events.all()] == ["status", "status_undone"]
    # Where it stands already, under the shop's name for it, nothing happens.
    aya.post(url("status", inquiry.pk), {"label": StatusLabel.objects.get(name_ja="未対応").pk})
    assert inquiry.events.count() == 2


@pytest.mark.parametrize(
    ("name", "posted", "wanted"),
    [
        ("status", {"status": "solved"}, "solved"),
        ("status", {"status": "spam"}, "spam"),
        ("status", {"status": "pending"}, "pending"),
        ("snooze", {"choice": "tomorrow", "reason": "stock"}, "hold"),
    ],
)
def test_what_the_customer_wrote_meanwhile_is_not_put_out_of_sight_unread(db, aya, name, posted, wanted):
    inquiry = make_inquiry()
    Message.objects.create(inquiry=inquiry, kind="received", body="まだ届きません。", at=make.NOW)
    Inquiry.objects.update(version=2)
    page = aya.post(url(name, inquiry.pk), {**posted, "version": "1"}, follow=True).content.decode()
    assert "実行しませんでした" in page
    assert "まだ届きません。" in page
    assert Inquiry.objects.get().status == "open"
    assert not InquiryEvent.objects.exists()
    for version in ("2", "2"):  # read by now; the second click does nothing more
        aya.post(url(name, inquiry.pk), {**posted, "version": version})
    assert Inquiry.objects.get().status == wanted
    assert InquiryEvent.objects.count() == 1
    # To be answered it may always become.
    aya.post(url("status", inquiry.pk), {"status": "open", "version": "1"})
    assert Inquiry.objects.get().status == "open"


def test_each_menu_knows_what_stood_on_the_page(db, aya):
    """With a script it is the version in the reply box, which is as old as the page; without one, or without the box,
    the menu tells its own."""
    mailed = make_inquiry()
    phoned = make_inquiry("Q-PH0NE0", customer=mailed.customer, email="", channel="phone")
    Macro.objects.create(name="急ぎ", acts=[{"do": "status", "status": "solved"}])
    for name, kind in (("menu", ["status"]), ("menu", ["snooze"]), ("macro-menu", [])):
        own, taken = 'name="version" value="1"', 'hx-include="#reply-form [name=version]"'
        part = aya.get(url(name, mailed.pk, *kind), **HTMX).content.decode()
        assert (own in part, taken in part) == (False, True), kind
        assert own in aya.get(url(name, phoned.pk, *kind), **HTMX).content.decode()
        page = aya.get(url(name, mailed.pk, *kind)).content.decode()
        assert (own in page.split("<main")[1], taken in page) == (True, False), kind


@pytest.mark.parametrize("posted", [{"status": "merged"}, {"status": "x"}, {"label": "9999"}, {"label": "\x00"}, {}])
def test_no_other_status_can_be_posted(db, aya, posted):
    inquiry = make_inquiry()
    assert aya.post(url("status", inquiry.pk), posted).status_code == 422
    assert Inquiry.objects.get().status == "open"


def test_closing_asks_for_what_is_missing_and_keeps_what_was_chosen(db, aya):
    strict()
    inquiry, late = make_inquiry(), Cause.objects.get(name_ja="遅延")
    bag = make.make_product()
    response = aya.post(url("status", inquiry.pk), {"status": "solved", "cause": late.pk}, **HTMX)
    html = response.content.decode()
    assert (response.status_code, response["HX-Retarget"]) == (422, "#menu-status")
    assert f'<option value="{late.pk}" selected>' in html
    assert "商品を選んでください" in html
    assert Inquiry.objects.get().cause is None
    response = aya.post(url("status", inquiry.pk), {"status": "solved", "cause": late.pk, "product": "無い品"})
    assert response.status_code == 422
    assert 'value="無い品"' in response.content.decode()
    aya.post(url("status", inquiry.pk), {"status": "solved", "cause": late.pk, "product": "lb-01"})
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.cause, inquiry.product) == ("solved", late, bag)


def test_what_was_chosen_last_for_such_questions_stands_first(db, aya):
    strict()
    late = Cause.objects.get(name_ja="遅延")
    customer = make.make_customer()
    make_inquiry("Q-BEFORE", cause=late, status="solved", customer=customer)
    html = aya.get(url("menu", make_inquiry(customer=customer).pk, "status"), **HTMX).content.decode()
    assert f'<optgroup label="最近選んだ原因"><option value="{late.pk}">' in html


def test_a_reply_that_solves_asks_in_the_composer_and_sends_once_answered(db, aya):
    strict()
    make.make_product()
    inquiry = make_inquiry()
    words = {"body": "赤と青がございます。", "version": 1, "then": "solved"}
    response = aya.post(url("reply", inquiry.pk), words)
    html = response.content.decode()
    assert response.status_code == 422
    assert 'name="cause"' in html
    assert "赤と青がございます。" in html
    assert OutgoingMail.objects.count() == 0
    more = {"cause": Cause.objects.get(name_ja="遅延").pk, "product": "LB-01"}
    aya.post(url("reply", inquiry.pk), {**words, **more})
    assert Inquiry.objects.get().status == "solved"
    assert OutgoingMail.objects.count() == 1


def test_snooze_by_name_and_by_moment(db, aya, agent):
    inquiry = make_inquiry()
    aya.post(url("snooze", inquiry.pk), {"choice": "week", "reason": "carrier", "comment": "追跡中"})
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.snooze_reason, inquiry.snoozed_by) == ("hold", "carrier", agent)
    aya.post(url("snooze", inquiry.pk), {"until": "2026-12-01T09:30", "reason": "stock"})
    inquiry.refresh_from_db()
    assert inquiry.snoozed_until.isoformat() == "2026-12-01T00:30:00+00:00"
    aya.post(url("wake", inquiry.pk))
    inquiry.refresh_from_db()
    assert inquiry.status == "open"


@pytest.mark.parametrize("until", ["", "昨日", "2026-11-20T09:00", "2030-01-01T00:00", "2026-13-45T00:00"])
def test_a_bad_moment_is_refused_and_what_was_typed_kept(db, aya, until):
    inquiry = make_inquiry()
    response = aya.post(url("snooze", inquiry.pk), {"until": until, "reason": "stock", "comment": "春に入荷"})
    assert response.status_code == 422
    assert 'value="春に入荷"' in response.content.decode()
    assert Inquiry.objects.get().status == "open"


def test_tags_by_typing_choosing_and_taking_off(db, aya):
    inquiry = make_inquiry()
    aya.post(url("tags", inquiry.pk), {"name": "<b>VIP"})
    tag = Tag.objects.get()
    html = aya.get(url("detail", inquiry.pk)).content.decode()
    assert "&lt;b&gt;VIP" in html
    assert "<b>VIP" not in html
    aya.post(url("tags", inquiry.pk), {"remove": tag.pk})
    assert inquiry.tags.count() == 0
    aya.post(url("tags", inquiry.pk), {"add": [tag.pk, "x", "99999"]})
    assert inquiry.tags.get() == tag


def test_classify_writes_what_is_posted_only(db, aya):
    inquiry = make_inquiry()
    late = Cause.objects.get(name_ja="遅延")
    aya.post(url("classify", inquiry.pk), {"category": "delay", "cause": late.pk, "priority": "2", "mood": "upset"})
    inquiry.refresh_from_db()
    found = (inquiry.category.slug, inquiry.cause, inquiry.priority, inquiry.mood)
    assert found == ("delay", late, 2, "upset")
    response = aya.post(url("classify", inquiry.pk), {"priority": "9", "cause": ""}, **HTMX)
    assert response.status_code == 422
    assert response["HX-Push-Url"] == "false"  # nobody can come back to where a form was posted to
    assert Inquiry.objects.get().cause == late  # nothing of a refused form is written
    aya.post(url("classify", inquiry.pk), {"mood": ""})
    inquiry.refresh_from_db()
    assert (inquiry.priority, inquiry.mood) == (2, "")


# --- merging ----------------------------------------------------------------------------------------------------------


def test_a_merged_one_leads_to_the_live_one_and_back(db, aya):
    customer = make.make_customer()
    first, second = make_inquiry("Q-FIRST1", customer=customer), make_inquiry("Q-SECND2", customer=customer)
    assert "Q-SECND2" in aya.get(url("menu", first.pk, "merge"), **HTMX).content.decode()
    response = aya.post(url("merge", first.pk), {"into": second.pk}, follow=True)
    assert response.redirect_chain[-1][0] == url("detail", second.pk)
    assert f'action="{url("unmerge", first.pk)}"' in response.content.decode()
    response = aya.get(url("detail", first.pk) + "?view=mine", follow=True)
    assert response.redirect_chain == [(url("detail", second.pk) + "?view=mine", 302)]
    assert "Q-FIRST1は、この問い合わせ（Q-SECND2）に統合されています。" in response.content.decode()
    aya.post(url("merge", first.pk), {"into": second.pk})  # a second click changes nothing
    assert first.merges.count() == 1
    aya.post(url("unmerge", first.pk))
    aya.post(url("unmerge", first.pk))
    first.refresh_from_db()
    assert (first.status, first.merged_into) == ("open", None)


def test_another_customers_inquiry_shows_both_before_it_is_merged(db, aya):
    first = make_inquiry("Q-FRST22")
    other = make_inquiry("Q-THER22", customer=make.make_customer("佐々木 次郎", "jiro@mail.example"))
    html = aya.get(url("menu", first.pk, "merge") + "?q=q-ther22", **HTMX).content.decode()
    assert "jiro@mail.example" in html
    assert "hanako@mail.example" in html
    assert aya.post(url("merge", first.pk), {"into": other.pk}).status_code == 422
    assert Inquiry.objects.filter(status="merged").count() == 0
    aya.post(url("merge", first.pk), {"into": other.pk, "other_customer": "1"})
    assert Inquiry.objects.get(status="merged") == first


def test_who_sees_assigned_work_only_merges_nothing_else_and_reads_no_address(db, agent, now, signed_in):
    role = make.make_user("x@shop.example", role="outsourced")
    role.role.permissions = [*role.role.permissions, "inquiries.triage"]
    role.role.save()
    customer = make.make_customer(phone="090-1234-5678")
    mine, hidden = make_inquiry("Q-MNE111", customer=customer), make_inquiry("Q-HDN111", customer=customer)
    other = make_inquiry("Q-THR111", customer=make.make_customer("佐々木 次郎", "jiro@mail.example"))
    for row in (mine, other):
        triage.assign(row, to=role, by=agent, now=now)
    client = signed_in(role)
    html = client.get(url("menu", mine.pk, "merge"), **HTMX).content.decode()
    html += client.get(url("menu", mine.pk, "merge") + "?q=Q-THR111", **HTMX).content.decode()
    html += client.get(url("menu", mine.pk, "merge") + "?q=Q-HDN111", **HTMX).content.decode()
    assert "佐々木 次郎" in html
    for secret in ("jiro@mail.example", "hanako@mail.example", "090-1234-5678", f'value="{hidden.pk}"'):
        assert secret not in html
    assert client.post(url("merge", mine.pk), {"into": hidden.pk}).status_code == 422
    assert client.post(url("merge", hidden.pk), {"into": mine.pk}).status_code == 404
    assert Inquiry.objects.filter(status="merged").count() == 0


def test_a_message_is_split_off_from_the_thread(db, aya, now):
    inquiry = make_inquiry()
    message = Message.objects.create(inquiry=inquiry, kind="received", body="別件です。", at=now)
    assert url("split", message.pk) in aya.get(url("detail", inquiry.pk)).content.decode()
    response = aya.post(url("split", message.pk), follow=True)
    new = Inquiry.objects.exclude(pk=inquiry.pk).get()
    assert response.redirect_chain[-1][0] == url("detail", new.pk)
    assert url("split", message.pk) not in response.content.decode()
    aya.post(url("split", message.pk))  # the only one there
    assert Inquiry.objects.count() == 2


def test_the_more_menu_lists_what_was_merged_here(db, aya, agent, now):
    customer = make.make_customer()
    first, second = make_inquiry("Q-FIRST1", customer=customer), make_inquiry("Q-SECND2", customer=customer)
    merging.merge(first, into=second, by=agent, now=now)
    assert url("unmerge", first.pk) in aya.get(url("menu", second.pk, "more"), **HTMX).content.decode()


# --- in bulk ----------------------------------------------------------------------------------------------------------


def test_in_bulk_from_marks_to_result(db, aya, agent, now):
    rows = [make_inquiry(f"Q-B0000{n}", customer=make.make_customer(address=f"c{n}@mail.example")) for n in range(3)]
    strict()
    tag = Tag.objects.create(name="見本送付")
    marked = {"ids": [row.pk for row in rows], "query": "view=open"}
    page = aya.post(url("bulk"), {**marked, "kind": "tag"}).content.decode()
    assert "3件に実行する" in page
    tried = aya.post(
        url("bulk-start"), {"ids": marked["ids"], "kind": "tag", "value": tag.pk, "try": "1"}, **HTMX
    ).content.decode()
    assert "3件中3件に実行できます" in tried
    assert BulkRun.objects.count() == 0
    form = {"ids": ",".join(str(row.pk) for row in rows), "kind": "tag", "value": tag.pk, "form_token": uuid.uuid4()}
    first, again = aya.post(url("bulk-start"), form), aya.post(url("bulk-start"), form)
    run = BulkRun.objects.get()
    assert first["Location"] == again["Location"] == url("bulk-run", run.pk)
    assert 'hx-trigger="every 1s"' in aya.get(url("bulk-run", run.pk), **HTMX).content.decode()
    bulk.sweep(now)
    assert tag.inquiries.count() == 3
    html = aya.get(url("bulk-run", run.pk)).content.decode()
    assert "every 1s" not in html
    assert url("bulk-run", run.pk) in aya.get(url("bulk-runs")).content.decode()
    assert aya.post(url("bulk-back", run.pk))["Location"] == url("bulk-run", run.pk)
    assert tag.inquiries.count() == 3  # nothing in the request
    html = aya.get(url("bulk-run", run.pk), **HTMX).content.decode()
    assert "every 1s" in html
    assert url("bulk-back", run.pk) not in html
    assert aya.post(url("bulk-back", run.pk))["Location"] == url("bulk-run", run.pk)
    bulk.sweep(now)
    assert tag.inquiries.count() == 0
    assert InquiryEvent.objects.filter(code="bulk_undone").count() == 3
    html = aya.get(url("bulk-run", run.pk)).content.decode()
    assert "every 1s" not in html
    assert "元に戻し済み" in html
    assert aya.post(url("bulk-back", run.pk))["Location"] == url("bulk-run", run.pk)
    assert bulk.sweep(now) == 0


def test_a_dry_run_counts_what_cannot_be_closed(db, aya):
    strict()
    ready = make_inquiry("Q-READY1", cause=Cause.objects.first(), product=make.make_product())
    missing = make_inquiry("Q-MISSNG", customer=make.make_customer(address="b@mail.example"))
    label = StatusLabel.objects.get(status="solved")
    posted = {"ids": [ready.pk, missing.pk], "kind": "status", "value": label.pk, "try": "1"}
    html = aya.post(url("bulk-start"), posted).content.decode()
    assert "2件中1件に実行できます" in html
    assert "Q-MISSNG" in html
    assert "Q-READY1" not in html
    assert Inquiry.objects.filter(status="solved").count() == 0


def test_a_whole_list_in_bulk(db, aya):
    for n in range(3):
        make_inquiry(f"Q-B0000{n}", customer=make.make_customer(address=f"c{n}@mail.example"))
    make_inquiry("Q-SLVED9", customer=make.make_customer(address="d@mail.example"), status="solved")
    page = aya.post(url("bulk"), {"all": "1", "query": "view=open", "kind": "spam"}).content.decode()
    assert "3件に実行する" in page
    aya.post(url("bulk-start"), {"ids": page.split('name="ids" value="')[1].split('"')[0], "kind": "spam",
                                 "form_token": uuid.uuid4()})  # fmt: skip
    assert len(BulkRun.objects.get().ids) == 3


def test_what_the_list_showed_goes_along_with_the_marks(db, aya, agent, now):
    rows = [make_inquiry(f"Q-B0000{n}", customer=make.make_customer(address=f"c{n}@mail.example")) for n in range(3)]
    Inquiry.objects.update(version=4)
    shown = aya.get(url("list") + "?view=open").content.decode()
    assert all(f'name="ids" value="{row.pk}:4"' in shown for row in rows)
    Inquiry.objects.filter(pk=rows[1].pk).update(version=5)  # the customer writes before the marks are sent
    marked = {"ids": [f"{rows[0].pk}:4", f"{rows[1].pk}:4"], "query": "view=open", "all": "1"}
    page = aya.post(url("bulk"), {**marked, "kind": "spam"}).content.decode()
    assert "3件中2件に実行できます" in page
    assert rows[1].number in page
    kept = page.split('name="ids" value="')[1].split('"')[0]
    Inquiry.objects.filter(pk=rows[2].pk).update(version=9)  # and before the run begins
    assert set(kept.split(",")) == {f"{row.pk}:4" for row in rows}
    aya.post(url("bulk-start"), {"ids": kept, "kind": "spam", "form_token": uuid.uuid4()})
    bulk.sweep(now)
    run = BulkRun.objects.get()
    assert {one["id"]: one["why"] for one in run.refused} == {rows[1].pk: "said", rows[2].pk: "said"}
    html = aya.get(url("bulk-run", run.pk)).content.decode()
    assert "その間に新しいやり取りがありました" in html
    assert rows[1].number in html


@pytest.mark.parametrize("ids", ["1:x,:,:3", "9" * 30 + ":1", "٣:١", "1:" + "9" * 30])
def test_marks_that_nobody_could_set_are_no_error(db, aya, ids):
    pk = make_inquiry().pk
    answer = aya.post(url("bulk"), {"ids": [ids, f"{pk}:0"], "kind": "spam"})
    assert answer.status_code == 200
    assert "1件に実行する" in answer.content.decode()


def test_the_count_beforehand_reads_all_of_them(db, aya):
    strict()
    customer = make.make_customer()
    rows = [make_inquiry(f"Q-C{n:05}", customer=customer) for n in range(130)]
    Inquiry.objects.exclude(pk=rows[129].pk).update(cause=Cause.objects.first(), product=make.make_product())
    label = StatusLabel.objects.get(status="solved")
    posted = {"ids": ",".join(str(row.pk) for row in rows), "kind": "status", "value": label.pk, "try": "1"}
    html = aya.post(url("bulk-start"), posted, **HTMX).content.decode()
    assert "130件中129件に実行できます" in html
    assert rows[129].number in html


def test_a_macro_of_somebody_else_is_not_run_in_bulk(db, aya, owner):
    macro = Macro.objects.create(name="私用", owner=owner, acts=[{"do": "spam"}])
    posted = {"ids": [make_inquiry().pk], "kind": "macro", "value": macro.pk, "form_token": uuid.uuid4()}
    assert aya.post(url("bulk-start"), posted).status_code == 422
    assert BulkRun.objects.count() == 0


@pytest.mark.parametrize("posted", [{}, {"kind": "tag"}, {"ids": "1"}, {"kind": "tag", "ids": ["\x00", "a,b"]}])
def test_nothing_marked_leads_back_to_the_list(db, aya, posted):
    response = aya.post(url("bulk"), {**posted, "query": "view=mine"})
    assert response["Location"] == url("list") + "?view=mine"


def test_the_list_of_runs_counts_what_was_skipped_without_reading_it(db, aya, agent, now):
    left = [{"id": n, "number": f"Q-{n:06}", "why": "locked"} for n in range(137)]
    for place in range(3):
        BulkRun.objects.create(
            by=agent, acts=[{"do": "spam"}], ids=[1, 2], created_at=now, form_token=uuid.uuid4(), left=left,
            refused=left[:place],
        )  # fmt: skip
    with CaptureQueriesContext(connection) as asked:
        html = aya.get(url("bulk-runs")).content.decode()
    assert re.findall(r'data-label="見送り">(\d+)<', html) == ["2", "1", "0"]
    (query,) = [one["sql"] for one in asked if "jsonb_array_length" in one["sql"]]
    columns = query.split(" FROM ")[0]
    assert '"refused")' in columns
    for column in ("ids", "seen", "before", "refused", "left"):
        assert f'"{column}",' not in columns


def test_runs_are_their_starters_own(db, aya, owner, now):
    run = bulk.start(
        ids=[make_inquiry().pk], acts=[{"do": "spam"}], by=owner, now=now, form_token=uuid.uuid4()
    )  # fmt: skip
    assert aya.get(url("bulk-run", run.pk)).status_code == 404
    assert aya.post(url("bulk-back", run.pk)).status_code == 404
