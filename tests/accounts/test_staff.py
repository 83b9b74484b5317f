"""Staff and roles: invited by the owner, never without an owner, every change on record."""

import threading

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection
from django.urls import reverse

from shopdesk.accounts import staff
from shopdesk.accounts.models import AuditEntry, Role, User
from shopdesk.accounts.permissions import ROLES, P
from tests import make


def test_the_owner_adds_somebody_who_gets_an_invitation(owner, signed_in):
    response = signed_in(owner).post(
        reverse("admin:accounts_user_add"),
        {
            "email": "New@Shop.example",
            "name": "新井 光",
            "alias": "",
            "role": Role.objects.get(code="agent").pk,
            "language": "ja",
            "time_zone": "Asia/Tokyo",
            "is_active": "on",
        },
    )
    assert response.status_code == 302, response.context["errors"]
    user = User.objects.get(email="new@shop.example")
    assert not user.has_usable_password()
    assert [message.to for message in mail.outbox] == [["new@shop.example"]]
    assert "http://testserver/account/password/reset/key/" in mail.outbox[0].body
    assert list(AuditEntry.objects.order_by("pk").values_list("code", flat=True)) == ["staff.added", "staff.invited"]


def test_the_last_owner_cannot_be_demoted_or_switched_off(owner, now):
    owner.role = Role.objects.get(code="agent")
    with pytest.raises(staff.LastOwner):
        staff.save(owner, by=owner, now=now)
    assert User.objects.get(pk=owner.pk).role.code == "owner"


def test_the_screen_says_why_the_last_owner_stays(owner, signed_in):
    response = signed_in(owner).post(
        reverse("admin:accounts_user_change", args=[owner.pk]),
        {"email": owner.email, "name": owner.name, "role": owner.role_id, "language": "ja", "time_zone": "Asia/Tokyo"},
    )
    assert "最後のオーナーです" in response.content.decode()
    assert User.objects.get(pk=owner.pk).is_active


def test_a_former_address_opens_nothing_any_more(client, owner, agent, now, password):
    EmailAddress.objects.create(user=agent, email=agent.email, primary=True)  # allauth's note of a first password
    agent.email = "aya.sato@shop.example"
    staff.save(agent, by=owner, now=now)
    former = client.post(reverse("account_login"), {"login": "aya@shop.example", "password": password})
    assert former.status_code == 200
    client.post(reverse("account_reset_password"), {"email": "aya@shop.example"})
    assert mail.outbox == []
    entry = AuditEntry.objects.get(code="staff.changed")
    assert (entry.actor, entry.data["user"], entry.data["new_address"]) == (owner, agent.pk, True)
    present = client.post(reverse("account_login"), {"login": "aya.sato@shop.example", "password": password})
    assert present["Location"] == "/admin/"


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_demote_each_other(now):
    first = make.make_user("first@shop.example", role="owner")
    second = make.make_user("second@shop.example", role="owner")
    agent = Role.objects.get(code="agent")
    refused, start = [], threading.Barrier(2)

    def demote(pk):
        user = User.objects.get(pk=pk)
        user.role = agent
        start.wait()
        try:
            staff.save(user, by=user, now=now)
        except staff.LastOwner:
            refused.append(pk)
        connection.close()

    threads = [threading.Thread(target=demote, args=[user.pk]) for user in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert User.objects.filter(role__code="owner", is_active=True).count() == 1


def test_nobody_is_deleted(owner, agent, signed_in):
    assert signed_in(owner).post(reverse("admin:accounts_user_delete", args=[agent.pk])).status_code == 403
    assert User.objects.filter(pk=agent.pk).exists()


def test_a_changed_role_is_on_record_with_what_it_gained_and_lost(owner, signed_in):
    role = Role.objects.get(code="finance")
    signed_in(owner).post(
        reverse("admin:accounts_role_change", args=[role.pk]),
        {"name_ja": "経理", "name_en": "Finance", "permissions": [P.ORDERS_VIEW, P.MAIL_VIEW, P.AUDIT_VIEW]},
    )
    entry = AuditEntry.objects.get(code="role.changed")
    assert (entry.data["gained"], entry.data["lost"]) == (["accounts.audit"], ["returns.view"])


def test_a_permission_taken_from_a_role_is_gone_at_once(agent, signed_in):
    client = signed_in(agent)
    assert client.get(reverse("desk-mail:list")).status_code == 200
    Role.objects.filter(code="agent").update(permissions=[P.INQUIRIES_VIEW])
    assert client.get(reverse("desk-mail:list")).status_code == 403


def test_the_owner_role_holds_everything_whatever_its_row_says(owner):
    Role.objects.filter(code="owner").update(permissions=[])
    assert all(User.objects.get(pk=owner.pk).has_perm(code) for code in P.values)


def test_an_unknown_permission_is_nobodys(owner):
    assert not owner.has_perm("accounts.view_user")
    assert not owner.has_perm("")


@pytest.mark.django_db
def test_the_roles_in_the_database_are_the_written_ones():
    stored = {role.code: role.codes() for role in Role.objects.all()}
    assert stored == {code: {str(permission) for permission in holds} for code, (_, _, holds) in ROLES.items()}


def test_the_audit_log_is_read_only(owner, signed_in, now):
    client = signed_in(owner)
    client.post(reverse("set_language"), {"language": "ja"})
    assert client.get(reverse("admin:accounts_auditentry_changelist")).status_code == 200
    assert client.get(reverse("admin:accounts_auditentry_add")).status_code == 403


def test_a_profile_keeps_what_was_typed_when_it_is_refused(agent, signed_in):
    response = signed_in(agent).post(
        reverse("profile"), {"name": "", "alias": "あや", "language": "ja", "time_zone": "Mars"}
    )
    assert response.status_code == 422
    assert "あや" in response.content.decode()
