"""Postfix: what it says of a letter is what the letter's row says, and no stranger is told the password."""

import time
from datetime import timedelta

import pytest
from django.urls import reverse

from shopdesk.mail import delivery
from shopdesk.mail.models import OutgoingMail, Suppression
from tests.mail.make import queue
from tests.outgoing.make import make_route
from tests.realservers.authority import ADDRESSES, EXPIRED, GOOD, OTHER_NAME, UNKNOWN
from tests.realservers.dovecot import PASSWORD
from tests.realservers.postfix import SIZE, Policy
from tests.realservers.processes import Cut

State = OutgoingMail.State
pytestmark = [pytest.mark.django_db, pytest.mark.allow_hosts(list(ADDRESSES))]


def route_to(postfix, way="starttls", *, username="shop", secret=PASSWORD, **fields):
    security = "tls" if way == "tls" else "starttls"
    values = {"port": getattr(postfix, way), "security": security, "username": username, "secret": secret, **fields}
    return make_route(**values)


def swept(now, *mails):
    delivery.sweep(now)
    for mail in mails:
        mail.refresh_from_db()
    return [(mail.state, mail.reason) for mail in mails]


def since(postfix, mark, until=""):
    """What Postfix has logged since; where ``until`` is given, when that has been said."""
    end = time.monotonic() + (10 if until else 0.1)
    while time.monotonic() < end and not (until and until in postfix.logged()[mark:]):
        time.sleep(0.02)
    return postfix.logged()[mark:]


@pytest.fixture
def to(user):
    """A customer of this test's own."""
    return user.replace("shop.example", "mail.example")


@pytest.mark.parametrize("way", ["starttls", "tls", "login"])
def test_a_letter_arrives_as_it_was_written(postfix, to, now, way):
    mark = postfix.quiet()
    route_to(postfix, way)
    text = "花子様\n.点で始まる行\n..\n①②㈱ 髙橋\n" + "長い行" * 400
    mail = queue(to=to, text=text)
    assert swept(now, mail) == [(State.SENT, "")]
    (arrived,) = postfix.mails(to)
    assert arrived.replace(b"\r\n", b"\n").endswith(bytes(mail.raw).replace(b"\r\n", b"\n"))
    assert f"sasl_method={'LOGIN' if way == 'login' else 'PLAIN'}, sasl_username=shop" in since(postfix, mark, "sasl_")
    assert "queued as" in mail.attempts.get().answer


def test_many_letters_go_over_one_connection(postfix, to, now):
    mark = postfix.quiet()
    route_to(postfix)
    mails = [queue(f"k{number}", to=f"{number}.{to}") for number in range(10)]
    assert {state for state, _ in swept(now, *mails)} == {State.SENT}
    session = "ehlo=2 starttls=1 auth=1 mail=10 rcpt=10 data=10 quit=1"
    assert session in since(postfix, mark, session)


@pytest.mark.parametrize("address", ["da.me..{}", ".x{}", "x.{}", "a-_-b/{}"])
def test_addresses_as_japanese_carriers_gave_them_out(postfix, to, now, address):
    address = address.format(to)
    route_to(postfix)
    assert swept(now, queue(to=address))[0][0] == State.SENT
    assert postfix.mails(address)


def test_letters_in_no_ascii_are_refused_before_any_server_sees_them(postfix, now):
    mark = postfix.quiet()
    route_to(postfix, "login")  # which would take them
    mail = queue(to="花子@mail.example")
    assert swept(now, mail)[0][0] == State.FAILED
    assert since(postfix, mark) == ""


@pytest.mark.parametrize("way", ["starttls", "tls", "login"])
def test_a_refused_password_stops_the_route_and_is_told_nowhere(postfix, to, now, way):
    route = route_to(postfix, way, secret="chigau-aikotoba")
    mail = queue(to=to)
    assert swept(now, mail)[0][0] == State.PLANNED
    route.refresh_from_db()
    assert (route.status, route.problem[:9]) == ("stopped", "535 5.7.8")
    assert "chigau" not in route.problem + mail.detail
    assert "Y2hpZ2F1" not in route.problem + mail.detail  # nor in base64


def test_a_sender_that_the_server_does_not_relay_for_stops_the_route(postfix, now):
    route = route_to(postfix, username="", secret="")
    mail = queue(to="hanako@elsewhere.example")
    assert swept(now, mail)[0][0] == State.PLANNED
    route.refresh_from_db()
    assert (route.status, "Relay access denied" in route.problem) == ("stopped", True)
    assert not Suppression.objects.exists()


# --- a man in the middle --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("address", "words", "sentence"),
    [
        (EXPIRED, "certificate has expired", "有効期限"),
        (OTHER_NAME, "IP address mismatch", "別の名前"),
        (UNKNOWN, "local issuer certificate", "認証局"),
    ],
    ids=["expired", "other-name", "unknown"],
)
def test_nobody_without_the_right_certificate_gets_the_password(
    postfix, to, now, client, owner, way, address, words, sentence
):
    mark = postfix.quiet()
    route = route_to(postfix, way, host=address)
    mail = queue(to=to)
    assert swept(now, mail) == [(State.PLANNED, "try_again")]
    assert words in mail.detail
    client.force_login(owner)
    page = client.post(reverse("desk-mail:route-check", args=[route.pk]), follow=True).content.decode()
    assert words in page
    assert sentence in page
    log = since(postfix, mark)
    assert "sasl_" not in log
    assert "auth=" not in log
    assert postfix.policy.seen == []


class Stripping(Cut):
    """Takes the offer of encryption away, and the answer that would make the client give up."""

    def __init__(self, port):
        super().__init__(port, after=0, times=0)
        self.said = []

    def changed(self, data):
        return data.replace(b"250-STARTTLS\r\n", b"250-AUTH PLAIN LOGIN\r\n")


def test_taking_the_offer_of_encryption_away_gets_nobody_the_password(postfix, to, now):
    with Stripping(postfix.starttls) as wire:
        route_to(postfix, port=wire.port)
        mail = queue(to=to)
        assert swept(now, mail) == [(State.PLANNED, "try_again")]
        assert "STARTTLS" in mail.detail
        assert [said for said in wire.said if said[:4].lower() not in {b"ehlo", b"quit", b"rset"}] == []


# --- what the server says of a letter -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["starttls", "login"], ids=["announced", "found-out"])
def test_a_letter_that_is_too_large(postfix, to, now, way):
    route_to(postfix, way)
    large, small = queue("1", to=to, text="あ" * SIZE), queue("2", to=to)
    assert [state for state, _ in swept(now, large, small)] == [State.FAILED, State.SENT]
    assert (large.attempts.get().smtp_code, len(postfix.mails(to))) == (552, 1)
    assert not Suppression.objects.exists()


def test_grey_listing_is_waited_out(postfix, to, now):
    route_to(postfix)
    postfix.policy.say("RCPT", "450 4.2.0 Greylisted, come back in a minute")
    mail = queue(to=to)
    assert swept(now, mail) == [(State.PLANNED, "try_again")]
    assert now < mail.due_at <= now + timedelta(minutes=2)
    assert swept(now, mail)[0][0] == State.PLANNED  # not before its time
    assert swept(mail.due_at, mail) == [(State.SENT, "")]
    assert len(postfix.mails(to)) == 1


@pytest.mark.parametrize("way", ["starttls", "login"], ids=["pipelined", "word by word"])
def test_an_address_that_does_not_exist(postfix, to, now, way):
    route_to(postfix, way)
    postfix.policy.say("RCPT", "550 5.1.1 No such user here")
    gone, other = queue("1", to=f"gone.{to}"), queue("2", to=to)
    assert [state for state, _ in swept(now, gone, other)] == [State.FAILED, State.SENT]
    assert list(Suppression.objects.values_list("address", flat=True)) == [f"gone.{to}"]
    assert len(postfix.mails(to)) == 1
    assert postfix.mails(f"gone.{to}", wait=0.3) == []


@pytest.mark.parametrize("way", ["starttls", "login"], ids=["pipelined", "word by word"])
def test_a_copy_that_is_refused(postfix, to, now, way):
    route_to(postfix, way)
    postfix.policy.say("RCPT", "DUNNO", "550 5.1.1 No such user here", "DUNNO")
    mail = queue(to=to, cc=[f"gone.{to}", f"copy.{to}"])
    assert swept(now, mail)[0][0] == State.SENT
    assert [one["address"] for one in mail.left_out] == [f"gone.{to}"]
    assert (len(postfix.mails(to)), len(postfix.mails(f"copy.{to}"))) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "state"), [("451 4.3.0 Try again later", State.PLANNED), ("554 5.6.0 Not like this", State.FAILED)]
)
def test_a_letter_that_is_not_taken_after_its_last_byte(postfix, to, now, answer, state):
    route_to(postfix)
    postfix.policy.say("END-OF-MESSAGE", answer)
    mail = queue(to=to)
    assert swept(now, mail)[0][0] == state
    assert postfix.mails(to, wait=0.3) == []


def test_a_server_that_dies_before_the_letter_is_said(postfix, to, now):
    route_to(postfix)
    postfix.policy.say("RCPT", Policy.KILL)
    mail = queue(to=to)
    assert swept(now, mail) == [(State.PLANNED, "try_again")]
    assert swept(mail.due_at, mail) == [(State.SENT, "")]
    assert len(postfix.mails(to)) == 1


def test_a_server_that_dies_before_its_last_answer(postfix, to, now):
    route_to(postfix)
    postfix.policy.say("END-OF-MESSAGE", Policy.KILL)
    first, second = queue("1", to=to), queue("2", to=f"second.{to}")
    swept(now, first, second)
    assert first.state == State.UNCERTAIN
    assert second.state in {State.SENT, State.PLANNED}
    swept(now + timedelta(hours=25), first, second)
    assert (first.state, second.state) == (State.UNCERTAIN, State.SENT)  # nobody repeats the first by himself
    assert len(postfix.mails(f"second.{to}")) == 1
    assert postfix.mails(to, wait=0.3) == []


def test_the_tests_own_servers_are_what_they_say(postfix, dovecot):
    from tests.realservers.dovecot import sees

    assert sees(GOOD, dovecot.imaps) == ""
    assert "expired" in sees(EXPIRED, dovecot.imaps)
