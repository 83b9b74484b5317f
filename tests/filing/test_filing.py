"""What becomes of a received mail."""

import pytest

from inquiries import filing, replying
from inquiries.answers import Answer
from inquiries.models import Inquiry, Message
from shopdesk.mail import incoming
from shopdesk.mail.models import IncomingMail, OutgoingMail
from tests.filing.make import PNG, make_mailbox, raw_mail, receive, store_raw
from tests.inquiries.make import make_inquiry
from tests.make import make_customer, make_order, make_store

State = IncomingMail.State
pytestmark = pytest.mark.usefixtures("mailbox")


def events(inquiry):
    return list(inquiry.events.values_list("code", flat=True))


def file_all(now):
    return filing.sweep(now)


def test_a_mail_opens_an_inquiry(now):
    mail = receive("財布の色は何色ありますか。\n", subject="財布について")
    assert filing.sweep(now) == 1
    mail.refresh_from_db()
    inquiry = Inquiry.objects.get()
    message = inquiry.messages.get(kind="received")
    assert (mail.state, mail.filed_as, mail.lease_until) == (State.FILED, f"inquiries.message:{message.pk}", None)
    assert (mail.from_address, mail.subject, mail.kind) == ("hanako@mail.example", "財布について", "mail")
    assert (inquiry.subject, inquiry.email, inquiry.name) == ("財布について", "hanako@mail.example", "山田 花子")
    assert (inquiry.channel, inquiry.status, inquiry.language, inquiry.waiting_since) == ("email", "open", "ja", now)
    assert (message.body, message.message_id, message.incoming_id) == (
        "財布の色は何色ありますか。", mail.message_id, mail.pk,
    )  # fmt: skip
    assert events(inquiry) == ["opened", "category_guessed"]
    assert filing.sweep(now) == 0


def test_the_acknowledgement_answers_the_mail_and_says_nothing_of_it(now):
    mail = receive("買え http://evil.example", subject="当選しました", sender="当選 <hanako@mail.example>")
    filing.sweep(now)
    mail.refresh_from_db()
    letter = OutgoingMail.objects.get()
    assert (letter.to_address, letter.automatic, letter.in_reply_to) == ("hanako@mail.example", True, mail.message_id)
    assert letter.to_name == ""
    for words in (letter.subject, letter.text, letter.html):
        assert "当選" not in words
        assert "evil" not in words


@pytest.mark.parametrize("status", ["reading", "paused"])
def test_nothing_is_answered_before_the_owner_says_start(now, status):
    receive(mailbox=make_mailbox("other@shop.example", status=status))
    filing.sweep(now)
    assert not OutgoingMail.objects.exists()
    assert "acknowledgement_withheld" in events(Inquiry.objects.get())


@pytest.mark.parametrize(
    ("headers", "sender"),
    [
        ({"List_Id": "<news.example>"}, "a@mail.example"),
        ({"Precedence": "bulk"}, "a@mail.example"),
        ({"X_Auto_Response_Suppress": "All"}, "a@mail.example"),
        ({}, "no-reply@mail.example"),
        ({}, "notifications@mail.example"),
        ({"Authentication_Results": "mx.example; spf=fail; dkim=none; dmarc=fail"}, "a@mail.example"),
    ],
)
def test_machines_and_forged_senders_get_no_acknowledgement(now, headers, sender):
    receive(sender=sender, **headers)
    filing.sweep(now)
    assert Inquiry.objects.count() == 1
    assert not OutgoingMail.objects.exists()


def test_a_hundred_mails_of_one_forged_sender_cause_one_letter(now):
    for number in range(30):
        receive(f"質問 {number}", sender="victim@mail.example")
    filing.sweep(now, limit=100)
    assert Inquiry.objects.count() == 30
    assert OutgoingMail.objects.count() == 1


def test_a_wave_of_senders_stops_at_thirty_a_minute(now):
    for number in range(35):
        receive(sender=f"c{number}@mail.example")
    filing.sweep(now, limit=100)
    assert OutgoingMail.objects.count() == 30


def test_the_same_mail_again_is_a_duplicate_and_another_under_its_id_is_not(now):
    raw = raw_mail("一通目", message_id="<same@mail.example>")
    first, copy = store_raw(raw), store_raw(b"Received: by mx\r\n" + raw, mailbox=make_mailbox("b@shop.example"))
    other = receive("二通目", message_id="<same@mail.example>")
    filing.sweep(now)
    states = [IncomingMail.objects.get(pk=one.pk) for one in (first, copy, other)]
    assert [one.state for one in states] == [State.FILED, State.DUPLICATE, State.FILED]
    assert states[1].reason == f"same_as:{first.pk}"
    assert Message.objects.filter(kind="received").count() == 2


def test_our_own_address_is_no_customer(now):
    mail = receive(sender="honten@shop.example")
    again = receive(sender="Help <HELP@shop.example>")
    filing.sweep(now)
    for one in (mail, again):
        one.refresh_from_db()
        assert (one.state, one.reason) == (State.IGNORED, "own_address")
    assert not Inquiry.objects.exists()


def test_a_reply_joins_by_the_id_of_our_letter(now, agent):
    inquiry = make_inquiry()
    said = replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    receive("では赤をください。", In_Reply_To=said.message_id, References=f"<x@y> {said.message_id}")
    filing.sweep(now)
    inquiry.refresh_from_db()
    assert Inquiry.objects.count() == 1
    assert (inquiry.status, inquiry.waiting_since, inquiry.version) == ("open", now, 3)
    assert inquiry.messages.last().body == "では赤をください。"
    # and our next letter answers that very mail
    again = replying.reply(inquiry, Answer("承りました。"), by=agent, now=now)
    letter = OutgoingMail.objects.get(key=again.mail_key)
    assert letter.in_reply_to == inquiry.messages.filter(kind="received").last().message_id
    assert letter.references.split()[-1] == letter.in_reply_to


def test_a_quoted_reference_line_joins_without_headers(now, agent):
    inquiry = make_inquiry()
    said = replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    text = OutgoingMail.objects.get(key=said.mail_key).text
    quoted = "\n".join("> " + line for line in text.splitlines())
    receive(f"赤をください。\n\n{quoted}\n", sender="other@mail.example")
    filing.sweep(now)
    assert Inquiry.objects.get() == inquiry
    message = inquiry.messages.filter(kind="received").last()
    assert message.body == "赤をください。"
    assert "三色ございます" in message.folded


def test_a_forged_reference_line_joins_nothing(now):
    inquiry = make_inquiry()
    receive(f"> 受付番号：{inquiry.number} [0123456789abcdef]\n", sender="stranger@mail.example")
    filing.sweep(now)
    assert inquiry.messages.count() == 1


def test_a_number_in_the_subject_joins_only_from_who_takes_part(now):
    inquiry = make_inquiry("Q-7K3F9M")
    receive("追加です", subject="Re: 色 ｑ-７k3f9m")
    filing.sweep(now)
    assert inquiry.messages.count() == 2
    receive("私にも見せて", subject="Re: [Q-7K3F9M]", sender="stranger@mail.example", Cc="cc@mail.example")
    filing.sweep(now)
    assert inquiry.messages.count() == 2
    stranger = Inquiry.objects.exclude(pk=inquiry.pk).get()
    assert stranger.email == "stranger@mail.example"
    assert "subject_number_of_other" in events(stranger)
    for letter in OutgoingMail.objects.all():
        assert letter.to_address == "stranger@mail.example"
        assert "色" not in letter.text + letter.subject


@pytest.mark.parametrize("sender", ["stranger@mail.example", "aya@shop.example"])
def test_a_message_id_of_ours_that_is_no_letter_joins_nothing(now, agent, sender):
    inquiry = make_inquiry()
    said = replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    wrong = "<" + "a" * 26 + said.message_id[27:]
    receive("おまえの代わりに答える", sender=sender, In_Reply_To=wrong, References=wrong)
    filing.sweep(now)
    assert inquiry.messages.count() == 2
    opened = Inquiry.objects.exclude(pk=inquiry.pk).get()
    assert opened.messages.first().author is None
    assert not OutgoingMail.objects.exclude(to_address__in=[inquiry.email, sender]).exists()


def test_the_customers_own_earlier_mail_joins_only_from_who_takes_part(now):
    receive("一つ目", message_id="<first@mail.example>")
    filing.sweep(now)
    inquiry = Inquiry.objects.get()
    receive("二つ目", References="<first@mail.example>")
    receive("割り込み", References="<first@mail.example>", sender="stranger@mail.example")
    filing.sweep(now)
    assert inquiry.messages.filter(kind="received").count() == 2
    assert Inquiry.objects.count() == 2


def test_a_third_persons_answer_is_theirs(now, agent):
    inquiry = make_inquiry()
    said = replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    receive("妻の代わりに。赤を。", sender="山田 太郎 <taro@mail.example>", In_Reply_To=said.message_id)
    filing.sweep(now)
    inquiry.refresh_from_db()
    message = inquiry.messages.last()
    assert (message.sender_name, message.sender_address) == ("山田 太郎", "taro@mail.example")
    assert inquiry.email == "hanako@mail.example"
    assert not inquiry.customer.addresses.filter(address="taro@mail.example").exists()
    again = replying.reply(inquiry, Answer("承りました。"), by=agent, now=now)
    assert OutgoingMail.objects.get(key=again.mail_key).to_address == "hanako@mail.example"


def test_the_customers_other_address_becomes_the_one_to_answer(now, agent):
    inquiry = make_inquiry()
    inquiry.customer.addresses.create(address="hana.ko..@docomo.ne.jp")
    said = replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    receive("赤を。", sender="hana.ko..@docomo.ne.jp", In_Reply_To=said.message_id)
    filing.sweep(now)
    inquiry.refresh_from_db()
    assert inquiry.email == "hana.ko..@docomo.ne.jp"


def test_a_reply_to_after_care_mail_joins_only_the_same_customers_conversation(now):
    from tests.mail.make import queue

    letter = queue("followups.step:1", to="hanako@mail.example", subject="お使い心地はいかがですか")
    receive("色落ちしました。壊れています", In_Reply_To=letter.message_id)
    receive("友人です。欲しいです", In_Reply_To=letter.message_id, sender="tomo@mail.example")
    receive("追伸です", In_Reply_To=letter.message_id)
    filing.sweep(now)
    hanako, tomo = Inquiry.objects.order_by("pk")
    assert (hanako.email, tomo.email) == ("hanako@mail.example", "tomo@mail.example")
    assert hanako.messages.filter(kind="received").count() == 2
    assert hanako.events.get(code="answers_letter").data["subject"] == "お使い心地はいかがですか"


def test_a_mail_to_a_twice_merged_conversation_lands_in_the_live_one(now, agent):
    last = make_inquiry("Q-000003")
    gone = {"customer": last.customer, "status": "merged", "waiting_since": None, "reply_due_at": None}
    middle = make_inquiry("Q-000002", merged_into=last, **gone)
    first = make_inquiry("Q-000001", merged_into=middle, **gone)
    said = Message.objects.create(inquiry=first, kind="reply", body="x", author=agent, at=now, mail_key="k:1")
    from tests.mail.make import queue

    letter = queue("k:1")
    receive("追加", In_Reply_To=letter.message_id)
    filing.sweep(now)
    assert last.messages.count() == 2
    assert said.inquiry == first


def test_a_closed_inquiry_reopens_within_fourteen_days_and_is_followed_later(now, agent):
    from datetime import timedelta

    inquiry = make_inquiry()
    said = replying.reply(inquiry, Answer("三色ございます。", then="solved"), by=agent, now=now)
    receive("やはり違いました。", In_Reply_To=said.message_id, now=now + timedelta(days=14))
    filing.sweep(now + timedelta(days=14))
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.solved_at) == ("open", None)
    assert events(inquiry)[-1] == "reopened"
    said = replying.reply(inquiry, Answer("失礼しました。", then="solved"), by=agent, now=now)
    later = now + timedelta(days=15)
    receive("別の質問です。", In_Reply_To=said.message_id, now=later)
    filing.sweep(later)
    inquiry.refresh_from_db()
    assert inquiry.status == "solved"
    new = Inquiry.objects.exclude(pk=inquiry.pk).get()
    assert (new.follows, new.customer) == (inquiry, inquiry.customer)


def test_bare_thanks_after_closing_flag_instead_of_reopening(now, agent):
    inquiry = make_inquiry()
    said = replying.reply(inquiry, Answer("三色ございます。", then="solved"), by=agent, now=now)
    receive("ありがとうございました。", In_Reply_To=said.message_id)
    filing.sweep(now)
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.thanked_at) == ("solved", now)
    receive("ありがとうございます。でもまだ届いていません。", In_Reply_To=said.message_id)
    filing.sweep(now)
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.thanked_at) == ("open", None)


def test_an_absence_notice_is_shown_and_moves_nothing(now, agent):
    inquiry = make_inquiry()
    said = replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    receive("ただいま休暇中です。", In_Reply_To=said.message_id, Auto_Submitted="auto-replied", subject="不在通知")
    lost = receive("休暇中", Auto_Submitted="auto-replied", sender="x@mail.example")
    filing.sweep(now)
    inquiry.refresh_from_db()
    assert (inquiry.status, inquiry.waiting_since) == ("pending", None)
    assert inquiry.messages.last().automatic
    lost.refresh_from_db()
    assert (lost.state, lost.reason) == (State.IGNORED, "auto_reply")
    assert Inquiry.objects.count() == 1
    assert OutgoingMail.objects.count() == 1


def test_an_order_number_links_only_its_own_buyer(now):
    order = make_order("1001")
    receive("注文番号 1001 をキャンセルしたいです")
    receive("注文番号 1001 をキャンセルしたいです", sender="stranger@mail.example")
    filing.sweep(now)
    own, strange = Inquiry.objects.order_by("pk")
    assert (own.order, own.customer, own.category.slug) == (order, order.customer, "order_change")
    assert strange.order is None


def test_english_mail_and_its_category(now):
    receive("Hello, my bag arrived broken.", subject="Damaged")
    filing.sweep(now)
    inquiry = Inquiry.objects.get()
    assert (inquiry.language, inquiry.category.slug) == ("en", "defect")


@pytest.mark.parametrize(
    "sender",
    [
        '"hanako@mail.example" <evil@x.example>',
        "hanako@mail.example <evil@x.example>",
        "=?utf-8?q?hanako=40mail.example?= <evil@x.example>",
    ],
)
def test_an_address_in_the_name_is_nobody(now, sender):
    customer = make_customer()
    raw = raw_mail("注文1001の住所を変えて").replace(
        b"From: " + raw_mail("x").split(b"From: ")[1].split(b"\n")[0], b"From: " + sender.encode()
    )
    store_raw(raw)
    filing.sweep(now)
    inquiry = Inquiry.objects.get()
    assert inquiry.customer != customer
    assert inquiry.email in {"evil@x.example", ""}


def test_files_are_all_kept_and_the_dangerous_ones_marked(now):
    from django.core.files.storage import default_storage

    files = [
        ("../../写真.png", "image", "png", PNG, ""),
        ("evil.html", "text", "html", b"<script>alert(1)</script>", ""),
        ("photo.png", "image", "png", b"<html><script>", ""),
        (".htaccess\u200b", "application", "octet-stream", b"x", ""),
        ("run.exe", "application", "octet-stream", b"MZ..", ""),
    ]
    receive("写真です", files=files)
    filing.sweep(now)
    rows = list(Message.objects.get(kind="received").attachments.all())
    assert [(row.name, row.media_type, row.suspicious) for row in rows] == [
        ("写真.png", "image/png", False),
        ("evil.html", "application/octet-stream", True),
        ("photo.png", "application/octet-stream", True),
        ("htaccess", "application/octet-stream", True),
        ("run.exe", "application/octet-stream", True),
    ]
    for row in rows:
        assert row.storage_key.startswith("inquiries/2026/11/")
        assert default_storage.size(row.storage_key) == row.size


def test_a_mail_that_fails_twice_is_put_aside_and_the_next_one_is_filed(now, monkeypatch):
    from datetime import timedelta

    bad, good = receive("悪い", subject="bad"), receive("良い")
    real = filing.received.write

    def write(inquiry, incoming, *args, **kwargs):
        if incoming.pk == bad.pk:
            raise ValueError("no")
        return real(inquiry, incoming, *args, **kwargs)

    monkeypatch.setattr(filing.received, "write", write)
    filing.sweep(now)
    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.state, bad.state, bad.reason) == (State.FILED, State.STORED, "ValueError")
    assert filing.sweep(now) == 0
    filing.sweep(now + timedelta(minutes=2))
    bad.refresh_from_db()
    assert (bad.state, bad.reason) == (State.ERROR, "ValueError")
    assert Inquiry.objects.count() == 1


def test_what_cannot_be_read_still_opens_an_inquiry(now):
    raw = raw_mail("x", subject="開けないメール")
    head = raw.split(b"\n\n")[0].replace(
        b'Content-Type: text/plain; charset="utf-8"', b'Content-Type: multipart/mixed; boundary="b"'
    )
    store_raw(head + b"\n\n" + b"--b\n\nx\n" * 6000)
    filing.sweep(now)
    inquiry = Inquiry.objects.get()
    mail = IncomingMail.objects.get()
    assert (inquiry.subject, mail.state) == ("開けないメール", State.FILED)
    assert mail.problems


def test_a_mail_from_nobody_opens_an_inquiry_that_cannot_be_answered(now):
    receive("だれでしょう", sender="undisclosed <>")
    filing.sweep(now)
    inquiry = Inquiry.objects.get()
    assert inquiry.email == ""
    assert not OutgoingMail.objects.exists()


def test_mail_of_a_stores_mailbox_belongs_to_the_store(now):
    store = make_store("rakuten")
    receive(mailbox=make_mailbox("r@shop.example", store_code="rakuten"))
    filing.sweep(now)
    assert Inquiry.objects.get().store == store


@pytest.mark.parametrize("label", [b'; charset="us-ascii"', b""])
def test_a_mail_is_read_again_in_the_character_set_that_a_person_chose(now, label):
    """One that says nothing true: the bytes are EUC-KR, and no machine can know."""
    raw = b"From: a@mail.example\r\nSubject: x\r\nMessage-ID: <k@mail.example>\r\n"
    raw += b"Content-Type: text/plain" + label + b"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    store_raw(raw + "안녕하세요 가방".encode("euc-kr") + b"\r\n", charset="euc-kr")
    filing.sweep(now)
    assert Message.objects.get(kind="received").body == "안녕하세요 가방"


def test_a_forged_sender_takes_part_in_nothing(now):
    order = make_order("1001")
    inquiry = make_inquiry("Q-7K3F9M", customer=order.customer)
    receive(
        "注文1001の住所を変えて",
        subject="Re: [Q-7K3F9M]",
        Authentication_Results="mx.shop.example; spf=fail; dmarc=fail",
    )
    filing.sweep(now)
    assert inquiry.messages.count() == 1
    forged = Inquiry.objects.exclude(pk=inquiry.pk).get()
    assert forged.order is None
    assert forged.messages.get().unverified
    assert not OutgoingMail.objects.exists()


def test_one_id_and_body_under_another_subject_is_another_mail(now):
    for subject in ("発送のお知らせ", "到着のお知らせ"):
        receive("詳細はこちら", subject=subject, message_id="<always@carrier.example>")
    filing.sweep(now)
    assert Message.objects.filter(kind="received").count() == 2


@pytest.mark.parametrize(
    ("sender", "state"),
    [("花子 <hanako@mail.example>", State.FILED), ("Mail System <MAILER-DAEMON@mail.example>", State.BOUNCE)],
)
def test_a_report_that_a_person_passes_on_is_their_letter(now, sender, state):
    report = (
        f"From: {sender}\nTo: help@shop.example\nSubject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n"
        "Message-ID: <passed-on@mail.example>\nContent-Type: multipart/mixed; boundary=r\n\n"
        "--r\nContent-Type: text/plain; charset=utf-8\n\nこのエラーが届きました。\n"
        "--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x.example\n\n"
        "Final-Recipient: rfc822; help@shop.example\nAction: failed\nStatus: 5.1.1\n\n--r--\n"
    )
    mail = store_raw(report.encode(), now=now)
    filing.sweep(now)
    mail.refresh_from_db()
    assert (mail.state, Inquiry.objects.count()) == (state, int(state == State.FILED))
    # In the form of a report: nobody answers it by itself.
    assert not OutgoingMail.objects.exists()


@pytest.mark.parametrize(
    "subject", ["商品が届きません", "不在連絡票について", "自動返信が届きません", "返送された荷物", "Delivery failed"]
)
def test_a_letter_about_a_lost_parcel_opens_an_inquiry(now, subject):
    quote = "-----Original Message-----\nFrom: help@shop.example\nTo: hanako@mail.example\n\n発送しました。\n"
    receive(f"宛先が存在しませんと言われ、届きません。address not found\n\n{quote}", subject=subject)
    filing.sweep(now)
    assert Inquiry.objects.get().subject == subject


@pytest.mark.parametrize(
    "headers", [{"Auto_Submitted": "auto-replied"}, {"Return_Path": "<>", "X_Failed_Recipients": "a@mail.example"}]
)
def test_staff_make_an_inquiry_of_what_looked_like_a_machines_mail(now, owner, headers):
    mail = receive("自動返信ではありません。", subject="至急ご連絡ください", **headers)
    filing.sweep(now)
    mail.refresh_from_db()
    assert mail.state in (State.IGNORED, State.BOUNCE)
    incoming.file_as_letter(mail, by=owner, now=now)
    filing.sweep(now)
    mail.refresh_from_db()
    inquiry = Inquiry.objects.get()
    assert (mail.state, mail.reason, inquiry.subject) == (State.FILED, "", "至急ご連絡ください")
    # A machine may still have written it: it gets no automatic answer.
    assert not OutgoingMail.objects.exists()


def test_a_later_mail_that_wants_its_answer_elsewhere_is_told_once_and_answered_to_the_customer(now, agent, signed_in):
    receive("色は何色ありますか。")
    filing.sweep(now)
    inquiry = Inquiry.objects.get()
    for words in ("返金はこちらへ。", "早く。"):
        receive(words, subject=f"Re: [{inquiry.number}]", Reply_To="Hanako <thief@evil.example>")
    receive("自分の別の窓口へ。", subject=f"Re: [{inquiry.number}]", Reply_To="hanako@mail.example")
    filing.sweep(now)
    assert inquiry.messages.filter(kind="received").count() == 4
    told = inquiry.events.filter(code="other_reply_to")
    assert [event.data["address"] for event in told] == ["thief@evil.example"]
    page = signed_in(agent).get(f"/admin/inquiries/{inquiry.pk}/").content.decode()
    assert "thief@evil.example" in page
    said = replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    letter = OutgoingMail.objects.get(key=said.mail_key)
    assert (letter.to_address, letter.cc, letter.bcc) == ("hanako@mail.example", [], [])
