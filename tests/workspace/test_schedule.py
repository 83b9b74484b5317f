"""Replies that are sent later, and that wait no longer when somebody writes first."""

import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from inquiries import (
    approving,
    drafts,
    filing,
    preparing,
    replying,
    scheduling,
    triage,
    writing_in,
)
from inquiries.answers import Answer
from inquiries.models import (
    ApprovalRule,
    Attachment,
    Draft,
    DraftFile,
    Inquiry,
    InquiryEvent,
    Message,
    PreparedReply,
)
from shopdesk import clock
from shopdesk.accounts.models import AuditEntry
from shopdesk.accounts.permissions import P
from shopdesk.desk.home import Home
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.filing.make import make_mailbox, receive
from tests.inquiries.make import make_inquiry

BODY = "月曜日に発送いたします。"
HOUR = timedelta(hours=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "media")


@pytest.fixture
def inquiry(store):
    return make_inquiry()


def plan(inquiry, agent, now, send_at=None, **given):
    answer = Answer(**{"body": BODY, "expected_version": 1, **given})
    return scheduling.schedule(inquiry, answer, by=agent, send_at=send_at or now + HOUR, now=now)


def sent():
    return list(OutgoingMail.objects.order_by("pk").values_list("text", flat=True))


def state(row):
    row.refresh_from_db()
    return (row.state, row.returned_why)


def events():
    return list(InquiryEvent.objects.order_by("pk").values_list("code", flat=True))


# --- the hour ---------------------------------------------------------------------------------------------------------


def test_it_is_sent_at_its_hour_and_once(inquiry, agent, now):
    drafts.save(inquiry, body=BODY, by=agent, now=now)
    row = plan(inquiry, agent, now, cc=["ken@mail.example"], then="solved")
    assert Draft.objects.count() == 0
    assert Inquiry.objects.get().status == "open"  # nothing was answered yet
    assert scheduling.sweep(now + HOUR - timedelta(seconds=1)) == 0
    assert sent() == []
    for _ in range(2):
        scheduling.sweep(now + HOUR)
    (letter,) = OutgoingMail.objects.all()
    assert letter.text.startswith(BODY)
    assert letter.cc == ["ken@mail.example"]
    fresh = Inquiry.objects.get()
    assert (fresh.status, fresh.first_replied_at, fresh.assignee) == ("solved", now + HOUR, agent)
    assert state(row) == ("sent", "")
    assert row.message == Message.objects.get(kind="reply")
    assert row.message.author == agent


def test_its_files_go_with_it(inquiry, agent, now):
    key = default_storage.save("inquiries/test/a.pdf", ContentFile(b"%PDF-"))
    file = DraftFile.objects.create(
        inquiry=inquiry, author=agent, storage_key=key, name="a.pdf", media_type="application/pdf", size=5, sha256="0",
        added_at=now,
    )  # fmt: skip
    plan(inquiry, agent, now, files=[file])
    assert DraftFile.objects.count() == 0
    scheduling.sweep(now + HOUR)
    assert Attachment.objects.get().storage_key == key
    assert OutgoingMail.objects.get().attachments[0]["storage_key"] == key


@pytest.mark.parametrize(
    ("ahead", "refusal"),
    [
        (timedelta(0), scheduling.InThePast),
        (-HOUR, scheduling.InThePast),
        (timedelta(days=367), scheduling.TooFarAhead),
    ],
)
def test_hours_that_are_no_hours(inquiry, agent, now, ahead, refusal):
    with pytest.raises(refusal):
        plan(inquiry, agent, now, send_at=now + ahead)
    assert PreparedReply.objects.count() == 0


def test_what_reply_refuses_is_refused_at_once(inquiry, agent, now, assistant):
    for given, refusal in [
        ({"body": " "}, replying.NothingWritten),
        ({"expected_version": 0}, replying.StaleReply),
    ]:
        with pytest.raises(refusal):
            plan(inquiry, agent, now, **given)
    with pytest.raises(replying.MayNotSend):
        plan(inquiry, assistant, now)
    ApprovalRule.objects.create(name="全員")
    with pytest.raises(replying.NeedsApproval, match="全員"):
        plan(inquiry, agent, now)
    assert PreparedReply.objects.count() == 0


def test_only_one_waits_at_a_time(inquiry, agent, now):
    plan(inquiry, agent, now)
    with pytest.raises(preparing.PreparedAlready):
        plan(inquiry, make.make_user(), now)
    with pytest.raises(preparing.PreparedAlready):
        approving.ask(inquiry, Answer("x"), by=agent, now=now)
    with pytest.raises(IntegrityError, match="scheduled_has_its_hour"), transaction.atomic():
        PreparedReply.objects.update(send_at=None)


# --- somebody writes first ----------------------------------------------------------------------------------------------


def write_first(inquiry, now, text="やはりキャンセルします。"):
    """The customer's mail in answer to our acknowledgement, filed."""
    said = inquiry.messages.get()
    Message.objects.filter(pk=said.pk).update(message_id="<asked@mail.example>")
    receive(text, mailbox=make_mailbox(), In_Reply_To="<asked@mail.example>")
    filing.sweep(now)
    assert inquiry.messages.filter(kind="received").count() == 2


def test_when_the_customer_writes_first_it_is_a_draft_again(inquiry, agent, now):
    row = plan(inquiry, agent, now, cc=["ken@mail.example"])
    write_first(inquiry, now)
    assert state(row) == ("returned", "customer")
    draft = Draft.objects.get()
    assert (draft.author, draft.body, draft.cc) == (agent, BODY, ["ken@mail.example"])
    assert events()[-1] == "prepared_returned"
    scheduling.sweep(now + 2 * HOUR)
    assert sent() == []


def test_the_author_is_told_until_they_have_read_it(inquiry, agent, now, signed_in):
    row = plan(inquiry, agent, now)
    write_first(inquiry, now)
    client, page = signed_in(agent), reverse("desk-inquiries:detail", args=[inquiry.pk])
    told = "送信前にお客様から連絡がありました"
    assert told in client.get(page).text
    assert told not in signed_in(make.make_user()).get(page).text.partition("thread-event")[0]
    client.post(reverse("desk-inquiries:prepared-seen", args=[row.pk]))
    assert state(row)[0] == "cancelled"
    assert Draft.objects.count() == 1


def test_a_draft_begun_meanwhile_is_kept_below(inquiry, agent, now):
    plan(inquiry, agent, now)
    drafts.save(inquiry, body="追伸です。", by=agent, now=now)
    write_first(inquiry, now)
    assert Draft.objects.get().body == f"{BODY}\n\n追伸です。"


@pytest.mark.parametrize("deed", ["reply", "note"])
def test_a_colleague_who_is_first_returns_it(inquiry, agent, now, deed):
    row, ken = plan(inquiry, agent, now), make.make_user()
    if deed == "reply":
        replying.reply(inquiry, Answer("こちらで確認しました。"), by=ken, now=now)
    else:
        replying.note(inquiry, body="こちらで確認しました。", by=ken, now=now)
    scheduling.sweep(now + HOUR)
    assert state(row) == ("returned", "colleague")
    assert Draft.objects.get(author=agent).body == BODY
    assert not any(BODY in text for text in sent())


def test_a_machines_words_do_not_stop_it(inquiry, agent, now):
    """An absence notice, or a letter of the returns room, says nothing that an answer would have to consider."""
    row = plan(inquiry, agent, now)
    writing_in.say(inquiry, body="返品を受け付けました。", now=now)
    Message.objects.create(inquiry=inquiry, kind="received", body="不在です。", at=now, automatic=True)
    Inquiry.objects.update(version=9)
    scheduling.sweep(now + HOUR)
    assert state(row) == ("sent", "")


def test_a_mail_that_nobody_told_the_row_about_stops_it_at_its_hour(inquiry, agent, now):
    """Whatever wrote the message: the version is looked at in the moment of sending."""
    row = plan(inquiry, agent, now)
    Message.objects.create(inquiry=inquiry, kind="received", body="待って！", at=now)
    Inquiry.objects.update(version=2)
    scheduling.sweep(now + HOUR)
    assert state(row) == ("returned", "customer")


@pytest.mark.parametrize("status", ["spam", "merged"])
def test_what_left_the_desk_is_not_answered(inquiry, agent, now, status):
    row = plan(inquiry, agent, now)
    other = make_inquiry("Q-TEST02", customer=inquiry.customer)
    Inquiry.objects.filter(pk=inquiry.pk).update(
        status=status, waiting_since=None, merged_into=other if status == "merged" else None
    )
    scheduling.sweep(now + HOUR)
    assert state(row) == ("returned", "closed")
    assert sent() == []


@pytest.mark.parametrize("why", ["no_address", "may_not", "signature", "cause"])
def test_what_cannot_be_sent_any_more_comes_back_with_its_reason(inquiry, agent, now, store, why):
    row = plan(inquiry, agent, now, then="solved")
    if why == "no_address":
        Inquiry.objects.update(email="")
    if why == "may_not":
        agent.is_active = False
        agent.save()
    if why == "signature":
        store.signature_ja = "{{ agent.salary }}"
    if why == "cause":
        store.requires_cause = True
    store.save()
    scheduling.sweep(now + HOUR)
    assert state(row) == ("returned", why)
    assert Draft.objects.get().body == BODY
    assert sent() == []
    assert not Message.objects.filter(kind="reply").exists()


def test_a_rule_made_meanwhile_is_kept(inquiry, agent, now):
    row = plan(inquiry, agent, now)
    ApprovalRule.objects.create(name="全員")
    scheduling.sweep(now + HOUR)
    assert (*state(row), row.reason) == ("awaiting", "", "全員")
    assert sent() == []


def test_a_poisoned_reply_does_not_stop_the_next(inquiry, agent, now, monkeypatch):
    row = plan(inquiry, agent, now)
    other = make_inquiry("Q-TEST02", customer=inquiry.customer)
    second = plan(other, agent, now, send_at=now + 2 * HOUR, body="次のお客様へ")
    real = replying.reply

    def broken(one, answer, **given):
        if one.pk == inquiry.pk:
            raise RuntimeError("boom")
        return real(one, answer, **given)

    monkeypatch.setattr(replying, "reply", broken)
    assert scheduling.sweep(now + 2 * HOUR) == 2
    assert state(row) == ("returned", "failed")
    assert state(second) == ("sent", "")
    assert len(sent()) == 1


def test_a_crash_between_sending_and_marking_leaves_nothing(inquiry, agent, now, monkeypatch):
    """One transaction: the next sweep sends it, once."""
    row = plan(inquiry, agent, now)

    class PowerCutError(BaseException):
        pass

    def cut(self, *args, **kwargs):
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(PreparedReply, "save", cut)
        with pytest.raises(PowerCutError):
            scheduling.sweep(now + HOUR)
    assert sent() == []
    assert state(row) == ("scheduled", "")
    scheduling.sweep(now + HOUR)
    assert len(sent()) == 1


# --- races ------------------------------------------------------------------------------------------------------------


def at_once(*deeds):
    """Run the deeds in threads that start together; what each returned or raised."""
    start, outcomes = threading.Barrier(len(deeds)), {}

    def run(place, deed):
        start.wait()
        try:
            outcomes[place] = deed()
        except Exception as error:  # told to the test
            outcomes[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[place] for place in range(len(deeds))]


@pytest.mark.django_db(transaction=True)
def test_four_workers_send_each_reply_once(now):
    make.make_store()
    agent, customer = make.make_user(), make.make_customer()
    for turn in range(6):
        plan(make_inquiry(f"Q-RACE{turn:02}", customer=customer), agent, now)
    at_once(*[lambda: scheduling.sweep(now + HOUR)] * 4)
    scheduling.sweep(now + HOUR)  # what was passed over because its row was held
    assert len(sent()) == 6
    assert set(PreparedReply.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.django_db(transaction=True)
def test_the_customer_and_the_hour_at_once(now, settings, tmp_path):
    """Whoever is first decides; never both a letter and a draft, and never a letter that overlooked their mail."""
    settings.MEDIA_ROOT = str(tmp_path)
    make.make_store()
    mailbox = make_mailbox()
    agent, customer = make.make_user(), make.make_customer()
    for turn in range(6):
        inquiry = make_inquiry(f"Q-RACE{turn:02}", customer=customer)
        Message.objects.filter(inquiry=inquiry).update(message_id=f"<asked{turn}@mail.example>")
        row = plan(inquiry, agent, now)
        receive(f"待ってください {turn}", mailbox=mailbox, In_Reply_To=f"<asked{turn}@mail.example>")
        at_once(lambda: scheduling.sweep(now + HOUR), lambda: filing.sweep(now + HOUR))
        scheduling.sweep(now + HOUR)
        row.refresh_from_db()
        said = list(inquiry.messages.order_by("pk").values_list("kind", flat=True))
        if row.state == "sent":
            assert said == ["received", "reply", "received"]
            assert Draft.objects.filter(inquiry=inquiry).count() == 0
        else:
            assert (row.state, row.returned_why) == ("returned", "customer")
            assert said == ["received", "received"]
            assert Draft.objects.filter(inquiry=inquiry).count() == 1


@pytest.mark.django_db(transaction=True)
def test_cancelling_and_the_hour_at_once(now):
    make.make_store()
    agent, customer = make.make_user(), make.make_customer()
    for turn in range(6):
        inquiry = make_inquiry(f"Q-RACE{turn:02}", customer=customer)
        row = plan(inquiry, agent, now)
        _, cancelled = at_once(
            lambda: scheduling.sweep(now + HOUR),
            lambda row=row: scheduling.cancel(row, by=agent, now=now + HOUR),
        )
        scheduling.sweep(now + HOUR)
        replies = inquiry.messages.filter(kind="reply").count()
        drafted = Draft.objects.filter(inquiry=inquiry).count()
        assert (replies, drafted) == ((1, 0) if isinstance(cancelled, preparing.Gone) else (0, 1))


# --- by hand ------------------------------------------------------------------------------------------------------------


def test_another_hour_cancel_and_now(inquiry, agent, now):
    row = plan(inquiry, agent, now)
    scheduling.move(row, send_at=now + 5 * HOUR, by=agent, now=now)
    assert scheduling.sweep(now + 4 * HOUR) == 0
    with pytest.raises(scheduling.InThePast):
        scheduling.move(row, send_at=now, by=agent, now=now)
    with pytest.raises(preparing.NotTheirs):
        scheduling.cancel(row, by=make.make_user(), now=now)
    scheduling.cancel(row, by=agent, now=now)
    assert Draft.objects.get().body == BODY
    with pytest.raises(preparing.Gone):
        scheduling.send_now(row, by=agent, now=now)
    again = plan(inquiry, agent, now)
    message = scheduling.send_now(again, by=agent, now=now)
    assert (state(again)[0], again.message) == ("sent", message)
    assert len(sent()) == 1


def test_now_is_refused_as_long_as_something_new_is_unread(inquiry, agent, now):
    row = plan(inquiry, agent, now)
    Message.objects.create(inquiry=inquiry, kind="received", body="待って！", at=now)
    Inquiry.objects.update(version=2)
    with pytest.raises(replying.StaleReply):
        scheduling.send_now(row, by=agent, now=now, expected_version=1)
    scheduling.send_now(row, by=agent, now=now, expected_version=2)
    assert len(sent()) == 1


def post(client, inquiry, **words):
    data = {"body": BODY, "version": 1, "action": "schedule", **words}
    return client.post(reverse("desk-inquiries:reply", args=[inquiry.pk]), data)


def test_hours_are_in_the_staffs_own_zone(inquiry, now, signed_in):
    """Friday 10:00 in Tokyo is Thursday 17:00 in Los Angeles."""
    away = make.make_user("kei@shop.example", time_zone="America/Los_Angeles")
    assert post(signed_in(away), inquiry, send_at="2026-11-19T18:30").status_code == 302
    row = PreparedReply.objects.get()
    assert row.send_at == datetime(2026, 11, 20, 11, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    page = signed_in(away).get(reverse("desk-inquiries:detail", args=[inquiry.pk])).text
    assert 'value="2026-11-19T18:30"' in page


@pytest.mark.parametrize("typed", ["2026-11-20T09:59", "2026-11-20T10:00", "", "明日", "2028-01-01T09:00"])
def test_an_hour_that_is_none_keeps_what_was_typed(inquiry, agent, signed_in, typed):
    response = post(signed_in(agent), inquiry, send_at=typed)
    assert response.status_code == 422
    assert BODY in response.text
    if typed:
        assert f'value="{typed}"' in response.text
    assert PreparedReply.objects.count() == 0


def test_the_screens(inquiry, agent, now, signed_in, monkeypatch):
    client = signed_in(agent)
    for _ in range(2):  # a double click
        assert post(client, inquiry, send_at="2026-11-24T09:00").status_code == 302
    row = PreparedReply.objects.get()
    assert row.state == "scheduled"
    page = client.get(reverse("desk-inquiries:detail", args=[inquiry.pk])).text
    assert "予約送信" in page
    assert BODY in page
    assert client.post(reverse("desk-inquiries:prepared-move", args=[row.pk]), {"send_at": "x"}).status_code == 422
    client.post(reverse("desk-inquiries:prepared-move", args=[row.pk]), {"send_at": "2026-11-25T09:00"})
    row.refresh_from_db()
    assert row.send_at == datetime(2026, 11, 25, 9, 0, tzinfo=ZoneInfo("Asia/Tokyo"))
    for _ in range(2):
        response = client.post(reverse("desk-inquiries:prepared-withdraw", args=[row.pk]))
        assert response.status_code == 302
    assert Draft.objects.get().body == BODY
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=1))
    post(client, inquiry, send_at="2026-11-24T09:00")
    row = PreparedReply.objects.get(state="scheduled")
    for _ in range(2):
        assert client.post(reverse("desk-inquiries:prepared-send", args=[row.pk])).status_code == 302
    assert len(sent()) == 1


def test_who_may_not_send_schedules_nothing(inquiry, assistant, agent, now, signed_in):
    client = signed_in(assistant)
    assert post(client, inquiry, send_at="2026-11-24T09:00").status_code == 403
    row = plan(inquiry, agent, now)
    for deed in ("send", "move"):
        address = reverse(f"desk-inquiries:prepared-{deed}", args=[row.pk])
        assert client.post(address, {"send_at": "2026-11-24T09:00"}).status_code == 403
    assert AuditEntry.objects.filter(code="inquiries.send_refused", actor=assistant).count() == 3
    assert state(row) == ("scheduled", "")
    assert sent() == []


def test_a_status_set_meanwhile_does_not_stop_it(inquiry, agent, now):
    """Assigning or laying aside says nothing new."""
    row = plan(inquiry, agent, now)
    triage.assign(inquiry, to=make.make_user(), by=agent, now=now)
    scheduling.sweep(now + HOUR)
    assert state(row) == ("sent", "")


# --- whose author cannot send it --------------------------------------------------------------------------------------


@pytest.fixture
def behind(inquiry, agent, now):
    """A reply whose author left before its hour; it is the hour."""
    plan(inquiry, agent, now)
    type(agent).objects.filter(pk=agent.pk).update(is_active=False)
    assert scheduling.sweep(now + HOUR) == 1
    return PreparedReply.objects.get(state="returned", returned_why="may_not")


def _at_home(user, now):
    return {one.key: [item.title for item in one.items] for one in Home(user, now).lists if one.items}


def test_what_nobody_can_send_any_more_is_told_to_who_can(behind, inquiry, owner, assistant, now):
    answers = make.make_user("hiro@shop.example", name="広田 ひろ", role="agent")
    assert _at_home(owner, now)["back"] == [inquiry.subject]
    assert sum(inquiry.subject in titles for titles in _at_home(owner, now).values()) == 1
    assert "back" not in _at_home(answers, now)
    Inquiry.objects.update(assignee=answers)
    assert _at_home(answers, now)["back"] == [inquiry.subject]
    assert sum(inquiry.subject in titles for titles in _at_home(answers, now).values()) == 1
    Inquiry.objects.update(assignee=assistant)  # who may not send cannot cure it
    assert "back" not in _at_home(assistant, now)


def test_who_lost_the_right_is_told_and_so_is_who_can_send(inquiry, agent, owner, now):
    plan(inquiry, agent, now)
    agent.role.permissions = [code for code in agent.role.permissions if code != P.INQUIRIES_REPLY]
    agent.role.save(update_fields=["permissions"])
    scheduling.sweep(now + HOUR)
    assert PreparedReply.objects.get().returned_why == "may_not"
    for person in (type(agent).objects.get(pk=agent.pk), owner):
        assert _at_home(person, now)["back"] == [inquiry.subject]


def test_taking_the_draft_over_settles_it(behind, inquiry, owner, now, signed_in):
    text = signed_in(owner).get(reverse("desk-inquiries:detail", args=[inquiry.pk])).text
    draft = Draft.objects.get()
    assert reverse("desk-inquiries:take-draft", args=[inquiry.pk, draft.pk]) in text
    drafts.take_over(draft, by=owner, now=now)
    assert PreparedReply.objects.get().state == "cancelled"
    assert Draft.objects.get(author=owner).body == BODY
    assert "back" not in _at_home(owner, now)
    assert _at_home(owner, now)["mine"] == [inquiry.subject]


def test_an_answer_of_somebody_else_settles_it(behind, inquiry, owner, now):
    replying.reply(inquiry, Answer("本日発送いたします。"), by=owner, now=now + 2 * HOUR)
    assert PreparedReply.objects.get().state == "cancelled"
    assert "back" not in _at_home(owner, now)


def test_what_came_back_to_a_colleague_at_work_is_theirs_alone(inquiry, agent, owner, now):
    plan(inquiry, agent, now)
    inquiry.refresh_from_db()
    preparing.return_scheduled(inquiry, why="customer", now=now)
    assert "back" not in _at_home(owner, now)
    assert _at_home(agent, now)["back"] == [inquiry.subject]
    replying.reply(inquiry, Answer("本日発送いたします。"), by=owner, now=now + 2 * HOUR)
    assert PreparedReply.objects.get().state == "returned"
