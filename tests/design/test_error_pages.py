"""The pages that say what went wrong lead back to where the reader was."""

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("path", "home"), [("/nowhere/", "/"), ("/admin/nowhere/", "/admin/"), ("/administer/", "/")])
def test_a_missing_page_leads_staff_to_their_own_home(client, owner, settings, path, home):
    settings.DEBUG = False
    client.force_login(owner)
    answer = client.get(path)
    assert answer.status_code == 404
    assert f'<a class="btn" href="{home}">' in answer.content.decode()


def test_a_forbidden_page_leads_staff_to_their_own_home(client, agent):
    client.force_login(agent)
    answer = client.get(reverse("desk:design"))
    assert answer.status_code == 403
    assert '<a class="btn" href="/admin/">' in answer.content.decode()
