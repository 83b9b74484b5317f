"""Machines that answer machines: two desks, an absence bot and a bot without manners. They fall silent by themselves."""

from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage

import pytest

from inquiries import filing
from inquiries.models import Inquiry
from shopdesk.mail import message as composed
from shopdesk.mail.models import OutgoingMail
from tests.filing.make import raw_mail, receive, store_raw

pytestmark = pytest.mark.usefixtures("mailbox")


def new_letters(seen):
    letters = [letter for letter in OutgoingMail.objects.order_by("pk") if letter.pk not in seen]
    seen.update(letter.pk for letter in letters)
    return [composed.build(letter, letter.created_at) for letter in letters]


def answer_of(raw, *, sender, polite):
    """What a machine at ``sender`` answers to a letter of ours."""
    got = message_from_bytes(raw)
    answer = EmailMessage()
    answer["From"], answer["To"] = sender, got["From"]
    answer["Subject"] = "Re: ご連絡ありがとうございます"
    answer["Message-ID"] = f"<{hash(raw)}{sender}>"
    answer["In-Reply-To"] = got["Message-ID"]
    if polite:
        answer["Auto-Submitted"] = "auto-replied"
    answer.set_content("お問い合わせを受け付けました。担当者よりご連絡します。", cte="base64")
    return answer.as_bytes()


@pytest.mark.parametrize("polite", [True, False])
def test_a_machine_that_answers_every_mail(now, polite):
    seen = set()
    receive("こんにちは", sender="bot@other.example")
    for turn in range(12):
        at = now + turn * timedelta(minutes=2)
        filing.sweep(at)
        for raw in new_letters(seen):
            # It answers in the thread, and once more as a mail of its own, as some do.
            store_raw(answer_of(raw, sender="bot@other.example", polite=polite), now=at)
            fresh = {"Auto_Submitted": "auto-replied"} if polite else {}
            store_raw(raw_mail("受け付けました", sender="bot@other.example", **fresh), now=at)
    letters = OutgoingMail.objects.all()
    assert len(letters) == 1
    assert Inquiry.objects.count() == (1 if polite else 2)


def test_two_desks_wired_together_say_one_thing_each(now):
    """The other desk is played by our own letters handed back under its name, without the header that marks them."""
    seen = set()
    receive("商品の件", sender="desk@other.example")
    for turn in range(12):
        at = now + turn * timedelta(minutes=2)
        filing.sweep(at)
        for raw in new_letters(seen):
            head, _, body = raw.partition(b"\r\n\r\n")
            lines = [
                line
                for line in head.split(b"\r\n")
                if not line.lower().startswith((b"from:", b"auto-", b"x-auto", b"message-id"))
            ]
            theirs = b"\r\n".join([b"From: desk@other.example", b"Message-ID: <%d@other.example>" % turn, *lines])
            store_raw(theirs + b"\r\n\r\n" + body, now=at)
    assert OutgoingMail.objects.count() == 1


def test_a_day_later_one_more_and_never_more_than_three(now):
    for day in range(3):
        for turn in range(5):
            at = now + timedelta(days=day, hours=1, minutes=turn)
            receive(f"自動 {day} {turn}", sender="bot@other.example", now=at)
            filing.sweep(at)
    assert OutgoingMail.objects.count() == 3


def test_our_letters_say_that_a_machine_wrote_them(now):
    receive("こんにちは")
    filing.sweep(now)
    (raw,) = new_letters(set())
    mail = message_from_bytes(raw)
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    # and when it comes back to us, it is neither filed nor answered
    store_raw(raw)
    filing.sweep(now)
    assert Inquiry.objects.count() == 1
    assert OutgoingMail.objects.count() == 1
