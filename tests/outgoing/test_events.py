"""What providers tell: believed when signed, applied once, about letters of ours only."""

import itertools
import json
import logging
from base64 import b64encode
from datetime import timedelta

import pytest

from shopdesk.mail import delivery, events, suppressions, tasks
from shopdesk.mail.models import OutgoingMail, ProviderEvent, Suppression
from shopdesk.schedule import BEAT_SCHEDULE
from tests.mail.make import begin, queue
from tests.outgoing.make import UNSUBSCRIBE

State = OutgoingMail.State
SECRET = "hooks:long-and-secret-77"
AT = "2026-11-20T01:05:00Z"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def secret(settings):
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}


def letter(now, state=State.SENT, key="test:1", **fields):
    mail = queue(key, **fields)
    values = {"state": state, "raw": b"x", "sent_at": now if state == State.SENT else None}
    OutgoingMail.objects.filter(pk=mail.pk).update(**values)
    mail.refresh_from_db()
    return mail


def postmark(mail, record, **fields):
    return {
        "RecordType": record, "MessageID": "883953f4-6105", "Metadata": {"message_id": mail.message_id},
        "Recipient": mail.to_address, "Email": mail.to_address, "DeliveredAt": AT, **fields,
    }  # fmt: skip


def hard_bounce(mail, **fields):
    values = {
        "Type": "HardBounce",
        "ID": 4323372036854775807,
        "Details": "smtp;550 5.1.1 User unknown",
        "BouncedAt": AT,
    }
    return postmark(mail, "Bounce", **{**values, **fields})


def post(client, body, *, provider="postmark", secret=SECRET):
    headers = {"authorization": "Basic " + b64encode(secret.encode()).decode()} if secret else {}
    return client.post(
        f"/hooks/events/{provider}/", json.dumps(body), content_type="application/json", headers=headers
    ).status_code


def test_delivered_settles_what_was_uncertain(client, now):
    mail = letter(now, State.UNCERTAIN)
    assert post(client, postmark(mail, "Delivery")) == 200
    mail.refresh_from_db()
    assert mail.state == State.UNCERTAIN  # stored, and not applied by the visitor
    assert events.sweep(now + timedelta(minutes=10)) == 1
    mail.refresh_from_db()
    assert (mail.state, mail.reason, mail.sent_at, mail.delivered_at) == (
        State.SENT, "confirmed", now + timedelta(minutes=5), now + timedelta(minutes=5),
    )  # fmt: skip


def test_a_letter_that_is_being_sent_is_left_to_its_worker(client, now):
    queue()
    (mail,) = delivery.claim(now, 1, worker="w")
    begin(mail)
    post(client, postmark(mail, "Delivery"))
    assert events.sweep(now) == 0
    delivery.settle_lost(now + timedelta(minutes=21))
    assert events.sweep(now + timedelta(minutes=21)) == 1
    mail.refresh_from_db()
    assert mail.state == State.SENT


def test_every_order_and_every_replay_has_one_effect(client, now):
    ends = set()
    told = ["delivered", "bounced", "complained"]
    for number, order in enumerate(itertools.permutations(told)):
        mail = letter(now, State.UNCERTAIN, key=f"t:{number}", to=f"c{number}@mail.example")
        posts = {
            "delivered": postmark(mail, "Delivery"),
            "bounced": hard_bounce(mail, ID=number),
            "complained": postmark(mail, "SpamComplaint", Type="SpamComplaint", ID=100 + number),
        }
        for name in (*order, *order):
            assert post(client, posts[name]) == 200
            events.sweep(now + timedelta(minutes=10))
        mail.refresh_from_db()
        stops = sorted(Suppression.objects.filter(address=mail.to_address).values_list("scope", "reason"))
        ends.add((mail.state, mail.bounce_code, mail.delivered_at, tuple(stops)))
    (end,) = ends
    assert end[:2] == (State.SENT, "complaint")
    assert end[3] == (("advertising", "complained"), ("all", "bounced"), ("service", "complained"))
    assert ProviderEvent.objects.count() == 18


@pytest.mark.parametrize(
    "change",
    [
        {"Metadata": {"message_id": "<forged@shop.example>"}},
        {"Metadata": {}},
        {"Email": "somebody.else@mail.example"},
        {"Details": "smtp;552 5.2.2 mailbox full"},
        {"Details": "smtp;550 5.7.1 spam"},
        {"Type": "SoftBounce", "Details": "smtp;450 4.1.1 greylisted user"},
    ],
)
def test_what_does_not_prove_a_dead_address_stops_none(client, now, change):
    mail = letter(now)
    assert post(client, hard_bounce(mail, **change)) == 200
    assert events.sweep(now) == 1
    assert not Suppression.objects.exists()
    mail.refresh_from_db()
    assert mail.state == State.SENT


def test_a_forged_message_id_of_a_row_that_is_not_ours_is_not_believed(client, now):
    mail = letter(now)
    OutgoingMail.objects.filter(pk=mail.pk).update(message_id="<guess@shop.example>")
    mail.refresh_from_db()
    post(client, hard_bounce(mail))
    events.sweep(now)
    assert not Suppression.objects.exists()


def test_opens_and_clicks_change_nothing(client, now):
    mail = letter(now, State.UNCERTAIN)
    before = OutgoingMail.objects.filter(pk=mail.pk).values().get()
    for record in ("Open", "Click"):
        assert post(client, postmark(mail, record)) == 200
    assert events.sweep(now) == 2
    assert OutgoingMail.objects.filter(pk=mail.pk).values().get() == before


def test_unsubscribing_at_the_provider_stops_that_class_only(client, now):
    mail = letter(now, mail_class="service", headers=UNSUBSCRIBE)
    body = postmark(
        mail, "SubscriptionChange", SuppressSending=True, SuppressionReason="ManualSuppression", ChangedAt=AT
    )
    post(client, body)
    events.sweep(now)
    assert suppressions.blocked(mail.to_address, "service") == "unsubscribed"
    assert suppressions.blocked(mail.to_address, "transactional") == ""


@pytest.mark.parametrize("secret", ["", "hooks:wrong", "hooks:long-and-secret-7"])
def test_without_the_secret_nothing_is_stored(client, now, secret, caplog):
    caplog.set_level(logging.DEBUG)
    assert post(client, hard_bounce(letter(now)), secret=secret) == 403
    assert not ProviderEvent.objects.exists()
    assert "long-and-secret" not in caplog.text


def test_an_installation_without_a_secret_takes_nothing(client, now, settings):
    settings.ANYMAIL = {}
    for provider in events.PROVIDERS:
        assert post(client, hard_bounce(letter(now)), provider=provider) == 403
    assert not ProviderEvent.objects.exists()


def test_nonsense_is_refused_and_stored_nowhere(client, now):
    assert post(client, ["x"]) == 400
    assert post(client, {}, provider="nobody") == 404
    assert client.get("/hooks/events/postmark/").status_code == 405
    assert client.head("/hooks/events/postmark/").status_code == 200
    assert not ProviderEvent.objects.exists()


def test_ten_at_once_are_stored_once_each(client, now):
    mail = letter(now)
    for _ in range(10):
        assert post(client, hard_bounce(mail)) == 200
    assert ProviderEvent.objects.count() == 1


def test_beat_rings_the_sweep(client, now):
    post(client, hard_bounce(letter(now)))
    tasks.sweep_events()
    assert ProviderEvent.objects.get().applied_at is not None
    assert BEAT_SCHEDULE["mail events"]["task"] == "shopdesk.mail.tasks.sweep_events"
