"""A letter to several people: who gets it, who is left out, and that nobody is left out silently."""

import pytest
from anymail.backends import test as anymail_test
from anymail.message import AnymailRecipientStatus
from django.urls import reverse

from shopdesk.mail import delivery, outbox, smtp, suppressions
from shopdesk.mail.models import OutgoingMail, Suppression
from tests.mail.make import queue
from tests.outgoing.make import UNSUBSCRIBE, make_route
from tests.sink import DROP, HANG

State = OutgoingMail.State
KEN, MIKA, SHOP = "ken@mail.example", "mika@mail.example", "archive@shop.example"
pytestmark = pytest.mark.django_db


def sweep(mail, now):
    delivery.sweep(now)
    mail.refresh_from_db()
    return mail


# --- queueing -----------------------------------------------------------------------------------------------------


def test_each_person_is_named_once(now):
    mail = queue(
        cc=["  Ken@Mail.example ", "ＫＥＮ@mail.example", "Hanako@mail.example", MIKA],
        bcc=[MIKA, SHOP, SHOP, "hanako@mail.example"],
    )
    mail.refresh_from_db()
    assert (mail.to_address, mail.cc, mail.bcc) == ("hanako@mail.example", [KEN, MIKA], [SHOP])


def test_without_others_nothing_is_stored(now):
    mail = queue()
    mail.refresh_from_db()
    assert (mail.cc, mail.bcc, mail.left_out) == ([], [], [])


@pytest.mark.parametrize("where", ["cc", "bcc"])
@pytest.mark.parametrize(
    "wrong", ["", "nobody", "a@b", "Ken <ken@mail.example>", "a@b.example, c@d.example", "x" * 300 + "@y.example"]
)
def test_an_address_that_reaches_nobody_is_refused_by_name(now, where, wrong):
    with pytest.raises(ValueError, match="not a mail address") as refusal:
        queue(**{where: [KEN, wrong]})
    assert repr(wrong) in str(refusal.value)
    assert not OutgoingMail.objects.exists()


@pytest.mark.parametrize("wrong", ["a@b.example\r\nBcc: eve@mail.example", "a@b.example\x00", "a@b.example>\r\nDATA"])
def test_no_address_breaks_a_line(now, wrong):
    with pytest.raises(ValueError, match="not a mail address"):
        queue(cc=[wrong])


def test_one_string_is_no_list(now):
    with pytest.raises(TypeError):
        queue(cc=KEN)


def test_at_most_twenty_together(now):
    people = [f"c{number}@mail.example" for number in range(21)]
    with pytest.raises(ValueError, match="20"):
        queue(cc=people[:11], bcc=people[11:])
    assert not OutgoingMail.objects.exists()
    mail = queue(cc=people[:10] + people[:10], bcc=people[10:20])
    assert len(mail.cc + mail.bcc) == 20


def test_the_same_key_does_not_add_people(now):
    queue(cc=[KEN])
    assert queue(cc=[MIKA]).cc == [KEN]


# --- over SMTP ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["word by word", "pipelined"])
def pipelining(request, monkeypatch):
    """Both ways to say the envelope; the server of the tests answers to both."""
    opened = smtp.SmtpRoute.open

    def open_(self):
        opened(self)
        self._pipelining = request.param

    monkeypatch.setattr(smtp.SmtpRoute, "open", open_)


@pytest.mark.usefixtures("pipelining")
def test_everybody_gets_it_and_nobody_sees_the_hidden_ones(smtp_sink, now):
    mail = sweep(queue(cc=[KEN, "da.me..@docomo.ne.jp"], bcc=[SHOP]), now)
    (received,) = smtp_sink.messages
    assert received.recipients == ["hanako@mail.example", KEN, "da.me..@docomo.ne.jp", SHOP]
    assert " ".join(received.message["Cc"].split()) == f"{KEN}, da.me..@docomo.ne.jp"
    assert received.message["Bcc"] is None
    assert SHOP.encode() not in received.raw
    assert (mail.state, mail.left_out, mail.detail) == (State.SENT, [], "2.0.0 kept as 1")


def test_long_lists_are_folded(smtp_sink, now):
    people = [f"{'x' * 60}{number}@{'y' * 60}.example" for number in range(20)]
    sweep(queue(cc=people), now)
    (received,) = smtp_sink.messages
    assert max(len(line) for line in received.raw.split(b"\r\n")) < 200
    assert [one.strip() for one in received.message["Cc"].split(",")] == people


@pytest.mark.usefixtures("pipelining")
@pytest.mark.parametrize("answer", ["550 5.1.1 no such user", "550 5.7.1 not here", "451 4.3.0 busy", "552 full"])
def test_a_copy_that_is_refused_does_not_stop_the_letter_and_is_told(smtp_sink, now, answer):
    smtp_sink.say("rcpt", None, answer)
    mail = sweep(queue(cc=[KEN, MIKA]), now)
    assert [message.recipients for message in smtp_sink.messages] == [["hanako@mail.example", MIKA]]
    assert mail.state == State.SENT
    assert mail.left_out == [{"address": KEN, "why": "refused", "words": answer}]
    attempt = mail.attempts.get()
    assert (attempt.outcome, attempt.smtp_code) == ("sent", 250)
    assert attempt.answer == f"2.0.0 kept as 1 / {KEN}: {answer}"
    assert mail.detail == attempt.answer
    # Only that address is stopped of which the server says that it does not exist.
    stopped = list(Suppression.objects.values_list("address", "reason", "scope"))
    assert stopped == ([(KEN, "bounced", "all")] if "5.1.1" in answer else [])
    assert sweep(mail, now).attempts.count() == 1


@pytest.mark.usefixtures("pipelining")
def test_all_copies_may_be_refused(smtp_sink, now):
    smtp_sink.say("rcpt", None, "550 no", "550 no")
    mail = sweep(queue(cc=[KEN], bcc=[SHOP]), now)
    assert (mail.state, smtp_sink.recipients) == (State.SENT, ["hanako@mail.example"])
    assert [one["address"] for one in mail.left_out] == [KEN, SHOP]


@pytest.mark.usefixtures("pipelining")
@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        ("550 5.1.1 no such user", State.FAILED, "no_such_mailbox"),
        ("550 5.2.1 asleep", State.FAILED, "refused"),
        ("451 4.3.0 busy", State.PLANNED, "try_again"),
    ],
)
def test_nobody_gets_what_the_customer_does_not_get(smtp_sink, now, answer, state, reason):
    smtp_sink.say("rcpt", answer)
    mail = sweep(queue(cc=[KEN], bcc=[SHOP]), now)
    assert smtp_sink.messages == []
    assert (mail.state, mail.reason, mail.left_out) == (state, reason, [])
    other = sweep(queue("test:2", to="taro@mail.example"), now)
    assert other.state == State.SENT
    assert smtp_sink.recipients == ["taro@mail.example"]
    assert suppressions.blocked(KEN, "transactional") == ""


@pytest.mark.usefixtures("pipelining")
@pytest.mark.parametrize("answer", [DROP, "421 4.3.2 going down"])
def test_broken_off_among_the_recipients_is_tried_again(smtp_sink, now, answer):
    smtp_sink.say("rcpt", None, answer)
    mail = sweep(queue(cc=[KEN, MIKA]), now)
    assert (mail.state, mail.reason, smtp_sink.messages) == (State.PLANNED, "try_again", [])
    sweep(mail, mail.due_at)
    assert mail.state == State.SENT
    assert smtp_sink.recipients == ["hanako@mail.example", KEN, MIKA]
    assert mail.left_out == []


@pytest.mark.usefixtures("pipelining")
@pytest.mark.parametrize("stage", ["start", "data"])
def test_a_later_refusal_is_of_the_whole_letter(smtp_sink, now, stage):
    smtp_sink.say("rcpt", None, "550 5.2.1 asleep")
    smtp_sink.say(stage, "451 4.3.0 busy")
    mail = sweep(queue(cc=[KEN]), now)
    assert (mail.state, mail.left_out) == (State.PLANNED, [])
    sweep(mail, mail.due_at)
    # Another try asks everybody again.
    assert smtp_sink.recipients == ["hanako@mail.example", KEN]


@pytest.mark.usefixtures("pipelining")
@pytest.mark.parametrize("silence", [DROP, HANG])
def test_silence_after_the_final_dot_is_uncertain_for_all(smtp_sink, now, monkeypatch, silence):
    monkeypatch.setattr(smtp, "FINAL_DOT_TIMEOUT", 0.3)
    smtp_sink.say("data", silence)
    mail = sweep(queue(cc=[KEN]), now)
    assert (mail.state, mail.reason) == (State.UNCERTAIN, "no_answer")
    delivery.sweep(now.replace(year=now.year + 1))
    assert len(smtp_sink.messages) == 1


def test_letters_before_and_after_are_marked_as_ever(smtp_sink, now):
    first = queue("test:1", to="a@mail.example")
    mail = queue("test:2", cc=[KEN])
    last = queue("test:3", to="z@mail.example")
    smtp_sink.say("rcpt", None, None, "550 no")
    assert delivery.sweep(now) == 3
    states = [OutgoingMail.objects.get(pk=one.pk).state for one in (first, mail, last)]
    assert states == [State.SENT] * 3
    assert smtp_sink.connections == 1
    assert smtp_sink.recipients == ["a@mail.example", "hanako@mail.example", "z@mail.example"]


# --- suppressed ---------------------------------------------------------------------------------------------------


def test_a_stopped_copy_is_left_out_and_told(smtp_sink, now):
    suppressions.suppress(KEN, scope="all", reason="bounced", now=now)
    suppressions.suppress(SHOP, scope="all", reason="manual", now=now)
    suppressions.suppress(MIKA, scope="all", reason="unsubscribed", now=now)  # stops no reply
    mail = sweep(queue(cc=[KEN, MIKA], bcc=[SHOP]), now)
    (received,) = smtp_sink.messages
    assert received.recipients == ["hanako@mail.example", MIKA]
    assert received.message["Cc"] == MIKA
    assert mail.state == State.SENT
    assert mail.left_out == [
        {"address": KEN, "why": "suppressed_bounced", "words": ""},
        {"address": SHOP, "why": "suppressed_manual", "words": ""},
    ]
    assert (mail.cc, mail.bcc) == ([KEN, MIKA], [SHOP])


def test_released_before_the_next_try(smtp_sink, now):
    suppressions.suppress(KEN, scope="all", reason="bounced", now=now)
    smtp_sink.say("rcpt", "451 4.3.0 busy")
    mail = sweep(queue(cc=[KEN]), now)
    assert [one["why"] for one in mail.left_out] == ["suppressed_bounced"]
    suppressions.release(KEN, scope="all", now=now)
    sweep(mail, mail.due_at)
    assert (smtp_sink.recipients, mail.left_out) == (["hanako@mail.example", KEN], [])


def test_a_stopped_recipient_stops_the_letter(smtp_sink, now):
    suppressions.suppress("hanako@mail.example", scope="all", reason="bounced", now=now)
    mail = sweep(queue(cc=[KEN]), now)
    assert (mail.state, smtp_sink.messages) == (State.SKIPPED, [])


def test_unsubscribed_copies_of_after_care(smtp_sink, now):
    suppressions.suppress(KEN, scope="service", reason="unsubscribed", now=now)
    mail = sweep(queue(cc=[KEN], mail_class="service", headers=UNSUBSCRIBE), now)
    assert smtp_sink.recipients == ["hanako@mail.example"]
    assert [one["why"] for one in mail.left_out] == ["suppressed_unsubscribed"]


def test_an_advertising_letter_has_no_copies(now):
    with pytest.raises(ValueError, match="advertising"):
        queue(cc=[KEN], mail_class="advertising", headers=UNSUBSCRIBE)


# --- other ways out -----------------------------------------------------------------------------------------------


def test_a_backend_is_given_everybody(now, settings, mailoutbox):
    suppressions.suppress(MIKA, scope="all", reason="bounced", now=now)
    mail = sweep(queue(cc=[KEN, MIKA, "da.me..@docomo.ne.jp"], bcc=[SHOP]), now)
    (sent,) = mailoutbox
    assert (sent.cc, sent.bcc) == ([KEN, '"da.me.."@docomo.ne.jp'], [SHOP])
    assert (mail.state, [one["address"] for one in mail.left_out]) == (State.SENT, [MIKA])


@pytest.fixture
def provider(settings, monkeypatch):
    """anymail's own test backend, which says of each recipient what the test wants."""
    settings.EMAIL_BACKEND = "anymail.backends.test.EmailBackend"
    said = {}

    def statuses(self, response, payload, message):
        return {one: AnymailRecipientStatus("1", said.get(one, "sent")) for one in payload.recipient_emails}

    monkeypatch.setattr(anymail_test.EmailBackend, "parse_recipient_status", statuses)
    return said


def test_a_provider_that_refuses_a_copy(now, provider):
    provider[KEN] = "rejected"
    mail = sweep(queue(cc=[KEN, MIKA]), now)
    assert mail.state == State.SENT
    assert mail.left_out == [{"address": KEN, "why": "refused", "words": "rejected"}]


def test_a_provider_that_refuses_the_recipient_alone_is_no_success(now, provider):
    provider["hanako@mail.example"] = "rejected"
    mail = sweep(queue(cc=[KEN]), now)
    assert (mail.state, mail.reason) == (State.FAILED, "refused")
    assert "ken@mail.example" in mail.detail


def test_a_provider_that_refuses_all(now, provider):
    provider["hanako@mail.example"] = provider[KEN] = "invalid"
    mail = sweep(queue(cc=[KEN]), now)
    assert (mail.state, mail.reason) == (State.FAILED, "refused")


def test_a_route_of_its_own(smtp_sink, now):
    make_route(smtp_sink)
    sweep(queue(cc=[KEN]), now)
    assert smtp_sink.recipients == ["hanako@mail.example", KEN]


# --- the page -----------------------------------------------------------------------------------------------------


def test_the_page_names_everybody_and_who_was_left_out(smtp_sink, now, signed_in, owner):
    suppressions.suppress(MIKA, scope="all", reason="bounced", now=now)
    smtp_sink.say("rcpt", None, "550 5.2.1 <b>asleep</b>")
    mail = sweep(queue(cc=[KEN, MIKA], bcc=[SHOP]), now)
    page = signed_in(owner).get(reverse("desk-mail:detail", args=[mail.pk])).content.decode()
    for words in ("<dt>Cc</dt>", "<dt>Bcc</dt>", SHOP, "一部の宛先には送信されていません", "550 5.2.1 &lt;b&gt;asleep"):
        assert words in page


def test_cancelled_before_a_worker_has_it_and_not_after(smtp_sink, now):
    queue("early", cc=[KEN])
    assert outbox.cancel("early", reason="by_staff", now=now) is True
    queue("taken")
    delivery.claim(now, 10, worker="w")
    assert outbox.cancel("taken", reason="by_staff", now=now) is False
