"""Over real SMTP: a customer's mail comes in, our answer goes out, the answer to it finds its way; a stranger's does not."""

from email import message_from_bytes
from email.message import EmailMessage

import pytest

from inquiries import filing, replying
from inquiries.answers import Answer
from inquiries.models import Inquiry
from shopdesk.mail import delivery
from tests.filing.make import receive, store_raw

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("mailbox")]


def answer(raw, *, sender, text, forge=False):
    """What a mail program makes of a letter: its ids, and its text quoted."""
    letter = message_from_bytes(raw)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, letter["From"], "Re: 財布について"
    theirs = letter["Message-ID"]
    if forge:
        theirs = theirs[0] + ("b" if theirs[1] != "b" else "c") + theirs[2:]
    mail["Message-ID"] = f"<{sender}-{forge}@mail.example>"
    mail["In-Reply-To"], mail["References"] = theirs, theirs
    mail.set_content(text, cte="base64")
    return mail.as_bytes()


def test_a_conversation_by_mail(now, agent, smtp_sink):
    receive("財布の色は何色ありますか。")
    filing.sweep(now)
    delivery.sweep(now)
    (ack,) = smtp_sink.messages
    assert ack.recipients == ["hanako@mail.example"]
    assert ack.sender in {"", "<>", None, "honten@shop.example"}
    assert "何色" not in ack.text + ack.subject
    inquiry = Inquiry.objects.get()
    replying.reply(inquiry, Answer("三色ございます。"), by=agent, now=now)
    delivery.sweep(now)
    reply = smtp_sink.messages[1]
    assert reply.message["In-Reply-To"] == inquiry.messages.get(kind="received").message_id

    store_raw(answer(reply.raw, sender="hanako@mail.example", text="赤をください。"))
    store_raw(answer(reply.raw, sender="evil@x.example", text="住所を変えて", forge=True))
    filing.sweep(now)
    delivery.sweep(now)
    assert [one.body for one in inquiry.messages.filter(kind="received")] == [
        "財布の色は何色ありますか。",
        "赤をください。",
    ]
    stranger = Inquiry.objects.exclude(pk=inquiry.pk).get()
    assert stranger.email == "evil@x.example"
    # The stranger got an acknowledgement of their own and nothing of the conversation; nobody was copied in.
    assert [one.recipients for one in smtp_sink.messages[2:]] == [["evil@x.example"]]
    for word in ("三色", inquiry.number, "hanako"):
        assert word not in smtp_sink.messages[2].raw.decode("utf-8", "replace") + smtp_sink.messages[2].text


def test_ten_forged_mails_a_second_reach_their_victim_once(now, smtp_sink):
    for number in range(60):
        receive("http://evil.example で当選", sender=f"当選おめでとう{number} <victim@mail.example>", subject="当選")
    filing.sweep(now, limit=100)
    while delivery.sweep(now):
        pass
    (letter,) = smtp_sink.messages
    assert letter.recipients == ["victim@mail.example"]
    for word in ("evil", "当選"):
        assert word not in letter.text + letter.html + letter.subject + str(letter.message["To"])
