"""Several ways out: which one is taken, what stops it, and that one that is away holds up no other."""

from datetime import timedelta

import pytest
from django.core import mail as django_mail
from django.db import OperationalError

from shopdesk.accounts.models import AuditEntry
from shopdesk.mail import consents, deliverability, delivery, journal, routes, smtp
from shopdesk.mail.models import MailRoute, OutgoingMail, Suppression
from shopdesk.mail.receiving import problems
from tests.mail.make import queue
from tests.outgoing.make import UNSUBSCRIBE, make_route
from tests.sink import Sink

State = OutgoingMail.State
pytestmark = pytest.mark.django_db


@pytest.fixture
def second_sink():
    sink = Sink().start()
    yield sink
    sink.stop()


def test_sender_and_class_choose_the_route(smtp_sink, now):
    only_store = make_route(from_addresses=["nigou@shop.example"], position=1)
    only_adverts = make_route(mail_classes=["advertising"], position=2)
    rows = routes.all_routes()
    consents.give("hanako@mail.example", source="checkout", now=now)
    assert routes.choose(queue("1"), rows) is None
    assert routes.choose(queue("2", from_address="Nigou@shop.example"), rows) == only_store
    assert routes.choose(queue("3", mail_class="advertising", headers=UNSUBSCRIBE), rows) == only_adverts
    care = queue("4", mail_class="service", headers=UNSUBSCRIBE, from_address="nigou@shop.example")
    assert routes.choose(care, rows) == only_store


def test_letters_go_by_their_routes_and_say_so(smtp_sink, second_sink, now):
    route = make_route(second_sink, from_addresses=["nigou@shop.example"])
    own, other = queue("1"), queue("2", from_address="nigou@shop.example", to="taro@mail.example")
    assert delivery.sweep(now) == 2
    own.refresh_from_db()
    other.refresh_from_db()
    assert (own.state, own.route, other.state, other.route) == (State.SENT, None, State.SENT, route)
    assert other.attempts.get().route == route
    assert (smtp_sink.recipients, second_sink.recipients) == (["hanako@mail.example"], ["taro@mail.example"])


def test_a_policy_refusal_stops_the_route_and_not_the_address(smtp_sink, now):
    route = make_route(smtp_sink)
    smtp_sink.say("data", "550 5.7.26 unauthenticated mail from shop.example")
    first, second = queue("1"), queue("2", to="taro@mail.example")
    assert delivery.sweep(now) == 2
    route.refresh_from_db()
    for mail in (first, second):
        mail.refresh_from_db()
    assert (route.status, route.problem) == ("stopped", "550 5.7.26 unauthenticated mail from shop.example")
    assert (first.state, first.reason, second.state) == (State.PLANNED, "try_again", State.PLANNED)
    assert second.attempt == 0
    assert not Suppression.objects.exists()
    assert smtp_sink.messages == []


def test_a_refused_sign_in_stops_the_route_and_its_password_is_nowhere(smtp_sink, now, monkeypatch):
    import smtplib

    def login(self, user, password):
        raise smtplib.SMTPAuthenticationError(535, f"5.7.8 {password} is wrong".encode())

    monkeypatch.setattr(smtplib.SMTP, "login", login)
    route = make_route(smtp_sink, username="robot", secret="geheim-77")
    mail = queue()
    delivery.sweep(now)
    route.refresh_from_db()
    mail.refresh_from_db()
    assert (route.status, route.problem, mail.state) == ("stopped", "535 5.7.8 ••• is wrong", State.PLANNED)
    assert "geheim" not in route.secret
    assert "geheim" not in repr(smtp.Server(host="x", port=1, password="geheim-77"))


def test_letters_of_stopped_routes_wait_without_a_try_until_it_is_started(smtp_sink, now, owner):
    route = make_route(smtp_sink, status="stopped")
    mail = queue()
    assert delivery.sweep(now) == 1
    assert delivery.sweep(now) == 0
    mail.refresh_from_db()
    assert (mail.state, mail.reason, mail.attempt) == (State.PLANNED, "route_stopped", 0)
    assert mail.due_at == now + timedelta(minutes=5)
    routes.set_active(route, True, by=owner, now=now)
    delivery.sweep(now)
    mail.refresh_from_db()
    assert mail.state == State.SENT
    assert AuditEntry.objects.filter(code="mail.route_started").exists()


def test_the_next_route_takes_over_from_a_stopped_one(smtp_sink, now):
    make_route(status="stopped")
    second = make_route(smtp_sink, position=1)
    assert routes.choose(queue(), routes.all_routes()) == second


def test_a_server_that_is_away_holds_up_no_other_route(smtp_sink, now, monkeypatch):
    make_route(from_addresses=["away@shop.example"])  # nobody listens there
    monkeypatch.setattr(delivery, "BATCH", 5)
    for number in range(12):
        queue(f"away:{number}", from_address="away@shop.example")
    mail = queue("own", to="taro@mail.example")
    for _ in range(4):
        delivery.sweep(now, 5)
    mail.refresh_from_db()
    assert mail.state == State.SENT
    waiting = OutgoingMail.objects.filter(key__startswith="away:")
    assert set(waiting.values_list("state", flat=True)) == {State.PLANNED}
    assert waiting.filter(attempt=1).count() <= 4  # one tells how it stands, in each round
    assert waiting.filter(due_at__lte=now).count() == 0


def test_a_provider_s_route_gets_carrier_addresses_quoted_and_proof_of_the_letter(now, settings):
    settings.ANYMAIL = {}
    route = make_route(kind="backend", backend="anymail.backends.test.EmailBackend")
    mail = queue(to="da.me..@docomo.ne.jp", to_name="")
    delivery.sweep(now)
    mail.refresh_from_db()
    (sent,) = django_mail.outbox
    assert (mail.state, mail.route) == (State.SENT, route)
    assert [address.addr_spec for address in sent.anymail_test_params["to"]] == ['"da.me.."@docomo.ne.jp']
    assert [str(address) for address in sent.anymail_test_params["to"]] == ['"da.me.."@docomo.ne.jp']
    assert sent.anymail_test_params["metadata"] == {"mail": str(mail.pk), "message_id": mail.message_id}
    assert mail.to_address == "da.me..@docomo.ne.jp"


def test_a_secret_under_another_key_is_no_letter_s_fault(now, settings):
    route = make_route(secret="key")
    settings.SECRET_KEY = "another-secret-key-of-more-than-forty-letters-x"
    with pytest.raises(smtp.NoRoute):
        routes.open_way(route)


def test_changes_are_audited_without_the_secret(now, owner):
    route = MailRoute(name="x", host="mail.example")
    routes.save(route, secret="geheim", by=owner, now=now)
    routes.save(route, secret=None, by=owner, now=now)
    routes.set_active(route, False, by=owner, now=now)
    codes = list(AuditEntry.objects.order_by("pk").values_list("code", flat=True))
    assert codes == ["mail.route_added", "mail.route_changed", "mail.route_stopped"]
    assert "geheim" not in str(list(AuditEntry.objects.values()))
    route.refresh_from_db()
    assert route.secret
    assert "geheim" not in route.secret


@pytest.mark.django_db(transaction=True)
def test_when_the_database_goes_away_between_two_letters_what_is_known_is_written(smtp_sink, now, monkeypatch):
    first, second = queue("1"), queue("2", to="taro@mail.example")
    begin, times = journal.begin, []

    def fail_once(mail, route, **named):
        times.append(mail.pk)
        if len(times) == 2:
            begin(mail, route, **named)  # it was written, and the connection broke before that was heard
            raise OperationalError("server closed the connection unexpectedly")
        return begin(mail, route, **named)

    monkeypatch.setattr(journal, "begin", fail_once)
    with pytest.raises(OperationalError):
        delivery.sweep(now)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state, second.lease_until) == (State.SENT, State.PLANNED, None)
    assert smtp_sink.recipients == ["hanako@mail.example"]
    delivery.sweep(now)
    second.refresh_from_db()
    assert second.state == State.SENT
    assert smtp_sink.recipients == ["hanako@mail.example", "taro@mail.example"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("SSLCertVerificationError: … certificate has expired (_ssl.c:1006)", "certificate_expired"),
        ("… certificate verify failed: self-signed certificate (_ssl.c:1006)", "certificate_unknown"),
        ("… Hostname mismatch, certificate is not valid for 'smtp.shop.example'.", "certificate_name"),
        ("SMTPNotSupportedError: STARTTLS extension not supported by server.", "encryption"),
        ("535 5.7.8 Error: authentication failed", "sign_in"),
        ("530 5.7.0 Must issue a STARTTLS command first", "encryption_needed"),
        ("gaierror: [Errno -2] Name or service not known", "unreachable"),
        ("454 4.7.0 Temporary authentication failure", ""),
        ("", ""),
    ],
)
def test_the_check_says_in_words_why_a_server_does_not_let_us_in(words, code):
    assert deliverability.cause(words) == code
    assert not code or code in problems.SENTENCES
