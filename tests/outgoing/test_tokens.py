"""Routes that sign in with an access token: what the server hears, and what becomes of a route that it refuses."""

import base64
import json
import warnings
from datetime import timedelta

import pytest
from aiosmtpd.smtp import MISSING, AuthResult
from django.core.cache import cache
from django.urls import reverse

from shopdesk.accounts import secretbox
from shopdesk.accounts.models import AuditEntry
from shopdesk.mail import deliverability, delivery, routes, smtp
from shopdesk.mail.models import MailRoute, OutgoingMail, Suppression
from shopdesk.mail.receiving import oauth, problems
from tests import sink as sinks
from tests.mail.make import queue
from tests.outgoing.make import make_route
from tests.realservers.tokens import Provider

State = OutgoingMail.State
pytestmark = pytest.mark.django_db
SECRETS = {"client_id": "shop-client", "client_secret": "geheim-77", "refresh_token": "refresh-1"}
ME = "desk@shop.example"
WHY = '{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}'


class TokenSink(sinks.Sink):
    """A server that takes access tokens only, and says no as Google does: first the reason, then 535 to an empty line.

    ``valid`` are the tokens that it takes, ``heard`` what was said, ``answers`` what stood after the reason.
    """

    def __init__(self):
        super().__init__()
        self.valid, self.heard, self.answers = set(), [], []
        self.no = None  # said at once instead of the reason

    def _new_controller(self):
        return _Controller(self, _Handler(self))


class _Handler(sinks._Handler):
    async def auth_XOAUTH2(self, server, args):  # noqa: N802  # aiosmtpd's name
        said = base64.b64decode(args[1], validate=True).decode()
        self.sink.heard.append(said)
        user, bearer, *rest = said.split("\x01")
        if rest == ["", ""] and user == f"user={ME}" and bearer.removeprefix("auth=Bearer ") in self.sink.valid:
            return AuthResult(success=True, auth_data=user)
        if self.sink.no:
            await server.push(self.sink.no)
            return AuthResult(success=False, handled=True)
        answer = await server.challenge_auth(WHY)
        self.sink.answers.append(answer)
        if answer is MISSING:
            return AuthResult(success=False, handled=True)
        await server.push(f"535 5.7.8 Username and Password not accepted ({bearer})")
        return AuthResult(success=False, handled=True)


class _Controller(sinks._Controller):
    def factory(self):
        with warnings.catch_warnings(action="ignore"):  # it asks for TLS, which is not what this is about
            return sinks._Server(
                self.handler, hostname="sink.example", ident="sink", enable_SMTPUTF8=False,
                auth_required=True, auth_require_tls=False,
            )  # fmt: skip


@pytest.fixture
def server(smtp_sink):
    sink = TokenSink().start()
    sink.valid = {"access-1"}
    yield sink
    sink.stop()


@pytest.fixture
def provider(monkeypatch, socket_enabled):
    provider = Provider()
    provider.refresh = {"refresh-1": ["access-1", "access-2", "access-3"]}
    monkeypatch.setitem(oauth.TOKEN_URLS, "google", f"{provider.url}/token")
    cache.clear()
    yield provider
    provider.stop()
    cache.clear()


@pytest.fixture
def route(server, provider):
    return make_route(server, auth="xoauth2", provider="google", username=ME, secret=json.dumps(SECRETS))


def told(route):
    route.refresh_from_db()
    return (route.status, route.problem)


def state(mail):
    mail.refresh_from_db()
    return mail.state


def test_the_server_hears_the_user_and_the_token_and_it_is_kept(route, server, provider, now):
    mail = queue()
    assert delivery.sweep(now) == 1
    assert state(mail) == State.SENT
    assert server.recipients == ["hanako@mail.example"]
    assert server.heard == ["user=desk@shop.example\x01auth=Bearer access-1\x01\x01"]
    again = queue("2", to="taro@mail.example")
    delivery.sweep(now)
    assert state(again) == State.SENT
    assert server.heard == ["user=desk@shop.example\x01auth=Bearer access-1\x01\x01"] * 2
    assert provider.asked == ["refresh-1"]  # once for both
    assert "access-1" not in str(cache.get(f"mailroute-token:{route.pk}"))  # kept sealed
    assert told(route) == ("active", "")


def test_a_token_that_has_ended_is_asked_for_anew_at_once(route, server, provider, now):
    with routes.open_way(route) as way:
        way.open()
    server.valid = {"access-2"}
    mail = queue()
    delivery.sweep(now)
    assert state(mail) == State.SENT
    assert server.answers == [b""]  # an empty line, for which the server waits before it says no
    assert len(provider.asked) == 2
    assert told(route) == ("active", "")


def test_a_fresh_token_that_is_refused_stops_the_route_and_not_the_address(route, server, provider, now, caplog):
    server.valid = set()
    mail = queue()
    delivery.sweep(now)
    assert told(route) == ("stopped", "535 5.7.8 Username and Password not accepted (auth=Bearer •••)")
    assert (state(mail), mail.to_address) == (State.PLANNED, "hanako@mail.example")
    assert not Suppression.objects.exists()
    assert (server.answers, provider.asked, server.messages) == ([b""], ["refresh-1"], [])
    for secret in ("access-1", *SECRETS.values()):
        assert secret not in caplog.text
    assert deliverability.cause(route.problem, by_token=True) == "token"
    # Connected again, the letter that waited leaves.
    server.valid = {"access-2"}
    routes.set_active(route, True, by=None, now=now)
    delivery.sweep(now + timedelta(hours=2))
    assert state(mail) == State.SENT


@pytest.mark.parametrize("no", ["534 5.7.9 Application-specific password required", "535 5.7.139 disabled"])
def test_a_refusal_without_a_reason_stops_it_too(route, server, now, no):
    server.valid, server.no = set(), no
    queue()
    delivery.sweep(now)
    assert told(route) == ("stopped", no)


def test_a_server_that_is_busy_stops_nothing(route, server, now):
    server.valid, server.no = set(), "454 4.7.0 Temporary authentication failure"
    mail = queue()
    delivery.sweep(now)
    assert told(route) == ("active", "")
    assert (state(mail), mail.reason) == (State.PLANNED, "try_again")
    server.valid = {"access-1"}
    delivery.sweep(now + timedelta(hours=2))
    assert state(mail) == State.SENT


def test_a_provider_that_gives_no_access_any_more_stops_the_route(route, server, provider, now):
    provider.refresh = {}
    mail = queue()
    delivery.sweep(now)
    assert told(route) == ("stopped", f"{routes.NO_ACCESS}: token HTTP 400")
    assert state(mail) == State.PLANNED
    assert server.heard == []
    assert deliverability.cause(route.problem, by_token=True) == "token"


def test_a_provider_that_is_away_stops_nothing(route, provider, now):
    provider.stop()
    mail = queue()
    delivery.sweep(now)
    assert told(route) == ("active", "")
    assert state(mail) == State.PLANNED
    assert deliverability.examine(route, [])["connection"].startswith(f"{routes.NO_ACCESS}: unreachable ")


@pytest.mark.parametrize(("code", "stops"), [(400, True), (401, True), (429, False), (503, False)])
def test_what_the_provider_says_decides_whether_it_waits(route, monkeypatch, now, code, stops):
    def ask(account, secret):
        raise problems.MailboxProblem("busy" if code in {429, 503} else "token", f"HTTP {code}")

    monkeypatch.setattr(oauth, "_ask", ask)
    queue()
    delivery.sweep(now)
    assert (told(route)[0] == "stopped") is stops


def test_neither_repr_nor_words_show_a_secret(route, server):
    with routes.open_way(route) as way:
        way.open()
        for text in (repr(way._server), repr(route.__dict__)):
            for secret in ("access-1", *SECRETS.values()):
                assert secret not in text
        whole = base64.b64encode(f"user={ME}\x01auth=Bearer access-1\x01\x01".encode()).decode()
        assert way._words(f"501 {whole} access-1") == "501 ••• •••"
    MailRoute.objects.update(username="窓口")  # for which SMTP has no letters
    way = routes.open_way(MailRoute.objects.get())
    with pytest.raises(smtp.NoRoute):
        way.open()


# --- the screens ----------------------------------------------------------------------------------------------------


FIELDS = {"name": "Google", "provider": "google", "username": ME, **SECRETS, "per_minute": "60", "position": "1"}
ADD = "?sign-in=xoauth2"


def add(client, **change):
    return client.post(reverse("desk-mail:route-add") + ADD, {**FIELDS, **change})


def test_an_account_is_connected_and_its_secrets_are_one_that_is_sealed(signed_in, owner):
    client = signed_in(owner)
    assert "クライアントシークレット" in client.get(reverse("desk-mail:route-add") + ADD).text
    assert add(client).status_code == 302
    route = MailRoute.objects.get()
    assert (route.kind, route.auth, route.host, route.port, route.security) == (
        "smtp", "xoauth2", "smtp.gmail.com", 587, "starttls",
    )  # fmt: skip
    assert json.loads(secretbox.open_(route.secret)) == SECRETS
    pages = [client.get(reverse("desk-mail:routes")).text]
    pages += [client.get(reverse(f"desk-mail:{name}", args=[route.pk])).text for name in ("route", "route-edit")]
    for text in (*pages, route.secret, str(list(AuditEntry.objects.values()))):
        for secret in SECRETS.values():
            assert secret not in text
    assert all("Google" in page for page in pages)


@pytest.mark.parametrize(
    "change",
    [{"refresh_token": ""}, {"client_id": ""}, {"username": ""}, {"username": "窓口@例.jp"}, {"provider": "evil"}],
)
def test_what_is_missing_is_told_at_the_form(signed_in, owner, change):
    answer = add(signed_in(owner), **change)
    assert answer.status_code == 422
    assert "geheim-77" not in answer.text
    assert not MailRoute.objects.exists()


def test_secrets_stay_and_do_not_go_to_another_account(signed_in, owner):
    client = signed_in(owner)
    add(client)
    route = MailRoute.objects.get()
    address = reverse("desk-mail:route-edit", args=[route.pk])
    empty = dict.fromkeys(SECRETS, "")
    for change in ({"provider": "microsoft"}, {"username": "other@shop.example"}, {"client_id": "new"}):
        assert client.post(address, {**FIELDS, **empty, **change}).status_code == 422
    assert client.post(address, {**FIELDS, **empty, "name": "窓口"}).status_code == 302
    kept = MailRoute.objects.get()
    assert (kept.name, kept.secret, kept.host) == ("窓口", route.secret, "smtp.gmail.com")
    assert client.post(address, {**FIELDS, "provider": "microsoft"}).status_code == 302
    assert MailRoute.objects.get().host == "smtp.office365.com"


def test_nobody_moves_the_server_of_an_account(signed_in, owner):
    client = signed_in(owner)
    add(client, host="evil.example", port="25", security="none", kind="backend", auth="password")
    route = MailRoute.objects.get()
    assert (route.host, route.port, route.security, route.auth) == ("smtp.gmail.com", 587, "starttls", "xoauth2")


def test_the_check_and_the_page_say_what_to_do(signed_in, owner, route, server, provider):
    client, page = signed_in(owner), reverse("desk-mail:route", args=[route.pk])
    client.post(reverse("desk-mail:route-check", args=[route.pk]))
    assert "接続とログインは正常です。" in client.get(page).text
    cache.clear()
    server.valid = set()
    client.post(reverse("desk-mail:route-check", args=[route.pk]))
    text = client.get(page).text
    assert "アカウントを連携し直してください" in text
    assert "access-" not in text
    MailRoute.objects.update(status="stopped", problem="535 5.7.8 no", check_result={}, checked_at=None)
    assert "アカウントを連携し直してください" in client.get(page).text
