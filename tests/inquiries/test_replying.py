"""Staff answer, note and draft."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from inquiries import drafts, opening, replying, signing_off, triage
from inquiries.answers import Answer
from inquiries.models import Category, Draft, Inquiry, InquiryEvent, Message
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.inquiries.make import make_inquiry


def asked(store, now, **fields):
    """A question that came through the form, so that an acknowledgement went out."""
    given = {
        "store": store, "name": "山田 花子", "email": "hanako@mail.example", "body": "財布の色は？",
        "category": Category.objects.get(slug="spec"), "now": now, **fields,
    }  # fmt: skip
    return opening.open_inquiry(**given)


def test_a_reply_goes_out_in_the_thread_with_the_stores_signature(store, now, agent):
    inquiry = asked(store, now, subject="名入れの書体について")
    acknowledgement = OutgoingMail.objects.get()
    message = replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    letter = OutgoingMail.objects.get(key=f"inquiries.message:{message.pk}")
    assert letter.subject == "Re: 名入れの書体について"
    assert letter.in_reply_to == acknowledgement.message_id
    assert letter.references == acknowledgement.message_id
    assert (letter.from_name, letter.from_address) == ("くらしの道具店", "honten@shop.example")
    assert (letter.to_address, letter.automatic) == ("hanako@mail.example", False)
    assert letter.text.startswith("三色ございます。\n\n受付番号：Q-")
    assert "担当：佐藤 彩\nくらしの道具店 お客様窓口" in letter.text
    assert (message.mail_key, message.message_id) == (letter.key, letter.message_id)
    second = replying.reply(inquiry, Answer("追伸です。"), by=agent, now=now)
    letter2 = OutgoingMail.objects.get(key=second.mail_key)
    assert letter2.in_reply_to == letter.message_id
    assert letter2.references == f"{acknowledgement.message_id} {letter.message_id}"


def test_a_reply_stops_the_clock_and_makes_the_inquiry_the_writers(store, now, agent):
    inquiry = asked(store, now)
    Draft.objects.create(inquiry=inquiry, author=agent, body="三色", saved_at=now)
    replying.reply(inquiry, Answer("三色ございます。", expected_version=1), by=agent, now=now)
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.waiting_since, inquiry.reply_due_at) == ("pending", None, None)
    assert (inquiry.assignee, inquiry.first_replied_at, inquiry.version) == (agent, now, 2)
    assert Draft.objects.count() == 0
    codes = list(InquiryEvent.objects.order_by("pk").values_list("code", flat=True))
    assert codes == ["opened", "taken", "status"]


def test_outsourced_staff_sign_with_their_alias(store, now, outsourced):
    inquiry = asked(store, now)
    triage.assign(inquiry, to=outsourced, by=None, now=now)
    replying.reply(inquiry, Answer("三色ございます。"), by=outsourced, now=now)
    text = OutgoingMail.objects.get(key__startswith="inquiries.message:").text
    assert "在宅サポート 白波" in text
    assert "白波 外" not in text


def test_the_stores_text_may_name_the_writer_itself(now, agent):
    store = make.make_store("second", signature_ja="担当は{{ agent.display_name }}です\n{{ shop.name }}")
    assert signing_off.signature(store, by=agent, language="ja") == "担当は佐藤 彩です\nくらしの道具店"


def test_a_broken_signature_sends_nothing(now, agent):
    store = make.make_store("second", signature_ja="{{ agent.salary }}")
    inquiry = asked(store, now, email="x@mail.example")
    with pytest.raises(signing_off.SignatureBroken, match=r"agent\.salary"):
        replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    assert not OutgoingMail.objects.filter(key__startswith="inquiries.message:").exists()
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.version) == ("open", 1)


def test_an_automatic_letter_is_signed_by_the_shop_alone(store):
    store.signature_ja = "──\n{{ shop.name }} お客様窓口\n担当：{{ agent.name }}\n{{ shop.email }}"
    assert signing_off.store_signature(store, language="ja") == "──\nくらしの道具店 お客様窓口\nhonten@shop.example"
    store.signature_en = ""
    assert signing_off.store_signature(store, language="en").splitlines()[1] == "Kurashi Tools お客様窓口"
    store.signature_ja = "{{ shop.nonsense }}"
    assert signing_off.store_signature(store, language="ja") == "くらしの道具店"


def test_an_english_question_gets_an_english_frame(store, now, agent):
    inquiry = asked(store, now, language="en", subject="Colours")
    replying.reply(inquiry, Answer("Three colours."), by=agent, now=now)
    text = OutgoingMail.objects.get(key__startswith="inquiries.message:").text
    assert "Reference number: Q-" in text
    assert "Kurashi Tools customer desk" in text


def test_a_reply_against_an_older_state_is_refused(store, now, agent):
    inquiry = asked(store, now)
    replying.note(inquiry, body="返金しないでください。", by=make.make_user(), now=now)
    with pytest.raises(replying.StaleReply):
        replying.reply(inquiry, Answer("返金します。", expected_version=1), by=agent, now=now)
    assert not OutgoingMail.objects.filter(key__startswith="inquiries.message:").exists()
    assert not Message.objects.filter(kind="reply").exists()


@pytest.mark.parametrize(
    ("email", "body", "refusal"), [("", "はい。", replying.NoAddress), ("a@b.example", " \n", replying.NothingWritten)]
)
def test_what_cannot_be_sent(store, now, agent, email, body, refusal):
    inquiry = asked(store, now, email=email, channel="phone")
    with pytest.raises(refusal):
        replying.reply(inquiry, Answer(body), by=agent, now=now)
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.version) == ("open", 1)
    assert OutgoingMail.objects.count() == 0


def test_line_breaks_in_a_subject_reach_no_header(store, now, agent):
    inquiry = asked(store, now, subject="a\r\nBcc: x@evil.example\u2028b")
    replying.reply(inquiry, Answer("はい。"), by=agent, now=now)
    letter = OutgoingMail.objects.get(key__startswith="inquiries.message:")
    assert letter.subject == "Re: a Bcc: x@evil.example b"
    assert replying.reply_subject("Re: RE：Re:色") == "Re: 色"


def test_the_words_of_a_reply_are_not_read_as_a_template(store, now, agent):
    inquiry = asked(store, now)
    replying.reply(inquiry, Answer("{{ secret }} {% now 'Y' %} <b>&amp;"), by=agent, now=now)
    text = OutgoingMail.objects.get(key__startswith="inquiries.message:").text
    assert text.startswith("{{ secret }} {% now 'Y' %} <b>&amp;")


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_send_one_reply(now):
    inquiry = make_inquiry()
    aya = make.make_user()
    start = threading.Barrier(3)
    outcomes = []

    def send():
        start.wait()
        try:
            replying.reply(inquiry, Answer("三色ございます。", expected_version=1), by=aya, now=now)
            outcomes.append("sent")
        except replying.StaleReply:
            outcomes.append("stale")
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["sent", "stale", "stale"]
    assert OutgoingMail.objects.count() == 1
    assert Message.objects.filter(kind="reply").count() == 1


# --- what the database refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["note", "received"])
def test_a_note_can_never_have_a_letter(db, now, agent, kind):
    inquiry = make_inquiry()
    with pytest.raises(IntegrityError, match="a_note_is_never_mailed"), transaction.atomic():
        Message.objects.create(inquiry=inquiry, kind=kind, body="x", author=agent, at=now, mail_key="k")


def test_what_else_the_database_refuses(db, now, agent):
    inquiry = make_inquiry()
    for constraint, change in [
        ("inquiry_solved_at_iff_solved", {"status": "solved", "waiting_since": None}),
        ("inquiry_waits_iff_open", {"waiting_since": None}),
        ("inquiry_waits_iff_open", {"status": "pending"}),
    ]:
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            Inquiry.objects.filter(pk=inquiry.pk).update(**change)
    with pytest.raises(IntegrityError, match="staff_messages_have_an_author"), transaction.atomic():
        Message.objects.create(inquiry=inquiry, kind="reply", body="x", at=now)
    Draft.objects.create(inquiry=inquiry, author=agent, body="a", saved_at=now)
    with pytest.raises(IntegrityError, match="one_draft_per_author"), transaction.atomic():
        Draft.objects.create(inquiry=inquiry, author=agent, body="b", saved_at=now)


def test_a_note_is_not_in_any_letter(store, now, agent):
    inquiry = asked(store, now)
    replying.note(inquiry, body="この方は要注意です。", by=agent, now=now)
    replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    assert not OutgoingMail.objects.filter(text__contains="要注意").exists()
    inquiry.refresh_from_db()
    assert inquiry.version == 3


# --- drafts -------------------------------------------------------------------------------------------------------


def test_drafts_are_kept_moved_and_never_sent(db, now, agent, assistant):
    inquiry = make_inquiry()
    assert drafts.save(inquiry, body="下書き\x00です", by=assistant, now=now).body == "下書きです"
    drafts.save(inquiry, body="下書きその二", by=assistant, now=now)
    theirs = Draft.objects.get()
    drafts.save(inquiry, body="わたしの分", by=agent, now=now)
    mine = drafts.take_over(theirs, by=agent, now=now)
    assert mine.body == "わたしの分\n\n下書きその二"
    assert list(Draft.objects.values_list("author", flat=True)) == [agent.pk]
    assert OutgoingMail.objects.count() == 0
    assert drafts.save(inquiry, body="  ", by=agent, now=now) is None
    assert Draft.objects.count() == 0


def test_a_save_that_comes_after_the_reply_leaves_no_draft(db, now, agent):
    inquiry = make_inquiry()
    replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    assert drafts.save(inquiry, body="三色ございます。\n", by=agent, now=now) is None
    assert Draft.objects.count() == 0
