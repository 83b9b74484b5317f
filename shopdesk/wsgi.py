"""The WSGI entry point for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shopdesk.settings")

application = get_wsgi_application()

from faq import analysing  # noqa: E402  # needs the applications that the line above sets up

# Loaded before gunicorn forks, so that the workers share one copy of the dictionary (90 MB, memory-mapped).
analysing.load()
