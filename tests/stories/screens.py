"""Screenshots of the demo for README.md and docs/screens: ``make screenshots``. Not among the tests by its name.

The clock stands still, so that two runs differ only where the product does.
"""

import pytest
from django.conf import settings
from django.core.management import call_command

from inquiries.models import Inquiry
from returns.models import ReturnCase
from shopdesk.accounts.models import User
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)

FOLDER = settings.BASE_DIR / "docs" / "screens"


def test_take_the_pictures(settings, open_page, sign_in, story_clock, queue, transactional_db):
    settings.DEMO = True
    story_clock.at("2026-11-20 10:00")
    call_command("demo", password=make.PASSWORD, verbosity=0)
    owner = User.objects.get(role__code="owner")
    inquiry = Inquiry.objects.filter(status="open", order__isnull=False, category__slug="defect").first()
    case = ReturnCase.objects.to_decide().first()
    desk = open_page(1280)
    sign_in(desk, owner)
    phone = open_page(375)
    pictures = [
        (desk, "/admin/", "home"),
        (desk, "/admin/inquiries/", "inquiries"),
        (desk, f"/admin/inquiries/{inquiry.pk}/", "inquiry"),
        (desk, f"/admin/returns/{case.pk}/", "return"),
        (desk, "/admin/followups/", "followups"),
        (phone, "/", "help-phone"),
        (phone, "/contact/", "contact-phone"),
        (phone, "/returns/", "returns-phone"),
    ]
    for page, path, name in pictures:
        page.goto(path)  # the first page after signing in says so; the pictures are of ordinary pages
        page.goto(path)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=str(FOLDER / f"{name}.png"))
