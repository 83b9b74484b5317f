"""One inquiry as staff read it: what was said, by whom, what happened between, and nothing that is not theirs."""

import email
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inquiries import families, merging, replying
from inquiries.answers import Answer
from inquiries.models import Attachment, Draft, DraftFile, Inquiry, InquiryEvent, Mention, Message, Tag
from shopdesk.mail import message as mime
from shopdesk.mail.models import OutgoingMail
from tests import make
from tests.inquiries.make import make_inquiry

HTMX = {"HX-Request": "true", "HX-Target": "conversation"}


def url(inquiry, deed=""):
    return f"/admin/inquiries/{inquiry.pk}/{deed}"


def say(inquiry, body, at, kind="received", **fields):
    return Message.objects.create(inquiry=inquiry, kind=kind, body=body, at=at, **fields)


def page(staff, inquiry, deed="", **headers):
    return staff.get(url(inquiry, deed), headers=headers).content.decode()


def long_thread(now, agent, count=12):
    inquiry = make_inquiry(customer=make.make_customer(), body="最初の質問です。", opened_at=now - timedelta(days=5))
    for place in range(1, count):
        kind = "reply" if place % 2 else "received"
        at = now - timedelta(days=4) + timedelta(hours=place)
        say(inquiry, f"発言{place:02}です。", at, kind, author=agent if kind == "reply" else None)
    return inquiry


def test_a_long_thread_shows_the_question_and_the_end(db, now, agent, signed_in):
    inquiry = long_thread(now, agent)
    text = page(signed_in(agent), inquiry)
    assert "最初の質問です。" in text
    assert [place for place in range(1, 12) if f"発言{place:02}です。" in text] == [7, 8, 9, 10, 11]
    assert "… 以前のメッセージ6件を表示" in text
    assert text.index("最初の質問") < text.index("以前のメッセージ") < text.index("発言07")


@pytest.mark.parametrize("deed", ["?all=1", "thread/?all=1"])
def test_all_of_a_long_thread_on_demand(db, now, agent, signed_in, deed):
    inquiry = long_thread(now, agent)
    text = page(signed_in(agent), inquiry, deed)
    assert [place for place in range(1, 12) if f"発言{place:02}です。" not in text] == []
    assert "以前のメッセージ" not in text
    assert text.index("発言01") < text.index("発言02") < text.index("発言11")


def test_six_messages_are_not_folded(db, now, agent, signed_in):
    assert "以前のメッセージ" not in page(signed_in(agent), long_thread(now, agent, count=6))


def test_what_happened_between_folded_messages_is_folded_too(db, now, agent, signed_in):
    inquiry = long_thread(now, agent)
    early, late = now - timedelta(days=4) + timedelta(hours=3), now - timedelta(days=1)
    InquiryEvent.objects.create(inquiry=inquiry, code="taken", actor=agent, at=early)
    InquiryEvent.objects.create(inquiry=inquiry, code="taken", actor=agent, at=late)
    sentence = "佐藤 彩さんが担当になりました"
    assert page(signed_in(agent), inquiry, "thread/").count(sentence) == 1
    assert page(signed_in(agent), inquiry, "thread/?all=1").count(sentence) == 2


def test_what_is_new_is_shown_even_where_it_would_be_folded(db, now, agent, signed_in):
    inquiry = long_thread(now, agent)
    seen = max(inquiry.messages.values_list("pk", flat=True))
    # Mail that came late: its place is early in the thread, and nobody has read it.
    say(inquiry, "遅れて届いたメールです。", now - timedelta(days=4) + timedelta(hours=2, minutes=30))
    Inquiry.objects.update(version=9)
    data = {"body": "承知しました。", "version": 1, "seen": seen, "then": "pending"}
    answer = signed_in(agent).post(url(inquiry, "reply/"), data, headers=HTMX)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert text.partition("</title>")[2].startswith('<section id="conversation"')
    assert "遅れて届いたメールです。" in text
    assert text.count(">新着<") == 1
    assert "承知しました。" in text
    assert text.count("以前のメッセージ") == 2


def test_received_reply_note_and_automatic_look_different(db, now, agent, signed_in):
    inquiry = make_inquiry(customer=make.make_customer())
    say(inquiry, "ご返信です。", now, "reply", author=agent, mail_key="k:1", cc=["family@mail.example"])
    say(inquiry, "社内の話です。", now, "note", author=agent)
    say(inquiry, "受け付けました。", now, "automatic", mail_key="k:2")
    text = page(signed_in(agent), inquiry)
    for kind in ("message-received", "message-reply", "message-note"):
        assert f'"message {kind}"' in text
    assert "CC: family@mail.example" in text
    assert text.count(">社内メモ<") >= 2  # the tab and the message
    assert '<details class="message-body"><summary>' in text


def test_delivery_and_copies_that_did_not_arrive(db, now, agent, signed_in):
    inquiry = make_inquiry(customer=make.make_customer())
    sent = replying.reply(inquiry, Answer("三色です。", cc=["family@mail.example"]), by=agent, now=now)
    assert ">送信待ち<" in page(signed_in(agent), inquiry)
    left_out = [{"address": "family@mail.example", "reason": "suppressed"}]
    OutgoingMail.objects.filter(key=sent.mail_key).update(
        state=OutgoingMail.State.SENT, sent_at=now, raw=b"x", left_out=left_out
    )
    text = page(signed_in(agent), inquiry)
    assert ">送信済み<" in text
    assert "CC・BCCの1件が未送信" in text
    OutgoingMail.objects.filter(key=sent.mail_key).update(bounced_at=now)
    assert "badge-danger" in page(signed_in(agent), inquiry)


def test_reading_begins_where_the_customer_waits(db, now, agent, signed_in):
    inquiry = make_inquiry(customer=make.make_customer())
    say(inquiry, "返信です。", now - timedelta(minutes=30), "reply", author=agent)
    first = say(inquiry, "もう一つ質問です。", now - timedelta(minutes=20))
    say(inquiry, "写真も送ります。", now - timedelta(minutes=10))
    text = page(signed_in(agent), inquiry)
    assert f'<span id="newest"></span><article class="message message-received" id="message-{first.pk}">' in text
    answered = say(inquiry, "回答です。", now, "reply", author=agent)
    assert f'<span id="newest"></span><article class="message message-reply" id="message-{answered.pk}">' in page(
        signed_in(agent), inquiry
    )


def test_merged_inquiries_are_read_as_one_by_time(db, now, agent, signed_in):
    hanako = make.make_customer()
    first = make_inquiry("Q-FIRST1", customer=hanako, body="一つめです。", opened_at=now - timedelta(hours=3))
    second = make_inquiry("Q-SECOND", customer=hanako, body="二つめです。", opened_at=now - timedelta(hours=2))
    say(first, "三つめです。", now - timedelta(hours=1))
    merging.merge(second, into=first, by=agent, now=now)
    text = page(signed_in(agent), first, "thread/")
    assert text.index("一つめ") < text.index("二つめ") < text.index("三つめ")
    assert text.count(">Q-SECOND<") == 1
    assert text.count(">Q-FIRST1<") == 0
    assert families.family(first) == [first.pk, second.pk]


def test_a_merged_stranger_keeps_name_and_secrets(db, now, agent, outsourced, signed_in):
    hanako = make.make_customer()
    taro = make.make_customer("鈴木 太郎", "taro@mail.example", phone="08011112222")
    mine = make_inquiry("Q-MINE01", customer=hanako, assignee=outsourced)
    other = make_inquiry(
        "Q-THER01", customer=taro, body="太郎です。taro@mail.example か 080-1111-2222 へ。", phone="08011112222"
    )
    merging.merge(other, into=mine, by=agent, now=now, other_customer=True)
    mine.refresh_from_db()
    text = page(signed_in(agent), mine)
    assert "<strong>鈴木 太郎</strong>" in text
    assert "taro@mail.example" in text
    masked = page(signed_in(outsourced), mine)
    assert "<strong>鈴木 太郎</strong>" in masked
    assert "taro@mail.example" not in masked
    assert "2222" not in masked


# --- how it is asked for ------------------------------------------------------------------------------------------


def test_htmx_gets_the_conversation_and_everybody_else_the_page(db, agent, signed_in):
    inquiry = make_inquiry(customer=make.make_customer())
    staff = signed_in(agent)
    part = page(staff, inquiry, **HTMX).strip()
    title, _, part = part.partition("</title>")
    assert title == f"<title>{inquiry.subject} · shopdesk"  # the tab of the browser says what is open
    assert part.startswith('<section id="conversation" class="pane pane-conversation"')
    assert part.endswith("</section>")
    assert "<html" not in part
    whole = page(staff, inquiry)
    assert whole.count('id="conversation"') == 1
    assert "<html" in whole
    restored = page(staff, inquiry, **HTMX, **{"HX-History-Restore-Request": "true"})
    assert "<html" in restored
    # The browser keeps them apart, too.
    assert "HX-Request" in staff.get(f"/admin/inquiries/{inquiry.pk}/")["Vary"]


@pytest.mark.parametrize(
    ("stood", "wanted", "kept"),
    [
        ("/admin/inquiries/{pk}/?view=mine&page=2", "", "false"),  # after an act: the list beside it is still that one
        ("/admin/inquiries/{pk}/", "", "false"),
        ("/admin/inquiries/?view=mine", "", None),
        ("/admin/inquiries/1/", "", None),  # the one that it goes on in
        ("/admin/inquiries/{pk}/?view=mine", "?view=all", None),  # a row of a list that is another one by now
        ("", "", None),
    ],
)
def test_an_act_leaves_the_address_as_it_was(db, agent, signed_in, stood, wanted, kept):
    inquiry = make_inquiry()
    headers = HTMX | {"HX-Current-URL": "http://testserver" + stood.format(pk=inquiry.pk) if stood else ""}
    answer = signed_in(agent).get(f"/admin/inquiries/{inquiry.pk}/{wanted}", headers=headers)
    assert answer.get("HX-Push-Url") == kept


def test_everything_at_once_in_twelve_queries(db, now, agent, assistant, signed_in, django_assert_max_num_queries):
    hanako = make.make_customer()
    order = make.make_order("1001", customer=hanako)
    inquiry = make_inquiry(customer=hanako, order=order, assignee=agent)
    inquiry.tags.add(Tag.objects.create(name="サンプル送付済み"))
    for place in range(20):
        at = now - timedelta(minutes=30 - place)
        note = say(inquiry, "メモ", at, "note", author=assistant)
        Mention.objects.create(message=note, user=agent)
        sender = f"other{place}@mail.example"
        heard = say(inquiry, "受信", at, sender_address=sender, cc=["x@mail.example"])
        Attachment.objects.create(
            message=heard, storage_key=f"k{place}", name="a.png", media_type="image/png", size=1, sha256="0" * 64
        )
        inquiry.events.create(code="taken", actor=agent, at=at)
    replying.reply(inquiry, Answer("返信です。", expected_version=1), by=agent, now=now)
    for author in (agent, assistant):
        Draft.objects.create(inquiry=inquiry, author=author, body="案", saved_at=now)
        DraftFile.objects.create(
            inquiry=inquiry, author=author, storage_key="k", name="b.pdf", media_type="application/pdf", size=1,
            sha256="1" * 64, added_at=now,
        )  # fmt: skip
    staff = signed_in(agent)
    with CaptureQueriesContext(connection) as asked:
        answer = staff.get(url(inquiry), headers=HTMX)
    assert answer.status_code == 200
    assert len(asked) <= 12, [query["sql"][:150] for query in asked]
    assert len(answer.content) < 60_000
    assert "b.pdf" in answer.content.decode()
    with django_assert_max_num_queries(12):
        assert staff.get(url(inquiry)).status_code == 200


def test_menus_and_panels_are_asked_for_later(db, agent, assistant, signed_in):
    inquiry = make_inquiry(customer=make.make_customer())
    text = page(signed_in(agent), inquiry, **HTMX)
    assert f'hx-get="{url(inquiry, "panels/")}"' in text
    assert assistant.name not in text


def test_who_may_not_see_it_sees_no_part_of_it(db, agent, outsourced, signed_in):
    inquiry = make_inquiry(customer=make.make_customer())
    staff = signed_in(outsourced)
    for deed in ("", "thread/", "thread/?all=1", "panels/", "colleagues/"):
        assert staff.get(url(inquiry, deed)).status_code == 404
    for deed in ("draft/files/", "draft/files/1/remove/", "note/1/read/"):
        assert staff.post(url(inquiry, deed)).status_code == 404


def test_masked_staff_read_no_address_anywhere(db, now, outsourced, signed_in):
    hanako = make.make_customer(phone="09012345678")
    inquiry = make_inquiry(customer=hanako, assignee=outsourced, phone="09012345678")
    say(inquiry, "返事", now, cc=["family@mail.example"], sender_address="hanako@mail.example")
    say(inquiry, "返信", now, "reply", author=outsourced, cc=["family@mail.example"], bcc=["boss@mail.example"])
    InquiryEvent.objects.create(inquiry=inquiry, code="other_reply_to", data={"address": "x@mail.example"}, at=now)
    for deed in ("", "?to=all", "thread/", "panels/"):
        text = page(signed_in(outsourced), inquiry, deed)
        for secret in ("hanako@", "family@", "boss@", "x@mail", "5678"):
            assert secret not in text


def test_notes_never_leave_by_mail(db, now, agent, signed_in):
    inquiry = make_inquiry(customer=make.make_customer())
    staff = signed_in(agent)
    secrets = ["仕入れ値は三千円です", "このお客様は要注意", "@佐藤 彩 値引きは不可"]
    for secret in secrets:
        assert staff.post(url(inquiry, "note/"), {"body": secret}).status_code == 302
    inquiry.refresh_from_db()
    data = {"body": "三色です。", "version": inquiry.version, "seen": 0, "then": "pending"}
    assert staff.post(url(inquiry, "reply/"), data).status_code == 302
    (letter,) = OutgoingMail.objects.all()
    parsed = mime.build(letter, now)
    words = "".join(
        part.get_payload(decode=True).decode("utf-8", "replace")
        for part in email.message_from_bytes(parsed).walk()
        if not part.is_multipart()
    )
    assert "三色です。" in words
    for secret in secrets:
        assert secret not in words
        assert secret.encode() not in parsed
    assert Message.objects.filter(kind="note", mail_key__isnull=False).count() == 0
