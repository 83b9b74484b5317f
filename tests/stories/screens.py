"""Screenshots of the demo for README.md and docs/screens: ``make screenshots``. Not among the tests by its name.

The ten main screens of staff, each on a desk and on a phone, by day and by night, and what customers see on theirs. The
clock stands still, so that two runs differ only where the product does.
"""

from io import BytesIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.urls import reverse
from PIL import Image

from inquiries import indexing
from inquiries.models import Inquiry, PreparedReply, Rule
from returns.models import ReturnCase
from shopdesk.accounts.models import User
from tests import make

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

FOLDER = settings.BASE_DIR / "docs" / "screens"


def staff_screens():
    """(name, path) of the ten."""
    inquiry = Inquiry.objects.filter(status="open", order__isnull=False, category__slug="defect").first()
    waiting = PreparedReply.objects.filter(state="awaiting").first()
    case = ReturnCase.objects.to_decide().first()
    rule = Rule.objects.first()
    return [
        ("home", reverse("admin:index")),
        ("inquiries", reverse("desk-inquiries:list")),
        ("inquiry", reverse("desk-inquiries:detail", args=[inquiry.pk])),
        ("approval", reverse("desk-inquiries:detail", args=[waiting.inquiry_id if waiting else inquiry.pk])),
        ("search", f"{reverse('desk:search')}?q=交換"),
        ("templates", reverse("desk-inquiries:templates")),
        ("rule", reverse("desk-inquiries:rule", args=[rule.pk]) if rule else reverse("desk-inquiries:rules")),
        ("turns", reverse("desk-inquiries:turns")),
        ("return", reverse("desk-returns:detail", args=[case.pk])),
        ("followups", reverse("desk-followups:list")),
    ]


def take(page, path, name):
    """One picture, in as many colours as it needs."""
    page.goto(path)  # the first page after signing in says so; the pictures are of ordinary pages
    page.goto(path)
    page.wait_for_timeout(700)  # the side column comes by itself; the live list never falls silent
    picture = Image.open(BytesIO(page.screenshot()))
    picture.quantize(192, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)


def test_take_the_pictures(settings, open_page, sign_in, story_clock, queue, transactional_db):
    settings.DEMO = True
    story_clock.at("2026-11-20 10:00")
    call_command("demo", password=make.PASSWORD, verbosity=0)
    while indexing.sweep(story_clock.moment):
        pass
    owner = User.objects.get(role__code="owner")
    for width, dark in ((1280, False), (1280, True), (375, False), (375, True)):
        page = open_page(width, dark=dark)
        sign_in(page, owner)
        kind = ("-phone" if width < 900 else "") + ("-dark" if dark else "")
        for name, path in staff_screens():
            take(page, path, f"{name}{kind}")
    phone = open_page(375)
    for name, path in (("help-phone", "/"), ("contact-phone", "/contact/"), ("returns-phone", "/returns/")):
        take(phone, path, name)
