"""Addresses that mail keeps coming back from rest for a month, and copies that come back stop nobody else."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from shopdesk import clock
from shopdesk.accounts.models import AuditEntry
from shopdesk.mail import bounced, delivery, events, soft_bounces, suppressions, tasks
from shopdesk.mail.models import IncomingMail, OutgoingMail, ProviderEvent, SoftBounce, Suppression
from shopdesk.mail.parsing import Kind, ParsedMail
from shopdesk.mail.parsing.model import Bounce, BouncedRecipient
from tests.mail.make import queue
from tests.receiving.make import make_mailbox

State = OutgoingMail.State
HANAKO, KEN = "hanako@mail.example", "ken@mail.example"
FULL = "smtp;552 5.2.2 mailbox full"
DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


def sent(key, now, **fields):
    mail = queue(key, now=now, **fields)
    OutgoingMail.objects.filter(pk=mail.pk).update(state=State.SENT, raw=b"x", sent_at=now)
    mail.refresh_from_db()
    return mail


def told(mail, kind, at, words=FULL, *, key=None, address=None):
    """The provider tells, and it is applied."""
    event = ProviderEvent(
        provider="postmark",
        event_key=key or f"{mail.pk}:{kind}:{at}",
        type=kind,
        message_id=mail.message_id,
        recipient=address or mail.to_address,
        at=at,
        received_at=at,
        data={"words": words},
    )
    events.store([event])
    events.sweep(at)


def blocked(now, mail_class="transactional", address=HANAKO):
    return suppressions.blocked(address, mail_class, now)


# --- counting -----------------------------------------------------------------------------------------------------


def test_the_third_letter_within_two_weeks_rests_the_address_for_a_month(now):
    for number in range(3):
        assert blocked(now + number * 6 * DAY) == ""
        told(sent(f"t:{number}", now), "bounced", now + number * 6 * DAY)
    third = now + 12 * DAY
    row = Suppression.objects.get()
    assert (row.address, row.scope, row.reason, row.until) == (HANAKO, "all", "soft", third + 30 * DAY)
    assert "mailbox_full" in row.evidence
    assert blocked(third) == blocked(third, "service") == "soft"
    assert blocked(third + 30 * DAY - timedelta(seconds=1)) == "soft"
    assert blocked(third + 30 * DAY) == ""


def test_spread_over_more_than_two_weeks_it_is_nothing(now):
    for number in range(6):
        told(sent(f"t:{number}", now), "bounced", now + number * 7 * DAY)
    assert not Suppression.objects.exists()


def test_the_same_letter_counts_once_whatever_tells_of_it(now):
    mail = sent("t", now)
    for number in range(5):
        told(mail, "bounced", now + number * timedelta(hours=1))
        told(mail, "deferred", now + number * timedelta(hours=1), "452 4.2.2 mailbox full")
    assert SoftBounce.objects.count() == 1
    told(sent("u", now), "bounced", now + DAY)
    assert not Suppression.objects.exists()


def test_another_address_counts_for_itself(now):
    for number in range(2):
        told(sent(f"t:{number}", now), "bounced", now)
        told(sent(f"u:{number}", now, to=KEN), "bounced", now)
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    "words",
    ["554 5.7.1 spam", "550 5.7.1 your IP address is blocked", "552 5.3.4 message too big", "550 5.7.26 DMARC failed"],
)
def test_what_they_have_against_us_says_nothing_of_the_address(now, words):
    for number in range(5):
        told(sent(f"t:{number}", now), "bounced", now, words)
    assert not SoftBounce.objects.exists()
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("kind", ["rejected", "failed"])
def test_what_the_provider_itself_refuses_is_no_bounce(now, kind):
    for number in range(5):
        told(sent(f"t:{number}", now), kind, now)
    assert not Suppression.objects.exists()


def test_delays_count_only_when_they_say_why_and_not_once_it_was_delivered(now):
    for number in range(5):
        told(sent(f"grey:{number}", now), "deferred", now, "451 4.7.1 Greylisting in action, please come back later")
    assert not SoftBounce.objects.exists()
    for number in range(4):
        mail = sent(f"t:{number}", now)
        told(mail, "deferred", now, "452 4.2.2 mailbox full")
        if number < 2:
            told(mail, "delivered", now, "250 ok")
    assert not Suppression.objects.exists()
    told(sent("last", now), "deferred", now, "452 4.2.2 mailbox full")
    assert blocked(now) == "soft"


def test_a_forged_event_counts_for_nothing(now):
    for number in range(5):
        mail = sent(f"t:{number}", now)
        OutgoingMail.objects.filter(pk=mail.pk).update(message_id=f"<guess{number}@shop.example>")
        mail.refresh_from_db()
        told(mail, "bounced", now)
    assert not SoftBounce.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_reports_at_once_do_not_miss_each_other(now):
    letters = [sent(f"t:{number}", now) for number in range(3)]
    start = threading.Barrier(3)

    def work(mail):
        start.wait()
        soft_bounces.note(mail, HANAKO, code="mailbox_full", at=now, now=now)
        connection.close()

    threads = [threading.Thread(target=work, args=(mail,)) for mail in letters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Suppression.objects.count() == 1


# --- beside other reasons -----------------------------------------------------------------------------------------


def rest(now):
    assert suppressions.rest(HANAKO, until=now + 30 * DAY, now=now)


def test_a_rest_leaves_an_unsubscription_as_it_is(now):
    suppressions.suppress(HANAKO, scope="all", reason="unsubscribed", now=now)
    rest(now)
    assert blocked(now) == blocked(now, "advertising") == "soft"
    assert blocked(now + 31 * DAY) == ""
    assert blocked(now + 31 * DAY, "advertising") == "unsubscribed"
    assert soft_bounces.sweep(now + 31 * DAY) == 1
    assert list(Suppression.objects.values_list("reason", flat=True)) == ["unsubscribed"]


def test_a_dead_address_needs_no_rest_and_outlasts_one(now):
    rest(now)
    suppressions.suppress(HANAKO, scope="all", reason="bounced", now=now)
    assert blocked(now) == blocked(now + 31 * DAY) == "bounced"
    assert suppressions.rest(HANAKO, until=now + 60 * DAY, now=now) is False


def test_a_second_rest_does_not_lengthen_the_first(now):
    rest(now)
    suppressions.rest(HANAKO, until=now + 45 * DAY, now=now + DAY)
    assert Suppression.objects.get().until == now + 30 * DAY
    assert suppressions.rest(HANAKO, until=now + 90 * DAY, now=now + 30 * DAY)
    assert Suppression.objects.get().until == now + 90 * DAY


def test_the_database_refuses_a_lasting_row_that_ends_and_a_rest_that_does_not(now):
    for reason, until in (("soft", None), ("bounced", now), ("unsubscribed", now)):
        with pytest.raises(IntegrityError, match="only_a_rest_ends"), transaction.atomic():
            Suppression.objects.create(address=HANAKO, scope="all", reason=reason, until=until, created_at=now)
    rest(now)
    with pytest.raises(IntegrityError, match="one_rest"), transaction.atomic():
        Suppression.objects.create(address=HANAKO, scope="service", reason="soft", until=now, created_at=now)


# --- sending, ending, the screens ---------------------------------------------------------------------------------


def test_letters_wait_for_nobody_and_leave_again_by_themselves(smtp_sink, now):
    rest(now)
    during, after = queue("a"), queue("b", due_at=now + 30 * DAY)
    delivery.sweep(now)
    during.refresh_from_db()
    assert (during.state, during.reason) == (State.SKIPPED, "suppressed_soft")
    # Also before anybody has swept the row away.
    delivery.sweep(now + 30 * DAY)
    after.refresh_from_db()
    assert (after.state, len(smtp_sink.messages)) == (State.SENT, 1)


def test_beat_ends_it_and_the_log_keeps_it(now, monkeypatch):
    rest(now)
    SoftBounce.objects.create(mail=sent("t", now), address=HANAKO, code="x", at=now, is_final=True)
    monkeypatch.setattr(clock, "now", lambda: now + 29 * DAY)
    tasks.sweep_events()
    assert (Suppression.objects.count(), SoftBounce.objects.count()) == (1, 0)
    monkeypatch.setattr(clock, "now", lambda: now + 30 * DAY)
    tasks.sweep_events()
    assert not Suppression.objects.exists()
    entry = AuditEntry.objects.get(code="suppression.ended")
    assert (entry.data["address"], entry.data["reason"]) == (HANAKO, "soft")


def test_staff_see_until_when_and_may_end_it_for_a_fresh_count(now, signed_in, owner, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: now)
    for number in range(3):
        told(sent(f"t:{number}", now), "bounced", now)
    suppressions.suppress(HANAKO, scope="all", reason="unsubscribed", now=now)
    client = signed_in(owner)
    page = client.get(reverse("desk-mail:stopped")).content.decode()
    assert ">12月20日(日)</time>まで" in page
    row = Suppression.objects.get(reason="soft")
    assert client.post(reverse("desk-mail:release", args=[row.pk]), {"note": "空きができた"}).status_code == 302
    assert list(Suppression.objects.values_list("reason", flat=True)) == ["unsubscribed"]
    told(sent("next", now), "bounced", now)
    assert blocked(now) == ""


def test_a_rest_that_is_over_is_not_in_the_list(now, signed_in, owner, monkeypatch):
    rest(now)
    monkeypatch.setattr(clock, "now", lambda: now + 30 * DAY)
    assert HANAKO not in signed_in(owner).get(reverse("desk-mail:stopped")).content.decode()


# --- reports by mail ----------------------------------------------------------------------------------------------


@pytest.fixture
def report(now):
    mailbox = make_mailbox(kind="webhook")

    def give(mail, address=HANAKO, reason="mailbox_full", strength="soft", kind=Kind.BOUNCE):
        incoming = IncomingMail.objects.create(
            mailbox=mailbox, source_key=f"hook:{IncomingMail.objects.count()}", sha256="0", raw=b"x", size=1,
            received_at=now, next_try_at=now,
        )  # fmt: skip
        found = (BouncedRecipient(address, "5.2.2", reason, strength),)
        parsed = ParsedMail(kind=kind, bounce=Bounce(recipients=found, original_message_id=mail.message_id))
        return bounced.apply(incoming, parsed, now)

    return give


def test_reports_and_events_are_counted_together(report, now):
    first, second, third = (sent(f"t:{number}", now) for number in range(3))
    assert [report(first), report(first), report(second, strength="transient")] == ["returned", "returned", "delayed"]
    told(first, "bounced", now)
    told(second, "bounced", now)
    assert blocked(now) == ""
    assert report(third) == "stopped"
    assert blocked(now) == "soft"


def test_a_reader_of_a_copy_cannot_stop_anybody_by_a_report(report, now):
    for number in range(4):
        mail = sent(f"t:{number}", now, cc=[KEN])
        assert report(mail, reason="user_unknown", strength="hard") == "returned"
        assert report(mail, KEN, reason="user_unknown", strength="hard") == "returned"
        assert report(mail, kind=Kind.COMPLAINT) == "complaint"
        mail.refresh_from_db()
        assert mail.left_out == [{"address": KEN, "why": "came_back", "words": "5.2.2 user_unknown"}]
        assert mail.bounced_at == now
    assert not Suppression.objects.exists()


def test_a_copy_that_comes_back_leaves_the_letter_as_it_was(report, now):
    mail = sent("t", now, cc=[KEN])
    assert report(mail, KEN) == "returned"
    assert report(mail, KEN) == "returned"
    assert report(mail, KEN, strength="transient") == "delayed"
    mail.refresh_from_db()
    assert (mail.bounced_at, len(mail.left_out)) == (None, 1)


def test_a_providers_word_stops_the_copy_it_names(now):
    mail = sent("t", now, cc=[KEN], bcc=["archive@shop.example"])
    told(mail, "bounced", now, "550 5.1.1 User unknown", address=KEN)
    told(mail, "bounced", now, "550 5.1.1 User unknown", address=KEN, key="again")
    told(mail, "complained", now, "", address="archive@shop.example")
    told(mail, "delivered", now, "", address=KEN)
    told(mail, "bounced", now, "550 5.1.1 User unknown", address="eve@mail.example")
    mail.refresh_from_db()
    assert (mail.bounced_at, mail.delivered_at) == (None, None)
    assert [(one["address"], one["why"]) for one in mail.left_out] == [
        (KEN, "came_back"),
        ("archive@shop.example", "complaint"),
    ]
    assert blocked(now, address=KEN) == "bounced"
    assert blocked(now, "service", "archive@shop.example") == "complained"
    assert blocked(now) == blocked(now, address="eve@mail.example") == ""
