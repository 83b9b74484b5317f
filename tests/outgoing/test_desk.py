"""The screens: routes, the banner while mail is held, sending again for a reason."""

import pytest
from django.urls import reverse

from shopdesk.accounts.models import AuditEntry
from shopdesk.mail import delivery, guards
from shopdesk.mail.models import DispatchGuard, MailRoute, OutgoingMail
from tests.mail.make import queue
from tests.outgoing.make import make_route

State = OutgoingMail.State
pytestmark = pytest.mark.django_db
FIELDS = {
    "name": "2号店", "kind": "smtp", "host": "smtp.shop.example", "port": "587", "security": "starttls",
    "username": "robot", "secret": "geheim-55", "senders": "Nigou@shop.example\n", "per_minute": "300", "position": "1",
}  # fmt: skip


def test_a_route_is_added_and_its_secret_never_shown(signed_in, owner):
    client = signed_in(owner)
    assert client.post(reverse("desk-mail:route-add"), FIELDS).status_code == 302
    route = MailRoute.objects.get()
    assert (route.from_addresses, route.per_minute, route.mail_classes) == (["nigou@shop.example"], 300, [])
    assert "geheim-55" not in route.secret
    for name in ("routes", "route", "route-edit"):
        page = client.get(reverse(f"desk-mail:{name}", args=[] if name == "routes" else [route.pk])).content.decode()
        assert "2号店" in page
        assert "geheim-55" not in page
        assert route.secret not in page


def test_a_stored_secret_is_not_carried_to_another_server(signed_in, owner):
    client = signed_in(owner)
    client.post(reverse("desk-mail:route-add"), FIELDS)
    route = MailRoute.objects.get()
    address = reverse("desk-mail:route-edit", args=[route.pk])
    assert client.post(address, {**FIELDS, "secret": "", "host": "evil.example"}).status_code == 422
    assert client.post(address, {**FIELDS, "secret": "", "name": "支店"}).status_code == 302
    kept = MailRoute.objects.get()
    assert (kept.host, kept.name, kept.secret) == ("smtp.shop.example", "支店", route.secret)


@pytest.mark.parametrize(
    "change",
    [
        {"host": ""},
        {"security": "none"},
        {"senders": "nobody"},
        {"port": "0"},
        {"kind": "backend"},
        {"name": "\n"},
        {"host": "smtp://a.example"},
    ],
)
def test_what_cannot_work_is_told_at_the_form(signed_in, owner, change):
    assert signed_in(owner).post(reverse("desk-mail:route-add"), {**FIELDS, **change}).status_code == 422
    assert not MailRoute.objects.exists()


def test_the_check_signs_in_and_sends_nothing(signed_in, owner, smtp_sink):
    route = make_route(smtp_sink, from_addresses=["nigou@shop.example"])
    client = signed_in(owner)
    client.post(reverse("desk-mail:route-check", args=[route.pk]))
    route.refresh_from_db()
    assert route.check_result == {"connection": "", "domains": {"shop.example": ["invented"]}}
    assert smtp_sink.connections == 1
    assert smtp_sink.messages == []
    smtp_sink.stop()
    client.post(reverse("desk-mail:route-check", args=[route.pk]))
    assert "ConnectionRefusedError" in client.get(reverse("desk-mail:route", args=[route.pk])).content.decode()


def test_a_route_is_stopped_and_started_by_hand(signed_in, owner, smtp_sink, now):
    route = make_route(smtp_sink)
    client = signed_in(owner)
    address = reverse("desk-mail:route-status", args=[route.pk])
    client.post(address, {"active": "0"})
    mail = queue()
    delivery.sweep(now)
    client.post(address, {"active": "1"})
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (State.PLANNED, "")


def test_the_banner_stands_at_home_and_over_the_mail_until_somebody_confirms(signed_in, owner, agent, now):
    guards.check(now)
    DispatchGuard.objects.update(state="held", reason="restored_copy", since=now, fingerprint="other")
    client = signed_in(owner)
    for page in ("/admin/", reverse("desk-mail:list")):
        assert 'value="restored_copy"' in client.get(page).content.decode()
        assert 'value="restored_copy"' not in signed_in(agent).get(page).content.decode()
    assert signed_in(agent).post(reverse("desk-mail:resume"), {"reason": "restored_copy"}).status_code == 403
    client.post(reverse("desk-mail:resume"), {"reason": "blast"})
    assert guards.held() is not None
    client.post(reverse("desk-mail:resume"), {"reason": "restored_copy"})
    assert guards.held() is None
    assert AuditEntry.objects.filter(code="mail.resumed", actor=owner).count() == 1


def test_a_sent_letter_goes_again_only_for_a_reason(signed_in, owner, smtp_sink, now):
    mail = queue()
    delivery.sweep(now)
    mail.refresh_from_db()
    client = signed_in(owner)
    address = reverse("desk-mail:send-again", args=[mail.pk])
    client.post(address, {"seen": mail.lease_token})
    mail.refresh_from_db()
    assert mail.state == State.SENT
    client.post(address, {"seen": mail.lease_token, "note": "迷惑メールに入ったとのこと"})
    mail.refresh_from_db()
    assert (mail.state, mail.sent_at) == (State.PLANNED, None)
    assert AuditEntry.objects.get(code="mail.sent_again").data["note"] == "迷惑メールに入ったとのこと"
