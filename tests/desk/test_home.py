"""The home page: each thing that waits stands in exactly one list, one click from its cure, and it stays cheap."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from followups.models import PlannedMail
from inquiries.models import AgentSetting, Draft, Inquiry, Mention, Message, PreparedReply
from shopdesk.desk import home
from shopdesk.desk.home import INQUIRY_LISTS, Home
from shopdesk.mail.models import IncomingMail, Mailbox, OutgoingMail
from tests import make
from tests.followups.make import make_planned, make_sequence, make_step
from tests.inquiries.make import make_inquiry as make_inquiry_of
from tests.receiving.make import make_mailbox
from tests.returns.make import ask as ask_return
from tests.returns.make import bags

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _frozen(monkeypatch, now):
    monkeypatch.setattr("shopdesk.clock.now", lambda: now)


@pytest.fixture
def ken(db):
    return make.make_user("ken@shop.example", name="田中 健", role="agent")


@pytest.fixture
def make_inquiry(db, now):
    """Questions of one customer; nothing is due before tomorrow unless it is said."""
    customer = make.make_customer()

    def one(number, **fields):
        fields.setdefault("escalation_at", now + timedelta(days=1))
        return make_inquiry_of(customer=customer, number=number, subject=fields.pop("subject", number), **fields)

    return one


def prepared(inquiry, author, state, now, **fields):
    return PreparedReply.objects.create(
        inquiry=inquiry, author=author, body="文", original_body="文", seen_version=1, state=state, created_at=now,
        changed_at=now, send_at=now if state == "scheduled" else None, **fields,
    )  # fmt: skip


def named(inquiry, by, whom, now, **fields):
    note = Message.objects.create(inquiry=inquiry, kind="note", body=f"@{whom.name}", author=by, at=now)
    return Mention.objects.create(message=note, user=whom, **fields)


def letter(key, now, **fields):
    return OutgoingMail.objects.create(
        key=key, from_name="店", from_address="a@shop.example", to_address="b@mail.example", subject="件名", text="本文",
        message_id=f"<{key}@shop.example>", due_at=now, created_at=now, **fields,
    )  # fmt: skip


def unread(now, subject="読めないメール"):
    box = Mailbox.objects.first() or make_mailbox(1, status="paused")
    return IncomingMail.objects.create(
        mailbox=box, source_key=f"x:{subject}", sha256="0", raw=b"x", size=1, received_at=now, next_try_at=now,
        state="error", reason="wrapping", subject=subject,
    )  # fmt: skip


def shown(user, now):
    """{list: [titles]} without empty lists of inquiries."""
    lists = Home(user, now).lists
    return {one.key: [item.title for item in one.items] for one in lists if one.items}


def counts(user, now):
    return {one.key: one.count for one in Home(user, now).lists}


def test_an_empty_shop_shows_zeros_and_a_kind_word(owner, signed_in, now):
    found = counts(owner, now)
    assert set(found) == {*INQUIRY_LISTS, "unread", "mailboxes", "letters", "returns", "followups"}
    assert set(found.values()) == {0}
    page = signed_in(owner).get("/admin/").content.decode()
    assert "要対応のものはありません。" in page
    assert page.count('<span class="stat-value muted">0</span>') == 12


def test_each_thing_stands_in_exactly_one_list(owner, ken, agent, make_inquiry, now):
    hour = timedelta(hours=1)
    prepared(make_inquiry("承認"), ken, "awaiting", now)
    prepared(make_inquiry("差戻し", assignee=owner), owner, "returned", now)
    prepared(make_inquiry("予約", assignee=owner), owner, "returned", now, returned_why="customer")
    named(make_inquiry("依頼"), ken, owner, now)
    make_inquiry("遅れ", escalation_at=now - hour)
    make_inquiry("まもなく", escalation_at=now + hour, warned_at=now)
    make_inquiry("担当", assignee=owner)
    draft = make_inquiry("下書き")
    Draft.objects.create(inquiry=draft, author=owner, body="書きかけ", saved_at=now)
    named(make_inquiry("返事待ち"), owner, ken, now)
    unread(now)
    letter("x", now, state=OutgoingMail.State.UNCERTAIN)
    letter("y", now, state=OutgoingMail.State.PLANNED)
    ask_return(bags(2, customer=draft.customer), 1)
    # What is none of the owner's business today.
    make_inquiry("ふつう")
    make_inquiry("他人", assignee=ken)
    make_inquiry("解決", status="solved", escalation_at=None, assignee=owner)
    Draft.objects.create(inquiry=make_inquiry("空"), author=owner, body="", saved_at=now)
    named(make_inquiry("既読"), ken, owner, now, seen_at=now)
    prepared(make_inquiry("予約中"), owner, "scheduled", now)
    assert shown(owner, now) == {
        "approval": ["承認", "差戻し"],
        "back": ["予約"],
        "asked": ["依頼"],
        "late": ["遅れ"],
        "soon": ["まもなく"],
        "mine": ["担当", "下書き"],
        "waiting": ["返事待ち"],
        "unread": ["読めないメール"],
        "letters": ["件名"],
        "returns": ["山田 花子"],
    }


def test_what_fits_several_lists_stands_in_the_first(owner, ken, make_inquiry, now):
    """All seven at once; each time the first reason goes, the next list has it."""
    inquiry = make_inquiry("全部", assignee=owner, escalation_at=now - timedelta(hours=1))
    waits = prepared(inquiry, ken, "awaiting", now)
    back = prepared(inquiry, owner, "returned", now, returned_why="customer")
    asked = named(inquiry, ken, owner, now)
    named(inquiry, owner, ken, now)
    Draft.objects.create(inquiry=inquiry, author=owner, body="書きかけ", saved_at=now)

    def where():
        return shown(owner, now)

    assert where() == {"approval": ["全部"]}
    waits.delete()
    assert where() == {"back": ["全部"]}
    back.delete()
    assert where() == {"asked": ["全部"]}
    asked.delete()
    assert where() == {"late": ["全部"]}
    Inquiry.objects.update(escalation_at=now + timedelta(minutes=5), warned_at=now)
    assert where() == {"soon": ["全部"]}
    Inquiry.objects.update(warned_at=None)
    assert where() == {"mine": ["全部"]}
    Inquiry.objects.update(assignee=None)
    Draft.objects.all().delete()
    assert where() == {"waiting": ["全部"]}
    Mention.objects.update(seen_at=now)
    assert where() == {}


def test_approval_waits_for_whom_it_waits(owner, ken, agent, make_inquiry, now):
    prepared(make_inquiry("待ち"), ken, "awaiting", now)
    late = make_inquiry("遅れて待つ", escalation_at=now - timedelta(hours=1))
    prepared(late, ken, "awaiting", now + timedelta(minutes=1))
    assert shown(owner, now) == {"approval": ["待ち", "遅れて待つ"]}
    assert Home(owner, now).lists[0].items[1].due.tone == "danger"  # it does not hide that it is late
    assert shown(ken, now) == {"approval": ["待ち", "遅れて待つ"]}  # their own: it is being read
    assert shown(agent, now) == {"late": ["遅れて待つ"]}  # who may not approve sees that it is late


def test_many_notes_and_drafts_are_one_line(owner, ken, make_inquiry, now):
    inquiry = make_inquiry("何度も")
    for minutes in range(3):
        named(inquiry, ken, owner, now + timedelta(minutes=minutes))
    assert counts(owner, now)["asked"] == 1


def test_the_most_urgent_first_and_five_of_them(owner, make_inquiry, now):
    for hours in (3, 9, 1, 7, 5, 2, 4):
        make_inquiry(f"{hours}", escalation_at=now - timedelta(hours=hours))
    late = next(one for one in Home(owner, now).lists if one.key == "late")
    assert [item.title for item in late.items] == ["9", "7", "5", "4", "3"]
    assert (late.count, late.shown_count, late.more, late.tone) == (7, "7", 2, "danger")


@pytest.fixture
def _words_anew():
    home._candidates.cache_clear()
    yield
    home._candidates.cache_clear()


@pytest.mark.usefixtures("_words_anew")
def test_no_list_is_counted_beyond_a_thousand(owner, ken, make_inquiry, now, monkeypatch):
    monkeypatch.setattr(home, "MOST", 3)
    monkeypatch.setattr("inquiries.counting.MOST", 3)
    for hours in range(6):
        make_inquiry(f"{hours}", escalation_at=now - timedelta(hours=hours + 1))
    late = next(one for one in Home(owner, now).lists if one.key == "late")
    assert (late.count, late.shown_count) == (4, "3+")


def test_each_line_leads_to_its_cure(owner, ken, make_inquiry, now, signed_in):
    inquiry = make_inquiry("遅れ", escalation_at=now - timedelta(hours=2))
    mail, sent = unread(now), letter("x", now, state=OutgoingMail.State.FAILED)
    client = signed_in(owner)
    page = client.get("/admin/").content.decode()
    for address in (
        reverse("desk-inquiries:detail", args=[inquiry.pk]),
        reverse("desk-mail:incoming", args=[mail.pk]),
        reverse("desk-mail:detail", args=[sent.pk]),
    ):
        assert f'href="{address}"' in page
        assert client.get(address).status_code == 200


def test_each_list_leads_to_a_page(owner, now, signed_in):
    client = signed_in(owner)
    for one in Home(owner, now).lists:
        assert client.get(one.url).status_code == 200, one.key


def test_held_follow_ups_and_troubled_mailboxes_are_counted(owner, now):
    order = make.make_order()
    step = make_step(make_sequence())
    planned = make_planned(step, order, due_at=now)
    PlannedMail.objects.filter(pk=planned.pk).update(state=PlannedMail.State.HELD)
    box = make_mailbox(1)
    Mailbox.objects.filter(pk=box.pk).update(problem="login")
    found = counts(owner, now)
    assert (found["followups"], found["mailboxes"]) == (1, 1)


def test_outsourced_staff_see_their_own_work_only(ken, make_inquiry, now, signed_in):
    sora = make.make_user("sora@shop.example", name="白波 そら", role="outsourced")
    past = {"escalation_at": now - timedelta(hours=1)}
    make_inquiry("ひとの遅れ", **past)
    make_inquiry("じぶんの遅れ", assignee=sora, **past)
    make_inquiry("じぶんのもの", assignee=sora)
    former = make_inquiry("まえの担当")
    Draft.objects.create(inquiry=former, author=sora, body="書きかけ", saved_at=now)
    named(make_inquiry("ひとの依頼"), ken, sora, now)
    prepared(make_inquiry("ひとの承認"), ken, "awaiting", now)
    assert shown(sora, now) == {"late": ["じぶんの遅れ"], "mine": ["じぶんのもの"]}
    page = signed_in(sora).get("/admin/").content.decode()
    for title in ("ひとの遅れ", "まえの担当", "ひとの依頼", "ひとの承認"):
        assert title not in page
    assert set(counts(sora, now)) == set(INQUIRY_LISTS)


def test_outsourced_staff_read_no_contact_on_it(make_inquiry, now, signed_in):
    sora = make.make_user("sora@shop.example", role="outsourced")
    make_inquiry("Q-1", subject="hanako@mail.example に 090-1234-5678 まで", phone="09012345678", assignee=sora)
    page = signed_in(sora).get("/admin/").content.decode()
    assert "hanako@mail.example" not in page
    assert "090-1234-5678" not in page


def test_who_sees_no_inquiries_sees_the_rest(now, signed_in, make_inquiry):
    make_inquiry("遅れ", escalation_at=now - timedelta(hours=1))
    clerk = make.make_user("kei@shop.example", name="経理", role="finance")
    assert set(counts(clerk, now)) == {"unread", "mailboxes", "letters", "returns"}
    assert "遅れ" not in signed_in(clerk).get("/admin/").content.decode().replace("返信遅れ", "")


def test_twelve_queries_however_much_waits(owner, ken, make_inquiry, signed_in, django_assert_max_num_queries, now):
    AgentSetting.objects.create(user=owner, takes_turns=True)
    for number in range(7):
        one = make_inquiry(f"遅れ{number}", escalation_at=now - timedelta(hours=number + 1), assignee=ken)
        prepared(make_inquiry(f"承認{number}"), ken, "awaiting", now)
        prepared(make_inquiry(f"予約{number}"), owner, "returned", now, returned_why="customer")
        named(make_inquiry(f"依頼{number}"), ken, owner, now)
        named(make_inquiry(f"返事待ち{number}"), owner, ken, now)
        make_inquiry(f"まもなく{number}", escalation_at=now + timedelta(minutes=number + 1), warned_at=now)
        make_inquiry(f"担当{number}", assignee=owner)
        unread(now, f"メール{number}")
        letter(f"k{number}", now, state=OutgoingMail.State.FAILED)
    ask_return(bags(2, customer=one.customer), 1)
    client = signed_in(owner)
    client.get("/admin/")
    with django_assert_max_num_queries(12):
        page = client.get("/admin/")
    assert page.status_code == 200
    assert len(page.content) < 60_000


def test_the_settings_page_shows_what_one_may_change(owner, signed_in):
    assert reverse("admin:shop_store_changelist") in signed_in(owner).get(reverse("desk:settings")).content.decode()
    clerk = make.make_user("kei@shop.example", name="経理", role="finance")
    page = signed_in(clerk).get(reverse("desk:settings")).content.decode()
    assert reverse("admin:shop_store_changelist") not in page
    assert "この役割で変更できる項目はありません。" in page


def test_tables_lead_back_to_where_they_are_listed(owner, signed_in):
    def ways(address):
        page = signed_in(owner).get(address).content.decode()
        return re.findall(r'<li><a href="([^"]+)"', "".join(re.findall(r'<ol class="breadcrumbs">.*?</ol>', page)))

    settings, stores = reverse("desk:settings"), reverse("admin:shop_store_changelist")
    store = make.make_store()
    assert ways(stores) == [settings]
    assert ways(reverse("admin:shop_store_change", args=[store.pk])) == [settings, stores]
    history = ways(reverse("admin:shop_store_history", args=[store.pk]))
    assert history == [settings, stores, reverse("admin:shop_store_change", args=[store.pk])]
    # Staff have a place in the navigation.
    people = reverse("admin:accounts_user_changelist")
    assert ways(people) == []
    assert ways(reverse("admin:accounts_user_add")) == [people]
