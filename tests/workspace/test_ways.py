"""The ways in which a reply may leave: to which status and label it leads, and from which address it comes."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import localtime

from inquiries import approving, drafts, filing, merging, replying, scheduling, senders, undoing
from inquiries.answers import Answer
from inquiries.models import (
    ApprovalRule,
    Cause,
    Draft,
    Inquiry,
    InquiryEvent,
    Message,
    PreparedReply,
    StatusLabel,
)
from shopdesk import clock
from shopdesk.mail import message
from shopdesk.mail.models import Mailbox, OutgoingMail
from tests import make
from tests.faq.make import make_article
from tests.filing.make import make_mailbox, receive
from tests.inquiries.make import make_inquiry

BODY = "三色ございます。"


def post(client, inquiry, **words):
    data = {"body": BODY, "version": Inquiry.objects.get(pk=inquiry.pk).version, "then": "pending", **words}
    return client.post(reverse("desk-inquiries:reply", args=[inquiry.pk]), data)


@pytest.fixture
def held(db):
    """A store that holds replies for ten seconds."""
    return make.make_store(undo_seconds=10)


# --- the status afterwards -----------------------------------------------------------------------------------------------


@pytest.fixture
def label(db):
    return StatusLabel.objects.get(name_ja="仕入先・運送会社に確認中")


def test_the_menu_offers_the_shops_labels_when_it_is_opened(held, agent, signed_in, label):
    inquiry, client = make_inquiry(), signed_in(agent)
    StatusLabel.objects.create(status="pending", name_ja="もう使わない", name_en="Old", is_active=False)
    page = client.get(f"/admin/inquiries/{inquiry.pk}/").text
    assert "確認中」にする" not in page  # no query there for a menu that most never open
    ways = client.get(f"/admin/inquiries/{inquiry.pk}/ways/", {"after": f"label:{label.pk}"})
    assert f'name="then" value="label:{label.pk}">送信して「仕入先・運送会社に確認中」にする' in ways.text
    assert f'<option value="label:{label.pk}" selected>' in ways.text
    assert "「完了」にする" not in ways.text  # beside "send and solve"
    for other in StatusLabel.objects.exclude(status__in=["pending", "solved"]):
        assert f'"label:{other.pk}"' not in ways.text
    assert "もう使わない" not in ways.text


def test_without_a_script_the_menu_is_asked_for_and_the_text_is_kept(held, agent, signed_in, label):
    inquiry, client = make_inquiry(), signed_in(agent)
    answer = client.post(f"/admin/inquiries/{inquiry.pk}/draft/", {"body": "途中まで", "ways": "all"}, follow=True)
    assert ">途中まで</textarea>" in answer.text
    assert f'name="then" value="label:{label.pk}"' in answer.text


def test_pressed_before_the_labels_came_it_saves_and_shows_them_in_place(held, agent, signed_in, label):
    inquiry, client = make_inquiry(), signed_in(agent)
    url, htmx = f"/admin/inquiries/{inquiry.pk}/draft/", {"HX-Request": "true", "HX-Target": "conversation"}
    answer = client.post(url, {"body": "途中まで", "ways": "all"}, headers=htmx)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/inquiries/{inquiry.pk}/?ways=all#composer")
    part = client.get(f"/admin/inquiries/{inquiry.pk}/?ways=all", headers=htmx).text
    assert part.lstrip().startswith('<title>色について · shopdesk</title><section id="conversation"')
    assert f'name="then" value="label:{label.pk}"' in part
    assert ">途中まで</textarea>" in part
    assert OutgoingMail.objects.count() == 0


def test_send_and_set_to_a_label(held, agent, signed_in, label):
    inquiry, client = make_inquiry(), signed_in(agent)
    assert post(client, inquiry, then=f"label:{label.pk}").status_code == 302
    fresh = Inquiry.objects.get()
    assert (fresh.status, fresh.label) == ("pending", label)
    assert InquiryEvent.objects.get(code="status").data["to_ja"] == "仕入先・運送会社に確認中"
    undoing.take_back(Message.objects.get(kind="reply"), by=agent, now=clock.now())
    fresh = Inquiry.objects.get()
    assert (fresh.status, fresh.label) == ("open", None)


def test_a_status_that_no_reply_leads_to_is_refused(held, agent, signed_in):
    inquiry, client = make_inquiry(), signed_in(agent)
    gone = StatusLabel.objects.create(status="pending", name_ja="もう使わない", name_en="Old", is_active=False)
    on_hold = StatusLabel.objects.filter(status="hold").first()
    for then in ("spam", "open", f"label:{gone.pk}", f"label:{on_hold.pk}", "label:", "label:x", "label:²", "x" * 19):
        answer = post(client, inquiry, then=then)
        assert answer.status_code == 422
        assert BODY in answer.text
    assert OutgoingMail.objects.count() == 0


def test_a_label_that_closes_asks_for_the_cause_and_goes_on_with_it(held, agent, signed_in):
    inquiry, client = make_inquiry(), signed_in(agent)
    held.requires_cause = True
    held.save()
    label = StatusLabel.objects.create(status="solved", name_ja="返金して完了", name_en="Refunded")
    then = f"label:{label.pk}"
    answer = post(client, inquiry, then=then)
    assert answer.status_code == 422
    assert f'name="then" value="{then}"' in answer.text  # the button below the cause
    assert OutgoingMail.objects.count() == 0
    cause = Cause.objects.filter(parent=None).first()
    assert post(client, inquiry, then=then, cause=cause.pk).status_code == 302
    fresh = Inquiry.objects.get()
    assert (fresh.status, fresh.label, fresh.cause) == ("solved", label, cause)


def test_a_reply_that_waits_sets_the_label_when_it_leaves(held, agent, now, signed_in, label):
    inquiry, client = make_inquiry(), signed_in(agent)
    hour = localtime(now + timedelta(hours=1))
    code = f"label:{label.pk}"
    answer = post(client, inquiry, then="", after=code, action="schedule", send_at=f"{hour:%Y-%m-%dT%H:%M}")
    assert answer.status_code == 302
    assert Inquiry.objects.get().status == "open"
    assert "送信後「仕入先・運送会社に確認中」" in client.get(f"/admin/inquiries/{inquiry.pk}/").text
    scheduling.sweep(hour)
    fresh = Inquiry.objects.get()
    assert (fresh.status, fresh.label) == ("pending", label)


def test_what_needs_approval_keeps_the_status_that_was_chosen(held, agent, signed_in, label):
    inquiry, client = make_inquiry(), signed_in(agent)
    ApprovalRule.objects.create(name="全員")
    answer = post(client, inquiry, then=f"label:{label.pk}")
    assert answer.status_code == 422
    assert f'<option value="label:{label.pk}" selected>' in answer.text  # for "ask for approval", which is offered


# --- from which address ----------------------------------------------------------------------------------------------


HELP, REPAIRS, OTHERS = "help@shop.example", "repairs@shop.example", "mall@other.example"


@pytest.fixture
def boxes(held):
    """A second store, and mailboxes: one of each store, one more of the first, one that nobody reads yet."""
    mall = make.make_store("rakuten", is_default=False, sender_address=OTHERS)
    make_mailbox(HELP)
    make_mailbox(REPAIRS, store_code=held.code)
    make_mailbox("mall-box@other.example", store_code=mall.code)
    make_mailbox("new@shop.example", status="paused")
    make_mailbox(OTHERS, store_code=held.code)  # a mistake: it is what the other store sends from
    return held


def test_the_choices_are_the_stores_own_and_read(boxes):
    own = boxes.sender_address
    assert senders.choices(boxes) == [own, *(one for one in (HELP, REPAIRS) if one != own)]
    mall = make.make_store("rakuten")
    assert senders.choices(mall) == [OTHERS, "mall-box@other.example"]
    Mailbox.objects.filter(address=REPAIRS).update(store_code="closed-shop")  # as filing: what names no store is ours
    assert REPAIRS in senders.choices(boxes)


def test_one_address_is_shown_without_a_choice(held, agent, signed_in):
    inquiry, client = make_inquiry(), signed_in(agent)
    page = client.get(f"/admin/inquiries/{inquiry.pk}/").text
    assert f"&lt;{held.sender_address}&gt;" in page
    part = client.get(f"/admin/inquiries/{inquiry.pk}/senders/").text
    assert "<select" not in part
    assert f'value="{held.sender_address}"' in part


def test_a_reply_leaves_from_the_address_that_was_chosen(boxes, agent, now, signed_in):
    inquiry, client = make_inquiry(), signed_in(agent)
    part = client.get(f"/admin/inquiries/{inquiry.pk}/senders/", {"sender": REPAIRS}).text
    assert f"<option selected>{REPAIRS}</option>" in part
    assert OTHERS not in part
    assert post(client, inquiry, sender=REPAIRS).status_code == 302
    letter = OutgoingMail.objects.get()
    assert (letter.from_address, letter.reply_to, letter.from_name) == (REPAIRS, REPAIRS, boxes.sender_name)
    lines = message.headers(letter, now)
    assert REPAIRS in lines["From"]
    assert lines["Message-ID"] == Message.objects.get(kind="reply").message_id


@pytest.mark.parametrize(
    "sender",
    [OTHERS, "mall-box@other.example", "new@shop.example", "eve@evil.example", f"{REPAIRS}, eve@evil.example", "x"],
)
def test_any_other_address_is_refused_and_the_text_kept(boxes, agent, signed_in, sender):
    inquiry, client = make_inquiry(), signed_in(agent)
    for action in ("send", "schedule", "approve"):
        hour = f"{localtime(clock.now() + timedelta(days=1)):%Y-%m-%dT%H:%M}"
        answer = post(client, inquiry, sender=sender, action=action, send_at=hour)
        assert answer.status_code == 422
        assert "この店舗のアドレス" in answer.text
        assert f"{BODY}</textarea>" in answer.text
        assert f"<option>{REPAIRS}</option>" in answer.text  # to choose from at once
        assert f">{sender}<" not in answer.text
    assert OutgoingMail.objects.count() == PreparedReply.objects.count() == 0


def test_answers_leave_from_where_the_customer_last_wrote_to(boxes, agent, now, signed_in):
    receive("時計が止まりました。", mailbox=make_mailbox(REPAIRS))
    filing.sweep(now)
    inquiry = Inquiry.objects.get()
    assert inquiry.written_to == REPAIRS
    assert f"&lt;{REPAIRS}&gt;" in signed_in(agent).get(f"/admin/inquiries/{inquiry.pk}/").text
    first = replying.reply(inquiry, Answer(BODY), by=agent, now=now)
    assert OutgoingMail.objects.get(key=first.mail_key).from_address == REPAIRS
    # The customer goes on with the address of the shop itself, a third person with another one.
    receive("写真です。", mailbox=make_mailbox(HELP), subject="Re: 財布について", In_Reply_To=first.message_id)
    receive(
        "夫です。", mailbox=make_mailbox(REPAIRS), sender="ken@mail.example", subject="Re: 財布について",
        In_Reply_To=first.message_id,
    )  # fmt: skip
    filing.sweep(now)
    assert Inquiry.objects.get().written_to == HELP
    # What is not the store's any more is not used, and the reply leaves all the same.
    Mailbox.objects.filter(address=HELP).update(status="paused")
    Inquiry.objects.update(written_to=REPAIRS)
    Mailbox.objects.filter(address=REPAIRS).update(status="paused")
    second = replying.reply(Inquiry.objects.get(), Answer("承りました。"), by=agent, now=now)
    assert OutgoingMail.objects.get(key=second.mail_key).from_address == boxes.sender_address


def test_mail_to_another_stores_box_changes_nothing(boxes, agent, now):
    receive("色は？", mailbox=make_mailbox(REPAIRS))
    filing.sweep(now)
    said = replying.reply(Inquiry.objects.get(), Answer(BODY), by=agent, now=now)
    mall_box = make_mailbox("mall-box@other.example")
    receive("追伸です。", mailbox=mall_box, subject="Re: 財布について", In_Reply_To=said.message_id)
    filing.sweep(now)
    assert Inquiry.objects.get().written_to == ""


def test_the_choice_is_kept_with_the_draft(boxes, agent, now, signed_in):
    inquiry, client = make_inquiry(), signed_in(agent)
    url = f"/admin/inquiries/{inquiry.pk}/draft/"
    answer = client.post(url, {"body": "途中", "sender": REPAIRS}, headers={"HX-Request": "true"})
    assert f'id="leaves-from" hx-swap-oob="true">&lt;{REPAIRS}&gt;' in answer.text
    assert Draft.objects.get().sender == REPAIRS
    client.post(url, {"body": "途中まで", "sender": "eve@evil.example"}, headers={"HX-Request": "true"})
    assert (Draft.objects.get().body, Draft.objects.get().sender) == ("途中まで", REPAIRS)
    client.post(url, {"body": "途中まで"}, headers={"HX-Request": "true"})  # a page without the field
    assert Draft.objects.get().sender == REPAIRS
    assert f'name="sender" value="{REPAIRS}"' in client.get(f"/admin/inquiries/{inquiry.pk}/").text
    # The usual one is not written down: it may become another one.
    client.post(url, {"body": "途中まで", "sender": boxes.sender_address}, headers={"HX-Request": "true"})
    assert Draft.objects.get().sender == ""
    drafts.save(inquiry, body="途中", by=agent, now=now, sender=REPAIRS)
    ken = make.make_user()
    assert drafts.take_over(Draft.objects.get(), by=ken, now=now).sender == REPAIRS


def test_taken_back_it_is_chosen_again(boxes, agent, now):
    inquiry = make_inquiry()
    said = replying.reply(inquiry, Answer(BODY, sender=REPAIRS), by=agent, now=now)
    assert undoing.take_back(said, by=agent, now=now).sender == REPAIRS


def test_what_waits_leaves_from_it_at_its_hour(boxes, agent, now):
    inquiry, hour = make_inquiry(), now + timedelta(hours=1)
    row = scheduling.schedule(inquiry, Answer(BODY, sender=REPAIRS), by=agent, send_at=hour, now=now)
    scheduling.sweep(hour)
    assert OutgoingMail.objects.get().from_address == REPAIRS
    row.refresh_from_db()
    assert row.state == "sent"


def test_what_waits_comes_back_when_the_address_is_gone(boxes, agent, now):
    inquiry, hour = make_inquiry(), now + timedelta(hours=1)
    row = scheduling.schedule(inquiry, Answer(BODY, sender=REPAIRS), by=agent, send_at=hour, now=now)
    Mailbox.objects.filter(address=REPAIRS).update(status="paused")
    scheduling.sweep(hour)
    row.refresh_from_db()
    assert (row.state, row.returned_why) == ("returned", "sender")
    assert OutgoingMail.objects.count() == 0
    assert Draft.objects.get().body == BODY


def test_an_approver_sees_from_where_it_leaves(boxes, agent, now, signed_in):
    inquiry = make_inquiry()
    row = approving.ask(inquiry, Answer(BODY, sender=REPAIRS), by=agent, now=now)
    manager = make.make_user("manager@shop.example", name="責任 者子", role="manager")
    assert f"差出人 {REPAIRS}" in signed_in(manager).get(f"/admin/inquiries/{inquiry.pk}/").text
    approving.approve_and_send(row, by=manager, now=now)
    assert OutgoingMail.objects.get().from_address == REPAIRS


def test_an_approver_reads_of_no_address_that_sends_nothing(boxes, agent, now, signed_in):
    inquiry = make_inquiry(written_to=REPAIRS)
    approving.ask(inquiry, Answer(BODY), by=agent, now=now)
    manager = signed_in(make.make_user("manager@shop.example", name="責任 者子", role="manager"))
    assert f"差出人 {REPAIRS}" in manager.get(f"/admin/inquiries/{inquiry.pk}/").text
    Mailbox.objects.filter(address=REPAIRS).update(status="paused")
    assert f"差出人 {REPAIRS}" not in manager.get(f"/admin/inquiries/{inquiry.pk}/").text


def test_a_usual_reply_asks_nothing_more(boxes, django_assert_num_queries):
    inquiry = Inquiry.objects.select_related("store").get(pk=make_inquiry().pk)
    with django_assert_num_queries(0):
        assert senders.resolve(inquiry, "") == boxes.sender_address
        assert senders.resolve(inquiry, boxes.sender_address.upper()) == boxes.sender_address


def test_a_choice_that_is_gone_leads_to_another_one(boxes, agent, now, signed_in):
    inquiry, client = make_inquiry(), signed_in(agent)
    drafts.save(inquiry, body=BODY, by=agent, now=now, sender=REPAIRS)
    Mailbox.objects.exclude(address=boxes.sender_address).update(status="paused")
    answer = post(client, inquiry, sender=REPAIRS)
    assert answer.status_code == 422
    assert f'name="sender" value="{boxes.sender_address}"' in answer.text  # the only one that is left
    part = client.get(f"/admin/inquiries/{inquiry.pk}/senders/", {"sender": REPAIRS}).text
    assert f'value="{boxes.sender_address}"' in part
    assert REPAIRS not in part
    assert post(client, inquiry, sender=boxes.sender_address).status_code == 302
    assert OutgoingMail.objects.get().from_address == boxes.sender_address


def test_the_usual_one_is_never_a_choice_that_is_gone(boxes, agent, now, signed_in):
    inquiry, client = make_inquiry(written_to=REPAIRS), signed_in(agent)
    Mailbox.objects.filter(address=REPAIRS).update(status="paused")
    assert post(client, inquiry, sender=REPAIRS).status_code == 302  # as the page has it, where nobody chose
    assert OutgoingMail.objects.get().from_address == boxes.sender_address


def test_the_box_shows_from_where_it_leaves_when_the_customers_own_box_is_paused(boxes, agent, now, signed_in):
    inquiry, client = make_inquiry(written_to=REPAIRS), signed_in(agent)
    address, note = f"/admin/inquiries/{inquiry.pk}/", f"お客様は {REPAIRS} 宛に送信しています"
    text = client.get(address).text
    assert f'id="leaves-from">&lt;{REPAIRS}&gt;' in text
    assert note not in text
    Mailbox.objects.filter(address=REPAIRS).update(status="paused")
    for text in (client.get(address).text, client.get(f"{address}senders/").text):
        assert note in text
        assert f"<option>{REPAIRS}</option>" not in text
        assert f"<option selected>{boxes.sender_address}</option>" in text
    assert f'id="leaves-from">&lt;{boxes.sender_address}&gt;' in client.get(address).text
    # A page from before says it, too, when the draft is kept.
    draft = client.post(f"{address}draft/", {"body": "途中", "sender": REPAIRS}, headers={"HX-Request": "true"}).text
    assert f'hx-swap-oob="true">&lt;{boxes.sender_address}&gt;' in draft
    assert Draft.objects.get().sender == ""
    Mailbox.objects.filter(address=REPAIRS).update(status="active")
    assert f'id="leaves-from">&lt;{REPAIRS}&gt;' in client.get(address).text
    assert post(client, inquiry, sender=REPAIRS).status_code == 302
    assert OutgoingMail.objects.get().from_address == REPAIRS


def test_a_chosen_one_that_was_paused_is_not_shown_any_more(boxes, agent, now, signed_in):
    inquiry, client = make_inquiry(), signed_in(agent)
    drafts.save(inquiry, body=BODY, by=agent, now=now, sender=REPAIRS)
    Mailbox.objects.filter(address=REPAIRS).update(status="paused")
    text = client.get(f"/admin/inquiries/{inquiry.pk}/").text
    assert REPAIRS not in text
    assert f'id="leaves-from">&lt;{boxes.sender_address}&gt;' in text


def test_from_where_a_reply_leaves_asks_only_where_it_is_not_the_stores(boxes, django_assert_num_queries):
    inquiry = Inquiry.objects.select_related("store").get(pk=make_inquiry().pk)
    with django_assert_num_queries(0):
        assert senders.now(inquiry) == senders.Now(boxes.sender_address)
    inquiry.written_to = REPAIRS
    with django_assert_num_queries(1):
        assert senders.now(inquiry).usual == REPAIRS


# --- together and apart -----------------------------------------------------------------------------------------------


@pytest.fixture
def two(boxes):
    customer = make.make_customer()
    return [make_inquiry(number, customer=customer) for number in ("Q-FIRST1", "Q-SECND2")]


def written_to(inquiry):
    return Inquiry.objects.values_list("written_to", flat=True).get(pk=inquiry.pk)


def test_a_merged_inquiry_brings_the_address_that_was_written_to(two, agent, now):
    source, target = two
    Inquiry.objects.filter(pk=source.pk).update(written_to=REPAIRS)
    merging.merge(source, into=target, by=agent, now=now)
    assert written_to(target) == REPAIRS
    source.refresh_from_db()
    merging.unmerge(source, by=agent, now=now)
    assert (written_to(source), written_to(target)) == (REPAIRS, "")


def test_the_targets_own_address_stays(two, agent, now):
    source, target = two
    Inquiry.objects.filter(pk=source.pk).update(written_to=REPAIRS)
    Inquiry.objects.filter(pk=target.pk).update(written_to=HELP)
    merging.merge(source, into=target, by=agent, now=now)
    assert written_to(target) == HELP
    source.refresh_from_db()
    merging.unmerge(source, by=agent, now=now)
    assert (written_to(source), written_to(target)) == (REPAIRS, HELP)


def test_where_the_customer_wrote_after_the_merge_stays(two, agent, now):
    source, target = two
    Inquiry.objects.filter(pk=source.pk).update(written_to=REPAIRS)
    said = replying.reply(target, Answer(BODY), by=agent, now=now)
    merging.merge(source, into=target, by=agent, now=now)
    receive("写真です。", mailbox=make_mailbox(REPAIRS), subject="Re: 財布について", In_Reply_To=said.message_id)
    filing.sweep(now + timedelta(minutes=1))
    source.refresh_from_db()
    merging.unmerge(source, by=agent, now=now + timedelta(minutes=2))
    assert written_to(target) == REPAIRS


@pytest.mark.parametrize("other", ["customer", "store"])
def test_somebody_elses_address_is_not_taken(two, agent, now, other):
    source, target = two
    new = make.make_store("rakuten") if other == "store" else make.make_customer("佐藤 健", "ken@mail.example")
    Inquiry.objects.filter(pk=source.pk).update(written_to=REPAIRS, **{other: new})
    merging.merge(source, into=target, by=agent, now=now, other_customer=True)
    assert written_to(target) == ""


def test_a_split_question_is_answered_from_where_it_was_written_to(boxes, agent, now):
    receive("時計が止まりました。", mailbox=make_mailbox(REPAIRS))
    filing.sweep(now)
    inquiry = Inquiry.objects.get()
    Message.objects.create(inquiry=inquiry, kind="received", body="もう一つ質問です。", at=now)
    assert merging.split(inquiry.messages.last(), by=agent, now=now).written_to == REPAIRS


def test_what_waits_follows_the_address_of_its_store(boxes, agent, now, signed_in):
    inquiry, client = make_inquiry(), signed_in(agent)
    hour = localtime(clock.now() + timedelta(hours=30))
    answer = post(client, inquiry, sender=boxes.sender_address, action="schedule", send_at=f"{hour:%Y-%m-%dT%H:%M}")
    assert answer.status_code == 302
    boxes.sender_address = "desk@shop.example"
    boxes.save()
    scheduling.sweep(hour)
    assert PreparedReply.objects.get().state == "sent"
    assert OutgoingMail.objects.get().from_address == "desk@shop.example"


def test_an_article_that_is_added_keeps_the_choice(boxes, agent, now, signed_in):
    inquiry, client = make_inquiry(), signed_in(agent)
    drafts.save(inquiry, body="途中", by=agent, now=now, sender=REPAIRS)
    article = make_article()
    assert client.post(reverse("desk-inquiries:faq-use", args=[inquiry.pk, article.pk])).status_code == 302
    kept = Draft.objects.get()
    assert "途中" in kept.body
    assert kept.body != "途中"
    assert kept.sender == REPAIRS
