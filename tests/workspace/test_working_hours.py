"""The hours of outsourced staff: outside of them the desk shows no customer, hands out nothing and takes nothing."""

import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.urls import NoReverseMatch, reverse

from inquiries import approval_rules, pulling, replying, triage, turns
from inquiries.answers import Answer
from inquiries.models import AgentSetting, ApprovalRule, Draft, Inquiry, Message, Presence, Pull
from inquiries.tasks import sweep_turns
from shopdesk import clock
from shopdesk.accounts import hours, sentences
from shopdesk.accounts.models import AuditEntry, Role, User
from shopdesk.mail.models import OutgoingMail
from shopdesk.shop.models import Closure, Store
from shopdesk.shop.working import Roster, Standing
from shopdesk.working_hours import read_day
from tests import make
from tests.access.rows import address_of, admin_addresses, attach, one_of_everything, walk
from tests.inquiries.make import make_inquiry

TOKYO = ZoneInfo("Asia/Tokyo")
FRIDAY, SUNDAY = 4, 6
SECOND = timedelta(seconds=1)
CLOSED = "いまは勤務時間外です。"
NAME, MAIL, SUBJECT, BODY = "山野 花世", "hanayo@mail.example", "財布の色の件", "紺色はいつ入りますか"


def at(day, hour, minute=0, second=0):
    """A moment of November 2026 in Tokyo; the 20th is a Friday, the 23rd a public holiday."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=TOKYO)


@pytest.fixture
def clock_at(monkeypatch):
    """``clock_at(moment)`` sets what views and tasks take for now."""

    def set_clock(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    set_clock(at(20, 10))
    return set_clock


def slots(*days):
    return [one for weekday, text in days for one in read_day(text, weekday)]


@pytest.fixture
def nami(db):
    """She works on Fridays from 9 to 12 and from 13 to 18, and on Sundays over midnight."""
    week = slots((FRIDAY, "9-12, 13-18"), (SUNDAY, "22-2"))
    return make.make_user("nami@shop.example", name="白波 外", role="outsourced", work_hours=week)


@pytest.fixture
def manager(db):
    return make.make_user("mana@shop.example", name="責任 マナ", role="manager")


@pytest.fixture
def own(nami):
    customer = make.make_customer(NAME, MAIL, phone="09012345678")
    inquiry = make_inquiry("Q-OWN001", customer=customer, subject=SUBJECT, body=BODY, assignee=nami)
    attach(inquiry.messages.get())
    return inquiry


def detail(inquiry):
    return reverse("desk-inquiries:detail", args=[inquiry.pk])


def post(client, name, inquiry, body, **headers):
    data = {"body": body, "version": inquiry.version, "then": "pending"}
    return client.post(reverse(f"desk-inquiries:{name}", args=[inquiry.pk]), data, headers=headers)


HTMX = {"HX-Request": "true"}


# --- the door ---------------------------------------------------------------------------------------------------------


def test_the_edges_of_the_hours(clock_at, nami, own, signed_in):
    client = signed_in(nami)
    for moment, status in [
        (at(20, 8, 59, 59), 403), (at(20, 9), 200), (at(20, 11, 59, 59), 200), (at(20, 12), 403), (at(20, 12, 59, 59), 403),
        (at(20, 13), 200), (at(20, 18), 403), (at(22, 21, 59, 59), 403), (at(22, 22), 200), (at(23, 0), 200),
        (at(23, 1, 59, 59), 200), (at(23, 2), 403),
    ]:  # fmt: skip
        clock_at(moment)
        answer = client.get(detail(own))
        assert answer.status_code == status, moment
        assert (NAME in answer.text) is (status == 200)
        assert (CLOSED in answer.text) is (status == 403)


def test_the_page_says_when_it_goes_on(clock_at, nami, own, signed_in):
    client = signed_in(nami)
    clock_at(at(20, 12, 30))
    page = client.get("/admin/").text
    assert "今日 13:00" in page
    assert "金 9:00〜12:00、13:00〜18:00" in page
    assert "日 22:00〜翌2:00" in page
    clock_at(at(21, 9))
    assert "11月22日(日) 22:00" in client.get("/admin/").text or "明日 22:00" in client.get("/admin/").text
    User.objects.update(language="en")
    assert "It is outside of your working hours." in client.get("/admin/").text


def test_who_has_no_hours_works_at_any_time_and_who_sees_everything_too(clock_at, own, agent, signed_in):
    free = make.make_user("sora@shop.example", role="outsourced")
    User.objects.filter(pk=agent.pk).update(work_hours=slots((FRIDAY, "9-10")))
    clock_at(at(21, 3))
    for user in (free, agent):
        assert signed_in(user).get("/admin/inquiries/").status_code == 200


def test_closing_days_count_for_who_keeps_to_them(clock_at, nami, own, signed_in):
    Closure.objects.create(first_day="2026-11-20", last_day="2026-11-20", name="棚卸し")
    Closure.objects.create(first_day="2026-11-27", last_day="2026-11-27", name="案", active=False)
    client = signed_in(nami)
    assert client.get(detail(own)).status_code == 200
    User.objects.filter(pk=nami.pk).update(rests_on_closing_days=True)
    page = client.get(detail(own))
    assert page.status_code == 403
    assert "店舗の休業日は休み" in page.text
    clock_at(at(27, 10))
    assert client.get(detail(own)).status_code == 200
    # Without hours of their own it is every day but those.
    User.objects.filter(pk=nami.pk).update(work_hours=[])
    for moment, status in [(at(19, 23, 59, 59), 200), (at(20, 0), 403), (at(20, 23, 59, 59), 403), (at(21, 0), 200)]:
        clock_at(moment)
        assert client.get(detail(own)).status_code == status, moment


def test_the_zone_is_the_shops(clock_at, nami, own, signed_in):
    User.objects.filter(pk=nami.pk).update(time_zone="America/New_York")
    assert signed_in(nami).get(detail(own)).status_code == 200
    clock_at(at(20, 18))
    assert signed_in(nami).get(detail(own)).status_code == 403


def _arguments(path):
    kinds = {"<int:": 1, "<str:": "a", "<slug:": "a", "<uuid:": "6f6c1c34-5d0e-4f0f-9a3b-0c2b7f2b7d11", "<path:": "a"}
    return [kinds.get(part[: part.index(":") + 1], "a") for part in path.split("/") if part.startswith("<")]


@pytest.mark.usefixtures("refusals_untold")
def test_no_address_at_all_shows_a_customer(clock_at, owner, nami, own, signed_in):
    arguments = one_of_everything(owner)
    clock_at(at(20, 20))
    client, wrong, walked = signed_in(nami), [], 0
    secrets = [NAME, MAIL, SUBJECT, BODY, own.number, *Inquiry.objects.values_list("name", flat=True)]
    addresses = {name: address_of(name, arguments[name]) for name in admin_addresses()}
    # Rows of everything, and her own one where the address is that of an inquiry.
    addresses |= {
        f"{name} (own)": address_of(name, [own.pk])
        for name, (path, _view) in admin_addresses().items()
        if name.startswith("desk-inquiries:") and path.count("<") == 1 and "<int:pk>" in path
    }
    file = own.messages.get().attachments.get()
    addresses |= {
        f"{name} file": reverse(f"desk-inquiries:{name}", args=[file.pk]) for name in ("attachment", "picture")
    }
    before = list(Inquiry.objects.order_by("pk").values()), Message.objects.count(), OutgoingMail.objects.count()
    for name, address in addresses.items():
        for method, headers in (
            (client.get, {}), (client.get, HTMX), (client.post, {}), (client.put, {"Accept": "application/json"}),
        ):  # fmt: skip
            with transaction.atomic():
                answer = method(address, headers=headers)
                transaction.set_rollback(True)
            walked += 1
            words = b"".join(answer).decode("utf-8", "replace")
            if answer.status_code != 403 or any(secret in words for secret in secrets):
                wrong.append((name, method.__name__, answer.status_code))
    assert not wrong, wrong[:20]
    assert walked > 900
    assert before == (
        list(Inquiry.objects.order_by("pk").values()),
        Message.objects.count(),
        OutgoingMail.objects.count(),
    )
    # What is not under /admin/: her own account opens, and nothing there, nor what visitors read, names a customer.
    opened = set()
    for name, path, _view in walk():
        if path.startswith("admin/"):
            continue
        try:
            address = reverse(name, args=_arguments(path))
        except NoReverseMatch:
            continue
        answer = client.get(address)
        words = b"".join(answer).decode("utf-8", "replace")
        assert not any(secret in words for secret in secrets), name
        if answer.status_code == 200:
            opened.add(name)
    assert {"profile", "account_change_password", "account_logout", "mfa_index"} <= opened


def test_what_the_walk_would_have_found(clock_at, nami, own, signed_in):
    """Within her hours the same pages do name the customer."""
    client = signed_in(nami)
    for address in (reverse("desk-inquiries:list"), detail(own), reverse("desk-inquiries:poll")):
        assert NAME in client.get(address).text


def test_her_own_account_stays_open(clock_at, nami, own, signed_in):
    clock_at(at(20, 20))
    client = signed_in(nami)
    page = client.get(reverse("profile")).text
    assert "金 9:00〜12:00、13:00〜18:00" in page
    assert NAME not in page
    assert client.get(reverse("account_change_password")).status_code == 200
    assert client.post(reverse("set_language"), {"language": "en", "next": "/admin/"}).status_code == 302
    nami.refresh_from_db()
    assert nami.language == "en"
    assert client.post(reverse("account_logout")).status_code == 302
    assert client.get(detail(own)).url.startswith("/account/login/")


def test_a_part_of_a_page_is_refused_with_a_word(clock_at, nami, own, signed_in):
    """The page stays as it is, with what is typed in it; static/js/notices.js says why from data-403."""
    client = signed_in(nami)
    assert "勤務時間が終わった可能性があります" in client.get(detail(own)).text
    clock_at(at(20, 18))
    answer = client.get(detail(own), headers=HTMX)
    assert (answer.status_code, answer.text) == (403, CLOSED)
    assert "HX-Redirect" not in answer
    assert answer["Cache-Control"] == "no-store"
    assert "Content-Security-Policy" in client.get("/admin/")


def test_it_costs_nobody_a_query(clock_at, nami, own, agent, signed_in, django_assert_num_queries):
    poll = reverse("desk-inquiries:poll")

    def asked(user, expected):
        client = signed_in(user)
        stamp = client.get(poll, {"view": "open"})["ETag"]
        with django_assert_num_queries(expected):
            assert client.get(poll, {"view": "open"}, headers={"If-None-Match": stamp}).status_code == 304

    asked(agent, 2)
    asked(nami, 2)
    User.objects.filter(pk=nami.pk).update(rests_on_closing_days=True)
    asked(nami, 3)  # the closing days
    clock_at(at(20, 20))
    client = signed_in(nami)
    with django_assert_num_queries(2):  # who asks, and the closing days
        assert client.get(poll, {"view": "open"}).status_code == 403


def test_presence_ends(clock_at, nami, own, agent, signed_in):
    client = signed_in(nami)
    client.get(reverse("desk-inquiries:poll"), {"inquiry": own.pk, "doing": "replying"})
    assert Presence.objects.get().seen_at == at(20, 10)
    clock_at(at(20, 18))
    client.get(reverse("desk-inquiries:poll"), {"inquiry": own.pk, "doing": "replying"})
    assert Presence.objects.get().seen_at == at(20, 10)
    page = signed_in(agent).get(reverse("desk-inquiries:poll"), {"inquiry": own.pk}).text
    assert '<div id="presence" role="status"></div>' in page


# --- the end: nothing typed is lost -----------------------------------------------------------------------------------


@pytest.mark.parametrize("undo", [0, 30])
def test_the_hours_end_between_opening_and_sending(undo, clock_at, nami, own, signed_in):
    Store.objects.update(undo_seconds=undo)
    client = signed_in(nami)
    clock_at(at(20, 17, 59))
    assert client.get(detail(own)).status_code == 200
    clock_at(at(20, 18))
    assert post(client, "draft", own, "書きかけ", **HTMX).status_code == 200
    clock_at(at(20, 18, 14, 59))
    answer = post(client, "reply", own, "紺色は来週入ります。")
    assert (answer.status_code, answer.url) == (302, "/admin/")
    page = client.get(answer.url)
    assert page.status_code == 403
    assert "返信を送信しました。" in page.text
    assert NAME not in page.text
    assert OutgoingMail.objects.get().to_address == MAIL
    assert client.get(detail(own)).status_code == 403


def test_by_htmx_the_whole_page_changes_after_the_last_reply(clock_at, nami, own, signed_in):
    client = signed_in(nami)
    clock_at(at(20, 18, 5))
    answer = post(client, "reply", own, "紺色は来週入ります。", **HTMX)
    assert (answer.status_code, answer["HX-Redirect"]) == (200, "/admin/")
    assert OutgoingMail.objects.count() == 1


def test_after_a_quarter_of_an_hour_everything_is_refused_and_the_draft_stays(clock_at, nami, own, signed_in):
    client = signed_in(nami)
    clock_at(at(20, 18, 14, 59))
    post(client, "draft", own, "書きかけ", **HTMX)
    clock_at(at(20, 18, 15))
    assert post(client, "draft", own, "もっと書いた", **HTMX).status_code == 403
    answer = post(client, "reply", own, "紺色は来週入ります。")
    assert answer.status_code == 403
    assert "紺色は来週入ります。" in answer.text  # to be copied
    strange = post(client, "reply", own, "よその頁から", **{"Sec-Fetch-Site": "cross-site"})
    assert "よその頁から" not in strange.text
    assert Draft.objects.get().body == "書きかけ"
    assert OutgoingMail.objects.count() == 0
    clock_at(at(22, 22))
    assert "書きかけ" in client.get(detail(own)).text


def test_only_what_finishes_is_taken_late(clock_at, nami, own, signed_in):
    client = signed_in(nami)
    clock_at(at(20, 18, 5))
    for name in ("note", "take", "status", "draft-files", "thread", "panels"):
        assert post(client, name, own, "x").status_code == 403, name
    assert client.get(reverse("desk-inquiries:reply", args=[own.pk])).status_code == 403
    assert client.get(reverse("desk-inquiries:draft", args=[own.pk])).status_code == 403
    assert client.post("/admin/nothing/here/").status_code == 403


def test_what_a_page_fetches_by_itself_raises_no_alarm_while_somebody_finishes(clock_at, nami, own, signed_in):
    client = signed_in(nami)
    conversation = [reverse(f"desk-inquiries:{name}", args=[own.pk]) for name in ("panels", "faq-panel")]
    for address in [*conversation, reverse("desk-inquiries:poll"), reverse("desk-inquiries:pull-bar")]:
        clock_at(at(20, 18, 5))
        answer = client.get(address, headers=HTMX)
        assert (answer.status_code, answer.content) == (204, b"")
        assert client.get(address).status_code == 403
        clock_at(at(20, 18, 15))
        assert client.get(address, headers=HTMX).status_code == 403
    clock_at(at(20, 18, 5))
    assert client.get(detail(own), headers=HTMX).status_code == 403


def test_a_reply_that_comes_back_can_be_mended_within_the_quarter(clock_at, nami, own, signed_in):
    client = signed_in(nami)
    clock_at(at(20, 18, 5))
    answer = post(client, "reply", own, "")
    assert answer.status_code == 422
    stranger = make_inquiry("Q-OTHER1", customer=own.customer, subject="よその件")
    assert post(client, "reply", stranger, "のぞき見").status_code == 404


# --- who is given work ------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(db, now):
    return make_inquiry("Q-WAIT01", escalation_at=now)


def test_nothing_is_handed_out_outside(clock_at, nami, waiting, signed_in):
    for moment in (at(20, 8, 59, 59), at(20, 12), at(20, 18, 5)):
        with pytest.raises(pulling.NotNow):
            pulling.next_for(nami, now=moment)
    assert Pull.objects.count() == 0
    assert pulling.next_for(nami, now=at(20, 11, 59, 59)).inquiry == waiting


def test_the_hours_end_while_a_claim_is_asked_for(clock_at, nami, waiting, signed_in, monkeypatch):
    """The door was passed a moment before, the view asks the clock a moment after."""
    moments = iter([at(20, 17, 59, 59)])
    monkeypatch.setattr(clock, "now", lambda: next(moments, at(20, 18)))
    answer = signed_in(nami).post(reverse("desk-inquiries:pull"))
    assert (answer.status_code, answer.url) == (302, "/admin/")
    assert Pull.objects.count() == 0
    waiting.refresh_from_db()
    assert waiting.assignee is None


def test_a_claim_goes_back_at_the_end(clock_at, nami, waiting):
    pull = pulling.next_for(nami, now=at(20, 17, 50))
    assert pull.expires_at == at(20, 18, 15)
    clock_at(at(20, 18, 14, 59))
    sweep_turns()
    waiting.refresh_from_db()
    assert waiting.assignee == nami
    clock_at(at(20, 18, 15))
    sweep_turns()
    waiting.refresh_from_db()
    assert waiting.assignee is None
    pull.refresh_from_db()
    assert pull.outcome == "expired"


def test_a_claim_far_from_the_end_lasts_as_long_as_ever(nami, waiting):
    assert pulling.next_for(nami, now=at(20, 13)).expires_at == at(20, 13, 30)


def test_a_reply_taken_back_at_the_end_keeps_no_claim_for_longer(nami, waiting, now):
    pulling.next_for(nami, now=at(20, 17, 50))
    replying.reply(Inquiry.objects.get(), Answer("はい。"), by=nami, now=at(20, 18, 12))
    triage.enter(inquiry := Inquiry.objects.get(), status="open", now=now)
    inquiry.save()
    pulling.taken_back(waiting, by=nami, now=at(20, 18, 12, 30))
    assert Pull.objects.get().expires_at == at(20, 18, 15)


@pytest.mark.parametrize(
    ("week", "expires"),
    [("9-17", at(20, 17, 15)), ("9-16", at(20, 17, 5)), ("9-24", at(20, 17, 30)), ("", at(20, 17, 30))],
)
def test_a_claim_follows_hours_that_are_changed_meanwhile(nami, waiting, manager, signed_in, clock_at, week, expires):
    pulling.next_for(nami, now=at(20, 17, 0))
    clock_at(at(20, 17, 5))
    answer = signed_in(manager).post(reverse("desk-inquiries:hours", args=[nami.pk]), {"day4": week})
    assert answer.status_code == 302
    assert Pull.objects.get().expires_at == expires


@pytest.mark.django_db(transaction=True)
def test_hours_that_are_changed_while_a_claim_is_asked_for(now):
    """Who asks has come with the hours of before; the claim waits for those that are being written."""
    nami = make.make_user("nami@shop.example", role="outsourced", work_hours=slots((FRIDAY, "9-18")))
    boss = make.make_user("boss@shop.example", role="owner")
    make_inquiry("Q-0001")
    told = []

    def claim():
        try:
            pulling.next_for(nami, now=now)
        except pulling.NotNow as refusal:
            told.append(refusal)
        finally:
            connection.close()

    asking = threading.Thread(target=claim)
    with transaction.atomic():
        changed = hours.change(nami, slots=slots((FRIDAY, "13-18")), rests_on_closing_days=False, by=boss, now=now)
        pulling.hours_changed(changed, now=now)
        asking.start()
        asking.join(0.5)
        assert asking.is_alive()
    asking.join()
    assert len(told) == 1
    assert Pull.objects.count() == 0
    assert Inquiry.objects.get().assignee is None


def test_turns_give_nothing_to_whoever_is_out(nami, agent, now):
    User.objects.filter(pk=agent.pk).update(work_hours=slots((FRIDAY, "9-10")))
    for user in (nami, agent):
        AgentSetting.objects.create(user=user, takes_turns=True)
    one = make_inquiry("Q-0001")
    two = make_inquiry("Q-0002", customer=one.customer)
    assert turns.room(at(20, 8)) == 0
    assert turns.give(one, now=at(20, 8)) is None
    assert turns.sweep(at(20, 18)) == 0
    assert turns.room(at(20, 10)) == 20
    assert turns.give(one, now=at(20, 10)) == nami  # the agent's hours ended at ten
    User.objects.filter(pk=agent.pk).update(work_hours=[])
    assert turns.give(two, now=at(20, 20)) == agent


def test_turns_ask_for_closing_days_once(nami, agent, django_assert_num_queries):
    Closure.objects.create(first_day="2026-11-20", last_day="2026-11-20", name="棚卸し")
    for user in (nami, agent):
        AgentSetting.objects.create(user=user, takes_turns=True)
    with django_assert_num_queries(2):
        assert turns.room(at(20, 10)) == 40
    User.objects.update(rests_on_closing_days=True)
    with django_assert_num_queries(2):  # nobody is left whose inquiries could be counted
        assert turns.room(at(20, 10)) == 0


# --- setting them -----------------------------------------------------------------------------------------------------


def test_a_manager_writes_the_week(clock_at, manager, nami, signed_in):
    client = signed_in(manager)
    table = client.get(reverse("desk-inquiries:turns")).text
    address = reverse("desk-inquiries:hours", args=[nami.pk])
    assert address in table
    assert "金 9:00〜12:00、13:00〜18:00" in table
    page = client.get(address).text
    assert 'value="9:00-12:00, 13:00-18:00"' in page
    assert "管理画面が開きません" in page
    data = {"day0": "９：００〜１７：００", "day5": "22時〜26時", "rests_on_closing_days": "on"}
    assert client.post(address, data, follow=True).status_code == 200
    nami.refresh_from_db()
    assert nami.slots == slots((0, "9-17"), (5, "22-26"))
    assert nami.rests_on_closing_days
    entry = AuditEntry.objects.get()
    assert sentences.sentence(entry) == (
        "白波 外さんの勤務時間を変更しました：勤務時間：金 9:00〜12:00、13:00〜18:00、日 22:00〜翌2:00 → "
        "月 9:00〜17:00、土 22:00〜翌2:00、店舗の休業日は休み：オフ → オン"
    )
    # The same again is no change.
    client.post(address, data)
    assert AuditEntry.objects.count() == 1
    client.post(address, {})
    nami.refresh_from_db()
    assert nami.works_any_time
    assert "→ いつでも" in sentences.sentence(AuditEntry.objects.latest("pk"))
    log = signed_in(make.make_user("o@shop.example", role="owner"))
    assert "いつでも" in log.get(f"/admin/accounts/auditentry/{entry.pk + 1}/change/").text


def test_what_cannot_be_read_is_kept_and_said(clock_at, manager, nami, signed_in):
    answer = signed_in(manager).post(
        reverse("desk-inquiries:hours", args=[nami.pk]), {"day0": "朝から", "day1": "9-12, 11-13", "day2": "9-17"}
    )
    assert answer.status_code == 422
    assert 'value="朝から"' in answer.text
    assert 'value="9-17"' in answer.text
    assert "「朝から」を時間帯として読み取れません" in answer.text
    assert "「11-13」は、ほかの時間帯と重なっています" in answer.text
    nami.refresh_from_db()
    assert nami.slots == slots((FRIDAY, "9-12, 13-18"), (SUNDAY, "22-2"))
    assert AuditEntry.objects.count() == 0


def test_mondays_line_for_the_week_saves_nothing_yet(clock_at, manager, nami, signed_in):
    address = reverse("desk-inquiries:hours", args=[nami.pk])
    answer = signed_in(manager).post(address, {"day0": "9-17", "day5": "10-12", "copy": "1"})
    assert answer.text.count('value="9-17"') == 5
    assert answer.text.count('value="10-12"') == 1
    nami.refresh_from_db()
    assert nami.slots == slots((FRIDAY, "9-12, 13-18"), (SUNDAY, "22-2"))


def test_of_who_sees_everything_the_form_says_that_only_turns_keep_to_it(clock_at, manager, agent, signed_in):
    page = signed_in(manager).get(reverse("desk-inquiries:hours", args=[agent.pk])).text
    assert "作業そのものはいつでもできます" in page
    assert "管理画面が開きません" not in page


def test_nobody_sets_their_own_who_may_not(clock_at, nami, agent, own, signed_in):
    for user in (nami, agent):
        answer = signed_in(user).post(reverse("desk-inquiries:hours", args=[nami.pk]), {"day4": "0-24"})
        assert answer.status_code == 403
    nami.refresh_from_db()
    assert nami.slots == slots((FRIDAY, "9-12, 13-18"), (SUNDAY, "22-2"))


def test_other_changes_of_a_person_leave_the_hours(clock_at, nami, signed_in):
    signed_in(nami).post(
        reverse("profile"),
        {"name": "白波", "alias": "", "language": "ja", "time_zone": "Asia/Tokyo", "work_hours": "", "day4": "0-24"},
    )
    nami.refresh_from_db()
    assert (nami.name, nami.slots) == ("白波", slots((FRIDAY, "9-12, 13-18"), (SUNDAY, "22-2")))


def test_standing(nami):
    def standing(moment):
        return Roster(moment).standing(nami)

    assert standing(at(20, 17, 59, 59)) is Standing.WORKING
    assert standing(at(20, 18)) is Standing.ENDING
    assert standing(at(20, 18, 15)) is Standing.OFF
    assert standing(at(20, 8, 50)) is Standing.OFF
    assert standing(at(20, 12, 10)) is Standing.ENDING


# --- approval of who is outsourced ------------------------------------------------------------------------------------


@pytest.mark.parametrize("whose", ["author", "role"])
def test_approval_can_be_required_of_a_person_and_of_their_role(whose, clock_at, manager, nami, own, agent, signed_in):
    page = signed_in(manager).get(reverse("desk-inquiries:hours", args=[nami.pk])).text
    assert "承認なしで送信されます" in page
    assert f"{reverse('admin:inquiries_approvalrule_add')}?author={nami.pk}" in page
    rule = {"author": nami.pk} if whose == "author" else {"role": Role.objects.get(code="outsourced").pk}
    answer = signed_in(manager).post(
        reverse("admin:inquiries_approvalrule_add"), {"name": "外注の返信", "is_active": "on", **rule}
    )
    assert answer.status_code == 302
    assert ApprovalRule.objects.get().name == "外注の返信"
    page = signed_in(manager).get(reverse("desk-inquiries:hours", args=[nami.pk])).text
    assert "外注の返信" in page
    assert "承認なしで送信されます" not in page
    assert approval_rules.needed(own, by=nami) == "外注の返信"
    assert approval_rules.needed(own, by=agent) == ""
    assert post(signed_in(nami), "reply", own, "紺色は来週入ります。").status_code == 422
    assert OutgoingMail.objects.count() == 0
    clock_at(at(20, 18, 5))  # within the quarter of an hour she may still hand it in
    assert post(signed_in(nami), "ask", own, "紺色は来週入ります。").status_code == 302
    assert OutgoingMail.objects.count() == 0
