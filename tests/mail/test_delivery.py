"""What happens to a letter on its way out."""

import smtplib
from datetime import timedelta

import pytest
from django.db import connection

from shopdesk import clock
from shopdesk.mail import consents, deciding, delivery, journal, marking, outbox, settling, smtp, suppressions, tasks
from shopdesk.mail.models import OutgoingMail, SendAttempt, Suppression
from tests.mail.make import begin, fill, prepare, queue
from tests.sink import DROP, HANG

State = OutgoingMail.State
UNSUBSCRIBE = {"List-Unsubscribe": "<https://shop.example/preferences/x/>"}
pytestmark = pytest.mark.django_db


def test_a_letter_leaves_once_and_says_so(smtp_sink, now):
    mail = queue()
    assert delivery.sweep(now) == 1
    assert delivery.sweep(now) == 0
    mail.refresh_from_db()
    assert (mail.state, mail.sent_at, mail.attempt, mail.lease_until) == (State.SENT, now, 1, None)
    assert bytes(mail.raw).rstrip() == smtp_sink.messages[0].raw.rstrip()
    assert [m.recipients for m in smtp_sink.messages] == [["hanako@mail.example"]]
    attempt = mail.attempts.get()
    assert (attempt.outcome, attempt.smtp_code, attempt.answer) == ("sent", 250, "2.0.0 kept as 1")


def test_one_connection_serves_a_batch(smtp_sink, now):
    for number in range(30):
        queue(f"test:{number}", to=f"c{number}@mail.example")
    assert delivery.sweep(now) == 30
    assert smtp_sink.connections == 1
    assert sorted(smtp_sink.recipients) == sorted(f"c{number}@mail.example" for number in range(30))


def test_a_letter_of_tomorrow_stays(smtp_sink, now):
    mail = queue(due_at=now + timedelta(days=1))
    assert delivery.sweep(now) == 0
    assert delivery.sweep(now + timedelta(days=1)) == 1
    mail.refresh_from_db()
    assert mail.state == State.SENT


@pytest.mark.parametrize("stage", ["mail", "rcpt", "start", "data"])
def test_refused_for_now_is_tried_again_a_little_later_each_time(smtp_sink, now, stage):
    mail = queue()
    moment = now
    for minutes in (1, 5, 15, 60, 240, 240, 240):
        smtp_sink.say(stage, "451 4.3.0 busy")
        assert delivery.sweep(moment) == 1
        mail.refresh_from_db()
        assert (mail.state, mail.reason, mail.detail) == (State.PLANNED, "try_again", "4.3.0 busy")
        assert timedelta() <= mail.due_at - moment - timedelta(minutes=minutes) <= timedelta(minutes=minutes) / 10
        assert delivery.sweep(mail.due_at - timedelta(seconds=1)) == 0
        moment = mail.due_at
    assert smtp_sink.messages == []
    assert delivery.sweep(moment) == 1
    mail.refresh_from_db()
    assert (mail.state, mail.attempt, len(smtp_sink.messages)) == (State.SENT, 8, 1)
    assert list(mail.attempts.values_list("outcome", flat=True)) == ["deferred"] * 7 + ["sent"]


def test_after_a_day_of_refusals_it_is_given_up(smtp_sink, now):
    mail = queue()
    smtp_sink.say("rcpt", *["450 4.2.1 greylisted"] * 50)
    moment = now
    while mail.state == State.PLANNED:
        delivery.sweep(moment)
        mail.refresh_from_db()
        assert mail.due_at <= now + timedelta(hours=24)
        moment = mail.due_at
    assert (mail.state, mail.reason) == (State.FAILED, "gave_up")
    assert mail.attempt == 10  # 1, 5, 15, 60 minutes, then every four hours


def test_a_letter_that_would_be_too_late_expires_instead_of_waiting(smtp_sink, now):
    mail = queue(not_after=now + timedelta(minutes=3))
    smtp_sink.say("rcpt", "450 busy", "450 busy")
    delivery.sweep(now)
    delivery.sweep(now + timedelta(seconds=66))
    mail.refresh_from_db()
    assert (mail.state, mail.reason, mail.attempt) == (State.EXPIRED, "too_late", 2)


def test_an_expired_letter_is_not_sent(smtp_sink, now):
    mail = queue(not_after=now + timedelta(minutes=3))
    delivery.sweep(now + timedelta(minutes=4))
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (State.EXPIRED, "too_late")
    assert smtp_sink.messages == []


def test_a_mailbox_that_does_not_exist_is_never_written_to_again(smtp_sink, now):
    smtp_sink.say("rcpt", "550 5.1.1 User unknown")
    mail = queue()
    delivery.sweep(now)
    mail.refresh_from_db()
    assert (mail.state, mail.reason, mail.detail) == (State.FAILED, "no_such_mailbox", "5.1.1 User unknown")
    assert suppressions.blocked("hanako@mail.example", "transactional") == "bounced"
    second = queue("test:2")
    delivery.sweep(now)
    second.refresh_from_db()
    assert (second.state, second.reason) == (State.SKIPPED, "suppressed_bounced")
    assert smtp_sink.messages == []


@pytest.mark.parametrize(
    ("stage", "answer"),
    [("data", "554 5.7.1 looks like spam"), ("rcpt", "550 no"), ("rcpt", "550 5.7.1 see 5.1.1")],
)
def test_a_refusal_for_another_cause_blames_no_address(smtp_sink, now, stage, answer):
    smtp_sink.say(stage, answer)
    mail = queue()
    other = queue("test:2", to="taro@mail.example")
    delivery.sweep(now)
    mail.refresh_from_db()
    other.refresh_from_db()
    assert (mail.state, mail.reason) == (State.FAILED, "refused")
    assert other.state == State.SENT
    assert not Suppression.objects.exists()


def test_broken_off_before_the_final_dot_is_tried_again(smtp_sink, now):
    smtp_sink.say("start", DROP)
    mail = queue(text="長い文。\n" * 400_000)
    delivery.sweep(now)
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (State.PLANNED, "try_again")
    delivery.sweep(mail.due_at)
    mail.refresh_from_db()
    assert (mail.state, len(smtp_sink.messages)) == (State.SENT, 1)


@pytest.mark.parametrize("silence", [DROP, HANG])
def test_silence_after_the_final_dot_is_uncertain_and_never_repeated(smtp_sink, now, monkeypatch, silence):
    monkeypatch.setattr(smtp, "FINAL_DOT_TIMEOUT", 0.3)
    smtp_sink.say("data", silence)
    mail = queue()
    other = queue("test:2", to="taro@mail.example")
    delivery.sweep(now)
    for hours in (1, 30, 500):
        delivery.sweep(now + timedelta(hours=hours))
    mail.refresh_from_db()
    other.refresh_from_db()
    assert (mail.state, mail.reason) == (State.UNCERTAIN, "no_answer")
    assert other.state == State.SENT
    assert smtp_sink.recipients == ["hanako@mail.example", "taro@mail.example"]


def test_the_final_dot_may_take_ten_minutes():
    assert smtp.FINAL_DOT_TIMEOUT == 600
    assert timedelta(seconds=smtp.FINAL_DOT_TIMEOUT) < delivery.LEASE


def test_a_server_that_hangs_up_between_letters_is_called_again(smtp_sink, now):
    smtp_sink.say("mail", None, "421 4.7.0 enough for one connection", None, DROP)
    for number in range(4):
        queue(f"test:{number}", to=f"c{number}@mail.example")
    delivery.sweep(now)
    assert OutgoingMail.objects.filter(state=State.SENT).count() == 4
    assert smtp_sink.connections == 3
    assert SendAttempt.objects.count() == 4


def test_without_a_server_one_letter_is_tried_and_the_rest_wait(now, smtp_sink):
    smtp_sink.stop()
    for number in range(5):
        queue(f"test:{number}")
    assert delivery.sweep(now) == 1
    first, *rest = OutgoingMail.objects.order_by("pk")
    assert (first.state, first.reason) == (State.PLANNED, "try_again")
    assert timedelta(seconds=60) <= first.due_at - now <= timedelta(seconds=66)
    assert "ConnectionRefusedError" in first.detail
    assert {(mail.state, mail.attempt, mail.due_at) for mail in rest} == {(State.PLANNED, 0, now)}
    assert first.attempts.get().outcome == "deferred"


def test_a_password_never_reaches_the_rows(smtp_sink, now, settings, monkeypatch):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "robot", "geheim-99"

    def login(self, user, password):
        raise smtplib.SMTPAuthenticationError(535, f"5.7.8 {user}:{password} is wrong Z2VoZWltLTk5".encode())

    monkeypatch.setattr(smtplib.SMTP, "login", login)
    mail = queue()
    delivery.sweep(now)
    mail.refresh_from_db()
    words = mail.detail + mail.attempts.get().answer
    assert mail.detail == "5.7.8 •••:••• is wrong •••"
    assert "geheim" not in words
    assert mail.state == State.PLANNED


# --- the gate -----------------------------------------------------------------------------------------------------


def test_suppressed_between_claim_and_gate(smtp_sink, now):
    mail = queue(mail_class="service", headers=UNSUBSCRIBE)
    (claimed,) = delivery.claim(now, 10, worker="w")
    suppressions.suppress("Hanako@mail.example", scope="service", reason="unsubscribed", now=now)
    assert begin(claimed) is False
    assert deciding.carefully(claimed, None, now=now, until=now) is None
    mail.refresh_from_db()
    assert (mail.state, mail.reason, mail.raw) == (State.SKIPPED, "suppressed_unsubscribed", None)
    assert not SendAttempt.objects.exists()


def test_unsubscribing_stops_its_class_and_never_a_reply(smtp_sink, now):
    suppressions.suppress("hanako@mail.example", scope="all", reason="unsubscribed", now=now)
    suppressions.suppress("taro@mail.example", scope="advertising", reason="unsubscribed", now=now)
    consents.give("taro@mail.example", source="checkout", now=now)
    reply = queue("reply")
    care = queue("care", mail_class="service", headers=UNSUBSCRIBE)
    care_of_taro = queue("care2", to="taro@mail.example", mail_class="service", headers=UNSUBSCRIBE)
    coupon_of_taro = queue("coupon", to="taro@mail.example", mail_class="advertising", headers=UNSUBSCRIBE)
    delivery.sweep(now)
    states = [OutgoingMail.objects.get(pk=m.pk).state for m in (reply, care, care_of_taro, coupon_of_taro)]
    assert states == [State.SENT, State.SKIPPED, State.SENT, State.SKIPPED]


def test_advertising_needs_a_consent_that_still_stands(smtp_sink, now):
    for name in ("never", "given", "withdrawn"):
        queue(name, to=f"{name}@mail.example", mail_class="advertising", headers=UNSUBSCRIBE)
    consents.give("given@mail.example", source="checkout", now=now)
    consents.give("withdrawn@mail.example", source="checkout", now=now)
    consents.withdraw("withdrawn@mail.example", source="preferences", now=now)
    delivery.sweep(now)
    assert smtp_sink.recipients == ["given@mail.example"]
    assert set(OutgoingMail.objects.filter(state=State.SKIPPED).values_list("reason", flat=True)) == {"no_consent"}


def test_a_letter_that_cannot_be_built_does_not_stop_the_others(smtp_sink, now):
    lost = queue("lost", attachments=[{"name": "a.pdf", "type": "application/pdf", "storage_key": "nowhere/a"}])
    escape = queue("escape", attachments=[{"name": "a", "type": "text/plain", "storage_key": "../../etc/passwd"}])
    fine = queue("fine")
    delivery.sweep(now)
    reasons = [OutgoingMail.objects.get(pk=m.pk).reason for m in (lost, escape, fine)]
    assert reasons == ["attachment_missing", "could_not_build", ""]
    assert len(smtp_sink.messages) == 1


def test_cancelled_before_it_is_picked_up(smtp_sink, now):
    queue("early")
    assert outbox.cancel("early", reason="by_staff", now=now) is True
    assert outbox.cancel("early", reason="by_staff", now=now) is False
    queue("late")
    delivery.sweep(now)
    assert outbox.cancel("late", reason="by_staff", now=now) is False
    assert [outbox.letter(key).state for key in ("early", "late")] == [State.CANCELLED, State.SENT]
    assert len(smtp_sink.messages) == 1


# --- leases -------------------------------------------------------------------------------------------------------


def test_a_lease_without_an_intent_goes_back_to_waiting(smtp_sink, now):
    mail = queue()
    delivery.claim(now, 10, worker="dead")
    assert delivery.settle_lost(now + timedelta(minutes=20)) == (0, 0)
    assert delivery.settle_lost(now + timedelta(minutes=21)) == (1, 0)
    delivery.sweep(now + timedelta(minutes=21))
    mail.refresh_from_db()
    assert mail.state == State.SENT


def test_an_intent_without_an_answer_becomes_uncertain_and_stays(smtp_sink, now):
    mail = queue()
    (claimed,) = delivery.claim(now, 10, worker="dead")
    assert begin(claimed)
    assert delivery.settle_lost(now + timedelta(minutes=21)) == (0, 1)
    for days in range(1, 5):
        assert delivery.sweep(now + timedelta(days=days)) == 0
    mail.refresh_from_db()
    assert (mail.state, mail.reason, mail.attempts.get().outcome) == (State.UNCERTAIN, "worker_lost", "unknown")
    assert smtp_sink.messages == []


def test_prepared_and_never_begun_goes_back_to_waiting(smtp_sink, now):
    first, second = queue("1"), queue("2")
    claimed = delivery.claim(now, 10, worker="dead")
    assert set(prepare(*claimed)) == {first.pk, second.pk}
    journal.begin(claimed[0], None, now=now, last=None)
    assert delivery.settle_lost(now + timedelta(minutes=21)) == (1, 1)
    second.refresh_from_db()
    assert (second.state, second.attempt, second.raw, second.lease_until) == (State.PLANNED, 0, None, None)
    delivery.sweep(now + timedelta(minutes=21))
    assert list(OutgoingMail.objects.order_by("pk").values_list("state", flat=True)) == [State.UNCERTAIN, State.SENT]
    assert len(smtp_sink.messages) == 1


def test_a_prepared_letter_cannot_be_cancelled_any_more(smtp_sink, now):
    queue("1"), queue("2")
    begun, waiting = delivery.claim(now, 10, worker="w")
    prepare(waiting)
    begin(begun)
    assert [outbox.cancel(key, reason="by_staff", now=now) for key in ("1", "2")] == [False, False]


def test_what_the_journal_knows_is_true_after_a_crash(smtp_sink, now):
    queue("1"), queue("2"), queue("3")
    one, two, three = delivery.claim(now, 10, worker="dead")
    prepare(one, two, three)
    begin(one)
    begin(two, last=journal.Answer(one, smtp.Accepted(250, "2.0.0 kept as 1"), now + timedelta(seconds=2)))
    later = now + timedelta(minutes=21)
    assert delivery.settle_lost(later) == (1, 1)
    one.refresh_from_db()
    attempt = one.attempts.get()
    assert (one.state, one.sent_at, one.detail) == (State.SENT, now + timedelta(seconds=2), "2.0.0 kept as 1")
    assert (attempt.outcome, attempt.smtp_code, attempt.finished_at) == ("sent", 250, now + timedelta(seconds=2))
    two.refresh_from_db(), three.refresh_from_db()
    assert (two.state, two.reason, three.state) == (State.UNCERTAIN, "worker_lost", State.PLANNED)
    assert delivery.settle_lost(later) == (0, 0)


def test_a_slow_server_has_the_whole_lease_from_the_intent_on(now):
    mail = queue()
    (claimed,) = delivery.claim(now, 10, worker="slow")
    prepare(claimed)
    assert journal.begin(claimed, None, now=now + timedelta(minutes=15), last=None)
    assert delivery.settle_lost(now + timedelta(minutes=30)) == (0, 0)
    mail.refresh_from_db()
    assert mail.state == State.SENDING
    assert delivery.settle_lost(now + timedelta(minutes=36)) == (0, 1)


def test_never_more_than_one_letter_has_an_intent_without_an_answer(smtp_sink, now, monkeypatch):
    for number in range(7):
        queue(f"test:{number}", cc=["ken@mail.example"] if number in {2, 3} else [])
    suppressions.suppress("taro@mail.example", scope="all", reason="manual", now=now)
    queue("stopped", to="taro@mail.example")
    original, open_ = smtp.SmtpRoute.send, []

    def send(self, mail, raw):
        open_.append(list(SendAttempt.objects.filter(outcome="").values_list("mail_id", flat=True)) == [mail.pk])
        return original(self, mail, raw)

    monkeypatch.setattr(smtp.SmtpRoute, "send", send)
    assert delivery.sweep(now) == 8
    assert open_ == [True] * 7
    assert set(SendAttempt.objects.values_list("outcome", flat=True)) == {"sent"}
    assert OutgoingMail.objects.filter(state=State.SENT).count() == 7


@pytest.mark.parametrize(("seconds", "states"), [(0.0, [State.SENT] * 2), (60.0, [State.SENDING] * 2)])
def test_behind_a_slow_server_each_row_is_written_at_once(smtp_sink, now, monkeypatch, seconds, states):
    monkeypatch.setattr(delivery, "SETTLE_SECONDS", seconds)
    mails = [queue(f"test:{number}") for number in range(3)]
    original, seen = smtp.SmtpRoute.send, []

    def send(self, mail, raw):
        seen[:] = OutgoingMail.objects.filter(pk__lt=mail.pk).order_by("pk").values_list("state", flat=True)
        return original(self, mail, raw)

    monkeypatch.setattr(smtp.SmtpRoute, "send", send)
    assert delivery.sweep(now) == 3
    assert seen == states
    assert OutgoingMail.objects.filter(pk__in=[mail.pk for mail in mails], state=State.SENT).count() == 3


def test_what_came_up_after_preparing_is_still_asked(smtp_sink, now, monkeypatch):
    queue("1"), queue("2", to="taro@mail.example"), queue("3")
    original = smtp.SmtpRoute.send

    def send(self, mail, raw):
        suppressions.suppress("taro@mail.example", scope="all", reason="manual", now=now)
        return original(self, mail, raw)

    monkeypatch.setattr(smtp.SmtpRoute, "send", send)
    assert delivery.sweep(now) == 3
    stopped = OutgoingMail.objects.get(key="2")
    assert (stopped.state, stopped.reason, stopped.raw) == (State.SKIPPED, "suppressed_manual", None)
    assert smtp_sink.recipients == ["hanako@mail.example"] * 2


def test_heavy_letters_are_not_prepared_together(smtp_sink, now, monkeypatch):
    monkeypatch.setattr(delivery, "READY_BYTES", 5000)
    sizes, prepare_ = [], journal.prepare

    def count(batch, **named):
        sizes.append(len(batch))
        return prepare_(batch, **named)

    monkeypatch.setattr(journal, "prepare", count)
    for number in range(5):
        queue(f"test:{number}", text="x" * 2000)
    assert delivery.sweep(now) == 5
    assert sizes == [2, 2, 1]
    assert len(smtp_sink.messages) == 5


def test_sent_once_more_keeps_its_first_bytes_until_the_second_copy_begins(smtp_sink, now, owner, monkeypatch):
    mail = queue()
    delivery.sweep(now)
    mail.refresh_from_db()
    first = bytes(mail.raw)
    settling.send_again(mail, by=owner, now=now + timedelta(hours=1), note="lost")
    suppressions.suppress("hanako@mail.example", scope="all", reason="manual", now=now)
    delivery.sweep(now + timedelta(hours=1))
    mail.refresh_from_db()
    assert (mail.state, bytes(mail.raw)) == (State.SKIPPED, first)


def test_an_old_worker_that_wakes_up_late_does_nothing(smtp_sink, now):
    mail = queue()
    (old,) = delivery.claim(now, 10, worker="slow")
    delivery.settle_lost(now + timedelta(minutes=21))
    (new,) = delivery.claim(now + timedelta(minutes=21), 10, worker="quick")
    assert begin(old) is False
    assert deciding.carefully(old, None, now=now, until=now) is None
    assert begin(new)
    assert begin(old) is False
    marking.taken([journal.Answer(old, smtp.Accepted(250, "of the old one"), now)])
    mail.refresh_from_db()
    assert (mail.state, mail.lease_token) == (State.SENDING, 2)


def test_an_answer_after_the_lease_settles_what_was_uncertain(smtp_sink, now):
    mail = queue()
    (claimed,) = delivery.claim(now, 10, worker="slow")
    begin(claimed)
    later = now + timedelta(minutes=30)
    delivery.settle_lost(later)
    marking.taken([journal.Answer(claimed, smtp.Accepted(250, "ok"), later)])
    mail.refresh_from_db()
    assert (mail.state, mail.sent_at) == (State.SENT, later)


def test_what_is_not_reached_in_time_is_given_back(smtp_sink, now, monkeypatch):
    monkeypatch.setattr(delivery, "SWEEP_SECONDS", 0.0)
    mail = queue()
    assert delivery.sweep(now) == 0
    mail.refresh_from_db()
    assert (mail.state, mail.attempt, mail.lease_until) == (State.PLANNED, 0, None)


def test_a_worker_told_to_stop_gives_back_what_it_did_not_begin(smtp_sink, now, monkeypatch):
    for number in range(5):
        queue(f"test:{number}")
    original, sent = smtp.SmtpRoute.send, []

    def send(self, mail, raw):
        if sent:
            raise SystemExit
        sent.append(mail.pk)
        return original(self, mail, raw)

    monkeypatch.setattr(smtp.SmtpRoute, "send", send)
    with pytest.raises(SystemExit):
        delivery.sweep(now)
    states = list(OutgoingMail.objects.order_by("pk").values_list("state", flat=True))
    assert states == [State.SENT, State.SENDING, State.PLANNED, State.PLANNED, State.PLANNED]


def test_the_claim_reads_its_index(now):
    fill(5000, state=State.PLANNED)
    with connection.cursor() as cursor:
        values = {"now": now, "limit": 50, "worker": "w", "until": now + delivery.LEASE}
        cursor.execute("EXPLAIN " + delivery._CLAIM.format(which="", columns="mail.id"), values)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Scan using mail_due" in plan
    assert "Sort" not in plan
    assert "Seq Scan" not in plan


def test_the_task_reads_the_clock_and_rings_again_after_a_full_batch(smtp_sink, now, monkeypatch):
    rings = []
    monkeypatch.setattr(clock, "now", lambda: now)
    monkeypatch.setattr(outbox, "ring", lambda: rings.append(1))
    monkeypatch.setattr(delivery, "LIMIT", 3)
    monkeypatch.setattr(delivery.sweep, "__defaults__", (3,))
    for number in range(4):
        queue(f"test:{number}")
    tasks.sweep_outgoing()
    assert (len(smtp_sink.messages), rings) == (3, [1])
    tasks.sweep_outgoing()
    assert (len(smtp_sink.messages), rings) == (4, [1])
