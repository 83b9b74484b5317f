"""Two people, or a person and a sweep, write one row at the same moment: each leaves alone what is not theirs."""

import pytest
from django.urls import reverse

from followups.models import Sequence
from inquiries.models import AgentSetting, Macro, Template
from shopdesk.accounts.models import Role, User
from shopdesk.mail.models import MailRoute
from tests.followups.make import make_sequence
from tests.waiting import held_while

pytestmark = pytest.mark.django_db(transaction=True)


def while_held(change, post):
    """Post a form that was read before ``change`` is committed and is written after."""
    with held_while(post) as answers:
        change()
    assert [getattr(answer, "status_code", answer) for answer in answers] == [302]


PROFILE = {"name": "佐藤 彩", "alias": "さとう", "language": "ja", "time_zone": "Asia/Tokyo"}


def test_a_profile_that_is_saved_gives_no_role_back(owner, agent, signed_in):
    client, role = signed_in(agent), Role.objects.get(code="outsourced")
    while_held(
        lambda: User.objects.filter(pk=agent.pk).update(role=role, is_active=False),
        lambda: client.post(reverse("profile"), PROFILE),
    )
    agent.refresh_from_db()
    assert (agent.alias, agent.role, agent.is_active) == ("さとう", role, False)


def test_an_owner_who_saves_somebody_leaves_their_new_password(owner, agent, signed_in):
    client = signed_in(owner)

    def change():
        agent.set_password("a-new-one-after-the-theft")
        agent.save(update_fields=["password"])

    posted = {**PROFILE, "email": agent.email, "role": agent.role_id, "is_active": "on"}
    while_held(change, lambda: client.post(reverse("admin:accounts_user_change", args=[agent.pk]), posted))
    agent.refresh_from_db()
    assert agent.alias == "さとう"
    assert agent.check_password("a-new-one-after-the-theft")


def test_a_sequence_that_is_paused_stays_paused(owner, signed_in):
    sequence = make_sequence()
    client = signed_in(owner)
    posted = {"name": "到着後のお伺い", "name_en": "", "delivered_fallback_days": "5", "hold_on_complaint": "on"}
    while_held(
        lambda: Sequence.objects.filter(pk=sequence.pk).update(status="paused"),
        lambda: client.post(reverse("desk-followups:sequence", args=[sequence.pk]), posted),
    )
    sequence.refresh_from_db()
    assert (sequence.name, sequence.status) == ("到着後のお伺い", "paused")


def test_a_route_that_is_stopped_stays_stopped(owner, signed_in):
    route = MailRoute.objects.create(name="本店", host="smtp.shop.example", username="shop")
    client = signed_in(owner)
    posted = {
        "name": "本店の道", "kind": "smtp", "host": "smtp.shop.example", "port": "587", "security": "starttls",
        "username": "shop", "backend": "", "secret": "", "senders": "", "per_minute": "600", "position": "0",
    }  # fmt: skip
    while_held(
        lambda: MailRoute.objects.filter(pk=route.pk).update(status="stopped", problem="535 5.7.8 no"),
        lambda: client.post(reverse("desk-mail:route-edit", args=[route.pk]), posted),
    )
    route.refresh_from_db()
    assert (route.name, route.status, route.problem) == ("本店の道", "stopped", "535 5.7.8 no")


def test_what_was_deleted_stays_deleted(owner, signed_in):
    template = Template.objects.create(name="色", body_ja="赤です。")
    macro = Macro.objects.create(name="終わり", acts=[{"do": "spam"}])
    client = signed_in(owner)
    while_held(
        lambda: Template.objects.filter(pk=template.pk).update(is_active=False, uses=7),
        lambda: client.post(
            reverse("desk-inquiries:template", args=[template.pk]),
            {"name": "色", "folder": "", "shortcut": "", "store": "", "body_ja": "青です。", "shared": "on"},
        ),
    )
    template.refresh_from_db()
    assert (template.body_ja, template.is_active, template.uses) == ("青です。", False, 7)
    while_held(
        lambda: Macro.objects.filter(pk=macro.pk).update(is_active=False, position=9),
        lambda: client.post(
            reverse("desk-inquiries:macro", args=[macro.pk]),
            {"name": "おしまい", "shared": "on", "a-0-do": "spam"},
        ),
    )
    macro.refresh_from_db()
    assert (macro.name, macro.is_active, macro.position) == ("おしまい", False, 9)


def test_who_got_the_last_one_is_not_forgotten(owner, agent, signed_in, now):
    setting = AgentSetting.objects.create(user=agent, takes_turns=True, is_available=True, cap=5)
    client = signed_in(owner)
    posted = {f"u{agent.pk}-takes_turns": "on", f"u{agent.pk}-is_available": "on", f"u{agent.pk}-cap": "9"}
    while_held(
        lambda: AgentSetting.objects.filter(pk=setting.pk).update(last_given_at=now),
        lambda: client.post(reverse("desk-inquiries:turns"), posted),
    )
    setting.refresh_from_db()
    assert (setting.cap, setting.last_given_at) == (9, now)
