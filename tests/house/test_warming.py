"""A process of the web server has read what its first requests need before it is made."""

import subprocess
import sys

from django.conf import settings

ASKED = """
import sys
import shopdesk.wsgi
from django.template.engine import Engine
from django.urls import get_resolver, reverse
from django.utils import translation

before = set(sys.modules)
assert "inquiries.views.sending" in before
assert "kombu.transport.redis" in before
for language in ("ja", "en"):
    with translation.override(language):
        assert language in get_resolver()._reverse_dict
read = set(Engine.get_default().template_loaders[0].get_template_cache)
assert {"inquiries/_list.html", "base_public.html", "components/field.html"} <= read
from shopdesk.celery import app
assert app.finalized and app._pool is None
from django.db import connections
assert all(one.connection is None for one in connections.all(initialized_only=True))
"""


def test_the_first_request_finds_everything_read():
    done = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=settings.BASE_DIR, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
