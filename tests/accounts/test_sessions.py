"""Who asks is read with their session: always the one who signed in with it, as they are now."""

from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.core.management import call_command
from django.utils import timezone

from shopdesk.accounts import sessions
from shopdesk.accounts.backends import RoleBackend
from shopdesk.accounts.models import Role, Session, User
from tests import make

HOME = "/admin/"
LIST = "/admin/inquiries/"


def name_on(page):
    return page.content.decode().split('class="user-name"><span>')[1].split("</span>")[0]


def test_a_session_names_who_signed_in(db, agent, client):
    client.get("/contact/")
    assert not Session.objects.filter(user__isnull=False).exists()
    client.force_login(agent)
    assert Session.objects.get().user == agent
    client.logout()
    assert not Session.objects.exists()


def test_who_asks_costs_one_query(db, agent, signed_in, django_assert_num_queries):
    client = signed_in(agent)
    client.get("/admin/inquiries/poll/?view=open")
    with django_assert_num_queries(2):  # who asks, and the inquiry
        assert client.get("/admin/inquiries/999999999999999999999/").status_code == 404


def test_everybody_is_themselves_whoever_asked_before(db, agent, owner, signed_in):
    mine, theirs, stranger = signed_in(agent), signed_in(owner), signed_in(agent)
    stranger.logout()
    for _ in range(2):
        assert name_on(mine.get(LIST)) == agent.name
        assert theirs.get("/").status_code < 500  # reads no name, and leaves none to who comes next
        assert stranger.get(LIST).status_code == 302
        assert name_on(theirs.get(LIST)) == owner.name


def test_a_change_counts_from_the_next_page(db, agent, signed_in):
    client = signed_in(agent)
    assert client.get(LIST).status_code == 200
    User.objects.filter(pk=agent.pk).update(role=Role.objects.get(code="warehouse"), name="別名 花")
    assert client.get("/admin/faq/").status_code == 403
    assert name_on(client.get(HOME)) == "別名 花"
    User.objects.filter(pk=agent.pk).update(is_active=False)
    assert client.get(HOME).status_code == 302
    User.objects.filter(pk=agent.pk).update(is_active=True)
    assert client.get(HOME).status_code == 200


def test_a_new_password_ends_the_sessions_of_the_old(db, agent, signed_in):
    client = signed_in(agent)
    agent.set_password("another-password-99")
    agent.save()
    assert client.get(HOME).status_code == 302
    assert not Session.objects.filter(user=agent).exists()


def test_what_the_session_says_counts_and_not_the_name_beside_it(db, agent, owner, signed_in):
    client = signed_in(agent)
    Session.objects.update(user=owner)
    assert name_on(client.get(LIST)) == agent.name


def test_a_session_from_before_goes_on_and_is_named_when_it_is_kept_again(db, agent, signed_in):
    client = signed_in(agent)
    Session.objects.update(user=None)
    assert name_on(client.get(LIST)) == agent.name
    kept = client.session
    kept["x"] = 1
    kept.save()
    assert Session.objects.get().user == agent


def test_who_came_is_told_once_and_to_who_asks_for_them(db, agent, owner, signed_in):
    key = signed_in(agent).session.session_key
    assert sessions.SessionStore(key)[SESSION_KEY] == str(agent.pk)
    assert sessions.who_came(owner.pk) is None
    assert sessions.who_came(agent.pk) is None
    assert sessions.SessionStore(key)[SESSION_KEY] == str(agent.pk)
    assert sessions.who_came(agent.pk) == agent
    assert sessions.who_came(agent.pk) is None
    assert sessions.SessionStore(key)[SESSION_KEY] == str(agent.pk)
    assert not sessions.SessionStore("nobodys-key").get(SESSION_KEY)
    assert sessions.who_came(agent.pk) is None


def test_nobody_inactive_comes_with_a_session(db, agent, signed_in):
    key = signed_in(agent).session.session_key
    User.objects.filter(pk=agent.pk).update(is_active=False)
    assert sessions.SessionStore(key)[SESSION_KEY] == str(agent.pk)
    assert RoleBackend().get_user(agent.pk) is None


def test_with_a_person_go_their_sessions(db, signed_in):
    user = make.make_user("gone@shop.example", name="去る 人")
    client = signed_in(user)
    user.delete()
    assert client.get(HOME).status_code == 302
    assert not Session.objects.exists()


@pytest.mark.parametrize("days", [-1, 1])
def test_old_sessions_are_cleared(db, agent, signed_in, days):
    signed_in(agent)
    Session.objects.update(expire_date=timezone.now() + timedelta(days=days))
    call_command("clearsessions")
    assert Session.objects.exists() is (days > 0)
