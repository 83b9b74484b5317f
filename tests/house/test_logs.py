"""The log says what went wrong and where, and nothing about whom."""

import io
import logging
import logging.config

import pytest
from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.test import Client
from django.urls import reverse

from inquiries.models import Inquiry
from returns import proving
from shopdesk import logs
from tests import make
from tests.inquiries.make import make_inquiry


@pytest.fixture
def written():
    """A logger as the settings make its handler, and what it wrote."""
    handler, out = logging.StreamHandler(stream := io.StringIO()), stream
    words = dict(settings.LOGGING["formatters"]["line"])
    assert words.pop("()") == "shopdesk.logs.Formatter"
    handler.setFormatter(logs.Formatter(words["format"], style=words["style"]))
    logger = logging.getLogger("tests.logs")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, out
    logger.removeHandler(handler)
    logger.propagate = True


def test_a_row_that_the_database_refuses_is_not_written_down(db, written):
    logger, out = written
    inquiry = make_inquiry(phone="09012345678", subject="色\nHINT: について\n\n山田です")
    with pytest.raises(IntegrityError) as raised, transaction.atomic():
        Inquiry.objects.filter(pk=inquiry.pk).update(status="open", priority=-1)
    assert "hanako@mail.example" in str(raised.value)
    try:
        raise ValueError("around it") from raised.value
    except ValueError:
        logger.exception("Mail %s could not be filed.", 7)
    logger.error("It went wrong: %s", raised.value)
    logger.error("Task file raised unexpected: %s", repr(raised.value))
    text = out.getvalue()
    assert "hanako@mail.example" not in text
    assert "09012345678" not in text
    # What is needed to find the fault is there.
    assert "Mail 7 could not be filed." in text
    assert text.count("violates check constraint") >= 3
    assert "test_logs.py" in text
    assert "ValueError: around it" in text


def test_what_went_away_in_the_middle_is_told_without_the_key_in_its_address(db, monkeypatch, caplog):
    make.make_store()

    def away(*args, **kwargs):
        raise OperationalError("the database is away")

    monkeypatch.setattr(proving, "link_is_usable", away)
    answer = Client().get(reverse("returns:enter", args=["one-time-key-of-hanako"]))
    assert answer.status_code == 503
    told = [record.getMessage() for record in caplog.records if record.name == "shopdesk.middleware"]
    assert told == ["A part is away: GET /returns/enter/<str:token>/"]
