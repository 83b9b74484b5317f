"""What a delivery report may change: only what we really sent, and only the address that it went to."""

import pytest

from shopdesk.mail import bounce_reasons, bounced, delivery, message_ids, suppressions
from shopdesk.mail.models import IncomingMail, OutgoingMail, Suppression
from shopdesk.mail.parsing import Kind, ParsedMail
from shopdesk.mail.parsing.model import Bounce, BouncedRecipient
from tests.mail.make import queue
from tests.receiving.make import make_mailbox
from tests.sink import DROP

State = OutgoingMail.State
pytestmark = pytest.mark.django_db
HANAKO = "hanako@mail.example"


@pytest.fixture
def report(now):
    """``report(message_id, address, reason, strength)`` applies one and gives its verdict."""
    mailbox = make_mailbox(kind="webhook")

    def give(message_id, address=HANAKO, reason="user_unknown", strength="hard", kind=Kind.BOUNCE):
        incoming = IncomingMail.objects.create(
            mailbox=mailbox,
            source_key=f"hook:{IncomingMail.objects.count()}",
            sha256="0",
            raw=b"x",
            size=1,
            received_at=now,
            next_try_at=now,
        )
        found = (BouncedRecipient(address, "5.1.1", reason, strength),)
        parsed = ParsedMail(kind=kind, bounce=Bounce(recipients=found, original_message_id=message_id))
        return bounced.apply(incoming, parsed, now)

    return give


@pytest.fixture
def sent(smtp_sink, now):
    mail = queue()
    delivery.sweep(now)
    mail.refresh_from_db()
    assert mail.state == State.SENT
    return mail


def rows():
    return list(Suppression.objects.order_by("scope").values_list("address", "scope", "reason"))


@pytest.mark.parametrize("reason", ["user_unknown", "host_unknown", "moved"])
def test_a_dead_address_is_not_written_to_any_more(report, sent, now, reason):
    assert report(sent.message_id, reason=reason) == "stopped"
    assert rows() == [(HANAKO, "all", "bounced")]
    assert "5.1.1" in Suppression.objects.get().evidence
    sent.refresh_from_db()
    assert (sent.state, sent.bounced_at, sent.bounce_code, sent.bounce_detail) == (State.SENT, now, reason, "5.1.1")
    assert suppressions.blocked(HANAKO, "transactional") == "bounced"


@pytest.mark.parametrize(
    ("reason", "strength", "verdict", "noted"),
    [
        ("mailbox_full", "hard", "returned", True),
        ("filtered", "hard", "returned", True),
        ("suspended", "soft", "returned", True),
        ("user_unknown", "soft", "returned", True),
        ("expired", "transient", "delayed", False),
    ],
)
def test_whatever_may_pass_stops_no_address(report, sent, reason, strength, verdict, noted):
    assert report(sent.message_id, reason=reason, strength=strength) == verdict
    assert rows() == []
    sent.refresh_from_db()
    assert bool(sent.bounced_at) is noted


def test_a_forged_report_changes_nothing(report, sent, now):
    forged = [
        "",
        "<x@evil.example>",
        message_ids.for_key("some other key"),
        sent.message_id.replace("@", "x@"),
        "<" * 500,
    ]
    for message_id in forged:
        assert report(message_id) == "not_ours"
    # An id that stands in a row, but that our secret did not make.
    OutgoingMail.objects.filter(pk=sent.pk).update(message_id="<guessed@shop.example>")
    assert report("<guessed@shop.example>") == "not_ours"
    assert rows() == []
    assert OutgoingMail.objects.get().bounced_at is None


def test_a_recipient_cannot_have_somebody_elses_address_stopped(report, sent):
    assert report(sent.message_id, address="taro@mail.example") == "other_recipient"
    assert rows() == []


def test_a_letter_that_never_left_cannot_come_back(report):
    mail = queue("waiting")
    assert report(mail.message_id) == "not_ours"
    assert rows() == []


def test_a_complaint_stops_advertising_and_after_care_but_no_reply(report, sent, now):
    assert report(sent.message_id, kind=Kind.COMPLAINT, address="") == "complaint"
    assert rows() == [(HANAKO, "advertising", "complained"), (HANAKO, "service", "complained")]
    assert suppressions.blocked(HANAKO, "transactional") == ""


@pytest.mark.parametrize("reason", ["not_spam", "auth_report"])
def test_a_report_that_blames_nobody_stops_nothing(report, sent, reason):
    assert report(sent.message_id, kind=Kind.COMPLAINT, reason=reason) == "no_complaint"
    assert rows() == []
    sent.refresh_from_db()
    assert sent.bounced_at is None


def test_the_parser_and_we_mean_the_same_codes():
    assert {"user_unknown", "host_unknown", "moved"} == bounce_reasons.HARD
    assert bounced.SENTENCES.keys() - {""} <= bounce_reasons.REASONS.keys()


def test_a_report_twice_is_one_effect(report, sent):
    report(sent.message_id)
    report(sent.message_id)
    assert len(rows()) == 1


def test_an_uncertain_letter_that_came_back_had_left(report, smtp_sink, now):
    mail = queue()
    smtp_sink.say("data", DROP)
    delivery.sweep(now)
    mail.refresh_from_db()
    assert mail.state == State.UNCERTAIN
    report(mail.message_id)
    mail.refresh_from_db()
    assert mail.state == State.SENT
    assert mail.sent_at is not None
